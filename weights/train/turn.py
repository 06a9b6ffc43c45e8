"""Turns a text tower's axes so that its weights round well: the same answers in f32 (to 1e-6), an eighth of the loss in int8.

As it was trained, what a token means lies beside one large constant (start.py), and the first layer's values are almost the identity: rows with one
large number, whose steps are too coarse for all others. Three changes, none of which alters an answer: the mean token goes to the positions,
which stay f32; gains and shifts of layer norms go into the weights that read them; and the axes of what passes between layers are turned at random, but
for the direction of all ones, which layer norm takes out (QuaRot: Ashkboos et al. 2024; SliceGPT for layer norms), as are each head's values.
"""
import torch


def rotation(n, seed, keep_ones):
    draw = torch.Generator().manual_seed(seed)
    random = torch.randn(n, n, generator=draw, dtype=torch.double)
    if not keep_ones:
        return torch.linalg.qr(random)[0]
    random[:, 0] = 1
    basis = torch.linalg.qr(random)[0]
    inner = torch.eye(n, dtype=torch.double)
    inner[1:, 1:] = torch.linalg.qr(torch.randn(n - 1, n - 1, generator=draw, dtype=torch.double))[0]
    return basis @ inner @ basis.T


@torch.no_grad()
def turn(tower):
    """tower: model.Text, changed in place."""
    width = tower.token_embedding.weight.shape[1]
    r = rotation(width, 1, True)

    def put(parameter, value):
        parameter.copy_(value.float())

    def absorb(norm, weight, bias):
        """What reads the norm takes over its gain and shift, and reads turned axes."""
        put(bias, bias.double() + weight.double() @ norm.bias.double())
        put(weight, (weight.double() * norm.weight.double()) @ r.T)
        norm.weight.fill_(1), norm.bias.zero_()

    tokens, mean = tower.token_embedding.weight.double(), tower.token_embedding.weight.double().mean(0)
    put(tower.token_embedding.weight, (tokens - mean) @ r.T)
    put(tower.positional_embedding, (tower.positional_embedding.double() + mean) @ r.T)
    for block in tower.transformer.resblocks:
        attention, contract = block.attn, block.mlp.c_proj
        absorb(block.ln_1, attention.in_proj_weight, attention.in_proj_bias)
        absorb(block.ln_2, block.mlp.c_fc.weight, block.mlp.c_fc.bias)
        heads = torch.block_diag(*[rotation(width // block.heads, 2, False)] * block.heads)
        put(attention.in_proj_weight[2 * width:], heads @ attention.in_proj_weight[2 * width:].double())
        put(attention.in_proj_bias[2 * width:], heads @ attention.in_proj_bias[2 * width:].double())
        put(attention.out_proj.weight, r @ attention.out_proj.weight.double() @ heads.T)
        put(attention.out_proj.bias, r @ attention.out_proj.bias.double())
        put(contract.weight, r @ contract.weight.double())
        put(contract.bias, r @ contract.bias.double())
    gain, shift = tower.ln_final.weight.double(), tower.ln_final.bias.double()
    put(tower.text_projection, r @ (gain[:, None] * tower.text_projection.double()))
    put(tower.ln_final.bias, r @ (shift / gain))
    tower.ln_final.weight.fill_(1)
