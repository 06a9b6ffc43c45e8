"""Names for each kind of photo: its own synonyms and the broader terms that fit it. Writes OUT/concepts.json.

usage: concepts.py PHOTOS OUT [--broader broader.json]

PHOTOS is a zip or a folder with one sub-folder a kind. `classes.tsv` in it (folder, comma-separated names; the first is the
kind's primary name) names the kinds; without it the folder names do. broader.json maps a term to the kinds it fits, each by its
primary name or its folder. A name may belong to several kinds ("wagon"): it then counts as right for all of them.
"""
import argparse
import json
from pathlib import Path

from photos import Source


def gather(folders, names, broader):
    """-> the concepts.json dictionary: each distinct name once, and the numbers of those that fit each kind."""
    of = {n[0]: i for i, n in enumerate(names)}
    of.update({f: i for i, f in enumerate(folders)})
    concepts, number = [], {}
    positives = [set() for _ in folders]

    def add(name, kind):
        name = name.lower()
        if name not in number:
            number[name] = len(concepts)
            concepts.append(name)
        positives[kind].add(number[name])

    for kind, synonyms in enumerate(names):
        for s in synonyms:
            add(s, kind)
    own = [sorted(p) for p in positives]
    for term, members in broader.items():
        for m in members:
            if m in of:
                add(term, of[m])
    return {"folders": folders, "concepts": concepts, "positives": [sorted(p) for p in positives], "own": own,
            "primary": [number[n[0].lower()] for n in names],
            "broader": sorted({number[t.lower()] for t in broader if t.lower() in number})}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("photos"), args.add_argument("out", type=Path)
    args.add_argument("--broader", type=Path, default=Path(__file__).parent / "broader.json")
    args = args.parse_args()
    kinds = Source(args.photos).kinds()
    known = gather([k[0] for k in kinds], [k[1] for k in kinds], json.loads(args.broader.read_text()))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "concepts.json").write_text(json.dumps(known, indent=0))
    print(len(known["concepts"]), "concepts for", len(kinds), "kinds")


if __name__ == "__main__":
    main()
