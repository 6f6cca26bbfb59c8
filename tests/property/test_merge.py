# SPDX-License-Identifier: Apache-2.0
"""Merging against readers that others wrote, and against a three-way merge of plain dicts in twenty lines.

Texts are made of sections of keys in several spellings; the user's and the release's are changed copies of one. What
holds for all: merge(b, b, n) == n and merge(b, u, b) == u, byte for byte; what was changed here is still there;
merging once more changes nothing."""

import configparser
import json
import re
import subprocess
import tomllib

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from merge_tools import Merger

MANY = settings(max_examples=300, deadline=None, database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
GONE = object()  # where a document has nothing
BOTH = "changed here and in the release", "removed here, changed in the release", "new here and in the release, with different values"


@pytest.fixture(scope="module")
def merger():
    made = Merger()
    yield made
    assert made.close() == 0


# --- three-way on dicts ---


def three(base, user, release):
    """What must come out where nothing stands in the way."""
    if isinstance(user, dict) and (isinstance(release, dict) or (release is GONE and isinstance(base, dict))):
        base = base if isinstance(base, dict) else {}
        there = release if release is not GONE else {}
        merged = {key: three(base.get(key, GONE), user.get(key, GONE), there.get(key, GONE)) for key in {**user, **there}}
        merged = {key: value for key, value in merged.items() if value is not GONE}
        return merged if merged or release is not GONE else GONE
    if user == base or base is GONE and user is GONE:
        return release
    return user


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, path + (key,))
    else:
        yield path, value


def tidy(value):
    """Without tables that have nothing in them: whether such a one is there is a matter of spelling."""
    if not isinstance(value, dict):
        return value
    inner = {key: tidy(v) for key, v in value.items()}
    return {key: v for key, v in inner.items() if v != {}}


def at(value, path):
    for key in path:
        value = value.get(key, GONE) if isinstance(value, dict) else GONE
    return value


def check(merger, language, load, base, user, release):
    """The laws, of one language."""
    assert merger.merge(language, base, base, release)[0] == release.encode()
    assert merger.merge(language, base, user, base)[0] == user.encode()
    assert merger.merge(language, None, user, user)[0] == user.encode()
    out, notes = merger.merge(language, base, user, release)
    values, was, now = load(out.decode()), load(base), load(user)
    structural = [note for note in notes if note.act == "conflict" and note.reason not in BOTH]
    if not structural:
        assert tidy(values) == tidy(three(was, now, load(release))), notes
    for path, value in leaves(now):
        if at(was, path) != value:
            assert at(values, path) == value, (path, notes)
    for line in user.splitlines():
        if re.match(r"\s*(#|//) mine", line):
            assert line in out.decode().splitlines()
    again, _ = merger.merge(language, base, out, release)
    assert again == out
    return out, notes


# --- texts ---

COMMENTS = st.sampled_from([[], [], ["# one"], ["# one", "# two"]])
GAPS = st.sampled_from([0, 0, 0, 1, 2])


@st.composite
def changed(draw, sections, values, names):
    """A copy with some keys changed, gone, new or moved: {section: {key: (value, comments, blank lines)}}."""
    copy = {name: dict(keys) for name, keys in sections.items()}
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(sorted(names)))
        what = draw(st.sampled_from(["set", "set", "drop", "drop section", "move", "comment"]))
        keys = copy.setdefault(name, {})
        key = draw(st.sampled_from(names[name]))
        if what == "set":
            keys[key] = (draw(values), *keys.get(key, (0, [], 0))[1:])
        elif what == "drop":
            keys.pop(key, None)
        elif what == "drop section":
            del copy[name]
        elif what == "move" and key in keys:
            keys[key] = keys.pop(key)
        elif what == "comment" and key in keys:
            keys[key] = (keys[key][0], ["# mine %d" % draw(st.integers(0, 99))] + keys[key][1], keys[key][2])
    return copy


