# SPDX-License-Identifier: Apache-2.0
"""Archives from elsewhere, through the real child: what is hostile is refused by name, and nothing lands outside."""

import base64
import gzip
import io
import json
import os
import pathlib
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote_tools import BUILD, Shim, child_uid, children_of, fault, make_child_dir

BLOCK = 512
END = bytes(2 * BLOCK)


# --- archives by hand ---------------------------------------------------------------------------------------------


def octal(value, size):
    return b"%0*o\0" % (size - 1, value)


def header(name, kind=b"0", size=0, link=b"", mode=0o644, mtime=1, magic=b"ustar\x0000", prefix=b"", **fields):
    block = bytearray(BLOCK)

    def put(at, data):
        block[at : at + len(data)] = data

    put(0, name[:100])
    put(100, fields.get("mode_field") or octal(mode, 8))
    put(108, octal(0, 8))
    put(116, octal(0, 8))
    put(124, fields.get("size_field") or octal(size, 12))
    put(136, fields.get("mtime_field") or octal(mtime, 12))
    put(148, b" " * 8)
    put(156, kind)
    put(157, link[:100])
    put(257, magic)
    put(345, prefix[:155])
    put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def entry(name, content=b"", **more):
    return header(name, size=len(content), **more) + padded(content)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d" % size + body


def pax(*records, kind=b"x"):
    return entry(b"PaxHeader", b"".join(records), kind=kind)


def symlink(name, target):
    return header(name, b"2", link=target, mode=0o777)


def hardlink(name, target):
    return header(name, b"1", link=target)


def directory(name, **more):
    return header(name + b"/", b"5", mode=more.pop("mode", 0o755), **more)


def tar(*parts):
    return b"".join(parts) + END


def zeros_as_zstd(size):
    """A zstd frame (RFC 8878) of run-length blocks: 4 bytes for each 128 KiB."""
    block = 128 * 1024
    n = size // block
    return b"\x28\xb5\x2f\xfd\x00\x50" + b"".join(
        ((block << 3) | (1 << 1) | (i == n - 1)).to_bytes(3, "little") + b"\0" for i in range(n)
    )


def raw_zstd(data):
    """The bytes as they are, in a zstd frame."""
    block = 128 * 1024
    pieces = [data[i : i + block] for i in range(0, len(data), block)]
    return b"\x28\xb5\x2f\xfd\x00\x50" + b"".join(
        ((len(p) << 3) | (i == len(pieces) - 1)).to_bytes(3, "little") + p for i, p in enumerate(pieces)
    )


GOOD = tar(entry(b"a", b"one"), directory(b"d"), entry(b"d/b", b"two", mode=0o755), symlink(b"l", b"d/b"))
LONG = "n" * 256
DEEP = "/".join(["p" * 200] * 21)


def of(name, why):
    return f"x.tar: entry '{name}': {why}"


