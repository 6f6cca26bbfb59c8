# SPDX-License-Identifier: Apache-2.0
"""Inventories as large as they may be: time and memory stay within bounds, and one entry more is refused. The limits are
generous: they are there for what grows with the square."""

import hashlib
import resource
import subprocess

import pytest

from delta_tools import install, read, write

ENTRIES = 1_000_000
EMPTY = hashlib.sha256(b"").hexdigest()
SECONDS, MEGABYTES = 60, 1000  # of the processor; of the larger process
pytestmark = pytest.mark.slow


def text(lines):
    return "".join(line + "\0" for line in lines).encode()


def files(n):
    """Directories of 999 empty files each."""
    return [f"d - 0 - d{i // 1000:05}" if i % 1000 == 0 else f"f - 0 {EMPTY} d{i // 1000:05}/file-{i % 1000:03}" for i in range(n)]


def links(n):
    """All but the first forty entries are links through thirty-nine others, of long targets."""
    far = "./" * 1800
    row = [f"l - {len(far) + 3} {far}l{i + 1:02} a/l{i:02}" for i in range(38)] + [f"l - {len(far) + 1} {far}b a/l38"]
    return ["d - 0 - a", *row] + [f"l - 5 a/l00 m{i:07}" for i in range(n - len(row) - 1)]


def number(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def delta(old, entries):
    """All that is old goes, and a file comes. Its digest, and the delta."""
    new = text([f"f - 3 {hashlib.sha256(b'abc').hexdigest()} a"])
    middle = number(1) + number(entries * 4 + 1) + number(1 * 4 + 3) + b"\0\1a" + number(2) + number(3)
    middle += number(1) + b"\0" + b"\1\0" + b"\0" + number(3) + number(3)
    head = b"lldelta\1" + hashlib.sha256(old).digest() + hashlib.sha256(new).digest() + number(1 << 20)
    return hashlib.sha256(new).hexdigest(), head + number(len(middle)) * 2 + middle + b"abc"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    for parent in [folder, *folder.parents][:4]:
        parent.chmod(parent.stat().st_mode | 0o011)
    write(folder / "old", {})
    return folder


def apply(work, lines):
    program, old = install(work), text(lines)
    digest, bytes_ = delta(old, len(lines))
    (work / "inventory").write_bytes(old)
    (work / "delta").write_bytes(bytes_)
    write(work / "out", {})
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))  # of each process
    done = subprocess.run([program, "apply", work / "old", work / "inventory", work / "delta", work / "out", digest], capture_output=True, text=True,
                          preexec_fn=limit, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("kind", [files, links])
def test_a_million_entries(work, kind):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert apply(work, kind(ENTRIES)) == (0, "")
    assert read(work / "out") == {"a": (b"abc", False)}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert used.ru_utime - before < SECONDS and used.ru_maxrss < MEGABYTES * 1024


def test_one_more_is_refused(work):
    assert apply(work, files(ENTRIES + 1)) == (1, "liftlock-delta: the installed inventory: 'd01000': it is one entry too many\n")


def test_a_circle_of_a_million(work):
    circle = [f"l - 8 l{(i + 1) % ENTRIES:07} l{i:07}" for i in range(ENTRIES)]
    assert apply(work, circle) == (1, "liftlock-delta: the installed inventory: 'l0000000': it leads in a circle\n")
