# SPDX-License-Identifier: Apache-2.0
"""Conditions, patterns and rollouts against what Python says of the same: its own evaluation, its own regular
expressions, its own SHA-256. And what must hold of a rollout whatever its stages are."""

import datetime
import hashlib
import os
import pathlib
import re
import subprocess

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LIFTLOCK_BUILD", ROOT / "build"))
MANY = settings(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


class Refused(Exception):
    pass


class Shim:
    """tests/property/model_shim.c: one process answers all."""

    def __init__(self):
        self.process = subprocess.Popen([BUILD / "tests/property/model-shim"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, *lines):
        data = "\n".join(lines).encode()
        self.process.stdin.write(b"%s %d\n" % (what.encode(), len(data)) + data)
        self.process.stdin.flush()
        word, size = self.process.stdout.readline().split()
        answer = self.process.stdout.read(int(size)).decode()
        if word == b"error":
            raise Refused(answer)
        return answer


@pytest.fixture(scope="module")
def shim():
    made = Shim()
    yield made
    made.process.stdin.close()
    assert made.process.wait(10) == 0


# --- conditions: a tree, written as text with random brackets and blanks, and evaluated here ---

NAMES = ["a", "b", "c"]
VERSIONS = ["0.9", "1.0.0", "1.0", "1.2.0-rc.1", "1.2", "2.0.0", "10.0"]
COMPARE = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def version_key(text):
    """SemVer for the few forms above."""
    core, _, pre = text.partition("-")
    fields = [int(field) for field in core.split(".")] + [0, 0]
    return (fields[:3], pre == "", pre)


def order(a, b):
    return (a > b) - (a < b)


class Host:
    def __init__(self, installed, new, place, names):
        self.installed, self.new, self.place, self.names = installed, new, place, names


def leaf(text, value):
    return (text, value)


def calls():
    functions = st.sampled_from(["file_exists", "command"])
    return st.builds(lambda f, n: leaf(f"{f}('{n}')", lambda h: n in h.names), functions, st.sampled_from(NAMES))


def services():
    return st.sampled_from(NAMES).map(lambda n: leaf(f'service_running("{n}")', lambda h: n in h.names))


def presence():
    installed = leaf("current_version", lambda h: h.installed is not None)
    return st.one_of(st.just(installed), st.sampled_from(NAMES).map(lambda n: leaf(f"env_var('{n}')", lambda h: n in h.names)))


def versions():
    def make(sign, version, turned):
        def value(h):
            if h.installed is None:
                return sign == "!="
            found = order(version_key(h.installed), version_key(version))
            return COMPARE[sign](-found if turned else found)

        return leaf(f"'{version}' {sign} current_version" if turned else f"current_version {sign} '{version}'", value)

    return st.builds(make, st.sampled_from(list(COMPARE)), st.sampled_from(VERSIONS), st.booleans())


def numbers():
    def make(sign, divisor, number):
        if divisor:
            return leaf(f"server_id % {divisor} {sign} {number}", lambda h: COMPARE[sign](order(h.place % divisor, number)))
        return leaf(f"server_id {sign} {number}", lambda h: COMPARE[sign](order(h.place, number)))

    return st.builds(make, st.sampled_from(list(COMPARE)), st.integers(0, 12), st.integers(0, 100))


def texts():
    def make(sign, name, other):
        return leaf(
            f"env_var('{name}') {sign} '{other}'", lambda h: COMPARE[sign](order(name, other)) if name in h.names else sign == "!="
        )

    return st.builds(make, st.sampled_from(["==", "!="]), st.sampled_from(NAMES), st.sampled_from(NAMES))


def join(word, a, b, brackets):
    """What `and` joins gets brackets where it is an `or`; the right side of both, so that the text is this very tree."""
    left = f"({a[0]})" if brackets or word == "and" else a[0]
    test = (lambda h: a[1](h) and b[1](h)) if word == "and" else (lambda h: a[1](h) or b[1](h))
    return leaf(f"{left}  {word} ({b[0]})", test)


def negate(a):
    return leaf(f"not ({a[0]})", lambda h: not a[1](h))


EXPRESSIONS = st.recursive(
    st.one_of(calls(), services(), presence(), versions(), numbers(), texts()),
    lambda inner: st.one_of(st.builds(join, st.sampled_from(["and", "or"]), inner, inner, st.booleans()), inner.map(negate)),
    max_leaves=7,
)
HOSTS = st.builds(
    Host, st.one_of(st.none(), st.sampled_from(VERSIONS)), st.just("2.0.0"), st.integers(0, 99), st.sets(st.sampled_from(NAMES))
)


@MANY
@given(EXPRESSIONS, HOSTS)
def test_conditions_mean_what_python_says(shim, expression, host):
    text, value = expression
    assume(len(text) <= 900)
    try:
        answer = shim.ask("holds", host.installed or "", host.new, str(host.place), " ".join(host.names), text)
    except Refused as refused:
        assert re.search(r"more than (8|16|100) ", str(refused)), text
        return
    assert (answer == "true") == bool(value(host)), text


NOTED = st.tuples(st.sampled_from(["", "not "]), st.sampled_from(NAMES))
MORE = st.lists(st.tuples(st.sampled_from(["and", "or"]), NOTED), min_size=1, max_size=6)


@MANY
@given(NOTED, MORE, st.sets(st.sampled_from(NAMES)))
def test_not_and_or_bind_as_in_python(shim, first, more, names):
    """Without brackets: the same text, read by Python."""
    rows = [("", first)] + more
    ours = "".join(f"{sign} {no}command('{name}') " for sign, (no, name) in rows)
    theirs = "".join(f"{sign} {no}{name in names} " for sign, (no, name) in rows)
    assert (shim.ask("holds", "", "2", "0", " ".join(names), ours) == "true") == eval(theirs.strip()), ours


# --- patterns ---


def translate(pattern):
    """The pattern as a regular expression over the whole path."""
    out = ""
    parts = pattern.split("/")
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if part == "**":
            out += ".+" if last else "(?:[^/]+/)*"
            continue
        j = 0
        while j < len(part):
            c = part[j]
            if c == "*":
                out += "[^/]*"
            elif c == "?":
                out += "[^/]"
            elif c == "[":
                end = part.index("]", j + 2 + (part[j + 1] == "!"))
                inner = part[j + 1 : end]
                out += "[" + ("^/" if inner[0] == "!" else "") + re.escape(inner.lstrip("!")).replace(r"\-", "-") + "]"
                j = end
            else:
                out += re.escape(c)
            j += 1
        out += "" if last else "/"
    return re.compile(out, re.DOTALL)


PIECE = st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "é", "-"])
PART = st.one_of(st.just("**"), st.lists(PIECE, min_size=1, max_size=4).map("".join))
PATTERN = st.lists(PART, min_size=1, max_size=4).map("/".join)
PATH = st.lists(st.text("abé.-", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@MANY
@given(PATTERN, PATH)
def test_patterns_match_as_regular_expressions_do(shim, pattern, path):
    try:
        answer = shim.ask("glob", pattern, path)
    except Refused:
        assert any("**" in part and part != "**" or part in (".", "..") for part in pattern.split("/")), pattern
        return
    assert (answer == "true") == bool(translate(pattern).fullmatch(path)), (pattern, path)


@MANY
@given(PATTERN, PATTERN, PATH)
def test_what_covers_a_pattern_matches_what_it_matches(shim, wide, narrow, path):
    try:
        covers = shim.ask("covers", wide, narrow) == "true"
    except Refused:
        assume(False)
    if covers and translate(narrow).fullmatch(path):
        assert translate(wide).fullmatch(path), (wide, narrow, path)


# --- rollouts ---

HOST_ID = st.text("0123456789abcdef", min_size=1, max_size=32)
STAGE = st.tuples(st.integers(0, 100), st.integers(0, 96))
RELEASED = st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2035, 1, 1), timezones=st.just(datetime.timezone.utc))
OPEN = "0"


