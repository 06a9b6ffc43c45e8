"""Prints every number that the model is judged by. All photos and names were set apart before training (README.md says how).

usage: evaluate.py FEATURES RUN MODEL [--held-names MODEL2 NAMES.json] [--precision f32 q8 q4] [--ask ASK] [--engine ASK ANSWERS ...] [--out results.json]

FEATURES are features.py's and judged.py's, computed in f32 for all held-out photos; with --precision q8 or q4 the text tower and the projection are
rounded as the engine does. MODEL is export.py's folder. --ask writes which photos and texts all this asks about; engine.mjs has the engine answer
them in ANSWERS, and --engine judges those answers in the same way: both towers, from the photos' bytes on.
"""
import argparse
import glob
import hashlib
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F

import features
from model import CLIP
from quantise import quantised

HERE = Path(__file__).parent
TEMPLATE = "a photo of a {}"
BROAD = ["dog", "cat", "bird", "fish", "snake", "insect", "monkey", "spider", "fruit", "car", "boat", "building", "furniture", "musical instrument", "food"]
BESIDE_KIMCHI = ["자차이", "배추무침", "깍두기", "김치찌개"]


class Model:
    def __init__(self, folder, precision="f32"):
        made = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
        self.clip = CLIP(made).eval()
        self.clip.load_state_dict(load_file(folder / "open_clip_model.safetensors"), strict=False)
        self.clip = quantised(self.clip, precision)
        self.tokenizer, self.cache = Tokenizer.from_file(str(folder / "tokenizer.json")), {}
        self.scale, self.bias = self.clip.logit_scale.exp().item(), self.clip.logit_bias.item()
        self.min_norm = made.get("custom", {}).get("knowledge", {}).get("min_norm", 1.)

    @torch.inference_mode()
    def raw(self, texts):
        end = self.tokenizer.get_vocab_size() - 1
        todo = sorted({t for t in texts if t not in self.cache}, key=len)
        for s in range(0, len(todo), 256):
            ids = [e.ids for e in self.tokenizer.encode_batch(todo[s:s + 256])]
            ids = [x if len(x) <= 32 else x[:31] + [end] for x in ids]
            t = max(map(len, ids))
            out = self.clip.encode_text(torch.tensor([x + [0] * (t - len(x)) for x in ids]))
            self.cache.update(zip(todo[s:s + 256], out))
        return torch.stack([self.cache[t] for t in texts])

    def names(self, names, template=TEMPLATE):
        return F.normalize(self.raw([template.format(n) for n in names]), dim=-1)

    @torch.inference_mode()
    def see(self, x):
        return F.normalize(self.clip.visual.head(x), dim=-1)


class Engine(Model):
    """What the engine answered, photos and texts."""

    def __init__(self, folder, asked, answers):
        super().__init__(folder)
        self.cache = dict(zip(asked["texts"], torch.from_numpy(np.fromfile(answers / "texts.f32", np.float32)).view(len(asked["texts"]), -1)))
        self.pictures = torch.from_numpy(np.fromfile(answers / "pictures.f32", np.float32)).view(len(asked["pictures"]), -1)

    def raw(self, texts):
        return torch.stack([self.cache[t] for t in texts])

    def see(self, x):
        return F.normalize(x, dim=-1)


def share(values):
    return round(100 * float(np.mean(values)), 1) if len(values) else None


def related(rows, a, b):
    return a == b or b in rows[a]["broader"] or a in rows[b]["broader"] or bool({n.lower() for n in rows[a]["en"]} & {n.lower() for n in rows[b]["en"]}) or bool(set(rows[a]["ko"]) & set(rows[b]["ko"]))


def offers(rows, mains, pool, count, seed, korean=False, plausible=2, also=None):
    """For each photo: its own concept and `count` others that do not fit it, `plausible` of them of its own family where there are any."""
    draw, out = random.Random(seed), []
    family = {}
    for c in pool:
        for b in rows[c]["broader"]:
            family.setdefault(b, []).append(c)
    for at, m in enumerate(mains):
        near = sorted({c for b in rows[m]["broader"][-2:] for c in family.get(b, [])})
        near, picked = draw.sample(near, len(near)), []
        shown = set(also[at]) | {m} if also else {m}
        for c in near[:20]:
            if len(picked) < plausible and not any(related(rows, s, c) for s in shown) and c not in picked:
                picked.append(c)
        while len(picked) < count:
            c = draw.choice(pool)
            if c not in picked and not any(related(rows, s, c) for s in shown):
                picked.append(c)
        out.append([m, *picked])
    return out


