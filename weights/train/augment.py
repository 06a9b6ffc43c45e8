"""Augmentation of a batch of photos on the training device: crop and zoom, flip, sharpness, colour."""
import torch
from torch.nn import functional as F

MEAN = (.48145466, .4578275, .40821073)
DEVIATION = (.26862954, .26130258, .27577711)


def normalised(images, device="cpu", side=None):
    """(B, S, S, 3) u8 -> (B, 3, side, side) f32 as the tower takes it; enlarged as Pillow does it, bicubic in 8 bits."""
    x = images.to(device).permute(0, 3, 1, 2).float()
    if side not in (None, x.shape[-1]):
        x = F.interpolate(x, size=(side, side), mode="bicubic", antialias=True, align_corners=False).round_().clamp_(0, 255)
    x = x.div_(255)
    mean, deviation = (torch.tensor(t, device=device).view(1, 3, 1, 1) for t in (MEAN, DEVIATION))
    return x.sub_(mean).div_(deviation)


def uniform(n, low, high):
    return torch.empty(n).uniform_(low, high)


def geometry(n, small, zoom):
    """-> (n, 2, 3) affine maps: a crop of a random scale, aspect and place, mirrored half of the time.

    Photos whose original was small are blurry at this size, and all photos of their kinds are: a network would learn "blurry means
    one of these kinds". So they are often zoomed out (the border is reflected), and others are blurred (see `sharpness`). A share `far` of the
    others is zoomed out as well: enlarged photos have no fine detail, people's own photos do.
    """
    low, high, far = zoom
    scale = torch.where(torch.rand(n) < torch.where(small, .6, far), uniform(n, high, 1.6), uniform(n, low, high))
    aspect = torch.exp(uniform(n, -.15, .15))
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = scale * aspect, scale / aspect
    theta[:, :, 2] = (1 - theta[:, [0, 1], [0, 1]]).clamp(min=0) * uniform(2 * n, -1, 1).view(n, 2)
    theta[:, 0, 0] *= torch.where(torch.rand(n) < .5, 1., -1.)
    return theta


def sharpness(x, small):
    """Unsharp mask by a random amount; negative amounts blur, and a third of the sharp photos are blurred as if enlarged twice."""
    n = len(x)
    amount = torch.where(torch.rand(n) < .5, uniform(n, -.6, 1.2), torch.zeros(n))
    blurred = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    x = x + amount.to(x.device).view(n, 1, 1, 1) * (x - blurred)
    again = torch.rand(n) < torch.where(small, 0., .2)
    chosen = again.nonzero()[:, 0].to(x.device)
    if len(chosen):
        half = F.interpolate(F.avg_pool2d(x[chosen], 2), size=x.shape[-2:], mode="bilinear", align_corners=False)
        x = x.index_copy(0, chosen, half)
    return x


def colour(x):
    n = len(x)
    part = lambda low, high, channels=1: uniform(n * channels, low, high).view(n, channels, 1, 1).to(x.device)
    gray = x.mean(1, keepdim=True)
    keep = torch.where(torch.rand(n) < .05, torch.zeros(n), uniform(n, .7, 1.3)).view(n, 1, 1, 1).to(x.device)
    return (gray + (x - gray) * keep) * part(.75, 1.25) + part(-.25, .25) + part(-.1, .1, 3)


def augment(images, small, side, zoom, device="cpu"):
    """(B, S, S, 3) u8, (B,) bool -> (B, 3, side, side) f32, channels last in memory."""
    x = normalised(images, device)
    twice = 2 if 2 * side <= x.shape[-1] else 1                      # sampled at twice the side and averaged: no aliasing
    grid = F.affine_grid(geometry(len(x), small, zoom), [len(x), 3, side * twice, side * twice], align_corners=False)
    x = F.grid_sample(x, grid.to(device), padding_mode="reflection", align_corners=False)
    if twice == 2:
        x = F.avg_pool2d(x, 2)
    else:
        x = sharpness(x, small)
    return colour(x).contiguous(memory_format=torch.channels_last)
