#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Hammers on the ledger. usage: writer.py PORT FIRST ATTEMPTED ACKNOWLEDGED

Every number is sent once. It stands in ATTEMPTED before, and in ACKNOWLEDGED (synced) after the app said 201."""
import os
import socket
import sys
import time

port, number = int(sys.argv[1]), int(sys.argv[2])
attempted, acknowledged = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for path in sys.argv[3:5])


def send(number):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(b"POST /%d HTTP/1.1\r\n\r\n" % number)
            return connection.recv(64).startswith(b"HTTP/1.1 201")
    except OSError:
        return False


while True:
    os.write(attempted, b"%d\n" % number)
    good = send(number)
    if good:
        os.write(acknowledged, b"%d\n" % number)
        os.fdatasync(acknowledged)
    number += 1
    time.sleep(0.003 if good else 0.01)
