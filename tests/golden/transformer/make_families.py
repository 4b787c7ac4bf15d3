#!/usr/bin/env python3
"""Tiny random checkpoints of each model family, and what PyTorch's `transformers` computes from them.

usage: make_families.py [OUTDIR]      (default: the folder families/ beside this script)
needs torch and transformers; the versions that made the committed files stand in families/versions.json.

Each folder holds config.json and the weights as Hugging Face lays them out, `ids.npy`, and
`output.npy`: logits [S, V], or an encoder's last hidden states [S, H], in float32.
"""
import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import (BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
                          MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM)

LLAMA = dict(vocab_size=40, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=8, max_position_embeddings=32, rms_norm_eps=1e-5,
             tie_word_embeddings=True, bos_token_id=None, eos_token_id=None, pad_token_id=None)


def rope(**kw):
    return dict(LLAMA, rope_parameters=dict(rope_theta=10000.0, **kw))


# name: model class, configuration, dtype of the file, tokens, number of shards
CASES = {
    "llama-gqa": (LlamaForCausalLM, LlamaConfig, dict(LLAMA, tie_word_embeddings=False), torch.float32, 32, 1),
    "llama-bias": (LlamaForCausalLM, LlamaConfig, dict(LLAMA, attention_bias=True, mlp_bias=True), torch.float16, 20, 1),
    "llama-linear": (LlamaForCausalLM, LlamaConfig, rope(rope_type="linear", factor=4.0), torch.bfloat16, 32, 1),
    "llama-dynamic": (LlamaForCausalLM, LlamaConfig, rope(rope_type="dynamic", factor=2.0), torch.float16, 60, 1),
    "llama-llama3": (LlamaForCausalLM, LlamaConfig,
                     dict(rope(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                               original_max_position_embeddings=16), max_position_embeddings=128),
                     torch.bfloat16, 100, 1),
    "llama-yarn": (LlamaForCausalLM, LlamaConfig,
                   dict(rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=32),
                        max_position_embeddings=128), torch.float16, 100, 1),
    "mistral-shards": (MistralForCausalLM, MistralConfig, dict(LLAMA, sliding_window=None), torch.bfloat16, 32, 3),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {k: v for k, v in LLAMA.items() if k != "head_dim"}, torch.float32, 32, 1),
    "gpt2": (GPT2LMHeadModel, GPT2Config,
             dict(vocab_size=40, n_embd=24, n_layer=2, n_head=3, n_positions=32, bos_token_id=None, eos_token_id=None),
             torch.float32, 32, 1),
    "bert": (BertModel, BertConfig,
             dict(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48,
                  max_position_embeddings=32, type_vocab_size=2, pad_token_id=None), torch.float32, 28, 1),
}


def randomise(model):
    """Weights large enough that attention is far from uniform; norms and biases away from 1 and 0."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1:
                p.normal_(0, 0.35)
            elif "norm" in name.lower() or "ln_" in name:
                p.add_(0.2 * torch.randn_like(p))
            else:
                p.normal_(0, 0.3)


def save(model, folder, dtype, shards):
    model.to(dtype).save_pretrained(folder)
    if shards > 1:
        (folder / "model.safetensors").unlink()
        names = sorted(model.state_dict())
        names = [n for n in names if not (n == "lm_head.weight" and model.config.tie_word_embeddings)]
        place = {}
        for i in range(shards):
            file = "model-%05d-of-%05d.safetensors" % (i + 1, shards)
            part = names[i::shards]
            save_file({n: model.state_dict()[n].contiguous() for n in part}, folder / file, {"format": "pt"})
            place.update({n: file for n in part})
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {}, "weight_map": place}, indent=1) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)


def main():
    here = pathlib.Path(__file__).parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "families"
    for i, (name, (cls, config, kw, dtype, tokens, shards)) in enumerate(CASES.items()):
        torch.manual_seed(i)
        model = cls(config(**kw, attn_implementation="eager")).eval()
        randomise(model)
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        save(model, folder, dtype, shards)
        ids = torch.randint(0, kw["vocab_size"], (1, tokens))
        fresh = cls.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            result = fresh(ids)
        output = result.logits if hasattr(result, "logits") else result.last_hidden_state
        np.save(folder / "ids.npy", ids[0].numpy().astype(np.int32))
        np.save(folder / "output.npy", output[0].numpy().astype(np.float32))
        print(name, tuple(output.shape), float(output.abs().max()))
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    (out / "versions.json").write_text(json.dumps(versions) + "\n")


if __name__ == "__main__":
    main()
