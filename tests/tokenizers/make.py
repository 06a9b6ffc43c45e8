"""Makes the tokenizer.json files of this folder, and what the reference makes of 2,000 texts with each of them.

    python make.py        # writes here; needs tokenizers 0.23.3, sentencepiece 0.2.3, open_clip_torch 3.3.0, Babel

Vocabularies are small ones, trained on names of places, languages and days in thirty-odd languages (CLDR's, from Babel); all else of a file is
as the published models have it. texts.jsonl has the texts, one JSON string a line. NAME.ids has a line a text: how many ids, and the
FNV-1a hash (32 bits) of the ids as little-endian 32-bit numbers. `python make.py ids NAME LINE` prints the ids themselves.
"""
import json, os, random, string, struct, sys, tempfile
import sentencepiece as spm
from babel import Locale
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from sentencepiece import sentencepiece_model_pb2 as pb

HERE = os.path.dirname(os.path.abspath(__file__))
LOCALES = ("en fr de vi tr pl ru uk el he ar fa ur hi mr bn pa gu or ta te kn ml si th lo my km ka hy am ko ja zh zh_Hant dz chr mn "
           "yo cs").split()
CONTEXT = 64


def names(locale):
    l = Locale.parse(locale)
    days = [n for w in l.days.values() for d in w.values() for n in d.values()]
    months = [n for w in l.months.values() for d in w.values() for n in d.values()]
    return [str(n) for n in [*l.territories.values(), *l.languages.values(), *l.currencies.values(), *days, *months] if n]


def texts():
    rng = random.Random(11)
    out = ["", " ", "a", "  a  photo\tof \n a cat ", "a photo of a cat", "A PHOTO of a Dog.", "don't stop", "x" * 120, "ab" * 300, "é", "é",
           "e\u0301e\u0301 ", "ﬁ ﬂ ﷺ ㍿ ½ ①", "ｆｕｌｌ ｗｉｄｔｈ", "ﾊﾝｶｸ ｶﾞ", "カ\u3099", "👩‍👩‍👧 🇰🇷 👍🏽 ❤️ ☺", "a\u200db a\u200cb a\u00adb a\ufeffb", "\u0000 a\u0001b\u007fc",
           "a\u00a0b\u2003c\u3000d\u2028e", "Ａ\u0301 ｅ\u0301x", "<s> a </s>", "[CLS] dog [SEP]", "<eos><bos><pad>", "[MASK]ed <mask> <unk>", "▁a▁▁b", "_under_score_", "a_b-c.d,e", "!?…—–“”",
           "1234567890", "٣٤٥ १२३ 二十", "İstanbul Iıİi", "ΣΊΣΥΦΟΣ", "straße STRASSE ẞ", "ǅ Ǆ ǆ", "각 각 한글 ㅎㅏㄴ", "\u1112\u1161\u11ab\u1100\u1173\u11af", "김치 사진", "一张猫的照片", "猫の写真です。", "\U00020000\U0002f81a豈",
           "नमस्ते दुनिया", "ประเทศไทย ำ", "ສະບາຍດີ", "ព្រះរាជាណាចក្រកម្ពុជា", "བོད་ཡིག", "Ⅷ ⅷ", "Ω Å K", "a\r\nb\r\n\r\nc", "\t\t\t", "\n\n\n", "   lead", "trail   ", "<0x0A> <0x41>", "##ing ## #", "</s></s>", "<start_of_turn>user\n",
           "".join(chr(c) for c in range(0x20, 0x7f)), "".join(chr(c) for c in range(0xa0, 0x100)), "ㄱㄴㄷ ㈀ ㉠", "𝒜𝓁𝓅𝒽𝒶 𝟘𝟙", "x²+y³", "™ ℠ © ®", "™\u0301 ℹ\ufe0f", "\u0600\u0661 \u06dd\u0662", "(c) 'quoted' \"double\" `back`"]
    scripts = {l: names(l) for l in LOCALES}
    marks = [" ", " ", " ", ", ", ". ", "-", "/", "  ", "\n", " (", ") ", "、", "。", "·", "’s ", "_", "\t", "\u00a0"]
    while len(out) < 2000:
        words = []
        for _ in range(rng.randint(1, 5)):
            w = rng.choice(scripts[LOCALES[len(out) % len(LOCALES)] if rng.random() < .8 else rng.choice(LOCALES)])
            r = rng.random()
            if r < .08: w = w.upper()
            elif r < .12: w = w.title()
            elif r < .17: import unicodedata as u; w = u.normalize("NFD", w)
            elif r < .19: w = u"".join(chr(ord(c) + 0xfee0) if 0x21 <= ord(c) < 0x7f else c for c in w)
            elif r < .22: k = rng.randint(0, len(w)); w = w[:k] + chr(rng.choice([0x301, 0x200d, 0xfe0f, 0x1f600, 0xad, 0x3099, 0x2e3a, 0x10330, 0xe000, rng.randint(0x21, 0x2fff)])) + w[k:]
            words.append(w + rng.choice(marks))
        text = "".join(words)
        if rng.random() < .7: text = text.strip()
        if rng.random() < .1: text = "a photo of " + text
        out.append(text)
    return out


