"""Trains the text tower on the codes. usage: train.py RUN [--steps N] [--from text.pt] [--rounded] [--hold hold.json]   -> RUN/text.pt

Every text has a place to go to: a name its concept's code, other words and phrases the teacher's mapping. Its length before normalisation
says how well it is known: above 1 for what was taught, below 1 for what no photo shows. With --rounded the tower's axes are turned first (turn.py), and
weights are rounded while it trains, to int8 and to int4 in turn, so that it learns to do with what the files will have. With --only NAME... it learns these
names and nothing else, in their tokens' own vectors: for codes that widen.py fitted again.
"""
import argparse
import bisect
import json
import math
import random
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

import start
from codes import Codes
from hold import without
from model import OUT, Text, config
from quantise import weight_q4, weight_q8
from teacher import MiniLM
from texts import ADJECTIVES, KOREAN_ADJECTIVES, article
from turn import turn

ENGLISH = ["a photo of a {}"] * 5 + ["a photo of a {}.", "a photo of {}", "a photo of the {}", "this is a photo of {}", "This is a photo of {}", "a picture of a {}", "an image of {}", "{} photo",
           "a close-up photo of a {}.", "itap of a {}", "a bad photo of a {}.", "a {}", "the {}", "a photo of my {}", "a small photo of the {}", "{}."]
KOREAN = ["{} 사진", "{}의 사진", "a photo of a {}", "a photo of a {}", "a photo of a {}", "사진 속의 {}", "이것은 {} 사진", "{}의 그림", "{}을 찍은 사진", "{}를 찍은 사진", "a photo of {}", "this is a photo of {}"]


def korean(text):
    return any("가" <= c <= "힣" for c in text)