# name of the case: (archive, text)
HOSTILE = {
    # names
    "up": (tar(entry(b"../x")), of("../x", "it has the component '..'")),
    "absolute": (tar(entry(b"/x")), of("/x", "it is absolute")),
    "up in the middle": (tar(entry(b"a/../../x")), of("a/../../x", "it has the component '..'")),
    "up behind a dot": (tar(entry(b"./../x")), of("./../x", "it has the component '..'")),
    "up by prefix": (tar(entry(b"x", prefix=b"..")), of("../x", "it has the component '..'")),
    "empty name": (tar(entry(b"")), of("", "it has no name")),
    "dot as a file": (tar(entry(b".")), of(".", "it has the component '.'")),
    "dot as a link": (tar(symlink(b".", b"a")), of(".", "it has the component '.'")),
    "dot inside": (tar(entry(b"a/./b")), of("a/./b", "it has the component '.'")),
    "slashes": (tar(entry(b"a//b")), of("a//b", "it has an empty component")),
    "a file with a slash behind": (tar(entry(b"a/")), of("a/", "it has an empty component")),
    "newline": (tar(entry(b"a\nb")), of("a\\x0ab", "it holds control characters")),
    "escape": (tar(entry(b"a\x1b[31m")), of("a\\x1b[31m", "it holds control characters")),
    "delete": (tar(entry(b"a\x7f")), of("a\\x7f", "it holds control characters")),
    "C1 control": (tar(entry("a\x85".encode())), of("a\\xc2\\x85", "it holds control characters")),
    "not UTF-8": (tar(entry(b"a\xff")), of("a\\xff", "it is not UTF-8")),
    "overlong UTF-8": (tar(entry(b"a\xc0\xaf")), of("a\\xc0\\xaf", "it is not UTF-8")),
    "NUL in a pax name": (tar(pax(record(b"path", b"a\0b")), entry(b"a")), of("a", "its name holds NUL")),
    "NUL in a pax link": (tar(pax(record(b"linkpath", b"a\0b")), symlink(b"l", b"a")), of("a", "its name holds NUL")),
    "NUL in a GNU name": (tar(entry(b"L", b"a\0b\0", kind=b"L"), entry(b"a")), of("a", "its name holds NUL")),
    "long name": (
        tar(pax(record(b"path", LONG.encode())), entry(b"n")),
        of(LONG, "its name is longer than 255 bytes"),
    ),
    "long path": (
        tar(pax(record(b"path", DEEP.encode())), entry(b"n")),
        of(DEEP[:300] + "...", "its path is longer than 4095 bytes"),
    ),
    "empty pax name": (tar(pax(record(b"path", b"")), entry(b"a")), of("", "it has no name")),
    # links
    "symlink absolute": (tar(symlink(b"l", b"/etc/passwd")), of("l", "its target is absolute")),
    "symlink up": (tar(symlink(b"l", b"../x")), of("l", "its target leaves the tree")),
    "symlink up from below": (tar(symlink(b"a/l", b"../../x")), of("a/l", "its target leaves the tree")),
    "symlink up after a name": (tar(symlink(b"a/l", b"b/../../x")), of("a/l", "its target goes up after a name")),
    "symlink empty": (tar(symlink(b"l", b"")), of("l", "its target is empty")),
    "symlink with newline": (tar(symlink(b"l", b"a\nb")), of("l", "its target is not clean text")),
    "symlink too long": (
        tar(pax(record(b"linkpath", b"x/" * 2048)), symlink(b"l", b"x")),
        of("l", "its target is longer than 4095 bytes"),
    ),
    "a file through a symlink": (
        tar(directory(b"d"), symlink(b"s", b"d"), entry(b"s/x", b"evil")),
        of("s/x", "'s' is no directory"),
    ),
    "a symlink through a symlink": (
        tar(directory(b"d"), symlink(b"s", b"d"), symlink(b"s/x", b"y")),
        of("s/x", "'s' is no directory"),
    ),
    "a symlink becomes a directory": (tar(directory(b"d"), symlink(b"s", b"d"), directory(b"s")), of("s/", "it stands twice")),
    "a directory becomes a symlink": (tar(directory(b"d"), symlink(b"d", b"e")), of("d", "it stands twice")),
    "a file becomes a directory": (tar(entry(b"f"), entry(b"f/x")), of("f/x", "'f' is no directory")),
    "a directory becomes a file": (tar(entry(b"d/x"), entry(b"d")), of("d", "it stands twice")),
    "hardlink up": (tar(hardlink(b"h", b"../x")), of("h", "its target is not in the archive before it")),
    "hardlink absolute": (tar(hardlink(b"h", b"/etc/passwd")), of("h", "its target is not in the archive before it")),
    "hardlink forward": (tar(hardlink(b"h", b"a"), entry(b"a")), of("h", "its target is not in the archive before it")),
    "hardlink to itself": (tar(hardlink(b"h", b"h")), of("h", "its target is not in the archive before it")),
    "hardlink to a symlink": (tar(symlink(b"s", b"a"), hardlink(b"h", b"s")), of("h", "its target is not a file")),
    "hardlink to a directory": (tar(directory(b"d"), hardlink(b"h", b"d")), of("h", "its target is not a file")),
    "hardlink through a symlink": (
        tar(entry(b"d/a"), symlink(b"s", b"d"), hardlink(b"h", b"s/a")),
        of("h", "its target is not in the archive before it"),
    ),
    # kinds
    "character device": (tar(header(b"x", b"3")), of("x", "a character device")),
    "block device": (tar(header(b"x", b"4")), of("x", "a block device")),
    "named pipe": (tar(header(b"x", b"6")), of("x", "a named pipe")),
    "socket": (tar(header(b"x", b"s")), of("x", "a socket")),
    "contiguous": (tar(header(b"x", b"7")), of("x", "a contiguous file")),
    "sparse, GNU": (tar(header(b"x", b"S", magic=b"ustar  \0")), of("x", "a sparse file")),
    "sparse, pax": (tar(pax(record(b"GNU.sparse.major", b"1")), entry(b"x")), "x.tar: a sparse file"),
    "sparse, star": (tar(pax(record(b"SCHILY.realsize", b"1")), entry(b"x")), "x.tar: a sparse file"),
    "GNU names": (tar(entry(b"x", b"Symlink /etc to e\n", kind=b"N")), of("x", "unknown kind 0x4e")),
    "GNU multi-volume": (tar(header(b"x", b"M")), of("x", "unknown kind 0x4d")),
    "GNU volume": (tar(header(b"x", b"V")), of("x", "unknown kind 0x56")),
    "GNU dump": (tar(header(b"x", b"D")), of("x", "unknown kind 0x44")),
    # two names, two readings
    "long name leads out": (
        tar(entry(b"L", b"../evil\0", kind=b"L"), entry(b"ok")),
        of("../evil", "it has the component '..'"),
    ),
    "short name leads out": (tar(pax(record(b"path", b"ok")), entry(b"../evil")), of("ok", "its two names disagree")),
    "short name absolute": (tar(entry(b"L", b"ok\0", kind=b"L"), entry(b"/evil")), of("ok", "its two names disagree")),
    "two long names": (
        tar(entry(b"L", b"ok\0", kind=b"L"), pax(record(b"path", b"evil")), entry(b"ok")),
        of("ok", "a pax header says a thing twice"),
    ),
    "two GNU names": (
        tar(entry(b"L", b"ok\0", kind=b"L"), entry(b"L", b"evil\0", kind=b"L"), entry(b"ok")),
        of("ok", "two long names"),
    ),
    "a pax name twice": (
        tar(pax(record(b"path", b"a"), record(b"path", b"b")), entry(b"a")),
        of("a", "a pax header says a thing twice"),
    ),
    "a pax size twice": (
        tar(pax(record(b"size", b"0"), record(b"size", b"1")), entry(b"a")),
        "x.tar: a pax header says a thing twice",
    ),
    "pax without length": (tar(entry(b"P", b"path=a\n", kind=b"x"), entry(b"a")), "x.tar: a malformed pax header"),
    "pax length too long": (tar(entry(b"P", b"99 path=a\n", kind=b"x"), entry(b"a")), "x.tar: a malformed pax header"),
    "pax length too short": (tar(entry(b"P", b"8 path=a\n", kind=b"x"), entry(b"a")), "x.tar: a malformed pax header"),
    "pax without equals": (tar(entry(b"P", b"7 path\n", kind=b"x"), entry(b"a")), "x.tar: a malformed pax header"),
    "pax without a key": (tar(entry(b"P", b"5 =a\n", kind=b"x"), entry(b"a")), "x.tar: a malformed pax header"),
    "pax length overflows": (
        tar(entry(b"P", b"99999999999999999999 path=a\n", kind=b"x"), entry(b"a")),
        "x.tar: a malformed pax header",
    ),
    "pax empty": (tar(entry(b"P", b"", kind=b"x"), entry(b"a")), "x.tar: an empty header"),
    "pax too large": (tar(header(b"P", b"x", size=1048577), bytes(1049088)), "x.tar: a header that is too large"),
    "a global name": (
        tar(pax(record(b"path", b"x"), kind=b"g"), entry(b"a")),
        "x.tar: a global header that names or sizes entries",
    ),
    "a header without its entry": (
        tar(pax(record(b"path", b"x"))),
        "x.tar: a header without its entry at the end",
    ),
    # collisions
    "twice": (tar(entry(b"a", b"1"), entry(b"a", b"2")), of("a", "it stands twice")),
    "twice by dot": (tar(entry(b"a", b"1"), entry(b"./a", b"2")), of("./a", "it stands twice")),
    "a directory twice": (tar(directory(b"d"), directory(b"d")), of("d/", "it stands twice")),
    "case": (tar(entry(b"README"), entry(b"readme")), of("readme", "it differs from 'README' only in case or form of letters")),
    "case of a directory": (
        tar(entry(b"Lib/a"), entry(b"lib/b")),
        of("lib/b", "it differs from 'Lib' only in case or form of letters"),
    ),
    "case beyond ASCII": (
        tar(entry("straße".encode()), entry(b"STRASSE")),
        of("STRASSE", "it differs from 'straße' only in case or form of letters"),
    ),
    "normal forms": (
        tar(entry("caf\u00e9".encode()), entry("cafe\u0301".encode())),
        of("cafe\u0301", "it differs from 'caf\u00e9' only in case or form of letters"),
    ),
    # rights
    "setuid": (tar(entry(b"x", mode=0o4755)), of("x", "a setuid, setgid or sticky bit")),
    "setgid": (tar(entry(b"x", mode=0o2755)), of("x", "a setuid, setgid or sticky bit")),
    "sticky": (tar(directory(b"x", mode=0o1777)), of("x/", "a setuid, setgid or sticky bit")),
    "setgid directory": (tar(directory(b"x", mode=0o2755)), of("x/", "a setuid, setgid or sticky bit")),
    "file capabilities": (
        tar(pax(record(b"SCHILY.xattr.security.capability", b"\x01\0\0\x02")), entry(b"x")),
        "x.tar: file capabilities",
    ),
    "file capabilities, libarchive": (
        tar(pax(record(b"LIBARCHIVE.xattr.security.capability", b"AQAAAg")), entry(b"x")),
        "x.tar: file capabilities",
    ),
    "trusted attributes": (tar(pax(record(b"SCHILY.xattr.trusted.x", b"1")), entry(b"x")), "x.tar: trusted attributes"),
    "ACL": (tar(pax(record(b"SCHILY.acl.access", b"user::rwx")), entry(b"x")), "x.tar: an access control list"),
    "ACL as attribute": (
        tar(pax(record(b"SCHILY.xattr.system.posix_acl_access", b"\x02\0\0\0")), entry(b"x")),
        "x.tar: an access control list",
    ),
    # sizes
    "negative size": (tar(header(b"x", size_field=b"\xff" * 12)), of("x", "its size is negative")),
    "size with a minus": (tar(header(b"x", size_field=b"-0000000001\0")), of("x", "its size is negative")),
    "size in letters": (tar(header(b"x", size_field=b"00000000xyz\0")), of("x", "its size is no number")),
    "size over 63 bits": (tar(header(b"x", size_field=b"\x80" + b"\xff" * 11)), of("x", "its size is no number")),
    "octal at its end": (tar(header(b"x", size_field=b"7" * 12)), of("x", "more than 8589934592 bytes")),
    "2^63-1 bytes": (
        tar(header(b"x", size_field=b"\x80\0\0\0\x7f" + b"\xff" * 7)),
        of("x", "more than 8589934592 bytes"),
    ),
    "pax size negative": (tar(pax(record(b"size", b"-1")), entry(b"x")), "x.tar: its size is no number"),
    "pax size in hex": (tar(pax(record(b"size", b"0x10")), entry(b"x")), "x.tar: its size is no number"),
    "pax size over 63 bits": (tar(pax(record(b"size", b"9" * 30)), entry(b"x")), "x.tar: its size is no number"),
    "pax time in letters": (tar(pax(record(b"mtime", b"now")), entry(b"x")), "x.tar: its time is no number"),
    "mode in letters": (
        tar(header(b"x", mode_field=b"rwxr-xr\0")),
        of("x", "its mode is no number"),
    ),
    "time in letters": (tar(header(b"x", mtime_field=b"yesterday\0\0\0")), of("x", "its time is no number")),
    "wrong sum at the start": (tar(b"y" + header(b"x")[1:]), "x.tar: it is no tar archive"),
    "a directory with content": (
        tar(header(b"d/", b"5", size=5), padded(b"hello")),
        of("d/", "content where there can be none"),
    ),
    "a symlink with content": (
        tar(header(b"l", b"2", size=5, link=b"a"), padded(b"hello")),
        of("l", "content where there can be none"),
    ),
    # ends
    "second archive": (GOOD + GOOD, "x.tar: something follows its end"),
    "garbage behind": (GOOD + b"garbage", "x.tar: something follows its end"),
    "garbage in the second block": (GOOD[:-1] + b"x", "x.tar: something follows its end"),
    "zeros without end": (GOOD + bytes(17 << 20), "x.tar: something follows its end"),
    "no end mark": (GOOD[: -2 * BLOCK], "x.tar: it is cut off"),
    "half an end mark": (GOOD[:-BLOCK], "x.tar: it is cut off"),
    "cut in a header": (GOOD[:100], "x.tar: it is cut off"),
    "cut in content": (tar(entry(b"a", b"x" * 2000))[: BLOCK + 1000], of("a", "it is cut off")),
    "cut in padding": (tar(entry(b"a", b"x" * 2000))[: BLOCK + 2000], "x.tar: it is cut off"),
    "cut long name": (entry(b"L", b"n" * 2000, kind=b"L")[: BLOCK + 700], "x.tar: it is cut off"),
    "damaged header": (tar(entry(b"a"), b"x" + entry(b"b")[1:]), "x.tar: a damaged header"),
    "old tar": (tar(entry(b"a", magic=b"\0" * 8)), "x.tar: it is no tar archive"),
    "no tar": (b"hello, world" * 100, "x.tar: it is no tar archive"),
    "xz": (b"\xfd7zXZ\0" + bytes(600), "x.tar: it is no tar archive"),
    "zip": (b"PK\x03\x04" + bytes(600), "x.tar: it is no tar archive"),
    "rar": (b"Rar!\x1a\x07\x01\0" + bytes(600), "x.tar: it is no tar archive"),
    "empty": (b"", "x.tar: empty"),
    # compression
    "gzip, second member with a second archive": (
        gzip.compress(GOOD) + gzip.compress(GOOD),
        "x.tar: something follows its end",
    ),
    "gzip, garbage behind": (gzip.compress(GOOD) + b"garbage", "x.tar: something follows its end"),
    "gzip, zeros behind": (gzip.compress(GOOD) + bytes(1000), "x.tar: something follows its end"),
    "gzip cut off": (gzip.compress(GOOD)[:-20], "x.tar: damaged: truncated gzip input"),
    "gzip without its sum": (gzip.compress(GOOD)[:-8], "x.tar: damaged or cut off"),
    "zstd, second frame with a second archive": (raw_zstd(GOOD) + raw_zstd(GOOD), "x.tar: something follows its end"),
    "zstd cut off": (raw_zstd(GOOD)[:-20], "x.tar: damaged: Truncated zstd input"),
    "zstd bomb": (
        raw_zstd(header(b"zeros", size=4 << 30)) + zeros_as_zstd(10 << 30),
        "x.tar: it unpacks to more than 1000 times its size",
    ),
    "a bomb behind the end": (raw_zstd(GOOD) + zeros_as_zstd(10 << 30), "x.tar: something follows its end"),
}


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return Shim(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def space(tmp_path):
    """A folder with things that must not be touched, and room for archives beside the target."""
    tmp_path.chmod(0o755)
    (tmp_path / "x").write_text("outside")
    (tmp_path / "evil").write_text("outside")
    return tmp_path


def snapshot(root, but):
    found = {}
    for path in sorted(root.rglob("*")):
        if but not in path.parents and path != but:
            found[str(path)] = (path.lstat().st_mode, path.lstat().st_size, path.lstat().st_mtime_ns)
    return found


def unpack(shim, space, data, *options, name="x.tar"):
    archive = space / "archive"
    archive.write_bytes(data)
    target = pathlib.Path(tempfile.mktemp(prefix="target", dir=space))
    make_child_dir(target)
    before = snapshot(space, target)
    answer = shim("unpack", archive, name, target, *options)
    assert snapshot(space, target) == before
    return answer, target


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archive_is_refused(shim, space, case):
    data, text = HOSTILE[case]
    answer, target = unpack(shim, space, data)
    assert fault(answer) == ("archive", text)
    for path in target.rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        assert not mode & 0o7000 and (path.is_symlink() or not mode & 0o022)
    answer, target = unpack(shim, space, GOOD)
    assert answer["ok"] and (target / "d/b").read_text() == "two"


def test_more_entries_than_allowed_are_refused(shim, space):
    files = gzip.compress(tar(*(entry(b"f%d" % i) for i in range(1001))), 1)
    assert fault(unpack(shim, space, files, "entries=1000")[0]) == ("archive", "x.tar: more than 1000 entries")
    assert unpack(shim, space, files, "entries=1001")[0]["ok"]


def test_a_million_headers_without_an_entry_are_refused(shim, space):
    one = pax(record(b"comment", b"x"), kind=b"g")
    data = gzip.compress(one * 5000, 1)
    assert fault(unpack(shim, space, data, "entries=1000")[0]) == ("archive", "x.tar: more than 4016 headers")


def test_more_bytes_than_allowed_are_refused(shim, space):
    data = tar(entry(b"a", bytes(600)), entry(b"b", bytes(600)))
    refused = ("archive", "x.tar: it unpacks to more than 1000 bytes")
    assert fault(unpack(shim, space, data, "bytes=1000")[0]) == refused
    assert fault(unpack(shim, space, data, "file_bytes=500")[0]) == ("archive", of("a", "more than 500 bytes"))
    assert unpack(shim, space, data, "bytes=1200")[0]["ok"]


def test_every_cut_is_noticed(shim, space):
    packed = gzip.compress(GOOD)
    for size in range(1, len(packed), 7):
        assert unpack(shim, space, packed[:size])[0]["code"] == "archive", size
    for size in range(BLOCK, len(GOOD), BLOCK):
        assert unpack(shim, space, GOOD[:size])[0]["code"] == "archive", size


# --- what is good -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("packed", ["plain", "gzip", "zstd"])
def test_archives_of_others_are_read(shim, space, form, packed):
    names = ["a", "d/b", "späth/ü", "d/" + "l" * 90 + "/" + "m" * 90]
    if form != tarfile.USTAR_FORMAT:
        names += ["n" * 255, "/".join(["o" * 100] * 8)]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        root = tarfile.TarInfo("./")
        root.type = tarfile.DIRTYPE
        archive.addfile(root)
        for name in names:
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mtime, info.mode = len(name), 1600000000.5 if form == tarfile.PAX_FORMAT else 1600000000, 0o700
            archive.addfile(info, io.BytesIO(name[::-1].encode()[: len(name)].ljust(len(name), b"x")))
        for name, kind, target in [("s", tarfile.SYMTYPE, "d/b"), ("d/up", tarfile.SYMTYPE, "../späth/ü"), ("d/h", tarfile.LNKTYPE, "./a")]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    data = {"plain": lambda d: d, "gzip": gzip.compress, "zstd": raw_zstd}[packed](out.getvalue())
    answer, target = unpack(shim, space, data)
    assert answer["ok"] and answer["progress"], answer
    for name in names:
        got = (target / name).stat()
        assert (got.st_size, got.st_mode, int(got.st_mtime)) == (len(name), stat.S_IFREG | 0o755, 1600000000)
    assert os.readlink(target / "s") == "d/b" and os.readlink(target / "d/up") == "../späth/ü"
    assert os.path.samefile(target / "a", target / "d/h")


def test_owners_modes_times_and_attributes_are_made_harmless(shim, space):
    data = tar(
        directory(b"d", mode=0o777),
        entry(b"open", mode=0o666, mtime=4102444800),
        entry(b"run", mode=0o777),
        pax(record(b"SCHILY.xattr.user.note", b"\0\x01"), record(b"LIBARCHIVE.xattr.com.apple.x", b"AA")),
        entry(b"noted"),
        pax(record(b"mtime", b"-5.5")),
        entry(b"old"),
        pax(record(b"comment", b"0123abc"), kind=b"g"),
    )
    answer, target = unpack(shim, space, data)
    assert answer["ok"], answer
    modes = {p.name: stat.S_IMODE(p.lstat().st_mode) for p in target.iterdir()}
    assert modes == {"d": 0o755, "open": 0o644, "run": 0o755, "noted": 0o644, "old": 0o644}
    assert all(p.lstat().st_uid == target.stat().st_uid for p in target.iterdir())
    assert os.geteuid() != 0 or target.stat().st_uid == child_uid()
    assert abs((target / "open").stat().st_mtime - time.time()) < 60 and (target / "old").stat().st_mtime == 0
    assert os.listxattr(target / "noted") == []


def test_a_target_that_is_not_empty_is_refused(shim, space):
    (space / "archive").write_bytes(GOOD)
    target = make_child_dir(space / "target")
    (target / ".hidden").write_text("")
    answer = shim("unpack", space / "archive", "x.tar", target)
    assert fault(answer) == ("system", "x.tar: the directory to unpack into is not empty")


def test_a_full_disk_is_said_as_such(shim, space):
    if os.geteuid() == 0:
        before = ["unshare", "--mount"]
    else:
        before = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]
    (space / "archive").write_bytes(tar(entry(b"a", bytes(3 << 20))))
    target = make_child_dir(space / "target")
    script = 'mount -t tmpfs -o size=1m,mode=777 small "$0" && exec "$@"'
    run = subprocess.run(
        before + ["sh", "-c", script, str(target)] + shim.before
        + [str(shim.program), "unpack", str(space / "archive"), "x.tar", str(target)],
        capture_output=True, check=False)
    assert b'"code":"space","text":"x.tar: entry \'a\': cannot write it: no space left on device"' in run.stdout, run


