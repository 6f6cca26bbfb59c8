# SPDX-License-Identifier: Apache-2.0
"""A delta or a pack applied, and struck at every system call that changes something, of the side with rights and of the
child: success is said of the right tree alone, and another try from an empty folder gets there."""

import random
import subprocess
import tempfile
from pathlib import Path

import pytest

from delta_tools import BUILD, install, read, run, write

TRACER = BUILD / "tests/fault/fault-tracer"
SLACK = 4  # threads take turns differently each time, and so the number of calls varies
pytestmark = pytest.mark.slow


def trees():
    noise = random.Random(7)
    program, text = noise.randbytes(400_000), b"".join(b"line %d: %d\n" % (i, noise.randrange(9999)) for i in range(9000))
    old = {"bin/program": (program, True), "lib/text.js": (text, False), "same/a": (b"a" * 5000, False), "same/b": (b"b", True),
           "same/deep/c": (noise.randbytes(3000), False), "moves": (noise.randbytes(70_000), False), "mode": (b"#!/bin/sh\n", False), "gone": (b"gone", False),
           "link": "same/a"}
    new = dict(old)
    del new["gone"], new["moves"]
    new.update({"bin/program": (program[:200_000] + b"and" + program[200_500:], True), "lib/text.js": (text.replace(b"line 1", b"row 1"), False),
                "moved/here": old["moves"], "mode": (old["mode"][0], True), "new/empty": (b"", False), "new/small": (b"small", False),
                "new/large": (noise.randbytes(300_000), False), "new/link": "../same/b"})
    return old, new


class Stage:
    def __init__(self, folder):
        self.folder, self.program = folder, install(folder)
        folder.chmod(0o755)
        old, new = trees()
        write(folder / "old", old)
        write(folder / "new", new)
        self.new, self.out = read(folder / "new"), folder / "out"
        run(self.program, "inventory", folder / "old", folder / "old-inventory")
        digest = run(self.program, "inventory", folder / "new", folder / "inventory").stdout.strip()
        run(self.program, "make", folder / "old", folder / "new", folder / "delta")
        run(self.program, "pack", folder / "new", folder / "pack", folder / "table")
        self.ways = {
            "delta": ["apply", folder / "old", folder / "old-inventory", folder / "delta", self.out, digest],
            "pack": ["unpack", folder / "old", folder / "old-inventory", folder / "pack", folder / "table", self.out, digest],
            "pack alone": ["unpack", "-", "-", folder / "pack", folder / "table", self.out, digest],
        }

    def strike(self, way, *args):
        """The exit status; -1: killed."""
        write(self.out, {})
        command = [TRACER, *args, "--", self.program, *self.ways[way]]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
        return done.returncode

    def look(self, way, status):
        assert status != 0 or read(self.out) == self.new
        write(self.out, {})
        run(self.program, *self.ways[way])
        assert read(self.out) == self.new

    def count(self, way):
        path = self.folder / "count"
        assert self.strike(way, "--count", path) == 0
        total = int(path.read_text().split()[0])
        assert 20 < total < 300
        return total + SLACK


@pytest.fixture(scope="module")
def stage():
    with tempfile.TemporaryDirectory() as folder:
        yield Stage(Path(folder))


WAYS = pytest.mark.parametrize("way", ["delta", "pack", "pack alone"])


@WAYS
def test_killed_at_every_call(stage, way):
    for n in range(1, stage.count(way) + 1):
        stage.look(way, stage.strike(way, "--at", n, "--do", ("kill-one", "kill-all")[n % 2]))


@WAYS
def test_every_call_fails_once(stage, way):
    failed = 0
    for n in range(1, stage.count(way) + 1):
        status = stage.strike(way, "--at", n, "--do", f"error={('EIO', 'ENOSPC')[n % 2]}")
        assert status in (0, 1)
        failed += status
        stage.look(way, status)
    assert failed > 10


@WAYS
def test_the_disk_is_full_from_any_call_on(stage, way):
    for n in range(1, stage.count(way) - SLACK, 3):
        status = stage.strike(way, "--from", n, "--do", "error=ENOSPC")
        assert status in (0, 1)
        stage.look(way, status)
