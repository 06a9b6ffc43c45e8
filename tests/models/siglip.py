"""Makes small random SigLIPs and what the libraries answer with them:  python tests/models/siglip.py

Needs transformers 5.24.0, timm 1.0.31, open_clip_torch 3.3.0, tokenizers 0.23.3, Pillow. Writes beside itself

    siglip/             as save_pretrained writes it; its tokenizer.json is tests/tokenizers/siglip.json
    siglip2/            the same of SigLIP 2's kind: bilinear, byte-fallback BPE
    siglip-open-clip/   timm's names and OpenCLIP's: of timm's VisionTransformer and OpenCLIP's TextTransformer, for pixels sin(0.7 i) and ids 37 i mod 2100

each with expected.json: embeddings and scores of sample pictures and texts. Weights are f16, and the references run on them in f32.
"""
import json, os
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import SiglipConfig, SiglipModel, SiglipImageProcessorPil

HERE = os.path.dirname(os.path.abspath(__file__))
PICTURES = ["lemons.jpg", "school-bus.jpg", "goldfish.jpg"]
TEXTS = ["a photo of a school bus", "Lemons!", "a goldfish in the water", "김치, 사진", ""]


def lively(model):
    """Random weights large enough that every part matters."""
    torch.manual_seed(7)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1: p.normal_(0, 1.2 / p.shape[-1] ** .5 if "embed" not in name else .5)
            elif "norm" in name and name.endswith("weight"): p.normal_(1, .2)
            elif name.endswith("logit_scale"): p.fill_(2.3)
            elif name.endswith("logit_bias"): p.fill_(-1.7)
            else: p.normal_(0, .2)
            p.copy_(p.half().float())
    return model.eval()


def expect(folder, pixels, ids, images, texts, scale, bias):
    norm = lambda x: x / x.norm(dim=-1, keepdim=True)
    scores = torch.sigmoid(norm(images) @ norm(texts).T * scale + bias)
    json.dump({"pictures": PICTURES, "texts": TEXTS, "ids": ids.tolist(), "images": images.tolist(), "texts_embeds": texts.tolist(),
               "scores": scores.tolist(), "pixels": pixels[0, :, :2, :4].flatten().tolist()}, open(f"{folder}/expected.json", "w"))


def halves(model, rename=lambda name: name):
    return {rename(k): v.half().contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}


def hugging_face(name, tokenizer, resample):
    folder = f"{HERE}/{name}"
    os.makedirs(folder, exist_ok=True)
    t = Tokenizer.from_file(f"{HERE}/../tokenizers/{tokenizer}.json")
    t.enable_padding(length=16, pad_id=1 if name == "siglip" else 0, pad_token="</s>" if name == "siglip" else "<pad>")
    t.enable_truncation(16)
    config = SiglipConfig(
        text_config=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=16, vocab_size=t.get_vocab_size()),
        vision_config=dict(hidden_size=32, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8))
    model = lively(SiglipModel(config))
    model.save_pretrained(folder)
    save_file(halves(model), f"{folder}/model.safetensors", {"format": "pt"})
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=resample)
    processor.save_pretrained(folder)
    pixels = processor([Image.open(f"{HERE}/../../weights/samples/{p}").convert("RGB") for p in PICTURES], return_tensors="pt")["pixel_values"]
    ids = torch.tensor([t.encode(x).ids for x in TEXTS])
    with torch.no_grad():
        out = model(input_ids=ids, pixel_values=pixels)
        images = model.get_image_features(pixel_values=pixels)
        texts = model.get_text_features(input_ids=ids)
        images, texts = [getattr(x, "pooler_output", x) for x in (images, texts)]
        expect(folder, pixels, ids, images, texts, model.logit_scale.exp().item(), model.logit_bias.item())
        assert torch.allclose(torch.sigmoid(out.logits_per_image), torch.tensor(json.load(open(f"{folder}/expected.json"))["scores"]), atol=1e-5)


def open_clip_form():
    from functools import partial
    from open_clip.transformer import TextTransformer, LayerNorm
    from timm.models.vision_transformer import VisionTransformer
    folder = f"{HERE}/siglip-open-clip"
    os.makedirs(folder, exist_ok=True)
    vision = VisionTransformer(img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=4, mlp_ratio=2, class_token=False, global_pool="map", num_classes=0)
    text = TextTransformer(context_length=16, vocab_size=2100, width=32, heads=4, layers=2, mlp_ratio=2, output_dim=32, no_causal_mask=True, pool_type="last",
                           proj_bias=True, norm_layer=partial(LayerNorm, eps=1e-6), act_layer=partial(torch.nn.GELU, approximate="tanh"))
    lively(vision), lively(text)
    tensors = {**{f"visual.trunk.{k}": v for k, v in halves(vision).items()}, **{f"text.{k}": v for k, v in halves(text).items()},
               "logit_scale": torch.tensor(2.3).half(), "logit_bias": torch.tensor(-1.7).half()}
    save_file(tensors, f"{folder}/open_clip_model.safetensors")
    pixels = torch.sin(torch.arange(3 * 3 * 32 * 32, dtype=torch.float64) * .7).float().reshape(3, 3, 32, 32)
    ids = (torch.arange(5 * 16) * 37 % 2100).reshape(5, 16)
    with torch.no_grad():
        json.dump({"images": vision(pixels).tolist(), "texts_embeds": text(ids).tolist()},
                  open(f"{folder}/expected.json", "w"))


if __name__ == "__main__":
    hugging_face("siglip", "siglip", 3)
    hugging_face("siglip2", "siglip2", 2)
    open_clip_form()
