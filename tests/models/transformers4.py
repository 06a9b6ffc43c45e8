"""Models saved by transformers 4 (torch.save and safetensors, preprocessor_config.json) and exported by optimum, in the layout that
transformers.js reads.   pip install "optimum-onnx[onnxruntime]" "transformers<4.58" onnxconverter-common"""
import shutil
import sys

import onnx
import torch
from common import *
from onnxconverter_common import float16
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from optimum.exporters.onnx import main_export
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast


def config(width=WIDTH, layers=LAYERS, **changes):
    tower = dict(hidden_size=width, intermediate_size=MLP, num_attention_heads=HEADS, num_hidden_layers=layers)
    text = dict(tower, vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, bos_token_id=VOCABULARY - 2, eos_token_id=VOCABULARY - 1)
    vision = dict(tower, image_size=IMAGE, patch_size=PATCH)
    for key, value in changes.items():
        (text if key in ("eos_token_id",) else vision).update({key: value})
        if key in ("hidden_act", "layer_norm_eps"):
            text[key] = value
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=EMBEDDING)


def save(path, model, processor, **how):
    model.save_pretrained(path, **how)
    processor.save_pretrained(path)
    tokenizer_files(path)
    answer(path, model, processor)


def answer(path, model, processor):
    tokenizer = CLIPTokenizerFast(vocab_file=str(path / "vocab.json"), merges_file=str(path / "merges.txt"), model_max_length=CONTEXT)
    texts = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    ids = [row[mask.bool()].tolist() for row, mask in zip(texts["input_ids"], texts["attention_mask"])]
    out = model(input_ids=texts["input_ids"], attention_mask=texts["attention_mask"], pixel_values=pixels())
    image = processor(picture(), return_tensors="pt")["pixel_values"]
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ([0, 0, 0], [1, 1, 1])
    expect(
        path,
        image_embeds=model.get_image_features(pixels()),
        text_embeds=model.get_text_features(**texts),
        input_ids=ids,
        logit_scale=float(model.logit_scale.exp()),
        crop=crop_of(image, mean, std),
        picture_embeds=model.get_image_features(image),
    )


def processor(**changes):
    return CLIPImageProcessor(**{"size": {"shortest_edge": IMAGE}, "crop_size": IMAGE, **changes})


def main():
    inputs()
    model = randomise(CLIPModel(config(eos_token_id=2)))
    save(folder("transformers-bin"), model, processor(), safe_serialization=False)
    save(folder("transformers-bin-sharded"), model, processor(), safe_serialization=False, max_shard_size="40KB")
    model = randomise(CLIPModel(config(hidden_act="gelu", layer_norm_eps=1e-3)), 2)
    save(folder("transformers-gelu"), model, processor(size={"height": IMAGE, "width": IMAGE}, resample=2))

    export()


def export():
    """One model, as the scripts of transformers.js make it: optimum's graphs, then onnxruntime's quantizers."""
    model = randomise(CLIPModel(config(width=32, layers=1)), 3)
    source, path = folder("export-source"), folder("xenova")
    save(source, model, processor())
    tokenizer = CLIPTokenizerFast(vocab_file=str(source / "vocab.json"), merges_file=str(source / "merges.txt"), model_max_length=CONTEXT)
    tokenizer.save_pretrained(source)
    made = folder("export-made")
    main_export(str(source), made, task="zero-shot-image-classification", do_validation=False, opset=17)
    (path / "onnx").mkdir()
    for name in ("config.json", "preprocessor_config.json", "vocab.json", "merges.txt", "tokenizer.json", "expected.json"):
        shutil.copy(source / name, path / name)
    split(model, made)
    for name in ("model", "vision_model", "text_model"):
        variants(made / f"{name}.onnx", path / "onnx", name)
    external(made / "vision_model.onnx", path)
    rounded(model, path)
    shutil.rmtree(source)
    shutil.rmtree(made)


