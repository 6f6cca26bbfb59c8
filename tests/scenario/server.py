#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web server on loopback that serves a directory honestly, except what FILE says.

usage: server.py DIRECTORY FILE LOG   prints its port
FILE has lines "PATH MISCHIEF [ARGUMENT]"; it is read at each request. LOG gets a line "PATH STATUS START SENT" for each.
"""
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "property"))
sys.dont_write_bytecode = True
from server_tools import Server, answer, drip, raw, redirect, reset  # noqa: E402

DIRECTORY, MISCHIEF, LOG = sys.argv[1:]


def head(length, status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def hold(connection):
    threading.Event().wait()


def endless(connection, request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


# What may be done to a request instead of an honest answer; `content` is the file's, `argument` as FILE gives it.
MISCHIEFS = {
    "absent": lambda content, argument: answer(404, b"no"),
    "broken": lambda content, argument: answer(int(argument or 500), b"no"),
    "slow": lambda content, argument: raw(head(len(content)), drip(b" ", 1)),
    "stalled": lambda content, argument: raw(head(len(content)) + content[:10], hold),
    "endless": lambda content, argument: endless,
    "truncated": lambda content, argument: raw(head(len(content), more='ETag: "e"\r\n') + content[: int(argument)]),
    "reset": lambda content, argument: reset,
    "garbage": lambda content, argument: raw(b"\x00\x01 not HTTP \xff\r\n\r\n"),
    "longer": lambda content, argument: answer(200, content + b"more"),
    "other": lambda content, argument: answer(200, b"<html>Log in to the hotel's network</html>"),
    "redirect": lambda content, argument: redirect(argument),
    "partial": lambda content, argument: answer(206, content, Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}"),
    "gzip": lambda content, argument: answer(200, content, Content_Encoding="gzip"),
    "headers": lambda content, argument: raw(b"HTTP/1.1 200 OK\r\n", drip(b"X-Again: yes\r\n" * 1000, 0)),
}


class Tally:
    """A connection that counts what went out behind the head of the answer."""

    def __init__(self, connection):
        self.connection, self.sent = connection, b""

    def sendall(self, data):
        self.connection.sendall(data)
        self.sent = (self.sent + data)[:1_000_000_000]

    def __getattr__(self, name):
        return getattr(self.connection, name)


def serve(path):
    with open(MISCHIEF) as lines:
        rules = dict((line.split(" ", 1) for line in lines.read().splitlines() if line))
    name = os.path.join(DIRECTORY, path.lstrip("/"))
    content = open(name, "rb").read() if os.path.isfile(name) else None
    rule, _, argument = rules.get(path, "").partition(" ")

    def honest(connection, request):
        wanted = request["headers"].get("range")
        tag = '"%x"' % hash(content)
        if content is None:
            answer(404, b"no")(connection, request)
        elif wanted and request["headers"].get("if-range") in (tag, '"e"'):
            start = int(wanted[len("bytes=") : -1])
            rest = content[start:]
            answer(206, rest, ETag=request["headers"]["if-range"], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")(
                connection, request
            )
        else:
            answer(200, content, ETag=tag)(connection, request)

    def act(connection, request):
        tally = Tally(connection)
        try:
            (MISCHIEFS[rule](content or b"", argument) if rule else honest)(tally, request)
        finally:
            top, _, body = tally.sent.partition(b"\r\n\r\n")
            status = top.split(b" ")[1].decode() if top.count(b" ") > 1 else "-"
            start = (request["headers"].get("range") or "bytes=0-")[len("bytes=") : -1]
            with open(LOG, "a") as log:
                log.write(f"{path} {status} {start} {len(body)}\n")

    return act


class Routes(dict):
    def __missing__(self, path):
        return serve(path)


server = Server()
server.routes = Routes()
print(server.port, flush=True)
threading.Event().wait()
