# SPDX-License-Identifier: Apache-2.0
"""Deltas and packs between trees of any kind: what comes out is the new tree, or nothing."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delta_tools import install, read, run, write

SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return install(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("delta")
    for parent in [folder, *folder.parents][:4]:  # the child without rights looks into the old tree
        parent.chmod(parent.stat().st_mode | 0o011)
    return folder


NAMES = st.sampled_from(["a", "b", "a.b", "lib", "x-1f3a.js", "x-77e0.js", "Größe", "with space", "-", "\U0001f6a2"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@st.composite
def contents(draw):
    """Empty, text, or a program's bytes."""
    kind = draw(st.sampled_from(["empty", "small", "text", "bytes", "zeros"]))
    seed = random.Random(draw(st.integers(0, 5)))
    if kind == "empty":
        return b""
    if kind == "small":
        return draw(st.binary(max_size=40))
    if kind == "text":
        return b"".join(b"line %d of %d\n" % (i, seed.randrange(1000)) for i in range(seed.randrange(400)))
    if kind == "zeros":
        return bytes(seed.randrange(9000))
    return seed.randbytes(seed.randrange(20000))


@st.composite
def changed(draw, content):
    """What an edit leaves of it: words replaced, a piece out, a piece in, another one's order."""
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["byte", "word", "cut", "insert", "move"]))
        if how == "byte" and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        elif how == "word":
            for i in range(at, len(data) - 4, draw(st.integers(5, 90))):
                data[i:i + 4] = ((int.from_bytes(data[i:i + 4], "little") + 0x1230) % 2**32).to_bytes(4, "little")
        elif how == "cut":
            del data[at:at + draw(st.integers(0, 3000))]
        elif how == "insert":
            data[at:at] = draw(st.binary(max_size=100))
        else:
            data = data[at:] + data[:at]
    return bytes(data)


def fits(tree):
    """No file where another path needs a directory, none that looks like another."""
    paths = set(tree)
    return not any("/".join(p.split("/")[:i]) in paths for p in paths for i in range(1, p.count("/") + 1))


@st.composite
def trees(draw):
    old = {path: (draw(contents()), draw(st.booleans())) for path in draw(st.lists(PATHS, max_size=6, unique=True))}
    new = {}
    for path, (content, runs) in old.items():
        fate = draw(st.sampled_from(["keep", "keep", "edit", "rename", "mode", "drop", "link"]))
        if fate == "keep":
            new[path] = (content, runs)
        elif fate == "edit":
            new[path] = (draw(changed(content)), runs)
        elif fate == "rename":
            new[draw(PATHS)] = (draw(changed(content)), runs)
        elif fate == "mode":
            new[path] = (content, not runs)
        elif fate == "link":
            new[path] = draw(st.sampled_from(["elsewhere", "." , "a/b"]))
    for path in draw(st.lists(PATHS, max_size=2)):
        new[path] = (draw(contents()), False)
    return old, new


def prepare(work, old, new):
    write(work / "old", old)
    write(work / "new", new)


@settings(max_examples=30, **SETTINGS)
@given(trees().filter(lambda pair: fits(pair[0]) and fits(pair[1])))
def test_a_delta_leads_to_the_new_tree(program, work, pair):
    prepare(work, *pair)
    refused = run(program, "inventory", work / "new", work / "inventory", good=False)
    if refused.returncode:  # a link in a circle: nothing is made of it
        assert run(program, "make", work / "old", work / "new", work / "delta", good=False).returncode == 1
        return
    run(program, "make", work / "old", work / "new", work / "delta")
    made = (work / "delta").read_bytes()
    write(work / "out", {})
    run(program, "apply", work / "old", "-", work / "delta", work / "out", refused.stdout.strip())
    assert read(work / "out") == read(work / "new")
    run(program, "make", work / "old", work / "new", work / "delta")
    assert (work / "delta").read_bytes() == made


@settings(max_examples=12, **SETTINGS)
@given(trees().filter(lambda pair: fits(pair[0]) and fits(pair[1])), st.booleans())
def test_a_pack_leads_there_too(program, work, pair, fresh):
    prepare(work, *pair)
    digest = run(program, "inventory", work / "new", work / "inventory", good=False)
    if digest.returncode:
        return
    run(program, "inventory", work / "old", work / "old-inventory")
    run(program, "pack", work / "new", work / "pack", work / "table")
    write(work / "out", {})
    old = ["-", "-"] if fresh else [work / "old", work / "old-inventory"]
    run(program, "unpack", *old, work / "pack", work / "table", work / "out", digest.stdout.strip())
    assert read(work / "out") == read(work / "new")


@settings(max_examples=30, **SETTINGS)
@given(trees().filter(lambda pair: fits(pair[0]) and fits(pair[1])), st.data())
def test_damage_is_refused_or_does_no_harm(program, work, pair, data):
    prepare(work, *pair)
    digest = run(program, "inventory", work / "new", work / "inventory", good=False)
    if digest.returncode:
        return
    run(program, "make", work / "old", work / "new", work / "delta")
    delta = bytearray((work / "delta").read_bytes())
    if data.draw(st.booleans()):
        delta = delta[:data.draw(st.integers(0, len(delta) - 1))]
    else:
        delta[data.draw(st.integers(0, len(delta) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (work / "delta").write_bytes(delta)
    write(work / "out", {})
    done = run(program, "apply", work / "old", "-", work / "delta", work / "out", digest.stdout.strip(), good=False)
    assert done.returncode == 1 or read(work / "out") == read(work / "new")
