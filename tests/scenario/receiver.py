#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who is told: mail servers and a webhook, for scenarios.

receiver.py DIR PORTS: six ports from PORTS on (comma-separated) are, in this order, mail with STARTTLS and login, mail with
TLS, mail in the clear, a mail server that refuses every recipient, one that accepts connections and says nothing, and a
webhook. What comes is in DIR/KIND.N (mail as it came, without transport) and DIR/KIND.said (who logged in, by which way)."""

import http.server
import pathlib
import socket
import ssl
import sys
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

box = pathlib.Path(sys.argv[1])
ports = [int(port) for port in sys.argv[2].split(",")]
lock = threading.Lock()


def keep(kind, data):
    with lock:
        number = len(list(box.glob(f"{kind}.[0-9]*"))) + 1
        (box / f".{kind}").write_bytes(data)
        (box / f".{kind}").rename(box / f"{kind}.{number}")


class Mailbox:
    def __init__(self, kind):
        self.kind = kind

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.kind == "refusing":
            return "550 5.1.1 nobody here by that name"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        with (box / f"{self.kind}.said").open("a", encoding="utf-8") as said:
            said.write(f"from {address} {'encrypted' if session.ssl else 'clear'}\n")
        return "250 2.1.0 ok"

    async def handle_DATA(self, server, session, envelope):
        keep(self.kind, f"to {' '.join(envelope.rcpt_tos)}\n".encode() + envelope.content)
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"lift", b"s3cret word")
    with (box / "starttls.said").open("a", encoding="utf-8") as said:
        said.write(f"{data.login.decode()} {'may' if good else 'may not'} in, {'encrypted' if session.ssl else 'clear'}\n")
    return AuthResult(success=good, handled=False)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(box / "cert.pem", box / "key.pem")
    return made


class StartTls(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="box", tls_context=context(), require_starttls=True, auth_required=True,
                    authenticator=authenticate)


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/hang"):
            keep("hung", body)
            time.sleep(60)
        keep("hook", body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass


StartTls(Mailbox("starttls"), hostname="127.0.0.1", port=ports[0]).start()
Controller(Mailbox("tls"), hostname="127.0.0.1", port=ports[1], ssl_context=context()).start()
for place, kind in ((2, "plain"), (3, "refusing")):
    Controller(Mailbox(kind), hostname="127.0.0.1", port=ports[place]).start()
silent = socket.create_server(("127.0.0.1", ports[4]))
server = http.server.ThreadingHTTPServer(("127.0.0.1", ports[5]), Hook)
server.daemon_threads = True
(box / "ready").touch()
server.serve_forever()
