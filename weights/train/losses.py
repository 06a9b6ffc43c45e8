"""The contrastive loss: a batch of photos against one name of every kind and some broader terms.

Every photo meets a name of *every* kind, not only those its batch happens to hold, so the row term is as strong as a classifier's.
A caption may fit many photos and a photo many captions: every pair that fits is a positive.
"""
import torch
from torch.nn import functional as F


def contrastive(logits, kind, columns, fits, shared=.1, smoothing=.05, broad=.1, column=.1):
    """logits (B, K + T): K columns name the K kinds in order, T are broader terms. columns (K + T): their concepts.
    fits (K, concepts): which concepts fit a kind. -> (loss, the three terms for the log)"""
    kinds = fits.shape[0]
    fit = fits[kind][:, columns]                                     # (B, K + T)
    own = F.one_hot(kind, kinds).bool()

    # each photo: its own kind's name first; others that fit it as well ("dog" for a Chihuahua) share a little
    others = fit[:, :kinds] & ~own
    some = others.any(1, keepdim=True).float() * shared
    target = own * (1 - some) + others * (some / others.sum(1, keepdim=True).clamp(min=1))
    target = target * (1 - smoothing) + smoothing / kinds
    name = -(target * logits[:, :kinds].log_softmax(1)).sum(1).mean()

    # each photo and each broader term that fits it: above everything that does not fit
    wrong = logits.masked_fill(fit | F.pad(own, (0, len(columns) - kinds)), float("-inf")).logsumexp(1, keepdim=True)
    right = fit.clone()
    right[:, :kinds] &= ~own
    pairs = F.softplus(wrong - logits) * right
    term = pairs.sum() / right.sum().clamp(min=1)

    # each caption: the photos it fits among the batch's
    present = fit.any(0)
    weight = fit.float() / fit.sum(0).clamp(min=1)
    photo = -((weight * logits.log_softmax(0)).sum(0) * present).sum() / present.sum()
    return name + broad * term + column * photo, (name.item(), term.item(), photo.item())
