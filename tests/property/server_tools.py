# SPDX-License-Identifier: Apache-2.0
"""A web server for tests whose every byte is ours, and ways to misbehave."""

import os
import socket
import ssl
import struct
import threading
import time


class Server:
    """Listens on loopback (or a unix socket); `routes` maps a path to what is done with connection and request."""

    def __init__(self, host="127.0.0.1", tls=None, path=None):
        self.routes, self.requests, self.tls, self.path = {}, [], tls, path
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(path))
            os.chmod(path, 0o777)
        else:
            self.socket = socket.socket(socket.AF_INET)
            self.socket.bind((host, 0))
            self.port = self.socket.getsockname()[1]
            self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self.socket.listen(50)
        self.closed = False
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while not self.closed:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, _, body = data.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            while len(body) < int(headers.get("content-length", 0)):
                body += connection.recv(65536)
            request = {"line": lines[0], "headers": headers, "body": body.decode("latin-1")}
            self.requests.append(request)
            path = lines[0].split(" ")[1].split("?")[0]
            self.routes[path](connection, request)
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def close(self):
        self.closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        except OSError:
            pass
        self.acceptor.join()  # else it might go on with the number of a descriptor that is somebody else's by then
        self.socket.close()


def answer(status=200, body=b"", length=None, **headers):
    """A whole answer; headers by keyword, with _ for -. length None: as it is, False: not said."""

    def act(connection, request):
        lines = [f"HTTP/1.1 {status} Whatever", "Connection: close"]
        if length is not False:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return act


def raw(data, then=None):
    def act(connection, request):
        connection.sendall(data)
        if then:
            then(connection)

    return act


def silence(connection, request=None):
    """Until the other side goes away."""
    connection.settimeout(20)
    while connection.recv(4096):
        pass


def drip(piece, pause_s):
    def act(connection, request=None):
        while True:
            connection.sendall(piece)
            time.sleep(pause_s)

    return act


def reset(connection, request=None):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def redirect(to, status=302):
    return answer(status, b"elsewhere", Location=to)
