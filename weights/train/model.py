"""A small CLIP: the CLIP paper's modified ResNet and a causal text transformer.

The state dict has the original (OpenAI / OpenCLIP) parameter names and layouts, so any reader of that form loads it.
"""
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """A ResNet bottleneck that average-pools where others stride."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, 4 * channels, 1, bias=False), nn.BatchNorm2d(4 * channels)
        nn.init.constant_(self.bn3.weight, 0.5)
        self.stride = stride
        self.downsample = None
        if stride > 1 or channels_in != 4 * channels:
            self.downsample = nn.Sequential(OrderedDict([
                ("-1", nn.AvgPool2d(stride)), ("0", nn.Conv2d(channels_in, 4 * channels, 1, bias=False)),
                ("1", nn.BatchNorm2d(4 * channels))]))

    def shrink(self, x):
        """Halve the side, but never below 3: training at 48 and 64 pixels leaves the attention pool the 3x3 positions it
        has at 96. There, sides of 12 and 6, this is plain average pooling."""
        return F.adaptive_avg_pool2d(x, 3) if x.shape[-1] <= 6 else F.avg_pool2d(x, self.stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        if self.stride > 1:
            x, y = self.shrink(x), self.shrink(y)
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample[2](self.downsample[1](x))
        return F.relu(x + y)


class AttentionPool(nn.Module):
    """One query, the mean token, over all positions.

    The key and value projections are folded onto the single query's side: q·(W x) = (q W)·x, and a weighted sum of
    projected tokens is the projected weighted sum. Same result, a third of the work. (The key bias shifts all scores
    of a head alike, so softmax ignores it.)
    """

    def __init__(self, side, width, heads, out):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(side * side + 1, width) / width ** 0.5)
        self.k_proj, self.q_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.c_proj, self.heads = nn.Linear(width, out), heads
        self.norm = nn.Identity()                                    # while training, see CLIP.train_with_norm
        nn.init.zeros_(self.k_proj.bias)
        # starts as average pooling, which learns much faster at first
        nn.init.eye_(self.v_proj.weight), nn.init.zeros_(self.v_proj.bias)
        nn.init.normal_(self.q_proj.weight, std=.005), nn.init.zeros_(self.q_proj.bias)
        self.positional_embedding.data.mul_(.3)

    def forward(self, x):                                            # (B, C, H, W) -> (B, out)
        batch, width = x.shape[:2]
        x = x.flatten(2).transpose(1, 2)
        mean = x.mean(1) + self.positional_embedding[0]
        x = torch.cat([mean[:, None], x + self.positional_embedding[1:]], 1)
        by_head = lambda t: t.view(-1, self.heads, width // self.heads).transpose(0, 1)               # (heads, B, d)
        query = by_head(self.q_proj(mean)) @ self.k_proj.weight.view(self.heads, -1, width)           # (heads, B, C)
        score = query.transpose(0, 1) @ x.transpose(1, 2) * (width // self.heads) ** -0.5             # (B, heads, N)
        pooled = (score.softmax(-1) @ x).transpose(0, 1)                                              # (heads, B, C)
        value = pooled @ self.v_proj.weight.view(self.heads, -1, width).transpose(1, 2)               # (heads, B, d)
        return self.norm(self.c_proj(value.transpose(0, 1).reshape(batch, width) + self.v_proj.bias))


class ResNetTower(nn.Module):
    def __init__(self, layers, width, image_size, out):
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        channels = width
        for stage, blocks in enumerate(layers):
            stack = []
            for b in range(blocks):
                stack.append(Bottleneck(channels, width << stage, 2 if stage and b == 0 else 1))
                channels = 4 * (width << stage)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*stack))
        self.attnpool = AttentionPool(image_size // 32, channels, channels // 64, out)

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
        x = F.avg_pool2d(x, 2)
        for i in (1, 2, 3, 4):
            x = getattr(self, f"layer{i}")(x)
        with torch.autocast(x.device.type, enabled=False):           # in bf16 all images look the same at the start
            return self.attnpool(x.float())


class Block(nn.Module):
    """Pre-norm causal attention block with exact GELU."""

    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(OrderedDict([
            ("c_fc", nn.Linear(width, 4 * width)), ("gelu", nn.GELU()), ("c_proj", nn.Linear(4 * width, width))]))
        self.heads = heads

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = F.linear(self.ln_1(x), self.attn.in_proj_weight, self.attn.in_proj_bias)
        q, k, v = qkv.view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out = self.attn.out_proj
        x = x + F.linear(y.transpose(1, 2).reshape(batch, tokens, width), out.weight, out.bias)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, heads, layers):
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])

    def forward(self, x):
        return self.resblocks(x)


class CLIP(nn.Module):
    """Built from an OpenCLIP-style configuration (embed_dim, vision_cfg, text_cfg)."""

    def __init__(self, config):
        super().__init__()
        vision, text, out = config["vision_cfg"], config["text_cfg"], config["embed_dim"]
        width, self.image_size = text["width"], vision["image_size"]
        self.visual = ResNetTower(vision["layers"], vision["width"], vision["image_size"], out)
        self.transformer = Transformer(width, text["heads"], text["layers"])
        self.token_embedding = nn.Embedding(text["vocab_size"], width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(text["context_length"], width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(width ** -0.5 * torch.randn(width, out))
        self.logit_scale = nn.Parameter(torch.tensor(2.6))
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def train_with_norm(self):
        """A BatchNorm on the image embeddings while training: ReLU features share a large mean, and without it all images look
        alike at first. It is linear afterwards: see `folded`."""
        self.visual.attnpool.norm = nn.BatchNorm1d(self.text_projection.shape[1])

    def encode_image(self, pixels):                                  # (B, 3, S, S), normalised
        return self.visual(pixels)

    def encode_text(self, ids):                                      # (B, T); the end token has the largest id
        x = self.token_embedding(ids) + self.positional_embedding[:ids.shape[1]]
        x = self.ln_final(self.transformer(x))
        return x[torch.arange(len(ids), device=ids.device), ids.argmax(-1)] @ self.text_projection


def folded(state):
    """A state dict with the embeddings' BatchNorm folded into the projection before it, the form that `CLIP` and everyone else reads."""
    state, norm, projection = dict(state), "visual.attnpool.norm.", "visual.attnpool.c_proj."
    if norm + "weight" in state:
        take = lambda name: state.pop(norm + name)
        factor = take("weight") / (take("running_var") + 1e-5).sqrt()
        state[projection + "weight"] = state[projection + "weight"] * factor[:, None]
        state[projection + "bias"] = (state[projection + "bias"] - take("running_mean")) * factor + take("bias")
        state.pop(norm + "num_batches_tracked", None)
    return state