@st.composite
def triple(draw, values, names, render, header_needed=False):
    entry = st.tuples(values, COMMENTS, GAPS)
    base = {}
    for name in draw(st.permutations(sorted(names))):
        keys = draw(st.lists(st.sampled_from(names[name]), unique=True, max_size=4))
        if keys or draw(st.booleans()):
            base[name] = {key: draw(entry) for key in keys}
    texts = [render(x, draw) for x in (base, draw(changed(base, values, names)), draw(changed(base, values, names)))]
    ends = draw(st.sampled_from(["\n", "\n", "\n", "\r\n"]))
    texts[1] = texts[1].replace("\n", ends)
    if draw(st.integers(0, 4)) == 0:
        texts[1] = texts[1].rstrip("\r\n")
    return texts


def lines_of(keys, indent=""):
    out = []
    for key, (value, comments, gap) in keys.items():
        out += [""] * gap + [indent + c for c in comments] + ["%s%s = %s" % (indent, key, value)]
    return out


# --- TOML ---

TOML_VALUES = st.sampled_from(["1", "2", "3", '"x"', "'y' # why", "[\n  1, # one\n  2,\n]", '"""\nlong\n  text"""', "false", "1979-05-27", "0x10", "16"])
TOML_NAMES = {"": ["a", "b", "c", "p.x", "p.y"], "s": ["a", "b", "q.x", "q.r.y"], "s.t": ["a", "b"], "u.v": ["a", "c"], "p.z": ["a", "b"],
              "[list]": ["a", "b"]}


def toml(sections, draw):
    out = lines_of(sections.get("", {}))
    for name, keys in sections.items():
        if name:
            out += [""] * draw(st.integers(0, 1)) + ["[%s]" % name] + lines_of(keys, draw(st.sampled_from(["", "", "  "])))
        if name == "[list]" and draw(st.booleans()):
            out += ["[[list]]", "a = 7"]
    return "".join(line + "\n" for line in out)


def toml_or_not(merger, texts):
    try:
        for text in texts:
            tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    check(merger, "toml", tomllib.loads, *texts)


@settings(MANY, max_examples=400)
@given(texts=triple(TOML_VALUES, TOML_NAMES, toml))
def test_toml(merger, texts):
    toml_or_not(merger, texts)


def toml_respelled(sections, draw):
    """The same values, with some tables under a header and some in dotted keys of a table around them."""
    spelled = {}
    for name, keys in sections.items():
        outer, dot, last = name.rpartition(".")
        if draw(st.booleans()) and name and name != "[list]":
            target = spelled.setdefault(outer, {})
            target.update({"%s.%s" % (last, key): value for key, value in keys.items()})
        else:
            spelled.setdefault(name, {}).update(keys)
    return toml(spelled, draw)


@pytest.mark.slow  # fuzz_merge_toml has the sanitizers
@settings(MANY, max_examples=400)
@given(texts=triple(TOML_VALUES, TOML_NAMES, toml_respelled))
def test_toml_in_different_spellings(merger, texts):
    toml_or_not(merger, texts)


# --- INI and .env ---

INI_VALUES = st.sampled_from(["1", "2", "a b ; c", '"x"', "", "one\n    two\n    three", "x\n\n    y", "/usr/bin"])
INI_NAMES = {"": ["a", "b"], "s": ["a", "b", "c d"], "t u": ["a", "k.l"], "v": ["a", "b", "c"]}


def ini(sections, draw):
    out = lines_of(sections.get("", {}))
    for name, keys in sections.items():
        if name:
            out += [""] * draw(st.integers(0, 2)) + ["[%s]" % name] + lines_of(keys, draw(st.sampled_from(["", "", "  ", "\t"])))
    return "".join(line + "\n" for line in out)


