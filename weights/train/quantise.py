"""Simulates the engine's q8 and q4 in PyTorch: what quantised weights and activations do to a model's answers.

q8: int8 weights, symmetric, one scale an output row; u8 activations, one scale and zero point a token.
q4: the text blocks' linear layers in int4 (src/weights/quantize.h); all else as in q8, and so are activations.
Positional embeddings, norms and biases stay f32. The image tower in int8 is the engine's to show (engine.mjs).
"""
import copy
import re
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

# int4's curves, from the engine's own source; then their mirror images.
SOURCE = (Path(__file__).parents[2] / "src/weights/quantize_q4.c").read_text()
CURVES = torch.tensor([[int(n) for n in row.split(",")] for row in re.findall(r"^ +\{(-?\d+(?:, -?\d+){15})\},$", SOURCE, re.M)])
assert CURVES.shape == (16, 16)


def weight_q8(w):
    """(out, ...) -> the same, rounded to int8 by output row."""
    flat = w.flatten(1)
    scale = flat.abs().amax(1, keepdim=True) / 127
    return (torch.round(flat / scale.clamp(min=1e-30)).clamp(-127, 127) * scale).view_as(w)


def choose_q4(w, scale, step):
    """(out, in), (out, 1) -> the nearest levels on each group's best curve of every `step`th, in int8 steps."""
    fine = torch.round((w * (32 / scale)).clamp(-8128, 8128))
    coarse = torch.floor((fine + 16) / 32).clamp(-127, 127)
    least = torch.full((len(w), w.shape[1] // 8), torch.inf)
    best = torch.zeros_like(w)
    for curve in CURVES[::step].to(w.device):
        middles = torch.div(curve[:-1] + curve[1:], 2, rounding_mode="floor").float()
        for sign in (1, -1):
            level = curve[torch.bucketize(sign * coarse, middles)].float()
            error = (sign * fine - 32 * level).square().view(len(w), -1, 8).sum(-1)
            better = error < least
            least = torch.where(better, error, least)
            best = torch.where(better.repeat_interleave(8, 1), sign * level, best)
    return best


def weight_q4(w):
    """(out, in) -> the same, rounded as clip_quantize_q4 does."""
    if w.shape[1] % 64:
        return weight_q8(w)
    largest = w.abs().amax(1, keepdim=True).clamp(min=1e-30)
    reach = (4.4 * (w / largest).square().mean(1, keepdim=True).sqrt()).clamp(max=1.35)
    best, least, growing = reach, torch.full_like(reach, torch.inf), torch.ones_like(reach, dtype=torch.bool)
    while growing.any():
        scale = largest / 127 * reach
        error = (w / scale - choose_q4(w, scale, 3)).square().sum(1, keepdim=True) * reach.square()
        growing &= error < least
        best, least = torch.where(growing, reach, best), torch.where(growing, error, least)
        reach = reach * 1.2
    scale = largest / 127 * best
    return choose_q4(w, scale, 1) * scale


def activation_u8(x, dims):
    """Asymmetric u8 over `dims` together; zero is always exact."""
    low, high = x.amin(dims, keepdim=True).clamp(max=0), x.amax(dims, keepdim=True).clamp(min=0)
    scale = ((high - low) / 255).clamp(min=1e-30)
    zero = torch.round(-low / scale)
    return (torch.round(x / scale + zero).clamp(0, 255) - zero) * scale


class PlainBlock(nn.Module):
    """A text block whose four linear layers are modules, so that each can be wrapped."""

    def __init__(self, block):
        super().__init__()
        self.ln_1, self.ln_2, self.heads = block.ln_1, block.ln_2, block.heads
        out, width = block.attn.in_proj_weight.shape
        self.qkv = nn.Linear(width, out)
        self.qkv.weight, self.qkv.bias = block.attn.in_proj_weight, block.attn.in_proj_bias
        self.out = nn.Linear(width, width)
        self.out.weight, self.out.bias = block.attn.out_proj.weight, block.attn.out_proj.bias
        self.fc, self.gelu, self.proj = block.mlp.c_fc, block.mlp.gelu, block.mlp.c_proj

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.proj(self.gelu(self.fc(self.ln_2(x))))


def wrap(module, linear_weight):
    """Rounds the weights of every linear layer inside, and the activations that enter them."""
    for m in module.modules():
        if isinstance(m, nn.Linear):
            m.weight.data = linear_weight(m.weight.data)
            m.register_forward_pre_hook(lambda m, args: (activation_u8(args[0], (-1,)),))


def quantised(model, precision):
    """-> a copy of the model whose text tower and projection answer as the engine's do at f32, q8 or q4."""
    model = copy.deepcopy(model).eval()
    if precision == "f32":
        return model
    blocks = model.transformer.resblocks
    for i in range(len(blocks)):
        blocks[i] = PlainBlock(blocks[i])
    with torch.no_grad():
        wrap(model.visual.head, weight_q8)
        wrap(model.transformer, {"q8": weight_q8, "q4": weight_q4}[precision])
        model.token_embedding.weight.data = weight_q8(model.token_embedding.weight.data)
        model.text_projection.data = weight_q8(model.text_projection.data.T).T
    return model
