"""Contrastive pre-training of a small CLIP on labelled photos; resumable.

usage: train.py CACHE OUT [--minutes 100] [--device cpu|cuda]

CACHE comes from photos.py, OUT/concepts.json from concepts.py, OUT/tokenizer.json from vocabulary.py. Writes OUT/state.pt (to go on
from; run the same command again), OUT/ema.safetensors (averaged weights, what export.py takes), OUT/log.txt.

The budget is active time: a step counts for its own duration, at most 5 s, so a stopped process (SIGSTOP) loses nothing.
OUT/minutes, if there, overrides --minutes at any time; OUT/stop ends the run after the current step, saved.
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

import photos
from augment import augment
from captions import Captions
from evaluate import top1
from losses import contrastive
from model import CLIP, folded
from muon import Muon
from text_start import start_text
from workers import Workers

CONFIG = dict(embed_dim=128, quick_gelu=False,
              vision_cfg=dict(image_size=96, layers=[1, 2, 3, 1], width=32, patch_size=None),
              text_cfg=dict(context_length=32, width=128, heads=2, layers=3))
# (until this part of the budget, side, (smallest and largest side of the crop, share of photos zoomed out)): small and quick first, the true
# side last
STAGES = [(.55, 64, (.65, 1., 0.)), (1., 96, (.6, 1.05, .3))]


def arguments():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("cache"), args.add_argument("out", type=Path)
    args.add_argument("--minutes", type=float, default=100)
    args.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args.add_argument("--workers", type=int, default=1, help="processes of one thread each, instead of one of many (see workers.py)")
    args.add_argument("--batch", type=int, default=256, help="photos a step, all workers together")
    args.add_argument("--most", type=int, default=800, help="photos of one kind an epoch")
    args.add_argument("--terms", type=int, default=40, help="broader terms a step")
    args.add_argument("--text-every", type=int, default=6, help="steps from one update of the text tower to the next")
    args.add_argument("--rate", type=float, default=3e-3, help="peak learning rate of the image tower's matrices (Muon)")
    args.add_argument("--other-rate", type=float, default=1.5e-3, help="of its other parameters (AdamW)")
    args.add_argument("--text-rate", type=float, default=3e-4)
    args.add_argument("--start", type=Path, help="weights to start from (safetensors with this model's names, or part of them)")
    args.add_argument("--text-start", type=int, default=450, help="steps of the text tower alone, see text_start.py")
    args.add_argument("--decay", type=float, default=.05)
    args.add_argument("--average", type=float, default=.992, help="decay of the averaged weights, every fourth step")
    args.add_argument("--save-every", type=float, default=8, help="minutes")
    args.add_argument("--seed", type=int, default=7)
    return args.parse_args()


def optimizers_for(model, args, workers):
    """Muon for the image tower's convolutions and its last projection, AdamW for everything else."""
    by_muon = {n: p for n, p in model.named_parameters()
               if n.startswith("visual.") and (p.ndim == 4 and p.shape[1] > 3 or n.endswith("c_proj.weight"))}
    groups = []
    for visual, decay in ((True, True), (True, False), (False, True), (False, False)):
        chosen = {n: p for n, p in model.named_parameters() if n != "logit_scale" and n not in by_muon and n.startswith("visual.") == visual
                  and (p.ndim >= 2 and "positional" not in n) == decay}
        attention = [p for n, p in chosen.items() if "attnpool" in n and p.ndim == 2]                # wide, and its inputs are all positive
        rest = [p for n, p in chosen.items() if not ("attnpool" in n and p.ndim == 2)]
        peak = args.other_rate if visual else args.text_rate
        groups.append(dict(params=rest, weight_decay=args.decay if decay else 0, peak=peak, late=not visual))
        if attention:
            groups.append(dict(params=attention, weight_decay=args.decay if decay else 0, peak=.1 * peak, late=False))
    groups.append(dict(params=[model.logit_scale], weight_decay=0, peak=3e-3, late=False))
    return [torch.optim.AdamW(groups, lr=1e-3, betas=(.9, .98), foreach=True), Muon(list(by_muon.values()), args.rate, workers, args.decay)]