class Corpus:
    def __init__(self, run, model, saved, known, allowed=None):
        texts = json.load(open(run / "texts.json"))
        e = saved["e"]
        with torch.no_grad():
            code = model.codes(e)
            at_words = run / "word_embeddings.pt"
            if not at_words.exists():
                teacher = MiniLM()
                english = sorted({en for _, en in texts["phrases"]} | set(saved["phrases"]))
                torch.save(dict(word=teacher([w for w, *_ in texts["words"]]), gloss=teacher([g for _, g, _ in texts["words"]], say=20),
                                phrase=dict(zip(english, teacher(english, say=20)))), at_words)
            m = torch.load(at_words)
            place = lambda x: F.normalize(model.meaning(x), dim=-1)
            word = place(F.normalize(m["word"] + m["gloss"], dim=-1))
        if allowed:
            keep = [allowed(w) for w, *_ in texts["words"]]
            word = word[torch.tensor(keep)]
            texts = {k: [t for t in v if allowed(t if isinstance(t, str) else t[0])] for k, v in texts.items()}
            saved["phrases"] = [p for p in saved["phrases"] if allowed(p)]
        by_name = {}
        for n, i in texts["names"]:
            by_name.setdefault(n, []).append(i)
        self.texts, targets, self.known, self.first = [], [], [], []
        for n, owners in by_name.items():
            kind = {i: known["concepts"][i]["kind"] for i in owners}  # "car" is any car; what photos taught comes before what they did not
            owners = [i for i in owners if kind[i] == "broader"][:1] or [i for i in owners if kind[i] != "extra"] or owners
            self.texts.append(n), targets.append(F.normalize(code[owners].mean(0), dim=-1)), self.known.append(1.), self.first.append(owners[0])
        self.names = len(self.texts)
        # What people type first is learnt most: broader words, then each concept's main names.
        rows, main = known["concepts"], {}
        for i, r in enumerate(rows):
            for n in (r["en"][0], *r["ko"][:1]):
                main[n] = max(main.get(n, 0), dict(broader=10, label=2.5, imagenet=2, extra=2).get(r["kind"], 1))
            if r["kind"] == "broader":
                main.update({n: 10 for n in [*r["en"], *r["ko"]]})
        total, self.until = 0, []
        for t in self.texts:
            total += main.get(t, .6)
            self.until.append(total)
        # A word's place is trusted as far as it lies near something taught.
        near = (word @ code.T).amax(1)
        for (w, _, f), t, c in zip(texts["words"], word, near):
            self.texts.append(w), targets.append(t), self.known.append(float(((c - .45) / .35).clamp(0, .9))), self.first.append(-1)
        phrases = texts["phrases"] + [[p, p] for p in saved["phrases"] if p.isascii()]
        place_of = {en: place(x[None])[0].detach() for en, x in m["phrase"].items()}
        self.words = len(self.texts)
        for p, en in phrases:
            self.texts.append(p), targets.append(place_of[en]), self.known.append(.9), self.first.append(-1)
        self.phrases = len(self.texts)
        for w in texts["far"]:
            self.texts.append(w), targets.append(torch.zeros(OUT)), self.known.append(0.), self.first.append(-1)
        self.target, self.known, self.code = torch.stack(targets), torch.tensor(self.known), code
        self.placed = torch.tensor([t < self.phrases for t in range(len(self.texts))])
        self.random, self.only = random.Random(3), []
        self.tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))

    def draw(self, n):
        """n texts in templates -> texts' numbers, ids. Names two thirds of the time."""
        r, rows = self.random, []
        for _ in range(n):
            way = r.random()
            if self.only:
                i = r.choice(self.only)
            elif way < .66:
                i = bisect.bisect(self.until, r.random() * self.until[-1])
            else:
                i = r.randrange(self.names, self.words) if way < .8 else r.randrange(self.words, self.phrases) if way < .93 else r.randrange(self.phrases, len(self.texts))
            t = self.texts[i]
            if i < self.names and r.random() < .08:                   # a small one is one all the same
                t = f"{r.choice(KOREAN_ADJECTIVES)} {t}" if korean(t) else article(f"{r.choice(ADJECTIVES)} {t}")
            if r.random() < .35:
                t = r.choice(KOREAN if korean(t) else ENGLISH).format(t) if "a " != t[:2] and "an " != t[:3] else f"{r.choice(['a photo of', 'a picture of', 'this is'])} {t}"
            rows.append((i, t))
        ids = [e.ids[:32] for e in self.tokenizer.encode_batch([t for _, t in rows])]
        ids = [x if x[-1] == self.end else x[:31] + [self.end] for x in ids]
        order = sorted(range(n), key=lambda j: len(ids[j]))
        return [rows[j][0] for j in order], [ids[j] for j in order]

    def begin(self, tower):
        """The tower as a sum of tokens' meanings: from every text bare, and names in a template too."""
        which = [i for i in range(self.phrases)] + [i for i in range(self.names) for _ in range(2)]
        texts = [self.texts[i] if n < self.phrases else self.random.choice(KOREAN if korean(self.texts[i]) else ENGLISH).format(self.texts[i]) for n, i in enumerate(which)]
        rows = [e.ids[1:-1][:30] or [self.end] for e in self.tokenizer.encode_batch(texts)]
        weight = torch.tensor([2. if i < self.names else .6 if i < self.words else .5 for i in which])
        start.begin(tower, rows, self.target[torch.tensor(which)], weight)

    @property
    def end(self):
        return self.tokenizer.get_vocab_size() - 1


def pad(rows):
    t = max(map(len, rows))
    return torch.tensor([x + [0] * (t - len(x)) for x in rows])


def length_loss(length, known):
    """The length goes to 2^(2 known - 1): a half for what is unknown, two for what was taught."""
    return (length.clamp(min=1e-3).log2() - (2 * known - 1)).square()


