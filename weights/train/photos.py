"""Labelled photos from a zip or a folder (one sub-folder a kind), decoded once into a cache that training maps into memory.

usage: photos.py PHOTOS CACHE [--side 64] [--held-out 20]

The cache holds images.npy (N, side, side, 3) u8, and index.npz: kind, held (True for held-out photos) and small (True where the
original was smaller than the cached side and is therefore blurry). Which photos are held out depends on their names alone:
the last `--held-out` of each kind in the order of their names.
"""
import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

KINDS_OF_FILE = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}


class Source:
    """The files of a zip or a folder, by their path inside it."""

    def __init__(self, path):
        path = Path(path)
        self.archive = zipfile.ZipFile(path) if path.is_file() else None
        self.root = path
        self.names = self.archive.namelist() if self.archive else sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())

    def read(self, name):
        return self.archive.read(name) if self.archive else (self.root / name).read_bytes()

    def photos(self):
        return [n for n in self.names if "/" in n and Path(n).suffix.lower() in KINDS_OF_FILE]

    def kinds(self):
        """-> [(folder, [names])] in the order that numbers the kinds."""
        if "classes.tsv" in self.names:
            rows = [line.split("\t") for line in self.read("classes.tsv").decode().splitlines()[1:]]
            return [(r[0], [n.strip() for n in r[1].split(",")]) for r in rows]
        return [(f, [f.replace("_", " ")]) for f in sorted({n.split("/")[0] for n in self.photos()})]


def square(image, side):
    """Short side to `side` (bicubic), centre crop: what the preprocessing at run time does."""
    w, h = image.size
    if (w, h) != (side, side):
        short = min(w, h)
        w, h = (side * w // short, side * h // short)
        image = image.resize((w, h), Image.BICUBIC)
        left, top = (w - side) // 2, (h - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return image


def build(photos, cache, side, held_out):
    source = Source(photos)
    number = {folder: i for i, (folder, _) in enumerate(source.kinds())}
    names = [n for n in source.photos() if n.split("/")[0] in number]
    kind = np.array([number[n.split("/")[0]] for n in names], np.int16)
    held = np.zeros(len(names), bool)
    for k in range(len(number)):
        held[sorted(np.flatnonzero(kind == k), key=lambda i: names[i])[max(0, np.sum(kind == k) - held_out):]] = True
    cache.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(cache / "images.npy", "w+", np.uint8, (len(names), side, side, 3))
    small = np.zeros(len(names), bool)
    for i, name in enumerate(names):
        image = Image.open(io.BytesIO(source.read(name))).convert("RGB")
        small[i] = min(image.size) < side
        images[i] = np.asarray(square(image, side))
        if i % 20000 == 0:
            print(f"{i}/{len(names)}", flush=True)
    images.flush()
    np.savez(cache / "index.npz", kind=kind, held=held, small=small)
    print(len(names), "photos,", int(held.sum()), "held out")


def load(cache):
    index = np.load(Path(cache) / "index.npz")
    return np.load(Path(cache) / "images.npy", mmap_mode="r"), index["kind"].astype(np.int64), index["held"], index["small"]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("photos"), args.add_argument("cache", type=Path)
    args.add_argument("--side", type=int, default=64)
    args.add_argument("--held-out", type=int, default=20)
    args = args.parse_args()
    build(args.photos, args.cache, args.side, args.held_out)


if __name__ == "__main__":
    main()
