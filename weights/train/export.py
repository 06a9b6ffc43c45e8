"""Exports a run as a model folder in OpenCLIP form.

usage: export.py RUN MODEL [--codes codes.pt] [--text text.pt] [--pictures FOLDER] [--min-norm X] [--scale S --bias B]

Writes to MODEL: open_clip_model.safetensors (f32), open_clip_config.json, tokenizer.json, vocab.json, merges.txt, concepts.json
(the names that were taught); with --pictures also
expected.json: the embeddings of FOLDER's pictures and of a few texts, of length 1, by which a quantized form of the model can be checked.
"""
import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn import functional as F

from model import CLIP, MEAN, SIDE, STD, config, published_trunk

TEXTS = ["a photo of a golden retriever", "a photo of kimchi", "dog", "", "a picture of a school bus.", "김치 사진", "a small room with a TV and a suitcase",
         "a photo of a 배추겉절이", "xqzvwk"]


def pixels(image, side=SIDE):
    """PIL image -> (3, side, side): shortest side to `side`, centre crop, normalised. Pillow's bicubic."""
    image = image.convert("RGB")
    k = side / min(image.size)
    image = image.resize((max(side, round(image.width * k)), max(side, round(image.height * k))), Image.BICUBIC)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    x = torch.from_numpy(np.asarray(image.crop((left, top, left + side, top + side))).copy()).float()
    return ((x - 127) / 128).permute(2, 0, 1)


def build(run, codes=None, text=None):
    """The model from a run's parts; parts that are not there stay as they were drawn."""
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    made = config(tokenizer.get_vocab_size())
    torch.manual_seed(0)
    model = CLIP(made).eval()
    model.visual.trunk.load_state_dict({k: v for k, v in published_trunk().state_dict().items() if not k.startswith("classifier")})
    if codes:
        saved = torch.load(run / codes)
        w, b = saved["model"]["image.weight"], saved["model"]["image.bias"]
        model.visual.head.proj.weight.data = w / saved["std"]
        model.visual.head.proj.bias.data = b - (w * (saved["mean"] / saved["std"])).sum(1)
        model.logit_scale.data, model.logit_bias.data = saved["model"]["scale"], saved["model"]["bias"]
    if text:
        model.load_state_dict(torch.load(run / text), strict=False)
    return model, tokenizer, made


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("run", type=Path), args.add_argument("model", type=Path)
    args.add_argument("--codes"), args.add_argument("--text")
    args.add_argument("--pictures", type=Path)
    args.add_argument("--min-norm", type=float, default=1.)
    args.add_argument("--scale", type=float), args.add_argument("--bias", type=float)
    args = args.parse_args()
    args.model.mkdir(parents=True, exist_ok=True)
    model, tokenizer, made = build(args.run, args.codes, args.text)
    if args.scale:
        model.logit_scale.data, model.logit_bias.data = torch.tensor(args.scale).log(), torch.tensor(args.bias)
    made["custom"] = {"knowledge": {"min_norm": args.min_norm}}
    state = {k: v.float().contiguous() for k, v in model.state_dict().items() if "num_batches" not in k}
    assert all(v.isfinite().all() for v in state.values()), "a weight is out of range"
    save_file(state, args.model / "open_clip_model.safetensors", metadata={"format": "pt"})
    preprocess = dict(mean=MEAN, std=STD, interpolation="bicubic", resize_mode="shortest")
    (args.model / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=made, preprocess_cfg=preprocess), indent=1))
    for name in ("merges.txt", "vocab.json", "tokenizer.json"):
        shutil.copyfile(args.run / name, args.model / name)
    if (args.run / "concepts.json").exists():
        rows = json.loads((args.run / "concepts.json").read_text())["concepts"]
        taught = [n for r in rows if r["kind"] != "phrase" for n in [*r["en"][:2], *r["ko"][:2]] if len(n.split()) < 5]
        (args.model / "concepts.json").write_text(json.dumps(dict(concepts=sorted(set(taught))), ensure_ascii=False))
    if args.pictures:
        with torch.no_grad():
            images = {p.name: F.normalize(model.encode_image(pixels(Image.open(p))[None]), dim=-1)[0] for p in sorted(args.pictures.glob("*.jpg"))}
            raw = {t: model.encode_text(torch.tensor([tokenizer.encode(t).ids]))[0] for t in TEXTS}
        rounded = lambda v: [round(x, 4) for x in v.tolist()]
        (args.model / "expected.json").write_text(json.dumps(dict(
            images={k: rounded(v) for k, v in images.items()}, texts={t: rounded(F.normalize(v, dim=-1)) for t, v in raw.items()},
            norms={t: round(v.norm().item(), 4) for t, v in raw.items()}), ensure_ascii=False))
    print(f"{sum(v.numel() for v in state.values()):,} numbers to {args.model}")


if __name__ == "__main__":
    main()