def epoch_order(kind, most, generator):
    """Photos of one epoch in random order: at most `most` of a kind, drawn anew each time."""
    mixed = torch.randperm(len(kind), generator=generator)
    mixed = mixed[torch.argsort(kind[mixed], stable=True)]           # by kind, random inside
    counts = torch.bincount(kind)
    place = torch.arange(len(kind)) - (counts.cumsum(0) - counts)[kind[mixed]]
    kept = mixed[place < most]
    return kept[torch.randperm(len(kept), generator=generator)]


class Average:
    """Exponential moving average of the parameters; BatchNorm's running statistics are averages already and are averaged too."""

    def __init__(self, model, decay):
        self.decay, self.steps = decay, 0
        self.state = {k: v.detach().clone().float() for k, v in model.state_dict().items() if v.is_floating_point()}

    def update(self, model):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        now = model.state_dict()
        torch._foreach_lerp_(list(self.state.values()), [now[k].detach() for k in self.state], 1 - decay)

    def save(self, path):
        temporary = Path(f"{path}.part")
        save_file({k: v.cpu().contiguous() for k, v in folded(self.state).items()}, temporary, metadata={"format": "pt"})
        temporary.rename(path)


class Run:
    def __init__(self, args):
        self.args, out = args, args.out
        torch.set_flush_denormal(True)
        self.workers = Workers(args.workers)
        self.rank, self.share = self.workers.rank, args.batch // args.workers
        torch.manual_seed(args.seed)                                 # the same weights for all; reseeded by rank below
        known = json.loads((out / "concepts.json").read_text())
        tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
        CONFIG["text_cfg"]["vocab_size"] = tokenizer.get_vocab_size()
        (out / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=1))
        self.captions = Captions(known, tokenizer, CONFIG["text_cfg"]["context_length"], args.seed)
        images, kind, held, small = photos.load(args.cache)
        self.images, self.train = images, (~held).nonzero()[0]
        self.kind, self.small = torch.from_numpy(kind[self.train]), torch.from_numpy(small[self.train])
        self.held = torch.from_numpy(images[held]), torch.from_numpy(kind[held])
        self.model = CLIP(CONFIG)
        self.model.train_with_norm()
        self.model = self.model.to(args.device)
        self.model.visual = self.model.visual.to(memory_format=torch.channels_last)
        if args.start:
            say_missing = self.model.load_state_dict({k: v.float() for k, v in load_file(args.start).items()}, strict=False)
            self.say(f"starts from {args.start.name}, without {[n for n in say_missing.missing_keys if 'tracked' not in n]}")
        elif args.text_start and not (out / "state.pt").exists() and self.rank == 0:
            start_text(self.model, self.captions, args.text_start, args.device, say=self.say)
        self.optimizers = optimizers_for(self.model, args, self.workers)
        self.average = Average(self.model, args.average)
        self.fits = self.captions.fits.to(args.device)
        self.step, self.active, self.photos, self.text = 0, 0.0, 0, None
        if (out / "state.pt").exists():
            self.resume(torch.load(out / "state.pt", map_location=args.device))
        self.workers.share(list(self.model.state_dict().values()))
        seed = args.seed + self.step + 1000003 * self.rank
        torch.manual_seed(seed), self.captions.random.seed(seed)
        self.order, self.generator = torch.empty(0, dtype=torch.long), torch.Generator().manual_seed(seed)
        self.since = time.monotonic()

    def resume(self, state):
        self.model.load_state_dict(state["model"])
        for optimizer, its in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(its)
        self.average.state, self.average.steps = state["average"], state["step"] // 4
        self.step, self.active, self.photos = state["step"], state["active"], state["photos"]
        self.say(f"goes on at step {self.step}, {self.active / 60:.1f} minutes")

    def save(self):
        part = self.args.out / "state.pt.part"
        torch.save(dict(model=self.model.state_dict(), optimizers=[o.state_dict() for o in self.optimizers], average=self.average.state,
                        step=self.step, active=self.active, photos=self.photos), part)
        part.rename(self.args.out / "state.pt")
        self.average.save(self.args.out / "ema.safetensors")

    def say(self, text):
        if self.rank:
            return
        print(text, flush=True)
        with open(self.args.out / "log.txt", "a") as log:
            log.write(text + "\n")

    def budget(self):
        override = self.args.out / "minutes"
        return 60 * (float(override.read_text()) if override.exists() else self.args.minutes)

    def batch(self):
        """Each worker draws from the whole set, in its own order. -> numbers among the photos to train on, and the photos"""
        if len(self.order) < self.share:
            self.order = epoch_order(self.kind, self.args.most, self.generator)
        chosen, self.order = self.order[:self.share], self.order[self.share:]
        return chosen, torch.from_numpy(self.images[self.train[chosen.numpy()]])

    def one_step(self, part):
        """-> (loss terms, share right in the batch, side, part of the budget after it)"""
        now = time.monotonic()
        self.active, self.since = self.active + min(now - self.since, 5), now
        args, model = self.args, self.model
        warm, hold = .03, .5 * (1 + math.cos(math.pi * max(0, part - .03) / .97))
        for g in (g for o in self.optimizers for g in o.param_groups):
            slow = min(1, part / .15) if g["late"] else 1            # the text tower follows once the image tower can see
            g["lr"] = g["peak"] * (part / warm if part < warm else hold) * slow + 1e-6
        _, side, zoom = next(s for s in STAGES if part < s[0])
        chosen, images = self.batch()
        kind = self.kind[chosen].to(args.device)
        pixels = augment(images, self.small[chosen], side, zoom, args.device)
        fresh = self.text is None or self.step % args.text_every == 0
        with torch.autocast(args.device, dtype=torch.bfloat16):
            image = model.encode_image(pixels)
            if fresh:
                self.columns, ids = self.captions.draw(args.terms)
                self.columns = self.columns.to(args.device)
                self.text = model.encode_text(ids.to(args.device))
        text = torch.nn.functional.normalize(self.text.float(), dim=-1)
        image = torch.nn.functional.normalize(image.float(), dim=-1)
        logits = model.logit_scale.exp().clamp(max=100) * image @ text.T
        loss, terms = contrastive(logits, kind, self.columns, self.fits)
        self.model.zero_grad()
        loss.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        stop = (self.args.out / "stop").exists() or self.active >= self.budget()
        part, = self.workers.average(gradients, [1. if stop else self.active / self.budget()])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.rank == 0 and self.step % 4 == 0:
            self.average.update(model)
        self.text = self.text.detach()
        self.step, self.photos = self.step + 1, self.photos + self.args.batch
        with torch.no_grad():
            right = (logits[:, :self.fits.shape[0]].argmax(1) == kind).float().mean().item()
        return terms, right, side, part

    def go(self):
        told = saved = self.active
        shown, part = self.photos, self.active / self.budget()
        while part < 1:
            terms, right, side, part = self.one_step(part)
            if self.rank:
                continue
            if self.step % 100 == 0:
                rate = (self.photos - shown) / max(self.active - told, 1e-9)
                self.say(f"{time.strftime('%H:%M:%S')} step {self.step} part {part:.3f} side {side} photos {self.photos / 1e6:.2f}M {rate:.0f}/s "
                         f"loss {terms[0]:.3f} {terms[1]:.3f} {terms[2]:.3f} batch {right:.3f} scale {self.model.logit_scale.exp().item():.1f}")
                told, shown = self.active, self.photos
            if self.active - saved > 60 * self.args.save_every:
                self.save()
                saved = self.active
                self.say(self.check())
        if self.rank == 0:
            self.save()
            self.say("done: " + self.check())
            self.workers.finish()

    @torch.no_grad()
    def check(self):
        """Top-1 of all primary names with the averaged weights, held out."""
        model = CLIP(CONFIG)
        model.load_state_dict(folded(self.average.state), strict=False)
        return f"held out {len(self.held[1])}: top-1 {top1(model.eval().to(self.args.device), self.captions, *self.held, self.args.device):.4f}"


if __name__ == "__main__":
    Run(arguments()).go()
