"""Checks every passkey's review of a dossier with python-fido2, a verifier that shares nothing with ours.

Usage: verify_with_fido2.py DOSSIER ORIGIN. Prints how many verified; ends with 1 when one does not, or when there is none.
"""

import base64
import hashlib
import json
import re
import sys

from fido2.cose import ES256
from fido2.webauthn import AuthenticatorData, CollectedClientData


def plain(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def attachments(dossier):
    """Each leaf's attachments by name."""
    for entry in dossier["leaves"]:
        parts = entry["leaf"]["attachments"]
        yield {part["name"]: base64.b64decode(part["bytes"]) for part in parts if part.get("bytes")}


def enrolled(dossier):
    """Points by the name of their passkey, from wherever a line stands in the chain."""
    keys = {}
    for parts in attachments(dossier):
        for content in parts.values():
            texts = [content]
            # A change's payload stands in its evidence as hex.
            texts += [bytes.fromhex(found.decode()) for found in re.findall(rb'"payload":"([0-9a-f]+)"', content)]
            for text in texts:
                for line in re.findall(rb"webauthn-es256 [a-z0-9.-]+ [A-Za-z0-9_-]+ [A-Za-z0-9_-]+", text):
                    _, relying_party, point, _ = line.decode().split(" ")
                    name = hashlib.sha256(b"gatehold/passkey/v1\0" + plain(point)).hexdigest()
                    keys[f"sha256:{name}"] = (relying_party, plain(point))
    return keys


def verify(context, assertion, keys, origin):
    about = json.loads(context)
    relying_party, point = keys[about["reviewer"]["key"]]
    client_data = CollectedClientData(plain(assertion["clientDataJSON"]))
    data = AuthenticatorData(plain(assertion["authenticatorData"]))
    assert client_data.type == CollectedClientData.TYPE.GET
    assert client_data.challenge == hashlib.sha256(b"gatehold/review/v1\0" + context).digest()
    assert client_data.origin == origin and not client_data.cross_origin
    assert data.rp_id_hash == hashlib.sha256(relying_party.encode()).digest()
    assert data.is_user_present() and data.is_user_verified()
    public = ES256({1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
    public.verify(data + client_data.hash, plain(assertion["signature"]))


def main(path, origin):
    with open(path, encoding="utf-8") as file:
        dossier = json.load(file)
    keys = enrolled(dossier)
    verified = 0
    for parts in attachments(dossier):
        signature = parts.get("signature", b"")
        if "context" in parts and signature.startswith(b"{"):
            verify(parts["context"], json.loads(signature), keys, origin)
            verified += 1
    print(f"{verified} verified by python-fido2")
    return 0 if verified else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