def load_ini(text):
    reader = configparser.RawConfigParser(default_section="none", delimiters=("=", ":"), comment_prefixes=("#", ";"), strict=True)
    reader.optionxform = str
    reader.read_string("[root]\n" + text.replace("\r", ""))
    values = {name: dict(keys) for name, keys in reader.items() if name != "none"}
    return {**values.pop("root"), **values}


@settings(MANY, max_examples=300)
@given(texts=triple(INI_VALUES, INI_NAMES, ini))
def test_ini(merger, texts):
    check(merger, "ini", load_ini, *texts)


ENV_VALUES = st.sampled_from(["1", "2", "a b # c", '"x"', "", '"one\ntwo # three"', "'q'", "$HOME/x", "x\\\ny"])


def env(sections, _):
    return "".join(line.replace(" = ", "=", 1) + "\n" for line in lines_of(sections.get("", {})))


def load_env(text):
    entry = re.compile(r'^([A-Z]+)=("[^"]*"|(?:[^\n]*\\\n)?[^\n]*)$', re.M)
    return {key: value.strip() for key, value in entry.findall(text.replace("\r", ""))}


@settings(MANY, max_examples=300)
@given(texts=triple(ENV_VALUES, {"": ["A", "B", "C", "D", "E"]}, env))
def test_env(merger, texts):
    check(merger, "env", load_env, *texts)


# --- JSON ---

JSON_VALUES = st.sampled_from(["1", "2", '"x"', "null", "false", "[1,\n 2]", "[3]", '"a // b"', '{"k": 1}', "{}"])
NESTED_NAMES = {"": ["a", "b", "c"], "s": ["a", "b"], "s.t": ["a", "b", "c"], "u": ["a"]}


def nested(sections):
    """{"s.t": {...}} as a tree whose leaves are (value, comments, gap)."""
    tree = {}
    for name, keys in sections.items():
        inside = tree
        for part in filter(None, name.split(".")):
            inside = inside.setdefault(part, {})
        inside.update(keys)
    return tree


def json_lines(tree, draw, indent, step):
    """An object, without what stands around it: one entry in a line, or all in one."""
    inner = indent + step
    out = []
    for i, (key, value) in enumerate(tree.items()):
        comma = "," if i + 1 < len(tree) or draw(st.integers(0, 3)) == 0 else ""
        if isinstance(value, dict):
            text, comments, gap = json_object(value, draw, inner, step), [], 0
        else:
            text, comments, gap = value[0].replace("\n", "\n" + inner), value[1], value[2]
        tail = draw(st.sampled_from(["", "", " // tail", " /* tail */"])) if comma else ""
        out += [""] * gap + [inner + c.replace("#", "//") for c in comments] + ['%s"%s": %s%s%s' % (inner, key, text, comma, tail)]
    return "".join(line + "\n" for line in out)


def json_object(tree, draw, indent, step):
    if draw(st.integers(0, 3)) == 0:
        values = ['"%s": %s' % (key, json_object(v, draw, "", step) if isinstance(v, dict) else v[0]) for key, v in tree.items()]
        return "{" + ", ".join(values) + "}"
    return "{\n" + json_lines(tree, draw, indent, step) + indent + "}"


def json_text(sections, draw):
    return json_object(nested(sections), draw, "", draw(st.sampled_from(["  ", "    ", "\t"]))) + "\n"


