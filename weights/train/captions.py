"""Captions: names and broader terms put into templates and tokenised."""
import random

import torch

PLAIN = "a photo of a {}"
TEMPLATES = ["{}", "a photo of a {}.", "a photo of the {}", "a photo of {}", "this is a photo of {}.", "a picture of a {}",
             "an image of {}", "a close-up photo of a {}.", "a bad photo of a {}.", "a small photo of the {}", "a blurry photo of a {}.",
             "itap of a {}.", "a {}", "the {}", "{} photo", "a photo of my {}", "a cropped photo of {}.", "a photo of the large {}."]


class Captions:
    def __init__(self, known, tokenizer, context, seed=7):
        self.concepts, self.primary, self.own = known["concepts"], known["primary"], known["own"]
        self.broader, self.context = known["broader"], context
        self.fits = torch.zeros(len(known["positives"]), len(self.concepts), dtype=torch.bool)       # (kinds, concepts)
        for kind, right in enumerate(known["positives"]):
            self.fits[kind, right] = True
        self.tokenizer, self.random, self.seen = tokenizer, random.Random(seed), {}

    def encode(self, text):
        if text not in self.seen:
            self.seen[text] = self.tokenizer.encode(text).ids[:self.context]
        return self.seen[text]

    def pad(self, rows):
        length = min(self.context, -(-max(map(len, rows)) // 4) * 4)  # few lengths: each new one costs compilation on a CPU
        return torch.tensor([r + [0] * (length - len(r)) for r in rows])

    def ids(self, concepts, template=PLAIN):
        return self.pad([self.encode(template.format(self.concepts[c])) for c in concepts])

    def draw(self, terms, plain=.3, primary=.6, longest=12):
        """One name for every kind and `terms` broader terms -> (concept numbers, ids).

        Mostly one template for all, sometimes one for each. Long Latin names make every caption longer, so that captions
        over `longest` tokens are used in one draw of eight only."""
        pick = self.random
        names = [p if pick.random() < primary else pick.choice(own) for p, own in zip(self.primary, self.own)]
        chosen = names + pick.sample(self.broader, min(terms, len(self.broader)))
        same = PLAIN if pick.random() < plain else pick.choice(TEMPLATES)
        mixed, long = pick.random() < .4, pick.random() < .125
        rows = []
        for at, concept in enumerate(chosen):
            template = pick.choice(TEMPLATES) if mixed else same
            row = self.encode(template.format(self.concepts[concept]))
            if len(row) > longest and not long:
                if at < len(self.primary):
                    chosen[at] = concept = self.primary[at]
                row = self.encode(PLAIN.format(self.concepts[concept]))
            rows.append(row)
        return torch.tensor(chosen), self.pad(rows)