# --- one file of an archive ---------------------------------------------------------------------------------------


def member(shim, space, data, *paths):
    (space / "archive").write_bytes(data)
    return shim("member", space / "archive", "x.tar", *paths)


def test_a_file_is_found_at_the_top_and_in_a_single_directory(shim, space):
    bytes_of_it = bytes(range(256)) * 3
    for data, found in [
        (tar(entry(b"m", bytes_of_it), entry(b"z")), "m"),
        (tar(directory(b"app-1"), entry(b"app-1/m", bytes_of_it)), "app-1/m"),
        (tar(entry(b"app-1/sub/x"), entry(b"app-1/m", bytes_of_it)), "app-1/m"),
        (tar(entry(b"other/m", b"no"), entry(b"m", bytes_of_it)), "m"),
    ]:
        answer = member(shim, space, data, "k", "m")
        assert answer["ok"] and answer["found"] == found
        assert base64.b64decode(answer["bytes"]) == bytes_of_it


@pytest.mark.parametrize(
    "data, expected",
    [
        (tar(entry(b"a/m"), entry(b"b/m")), ("absent", "x.tar: nothing of k, m is in it")),
        (tar(entry(b"a/b/m")), ("absent", "x.tar: nothing of k, m is in it")),
        (tar(symlink(b"m", b"x")), ("absent", "x.tar: nothing of k, m is in it")),
        (tar(entry(b"m"), entry(b"k")), ("archive", "x.tar: both 'm' and 'k' are in it")),
        (tar(entry(b"m", bytes(1048577))), ("archive", of("m", "more than 1048576 bytes"))),
        (tar(entry(b"m", b"good"), entry(b"../x")), ("archive", of("../x", "it has the component '..'"))),
        (GOOD[:100], ("archive", "x.tar: it is cut off")),
    ],
    ids=["several directories", "too deep", "a link", "two", "too large", "beside a hostile one", "cut off"],
)
def test_a_file_that_is_not_there_or_not_fit(shim, space, data, expected):
    assert fault(member(shim, space, data, "k", "m")) == expected