def sentencepiece_model(kind, size, **more):
    """A model trained on CLDR's names -> its proto."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = [n for l in LOCALES for n in names(l)] + ["a photo of a " + n for n in names("en")] * 3
        random.Random(5).shuffle(corpus)
        open(folder + "/corpus", "w").write("\n".join(c.replace("\n", " ") for c in corpus))
        rules = folder + "/rules.tsv"
        open(rules, "w").write("".join(f"{ord(a):X}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in
                                       [("ﬁ", "fi"), ("ﬂ", "fl"), ("½", "1⁄2"), ("™", "TM"), ("…", "..."), ("\u00a0", " "), ("\u3000", " "), ("\t", " "), ("\n", " "), ("²", "2")])
                               + "".join(f"{0xff01 + i:X}\t{0x21 + i:X}\n" for i in range(94)) + "65 301\tE9\n45 301\tC9\n")
        if more.pop("own_rules", False): more["normalization_rule_tsv"] = rules
        spm.SentencePieceTrainer.train(input=folder + "/corpus", model_prefix=folder + "/m", model_type=kind, vocab_size=size,
                                       character_coverage=.98, num_threads=2, minloglevel=2, **more)
        proto = pb.ModelProto()
        proto.ParseFromString(open(folder + "/m.model", "rb").read())
        return proto


def merges_of(proto):
    """Every way to make a piece of two, best pieces first, as transformers does for BPE of sentencepiece."""
    normal = {p.piece: (-p.score, i) for i, p in enumerate(proto.pieces) if p.type == 1}
    ways = [(*rank, w[:k], w[k:]) for w, rank in normal.items() for k in range(1, len(w)) if w[:k] in normal and w[k:] in normal]
    return [(a, b) for _, _, a, b in sorted(ways)]


def added(tokenizer, words):
    tokenizer.add_special_tokens([AddedToken(w, normalized=False, special=True) for w in words])


def siglip():
    """As transformers.js converts google/siglip's spiece.model: canonical text, T5's pieces, </s> at the end."""
    proto = sentencepiece_model("unigram", 3000, own_rules=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2, byte_fallback=False))
    t.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Lowercase(),
        normalizers.Replace(Regex("[" + "".join("\\" + c for c in string.punctuation) + "]"), ""),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    added(t, ["<unk>", "</s>"])
    t.enable_padding(length=CONTEXT, pad_id=1, pad_token="</s>")
    return t


def t5():
    """As timm/ViT-B-16-SigLIP: T5's tokenizer, texts made canonical before (open_clip's `clean`)."""
    proto = sentencepiece_model("unigram", 2000, own_rules=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2, byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
                                         normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    added(t, ["</s>", "<pad>", "<unk>"])
    return t


def xlmr():
    """As FacebookAI/xlm-roberta-base."""
    proto = sentencepiece_model("unigram", 4000, normalization_rule_name="nmt_nfkc")
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(p.piece, p.score) for p in proto.pieces[3:]] + [("<mask>", 0.0)]
    t = Tokenizer(models.Unigram(vocab, unk_id=3, byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
                                         normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    added(t, ["<s>", "<pad>", "</s>", "<unk>"])
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    return t


def siglip2():
    """As google/siglip2: Gemma's byte-fallback BPE, lower case, <eos> at the end."""
    proto = sentencepiece_model("bpe", 4000, normalization_rule_name="identity", byte_fallback=True, add_dummy_prefix=False,
                                           remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True,
                                           pad_id=0, eos_id=1, bos_id=2, unk_id=3, user_defined_symbols=["<mask>", "[@BOS@]", "<unused0>", "\n", "\n\n", "▁▁", "▁▁▁", "<table>"],
                                           control_symbols=["<start_of_turn>", "<end_of_turn>"])
    t = Tokenizer(models.BPE({p.piece: i for i, p in enumerate(proto.pieces)}, merges_of(proto), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.post_processor = processors.TemplateProcessing(single="$A <eos>", pair="$A <eos> $B <eos>", special_tokens=[("<eos>", 1)])
    t.add_tokens([AddedToken(p.piece, normalized=False, special=p.type == 3) for p in proto.pieces if p.type in (3, 4)])
    t.enable_padding(length=CONTEXT, pad_id=0, pad_token="<pad>")
    return t


def bert(locales, size, cased, **normal):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(lowercase=not cased, **normal)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator([n for l in locales for n in names(l)], trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False, min_frequency=2))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


KINDS = {
    "siglip": siglip, "t5": t5, "xlmr": xlmr, "siglip2": siglip2,
    "bert-en": lambda: bert(["en", "fr", "de", "vi", "ru", "el", "tr"], 2500, False),
    "bert-zh": lambda: bert(["zh", "zh_Hant", "en", "ja"], 2500, False, strip_accents=None),
    "bert-ko": lambda: bert(["ko", "en", "hi", "ar"], 2500, True, strip_accents=False),
}


def canonical(text):
    from open_clip.tokenizer import canonicalize_text
    return canonicalize_text(text)


def ids_of(name, tokenizer, text):
    return tokenizer.encode(canonical(text) if name == "t5" else text).ids


def fnv(ids):
    h = 0x811c9dc5
    for b in b"".join(struct.pack("<I", i) for i in ids):
        h = (h ^ b) * 0x01000193 & 0xffffffff
    return h


def main():
    if sys.argv[1:2] == ["ids"]:
        t = Tokenizer.from_file(f"{HERE}/{sys.argv[2]}.json")
        t.no_padding()
        text = json.loads(open(HERE + "/texts.jsonl").read().split("\n")[int(sys.argv[3])])
        print(repr(text), ids_of(sys.argv[2], t, text), [t.id_to_token(i) for i in ids_of(sys.argv[2], t, text)])
        return
    lines = texts()
    open(HERE + "/texts.jsonl", "w").write("".join(json.dumps(t, ensure_ascii=False) + "\n" for t in lines))
    for name in sys.argv[1:] or KINDS:
        t = KINDS[name]()
        open(f"{HERE}/{name}.json", "w").write(json.dumps(json.loads(t.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
        t = Tokenizer.from_file(f"{HERE}/{name}.json")
        t.no_padding()
        open(f"{HERE}/{name}.ids", "w").write("".join(f"{len(i)} {fnv(i):08x}\n" for i in (ids_of(name, t, x) for x in lines)))


main()
