"""Photos out of fetched repositories, short side 272 at most, so many of a label. Writes PHOTOS/{train,held}/BLOB.jpg and PHOTOS/meta.tsv.

usage: photos.py MANIFEST NEVER MIRROR PHOTOS

MANIFEST (xz): repository, path, git blob, text, kind, split, group. MIRROR holds a git directory a repository, OWNER+NAME/repo; those that are
not there are passed over. NEVER lists blobs of an independent evaluation. Held are the manifest's own (sha1 of the path ends in 0; whole
houses, fruits and videos; every eighth small site) and all of the repositories whose licence excludes commercial use: for evaluation only.
"""
import io
import lzma
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageOps

SIDE = 272
# Many photos of few kinds: so many of each label.
MOST = {"thunderInfy/imagenette": 150, "ninja3697/Profession-Detection-System": 330, "afroozsheikh/Intel-Image-Classifier": 250,
        "marcusklasson/GroceryStoreDataset": 60, "jurjsorinliviu/Sports-Type-Classifier": 130, "jaaumeadrover/Landscape-Image-Classification": 60,
        "MachineLearning2020/Homework3-PACS": 80, "chanakya2734/Image-classification-using-CNN": 300, "chandrikadeb7/Face-Mask-Detection": 250,
        "Liang-yc/ECUSTFD-resized-": 60, "congduytran12/Trash-Classification-": 150, "zzzDavid/ICDAR-2019-SROIE": 250,
        "alexeygrigorev/clothing-dataset": 400, "MachineLearning2020/Homework2-Caltech101": 120}
MOST_HELD = {"afroozsheikh/Intel-Image-Classifier": 50, "thunderInfy/imagenette": 60, "MachineLearning2020/Homework3-PACS": 20,
             "chanakya2734/Image-classification-using-CNN": 60, "chandrikadeb7/Face-Mask-Detection": 60}
NOT_COMMERCIAL = {f"openstax/osbooks-{b}" for b in ("world-history", "us-history", "psychology", "american-government", "introduction-sociology")}


def small(data):
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (2 * SIDE, 2 * SIDE))
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, (0, 0), image)
        image = white
    image, k = image.convert("RGB"), SIDE / min(image.size)
    return image.resize((round(image.width * k), round(image.height * k)), Image.BICUBIC) if k < 1 else image


def chosen(rows, repository):
    random.Random(1).shuffle(rows)
    count = defaultdict(int)
    for row in rows:
        split = "held" if repository in NOT_COMMERCIAL else row[5]
        most = (MOST if split == "train" else MOST_HELD).get(repository)
        if most is None or count[row[3], split] < most:
            count[row[3], split] += 1
            yield row, split


def main():
    manifest, never, mirror, out = sys.argv[1], set(open(sys.argv[2]).read().split()), Path(sys.argv[3]), Path(sys.argv[4])
    by = defaultdict(list)
    with lzma.open(manifest, "rt", encoding="utf8") as lines:
        next(lines)
        for line in lines:
            row = line.rstrip("\n").split("\t")
            if row[2] not in never:
                by[row[0]].append(row)
    for split in ("train", "held"):
        (out / split).mkdir(parents=True, exist_ok=True)
    written = skipped = 0
    with open(out / "meta.tsv", "w", encoding="utf8") as meta:
        for repository, rows in by.items():
            git = mirror / repository.replace("/", "+") / "repo"
            git = git / ".git" if (git / ".git").is_dir() else git
            if not git.is_dir():
                print("missing", repository, len(rows))
                continue
            cat = subprocess.Popen(["git", f"--git-dir={git}", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for (_, path, blob, text, kind, _, group), split in chosen(rows, repository):
                cat.stdin.write((blob + "\n").encode()), cat.stdin.flush()
                head = cat.stdout.readline().split()
                if len(head) < 3:                                     # a snapshot lacks files of 4 MiB and more
                    skipped += 1
                    continue
                data = cat.stdout.read(int(head[2]))
                cat.stdout.read(1)
                try:
                    file = f"{split}/{blob}.jpg"
                    small(data).save(out / file, quality=92)
                    meta.write("\t".join([file, text, kind, repository, group, path]) + "\n")
                    written += 1
                except Exception:                                     # not a picture after all
                    skipped += 1
            cat.stdin.close()
    print(written, "written,", skipped, "skipped")


if __name__ == "__main__":
    main()