# --- documents ----------------------------------------------------------------------------------------------------


def test_a_document_is_parsed_in_the_child(shim, space):
    (space / "d").write_text('{"app": "bookshelf", "releases": [{"version": "2.1.0"}]}')
    answer = shim("parse", space / "d", "releases.json", "json")
    assert answer["document"] == {"app": "bookshelf", "releases": [{"version": "2.1.0"}]}
    (space / "d").write_text('{"app": \n  nonsense}')
    answer = shim("parse", space / "d", "releases.json", "json")
    assert answer["code"] == "source" and answer["text"].startswith("releases.json:2:3: ")
    (space / "d").write_bytes(b'["' + b"x" * 1048576 + b'"]')
    answer = shim("parse", space / "d", "releases.json", "json")
    assert not answer["ok"] and answer["code"] == "source" and answer["text"].startswith("releases.json")


# --- packing ------------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(whitelist_categories=("Ll", "Lo", "Nd"), whitelist_characters="-_ ."), min_size=1, max_size=40).filter(
    lambda n: n not in (".", "..") and len(n.encode()) <= 255
)
TREES = st.recursive(
    st.binary(max_size=3000), lambda inner: st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
).filter(lambda t: isinstance(t, dict))


def build(tree, at):
    at.mkdir()
    folded = set()
    for name, value in tree.items():
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if key in folded:
            continue
        folded.add(key)
        if isinstance(value, dict):
            build(value, at / name)
        else:
            (at / name).write_bytes(value)
            (at / name).chmod(0o755 if len(value) % 2 else 0o640)


