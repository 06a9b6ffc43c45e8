"""What OpenCLIP and timm answer for EfficientNet-Lite towers, layer by layer: writes efficientnet.json beside this file.

    python -m venv venv && venv/bin/pip install torch open_clip_torch timm && venv/bin/python tests/models/efficientnet.py

Weights and pictures are numbers from a hash of their name and place, which tests/c/test_efficientnet.c computes too, so that no model
need lie here. Of each layer some values are kept, at places that the same hash chooses. embedding_q8 is
what the same network answers with its weights rounded to int8.
"""
import json
import math
from pathlib import Path

import numpy as np
import open_clip
import timm
import torch

MODELS = [('lite0', 75), ('lite1', 64), ('lite2', 72), ('lite3', 64), ('lite4', 64)]  # the first one layer by layer
EMBEDDING, KEPT = 40, 64


def hashed(name, count):
    """(count) uniform in 0..1"""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 & 0xffffffff
    h = np.arange(count, dtype=np.uint32) + np.uint32(seed)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7feb352d)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846ca68b)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2 ** -24)


def tensor(name, shape):
    """Matrices keep the variance of what they multiply; norms are near what they are in trained networks."""
    u = hashed(name, math.prod(shape)).reshape(shape)
    if len(shape) > 1:
        return (u * 2 - 1) * np.float32(math.sqrt(3 / math.prod(shape[1:])))
    if name.endswith('running_var'):
        return u + np.float32(0.25)  # so that ReLU6 has something to cut at either end
    return u + np.float32(0.5 if name.endswith('weight') else -0.25)


def kept(name, values):
    """values (channels, height, width) or (n) -> KEPT of them in our order: height, width, channels"""
    flat = (values.permute(1, 2, 0) if values.dim() == 3 else values).reshape(-1).numpy()
    places = (hashed(name, KEPT) * np.float32(len(flat))).astype(np.int64)
    return [float(f'{v:.6g}') for v in flat[places]]


def rounded(weight):
    """to int8 with one scale an output, and back"""
    rows = weight.reshape(len(weight), -1)
    scale = np.abs(rows).max(1, keepdims=True) / np.float32(127)
    return (np.round(rows / scale) * scale).reshape(weight.shape)


def answers(variant, size, layers):
    model = open_clip.model.CLIP(
        EMBEDDING,
        dict(timm_model_name=f'tf_efficientnet_{variant}', timm_pool='avg', timm_proj='linear', timm_proj_bias=True, image_size=size),
        dict(context_length=8, vocab_size=600, width=64, heads=1, layers=1),
    ).eval()
    state = {name: value for name, value in model.state_dict().items() if name.startswith('visual.') and value.dim()}
    weights = {name: tensor(name, tuple(value.shape)) for name, value in state.items()}

    def load(change):
        changed = {name: torch.from_numpy(change(name, value)) for name, value in weights.items()}
        model.load_state_dict(changed, strict=False)

    load(lambda name, value: value)
    picture = torch.from_numpy(hashed('picture', 3 * size * size).reshape(1, 3, size, size) * 2 - 1)
    found = {}

    def keep(name):
        return lambda module, inputs, output: found.update({name: kept(name, output[0].detach())})

    trunk = model.visual.trunk
    if layers:
        trunk.bn1.register_forward_hook(keep('stem'))
        for s, stage in enumerate(trunk.blocks):
            for i, block in enumerate(stage):
                block.register_forward_hook(keep(f'blocks.{s}.{i}'))
        trunk.global_pool.register_forward_hook(keep('mean'))
    with torch.no_grad():
        embedding = model.encode_image(picture)[0]
        f32 = dict(found)
        stays = lambda name, value: value.ndim == 1 or 'conv_stem' in name or 'conv_dw' in name
        load(lambda name, value: value if stays(name, value) else rounded(value))
        embedding_q8 = model.encode_image(picture)[0]
    return {
        'variant': variant,
        'size': size,
        'tensors': {name: list(value.shape) for name, value in state.items()} if layers else None,
        'layers': f32,
        'embedding': [float(f'{v:.6g}') for v in embedding],
        'embedding_q8': [float(f'{v:.6g}') for v in embedding_q8],
    }


versions = f'open_clip {open_clip.__version__}, timm {timm.__version__}, torch {torch.__version__}'
made = {'made_by': versions, 'models': [answers(variant, size, i == 0) for i, (variant, size) in enumerate(MODELS)]}
Path(__file__).with_suffix('.json').write_text(json.dumps(made, separators=(',', ':')) + '\n')
