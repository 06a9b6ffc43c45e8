"""The image projection and a code for every concept, from computed features: what the text tower then learns to say.

usage: codes.py FEATURES RUN [--steps N] [--hold NAMES.json]

A concept's code is M(teacher's embedding of its names) plus a correction of its own, which is left out half of the time, so that M alone
serves words that no photo shows. Losses: softmax over all concepts; the network's own classifier as teacher of ImageNet's names, for
every photo; a sigmoid for each concept, so that one label's score means something. Writes RUN/codes.pt.
"""
import argparse
import json
import math
import random
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import features
from teacher import MiniLM
from texts import article

WIDTH = 256


def describe(row, rows):
    """The texts that tell the teacher what a concept is."""
    wide = [rows[b]["en"][0] for b in row["broader"][:3]]
    out = [*row["en"][:4]]
    if wide:
        out.append(f"{row['en'][0]}, a kind of {wide[-1]}")
    if row["gloss"]:
        out.append(f"{row['en'][0]}: {row['gloss']}")
    return out


def concept_embeddings(rows, teacher):
    texts, owner = [], []
    for i, r in enumerate(rows):
        for t in describe(r, rows):
            texts.append(t), owner.append(i)
    e, owner = teacher(texts), torch.tensor(owner)
    return F.normalize(torch.zeros(len(rows), e.shape[1]).index_add_(0, owner, e), dim=-1)


class Composed:
    """Phrases of things that have photos, and what a collage of those photos would look like: pooled features are means over the picture, so that
    the mean of two photos' features is what the network would see of both side by side."""

    FORMS = ["{} and {}", "{} with {}", "{} next to {}", "{} in front of {}", "{} and {} are shown here", "a photo of {} and {}", "{} on {}", "{} near {} is seen here"]
    ALONE = ["a photo of {}", "{} is shown here", "two people with {}", "a person looking at {}", "{} on a table", "{} outdoors", "a close view of {}", "{} in a room",
             "a picture that shows {}", "several people and {}", "{} on a sunny day", "a small {}", "a large {}", "an old {}", "a man with {}", "a woman and {}"]

    def __init__(self, rows, data, teacher, many=5000):
        draw = random.Random(4)
        self.views = {}
        for i, m in enumerate(data.main.tolist()):
            self.views.setdefault(m, []).append(i)
        self.views.pop(-1, None)
        have = [c for c in self.views if rows[c]["kind"] in ("label", "imagenet", "broader") and len(rows[c]["en"][0].split()) <= 4]
        made = []
        for _ in range(many):
            a, b = draw.choice(have), draw.choice(have)
            name = lambda c: article(draw.choice([n for n in rows[c]["en"] if "(" not in n] or rows[c]["en"]))
            made.append((draw.choice(self.FORMS).format(name(a), name(b)), [a, b]) if draw.random() < .6 else (draw.choice(self.ALONE).format(name(a)), [a]))
        self.things, self.e, self.random = [t for _, t in made], teacher([p for p, _ in made]), draw

    def draw(self, n, x):
        at = self.random.sample(range(len(self.things)), n)
        seen = torch.stack([torch.stack([x[self.random.choice(self.views[c])].float() for c in self.things[i]]).mean(0) for i in at])
        return self.e[at], seen, [self.things[i] for i in at]


