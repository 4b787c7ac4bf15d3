#!/usr/bin/env python3
"""Dump what `sofa-dse attention` reads from any Hugging Face model: X, Wk, Q, K, V of every layer.

usage: dump_attention.py MODEL (--text FILE | --ids FILE.npy) [--tokens N] [--layers I,J] [-o OUT.safetensors | --npy DIR]

MODEL is a name or a folder.  Needs torch, transformers (4.48 or later) and numpy, none of which
sofa-dse itself needs.  The model runs once, unchanged; its attention function is wrapped, so that Q
and K are seen as they are multiplied (rotary embedding applied, normalised where the model does so),
and a hook keeps what the attention module was given.

  layers.N.X   [S, H]        input of the layer's key projection
  layers.N.Wk  [kv, H, d]    key projection of each key/value head
  layers.N.Q   [heads, S, d] queries, scaled so that 1/sqrt(d) is the scale that is left
  layers.N.K V [kv, S, d]
  layers.N.O   [heads, S, d] what the model itself computed from them, to compare with

Then, for layer 3 of a causal model:  sofa-dse attention OUT.safetensors --layer 3 --causal --tiles 8 --topk 0.2
(--rope-theta T where the model rotates by that base, so that the predicted keys are rotated too).
"""
import argparse
import math
import pathlib
import sys

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


def key_weight(module, heads, width):
    """The key projection as [kv, H, d], from the layouts that models use."""
    for name in ("k_proj", "key", "k_lin", "k"):
        if isinstance(getattr(module, name, None), torch.nn.Linear):
            weight = getattr(module, name).weight.T                     # [H, kv * d]
            break
    else:
        if hasattr(module, "c_attn"):                                   # GPT-2: [H, 3 * H], already transposed
            weight = module.c_attn.weight.chunk(3, dim=1)[1]
        else:
            sys.exit("%s: no key projection that this script knows" % type(module).__name__)
    return weight.reshape(weight.shape[0], heads, width).permute(1, 0, 2)


class Recorder:
    def __init__(self, layers):
        self.wanted, self.inputs, self.found, self.count = layers, {}, {}, 0

    def keep_input(self, module, args, kwargs):
        self.inputs[module] = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]

    def attention(self, module, query, key, value, attention_mask, **kwargs):
        out, weights = ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, attention_mask, **kwargs)
        index = self.count
        self.count += 1
        if self.wanted is None or index in self.wanted:
            d = query.shape[-1]
            scale = kwargs.get("scaling")
            scale = 1 if scale is None else scale * math.sqrt(d)
            self.found[index] = {"X": self.inputs[module][0], "Wk": key_weight(module, key.shape[1], d),
                                 "Q": query[0] * scale, "K": key[0], "V": value[0], "O": out[0].transpose(0, 1)}
        return out, weights


def token_ids(args):
    if args.ids:
        ids = np.load(args.ids).reshape(-1)
    else:
        text = pathlib.Path(args.text).read_text(errors="replace")
        ids = np.array(AutoTokenizer.from_pretrained(args.model)(text)["input_ids"])
    return torch.from_numpy(ids[:args.tokens].astype(np.int64))[None]


def save(found, args):
    arrays = {"layers.%d.%s" % (layer, name): t.detach().float().contiguous()
              for layer, tensors in sorted(found.items()) for name, t in tensors.items()}
    if args.npy:
        folder = pathlib.Path(args.npy)
        folder.mkdir(parents=True, exist_ok=True)
        for name, t in arrays.items():
            np.save(folder / (name + ".npy"), t.numpy())
    else:
        from safetensors.torch import save_file
        save_file(arrays, args.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text")
    source.add_argument("--ids", help="token ids as .npy")
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--layers", type=lambda s: {int(i) for i in s.split(",")})
    parser.add_argument("-o", "--output", default="attention.safetensors")
    parser.add_argument("--npy", help="a folder for .npy files instead")
    args = parser.parse_args()

    recorder = Recorder(args.layers)
    ALL_ATTENTION_FUNCTIONS.register("sofa_dump", lambda module, *a, **kw: recorder.attention(module, *a, **kw))
    model = AutoModel.from_pretrained(args.model, dtype=torch.float32, attn_implementation="sdpa").eval()
    for module in model.modules():
        if any(hasattr(module, n) for n in ("k_proj", "key", "k_lin", "c_attn")):
            module.register_forward_pre_hook(recorder.keep_input, with_kwargs=True)
    model.set_attn_implementation("sofa_dump")
    with torch.no_grad():
        model(token_ids(args))
    if not recorder.found:
        sys.exit("no layer was seen: does the model use transformers' attention interface?")
    save(recorder.found, args)
    theta = getattr(model.config, "rope_theta", None) or (getattr(model.config, "rope_parameters", None) or {}).get("rope_theta")
    print("%d layers of %s%s" % (len(recorder.found), args.model, "; --rope-theta %g" % theta if theta else ""))


if __name__ == "__main__":
    main()