def split(model, made):
    """transformers.js has the towers in files of their own, exported from CLIPVisionModelWithProjection and CLIPTextModelWithProjection."""
    from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

    vision = CLIPVisionModelWithProjection(model.config.vision_config)
    vision.vision_model, vision.visual_projection = model.vision_model, model.visual_projection
    text = CLIPTextModelWithProjection(model.config.text_config)
    text.text_model, text.text_projection = model.text_model, model.text_projection

    class Vision(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vision_model, self.visual_projection = model.vision_model, model.visual_projection

        def forward(self, pixel_values):
            return self.visual_projection(self.vision_model(pixel_values)[1])

    class Text(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.text_model, self.text_projection = model.text_model, model.text_projection

        def forward(self, input_ids):
            return self.text_projection(self.text_model(input_ids)[1])

    ids = torch.tensor([[VOCABULARY - 2, 5, 6, VOCABULARY - 1]])
    axes = {0: "batch"}
    torch.onnx.export(Vision(), (pixels(),), str(made / "vision_model.onnx"), input_names=["pixel_values"], output_names=["image_embeds"], dynamic_axes={"pixel_values": axes}, opset_version=17, dynamo=False)
    torch.onnx.export(Text(), (ids,), str(made / "text_model.onnx"), input_names=["input_ids"], output_names=["text_embeds"], dynamic_axes={"input_ids": {0: "batch", 1: "length"}}, opset_version=17, dynamo=False)


def variants(source, to, name):
    if name != "text_model":
        shutil.copy(source, to / f"{name}.onnx")
    if name == "model":  # the combined graph is there to be preferred, in two forms
        quantize_dynamic(source, to / f"{name}_quantized.onnx", weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul", "Gemm", "Conv", "Gather"])
        return
    half = float16.convert_float_to_float16(onnx.load(source), keep_io_types=True, disable_shape_infer=True)
    onnx.save(half, to / f"{name}_fp16.onnx")
    if name == "text_model":
        quantize_dynamic(source, to / f"{name}_int8.onnx", weight_type=QuantType.QInt8, per_channel=True)
    else:
        quantize_dynamic(source, to / f"{name}_quantized.onnx", weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul", "Gemm", "Gather"])
        quantize_dynamic(source, to / f"{name}_uint8.onnx", weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul", "Gemm", "Conv", "Gather"])
    four = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    four.process()
    onnx.save(four.model.model, to / f"{name}_q4.onnx")


def rounded(model, path):
    """What the model answers with each file's weights, as onnxruntime's operators define them, in f32."""
    answers = {}
    texts = json.loads((path / "expected.json").read_text())["input_ids"]
    longest = max(map(len, texts))
    ids = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in texts])
    for file in sorted((path / "onnx").glob("*_model*_*.onnx")):
        name = file.stem
        if "external" in name:
            continue
        other = CLIPModel(model.config).eval()
        other.load_state_dict({**model.state_dict(), **{k: v for k, v in dequantised(file).items() if v.is_floating_point()}}, strict=False)
        embeds = other.get_image_features(pixels()) if name.startswith("vision") else other.get_text_features(ids)
        answers[name] = rows(embeds)
    (path / "rounded.json").write_text(json.dumps(answers, separators=(",", ":")))


def dequantised(file):
    graph = onnx.load(file).graph
    values = {i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer}
    found = {name: value.float() for name, value in values.items() if name.startswith(("vision_model.", "text_model.")) and value.dtype in (torch.float16, torch.float32)}
    found = {name: value for name, value in found.items() if not name.endswith("_scale")}
    for name, value in list(values.items()):
        base = name.removesuffix("_quantized")
        if base != name:
            values[base] = (value.float() - values[f"{base}_zero_point"].float()) * values[f"{base}_scale"]
            if base.startswith(("vision_model.", "text_model.")):
                found[base] = values[base]
    for node in graph.node:
        if node.op_type not in ("MatMul", "MatMulInteger", "MatMulNBits") or node.input[1] not in values:
            continue
        parameter = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".") + ".weight"
        if node.op_type != "MatMulNBits":
            found[parameter] = values[node.input[1].removesuffix("_quantized")].float().T
            continue
        packed, scales = values[node.input[1]], values[node.input[2]]
        codes = torch.stack([packed & 15, packed >> 4], -1).reshape(packed.shape[0], packed.shape[1], -1).float() - 8
        found[parameter] = (codes * scales.reshape(packed.shape[0], packed.shape[1], 1)).reshape(packed.shape[0], -1)
    return found


def external(source, path):
    graph = onnx.load(source)
    onnx.save_model(graph, path / "onnx/vision_model_external.onnx", save_as_external_data=True, all_tensors_to_one_file=True, location="vision_model_external.onnx_data", size_threshold=100)


if __name__ == "__main__":
    sys.exit(main())
