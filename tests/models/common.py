"""What the scripts here share: sizes, a cut tokenizer, inputs, and how a model's answers are written down."""
import base64
import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).parent
OUT = HERE / "fixtures"
SHARED = Path(os.environ.get("CLIP_SHARED", HERE / "../../../shared"))
IMAGE, PATCH, WIDTH, HEADS, MLP, LAYERS, EMBEDDING, CONTEXT = 32, 8, 16, 2, 64, 2, 16, 16
MERGES = 10  # of OpenAI's; with 512 byte symbols and two specials the vocabulary has 524 entries
TEXTS = ["a photo of a cat", "The theme in Ansan, 2024!", "er in on an th re ar at ing or st ed"]
VOCABULARY = 512 + MERGES + 2


def folder(name):
    path = OUT / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def picture():
    """Not square, with edges and colours, so that every way of resizing gives something else."""
    y, x = np.mgrid[0:53, 0:75]
    rgb = np.stack([(x * 3) % 256, (y * 5) % 256, ((x // 7 + y // 5) % 2) * 200 + 20], -1)
    return Image.fromarray(rgb.astype(np.uint8))


def pixels():
    return torch.randn(2, 3, IMAGE, IMAGE, generator=torch.Generator().manual_seed(7))


def tokenizer_files(path, merges=MERGES):
    """OpenAI's tokenizer, cut: the first merges, and the vocabulary that they make."""
    lines = (SHARED / "data/clip-bpe/merges.txt").read_text().split("\n")
    head, kept = lines[0], lines[1 : 1 + merges]
    vocab = json.loads((SHARED / "data/clip-bpe/vocab.json").read_text())
    names = sorted(vocab, key=vocab.get)[:512] + ["".join(line.split()) for line in kept]
    names += ["<|startoftext|>", "<|endoftext|>"]
    (path / "merges.txt").write_text("\n".join([head, *kept]) + "\n")
    (path / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}, ensure_ascii=False))


def randomise(model, seed=1):
    """Weights of a size at which activations saturate neither way, so that a wrong activation or epsilon shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "logit_scale" in name:
                parameter.fill_(3.2)
            elif parameter.dim() < 2:
                base = 1.0 if name.endswith("weight") else 0.0
                parameter.copy_(base + 0.1 * torch.randn(parameter.shape, generator=generator))
            else:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter[0].numel() ** -0.5 * 1.5)
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(1 + 0.2 * torch.rand(buffer.shape, generator=generator))
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
    return model.eval()


def rows(tensor):
    return [[float(f"{x:.8g}") for x in row] for row in tensor.detach().float().tolist()]


def crop_of(pixel_values, mean, std):
    """The crop's bytes, from what an image processor made of it."""
    values = pixel_values.detach().float().reshape(3, IMAGE, IMAGE)
    values = values * torch.tensor(std).reshape(3, 1, 1) + torch.tensor(mean).reshape(3, 1, 1)
    rgb = (values * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    return base64.b64encode(rgb.tobytes()).decode()


def expect(path, **answers):
    """expected.json beside a model: the library's own answers to the inputs above."""
    kept = {key: rows(value) if torch.is_tensor(value) else value for key, value in answers.items() if value is not None}
    (path / "expected.json").write_text(json.dumps(kept, separators=(",", ":")))


def inputs():
    """What every model here is asked."""
    OUT.mkdir(exist_ok=True)
    picture().save(OUT / "picture.png")
    numbers = base64.b64encode(pixels().numpy().tobytes()).decode()
    (OUT / "inputs.json").write_text(json.dumps({"texts": TEXTS, "pixels": numbers}, separators=(",", ":")))
