"""Generates rfc8785.tsv: input and canonical form, both as hex, one pair a line.

    pip install -r requirements.txt && python3 generate.py [COUNT [SEED]] > rfc8785.tsv

The inputs are integers-only documents in random spelling (spacing, escapes, member order); the canonical form is what
the Python package `rfc8785` makes of the parsed value. 500 pairs of a fixed seed are the file beside this; live.rs asks for
more of other seeds.
"""
import random
import sys

import rfc8785

COUNT, SEED = (int(given) for given in (sys.argv[1:] + ["500", "8785"][len(sys.argv) - 1 :]))
R = random.Random(SEED)
ALPHABET = (
    [chr(c) for c in range(0x00, 0x30)]
    + list("abcXYZ\"\\/")
    + list("\x7f\x80\xa0\u00e9\u05d0\u200b\u202e\u2028\u20ac\ud7ff\ue000\ufb33\ufeff\uffff")
    + list("\U00010000\U0001f600\U000e0041\U0010ffff")
)
INTS = [0, 1, -1, 2**53 - 1, -(2**53) + 1, 10**15, 2**31, -(2**32)]


def text():
    return "".join(R.choice(ALPHABET) for _ in range(R.randrange(0, 9)))


def value(depth):
    kind = R.randrange(7 if depth < 5 else 4)
    if kind == 0:
        return R.choice([None, True, False])
    if kind == 1:
        return R.choice(INTS) if R.random() < 0.4 else R.randrange(-(2**53) + 1, 2**53)
    if kind in (2, 3):
        return text()
    if kind == 4:
        return [value(depth + 1) for _ in range(R.randrange(0, 5))]
    return {text(): value(depth + 1) for _ in range(R.randrange(0, 7))}


def space():
    return "".join(R.choice(" \t\r\n") for _ in range(R.randrange(0, 3))) if R.random() < 0.3 else ""


def unit(code):
    return ("\\u%04x" if R.random() < 0.5 else "\\u%04X") % code


def spell_text(s):
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "/": "\\/"}
    out = '"'
    for c in s:
        must = c < " " or c in '"\\'
        if c in short and R.random() < 0.5:
            out += short[c]
        elif must or R.random() < 0.3:
            raw = c.encode("utf-16-be")
            out += "".join(unit(int.from_bytes(raw[i : i + 2], "big")) for i in range(0, len(raw), 2))
        else:
            out += c
    return out + '"'


def spell(v):
    if v is None:
        return "null"
    if v is True:
        return "true"
    if v is False:
        return "false"
    if isinstance(v, int):
        return str(v)
    if isinstance(v, str):
        return spell_text(v)
    if isinstance(v, list):
        return "[" + space() + ("," + space()).join(spell(x) + space() for x in v) + "]"
    items = list(v.items())
    R.shuffle(items)
    body = ("," + space()).join(spell_text(k) + space() + ":" + space() + spell(x) + space() for k, x in items)
    return "{" + space() + body + "}"


for _ in range(COUNT):
    v = value(R.randrange(0, 3))
    spelled = (space() + spell(v) + space()).encode("utf-8")
    print(spelled.hex() + "\t" + rfc8785.dumps(v).hex())
