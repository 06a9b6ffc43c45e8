"""Models saved by transformers 5, sentence-transformers, OpenCLIP and torch.save.
pip install transformers open_clip_torch sentence-transformers"""
import collections
import shutil
import sys

import open_clip
import torch
from common import *
from open_clip.push_to_hf_hub import save_for_hf
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

OPENAI_MEAN, OPENAI_STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def config(layers=LAYERS, width=WIDTH, text=(), vision=()):
    tower = dict(hidden_size=width, intermediate_size=MLP, num_attention_heads=HEADS, num_hidden_layers=layers)
    text = {**tower, "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT, "bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1, "projection_dim": EMBEDDING, **dict(text)}
    vision = {**tower, "image_size": IMAGE, "patch_size": PATCH, "projection_dim": EMBEDDING, **dict(vision)}
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=EMBEDDING)


def embeds(output):
    """transformers 5 answers with an object, 4 with the tensor."""
    return output if torch.is_tensor(output) else output.pooler_output


def pil(**changes):
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(**{"size": {"shortest_edge": IMAGE}, "crop_size": {"height": IMAGE, "width": IMAGE}, **changes})


def tokens(path):
    tokenizer = CLIPTokenizer.from_pretrained(path, model_max_length=CONTEXT)
    texts = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    return texts, [row[mask.bool()].tolist() for row, mask in zip(texts["input_ids"], texts["attention_mask"])]


def answer(path, model, processor, kinds=("vision", "text")):
    texts, ids = tokens(path)
    image = processor(picture(), return_tensors="pt")["pixel_values"]
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ([0, 0, 0], [1, 1, 1])
    if processor.do_rescale is False:  # what is left is the byte itself
        mean, std = [x / 255 for x in mean], [x / 255 for x in std]
    with torch.no_grad():
        expect(
            path,
            kinds=list(kinds),
            image_embeds=embeds(model.get_image_features(pixels())),
            text_embeds=embeds(model.get_text_features(**texts)),
            input_ids=ids,
            logit_scale=float(model.logit_scale.exp()) if len(kinds) > 1 else None,
            crop=crop_of(image, mean, std),
            picture_embeds=embeds(model.get_image_features(image)),
        )


def save(name, model, processor, how=None, **save):
    path = folder(name)
    tokenizer_files(path)
    (how or model.save_pretrained)(path, **save)
    if processor:
        processor.save_pretrained(path)
    return path


def transformers():
    model = randomise(CLIPModel(config()), 11)
    path = save("transformers5", model, pil())
    CLIPProcessor(image_processor=pil(), tokenizer=CLIPTokenizer.from_pretrained(path, model_max_length=CONTEXT)).save_pretrained(path)
    for name in ("preprocessor_config.json", "vocab.json", "merges.txt"):  # which transformers 5 writes no longer
        (path / name).unlink(missing_ok=True)
    tokenizer_files(path)
    answer(path, model, pil())
    for name in ("vocab.json", "merges.txt"):
        (path / name).unlink()
    path = save("transformers5-sharded", model, pil(size={"shortest_edge": 40}), max_shard_size="60KB")
    answer(path, model, pil(size={"shortest_edge": 40}))
    unnormalised = pil(do_normalize=False, resample=2)
    small = randomise(CLIPModel(config(layers=1)), 12)
    path = save("not-normalised", small, unnormalised)
    answer(path, small, unnormalised)
    flat(small)
    torches(small)
    sentence_transformers(small)


def flat(model):
    """A tower by itself, its configuration at the top of the file."""
    vision = CLIPVisionModelWithProjection(model.config.vision_config)
    vision.vision_model, vision.visual_projection = model.vision_model, model.visual_projection
    answer(save("vision-alone", vision.eval(), pil()), model, pil(), ["vision"])
    text = CLIPTextModelWithProjection(model.config.text_config)
    text.text_model, text.text_projection = model.text_model, model.text_projection
    answer(save("text-alone", text.eval(), pil()), model, pil(), ["text"])