def listing(root):
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = None
        else:
            found[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


@settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(tree=TREES, suffix=st.sampled_from([".tar.gz", ".tar.zst"]))
def test_what_is_packed_comes_out_again(shim, tree, suffix):
    with tempfile.TemporaryDirectory() as folder:
        space = pathlib.Path(folder)
        space.chmod(0o755)
        build(tree, space / "tree")
        for file in (space / "tree").rglob("*"):
            file.chmod(0o755 if file.is_dir() or file.stat().st_mode & 0o100 else 0o644)
        answer = shim("pack", space / "tree", "x" + suffix, space / "out", 1000)
        assert answer["ok"], answer
        target = make_child_dir(space / "target")
        answer = shim("unpack", space / "out", "x" + suffix, target)
        assert answer["ok"], answer
        assert listing(target) == listing(space / "tree")


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar.zst", ".tzst"])
def test_packing_is_reproducible(shim, space, suffix):
    archives = []
    for order in (["b", "a", "d/c", "ä"], ["ä", "d/c", "a", "b"]):
        tree = space / f"tree{len(archives)}"
        (tree / "d").mkdir(parents=True)
        for name in order:
            (tree / name).write_text(name * 1000)
            os.utime(tree / name, (len(archives), len(archives)))
            (tree / name).chmod(0o644 if not archives else 0o666)
        (tree / "link").symlink_to("d/c")
        out = space / "out"
        assert shim("pack", tree, "x" + suffix, out, 1700000000)["ok"]
        archives.append(out.read_bytes())
        out.unlink()
    assert archives[0] == archives[1]
    if suffix.endswith("gz"):
        assert archives[0][4:8] == bytes(4)  # no time in the gzip header
        with tarfile.open(fileobj=io.BytesIO(archives[0])) as archive:
            assert [m.name for m in archive] == ["a", "b", "d", "d/c", "link", "ä"]
            assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in archive} == {(0, 0, "", "", 1700000000)}


