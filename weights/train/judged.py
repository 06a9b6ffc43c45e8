"""Photos for ImageNet's 1,000 names, to judge by only: out of git as they are, and what the network sees in them.

usage: judged.py MIRROR PHOTOS FEATURES      (after photos.py)

Writes PHOTOS/samples (EliSchwartz/imagenet-sample-images: one photo a kind, of those that the image network was trained on), PHOTOS/val (the photos of
imagenette that are called ILSVRC2012_val, which it had not seen, less those that PHOTOS/train has), FEATURES/judged/{samples,val}.npy with the .tsv of
file and kind beside each, and FEATURES/judged/wnids.txt, the kinds in their order.
"""
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from export import pixels
from features import BATCH, networks


def files(mirror, repository, wanted):
    """-> (path, blob, bytes) of the files of a repository's last commit whose path is wanted, by path."""
    git = mirror / repository.replace("/", "+") / "repo"
    git = f"--git-dir={git / '.git' if (git / '.git').is_dir() else git}"
    tree = [line.split("\t") for line in subprocess.check_output(["git", git, "ls-tree", "-r", "HEAD"], text=True).splitlines()]
    for path, blob in sorted((path, head.split()[2]) for head, path in tree if wanted(path)):
        yield path, blob, subprocess.check_output(["git", git, "cat-file", "blob", blob])


def main():
    mirror, photos, out = map(Path, sys.argv[1:4])
    torch.set_num_threads(1)
    (out / "judged").mkdir(parents=True, exist_ok=True)
    samples = list(files(mirror, "EliSchwartz/imagenet-sample-images", lambda path: path.endswith(".JPEG")))
    wnids = [path.split("_")[0] for path, *_ in samples]
    assert len(wnids) == 1000, "one photo a kind, named by it"
    (out / "judged/wnids.txt").write_text("\n".join(wnids) + "\n")
    val = files(mirror, "thunderInfy/imagenette", lambda path: "ILSVRC2012_val" in path)
    sets = dict(samples=[(path, k, data) for k, (path, _, data) in enumerate(samples)],
                val=[(f"{blob}.jpg", wnids.index(path.split("/")[1]), data) for path, blob, data in val if not (photos / f"train/{blob}.jpg").exists()])
    whole = networks()[0]
    for name, rows in sets.items():
        (photos / name).mkdir(exist_ok=True)
        seen = []
        for at in range(0, len(rows), BATCH):
            part = [pixels(Image.open(io.BytesIO(data))) for *_, data in rows[at:at + BATCH]]
            x = torch.stack(part + [part[-1]] * (BATCH - len(part))).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                seen.append(whole(x)[:len(part)].numpy().astype(np.float16))
        np.save(out / f"judged/{name}.npy", np.concatenate(seen))
        for file, _, data in rows:
            (photos / name / file).write_bytes(data)
        (out / f"judged/{name}.tsv").write_text("".join(f"{name}/{file}\t{kind}\n" for file, kind, _ in rows))
        print(name, len(rows))


if __name__ == "__main__":
    main()
