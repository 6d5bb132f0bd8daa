#!/usr/bin/env python3
"""Verifies a Gatehold receipt offline, with nothing but Python's standard library.

    verify_receipt.py RECEIPT KEY

RECEIPT is a .tlog-proof file, KEY the log's verifier key (origin+id+base64). Prints one line; exit code 0 means that
the log signed a tree head under which exactly this record stands. It does not show that anything was executed, or
what has been revoked since. Must share no code with the gate: that is its worth.
"""

import base64
import hashlib
import re
import sys

SIZE_MAX = 2**63 - 1
RECEIPT_BYTES_MAX = 256 * 1024


class Refused(Exception):
    pass


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], "rb") as file:
            receipt = file.read(RECEIPT_BYTES_MAX + 1)
        print("verified:", verify(receipt, sys.argv[2]))
    except (Refused, OSError) as reason:
        print("refused:", reason)
        sys.exit(1)


def verify(receipt, key_text):
    """Returns a line about what was proven, or raises Refused."""
    text = decode(receipt)
    proof_text, blank, note = text.partition("\n\n")
    lines = proof_text.split("\n")
    require(blank and len(lines) >= 3 and lines[0] == "c2sp.org/tlog-proof@v1", "not a tlog-proof@v1 file")
    opening = unbase64(field(lines[1], "extra "))
    index = number(field(lines[2], "index "))
    proof = [unhash(line) for line in lines[3:]]

    origin, size, root = tree_head(note, key_text)

    # The leaf is made from the record shown, never read from the file.
    require(len(opening) >= 35 and opening[0] == 1, "the extra line is not an opening")
    kind, salt, record = opening[1:3], opening[3:35], opening[35:]
    leaf = b"\x01" + kind + sha256(b"gatehold/leaf/v1\0" + salt + record)
    require(index < size, "the index is outside the tree")
    require(root_of(leaf, index, size, proof) == root, "the record is not in the tree at that index")
    kind = int.from_bytes(kind, "big")
    return f"leaf {index} of {size} in {origin}, kind {kind}, record sha256:{sha256(record).hex()}"


def tree_head(note, key_text):
    """Origin, size and root that the key's owner signed (C2SP signed-note and tlog-checkpoint)."""
    name, key_id, public = verifier_key(key_text)
    text, blank, signatures = note.rpartition("\n\n")
    require(blank and signatures.endswith("\n"), "the tree head is not a signed note")
    text += "\n"
    signed = False
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch("\u2014 ([^ +]+) ([^ ]+)", line)
        require(match, "a signature line is malformed")
        signature = unbase64(match[2])
        require(len(signature) > 4, "a signature line is malformed")
        if match[1] == name and signature[:4] == key_id:
            require(ed25519_verify(public, text.encode(), signature[4:]), "the log's signature does not verify")
            signed = True
    require(signed, "the tree head is not signed by this key")
    lines = text.split("\n")
    require(len(lines) == 4, "the tree head is not origin, size and root")
    require(lines[0] == name, "the tree head is of another log")
    return name, number(lines[1]), unhash(lines[2])


def verifier_key(text):
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    key = unbase64(encoded)
    require(name and not re.search(r"\s", name), "the key has no origin")
    require(len(key) == 33 and key[0] == 1, "the key is not an Ed25519 verifier key")
    expected = sha256(name.encode() + b"\n" + key)[:4]
    require(key_id == expected.hex(), "the key's id does not belong to it")
    return name, expected, key[1:]


def root_of(leaf, index, size, proof):
    """The root to which the proof leads (RFC 9162 section 2.1.3.2), or None if it has the wrong length."""
    node, last = index, size - 1
    result = sha256(b"\x00" + leaf)
    for sibling in proof:
        if last == 0:
            return None
        if node % 2 == 1 or node == last:
            result = sha256(b"\x01" + sibling + result)
            while node % 2 == 0:
                node, last = node // 2, last // 2
        else:
            result = sha256(b"\x01" + result + sibling)
        node, last = node // 2, last // 2
    return result if last == 0 else None


# Ed25519 (RFC 8032), verification only. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z. Nothing here is
# secret, so nothing needs constant time.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def ed25519_verify(public, message, signature):
    if len(signature) != 64:
        return False
    key, commitment = decompress(public), decompress(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= L:
        return False
    if any(same(multiply(8, point), NEUTRAL) for point in (key, commitment)):
        return False
    challenge = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(challenge, "little") % L
    return same(multiply(scalar, BASE), add(commitment, multiply(challenge, key)))


def decompress(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * SQRT_MINUS_1 % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        return None
    if x % 2 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = NEUTRAL
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


# Reading: one spelling for everything, or Refused.


def decode(receipt):
    require(len(receipt) <= RECEIPT_BYTES_MAX, "the file is longer than any receipt")
    try:
        text = receipt.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the file is not UTF-8") from None
    require(not re.search("[\x00-\x09\x0b-\x1f]", text), "the file contains control characters")
    return text


def field(line, name):
    require(line.startswith(name), f"the line '{name.strip()}' is missing")
    return line[len(name) :]


def number(text):
    require(re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) <= SIZE_MAX, "a number is malformed")
    return int(text)


def unhash(text):
    decoded = unbase64(text)
    require(len(decoded) == 32, "a hash is not 32 bytes long")
    return decoded


def unbase64(text):
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("base64 is malformed") from None
    require(base64.b64encode(decoded).decode() == text, "base64 is malformed")
    return decoded


def sha256(data):
    return hashlib.sha256(data).digest()


def require(condition, reason):
    if not condition:
        raise Refused(reason)


if __name__ == "__main__":
    main()