def test_packing_leaves_out_what_is_excluded(shim, space):
    tree = space / "tree"
    for name in [".git/config", "src/a.c", "src/a.o", "keep/src/a.o", "top.o"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x")
    assert shim("pack", tree, "x.tgz", space / "out", 0, ".git", "src/*.o")["ok"]
    with tarfile.open(space / "out") as archive:
        assert archive.getnames() == ["keep", "keep/src", "keep/src/a.o", "src", "src/a.c", "top.o"]


@pytest.mark.parametrize(
    "spoil, expected",
    [
        (lambda t: (t / "l").symlink_to("/etc/passwd"), ("archive", "x.tgz: entry 'l': its target is absolute")),
        (lambda t: os.mkfifo(t / "p"), ("archive", "x.tgz: entry 'p': neither file, directory nor link")),
        (lambda t: (t / "a\nb").write_text(""), ("archive", "x.tgz: entry 'a\\x0ab': it holds control characters")),
        (
            lambda t: [(t / n).write_text("") for n in ("A", "a")],
            ("archive", "x.tgz: entry 'a': it differs from 'A' only in case or form of letters"),
        ),
    ],
)
def test_packing_refuses_what_unpacking_would(shim, space, spoil, expected):
    (space / "tree").mkdir()
    spoil(space / "tree")
    assert fault(shim("pack", space / "tree", "x.tgz", space / "out", 0)) == expected


def test_packing_refuses_other_suffixes(shim, space):
    (space / "tree").mkdir()
    answer = shim("pack", space / "tree", "x.zip", space / "out", 0)
    assert fault(answer) == ("usage", "x.zip: neither .tar.gz nor .tar.zst")


# --- any bytes ----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(at=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4), data=st.booleans())
def test_changed_bytes_never_crash_the_child(shim, at, data):
    changed = bytearray(GOOD if data else gzip.compress(GOOD))
    for place, value in at:
        changed[place % len(changed)] = value
    with tempfile.TemporaryDirectory() as folder:
        space = pathlib.Path(folder)
        space.chmod(0o755)
        answer, _ = unpack(shim, space, bytes(changed))
        assert answer["ok"] or (answer["code"] == "archive" and "liftlock-unpack" not in answer["text"]), answer


# --- a child that was taken over ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rogue(tmp_path_factory):
    child = BUILD / "tests/property/rogue-child"
    return Shim(tmp_path_factory.mktemp("rogue"), unpacker=child, fetcher=child)


@pytest.mark.parametrize(
    "act, code, text",
    [
        ("crash", "archive", "liftlock-unpack was killed by signal 11 while reading crash"),
        ("killed", "system", "liftlock-unpack was killed by signal 9 while reading killed"),
        ("leave", "archive", "liftlock-unpack ended with status 3 while reading leave"),
        ("chatter", "archive", "liftlock-unpack gave a senseless answer while reading chatter"),
        ("flood", "archive", "liftlock-unpack gave a senseless answer while reading flood"),
        ("short", "archive", "liftlock-unpack gave a senseless answer while reading short"),
        ("deceive", "archive", "\\x1b]0;owned\\x07\\x0asecond line"),
        ("nobody", "archive", "liftlock-unpack gave no reason"),
        ("mislead", "archive", "liftlock-unpack gave a senseless answer while reading mislead"),
    ],
)
def test_the_side_with_rights_trusts_no_answer(rogue, space, act, code, text):
    (space / "archive").write_bytes(GOOD)
    answer = rogue("member", space / "archive", act, "m")
    assert fault(answer) == (code, text)


def test_a_child_inherits_nothing(rogue, space):
    (space / "archive").write_bytes(GOOD)
    command = rogue.before + [rogue.program, "member", space / "archive", "tellall", "m"]
    with open("/etc/passwd", encoding="utf-8") as secret:
        run = subprocess.run(command, pass_fds=[secret.fileno()], env={"PATH": os.environ["PATH"], "SECRET": "1"},
                             capture_output=True, check=False)
    assert fault(json.loads(run.stdout)) == ("archive", "fds,0,1,2,3;env,PATH,LANG,GLIBC_TUNABLES;group,1")


def test_a_child_that_lingers_is_ended_before_the_call_returns(rogue, space):
    (space / "archive").write_bytes(GOOD)
    target = make_child_dir(space / "target")
    start = time.monotonic()
    assert rogue("unpack", space / "archive", "linger", target)["ok"]
    assert time.monotonic() - start < 5
    assert not children_of(rogue.folder / "liftlock-unpack")


def test_the_child_ends_with_its_parent(rogue, space):
    (space / "archive").write_bytes(GOOD)
    parent = rogue.start("member", space / "archive", "waits", "m")
    deadline = time.monotonic() + 5
    while not children_of(rogue.folder / "liftlock-unpack") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert children_of(rogue.folder / "liftlock-unpack")
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    while children_of(rogue.folder / "liftlock-unpack") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not children_of(rogue.folder / "liftlock-unpack")
