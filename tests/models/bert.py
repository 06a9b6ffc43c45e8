"""Makes small random models with BERT for texts and what the libraries answer with them:  python tests/models/bert.py

Needs transformers 5.24.0, open_clip_torch 3.3.0, tokenizers 0.23.3, Pillow. Writes beside itself

    chinese-clip/    as save_pretrained writes it, with the vocab.txt and pytorch_model.bin that OFA-Sys's repositories have, of tests/tokenizers/bert-zh.json
    dual-encoder/    VisionTextDualEncoderModel of CLIP's image tower and BERT; its tokenizer.json is tests/tokenizers/bert-ko.json
    xlm-roberta/     OpenCLIP's HFTextEncoder (mean of rows, two layers of projection) of XLM-RoBERTa's kind, alone, for ids 37 i mod 4000

    distilbert/      sentence-transformers' modules: DistilBertModel, the mean of its rows, a dense layer; tests/tokenizers/bert-en.json

each with expected.json. Weights are f16, and the references run on them in f32.
"""
import json, os
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (BertConfig, ChineseCLIPConfig, ChineseCLIPImageProcessorPil, ChineseCLIPModel, CLIPImageProcessorPil, CLIPVisionConfig,
                          VisionTextDualEncoderConfig, VisionTextDualEncoderModel, XLMRobertaConfig)
from siglip import HERE, halves, lively

PICTURES = ["lemons.jpg", "school-bus.jpg", "goldfish.jpg"]
VISION = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)
TEXT = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=40)


def encode(name, texts):
    t = Tokenizer.from_file(f"{HERE}/../tokenizers/{name}.json")
    t.enable_padding(pad_id=0, pad_token="[PAD]")
    found = t.encode_batch(texts)
    return t, torch.tensor([x.ids for x in found]), torch.tensor([x.attention_mask for x in found])


def save(folder, model, processor, ids, mask, texts):
    save_file(halves(model), f"{folder}/model.safetensors", {"format": "pt"})
    processor.save_pretrained(folder)
    pixels = processor([Image.open(f"{HERE}/../../weights/samples/{p}").convert("RGB") for p in PICTURES], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        out = model(input_ids=ids, pixel_values=pixels, attention_mask=mask, token_type_ids=torch.zeros_like(ids))
    json.dump({"pictures": PICTURES, "texts": texts, "images": out.image_embeds.tolist(), "texts_embeds": out.text_embeds.tolist(),
               "scores": out.logits_per_image.softmax(-1).tolist()}, open(f"{folder}/expected.json", "w"))


def chinese():
    folder = f"{HERE}/chinese-clip"
    os.makedirs(folder, exist_ok=True)
    texts = ["一张校车的照片", "柠檬", "Goldfish 金鱼 123", "a"]
    t, ids, mask = encode("bert-zh", texts)
    words = sorted(t.get_vocab().items(), key=lambda x: x[1])
    open(f"{folder}/vocab.txt", "w").write("".join(w + "\n" for w, _ in words))
    config = ChineseCLIPConfig(text_config=dict(TEXT, vocab_size=len(words)), vision_config=VISION, projection_dim=24)
    model = lively(ChineseCLIPModel(config))
    model.save_pretrained(folder)
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}, f"{folder}/pytorch_model.bin")
    save(folder, model, ChineseCLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False), ids, mask, texts)


def dual():
    folder = f"{HERE}/dual-encoder"
    os.makedirs(folder, exist_ok=True)
    texts = ["스쿨버스 사진", "레몬", "금붕어 a 123", "हिन्दी"]
    t, ids, mask = encode("bert-ko", texts)
    config = VisionTextDualEncoderConfig.from_vision_text_configs(CLIPVisionConfig(**VISION), BertConfig(**TEXT, vocab_size=t.get_vocab_size()), projection_dim=24)
    model = lively(VisionTextDualEncoderModel(config))
    model.save_pretrained(folder)
    save(folder, model, CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}), ids, mask, texts)


def xlm():
    from open_clip.hf_model import HFTextEncoder
    folder = f"{HERE}/xlm-roberta"
    os.makedirs(folder, exist_ok=True)
    model = HFTextEncoder("", 24, config=XLMRobertaConfig(**TEXT, vocab_size=4000, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2),
                          pooler_type="mean_pooler", proj_type="mlp")
    model.transformer.pooler = None
    lively(model)
    save_file({f"text.{k}": v for k, v in halves(model).items()}, f"{folder}/open_clip_model.safetensors")
    lengths = [5, 38, 1, 12]
    rows = torch.full((4, 38), 1)
    flat = torch.arange(sum(lengths)) * 37 % 4000
    flat[flat == 1] = 7
    for i, ids in enumerate(flat.split(lengths)): rows[i, :len(ids)] = ids
    with torch.no_grad(): out = model(rows)
    json.dump({"lengths": lengths, "ids": flat.tolist(), "texts_embeds": out.tolist()}, open(f"{folder}/expected.json", "w"))


def distil():
    from transformers import DistilBertConfig, DistilBertModel
    folder = f"{HERE}/distilbert"
    for part in ("", "/1_Pooling", "/2_Dense"): os.makedirs(folder + part, exist_ok=True)
    texts = ["a photo of a school bus", "Lemons!", "goldfish", "a photo of a photo of a photo"]
    t, ids, mask = encode("bert-en", texts)
    config = DistilBertConfig(vocab_size=t.get_vocab_size(), dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=40)
    model = lively(DistilBertModel(config))
    model.save_pretrained(folder)
    save_file(halves(model), f"{folder}/model.safetensors", {"format": "pt"})
    dense = lively(torch.nn.Linear(32, 24, bias=False))
    save_file({"linear.weight": dense.weight.data.half()}, f"{folder}/2_Dense/model.safetensors")
    write = lambda name, value: json.dump(value, open(f"{folder}/{name}", "w"), indent=1)
    module = lambda i, name, path: {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
    write("modules.json", [module(0, "Transformer", ""), module(1, "Pooling", "1_Pooling"), module(2, "Dense", "2_Dense")])
    write("sentence_bert_config.json", {"max_seq_length": 38, "do_lower_case": False})
    write("1_Pooling/config.json", {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
          "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
    write("2_Dense/config.json", {"in_features": 32, "out_features": 24, "bias": False, "activation_function": "torch.nn.modules.linear.Identity"})
    with torch.no_grad():
        rows = model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
        found = dense(rows.sum(1) / mask.sum(1, keepdim=True))
    write("expected.json", {"texts": texts, "texts_embeds": found.tolist()})


chinese(), dual(), xlm(), distil()
