"""Names that a second model never reads, to measure what the recipe does with words that it was not taught. Writes RUN/hold.json.

usage: hold.py FEATURES RUN

The rule, fixed before training: of all concepts with ten photos or more and a name of three words at most, the fifty whose main name has
the smallest SHA-1. Their photos are left out of that model's training, and so is every text that has one of their names in it.
"""
import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path

import features


def main():
    run = Path(sys.argv[2])
    known = json.load(open(run / "concepts.json"))
    data = features.Photos(sys.argv[1], known)
    count = Counter({i: int(n) for i, n in enumerate(data.count.tolist())}) + Counter(h[1] for h in data.held if h[1] is not None)
    fit = [i for i, r in enumerate(known["concepts"]) if r["kind"] in ("imagenet", "label") and count[i] >= 10 and len(r["en"][0].split()) <= 3]
    fit.sort(key=lambda i: hashlib.sha1(known["concepts"][i]["en"][0].encode()).hexdigest())
    chosen = fit[:50]
    names = sorted({n.lower() for i in chosen for n in [*known["concepts"][i]["en"], *known["concepts"][i]["ko"]]})
    json.dump(dict(concepts=chosen, names=names), open(run / "hold.json", "w"), ensure_ascii=False)
    print([known["concepts"][i]["en"][0] for i in chosen])


def without(names):
    """-> whether a text has none of these names in it, as words."""
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(n)}(s|es)?(?!\w)" if n.isascii() else re.escape(n) for n in names), re.I)
    return lambda text: not pattern.search(text)


if __name__ == "__main__":
    main()