def load_json(text):
    masked = re.sub(r'("[^"]*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or " ", text, flags=re.S)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", masked))


@settings(MANY, max_examples=400)
@given(texts=triple(JSON_VALUES, NESTED_NAMES, json_text))
def test_json(merger, texts):
    check(merger, "json", load_json, *texts)


# --- YAML ---

YAML_VALUES = st.sampled_from(["1", "2", '"x # y"', "'q'", "", "plain text # why", "[1, 2]", "{k: 1}", "|\n  long\n   text", ">-\n  folded\n  text",
                               "\n  - one\n  - two: 2\n    three: 3", "\n- same\n- column", "two\n  lines", "\u00e9"])


def yaml_lines(tree, draw, indent, step):
    out = []
    for key, value in tree.items():
        if isinstance(value, dict):
            inner = yaml_lines(value, draw, indent + step, step)
            out += [indent + key + ":"] + inner if inner else []
        else:
            text = value[0].replace("\n", "\n" + indent)
            out += [""] * value[2] + [indent + c for c in value[1]] + [indent + key + ":" + (" " + text if text[:1] != "\n" else text)]
    return out


def yaml_text(sections, draw):
    lines = yaml_lines(nested(sections), draw, "", draw(st.sampled_from(["  ", "    "])))
    head = draw(st.sampled_from([[], [], ["---"], ["# head", "", "---"]]))
    return "".join(line.rstrip(" ") + "\n" for line in head + lines)


def load_yaml(text):
    return yaml.safe_load(text) or {}


@settings(MANY, max_examples=400)
@given(texts=triple(YAML_VALUES, NESTED_NAMES, yaml_text))
def test_yaml(merger, texts):
    check(merger, "yaml", load_yaml, *texts)


# --- text ---


@st.composite
def line_triple(draw, alphabet):
    lines = st.lists(alphabet, max_size=12)
    base = draw(lines)
    texts = [base]
    for _ in range(2):
        copy = list(base)
        for _ in range(draw(st.integers(0, 3))):
            where = draw(st.integers(0, len(copy)))
            copy[where:where + draw(st.integers(0, 3))] = draw(st.lists(alphabet, max_size=3))
        texts.append(copy)
    return ["".join(line + "\n" for line in text) for text in texts]


@MANY
@given(texts=line_triple(st.sampled_from("abc")), ends=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_text(merger, texts, ends, last):
    base, user, release = texts
    user = user.replace("\n", ends) if last else user.replace("\n", ends).rstrip("\r\n")
    assert merger.merge("text", base, base, release)[0] == release.encode()
    assert merger.merge("text", base, user, base)[0] == user.encode()
    assert merger.merge("text", None, user, release)[0] == user.encode()
    out, notes = merger.merge("text", base, user, release)
    if ends == "\r\n" and "\n" in user:
        assert out.count(b"\n") == out.count(b"\r\n")
    if not notes:
        assert out == user.encode()


@settings(MANY, max_examples=60)
@given(texts=line_triple(st.integers(0, 10**9).map(str)))
def test_text_is_merged_as_git_does(merger, tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("git")
    for name, text in zip(["base", "user", "release"], texts):
        (folder / name).write_text(text)
    git = subprocess.run(["git", "merge-file", "-p", "--ours", "user", "base", "release"], cwd=folder, capture_output=True, check=True)
    strict = subprocess.run(["git", "merge-file", "-p", "user", "base", "release"], cwd=folder, capture_output=True, check=False)
    out, notes = merger.merge("text", *texts)
    if strict.returncode == 0 or not any(note.act == "conflict" for note in notes):
        assert out == git.stdout, notes
        assert not any(note.act == "conflict" for note in notes)


@settings(MANY, max_examples=60)
@given(texts=line_triple(st.sampled_from("abc") | st.integers(0, 99).map(str)), last=st.booleans())
def test_a_diff_leads_from_one_text_to_the_other(merger, tmp_path_factory, texts, last):
    """As patch(1) understands it, which git is here."""
    _, before, after = texts
    after = after if last else after.rstrip("\n")
    if before.strip("\n") == after.strip("\n"):
        return
    folder = tmp_path_factory.mktemp("diff")
    (folder / "user").write_text(before)
    (folder / "diff").write_bytes(merger.merge("diff", None, before, after)[0].replace(b"+++ release", b"+++ user"))
    subprocess.run(["git", "apply", "-p0", "diff"], cwd=folder, capture_output=True, check=True)
    assert (folder / "user").read_text().rstrip("\n") == after.rstrip("\n")  # line ends are no difference
