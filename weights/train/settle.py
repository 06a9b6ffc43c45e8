"""Rounds the image tower's weights to int8 such that what they compute changes least, before the converter rounds them.

usage: settle.py MODEL PHOTOS OUT [--many 128]      (MODEL and OUT are model folders in export.py's form; PHOTOS is photos.py's)

Weights that are rounded one by one to the nearest step lose more here than their precision says: what enters a projection was cut off at zero
by ReLU6 and has a large mean, which the weights' errors multiply, so that whole channels are shifted. So columns are rounded in turn, and what is
lost with one is made good by those that follow (GPTQ, Frantar et al. 2022), as PHOTOS' training photos need it; then each channel's mean goes back to
where it was, through the batch norm's. Every row keeps its largest weight: the converter finds the same step, and rounds nothing any more.
"""
import argparse
import json
import random
import shutil
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from export import pixels
from model import CLIP
from quantise import activation_u8


def rounded(weight, inputs, damp=.01):
    """(out, in) weights, (n, in) inputs -> weights on the grid that clip_quantize_q8 finds for each row."""
    w = weight.double().clone()
    step = (w.abs().amax(1) / 127).clamp(min=1e-30)
    largest = w.abs().argmax(1)
    x = inputs.double()
    x = x - x.mean(0)
    h = x.T @ x / len(x)
    h += (damp * h.diagonal().mean() + 1e-9) * torch.eye(len(h), dtype=torch.double)
    order = h.diagonal().argsort(descending=True)                     # what varies most is rounded first, while others can make it good
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h[order][:, order])), upper=True)
    w, kept = w[:, order], torch.zeros_like(order)
    kept[order] = torch.arange(len(order))
    largest = kept[largest]
    out = torch.empty_like(w)
    for i in range(w.shape[1]):
        column = w[:, i]
        q = torch.round(column / step).clamp(-127, 127) * step
        own = largest == i                                            # the row's step comes from this one
        q = torch.where(own, torch.sign(weight.double()[:, order[i]]) * 127 * step, q)
        out[:, i] = q
        w[:, i + 1:] -= ((column - q) / inverse[i, i])[:, None] * inverse[i, i + 1:][None]
    return out[:, kept]


def norms(trunk):
    """Each convolution with the batch norm after it."""
    last = None
    for m in trunk.modules():
        if isinstance(m, nn.Conv2d):
            last = m
        elif isinstance(m, nn.BatchNorm2d):
            yield last, m


@torch.inference_mode()
def settle(trunk, images):
    pointwise = [(c, n) for c, n in norms(trunk) if c.kernel_size == (1, 1)]
    means, hooks = {}, []
    for c, _ in pointwise:
        hooks.append(c.register_forward_hook(lambda c, args, out: means.__setitem__(c, out.mean((0, 2, 3)))))
    trunk(images)
    for hook in hooks:
        hook.remove()
    draw = torch.Generator().manual_seed(1)

    def take(c, args):
        x = activation_u8(args[0], (1,))                              # a row of pixels' channels at a time, as the engine has them
        rows = x.permute(0, 2, 3, 1).flatten(0, 2)
        some = rows[torch.randperm(len(rows), generator=draw)[:16384]]
        c.weight.copy_(rounded(c.weight.flatten(1), some).float().view_as(c.weight))
        return (x,)

    def centre(c, args, out, norm):
        norm.running_mean += out.mean((0, 2, 3)) - means[c]
        return None
    hooks = [h for c, n in pointwise for h in (c.register_forward_pre_hook(take), c.register_forward_hook(lambda c, args, out, n=n: centre(c, args, out, n)))]
    trunk(images)
    for hook in hooks:
        hook.remove()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("model", type=Path), args.add_argument("photos", type=Path), args.add_argument("out", type=Path)
    args.add_argument("--many", type=int, default=128)
    args = args.parse_args()
    torch.set_num_threads(1)
    files = sorted((args.photos / "train").glob("*.jpg"))
    files = random.Random(2).sample(files, min(args.many, len(files)))
    model = CLIP(json.loads((args.model / "open_clip_config.json").read_text())["model_cfg"]).eval()
    state = load_file(args.model / "open_clip_model.safetensors")
    model.load_state_dict(state, strict=False)
    settle(model.visual.trunk, torch.stack([pixels(Image.open(f)) for f in files]))
    shutil.copytree(args.model, args.out, dirs_exist_ok=True)
    state |= {k: v.contiguous() for k, v in model.state_dict().items() if k in state and k.startswith("visual.trunk.")}
    save_file(state, args.out / "open_clip_model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