def choose(model, z, rows, offered, korean=False):
    name = (lambda c: rows[c]["ko"][0]) if korean else (lambda c: rows[c]["en"][0])
    names = sorted({name(c) for o in offered for c in o})
    where, text = {n: i for i, n in enumerate(names)}, model.names(names)
    return [int((text[[where[name(c)] for c in o]] @ z[i]).argmax()) == 0 for i, o in enumerate(offered)]


def imagenet(model, rows, x, y, names):
    text = model.names([rows[i]["en"][0] for i in names])
    top = (model.see(x) @ text.T).topk(5).indices
    return [share((top[:, 0] == y).numpy()), share((top == y[:, None]).any(1).numpy())]


def evaluate(model, known, data, feats, sibling=None, held_names=()):
    """feats: name -> features, so that a quantised tower's can take their place."""
    rows, out = known["concepts"], {}
    names = [i for i, r in enumerate(rows) if r["kind"] == "imagenet"]
    sx, sy = feats["samples"], data["samples_y"]
    out["imagenet names, EliSchwartz's 1,000 photos: top-1, top-5"] = imagenet(model, rows, sx, sy, names)
    held, hx = data["held"], feats["held"]
    out[f"the same, {len(data['val_y'])} of ImageNet's validation photos (imagenette's ten kinds)"] = imagenet(model, rows, feats["val"], data["val_y"], names)
    seen = [i for i, h in enumerate(held) if h["main"] is not None and rows[h["main"]]["kind"] != "phrase"]
    mains, also = [held[i]["main"] for i in seen], [held[i]["shown"] for i in seen]
    pool = sorted(set(mains))
    z = model.see(hx)
    right = choose(model, z[seen], rows, offers(rows, mains, pool, 4, 1, also=also))
    out[f"taught things, English: right of five ({len(seen)} photos, {len(pool)} names; 2 of the 4 others of its family)"] = share(right)
    out["the same, all four others drawn from all"] = share(choose(model, z[seen], rows, offers(rows, mains, pool, 4, 1, plausible=0, also=also)))
    sk = [i for i in seen if rows[held[i]["main"]]["ko"]]
    mk, ak = [held[i]["main"] for i in sk], [held[i]["shown"] for i in sk]
    poolk = sorted(set(mk))
    out[f"taught things, Korean: right of five ({len(sk)} photos, {len(poolk)} names)"] = share(choose(model, z[sk], rows, offers(rows, mk, poolk, 4, 2, True, also=ak), True))
    food = [i for i in sk if "korean food" in held[i]["group"]]
    if food:
        fm = [held[i]["main"] for i in food]
        fp = sorted({i for i, r in enumerate(rows) if r["ko"] and i in data["korean_food"]})
        out[f"Korean food among Korean food, Korean names: right of five ({len(food)} photos, {len(fp)} names)"] = share(choose(model, z[food], rows, offers(rows, fm, fp, 4, 3, True, plausible=0), True))
    kimchi = [i for i in seen if rows[held[i]["main"]]["en"][0] == "kimchi"]
    text = model.names(["김치", *BESIDE_KIMCHI])
    out[f"kimchi against {', '.join(BESIDE_KIMCHI)} ({len(kimchi)} held photos)"] = share([int((text @ z[i]).argmax()) == 0 for i in kimchi])
    wide = [next(i for i, r in enumerate(rows) if r["kind"] == "broader" and w in r["en"]) for w in BROAD]
    text, got = model.names(BROAD), []
    by = Counter()
    zs = model.see(sx)
    for i, k in enumerate(sy.tolist()):
        fit = [j for j, b in enumerate(wide) if b in rows[names[k]]["broader"]]
        if len(fit) >= 1:
            ok = int((text @ zs[i]).argmax()) in fit
            got.append(ok)
            by[BROAD[fit[0]], ok] += 1
    out[f"fifteen broad words ({len(got)} photos)"] = share(got)
    out["  of these"] = {w: f"{by[w, True]} of {by[w, True] + by[w, False]}" for w in BROAD}
    beyond = [i for i in seen if rows[held[i]["main"]]["imagenet"] is None and rows[held[i]["main"]]["kind"] in ("label", "broader")]
    bm, ba = [held[i]["main"] for i in beyond], [held[i]["shown"] for i in beyond]
    bp = sorted(set(bm))
    right = choose(model, z[beyond], rows, offers(rows, bm, bp, 9, 4, plausible=0, also=ba))
    out[f"beyond ImageNet's names: right of ten ({len(beyond)} photos, {len(bp)} names)"] = share(right)
    per = {}
    for m, ok in zip(bm, right):
        per.setdefault(m, []).append(ok)
    out["  each name counted once"] = share([np.mean(v) for v in per.values()])
    written = dict(line.rstrip("\n").split("\t") for line in open(HERE / "words/phrases.tsv", encoding="utf8") if line[0] != "#")
    ours = {}
    for i, h in enumerate(held):
        blob = Path(h["file"]).stem
        if blob in written:
            ours.setdefault(blob, i)
    for title, pairs in (("ordinary photos by a phrase, written for this test", [(i, written[b]) for b, i in ours.items()]),
                         ("photos by the first sentence of their alternative text", [(i, h["phrase"]) for i, h in enumerate(held) if h["phrase"]])):
        draw, ok = random.Random(6), []
        for i, phrase in pairs:
            t = F.normalize(model.raw([phrase, *draw.sample([p for _, p in pairs if p != phrase], 4)]), dim=-1)
            ok.append(int((t @ z[i]).argmax()) == 0)
        out[f"{title}: right of five ({len(pairs)} photos)"] = share(ok)
    # None of these
    o10 = offers(rows, mains, pool, 10, 7, plausible=0, also=also)
    names_of = sorted({rows[c]["en"][0] for o in o10 for c in o})
    where, text = {n: i for i, n in enumerate(names_of)}, model.names(names_of)
    best, own = [], []
    for i, o in zip(seen, o10):
        if calibration(held[i]):
            continue
        s = model.scale * text[[where[rows[c]["en"][0]] for c in o]] @ z[i] + model.bias
        best.append(s[1:].max().item()), own.append(s[0].item())
    best, own = np.array(best), np.array(own)
    out["true name absent, ten others: best independent score below one half"] = share(best < 0)
    out["  true name alone: score above one half"] = share(own > 0)
    return out


