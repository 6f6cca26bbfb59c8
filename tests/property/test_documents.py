# SPDX-License-Identifier: Apache-2.0
"""The document reader against readers that others wrote: json and tomllib of Python, PyYAML."""

import datetime
import json
import math
import os
import pathlib
import re
import subprocess
import tomllib
import urllib.parse

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toml_cases import INVALID, STRICTER, VALID

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LIFTLOCK_BUILD", ROOT / "build"))
SEEDS = sorted((ROOT / "tests/data/seeds").iterdir())
MANY = settings(max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


class Refused(Exception):
    pass


class Shim:
    """tests/property/document_shim.c: one process answers all."""

    def __init__(self):
        program = BUILD / "tests/property/document-shim"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, data):
        data = data.encode() if isinstance(data, str) else data
        self.process.stdin.write(b"%s %d\n" % (what.encode(), len(data)) + data)
        self.process.stdin.flush()
        word, size = self.process.stdout.readline().split()
        answer = self.process.stdout.read(int(size))
        if word == b"error":
            raise Refused(answer.decode())
        return answer


@pytest.fixture(scope="module")
def shim():
    made = Shim()
    yield made
    made.process.stdin.close()
    assert made.process.wait(10) == 0


# --- what the answers mean ---


def scalar(kind, text):
    if kind == "i":
        assert re.fullmatch(r"0|-?[1-9][0-9]*", text)
        return int(text)
    if kind == "f":
        assert "_" not in text and not text.startswith("+")
        return float(text)
    if kind == "b":
        return {"true": True, "false": False}[text]
    if kind == "d":
        return tomllib.loads(f"x = {text}")["x"]
    return {"s": text, "p": text, "n": None}[kind]


def from_records(data):
    """A reader of records, written from their description alone."""
    stack = []
    root = None
    for line in data.decode("ascii").splitlines():
        depth, kind, type_, _, _, key, text = line.split(" ")
        value = {"l": [], "m": {}}.get(kind) if kind != "s" else scalar(type_, urllib.parse.unquote(text))
        del stack[int(depth):]
        if not stack:
            root = value
        elif isinstance(stack[-1], list):
            stack[-1].append(value)
        else:
            stack[-1][urllib.parse.unquote(key.split(":", 2)[2])] = value
        if kind != "s":
            stack.append(value)
    return root


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return a == b


def sorted_keys(value):
    """Order of tables may differ: we list a table where it is first named, and so does tomllib; lists keep theirs."""
    if isinstance(value, dict):
        return {k: sorted_keys(value[k]) for k in sorted(value)}
    return [sorted_keys(v) for v in value] if isinstance(value, list) else value


# --- TOML ---


def check_toml(shim, text):
    """Accepted or refused as tomllib does; if accepted, equal in value and kept byte for byte."""
    try:
        theirs = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        theirs = None
    try:
        ours = from_records(shim.ask("toml-records", text))
    except Refused as refusal:
        assert re.match(r"text:\d+:\d+: \S", str(refusal))
        assert theirs is None, refusal
        return False
    assert theirs is not None, "accepted, but tomllib refuses it"
    assert same(sorted_keys(ours), sorted_keys(theirs))
    assert shim.ask("toml-emit", text) == text.encode()
    return True


def test_the_corpora_are_large_enough():
    assert len(set(VALID)) >= 60 and len(set(INVALID)) >= 80


@pytest.mark.parametrize("text", VALID)
def test_valid_toml_is_read_as_tomllib_reads_it(shim, text):
    assert check_toml(shim, text)


@pytest.mark.parametrize("text", INVALID)
def test_invalid_toml_is_refused(shim, text):
    with pytest.raises(Refused, match=r"^text:\d+:\d+: "):
        shim.ask("toml-records", text)
    if text not in STRICTER:
        with pytest.raises(tomllib.TOMLDecodeError):
            tomllib.loads(text)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_all_valid_lines_behind_one_another_are_kept(shim, line_end):
    parts = [f"[part-{i}]\n{text}\n" for i, text in enumerate(VALID) if "[" not in text and "\r" not in text]
    text = "".join(parts).replace("\n", line_end)
    assert check_toml(shim, text)


KEYS = st.sampled_from(["a", "b", "c", '"a"', "'b'", "a.b", "a.c", "b . a", "a.b.c", "c.\"a\".b"])
SCALARS = st.sampled_from(["1", "-0", "0x1F", "1_0.5e1", "true", "inf", '"x"', "'y'", '"""\nz"""', "'''q'''", "1979-05-27",
                           "1979-05-27 07:32:00", "07:32:00.25", "1979-05-27T07:32:00-01:30"])
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=3).map(lambda v: "[" + ", ".join(v) + "]"),
    st.lists(st.tuples(KEYS, inner), max_size=3).map(lambda v: "{" + ", ".join(f"{k} = {x}" for k, x in v) + "}")), max_leaves=4)
LINES = st.one_of(st.tuples(KEYS, VALUES).map(lambda v: f"{v[0]} = {v[1]}"), KEYS.map(lambda k: f"[{k}]"),
                  KEYS.map(lambda k: f"[[{k}]]"), st.sampled_from(["", "# comment", "  # \u00e9"]))
TEXTS = st.tuples(st.lists(LINES, max_size=7), st.sampled_from(["\n", "\r\n"])).map(lambda v: v[1].join(v[0]))


