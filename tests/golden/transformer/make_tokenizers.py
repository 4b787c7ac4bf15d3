#!/usr/bin/env python3
"""Tiny tokenizers of Hugging Face `tokenizers`, texts, and the ids it makes of them: make_tokenizers.py [FOLDER]

Each kind gets FOLDER/KIND/tokenizer.json and FOLDER/KIND/cases.json, [{"hex": the bytes of the text, "ids": [...]}, ...],
without special tokens around the text.  Needs tokenizers (the version is kept in versions.json)."""
import json
import os
import sys

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog; the dog doesn't mind, it's asleep.",
    "Attention weights are computed from queries and keys, and they're summed over the values.",
    "In 2024 the accelerator took 3.14 ms for 1024 tokens; we'll see what I've missed, she'd said.",
    "def softmax(x):\n    e = exp(x - max(x))\n    return e / sum(e)\n\n\n",
    "unaffable embeddings, tokenization and detokenization of words within words",
    "naïve café, Ελλάδα, 東京, “quotes” – dashes …",
] * 4

TEXTS = [
    "",
    " ",
    "the dog",
    " the dog",
    "  two  blanks  ",
    "tabs\tand\nlines\r\n\n  \n end  ",
    "it's we'll I'VE they're ''s 'tis don't' x's'd",
    "In 2024: 3.14 + 1024 = 1027.14?! (yes) [no] {x_1} a-b #tag @at $5 50% ~`^|\\",
    "def f(x):\n    return x ** 2\n",
    "unaffable quickbrownfox TOKENIZATION xyzzy qqqqqqqq",
    "a" * 101 + " " + "b" * 100,
    "“quotes” – dashes … ½ × ÷ € 100 ≤ 200",
    "東京 は 首都",
    "\u00a0no\u2003break\u3000space\u00a0\u00a0x",
    "emoji 🙂🙃 and \U0001f469\u200d\U0001f4bb",
    "zero \x00 byte \x7f bell \x07",
    "x▁y ▁z",
    "٣٤٥ ²",
    " ".join(CORPUS[:3]) * 3,
]
ACCENTS = ["Ⅷ and ⅷ", "naïve café Ελλάδα Ünïcödé", "Straße İstanbul ﬁne", "e\u0301 n\u0303"]


def byte_level(add_prefix_space):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    t.decoder = decoders.ByteLevel()
    return t, trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"],
        show_progress=False)


def characters(byte_fallback, mark):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=byte_fallback))
    if mark == "normalizer":
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        # trained on words, or else whole sentences would become tokens; taken off before it is kept
        t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    else:
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    special = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    return t, trainers.BpeTrainer(vocab_size=480 if byte_fallback else 300, special_tokens=special, show_progress=False)


def wordpiece(lowercase):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return t, trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False)


KINDS = {
    "gpt2": (lambda: byte_level(False), TEXTS + ACCENTS),
    "gpt2-prefix": (lambda: byte_level(True), TEXTS + ACCENTS),
    "llama": (lambda: characters(True, "normalizer"), TEXTS + ACCENTS),
    "metaspace": (lambda: characters(False, "metaspace"), TEXTS + ACCENTS),
    "bert-uncased": (lambda: wordpiece(True), TEXTS),
    "bert-cased": (lambda: wordpiece(False), TEXTS + ACCENTS),
}


def finish(kind, t):
    """What the kept file differs in from the trained one."""
    document = json.loads(t.to_str())
    if kind == "llama":
        document["pre_tokenizer"] = None
        document["added_tokens"] = document["added_tokens"][:3]  # bytes are no special tokens
    if kind == "gpt2-prefix":  # as older files have it
        document["model"]["merges"] = [" ".join(m) for m in document["model"]["merges"]]
    return document


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizers")
    for kind, (make, texts) in KINDS.items():
        folder = os.path.join(top, kind)
        os.makedirs(folder, exist_ok=True)
        t, trainer = make()
        t.train_from_iterator(CORPUS, trainer)
        document = finish(kind, t)
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
            json.dump(document, f, ensure_ascii=kind == "gpt2", separators=(",", ":"))
            f.write("\n")
        t = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        cases = [{"hex": s.encode().hex(), "ids": t.encode(s, add_special_tokens=False).ids} for s in texts]
        with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as f:
            f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    with open(os.path.join(top, "versions.json"), "w", encoding="utf-8") as f:
        json.dump({"tokenizers": tokenizers.__version__}, f)
        f.write("\n")


main()
