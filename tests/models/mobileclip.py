"""Makes a small random MobileCLIP and what its libraries answer with it:  python tests/models/mobileclip.py

Needs timm 1.0.31, open_clip_torch 3.3.0. Writes mobileclip/ and mobileclip-b/ beside itself: timm's FastVit as fastvit_mci0 is made of it, only smaller, and
OpenCLIP's TextTransformer without a causal mask, for pixels sin(0.7 i) and ids that end in the largest and are filled up with 0. Weights are
f16, and the references run on them in f32.  python tests/models/mobileclip.py NAME FOLDER  makes one of OpenCLIP's own configurations in
true size: MobileCLIP2-S0, say.
"""
import json, os, sys
import torch
from functools import partial
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))


def lively(model, gamma=.3):
    """Random weights large enough that every part matters, and no more. gamma: of layers' scales; with .3 a network of forty blocks makes
    of noise of a thousandth in the pixels one of 2 % in the embedding, which no precision would be near."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, p in model.named_parameters():
            fan = p[0].numel() if p.dim() > 1 else 1
            if "gamma" in name: p.normal_(gamma, gamma / 3)
            elif "embedding" in name: p.normal_(0, .3)
            elif p.dim() > 1: p.normal_(0, 1 / fan ** .5)
            elif name.endswith("weight"): p.normal_(1, .2)
            elif "logit" in name: p.fill_(2.3)
            else: p.normal_(0, .1)
            p.copy_(p.half().float())
        for name, b in model.named_buffers():
            if name.endswith("running_mean"): b.normal_(0, .2)
            if name.endswith("running_var"): b.uniform_(.5, 1.5)
            if b.is_floating_point(): b.copy_(b.half().float())
    return model.eval()


def sines(*shape):
    n = 1
    for s in shape: n *= s
    return torch.sin(torch.arange(n, dtype=torch.float64) * .7).float().reshape(shape)


def texts(count, context, vocabulary):
    ids = torch.zeros(count, context, dtype=torch.long)
    for t in range(count):
        n = 3 + 2 * t
        ids[t, :n] = (torch.arange(n) * 37 + 11 * t + 1) % (vocabulary - 1)
        ids[t, n] = vocabulary - 1
    return ids


def write(folder, model, image, text, size, context, vocabulary, config):
    os.makedirs(folder, exist_ok=True)
    # only what is read: buffers of attention masks are not
    state = {k: v.half().contiguous() for k, v in model.state_dict().items() if v.is_floating_point() and "attn_mask" not in k}
    save_file(state, f"{folder}/open_clip_model.safetensors", {"format": "pt"})
    ids = texts(3, context, vocabulary)
    with torch.no_grad():
        json.dump({"ids": ids.tolist(), "images": image(sines(2, 3, size, size)).tolist(), "texts": text(ids).tolist()},
                  open(f"{folder}/expected.json", "w"))
    json.dump(config, open(f"{folder}/open_clip_config.json", "w"), indent=1)


def small():
    from open_clip.transformer import TextTransformer
    from timm.models.fastvit import FastVit, RepConditionalPosEnc
    vision = FastVit(layers=(1, 1, 1, 1), embed_dims=(16, 32, 64, 128), mlp_ratios=(3, 3, 3, 3), se_downsamples=(False, False, True, True),
                     pos_embs=(None, None, None, partial(RepConditionalPosEnc, spatial_shape=(7, 7))),
                     token_mixers=("repmixer", "repmixer", "repmixer", "attention"), lkc_use_act=True, num_classes=24)
    text = TextTransformer(context_length=12, vocab_size=600, width=32, heads=4, layers=2, output_dim=24, no_causal_mask=True)
    both = torch.nn.Module()
    both.visual = torch.nn.Module()
    both.visual.trunk = vision
    both.text = text
    both.logit_scale = torch.nn.Parameter(torch.tensor(2.3))
    lively(both)
    config = {"model_cfg": {"embed_dim": 24, "vision_cfg": {"timm_model_name": "fastvit", "layers": [1, 1, 1, 1], "width": 16, "image_size": 64},
              "text_cfg": {"context_length": 12, "vocab_size": 600, "width": 32, "heads": 4, "layers": 2, "no_causal_mask": True}}}
    write(f"{HERE}/mobileclip", both, vision, text, 64, 12, 600, config)


def small_b():
    """MobileCLIP-B's image tower: timm's ViT with a stem of convolutions."""
    from timm.models.vision_transformer import VisionTransformer
    from timm.models.vision_transformer_hybrid import ConvStem
    from timm.layers import HybridEmbed
    from open_clip.transformer import TextTransformer
    stem = ConvStem(channels=(16, 16, 64), stride=(4, 2, 2), kernel_size=(4, 2, 2), padding=0, act_layer=torch.nn.GELU)
    vision = VisionTransformer(img_size=32, patch_size=1, embed_dim=64, depth=2, num_heads=1, num_classes=24, no_embed_class=True,
                               embed_layer=partial(HybridEmbed, backbone=stem, proj=False))
    both = torch.nn.Module()
    both.visual = torch.nn.Module()
    both.visual.trunk = vision
    both.text = TextTransformer(context_length=12, vocab_size=600, width=32, heads=4, layers=1, output_dim=24)
    both.logit_scale = torch.nn.Parameter(torch.tensor(2.3))
    lively(both)
    config = {"model_cfg": {"embed_dim": 24, "vision_cfg": {"timm_model_name": "vit_mci", "layers": 2, "width": 64, "patch_size": 16, "image_size": 32},
              "text_cfg": {"context_length": 12, "vocab_size": 600, "width": 32, "heads": 4, "layers": 1}}}
    write(f"{HERE}/mobileclip-b", both, vision, both.text, 32, 12, 600, config)


def true_size(name, folder):
    import open_clip
    torch.set_num_threads(1)
    model = lively(open_clip.create_model(name), .1)
    c = open_clip.get_model_config(name)
    size = c["vision_cfg"]["image_size"]
    write(folder, model, model.encode_image, model.encode_text, size, 77, 49408, {"model_cfg": c, "preprocess_cfg": {"size": [size, size], "mode": "RGB",
          "mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear", "resize_mode": "shortest", "fill_color": 0}})


if len(sys.argv) > 2: true_size(*sys.argv[1:])
else:
    small()
    small_b()