def calibration(photo):
    """Every second held-out photo: the score's zero was set by these, and is judged by the others."""
    return int(hashlib.sha1(photo["file"].encode()).hexdigest(), 16) % 2 == 0


def zero(model, known, data, feats, absent=.93):
    """-> the bias with which `absent` of the calibration photos have no score above one half among ten names that do not fit."""
    rows, held = known["concepts"], data["held"]
    seen = [i for i, h in enumerate(held) if h["main"] is not None and rows[h["main"]]["kind"] != "phrase" and calibration(h)]
    mains = [held[i]["main"] for i in seen]
    offered = offers(rows, mains, sorted(set(mains)), 10, 8, plausible=0, also=[held[i]["shown"] for i in seen])
    names = sorted({rows[c]["en"][0] for o in offered for c in o})
    where, text, z = {n: i for i, n in enumerate(names)}, model.names(names), model.see(feats["held"][seen])
    best = [(text[[where[rows[c]["en"][0]] for c in o[1:]]] @ z[k]).max().item() for k, o in enumerate(offered)]
    return -model.scale * float(np.quantile(best, absent))


def never_read(model, known, data, hold):
    """Right of ten for photos of the names that this model never read."""
    rows, draw, out = known["concepts"], random.Random(9), {}
    pool = sorted({m for *_, m in data["all"]} - set(hold))
    for c in hold:
        photos = [x for x, m in data["all"] if m == c][:20]
        z, right = model.see(torch.from_numpy(np.stack(photos)).float()), []
        for row in z:
            others = []
            while len(others) < 9:
                o = draw.choice(pool)
                if o not in others and not related(rows, c, o):
                    others.append(o)
            right.append(int((model.names([rows[k]["en"][0] for k in (c, *others)]) @ row).argmax()) == 0)
        out[rows[c]["en"][0]] = np.mean(right)
    return share(list(out.values())), {k: round(100 * v) for k, v in sorted(out.items(), key=lambda p: -p[1])}


