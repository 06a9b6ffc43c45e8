"""A CLIP tokenizer trained anew, as Korean CLIPs have: special tokens first, entries in an order of its own, and the library's ids.
pip install transformers"""
import json

from common import HERE, OUT, TEXTS, folder
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Regex

KOREAN = ["고양이 사진", "한국어 문장을 읽는 모델입니다.", "서울의 밤거리, 2024년", *TEXTS]


def main():
    path = folder("retrained-tokenizer")
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    split = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<|startoftext|>", "<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator([*KOREAN] * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False)
    tokenizer.save(str(path / "tokenizer.json"))
    made = json.loads((path / "tokenizer.json").read_text())
    (path / "vocab.json").write_text(json.dumps(made["model"]["vocab"], ensure_ascii=False))
    lines = [" ".join(m) if isinstance(m, list) else m for m in made["model"]["merges"]]
    (path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
    texts = [*KOREAN, "zzz ~ \u00e9\u00e8 \U0001f600 qx"]
    (path / "ids.json").write_text(json.dumps([{"text": t, "ids": tokenizer.encode(t).ids} for t in texts], ensure_ascii=False))


if __name__ == "__main__":
    main()
