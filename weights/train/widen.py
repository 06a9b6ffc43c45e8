"""Fits some concepts' codes again, to the photos that show them, and leaves all else as it is: seconds, where codes.py takes an hour.

usage: widen.py FEATURES RUN NAME... [--codes codes.pt] [--bias B] [--out codes-wide.pt]

For labels that photos were given later: concepts.py says that whoever is at work or at sports is a person, and before that a portrait was likelier
a judge than a person. A code is fitted by softmax against all concepts that a photo does not show, and by sigmoid, with the bias that the model is
exported with (evaluate.py --bias prints it): texts lie less near to photos than codes do, and theirs is smaller.
"""
import argparse
import json
from pathlib import Path

import torch
from torch.nn import functional as F

import features
from codes import Codes


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("features", type=Path), args.add_argument("run", type=Path), args.add_argument("names", nargs="+")
    args.add_argument("--codes", default="codes.pt"), args.add_argument("--out", default="codes-wide.pt")
    args.add_argument("--steps", type=int, default=200), args.add_argument("--bias", type=float)
    args = args.parse_args()
    torch.manual_seed(4), torch.set_num_threads(1)
    known = json.load(open(args.run / "concepts.json"))
    rows = known["concepts"]
    data = features.Photos(args.features, known)
    saved = torch.load(args.run / args.codes)
    model = Codes(len(rows))
    model.load_state_dict(saved["model"])
    scale, bias = model.scale.exp().detach(), model.bias.detach() if args.bias is None else args.bias
    with torch.no_grad():
        code = model.codes(saved["e"])
        z = torch.cat([model.see((x.float() - saved["mean"]) / saved["std"]) for x in data.x.split(4096)])
    for name in args.names:
        c = next(i for i, r in enumerate(rows) if r["kind"] == "broader" and r["en"][0] == name)
        shown = data.positive[:, c]
        known_main = data.main >= 0
        yes, no = (shown & known_main).nonzero()[:, 0], (~shown & known_main).nonzero()[:, 0]
        v = code[c].clone().requires_grad_()
        optimizer = torch.optim.Adam([v], lr=1e-2)
        for step in range(args.steps):
            i = torch.cat([yes[torch.multinomial(data.weight[yes], 256, True)], no[torch.multinomial(data.weight[no], 512, True)]])
            own = scale * z[i] @ F.normalize(v, dim=0)
            others = (scale * z[i] @ code.T).masked_fill(data.positive[i], -1e4)
            others[:, c] = -1e4
            y = shown[i]
            ce = (torch.logsumexp(torch.cat([own[:, None], others], 1), 1) - own)[y].mean()
            free = own + bias
            loss = ce + 5 * F.softplus(torch.where(y, -free, free)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        new = F.normalize(v.detach(), dim=0)
        score = lambda i: 100 * ((scale * z[i] @ new + bias) > 0).float().mean()
        print(f"{name}: {len(yes)} views; cosine to what it was {(new * code[c]).sum():.3f}; cross-entropy {ce:.3f}; above one half: {score(yes):.1f} % of them, {score(no):.1f} % of others")
        with torch.no_grad():                                         # the same direction, by the correction of its own
            model.own[c] += new * (model.meaning(saved["e"][c:c + 1])[0] + model.own[c]).norm() - (model.meaning(saved["e"][c:c + 1])[0] + model.own[c])
    torch.save(saved | dict(model=model.state_dict()), args.run / args.out)


if __name__ == "__main__":
    main()
