"""What a test of a gate of real people needs and no machine here has: security keys in an agent (OpenSSH, PROTOCOL.u2f and
PROTOCOL.agent), a root and a certificate for this machine, and a root for the maker of a browser's simulated authenticators.

Usage: security_keys.py certificates FOLDER; security_keys.py agent FOLDER NAME...; security_keys.py maker FOLDER < attestation object.
`agent` writes NAME.pub for each key, listens at FOLDER/agent and prints `ready`; it touches and verifies whatever it is asked.
"""

import base64
import datetime
import hashlib
import ipaddress
import os
import socketserver
import struct
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PEM = serialization.Encoding.PEM
KIND, APPLICATION = b"sk-ssh-ed25519@openssh.com", b"ssh:"
FAILURE, IDENTITIES, LISTED, SIGN, SIGNED = 5, 11, 12, 13, 14
TOUCHED_AND_VERIFIED = 0x05


def string(data):
    return struct.pack(">I", len(data)) + data


def taken(data):
    (length,) = struct.unpack(">I", data[:4])
    return data[4 : 4 + length], data[4 + length :]


class Key:
    def __init__(self, name):
        self.name, self.secret, self.counter = name, ed25519.Ed25519PrivateKey.generate(), 0
        raw = serialization.Encoding.Raw
        public = self.secret.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
        self.blob = string(KIND) + string(public) + string(APPLICATION)

    def line(self):
        return f"{KIND.decode()} {base64.b64encode(self.blob).decode()} {self.name}\n"

    def sign(self, message):
        self.counter += 1
        said = struct.pack(">BI", TOUCHED_AND_VERIFIED, self.counter)
        sha256 = lambda data: hashlib.sha256(data).digest()
        signature = self.secret.sign(sha256(APPLICATION) + said + sha256(message))
        return string(KIND) + string(signature) + said


def agent(folder, names):
    keys = [Key(name) for name in names]
    for key in keys:
        (folder / f"{key.name}.pub").write_text(key.line())

    class Asked(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.rfile.read(4):
                message = self.rfile.read(struct.unpack(">I", head)[0])
                self.wfile.write(string(self.answer(message[0], message[1:])))

        def answer(self, kind, data):
            if kind == IDENTITIES:
                listed = b"".join(string(key.blob) + string(key.name.encode()) for key in keys)
                return struct.pack(">BI", LISTED, len(keys)) + listed
            if kind == SIGN:
                blob, data = taken(data)
                message, _ = taken(data)
                for key in keys:
                    if key.blob == blob:
                        return bytes([SIGNED]) + string(key.sign(message))
            return bytes([FAILURE])

    os.umask(0o077)
    with socketserver.ThreadingUnixStreamServer(str(folder / "agent"), Asked) as server:
        print("ready", flush=True)
        server.serve_forever()


def certificate(subject, issuer, key, signer, ca, names=None):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificates(folder):
    """`ca.pem`, `server.pem` and `server.key`; prints by which hash a browser is told to take the certificate."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate(named("root"), named("root"), root.public_key(), root, True)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = certificate(named("localhost"), named("root"), own.public_key(), root, False, names)
    (folder / "ca.pem").write_bytes(ca.public_bytes(PEM))
    (folder / "server.pem").write_bytes(leaf.public_bytes(PEM))
    private = own.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(private)
    (folder / "server.key").chmod(0o600)
    info = own.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    print(base64.b64encode(hashlib.sha256(info).digest()).decode())


def maker(folder):
    """The browser's own certificate says that it issued itself and is no CA. Its name and key are pinned as a CA's: what vouches for
    an authenticator is a signature by that key, and the browser alone has it."""
    attestation = sys.stdin.buffer.read()
    at = attestation.index(b"\x30\x82", attestation.index(b"x5c"))
    (length,) = struct.unpack(">H", attestation[at + 2 : at + 4])
    leaf = x509.load_der_x509_certificate(attestation[at : at + 4 + length])
    assert leaf.issuer == leaf.subject
    nobody = ec.generate_private_key(ec.SECP256R1())
    root = certificate(leaf.issuer, named("nobody"), leaf.public_key(), nobody, True)
    (folder / "maker.pem").write_bytes(root.public_bytes(PEM))


what, folder = sys.argv[1], Path(sys.argv[2])
if what == "agent":
    agent(folder, sys.argv[3:])
elif what == "certificates":
    certificates(folder)
else:
    maker(folder)
