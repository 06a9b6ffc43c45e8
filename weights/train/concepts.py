"""Which names there are, in English and Korean, and what each photo shows. Writes RUN/concepts.json.

usage: concepts.py PHOTOS RUN      (PHOTOS holds meta.tsv of photos.py; WordNet is Debian's wordnet-base)

A concept: {"en": names, first the main one; "ko": names; "imagenet": k or null; "kind": imagenet, label, broader, extra or phrase;
"broader": numbers of broader concepts; "gloss"}. "labels" maps a photo's label to the concept it is a photo of, and others it shows.
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
WORDNET = Path("/usr/share/wordnet")
# Names of one kind that mean something else as a photo's label.
APART = {"kite", "nail", "mouse", "bass", "drill", "football", "pipe", "organ", "palm", "scale", "pole", "bow", "jay", "crane", "ram", "cricket",
         "maltese", "mask", "bell", "car", "monitor", "pitcher", "fan", "cup", "temple", "compass", "glasses", "keyboard", "brush", "squash"}
# Photos of people, whatever else they are labelled as.
PEOPLE = ["Profession-Detection", "Face-Mask-Detection", "Sports-Type-Classifier"]
DOG = 2084071


def singular(word):
    for end, one in (("knives", "knife"), ("buses", "bus"), ("glasses", "glass"), ("brushes", "brush"), ("couches", "couch"), ("benches", "bench")):
        if word.endswith(end):
            return word[:-len(end)] + one
    return word if word in ("people", "scissors") else re.sub(r"s$", "", word) if not word.endswith(("ss", "bus")) else word


class WordNet:
    """The nouns: synsets by offset, with their words, gloss and parents."""

    def __init__(self):
        self.words, self.gloss, self.parents, self.senses, self.lexical = {}, {}, {}, {}, {}
        for line in open(WORDNET / "data.noun", encoding="utf8"):
            if line.startswith("  "):
                continue
            head, gloss = line.split(" | ", 1)
            f = head.split(" ")
            at, n = int(f[0]), int(f[3], 16)
            self.lexical[at] = int(f[1])
            self.words[at] = [f[4 + 2 * i].replace("_", " ") for i in range(n)]
            self.gloss[at] = gloss.split(";")[0].strip()
            rest = f[4 + 2 * n + 1:]
            self.parents[at] = [int(rest[4 * i + 1]) for i in range(int(f[4 + 2 * n])) if rest[4 * i] in ("@", "@i")]
        for line in open(WORDNET / "index.noun", encoding="utf8"):
            if not line.startswith("  "):
                f = line.split()
                self.senses[f[0].replace("_", " ")] = [int(x) for x in f[-int(f[2]):]]

    def above(self, at):
        seen, todo = set(), [at]
        while todo:
            x = todo.pop()
            if x not in seen:
                seen.add(x)
                todo += self.parents[x]
        return seen


def entries(path):
    for line in open(path, encoding="utf8"):
        if line.strip() and not line.startswith("#"):
            names, korean = line.rstrip("\n").rsplit(": ", 1)
            yield [n.strip() for n in names.split(";")], [k.strip() for k in korean.split(",")]


def imagenet_korean():
    rows = []
    for line in open(HERE / "words/imagenet_ko.txt", encoding="utf8"):
        rows += [[k.strip() for k in cell.split(",")] for cell in line.split(" ", 1)[1].split("|")]
    return rows


def without_article(text):
    return re.sub(r"^(an?|the) ", "", text.strip())


def names_of(label):
    """'bibimbap (Korean rice bowl)' -> both, and the whole."""
    m = re.match(r"^(.*?) \((.*?)\)(.*)$", label)
    if not m:
        return [label]
    first, second = (m[1] + m[3]).strip(), m[2]
    return [first, second, label]


class Concepts:
    def __init__(self, wnids, imagenet_names):
        self.wn, self.rows, self.by_name, self.labels = WordNet(), [], {}, {}
        korean = imagenet_korean()
        for k, (wnid, name) in enumerate(zip(wnids, imagenet_names)):
            at = int(wnid[1:])
            plain = re.sub(r" \(.*\)| / .*", "", name)
            en = list(dict.fromkeys([name, plain, *self.wn.words[at]]))
            dog = DOG in self.wn.above(at)                            # "Boston bull" is a name, "Tinca tinca" none that people type
            en = [n for n in en if dog or n in (name, plain) or not re.match(r"^[A-Z][a-z]+ [a-z]+$", n) or n.lower().split()[-1] in name.lower()]
            self.add(en, korean[k], "imagenet", imagenet=k, synset=at, gloss=self.wn.gloss[at])

    def add(self, en, ko, kind, **more):
        row = dict(en=en, ko=ko, kind=kind, imagenet=None, broader=[], gloss="", synset=None, **{}) | more
        number = len(self.rows)
        self.rows.append(row)
        for n in en:
            self.by_name.setdefault(n.lower(), number)
        return number

    def broader(self):
        above = {i: self.wn.above(r["synset"]) for i, r in enumerate(self.rows)}
        self.wide = {}
        for en, ko in entries(HERE / "words/broader.txt"):
            best, most = None, 0
            for n in en:
                for s in self.wn.senses.get(n.lower(), []):
                    children = sum(s in a for a in above.values())
                    if children > most:
                        best, most = s, children
            number = self.add(en, ko, "broader", synset=best, gloss=self.wn.gloss.get(best, ""))
            for n in en:
                self.by_name[n.lower()] = number                      # "dog" the kind of animal, whatever a narrower one is called
            if best:
                self.wide[best] = number
                for i, a in above.items():
                    if best in a:
                        self.rows[i]["broader"].append(number)

    def extra_broader(self, name):
        """Broader concepts of a name outside ImageNet: by its last word's first sense."""
        for word in (name.lower(), name.lower().split()[-1]):
            for s in self.wn.senses.get(word, self.wn.senses.get(re.sub(r"s$", "", word), []))[:1]:
                return [self.wide[a] for a in self.wn.above(s) if a in self.wide]
        return []

    def label(self, label, korean, group=""):
        """The concept of a photo's label, made when there is none."""
        text = without_article(label)
        en = names_of(text)
        spare, ko = korean.get(text.lower(), ([], []))
        for n in [*en, *spare]:
            number = self.by_name.get(n.lower())
            if number is not None and (n.lower() not in APART or self.rows[number]["kind"] != "imagenet"):
                row = self.rows[number]
                row["en"] += [x for x in [*en, *spare] if x.lower() not in {y.lower() for y in row["en"]} and x.lower() not in self.by_name]
                row["ko"] += [k for k in ko if k not in row["ko"]]
                for x in [*en, *spare]:
                    self.by_name.setdefault(x.lower(), number)
                return number
        number = self.add(list(dict.fromkeys([*en, *spare])), ko, "label")
        for n in [*en, *spare]:
            if n.lower() in APART:                                    # the photo's meaning, not ImageNet's, keeps the bare word
                old = self.by_name[n.lower()]
                if old != number and self.rows[old]["kind"] == "imagenet" and len(self.rows[old]["en"]) > 1:
                    self.rows[old]["en"] = [x for x in self.rows[old]["en"] if x.lower() != n.lower()]
                self.by_name[n.lower()] = number
        self.rows[number]["broader"] = self.extra_broader(en[0]) + ([self.by_name["food"]] if "food" in group else [])
        return number


