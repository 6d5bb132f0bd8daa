"""What people and machines are told through, on loopback: a receiver of webhooks that checks signatures with the library of the
specification, a chat, and mail servers (aiosmtpd) with and without TLS. It prints what reaches it, one JSON document a line.

Usage: receiver.py FOLDER SECRET. FOLDER gets `ca.pem`, the root of the servers' certificates.
"""

import asyncio
import datetime
import email
import email.policy
import ipaddress
import json
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

folder, secret = Path(sys.argv[1]), sys.argv[2]
saying = threading.Lock()
status = 200
refused = set()
released = threading.Event()
released.set()
# What comes back that somebody could take for an approval, and at which gate.
answering, gate = None, ""


def decision(request):
    """Everything that a decision is called somewhere, about this request."""
    return json.dumps({
        "request": request, "callback_id": request, "act": "approve", "action": "approve", "decision": "approve", "approved": True,
        "state": "approved", "verdict": "allow", "reviewer": "reviewer@dev.gatehold.local", "user": {"name": "reviewer"},
        "actions": [{"action_id": "approve", "name": "approve", "value": request}], "reactions": ["+1", "white_check_mark"],
    })


SAYING = {
    "content-type": "application/json", "x-gatehold-act": "approve", "x-approved": "true", "x-slack-approve": "true",
    "set-cookie": "gatehold=reviewer; Path=/", "authorization": "Bearer approve", "refresh": "0; url=/requests", "signature": "sig1=:YXBwcm92ZQ==:",
}
ANSWERS = {
    "body": lambda request: (200, {"content-type": "application/json"}, decision(request)),
    "text": lambda request: (200, {"content-type": "text/plain"}, f"\U0001f44d approved {request} :white_check_mark:"),
    "headers": lambda request: (202, SAYING, decision(request)),
    "created": lambda request: (201, {"location": f"http://{gate}/requests/{request}/review"}, decision(request)),
    "moved": lambda request: (301, {"location": f"http://{gate}/requests/{request}/act?act=approve"}, ""),
    "found": lambda request: (302, {"location": f"http://{gate}/requests/{request}?act=approve"}, ""),
    "see": lambda request: (303, {"location": f"http://{gate}/requests/{request}"}, ""),
    "again": lambda request: (307, {"location": f"http://{gate}/requests/{request}/review"}, decision(request)),
    "there": lambda request: (308, {"location": f"http://{gate}/v1/requests/{request}/reviews"}, decision(request)),
}


def say(what):
    with saying:
        print(json.dumps(what), flush=True)


class Handler(BaseHTTPRequestHandler):
    """Webhooks at /hook, a chat below /services/; GET tells it how to answer from now on."""

    def log_message(self, *_):
        pass

    def answer(self, code, text="ok", headers=None):
        self.send_response(code)
        if code == 302 and not headers:
            headers = {"location": "http://127.0.0.1:1/elsewhere"}
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        body = text.encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        global answering, gate, status
        _, what, value = self.path.split("/", 2)
        if what == "be":
            status = int(value)
        elif what == "refuse":
            refused.add(value)
        elif what == "answer":
            answering = ANSWERS.get(value)
        elif what == "gate":
            gate = value
        elif what == "hold":
            released.clear()
        elif what == "release":
            released.set()
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        code, headers, text = status, None, "ok"
        about = re.search(r"req_[0-9a-f]{32}", body)
        if answering and about:
            code, headers, text = answering(about.group())
        if self.path.startswith("/hook"):
            try:
                Webhook(secret).verify(body, dict(self.headers.items()))
                valid = True
            except WebhookVerificationError:
                valid = False
            say({"hook": json.loads(body), "id": self.headers["webhook-id"], "valid": valid,
                 "path": self.path, "status": code, "headers": sorted(self.headers.keys()), "raw": body})
        else:
            say({"chat": json.loads(body), "path": self.path, "status": code, "raw": body})
        released.wait()
        self.answer(code, text, headers)


class Mails:
    """Takes mail, but for those who are refused."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in refused:
            return f"550 5.1.1 <{address}> is unknown here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 approved, approved, approved" if answering else "250 OK"

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.content
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        say({
            "mail": {name: str(value) for name, value in mail.items()},
            "headers": len(mail.items()),
            "text": mail.get_content(),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "user": bool(session.authenticated),
            "hello": session.host_name,
            "raw": raw.decode("utf-8", "replace"),
        })
        # As the others: an answer may be held back.
        if answering:
            await asyncio.get_running_loop().run_in_executor(None, released.wait)
        return f"250 2.0.0 APPROVED by reviewer: {decision(mail['References'])}" if answering else "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"gate" and data.password == b"mail-password-1"
    # Not handled: the server says so itself.
    return AuthResult(success=good, handled=False)


def certificates():
    """A root of our own, and a certificate of it for this machine."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject, issuer, key, signer, ca):
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA256())

    pem = serialization.Encoding.PEM
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(certificate("root", "root", root, root, True).public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    leaf = certificate("localhost", "root", own, root, False).public_bytes(pem)
    (folder / "server.pem").write_bytes(private + leaf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


async def main():
    context = certificates()
    loop = asyncio.get_running_loop()
    login = {"auth_required": True, "authenticator": authenticate}

    async def mail(tls=None, **options):
        serve = lambda: SMTP(Mails(), loop=loop, hostname="localhost", **options)
        server = await loop.create_server(serve, "127.0.0.1", 0, ssl=tls)
        return server.sockets[0].getsockname()[1]

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    say({
        "http": http.server_address[1],
        "plain": await mail(),
        "starttls": await mail(tls_context=context, require_starttls=True, auth_require_tls=True, **login),
        # Inside of TLS from the first byte it need not be asked for again.
        "tls": await mail(tls=context, auth_require_tls=False, **login),
    })
    await asyncio.Event().wait()


asyncio.run(main())
