"""First inputs of the fuzzers that read torch's and ONNX's files (tests/fuzz/seeds/).   pip install torch onnx"""
import collections
import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

SEEDS = Path(__file__).parent / "../fuzz/seeds"


def put(fuzzer, name, data):
    (SEEDS / fuzzer).mkdir(parents=True, exist_ok=True)
    (SEEDS / fuzzer / name).write_bytes(data)


def torches():
    whole = torch.arange(12.0)
    states = {
        "plain": {"visual.proj": torch.zeros(2, 3), "logit_scale": torch.tensor(1.0)},
        "views": collections.OrderedDict(a=whole[2:8].view(2, 3).T, b=whole[:4], c=torch.nn.Parameter(torch.ones(2, dtype=torch.half))),
        "nested": {"epoch": 3, "rate": 0.5, "list": [1, 2], "state_dict": {"module.x": torch.ones(1, dtype=torch.bfloat16)}},
    }
    for name, state in states.items():
        buffer = io.BytesIO()
        torch.save(state, buffer)
        put("torch", name, b"\xff" + buffer.getvalue())
        archive = zipfile.ZipFile(buffer)
        put("pickle", name, archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl"))))


def onnxes():
    def save(name, nodes, tensors):
        graph = helper.make_graph(nodes, "g", [], [], [numpy_helper.from_array(v, k) for k, v in tensors.items()])
        put("onnx", name, b"\xff" + helper.make_model(graph).SerializeToString())

    product = helper.make_node("MatMul", ["x", "onnx::MatMul_1"], ["y"], name="/visual_projection/MatMul")
    save("plain", [product], {"onnx::MatMul_1": np.ones((2, 3), np.float32), "vision_model.pre_layrnorm.weight": np.ones(4, np.float16)})
    integer = helper.make_node("MatMulInteger", ["x", "m_quantized", "z", "m_zero_point"], ["y"], name="/text_projection/MatMul_quant")
    save("quantized", [integer], {"m_quantized": np.ones((2, 3), np.uint8), "m_scale": np.ones(3, np.float32), "m_zero_point": np.zeros(3, np.uint8)})
    four = helper.make_node("MatMulNBits", ["x", "m_Q4", "m_scales"], ["y"], name="/text_projection/MatMul_Q4", K=32, N=2, bits=4, block_size=32)
    save("four", [four], {"m_Q4": np.ones((2, 1, 16), np.uint8), "m_scales": np.ones(2, np.float32)})
    gemm = helper.make_node("Gemm", ["x", "visual_projection.weight", "b"], ["y"], name="/visual_projection/Gemm", transB=1)
    save("gemm", [gemm], {"visual_projection.weight": np.ones((2, 3), np.float32), "text_model.embeddings.token_embedding.weight_quantized": np.ones((2, 2), np.int8), "text_model.embeddings.token_embedding.weight_scale": np.ones((), np.float32)})


torches()
onnxes()
