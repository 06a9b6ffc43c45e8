"""Makes this folder's files of embeddings, as the references write them, and expected.json, their numbers.

    python make.py        # needs numpy 2.4.6, safetensors 0.8.0, torch
"""
import json, os
import numpy as np
import safetensors.numpy, safetensors.torch
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
path = lambda name: os.path.join(HERE, name)

x = np.random.default_rng(5).standard_normal((7, 5)).astype(np.float32)
x[3] = [0, -0.0, 6e-8, 65504, -6.1e-5]  # the ends of half floats
names = ["a.jpg", "b \"c\".jpg", "사진.jpg", "d", "e", "f", "g"]
integers = (x * 40).clip(-128, 127).astype(np.int8)

np.save(path("f32.npy"), x)
np.save(path("f64.npy"), x.astype(np.float64))
np.save(path("f16.npy"), x.astype(np.float16))
np.save(path("int8.npy"), integers)
np.save(path("one.npy"), x[0])
np.save(path("columns.npy"), np.asfortranarray(x))
np.save(path("big-endian.npy"), x.astype(">f4"))
np.save(path("cube.npy"), x.reshape(7, 5, 1))
with open(path("version2.npy"), "wb") as file:
    np.lib.format.write_array(file, x, version=(2, 0))

safetensors.numpy.save_file({"image_embeds": x}, path("f32.safetensors"), {"files": json.dumps(names, ensure_ascii=False, separators=(",", ":"))})
safetensors.numpy.save_file({"vectors": x}, path("plain.safetensors"))
safetensors.torch.save_file({"x": torch.from_numpy(x).to(torch.bfloat16)}, path("bf16.safetensors"))
safetensors.numpy.save_file({"a": x, "b": integers}, path("two.safetensors"))

half = x.astype(np.float16).astype(np.float32)
brain = torch.from_numpy(x).to(torch.bfloat16).to(torch.float32).numpy()
json.dump({"names": names, "f32": x.ravel().tolist(), "f16": half.ravel().tolist(), "bf16": brain.ravel().tolist(),
           "int8": integers.ravel().tolist()}, open(path("expected.json"), "w"))
