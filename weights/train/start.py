"""Starts the text tower as a sum of its tokens' meanings, found in closed form, so that training begins with what single words give away.

Ridge regression finds a vector for each token, such that the mean of a text's vectors lies where the text should. The tower is set so that its
first layer hands the end token that mean: even attention, values passed through. One embedding dimension is a constant, large against the
rest: it keeps the layer norm from blowing up the tokens that say nothing ("a photo of").
"""
import torch


def regress(rows, targets, weight, vocabulary, ridge=.02, rounds=40):
    """rows of token ids, (N, D) targets -> (vocabulary, D), by conjugate gradients."""
    lengths = torch.tensor([len(r) for r in rows])
    at = torch.repeat_interleave(torch.arange(len(rows)), lengths)
    tokens = torch.tensor([t for r in rows for t in r])
    value = (weight.sqrt() / lengths)[at]
    a = torch.sparse_coo_tensor(torch.stack([at, tokens]), value, (len(rows), vocabulary)).coalesce()
    turned = a.t().coalesce().to_sparse_csr()
    a = a.to_sparse_csr()
    normal = lambda x: turned @ (a @ x) + ridge * x
    residual = turned @ (targets * weight.sqrt()[:, None])
    x, direction, size = torch.zeros_like(residual), residual.clone(), residual.square().sum(0)
    for _ in range(rounds):
        moved = normal(direction)
        step = size / (direction * moved).sum(0).clamp(min=1e-20)
        x += step * direction
        residual -= step * moved
        new = residual.square().sum(0)
        direction = residual + new / size.clamp(min=1e-20) * direction
        size = new
    return x


@torch.no_grad()
def begin(tower, rows, targets, weight):
    vocabulary, width = tower.token_embedding.weight.shape
    turn = torch.linalg.eigh(targets.T @ targets)[1].T.flip(0)        # the least of the directions, last, gives its place to the constant
    v = regress(rows, targets, weight, vocabulary) @ turn.T
    v[:, -1] = 0
    v *= .02 / v.std()
    v[:, -1] = .8
    tower.token_embedding.weight.copy_(v)
    tower.positional_embedding.mul_(.3)
    first = tower.transformer.resblocks[0]
    e = torch.eye(width)
    e[-1, -1] = 0
    first.attn.in_proj_weight[:2 * width].mul_(.3)
    first.attn.in_proj_weight[2 * width:].copy_(e)
    first.attn.out_proj.weight.copy_(.3 * e)
    tower.token_embedding.weight[-1, :-1] = 0
    for block in tower.transformer.resblocks:                         # what is added at first is small against the mean
        block.mlp.c_proj.weight.mul_(.3)
        if block is not first:
            block.attn.out_proj.weight.mul_(.3)
    tower.text_projection.copy_(turn * .15)
    tower.text_projection[-1] = 0