def torches(model):
    """The same weights as torch.save may leave them."""
    state = collections.OrderedDict(model.state_dict())

    def write(name, made, **how):
        path = save(name, None, pil(), lambda p: (p / "config.json").write_text(model.config.to_json_string()))
        torch.save(made, path / "pytorch_model.bin", **how)
        return path

    # views of one storage, some of them transposed, with an offset, and not contiguous
    whole = torch.cat([value.flatten() for value in state.values()])
    views, at = collections.OrderedDict(), 0
    for name, value in state.items():
        views[name] = whole[at : at + value.numel()].view(value.shape)
        at += value.numel()
        if value.dim() == 2:
            views[name] = value.T.contiguous().T
    answer(write("torch-views", views), model, pil())
    nested = {"epoch": 3, "name": "x", "state_dict": collections.OrderedDict((f"module.{k}", torch.nn.Parameter(v)) for k, v in state.items())}
    answer(write("torch-nested", nested), model, pil())
    half = CLIPModel(model.config).eval()
    half.load_state_dict({k: v.bfloat16().float() if v.is_floating_point() else v for k, v in state.items()})
    path = write("torch-bfloat16", collections.OrderedDict((k, v.bfloat16() if v.is_floating_point() else v) for k, v in half.state_dict().items()))
    answer(path, half, pil())
    legacy = folder("torch-legacy")
    torch.save({"visual.proj": torch.zeros(2)}, legacy / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (legacy / "config.json").write_text(model.config.to_json_string())
    hostile = folder("torch-code")
    (hostile / "config.json").write_text(model.config.to_json_string())
    import argparse

    torch.save({"state_dict": {"visual.proj": torch.zeros(2)}, "arguments": argparse.Namespace(rate=0.1)}, hostile / "pytorch_model.bin")


def sentence_transformers(model):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import CLIPModel as Module

    source = save("sentence-source", model, pil())
    CLIPProcessor(image_processor=pil(), tokenizer=CLIPTokenizer.from_pretrained(source, model_max_length=CONTEXT)).save_pretrained(source)
    whole = SentenceTransformer(modules=[Module(str(source))])
    path = folder("sentence-transformers")
    whole.save(str(path), create_model_card=False)
    shutil.rmtree(source)
    answer(path, model, pil())


def open_clips():
    tower = {"width": WIDTH, "layers": 1, "mlp_ratio": 4.0}
    text = {**tower, "heads": HEADS, "context_length": CONTEXT, "vocab_size": VOCABULARY}
    vision = {**tower, "head_width": WIDTH // HEADS, "image_size": IMAGE, "patch_size": PATCH}
    base = {"embed_dim": EMBEDDING, "vision_cfg": vision, "text_cfg": text}
    one("open-clip", base, {}, True)
    one("open-clip-bin", {**base, "quick_gelu": True}, {"resize_mode": "squash"}, False)
    one("open-clip-custom", {**base, "custom_text": True}, {"interpolation": "bilinear", "mean": (0, 0, 0), "std": (1, 1, 1)}, True)
    one("open-clip-resnet", {**base, "vision_cfg": {"image_size": IMAGE, "layers": [1, 1, 1, 1], "width": 4, "head_width": 32}}, {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}, True)
    eos = {**text, "pool_type": "eos", "eos_id": VOCABULARY - 1}
    one("open-clip-eos", {**base, "vision_cfg": {**vision, "layers": 1}, "text_cfg": eos}, {}, True)


def one(name, cfg, preprocess, safe):
    keys = dict(cfg)
    custom = keys.pop("custom_text", False)
    Model = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = randomise(Model(**keys), 21)
    path = folder(name)
    tokenizer_files(path)
    made = open_clip.transform.PreprocessCfg(size=IMAGE, **preprocess)
    from dataclasses import asdict

    model.visual.preprocess_cfg = asdict(made)
    texts, ids = tokens(path)
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": cfg, "preprocess_cfg": {k: v for k, v in asdict(made).items() if k != "size"}}))
    if safe:
        from safetensors.torch import save_file

        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path / "open_clip_model.safetensors")
    else:
        torch.save(model.state_dict(), path / "open_clip_pytorch_model.bin")
    padded = torch.zeros(len(ids), CONTEXT, dtype=torch.long)
    for row, text in zip(padded, ids):
        row[: len(text)] = torch.tensor(text)
    transform = open_clip.transform.image_transform_v2(made, is_train=False)
    image = transform(picture())[None]
    with torch.no_grad():
        expect(
            path,
            kinds=["vision", "text"],
            image_embeds=model.encode_image(pixels()),
            text_embeds=model.encode_text(padded),
            input_ids=ids,
            logit_scale=float(model.logit_scale.exp()),
            crop=crop_of(image, made.mean, made.std),
            picture_embeds=model.encode_image(image),
        )


def defaults():
    """What the classes say where a file says nothing."""
    made = CLIPConfig()
    (OUT / "defaults.json").write_text(json.dumps({"text_config": made.text_config.to_dict(), "vision_config": made.vision_config.to_dict(), "projection_dim": made.projection_dim}))


if __name__ == "__main__":
    defaults()
    transformers()
    open_clips()
    sys.exit()
