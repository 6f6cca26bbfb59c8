# SPDX-License-Identifier: Apache-2.0
"""Merging as a command: tests/property/merge_shim.c, one process that answers all."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LIFTLOCK_BUILD", ROOT / "build"))


class Refused(Exception):
    """code: the fault's name; text: the rest, hint included."""

    def __init__(self, code, text):
        self.code, self.text = code, text
        super().__init__("%s %s" % (code, text))


class Note:
    def __init__(self, line):
        head, self.reason = line.split("\t")
        self.act, self.line, self.release_line, self.path = head.split(" ", 3)

    def __repr__(self):
        return " ".join(filter(None, [self.act, self.path, self.reason]))


class Merger:
    def __init__(self):
        self.process = subprocess.Popen([BUILD / "tests/property/merge-shim"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def merge(self, language, base, user, release, strategy="preserve_user", rules=()):
        """(bytes, notes); base None: not known; text may be str."""
        texts = [t.encode() if isinstance(t, str) else t for t in (user, base, release)]
        sizes = " ".join("-1" if t is None else str(len(t)) for t in texts)
        head = "%s %s %s %d\n" % (language, strategy, sizes, len(rules))
        head += "".join("%s %s\n" % (how, path) for path, how in rules)
        self.process.stdin.write(head.encode() + b"".join(t for t in texts if t is not None))
        self.process.stdin.flush()
        word, first, size = self.process.stdout.readline().split()
        if word == b"error":
            raise Refused(first.decode(), self.process.stdout.read(int(size)).decode())
        notes = [Note(self.process.stdout.readline().decode().rstrip("\n")) for _ in range(int(first))]
        return self.process.stdout.read(int(size)), notes

    def close(self):
        self.process.stdin.close()
        return self.process.wait(10)