class Codes(nn.Module):
    def __init__(self, concepts, teacher_width=384, feature_width=1280, hidden=0):
        super().__init__()
        self.image = nn.Linear(feature_width, WIDTH)
        self.mapping = nn.Linear(teacher_width, WIDTH)
        self.bend = nn.Sequential(nn.Linear(teacher_width, 512), nn.GELU(), nn.Linear(512, WIDTH))
        self.own = nn.Parameter(torch.zeros(concepts, WIDTH))
        self.scale, self.bias = nn.Parameter(torch.tensor(math.log(16.))), nn.Parameter(torch.tensor(-8.))
        nn.init.zeros_(self.bend[2].weight), nn.init.zeros_(self.bend[2].bias)

    def meaning(self, e):
        return self.mapping(e) + self.bend(e)

    def codes(self, e, drop=0.):
        own = self.own
        if drop:
            own = own * (torch.rand(len(own), 1) >= drop)
        return F.normalize(self.meaning(e) + own, dim=-1)

    def see(self, x):
        return F.normalize(self.image(x), dim=-1)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("features", type=Path), args.add_argument("run", type=Path)
    args.add_argument("--steps", type=int, default=3000)
    args.add_argument("--rate", type=float, default=1.)
    args.add_argument("--batch", type=int, default=320)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--hold", type=Path)
    args.add_argument("--from", dest="start")
    args.add_argument("--out", default="codes.pt")
    args = args.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    known = json.load(open(args.run / "concepts.json"))
    rows = known["concepts"]
    n = len(rows)
    hold = set(json.load(open(args.hold))["concepts"]) if args.hold else set()
    data = features.Photos(args.features, known, hold)
    teacher = MiniLM()
    at = args.run / "concept_embeddings.pt"
    if not at.exists():
        torch.save(concept_embeddings(rows, teacher), at)
    e = torch.load(at)
    phrases = sorted({p for p in data.phrases if p})
    phrase_e = dict(zip(phrases, teacher(phrases))) if phrases else {}
    print(len(data.x), "views", len(phrases), "phrases", flush=True)
    composed = Composed(rows, data, teacher)
    classifier = features.classifier()
    under = torch.zeros(n, n, dtype=torch.bool)                       # under[b, c]: c is a kind of b
    for c, r in enumerate(rows):
        under[r["broader"], c] = True
    imagenet = torch.tensor([i for i, r in enumerate(rows) if r["kind"] == "imagenet"])
    held = torch.tensor(sorted(hold), dtype=torch.long)
    model = Codes(n)
    mean, std = data.x.float().mean(0), data.x.float().std(0) + .02
    if args.start:
        saved = torch.load(args.run / args.start)
        model.load_state_dict(saved["model"])
        mean, std = saved["mean"], saved["std"]
    wide = torch.tensor([i for i, r in enumerate(rows) if r["kind"] == "broader"])
    prototypes = features.Prototypes(data, classifier, known)
    groups = [dict(params=[model.own], lr=4e-3, weight_decay=0), dict(params=[*model.image.parameters()], lr=2e-3, weight_decay=.02),
              dict(params=[*model.mapping.parameters(), *model.bend.parameters()], lr=1.5e-3, weight_decay=.05), dict(params=[model.scale, model.bias], lr=2e-3, weight_decay=0)]
    optimizer = torch.optim.AdamW(groups, betas=(.9, .98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: args.rate * min(1, s / 100) * (.5 + .5 * math.cos(math.pi * s / args.steps)) + 1e-3)
    for step in range(args.steps):
        i = data.draw(args.batch)
        x, positive, target, phrase = data.x[i].float(), data.positive[i], data.main[i], [data.phrases[j] for j in i.tolist()]
        px, pk = prototypes.draw(args.batch // 3)
        x = torch.cat([x, px])
        # Mixing two photos' pooled features is what the network would see of both side by side.
        p_main = imagenet[pk]
        positive = torch.cat([positive, data.positive_of[p_main]])
        target = torch.cat([target, p_main])
        with torch.no_grad():
            taught = (x @ classifier[0].T + classifier[1]).softmax(-1)
        z = model.see((x - mean) / std)
        code = model.codes(e, .4)
        scale = model.scale.exp().clamp(max=60)
        logit = scale * z @ code.T                                    # (B, n)
        # Concepts about which this photo says neither yes nor no: kinds of what it shows, and what the classifier half sees.
        unsure = under[target.clamp(min=0)] & (target >= 0)[:, None]
        seen = torch.zeros(len(x), n)
        seen[:, imagenet] = taught
        unsure |= seen > .05
        unsure[:, held] = True
        others = logit.masked_fill((positive | unsure), -1e4)
        have = target >= 0
        t = target.clamp(min=0)[:, None]
        own = logit.gather(1, t)
        ce = (torch.logsumexp(torch.cat([own, others], 1), 1) - own[:, 0])[have].mean()
        li = logit[:, imagenet]
        if len(held):
            keep = ~torch.isin(imagenet, held)
            kl = F.kl_div(li[:, keep].log_softmax(-1), taught[:, keep] / taught[:, keep].sum(1, keepdim=True), reduction="batchmean")
        else:
            kl = F.kl_div(li.log_softmax(-1), taught, reduction="batchmean")
        # One broader word that fits against all that do not.
        fits = positive[:, wide]
        some = fits.any(1)
        lw = logit[:, wide]
        pick = torch.multinomial(fits[some].float(), 1)
        lw_others = lw.masked_fill(fits | unsure[:, wide], -1e4)[some]
        lw_own = lw[some].gather(1, pick)
        broad = (torch.logsumexp(torch.cat([lw_own, lw_others], 1), 1) - lw_own[:, 0]).mean()
        free = logit + model.bias
        bce = F.softplus(torch.where(positive, -free, free.masked_fill(unsure, -1e4))).sum() / len(x)
        loss = ce + kl + .7 * broad + .25 * bce + 2e-4 * model.own.square().sum(1).mean()
        which = [j for j, p in enumerate(phrase) if p]
        if len(which) > 8:
            texts = sorted({phrase[j] for j in which})
            number = {t: k for k, t in enumerate(texts)}
            pc = F.normalize(model.meaning(torch.stack([phrase_e[t] for t in texts])), dim=-1)
            pl = scale * z[which] @ pc.T
            right = torch.tensor([number[phrase[j]] for j in which])
            loss = loss + .3 * F.cross_entropy(pl, right) + .3 * F.cross_entropy(pl.T, torch.tensor([which.index(next(j for j in which if phrase[j] == t)) for t in texts]))
        pe, px, things = composed.draw(96, data.x)
        pc, pz = F.normalize(model.meaning(pe), dim=-1), model.see((px - mean) / std)
        pl = scale * pz @ pc.T
        same = torch.arange(len(pl))
        goal = torch.zeros(len(pl), n)
        for k, t in enumerate(things):
            goal[k, t] = 1 / len(t)
        told = -(goal * (scale * pc @ code.T).log_softmax(-1)).sum(1).mean()
        loss = loss + .25 * (F.cross_entropy(pl, same) + F.cross_entropy(pl.T, same)) + .15 * told
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == args.steps - 1:
            print(step, f"ce {ce:.3f} kl {kl:.3f} broad {broad:.3f} bce {bce:.3f} scale {scale:.1f} bias {model.bias.item():.2f}", features.quick(model, e, mean, std, data, imagenet), flush=True)
    torch.save(dict(model=model.state_dict(), mean=mean, std=std, e=e, phrases=phrases), args.run / args.out)


if __name__ == "__main__":
    main()