def knowledge(model, run):
    """How often isUnknown (a length below min_norm) says so: of taught names, and of words of each sort that training never saw."""
    import wordfreq

    from concepts import WordNet
    from texts import ADJECTIVES, PHYSICAL, article
    texts, wn, draw = json.load(open(run / "texts.json")), WordNet(), random.Random(11)
    seen = {t[0].lower() for k in ("names", "words", "phrases") for t in texts[k]} | {t.lower() for t in texts["far"]}
    physical = {s for w in PHYSICAL for s in wn.senses[w][:1]}
    abstract = [w for w, s in wn.senses.items() if w not in seen and w.isalpha() and len(w) > 3 and not wn.above(s[0]) & physical and wn.lexical[s[0]] not in (8, 5, 20, 13, 6, 15, 18, 28)
                and wordfreq.zipf_frequency(w, "en") >= 2.6]
    sorts = dict(taught_english=[n for n, _ in texts["names"] if n.isascii()], taught_korean=[n for n, _ in texts["names"] if "가" <= n[0] <= "힣"],
                 abstract=abstract, letters=["".join(draw.choice("aeiounrstlkm" * 2 + "bcdfghjpqvwxyz") for _ in range(draw.randint(5, 11))) for _ in range(500)])
    # Phrases: ordinary ones, things that are small or old, and what says nothing of a photo.
    written = [line.rstrip("\n").split("\t")[1] for line in open(HERE / "words/phrases.tsv", encoding="utf8") if line[0] != "#"]
    things = [n for n in sorts["taught_english"] if len(n.split()) < 3]
    sorts |= dict(phrases=written, small_or_old=[article(f"{draw.choice(ADJECTIVES)} {draw.choice(things)}") for _ in range(500)],
                  abstract_phrases=[f"the {draw.choice(abstract)} of {draw.choice(abstract)}" for _ in range(500)],
                  letters_phrases=[" ".join(draw.sample(sorts["letters"], 3)) for _ in range(500)])
    out = {}
    for name, words in sorts.items():
        words = draw.sample(words, min(1000, len(words)))
        out[name] = share((model.raw(words).norm(dim=-1) < model.min_norm).numpy())
    return out


def phrase_of(text):
    """The first sentence, as far as a caption's 32 tokens may reach."""
    return text.split(". ")[0].split("; ")[0].rstrip(".")


def load(folder, known):
    data = features.Photos(folder, known)
    held = []
    seen = set()
    for f, main, shown, phrase, file, repo, group, text in data.held:
        if (file, main) in seen:
            continue
        seen.add((file, main))
        if phrase and (not phrase.isascii() or len(phrase.split()) < 3 or "graph" in phrase.lower() or "chart" in phrase.lower()):
            phrase = None                                             # file names; texts that tell what a diagram says
        held.append(dict(x=f, main=main, shown=shown, phrase=phrase_of(phrase) if phrase and (main is None) else None, file=file, repo=repo, group=group, text=text, path=data.paths.get(file, "")))
    x, y, sample_files = features.judged(folder, "samples")
    v, val, val_files = features.judged(folder, "val")
    return (dict(held=held, samples_y=y, korean_food=data.korean_food, val_y=val, all=data.centres,
                 files=dict(held=[h["file"] for h in held], samples=sample_files, val=val_files)),
            dict(held=torch.from_numpy(np.stack([h["x"] for h in held])).float(), samples=x, val=v))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("features", type=Path), args.add_argument("run", type=Path), args.add_argument("model", type=Path)
    args.add_argument("--held-names", nargs=2, type=Path, metavar=("MODEL2", "HOLD.json"))
    args.add_argument("--ask", type=Path)
    args.add_argument("--engine", nargs="+", type=Path, metavar=("ASK", "ANSWERS"))
    args.add_argument("--bias", action="store_true", help="print the bias for the score's zero and stop")
    args.add_argument("--precision", nargs="*", default=["f32"])
    args.add_argument("--out", type=Path)
    args = args.parse_args()
    torch.set_num_threads(1)
    known = json.load(open(args.run / "concepts.json"))
    data, feats = load(args.features, known)
    results = {}
    if args.bias:
        model = Model(args.model)
        print(model.scale, zero(model, known, data, feats))
        return
    if args.held_names:
        number, each = never_read(Model(args.held_names[0]), known, data, json.load(open(args.held_names[1]))["concepts"])
        results["never read"] = [number, each]
        print("fifty names never read (second model): right of ten, each name counted once:", number, each, flush=True)

    def judge(name, model, feats):
        results[name] = evaluate(model, known, data, feats) | {"called unknown, of": knowledge(model, args.run)}
        print("##", name)
        for k, v in results[name].items():
            print(f"{k}: {v}", flush=True)

    for p in args.precision:
        model = Model(args.model, p)
        judge(p, model, feats)
    if args.ask:
        pictures = sorted({f for files in data["files"].values() for f in files})
        args.ask.write_text(json.dumps(dict(pictures=pictures, texts=sorted(model.cache)), ensure_ascii=False))
    for answers in args.engine[1:] if args.engine else ():
        asked = json.loads(args.engine[0].read_text())
        model, where = Engine(args.model, asked, answers), {f: i for i, f in enumerate(asked["pictures"])}
        judge(f"engine, {answers.name}", model, {k: model.pictures[[where[f] for f in files]] for k, files in data["files"].items()})
    if args.out:
        args.out.write_text(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
