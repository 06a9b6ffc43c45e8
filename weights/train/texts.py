"""What the text tower learns to say, and where: texts, the sentences that tell the teacher what they mean, and how well they are known.

usage: texts.py RUN      (reads RUN/concepts.json; writes RUN/texts.json)

  names     every concept's names in English and Korean: their concept's code is the target, and they are known
  words     WordNet's nouns of physical things, by frequency: the teacher's mapping is the target
  phrases   composed of names: the teacher's mapping of the English phrase, for the Korean one too
  far       abstract nouns, names of persons, random letters: no photo shows them
"""
import json
import random
import re
import sys
from pathlib import Path

import wordfreq

from concepts import WordNet

PHYSICAL = {"object", "living thing", "food", "substance"}
COLOURS = "red blue green yellow black white brown grey pink purple orange golden".split()
KOREAN_COLOURS = "빨간 파란 초록 노란 검은 하얀 갈색 회색 분홍 보라 주황 금색".split()
ADJECTIVES = "small large old new wooden metal beautiful broken wet dirty clean colorful cute tall little big round empty".split()
KOREAN_ADJECTIVES = "작은 큰 오래된 새 아름다운 부서진 젖은 더러운 깨끗한 알록달록한 귀여운 높은 조그만 커다란 둥근 빈".split()
PLACES = [("on a table", "탁자 위의"), ("on the grass", "잔디 위의"), ("in a kitchen", "부엌의"), ("in a room", "방 안의"), ("on a couch", "소파 위의"), ("on a bed", "침대 위의"),
          ("in the street", "거리의"), ("on the beach", "해변의"), ("in the snow", "눈 속의"), ("in the water", "물속의"), ("on a plate", "접시 위의"), ("in a bowl", "그릇에 담긴"),
          ("in a garden", "정원의"), ("in front of a house", "집 앞의"), ("at night", "밤의"), ("in the forest", "숲속의"), ("by the sea", "바닷가의"), ("on a white background", "흰 배경의"),
          ("on the wall", "벽에 걸린"), ("in a shop", "가게의"), ("in the sky", "하늘의"), ("on the road", "길 위의"), ("in a hand", "손에 든"), ("on a mountain", "산 위의"), ("in a cage", "우리 안의"),
          ("in an office", "사무실의"), ("in the rain", "비 맞는"), ("under a tree", "나무 아래의"), ("on a shelf", "선반 위의"), ("in a field", "들판의")]
PEOPLE = [("a man", "남자"), ("a woman", "여자"), ("a child", "아이"), ("a boy", "소년"), ("a girl", "소녀"), ("two people", "두 사람"), ("a group of people", "여러 사람"), ("people", "사람들"),
          ("a family", "가족"), ("an old man", "노인"), ("a person", "사람"), ("children", "아이들"), ("a worker", "일하는 사람"), ("students", "학생들")]
DOING = [("cooking", "요리하는"), ("eating", "먹는"), ("walking", "걷는"), ("running", "달리는"), ("sitting", "앉아 있는"), ("reading a book", "책 읽는"), ("riding a bicycle", "자전거 타는"),
         ("playing football", "축구하는"), ("playing tennis", "테니스 치는"), ("swimming", "수영하는"), ("dancing", "춤추는"), ("singing", "노래하는"), ("sleeping", "자는"), ("talking", "이야기하는"),
         ("holding an umbrella", "우산을 든"), ("riding a horse", "말 타는"), ("using a computer", "컴퓨터를 쓰는"), ("looking at a phone", "휴대폰을 보는"), ("working", "일하는"),
         ("standing", "서 있는"), ("playing the guitar", "기타 치는"), ("fishing", "낚시하는"), ("skiing", "스키 타는"), ("drinking coffee", "커피 마시는"), ("wearing a hat", "모자를 쓴"),
         ("wearing a suit", "양복을 입은"), ("shopping", "장 보는"), ("driving a car", "운전하는"), ("smiling", "웃는"), ("posing for a photo", "사진 찍는"), ("surfing", "서핑하는"),
         ("climbing a mountain", "등산하는"), ("playing chess", "체스 두는"), ("carrying bags", "가방을 든"), ("with a dog", "개를 데리고 있는"), ("wearing a mask", "마스크를 쓴")]


def article(name):
    return name if name[:1].isupper() or name.endswith("s") and not name.endswith("ss") else ("an " if name[:1].lower() in "aeiou" else "a ") + name


def final(korean):
    """Whether the last syllable closes with a consonant (and so takes 과, 이, 을)."""
    return "가" <= korean[-1] <= "힣" and (ord(korean[-1]) - 0xAC00) % 28 != 0