@pytest.mark.slow  # fuzz_toml has the sanitizers
@settings(MANY, max_examples=1500)
@given(text=TEXTS)
def test_tables_and_keys_mean_what_they_mean_to_tomllib(shim, text):
    check_toml(shim, text)


PIECES = ["=", ".", ",", "[", "]", "{", "}", '"', "'", "\\", "#", "\n", "\r", " ", "_", "-", "+", ":", "0", "1", "e", "T", "Z", "a", "\x01",
          "\x7f", "\t", "\u00e9", '"""', "'''", "0x", "inf"]


@settings(MANY, max_examples=1500)
@given(text=st.sampled_from(VALID), where=st.floats(0, 1), piece=st.sampled_from(PIECES), drop=st.integers(0, 2))
def test_damaged_toml_is_judged_as_by_tomllib(shim, text, where, piece, drop):
    at = int(where * len(text))
    text = text[:at] + piece + text[at + drop:]
    # tomllib knows neither the year 0 nor the second 60 nor our limit of integers
    if re.search(r"0000-|:60|\d{18}|[0-9a-fA-F]{16}|\\u0000", text):
        return
    check_toml(shim, text)


@MANY
@given(value=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")))
def test_a_basic_string_says_what_was_escaped_into_it(shim, value):
    escaped = "".join(f"\\U{ord(c):08x}" if ord(c) < 32 or c in '"\\\x7f' else c for c in value)
    assert from_records(shim.ask("toml-records", f's = "{escaped}"')) == {"s": value}


# --- JSON ---

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
PLAIN = st.recursive(st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
                     lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)), max_leaves=12)


@MANY
@given(value=PLAIN, indent=st.sampled_from([None, 0, 1, "\t"]), ascii_only=st.booleans())
def test_json_survives_reading_and_writing(shim, value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert same(json.loads(shim.ask("json", text)), value)


def strict_json(text):
    def pairs(items):
        if len(dict(items)) != len(items):
            raise ValueError("duplicate")
        return dict(items)

    def constant(word):
        raise ValueError(word)

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    plain = json.dumps(value, ensure_ascii=False)
    plain.encode()  # no lone surrogates
    if "\\u0000" in plain and "\0" in json.dumps(value).encode().decode("unicode_escape"):
        raise ValueError("NUL")
    return value


@settings(MANY, max_examples=1000)
@given(value=PLAIN, where=st.floats(0, 1), drop=st.integers(0, 2),
       piece=st.sampled_from(["", ",", "[", "]", "{", "}", '"', "\\", ":", "0", "-", ".", "e", " ", "\n", "\t", "\x01", "a", "\\ud800", "\\u",
                              "null", "\\udc00", "\u00e9", "//", "1"]))
def test_damaged_json_is_judged_as_by_python(shim, value, where, drop, piece):
    text = json.dumps(value)
    at = int(where * len(text))
    text = text[:at] + piece + text[at + drop:]
    try:
        theirs = strict_json(text)
    except (ValueError, UnicodeEncodeError):
        with pytest.raises(Refused, match=r"^text:\d+:\d+: "):
            shim.ask("json", text)
    else:
        assert same(json.loads(shim.ask("json", text)), theirs)


# --- YAML ---


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


PRINTED = st.text(st.characters(blacklist_categories=["Cs", "Cn"], blacklist_characters="\0"), max_size=12)
STRUCTURES = st.recursive(st.one_of(st.booleans(), st.integers(), PRINTED), lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.dictionaries(PRINTED, inner, max_size=4)), max_leaves=12)


def as_text(value):
    """What PyYAML's BaseLoader makes of a node: no types, as we do."""
    if isinstance(value, dict):
        return {k: as_text(v) for k, v in value.items()}
    return [as_text(v) for v in value] if isinstance(value, list) else value


@MANY
@given(value=STRUCTURES, flow=st.sampled_from([None, False, True]), width=st.sampled_from([20, 80]))
def test_yaml_is_read_as_pyyaml_reads_it(shim, value, flow, width):
    text = yaml.dump(value, Dumper=Dumper, allow_unicode=True, default_flow_style=flow, width=width)
    assert from_records(shim.ask("yaml-records", text)) == yaml.load(text, Loader=yaml.BaseLoader)


# --- records, seeds ---


@MANY
@given(value=PLAIN)
def test_records_keep_everything(shim, value):
    records = shim.ask("json-records", json.dumps(value))
    assert same(from_records(records), value)
    assert shim.ask("records-records", records) == records
    assert shim.ask("records", records) == shim.ask("json", json.dumps(value))


@MANY
@given(value=PLAIN, where=st.floats(0, 1), byte=st.binary(min_size=0, max_size=2), drop=st.integers(0, 2))
def test_damaged_records_are_refused_or_are_the_one_way_to_write_something(shim, value, where, byte, drop):
    records = shim.ask("json-records", json.dumps(value))
    at = int(where * len(records))
    damaged = records[:at] + byte + records[at + drop:]
    try:
        again = shim.ask("records-records", damaged)
    except Refused as refusal:
        assert str(refusal).startswith("records:")
    else:
        assert again == damaged


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.name)
def test_every_seed_is_read_as_others_read_it(shim, path):
    data = path.read_bytes()
    if path.suffix == ".json":
        assert same(json.loads(shim.ask("json", data)), json.loads(data))
    else:
        assert from_records(shim.ask("yaml-records", data)) == yaml.load(data, Loader=yaml.BaseLoader)