def manifest(released, stages):
    rows = ", ".join(f"{{name: s{i}, percentage: {p}, wait_hours: {w}}}" for i, (p, w) in enumerate(stages))
    return f"version: 1.0\nreleased: \"{released.isoformat(timespec='seconds')}\"\nrollout: {{stages: [{rows}]}}\n"


@MANY
@given(HOST_ID, st.sampled_from(["demo", "books"]), st.sampled_from(["1.0", "v1.0", "2.0.0-rc.1"]))
def test_a_place_is_the_digest_of_host_and_release(shim, host, app, version):
    digest = hashlib.sha256(f"liftlock rollout\n{host}\n{app}\n{version.removeprefix('v')}".encode()).hexdigest()
    assert int(shim.ask("place", host, app, version)) == int(digest[:15], 16) % 100


@MANY
@given(HOST_ID, RELEASED, st.lists(STAGE, min_size=1, max_size=5), st.lists(st.integers(-100, 600), min_size=2, max_size=6))
def test_who_is_in_stays_in(shim, host, released, stages, hours):
    """In time, and when every percentage is raised; and it is in exactly when an open stage takes its place."""
    stages = [(percentage, wait) for percentage, (_, wait) in zip(sorted(p for p, _ in stages), stages)]
    wider = [(min(100, percentage + 20), wait) for percentage, wait in stages]
    place = int(shim.ask("place", host, "demo", "1.0"))
    was_in = False
    for hour in sorted(hours):
        now = released + datetime.timedelta(hours=hour)
        when = now.isoformat(timespec="seconds")
        state = shim.ask("rollout", host, when, manifest(released, stages))
        opens, taken = 0, False
        for percentage, wait in stages:
            opens += wait
            taken = taken or (place < percentage and now.replace(microsecond=0) >= (released + datetime.timedelta(hours=opens)).replace(microsecond=0))
        assert (state == OPEN) == taken
        assert not was_in or state == OPEN
        was_in = state == OPEN
        if was_in:
            assert shim.ask("rollout", host, when, manifest(released, wider)) == OPEN


@MANY
@given(HOST_ID, st.lists(STAGE, min_size=1, max_size=3), st.integers(0, 200), st.integers(-14 * 4, 14 * 4))
def test_an_offset_changes_no_moment(shim, host, stages, hours, quarters):
    """The same moment of publication, written in any zone, over the nights in which clocks are set."""
    stages = [(percentage, wait) for percentage, (_, wait) in zip(sorted(p for p, _ in stages), stages)]
    zone = datetime.timezone(datetime.timedelta(minutes=15 * quarters))
    for day in ("2026-03-29T00:30:00+00:00", "2026-10-25T00:30:00+00:00"):
        released = datetime.datetime.fromisoformat(day)
        now = (released + datetime.timedelta(hours=hours)).isoformat(timespec="seconds")
        here = shim.ask("rollout", host, now, manifest(released, stages))
        assert shim.ask("rollout", host, now, manifest(released.astimezone(zone), stages)) == here
