"""Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/): momentum whose matrices are made orthogonal.

Made for the inner matrices of a network, convolutions as (out, in * height * width). The step is scaled to the size of AdamW's (Liu et al.,
2025, https://arxiv.org/abs/2502.16982), so rates and decay mean the same. Here it learnt from a quarter of the photos that AdamW needed.
"""
import torch


def orthogonal(matrix, steps=5):
    """The nearest (semi-)orthogonal matrix, roughly: quintic Newton-Schulz iterations in bf16."""
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = (x.T if tall else x).contiguous()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = torch.addmm(x, torch.addmm(a, a, a, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return (x.T if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Workers share the iterations: each does every count-th matrix, and they add up what they have."""

    def __init__(self, parameters, rate, workers, decay=.05, momentum=.95):
        self.workers = workers
        super().__init__([dict(params=parameters, peak=rate, late=False)], dict(lr=rate, weight_decay=decay, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            updates = []
            for at, p in enumerate(group["params"]):
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                if at % self.workers.count != self.workers.rank:
                    updates.append(torch.zeros_like(p))
                    continue
                wide = p.grad.lerp(momentum, group["momentum"]).reshape(len(p), -1)
                updates.append(orthogonal(wide).mul_(.2 * max(wide.shape) ** .5).view(p.shape))
            self.workers.add(updates)
            for p, update in zip(group["params"], updates):
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])
