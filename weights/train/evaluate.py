"""Measures a trained model on the held-out photos.

usage: evaluate.py CACHE MODEL [--device cpu|cuda] [--out results.json]

MODEL holds model.safetensors, open_clip_config.json, concepts.json and tokenizer.json (OpenCLIP form, see export.py). Measured in
f32 and in simulated q8 and q4 (quantise.py), always with the template "a photo of a {}":

  top1, top5   the right one of all primary names
  five         the right one of five offered names: the photo's own and four others, drawn with a fixed seed
  broader      the right one of ten broader terms: one that fits and nine that do not, drawn with a fixed seed
"""
import argparse
import json
import random
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F

import photos
from augment import normalised
from captions import Captions
from model import CLIP
from quantise import quantised


def embed_images(model, images, device="cpu", half=False):
    """(N, S, S, 3) u8 -> (N, out), unit rows."""
    rows = []
    with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16, enabled=half):
        for part in images.split(200):
            x = normalised(part, device, model.image_size).contiguous(memory_format=torch.channels_last)
            rows.append(F.normalize(model.encode_image(x).float(), dim=-1))
    return torch.cat(rows)


def embed_concepts(model, captions, concepts, device="cpu"):
    with torch.no_grad():
        return F.normalize(model.encode_text(captions.ids(concepts).to(device)).float(), dim=-1)


def top1(model, captions, images, kind, device="cpu"):
    """The quick check that training makes."""
    score = embed_images(model, images, device, half=True) @ embed_concepts(model, captions, captions.primary, device).T
    return (score.argmax(1).cpu() == kind).float().mean().item()


def offers(kind, captions, others_of, count, seed):
    """For each photo: the right label (a concept number, or None) and `count` wrong ones."""
    draw = random.Random(seed)
    rows = []
    for k in kind.tolist():
        right, wrong = others_of(k, draw)
        rows.append((right, draw.sample(wrong, count)) if right is not None else None)
    return rows


def share_right(image, text, rows):
    """Share of photos whose right label scores best among those offered."""
    right = total = 0
    for i, row in enumerate(rows):
        if row is not None:
            score = text[[row[0], *row[1]]] @ image[i]
            right, total = right + int(score.argmax() == 0), total + 1
    return right / total


def measure(model, captions, images, kind, device="cpu"):
    """-> (numbers, (N,) predicted kinds)"""
    image = embed_images(model, images, device).cpu()
    text = embed_concepts(model, captions, range(len(captions.concepts)), device).cpu()
    best = (image @ text[captions.primary].T).topk(5).indices

    def primary(k, draw):
        return captions.primary[k], [p for p in captions.primary if p != captions.primary[k]]

    def broader(k, draw):
        fit = [c for c in captions.broader if captions.fits[k, c]]
        return (draw.choice(fit) if fit else None), [c for c in captions.broader if not captions.fits[k, c]]

    numbers = dict(
        top1=(best[:, 0] == kind).float().mean().item(),
        top5=(best == kind[:, None]).any(1).float().mean().item(),
        five=share_right(image, text, offers(kind, captions, primary, 4, 1)),
        broader=share_right(image, text, offers(kind, captions, broader, 9, 2)))
    return {k: round(100 * v, 2) for k, v in numbers.items()}, best[:, 0]


def confusions(kind, predicted, names, most=40):
    """The commonest wrong answers: [[true name, answered name, photos, of]]."""
    of = Counter(kind.tolist())
    wrong = Counter((k, p) for k, p in zip(kind.tolist(), predicted.tolist()) if k != p)
    return [[names[k], names[p], n, of[k]] for (k, p), n in wrong.most_common(most)]


def load_model(folder):
    folder = Path(folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    model = CLIP(config)
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()}, strict=False)
    assert not unexpected and all("num_batches" in m for m in missing), (missing, unexpected)
    captions = Captions(json.loads((folder / "concepts.json").read_text()), Tokenizer.from_file(str(folder / "tokenizer.json")),
                        config["text_cfg"]["context_length"])
    return model.eval(), captions


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("cache"), args.add_argument("model", type=Path)
    args.add_argument("--device", default="cpu")
    args.add_argument("--out", type=Path)
    args.add_argument("--photos", type=int, default=0, help="measure on so many held-out photos only, evenly chosen")
    args = args.parse_args()
    model, captions = load_model(args.model)
    images, kind, held, _ = photos.load(args.cache)
    images, kind = torch.from_numpy(images[held]), torch.from_numpy(kind[held])
    if args.photos:
        chosen = torch.linspace(0, len(kind) - 1, args.photos).long()
        images, kind = images[chosen], kind[chosen]
    results = {"held_out_photos": len(kind), "kinds": len(captions.primary), "template": "a photo of a {}"}
    names = [captions.concepts[p] for p in captions.primary]
    for precision in ("f32", "q8", "q4"):
        numbers, predicted = measure(quantised(model, precision).to(args.device), captions, images, kind, args.device)
        results[precision] = numbers
        print(precision, numbers, flush=True)
        if precision == "f32":
            results["commonest_confusions"] = confusions(kind, predicted, names)
            right = (predicted == kind)
            results["kinds_by_share_right"] = sorted(
                [[n, round(100 * right[kind == k].float().mean().item(), 1)] for k, n in enumerate(names)], key=lambda r: -r[1])
    if args.out:
        args.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