class Rounded:
    """The tower with its weights rounded, between `round` and `restore`: gradients are those of the rounded weights (straight through)."""

    def __init__(self, tower):
        self.layers = [p for n, p in tower.transformer.named_parameters() if p.ndim == 2]
        self.tables = [tower.token_embedding.weight, tower.text_projection]
        self.moved = []

    @torch.no_grad()
    def round(self, step, every=200):
        self.own = [p.data for p in self.layers + self.tables]
        if step % every == 0:                                         # int4's levels take seconds to find, and stay about where they were
            self.moved = [weight_q4(p.data) - p.data for p in self.layers]
        for p, moved in zip(self.layers, self.moved):
            p.data = p.data + moved if step % 2 else weight_q8(p.data)
        table, projection = self.tables
        table.data, projection.data = weight_q8(table.data), weight_q8(projection.data.T).T

    def restore(self):
        for p, own in zip(self.layers + self.tables, self.own):
            p.data = own


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("run", type=Path)
    args.add_argument("--codes", default="codes.pt")
    args.add_argument("--steps", type=int, default=4000)
    args.add_argument("--batch", type=int, default=256)
    args.add_argument("--rate", type=float, default=1.5e-3)
    args.add_argument("--from", dest="start")
    args.add_argument("--rounded", action="store_true")
    args.add_argument("--only", nargs="+", metavar="NAME")
    args.add_argument("--out", default="text.pt")
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--hold", type=Path)
    args = args.parse_args()
    torch.manual_seed(2), torch.set_num_threads(args.threads)
    known = json.load(open(args.run / "concepts.json"))
    saved = torch.load(args.run / args.codes)
    model = Codes(len(known["concepts"]))
    model.load_state_dict(saved["model"])
    model.requires_grad_(False)
    corpus = Corpus(args.run, model, saved, known, without(json.load(open(args.hold))["names"]) if args.hold else None)
    tower = Text(config(corpus.tokenizer.get_vocab_size())["text_cfg"], OUT)
    if args.start:
        tower.load_state_dict(torch.load(args.run / args.start))
    else:
        corpus.begin(tower)
    rounded = None
    if args.rounded:
        turn(tower)
        rounded = Rounded(tower)
    fast = [p for n, p in tower.named_parameters() if p.ndim > 1 and "embedding" not in n]
    slow = [p for n, p in tower.named_parameters() if not (p.ndim > 1 and "embedding" not in n)]
    optimizer = torch.optim.AdamW([dict(params=fast, weight_decay=.05), dict(params=slow, weight_decay=0)], lr=args.rate, betas=(.9, .98), fused=True)
    if args.only:
        corpus.only = [i for i in range(corpus.names) if corpus.texts[i] in args.only]
        tokens = torch.zeros(len(tower.token_embedding.weight), 1)
        tokens[[t for e in corpus.tokenizer.encode_batch(args.only) for t in e.ids[1:-1]]] = 1
        tower.token_embedding.weight.register_hook(lambda gradient: gradient * tokens)
        optimizer = torch.optim.Adam([tower.token_embedding.weight], lr=args.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 60) * (.5 + .5 * math.cos(math.pi * min(1, s / args.steps))) + 5e-3)
    scale, began = 16., time.process_time()
    for step in range(args.steps):
        number, ids = corpus.draw(args.batch)
        if rounded:
            rounded.round(step)
        out = []
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for part in range(0, args.batch, args.batch // 4):        # short and long ones apart: less padding
                out.append(tower.encode_text(pad(ids[part:part + args.batch // 4])))
        out = torch.cat(out).float()
        length, t = out.norm(dim=-1), F.normalize(out, dim=-1)
        target, placed, level = corpus.target[number], corpus.placed[number], corpus.known[number]
        apart = (1 - (t * target).sum(-1))[placed].mean()
        rank = F.kl_div((scale * t[placed] @ corpus.code.T).log_softmax(-1), (scale * target[placed] @ corpus.code.T).softmax(-1), reduction="batchmean")
        size = length_loss(length, level).mean()
        loss = 2 * apart + rank + .15 * size
        optimizer.zero_grad()
        loss.backward()
        if rounded:
            rounded.restore()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.)
        optimizer.step(), schedule.step()
        if step % 50 == 0 or step == args.steps - 1:
            print(step, f"apart {apart:.4f} rank {rank:.4f} size {size:.3f} {time.process_time() - began:.0f}s", flush=True)
        if step % 200 == 199 or step == args.steps - 1:
            torch.save(tower.state_dict(), args.run / args.out)


if __name__ == "__main__":
    main()