COARSE = [(r"milk$", "carton of milk"), (r"juice( smooth)?$", "carton of juice"), (r"(yoghurt|oatghurt|soyghurt)", "pot of yoghurt"), (r"sour cream$", "sour cream"),
          (r"^(anjou|conference|kaiser)", "pear"), (r"^(golden delicious|granny smith|pink lady|red delicious|royal gala)", "apple"),
          (r"(galia|honeydew|cantaloupe)", "cantaloupe melon"), (r"(floury|solid) potato", "potato"), (r"(beef|regular) tomato", "tomato"),
          (r"^tropicana", "carton of juice"), (r"watermelon", "watermelon"), (r"vine tomato", "tomato")]


def main():
    photos, run = Path(sys.argv[1]), Path(sys.argv[2])
    prompts, wnids = json.load(open(sys.argv[3])), open(sys.argv[4]).read().split()
    all_ = Concepts(wnids, prompts["classes"])
    all_.broader()
    korean = {}
    for en, ko in entries(HERE / "words/labels_ko.txt"):
        for n in en:
            korean.setdefault(without_article(n).lower(), (en, ko))
    for line in open(sys.argv[5], encoding="utf8"):
        f = line.rstrip("\n").split("\t")
        korean.setdefault(without_article(f[0]).lower(), ([], [f[1]]))
    counts, groups = Counter(), {}
    for line in open(photos / "meta.tsv", encoding="utf8"):
        f = line.rstrip("\n").split("\t")
        if f[2] == "label":
            counts[f[1], f[3]] += 1
            groups[f[1], f[3]] = f[4]
    styles = {}
    for (label, repo), n in counts.items():
        group, text = groups[label, repo], without_article(label)
        main_, also, phrase = None, [], None
        if "chanakya" in repo:
            text = re.sub(" dog$", "", text)
        text = re.sub(" on a white background$", "", text)
        style = re.match(r"^(cartoon|painting|sketch|photo|black-and-white photo) of (.*)$", text)
        if "Grocery" in repo:
            for pattern, coarse in COARSE:
                if re.search(pattern, text.lower()):
                    text = coarse
                    break
        if group == "objects" and ("," in text or " and " in text):
            phrase = label
            also = [all_.label(singular(without_article(p)), korean) for p in re.split(r", | and ", label)]
        elif group == "world food" and len(text.split()) > 4 and "(" not in text:
            phrase, also = label, [all_.by_name["food"]]
        elif style:
            inner = all_.label(style[2], korean, group)
            if style[1] == "photo":
                main_ = inner
            elif style[1] == "black-and-white photo":
                main_, phrase = inner, label
                also = [all_.label("black-and-white photo", korean)]
            else:
                phrase = label
                main_ = all_.by_name.get(text.lower())
                if main_ is None:
                    main_ = all_.add([text], [], "phrase")
                also = [inner, all_.label(style[1], korean)]
        else:
            main_ = all_.label(text, korean, group)
        if group == "screens and memes" and text.endswith("meme") and main_ is not None:
            also.append(all_.label("meme", korean))
        if "food" in group and main_ is not None and all_.by_name["food"] not in all_.rows[main_]["broader"]:
            all_.rows[main_]["broader"].append(all_.by_name["food"])
        if (group == "sports" or any(part in repo for part in PEOPLE)) and not re.search("racing|chess", text):
            also.append(all_.by_name["person"])
        styles[f"{repo}\t{label}"] = dict(main=main_, also=also, phrase=phrase)
    for en, ko in entries(HERE / "words/labels_ko.txt"):
        if without_article(en[0]).lower() not in all_.by_name:
            all_.add(en, ko, "extra")
    for en, ko in entries(HERE / "words/extra.txt"):
        number = next((all_.by_name[n.lower()] for n in en if n.lower() in all_.by_name and n.lower() not in APART), None)
        if number is None:
            number = all_.add(en, ko, "extra")
            all_.rows[number]["broader"] = []
        else:
            all_.rows[number]["ko"] += [k for k in ko if k not in all_.rows[number]["ko"]]
    run.mkdir(parents=True, exist_ok=True)
    json.dump(dict(concepts=all_.rows, labels=styles), open(run / "concepts.json", "w"), ensure_ascii=False, indent=0)
    print(Counter(r["kind"] for r in all_.rows), "without Korean:", sum(not r["ko"] for r in all_.rows))


if __name__ == "__main__":
    main()