def main():
    run = Path(sys.argv[1])
    draw = random.Random(5)
    rows = json.load(open(run / "concepts.json"))["concepts"]
    names, seen = [], set()
    for i, r in enumerate(rows):
        for n in r["en"]:
            names.append([n, i]), seen.add(n.lower())
        for k in r["ko"]:
            names.append([k, i])
    wn, words, far = WordNet(), [], []
    physical = {s for w in PHYSICAL for s in wn.senses[w][:1]}
    for lemma, senses in wn.senses.items():
        if lemma in seen or not re.fullmatch(r"[a-z][a-z' -]{2,30}", lemma) or lemma.count(" ") > 1:
            continue
        f = wordfreq.zipf_frequency(lemma, "en")
        s = senses[0]
        spelled = next((w for w in wn.words[s] if w.lower() == lemma), lemma)
        proper = spelled[:1].isupper()
        body = bool(wn.above(s) & physical)
        if body and not proper and (f >= 2.3 if " " not in lemma else f >= 2.9):
            words.append([spelled, f"{spelled}: {wn.gloss[s]}", f])
        elif not body and f >= 2.6 and (draw.random() < .35) and wn.lexical[s] not in (8, 5, 20, 13, 6, 15, 18, 28):
            far.append(spelled)
        elif proper and wn.lexical[s] == 18 and f >= 2.5 and draw.random() < .5:
            far.append(spelled)
    words.sort(key=lambda w: -w[2])
    words = words[:14000]
    phrases = []
    things = [r for r in rows if r["kind"] in ("imagenet", "label", "broader") and len(r["en"][0].split()) <= 3 and "meme" not in r["en"][0]]
    common = [r for r in things if wordfreq.zipf_frequency(r["en"][0], "en") >= 3.2]

    def pick():
        r = draw.choice(common if draw.random() < .7 else things)
        return r["en"][0] if r["en"][0].count(" (") == 0 else r["en"][1], (draw.choice(r["ko"]) if r["ko"] else None)
    for _ in range(9000):
        way = draw.random()
        (a, ka), (b, kb) = pick(), pick()
        ko = None
        if way < .3:
            join, kj = draw.choice([("and", 0), ("with", 0), ("next to", 1), ("in front of", 2), ("on", 3), ("in", 4)])
            en = f"{article(a)} {join} {article(b)}"
            if ka and kb:
                ko = {0: f"{ka}{'과' if final(ka) else '와'} {kb}", 1: f"{kb} 옆의 {ka}", 2: f"{kb} 앞의 {ka}", 3: f"{kb} 위의 {ka}", 4: f"{kb} 안의 {ka}"}[kj]
        elif way < .5:
            place, kp = draw.choice(PLACES)
            en, ko = f"{article(a)} {place}", f"{kp} {ka}" if ka else None
        elif way < .6:
            i = draw.randrange(len(COLOURS))
            en, ko = article(f"{COLOURS[i]} {a}"), f"{KOREAN_COLOURS[i]} {ka}" if ka else None
        elif way < .66:
            en = article(f"{draw.choice(ADJECTIVES)} {a}")
        elif way < .86:
            (p, kp), (d, kd) = draw.choice(PEOPLE), draw.choice(DOING)
            en, ko = f"{p} {d}", f"{kd} {kp}"
            if draw.random() < .4:
                place, kpl = draw.choice(PLACES)
                en, ko = f"{en} {place}", f"{kpl} {ko}" if draw.random() < .5 else f"{kpl.removesuffix('의')}에서 {ko}" if kpl.endswith("의") else f"{kpl} {ko}"
        elif way < .93:
            (p, kp) = draw.choice(PEOPLE)
            en, ko = f"{p} with {article(a)}", f"{ka}{'을' if final(ka) else '를'} 든 {kp}" if ka else None
        else:
            (c, _) = pick()
            en = f"{article(a)} and {article(b)} with {article(c)}"
        phrases.append([en, en])
        if ko and draw.random() < .7:
            phrases.append([ko, en])
    letters = "aaabcdeeefghiiijklmnooopqrstuuvwxyz"
    for _ in range(1500):
        far.append("".join(draw.choice(letters) for _ in range(draw.randint(3, 10))))
    hangul = [w for w in wordfreq.top_n_list("ko", 6000) if re.fullmatch("[가-힣]{2,6}", w) and not any(w in k or k in w for k, _ in names if "가" <= k[0] <= "힣")]
    far += draw.sample(hangul, min(1500, len(hangul)))
    for lang in ("de", "fr", "es", "it", "pl", "fi"):
        far += [w for w in draw.sample(wordfreq.top_n_list(lang, 5000), 150) if wordfreq.zipf_frequency(w, "en") < 3 and len(w) > 3]
    json.dump(dict(names=names, words=words, phrases=phrases, far=sorted(set(far))), open(run / "texts.json", "w"), ensure_ascii=False)
    print({k: len(v) for k, v in dict(names=names, words=words, phrases=phrases, far=far).items()})
    print(draw.sample(words, 20), draw.sample(phrases, 20), draw.sample(far, 20))


if __name__ == "__main__":
    main()
