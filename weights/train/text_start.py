"""Starts the text tower from the taxonomy, before any photo is seen.

Trained together from scratch, both towers were seen to collapse onto three or four directions at first. So the text tower first learns (a minute on two cores) to put every name, in every template,
near a code: each kind has a random one with a share of its broader terms' codes, and a broader term has the mean of its kinds'.
The image tower then meets well-spread targets from its first step on.
"""
import torch
from torch.nn import functional as F


def codes(fits, own, broader, width, kin=.35, generator=None):
    """fits (K, C) bool, own: each kind's own names, broader: concept numbers -> (C, width), unit rows."""
    kinds = fits.shape[0]
    random = F.normalize(torch.randn(kinds, width, generator=generator), dim=-1).requires_grad_()
    tight = torch.optim.Adam([random], lr=.02)
    for _ in range(300):                                             # spread out: no two kinds near each other by accident
        near = F.normalize(random, dim=-1) @ F.normalize(random, dim=-1).T - 2 * torch.eye(kinds)
        tight.zero_grad(), (near * 12).logsumexp(1).mean().backward(), tight.step()
    random = F.normalize(random.detach(), dim=-1)
    terms = fits[:, broader].float()                                 # (K, T)
    terms = terms / terms.sum(0).sqrt().clamp(min=1)                 # a rarer term says more
    family = F.normalize(torch.randn(len(broader), width, generator=generator), dim=-1)
    kind = F.normalize(random + kin * terms @ family, dim=-1)
    mean = fits.T.float() @ kind                                     # (C, width)
    for k, names in enumerate(own):
        for c in names:
            if fits[:, c].sum() == 1:
                mean[c] = kind[k]
    return F.normalize(mean, dim=-1)


def start_text(model, captions, steps, device="cpu", rate=1.5e-3, say=print):
    target = codes(captions.fits, captions.own, captions.broader, model.text_projection.shape[1],
                   generator=torch.Generator().manual_seed(5)).to(device)
    text = [p for n, p in model.named_parameters() if not n.startswith("visual.") and n != "logit_scale"]
    optimizer = torch.optim.AdamW(text, lr=rate, betas=(.9, .98), weight_decay=.01)
    for step in range(steps):
        for g in optimizer.param_groups:
            g["lr"] = rate * min(1, step / 30, (steps - step) / (.5 * steps))
        columns, ids = captions.draw(terms=30, plain=.2, primary=.5)
        with torch.autocast(device, dtype=torch.bfloat16):
            out = model.encode_text(ids.to(device))
        near = (F.normalize(out.float(), dim=-1) * target[columns.to(device)]).sum(-1)
        size = (out.float().norm(dim=-1) - 1).square().mean()
        loss = (1 - near).mean() + .01 * size
        optimizer.zero_grad(), loss.backward()
        torch.nn.utils.clip_grad_norm_(text, 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            say(f"text start {step}: cosine to its code {near.mean().item():.3f}")
