"""Exports trained weights as a model folder in OpenCLIP form.

usage: export.py RUN MODEL [--cache CACHE] [--pictures FOLDER] [--dtype f16|f32]

RUN is train.py's OUT. Writes to MODEL: model.safetensors (`visual.*` and text names of the original CLIP), open_clip_config.json,
preprocessor_config.json, merges.txt, vocab.json, tokenizer.json, concepts.json; with --cache also expected.safetensors and
expected-ids.json: a few inputs and this model's outputs in f32, before normalisation; with --pictures also expected.json: the
embeddings of FOLDER's pictures and of a few texts, of length 1, by which a quantized form of the model can be checked.
"""
import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import photos
from augment import DEVIATION, MEAN, normalised
from evaluate import load_model

TEXTS = ["a photo of a golden retriever", "a photo of kimchi", "dog", "", "a picture of a school bus.", "김치 사진"]


def preprocessor(side):
    return dict(crop_size=dict(height=side, width=side), do_center_crop=True, do_convert_rgb=True, do_normalize=True, do_rescale=True,
                do_resize=True, image_mean=MEAN, image_std=DEVIATION, resample=3, size=dict(shortest_edge=side))


def expected(folder, model, captions, cache, count=4):
    """Outputs of the reference code for the first held-out photos of `count` far-apart kinds and for TEXTS."""
    images, kind, held, _ = photos.load(cache)
    of_kind = [next(i for i in held.nonzero()[0] if kind[i] == k) for k in range(0, kind.max() + 1, int(kind.max()) // count)][:count]
    pixels = normalised(torch.from_numpy(images[of_kind]), side=model.image_size).contiguous()
    ids = [captions.encode(t) for t in TEXTS]
    with torch.no_grad():
        image = model.encode_image(pixels)
        text = torch.cat([model.encode_text(torch.tensor([row])) for row in ids])
    save_file(dict(pixel_values=pixels, image_embeds=image.contiguous(), text_embeds=text.contiguous()), folder / "expected.safetensors",
              metadata={"made_with": f"weights/train/export.py, torch {torch.__version__.split('+')[0]}, f32"})
    (folder / "expected-ids.json").write_text(json.dumps(dict(input_ids=ids, texts=TEXTS)))


def expected_of_pictures(folder, model, captions, pictures):
    def rounded(embedding):
        return [round(x, 4) for x in F.normalize(embedding[0], dim=-1).tolist()]

    def image(path):
        pixels = np.asarray(photos.square(Image.open(path).convert("RGB"), model.image_size))
        return rounded(model.encode_image(normalised(torch.from_numpy(pixels.copy())[None])))

    with torch.no_grad():
        images = {p.name: image(p) for p in sorted(pictures.glob("*.jpg"))}
        texts = {t: rounded(model.encode_text(torch.tensor([captions.encode(t)]))) for t in TEXTS}
    (folder / "expected.json").write_text(json.dumps(dict(images=images, texts=texts)))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("run", type=Path), args.add_argument("model", type=Path)
    args.add_argument("--cache", type=Path)
    args.add_argument("--pictures", type=Path)
    args.add_argument("--dtype", choices=("f16", "f32"), default="f16")
    args = args.parse_args()
    args.model.mkdir(parents=True, exist_ok=True)
    dtype = dict(f16=torch.float16, f32=torch.float32)[args.dtype]
    state = {k: v.to(dtype).contiguous() for k, v in load_file(args.run / "ema.safetensors").items()}
    assert all(v.isfinite().all() for v in state.values()), "a weight is out of range"
    save_file(state, args.model / "model.safetensors", metadata={"format": "pt"})
    for name in ("open_clip_config.json", "merges.txt", "vocab.json", "tokenizer.json", "concepts.json"):
        shutil.copyfile(args.run / name, args.model / name)
    side = json.loads((args.run / "open_clip_config.json").read_text())["vision_cfg"]["image_size"]
    (args.model / "preprocessor_config.json").write_text(json.dumps(preprocessor(side), indent=1))
    model, captions = load_model(args.model)
    if args.cache:
        expected(args.model, model, captions, args.cache)
    if args.pictures:
        expected_of_pictures(args.model, model, captions, args.pictures)
    print(f"{sum(v.numel() for v in state.values()):,} numbers to {args.model}")


if __name__ == "__main__":
    main()
