# SPDX-License-Identifier: Apache-2.0
"""tuf-client against repositories made by others: what the public conformance suite asks, and what it does not."""

import copy
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

import pytest

from tuf_tools import FAR, TOP, Client, Key, Program, Repository, Server, canonical, head, quote, time_of

KINDS = ("ed25519", "ecdsa", "rsa")


@pytest.fixture(scope="module")
def program():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Program(folder)


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def start(program, server, tmp_path):
    """Serves a repository to a client that trusts its first root."""
    count = itertools.count()

    def begin(repository, refresh=True):
        folder = tmp_path / str(next(count))
        folder.mkdir()
        server.serve(repository)
        client = Client(program, server, folder, repository)
        if refresh:
            assert client.refresh() == 0, client.said
        return client

    return begin


def refused(client, text, verb=None):
    """It fails, says why, and what was trusted is still trusted."""
    before = client.state()
    assert (verb or client.refresh)() == 1
    assert text in client.said
    assert client.state() == before


# --- good repositories --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("consistent", (True, False))
@pytest.mark.parametrize("hashed", (True, False))
def test_a_new_client_asks_for_each_file_once(start, server, kind, consistent, hashed):
    repository = Repository(consistent, hashed, kind)
    client = start(repository)
    names = ["1.snapshot", "1.targets"] if consistent else ["snapshot", "targets"]
    assert server.metadata_asked() == ["2.root", "timestamp", *names]
    assert client.roles() == sorted(TOP)
    for role in TOP:
        assert client.bytes_of(role) == repository.files[repository.name_of(role)]
    server.asked.clear()
    assert client.refresh() == 0
    assert server.metadata_asked() == ["2.root", "timestamp"]
    repository.add("targets", "a/b c.txt", b"one")
    repository.publish("targets")
    server.asked.clear()
    assert client.download("a/b c.txt", "a/b c.txt") == 0
    assert client.downloaded() == [b"one"]
    assert len(server.asked) == 5  # the second is there already


def test_an_initial_root_is_looked_at_before_anything_is_asked(program, server, tmp_path):
    repository = Repository()
    root = json.loads(repository.files["metadata/1.root.json"])
    unsigned, versionless, empty = copy.deepcopy(root), copy.deepcopy(root), {}
    unsigned["signatures"][0]["sig"] = Key().sign(b"")
    del versionless["signed"]["version"]
    server.serve(repository)
    for n, bad in enumerate((unsigned, versionless, empty, dict(root, signatures=[]))):
        (tmp_path / str(n)).mkdir()
        client = Client(program, server, tmp_path / str(n))
        client.init(json.dumps(bad).encode())
        assert client.refresh() == 1
        assert "the trusted root cannot be used" in client.said
    (tmp_path / "none").mkdir()
    client = Client(program, server, tmp_path / "none")
    assert client.refresh() == 1
    assert client.said == "no trusted root: 'root.trusted' does not exist"
    assert server.asked == []


def test_unknown_fields_and_white_space_count_as_they_came(start, server):
    repository = Repository(hashed=True)
    client = start(repository)
    key = Key()
    key.object["x-owner"] = {"name": "\u00e4 \"quoted\"\\\nline", "n": -5, "more": [None, True, {}]}
    repository.delegate_top("targets", [key])
    repository.signed["root"]["x-more"] = [1, 2, {"b": 1, "a": 2}]
    repository.rotate_root()
    repository.signed["targets"]["custom"] = {"\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"): "\x7f"}
    repository.publish("targets")
    data = repository.seal(repository.signed["timestamp"], repository.signers["timestamp"], unknown=[]) + b" \n\n"
    repository.files["metadata/timestamp.json"] = data
    assert client.refresh() == 0, client.said
    assert client.bytes_of("timestamp") == data
    assert client.versions() == (2, 2, 2, 2)


def test_both_forms_of_spec_version_are_read(start):
    repository = Repository()
    client = start(repository)
    for role in TOP:
        repository.signed[role]["spec_version"] = "1.0"
    repository.rotate_root()
    repository.publish("targets")
    assert client.refresh() == 0, client.said


# --- each role, each way to be wrong -----------------------------------------------------------------------------


def resign(repository, role, signed, signers=None):
    repository.put(role, repository.seal(signed, repository.signers[role] if signers is None else signers))


def next_version(repository, role):
    """The repository with one more version of a role published, and a way to replace that file."""
    if role == "root":
        repository.rotate_root()
    elif role == "targets":
        repository.publish("targets")
    elif role == "snapshot":
        repository.publish_snapshot()
    else:
        repository.publish_timestamp()


def refer(repository, role):
    """Whatever refers to a file says its hash: it is the file's own checks that we test."""
    if role == "targets":
        repository.signed["snapshot"]["meta"]["targets.json"] = repository.entry("targets", repository.files[repository.name_of("targets")])
        resign(repository, "snapshot", repository.signed["snapshot"])
    if role in ("targets", "snapshot"):
        repository.signed["timestamp"]["meta"]["snapshot.json"] = repository.entry("snapshot", repository.files[repository.name_of("snapshot")])
        resign(repository, "timestamp", repository.signed["timestamp"])


def no_signature(r, role):
    resign(r, role, r.signed[role], [])


def empty_signature(r, role):
    text = json.loads(r.files[r.name_of(role)])
    text["signatures"][0]["sig"] = ""
    r.put(role, json.dumps(text).encode())


def other_roles_key(r, role):
    resign(r, role, r.signed[role], [key for other in TOP if other != role for key in r.signers[other]])


def borrowed_keyid(r, role):
    data, stranger = canonical(r.signed[role]), Key()
    r.put(role, json.dumps({"signatures": [{"keyid": r.signers[role][0].id, "sig": stranger.sign(data)}], "signed": r.signed[role]}).encode())


def signed_twice(r, role):
    resign(r, role, r.signed[role], r.signers[role] * 2)


def changed_after_signing(r, role):
    text = json.loads(r.files[r.name_of(role)])
    text["signed"]["x"] = 1
    r.put(role, json.dumps(text).encode())


def wrong_type(r, role):
    resign(r, role, dict(r.signed[role], _type="mirrors"))


def other_type(r, role):
    resign(r, role, dict(r.signed["targets" if role != "targets" else "snapshot"], version=r.signed[role]["version"]))


def lower_version(r, role):
    resign(r, role, dict(r.signed[role], version=1))


def higher_version(r, role):
    resign(r, role, dict(r.signed[role], version=r.signed[role]["version"] + 1))


def zero_version(r, role):
    resign(r, role, dict(r.signed[role], version=0))


def huge_version(r, role):
    r.put(role, r.bytes_of(role).replace(b'"version": 2,', b'"version": 9223372036854775808,'))


def float_version(r, role):
    r.put(role, r.bytes_of(role).replace(b'"version": 2,', b'"version": 2.0,'))


def other_spec(r, role):
    resign(r, role, dict(r.signed[role], spec_version="2.0.0"))


def no_expiry(r, role):
    resign(r, role, {key: value for key, value in r.signed[role].items() if key != "expires"})


def odd_expiry(r, role):
    resign(r, role, dict(r.signed[role], expires="2040-01-01T00:00:00+00:00"))


def expired(r, role):
    resign(r, role, dict(r.signed[role], expires=time_of(days=-3, minutes=-5)))


def truncated(r, role):
    r.put(role, r.files[r.name_of(role)][:-2])


def followed_by_more(r, role):
    r.put(role, r.files[r.name_of(role)] + b"{}")


def byte_order_mark(r, role):
    r.put(role, b"\xef\xbb\xbf" + r.files[r.name_of(role)])


def duplicate_key(r, role):
    r.put(role, r.files[r.name_of(role)].replace(b'"signed": {', b'"signed": {},\n "signed": {', 1))


def duplicate_inside(r, role):
    r.put(role, r.files[r.name_of(role)].replace(b'"version": 2,', b'"version": 2, "version": 2,', 1))


def deep(r, role):
    r.put(role, b'{"signatures": [], "signed": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}")


def not_an_object(r, role):
    r.put(role, b"[1, 2, 3]")


def html(r, role):
    r.put(role, b"<!DOCTYPE html><title>Welcome to the hotel's network</title>")


def nothing(r, role):
    r.put(role, b"")


def wrong_shape(r, role):
    resign(r, role, head(role if role in TOP else "targets", version=2, meta=[], targets=[], keys=[], roles=[], consistent_snapshot=1))


SIGNATURES = "signatures that it needs are good"
BAD = {
    no_signature: SIGNATURES, empty_signature: SIGNATURES, other_roles_key: SIGNATURES, borrowed_keyid: SIGNATURES,
    signed_twice: "or its key has signed already", changed_after_signing: SIGNATURES, wrong_type: "'_type' is not", other_type: "'_type' is not",
    lower_version: "version", higher_version: "version", zero_version: "'version' is not an integer of at least 1", huge_version: "an integer of more than 64 bits",
    float_version: "a number with a fraction or an exponent", other_spec: "'spec_version' is not 1", no_expiry: "'expires' is not a string", odd_expiry: "'expires' is not of the form",
    expired: "metadata expired 3 days ago", truncated: "found the end of the text", followed_by_more: "expected the end of the text", byte_order_mark: "begins with a byte order mark",
    duplicate_key: "appears twice", duplicate_inside: "appears twice", deep: "nested deeper than 32 levels", not_an_object: "'signed' is not a map", html: "expected a value",
    nothing: "expected a value", wrong_shape: "is not a map",
}  # fmt: skip
# What of these is no fault of that role: a timestamp may skip versions, an expired root is only the last one's matter.
MEANS_SOMETHING_ELSE = {("timestamp", higher_version), ("root", expired), ("timestamp", lower_version)}


@pytest.mark.parametrize("role", TOP)
@pytest.mark.parametrize("bend", BAD, ids=lambda bend: bend.__name__)
@pytest.mark.parametrize("hashed", (False, True), ids=("by_version", "by_hash"))
def test_a_bad_file_is_refused_and_the_next_good_one_taken(start, role, bend, hashed):
    if (role, bend) in MEANS_SOMETHING_ELSE:
        return
    repository = Repository(hashed=hashed)
    client = start(repository)
    good = repository.copy()
    next_version(good, role)
    bad = good.copy()
    bend(bad, role)
    refer(bad, role)
    before = client.versions()
    client.server.serve(bad)
    assert client.refresh() == 1
    assert BAD[bend] in client.said
    expected = list(before)
    for above in TOP[1 : TOP.index(role)]:  # what refers to it was good, and stays
        expected[TOP.index(above)] += 1
    assert client.versions() == tuple(expected)
    if hashed and role in ("snapshot", "targets"):  # a file of this version is known by its hash: only a newer one heals
        next_version(good, role)
        if role == "targets":
            good.publish_snapshot()
    good.publish_snapshot()
    good.publish_timestamp()
    client.server.serve(good)
    assert client.refresh() == 0, client.said
    assert client.bytes_of(role) == good.files[good.name_of(role)]


@pytest.mark.parametrize("role", TOP)
def test_one_short_of_the_threshold_is_not_enough(start, role):
    repository = Repository()
    client = start(repository)
    keys = [Key(kind) for kind in KINDS] + [Key("ed25519"), Key("ecdsa")]
    old = repository.signers["root"]
    repository.delegate_top(role, keys, threshold=4)
    if role == "root":
        repository.rotate_root(old + keys[:3])
        refused(client, "2.root.json: only 3 of the 4 signatures that it needs are good")
        repository.publish_root(keys)
        refused(client, "2.root.json: only 0 of the 1 signatures that it needs are good")
        repository.publish_root(old + keys[1:])
    else:
        repository.rotate_root()
        repository.signers[role] = keys[:3] + [Key(), Key()]
        repository.publish("targets")
        assert client.refresh() == 1
        assert f"{role}.json: only 3 of the 4 signatures that it needs are good" in client.said
        assert client.version(role) == 1
        repository.signers[role] = [Key()] + keys[1:]
        repository.publish("targets")
    assert client.refresh() == 0, client.said


def test_a_threshold_beyond_all_keys_is_out_of_reach(start):
    repository = Repository()
    client = start(repository)
    repository.delegate_top("snapshot", repository.signers["snapshot"], threshold=2**63 - 1)
    repository.rotate_root()
    repository.publish("targets")
    assert client.refresh() == 1
    assert "snapshot.json: only 1 of the 9223372036854775807 signatures that it needs are good" in client.said
    assert client.versions() == (2, 2, 1, 1)


@pytest.mark.parametrize("threshold", (0, -1, 1.0, "1", None, True, 2**63))
def test_thresholds_that_are_none(start, threshold):
    repository = Repository()
    client = start(repository)
    repository.signed["root"]["roles"]["targets"]["threshold"] = threshold
    data = repository.seal({}, [])
    signed = repository.signed["root"]
    signed["version"] = 2
    if isinstance(threshold, float) or threshold == 2**63:  # nobody can sign these
        data = json.dumps({"signatures": [], "signed": signed}).encode()
    else:
        data = repository.bytes_of("root")
    repository.files["metadata/2.root.json"] = data
    refused(client, "'threshold' is not an integer of at least 1" if not isinstance(threshold, float) and threshold != 2**63 else "")


def test_a_key_counts_under_its_own_name_alone(start):
    repository = Repository()
    client = start(repository)
    key, root = Key(), repository.signed["root"]
    other = copy.deepcopy(key.object)
    names = [key.id, "0" * 64, key.id.upper()]
    root["keys"].update({name: other for name in names})
    root["roles"]["timestamp"] = {"keyids": names, "threshold": 2}
    repository.rotate_root()
    repository.signed["timestamp"]["version"] = 2
    data = canonical(repository.signed["timestamp"])
    repository.files["metadata/timestamp.json"] = json.dumps({"signatures": [{"keyid": name, "sig": key.sign(data)} for name in names], "signed": repository.signed["timestamp"]}).encode()
    assert client.refresh() == 1
    assert client.said == "timestamp.json: only 1 of the 2 signatures that it needs are good"
    assert client.versions() == (2, 1, 1, 1)


def test_a_key_named_twice_makes_a_root_worthless(start):
    repository = Repository()
    client = start(repository)
    role = repository.signed["root"]["roles"]["targets"]
    role["keyids"] = role["keyids"] * 2
    repository.rotate_root()
    refused(client, f"2.root.json: 'keyids' names '{role['keyids'][0]}' twice")


def test_signatures_that_nobody_can_read_do_not_count_and_do_no_harm(start):
    repository = Repository()
    client = start(repository)
    useless = [Key(), Key("ecdsa"), Key("rsa")]
    useless[1].object["scheme"] = "ecdsa-sha2-nistp384"
    useless[2].object["scheme"] = "rsa-pkcs1v15-sha256"
    useless[0].object["keyval"]["public"] = "ff"
    repository.delegate_top("timestamp", useless + repository.signers["timestamp"])
    repository.rotate_root()
    repository.publish("targets")
    text = json.loads(repository.files["metadata/timestamp.json"])
    sigs = ["", "0", "zz", "00" * 5000, "\u00e9", "00" * 64, " "]
    text["signatures"] += [{"keyid": f"{n:064x}", "sig": sig} for n, sig in enumerate(sigs[:3])] + [{"keyid": "", "sig": "00"}, {"keyid": "\x1b[31m", "sig": sigs[4]}]
    repository.files["metadata/timestamp.json"] = json.dumps(text).encode()
    assert client.refresh() == 0, client.said
    text["signatures"] = [one for one in text["signatures"] if one["keyid"] != repository.signers["timestamp"][-1].id]
    text["signed"]["version"] += 1
    repository.files["metadata/timestamp.json"] = json.dumps(text).encode()
    refused(client, "timestamp.json: only 0 of the 1 signatures that it needs are good")


@pytest.mark.slow
def test_no_bit_of_a_timestamp_can_be_flipped(start, server):
    """Every byte that counts is under the signature, or is the signature; what is not counts for nothing."""
    repository = Repository()
    client = start(repository)
    repository.publish("targets")
    data = json.dumps(json.loads(repository.files["metadata/timestamp.json"])).encode()
    outside = data.index(b'"sig": "')
    before = client.state()
    for at in range(0, len(data), 7):
        bent = bytearray(data)
        bent[at] ^= 1 << (at % 8)
        repository.files["metadata/timestamp.json"] = bytes(bent)
        result = client.refresh()
        if result == 0:  # the case of a hexadecimal digit of the signature
            assert bytes(bent).lower() == data.lower() and at > outside
            break
        assert client.state() == before
    repository.files["metadata/timestamp.json"] = data
    assert client.refresh() == 0, client.said


# --- rollback, freeze, fast-forward ------------------------------------------------------------------------------


def test_an_older_timestamp_is_refused_across_runs(start):
    repository = Repository()
    client = start(repository)
    old = repository.files["metadata/timestamp.json"]
    repository.publish("targets")
    assert client.refresh() == 0
    repository.files["metadata/timestamp.json"] = old
    refused(client, "timestamp.json: version 1 is older than 2, which was seen before")


def test_an_expired_local_timestamp_is_still_the_floor(start):
    repository = Repository()
    repository.signed["timestamp"]["version"] = 5
    repository.signed["timestamp"]["expires"] = time_of(seconds=2)
    repository.publish_timestamp(bump=False)
    client = start(repository)
    time.sleep(2.1)
    repository.signed["timestamp"].update(version=4, expires=FAR)
    repository.publish_timestamp(bump=False)
    refused(client, "timestamp.json: version 4 is older than 5, which was seen before")
    repository.signed["timestamp"]["version"] = 6
    repository.publish_timestamp(bump=False)
    assert client.refresh() == 0, client.said


def test_a_timestamp_of_the_same_version_changes_nothing(start, server):
    repository = Repository()
    client = start(repository)
    before = client.state()
    repository.publish("targets")
    repository.signed["timestamp"]["version"] = 1
    repository.publish_timestamp(bump=False)
    server.asked.clear()
    assert client.refresh() == 0
    assert client.state() == before
    assert server.metadata_asked() == ["2.root", "timestamp"]


def test_a_timestamp_may_not_name_an_older_snapshot(start):
    repository = Repository()
    repository.publish("targets")
    client = start(repository)
    repository.signed["timestamp"]["version"] += 1
    repository.signed["timestamp"]["meta"]["snapshot.json"]["version"] = 1
    repository.put("timestamp", repository.bytes_of("timestamp"))
    refused(client, "timestamp.json: names version 1 of snapshot.json, older than 2, which was seen before")


@pytest.mark.parametrize("hashed", (False, True))
@pytest.mark.parametrize("damage", (None, "snapshot.json"))
def test_no_role_goes_back_or_vanishes_in_a_snapshot(start, hashed, damage):
    repository = Repository(hashed=hashed)
    repository.delegate("targets", "books", paths=["*"])
    repository.publish("books", "targets")
    repository.publish("books", "targets")
    client = start(repository)
    if damage:  # its hash no longer fits; what it says is signed all the same
        with open(client.metadata / damage, "ab") as file:
            file.write(b"\n")
    for role, text in (("books", "version 1 of books.json is older than 2"), ("targets", "version 1 of targets.json is older than 3")):
        bad = repository.copy()
        bad.signed["snapshot"]["meta"][f"{role}.json"]["version"] = 1
        bad.publish_snapshot()
        client.server.serve(bad)
        assert client.refresh() == 1
        assert text in client.said
        assert client.versions()[2:] == repository_versions(repository)[2:]
        repository.signed["timestamp"]["version"] = bad.signed["timestamp"]["version"]
    bad = repository.copy()
    del bad.signed["snapshot"]["meta"]["books.json"]
    bad.signed["snapshot"]["version"] += 1
    bad.publish_snapshot()
    client.server.serve(bad)
    assert client.refresh() == 1
    assert "snapshot.json: no longer lists books.json" in client.said


def repository_versions(repository):
    return tuple(repository.signed[role]["version"] for role in TOP)


@pytest.mark.parametrize("role", ("timestamp", "snapshot", "targets"))
def test_new_keys_undo_a_fast_forward(start, role):
    """Whoever stole a key may have signed the highest version; new keys make room below it again."""
    repository = Repository()
    highest = 2**63 - 1
    repository.signed[role]["version"] = highest
    if role == "targets":
        repository.publish("targets", bump=False)
    elif role == "snapshot":
        repository.publish_snapshot(bump=False)
    else:
        repository.publish_timestamp(bump=False)
    client = start(repository)
    assert client.version(role) == highest
    for above in ("timestamp", "snapshot"):
        if TOP.index(above) <= TOP.index(role):
            repository.delegate_top(above, [Key()])
    if role == "targets":
        repository.delegate_top(role, [Key()])
    repository.rotate_root()
    repository.signed[role]["version"] = 1
    repository.signed["snapshot"]["version"] += 0 if role == "snapshot" else 1
    repository.publish("targets", bump=False)
    repository.publish_timestamp(bump=role == "targets")
    assert client.refresh() == 0, client.said
    assert client.version(role) == 1


@pytest.mark.parametrize("role", TOP)
def test_what_expires_this_second_has_expired(start, role):
    repository = Repository()
    client = start(repository)
    for seconds, good in ((0, False), (60, True)):
        repository.signed[role]["expires"] = time_of(seconds=seconds)
        repository.rotate_root()
        repository.publish("targets")
        assert client.refresh() == (0 if good else 1)
        if not good:
            assert "the publisher has not re-signed, or someone withholds updates" in client.said
            assert client.version("root") == 2
            assert client.version(role) == (2 if role == "root" else 1)


def test_every_client_of_an_expired_repository_says_so(start):
    repository = Repository()
    client = start(repository)
    repository.signed["timestamp"]["expires"] = time_of(days=-3, hours=-1)
    repository.publish("targets")
    refused(client, "metadata expired 3 days ago (timestamp.json): the publisher has not re-signed, or someone withholds updates\nask the publisher; if it is this host's clock that is wrong, it says 20")
    assert client.refresh(before=["faketime", "-f", "-10d"]) == 0, client.said
    refused(client, "metadata expired 3 days ago (timestamp.json)")  # the local one: nothing newer came


def test_a_clock_that_was_set_back_loses_no_floor(start):
    repository = Repository()
    client = start(repository)
    old = repository.copy()
    repository.publish("targets")
    assert client.refresh() == 0
    client.server.serve(old)
    before = client.state()
    assert client.refresh(before=["faketime", "-f", "-365d"]) == 1
    assert "which was seen before" in client.said
    assert client.state() == before


# --- roots --------------------------------------------------------------------------------------------------------


def test_roots_are_followed_one_by_one(start, server):
    repository = Repository()
    client = start(repository)
    for _ in range(5):
        old = repository.signers["root"]
        repository.delegate_top("root", [Key(), Key("ecdsa")], threshold=2)
        repository.signed["root"]["expires"] = time_of(days=-1)  # only the last one's expiry counts
        repository.rotate_root(old + repository.signers["root"])
    repository.signed["root"]["expires"] = FAR
    repository.rotate_root()
    server.asked.clear()
    assert client.refresh() == 0, client.said
    assert server.metadata_asked() == [f"{n}.root" for n in range(2, 9)] + ["timestamp"]
    assert client.bytes_of("root") == repository.files["metadata/7.root.json"]


def test_a_root_in_the_middle_must_be_signed_by_both(start):
    repository = Repository()
    client = start(repository)
    first = repository.signers["root"]
    second, third = [Key()], [Key()]
    repository.delegate_top("root", second)
    repository.rotate_root(first + second)
    repository.delegate_top("root", third)
    for signers in (third, second, first + third, []):
        repository.signed["root"]["version"] = 3
        repository.publish_root(signers)
        assert client.refresh() == 1
        assert "3.root.json: only 0 of the 1 signatures that it needs are good" in client.said
        assert client.version("root") == 2
    repository.publish_root(second + third)
    assert client.refresh() == 0, client.said
    assert client.version("root") == 3


@pytest.mark.parametrize("status", (404, 403))
def test_no_further_root_is_a_404_or_a_403(start, server, status):
    client = start(Repository())
    server.odd["metadata/2.root.json"] = lambda handler: (handler.send_response(status), handler.end_headers())
    assert client.refresh() == 0, client.said


@pytest.mark.parametrize("status", (302, 400, 401, 410, 429, 500, 503, 206, 204))
def test_any_other_answer_for_a_root_is_a_failure(start, server, status):
    client = start(Repository())

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Location", server.url + "metadata/1.root.json")
        handler.end_headers()

    server.odd["metadata/2.root.json"] = answer
    server.asked.clear()
    refused(client, "2.root.json")
    assert server.metadata_asked() == ["2.root"]


@pytest.mark.slow
def test_no_more_than_256_roots_at_once(start, server):
    repository = Repository()
    client = start(repository, refresh=False)
    for _ in range(258):
        repository.rotate_root()
    server.asked.clear()
    assert client.refresh(timeout=120) == 1
    assert client.said == "256 new roots at once\nrun it again to go on from the last of them"
    assert client.version("root") == 257
    assert server.metadata_asked() == [f"{n}.root" for n in range(2, 258)]
    assert client.refresh() == 0, client.said
    assert client.version("root") == 259


def test_a_root_that_fails_to_verify_is_not_trusted_the_next_time(start):
    """What python-tuf did before 0.12 (CVE-2020-15163)."""
    repository = Repository()
    client = start(repository)
    thief = [Key()]
    evil = repository.copy()
    for role in TOP:
        evil.delegate_top(role, thief)
    evil.rotate_root()
    evil.publish("targets")
    client.server.serve(evil)
    for _ in range(2):
        refused(client, "2.root.json: only 0 of the 1 signatures that it needs are good")


# --- delegations --------------------------------------------------------------------------------------------------


def delegating(*edges, **files):
    """edges: (parent, child, patterns dict, terminating); files: role -> paths that it knows."""
    repository = Repository()
    roles = []
    for parent, child, patterns, terminating in edges:
        repository.delegate(parent, child, terminating=terminating, **patterns)
        roles.append(child)
    for role, paths in files.items():
        for path in paths:
            repository.add(role, path, f"{role}:{path}".encode())
    repository.publish(*dict.fromkeys(reversed(roles)), "targets")
    return repository


def asked_roles(server):
    return [name.split(".", 1)[1] for name in server.metadata_asked()[2:] if "snapshot" not in name and name.split(".", 1)[1] != "targets"]


ALL = {"paths": ["*"]}


def test_delegations_are_searched_in_order_and_depth_first(start, server):
    repository = delegating(("targets", "a", ALL, False), ("targets", "b", ALL, False), ("a", "c", ALL, False), ("a", "d", ALL, False), ("c", "e", ALL, False), b=["file"])
    client = start(repository)
    server.asked.clear()
    assert client.download("file") == 0, client.said
    assert asked_roles(server) == ["a", "c", "e", "d", "b"]
    assert client.downloaded() == [b"b:file"]


@pytest.mark.parametrize("known", ("b", "d"))
def test_a_terminating_delegation_ends_the_search_at_every_level(start, server, known):
    repository = delegating(("targets", "a", ALL, False), ("targets", "b", ALL, False), ("a", "c", ALL, True), ("a", "d", ALL, False), ("c", "e", ALL, False), **{known: ["file"]})
    client = start(repository)
    server.asked.clear()
    refused_after(client, "file: the repository has no such target")
    assert asked_roles(server) == ["a", "c", "e"]


def refused_after(client, text, path="file"):
    assert client.download(path) == 1
    assert text in client.said
    assert client.downloaded() == []


def test_a_terminating_delegation_that_does_not_match_ends_nothing(start):
    client = start(delegating(("targets", "a", {"paths": ["other"]}, True), ("targets", "b", ALL, False), b=["file"]))
    assert client.download("file") == 0, client.said


def test_cycles_end(start, server):
    repository = delegating(("targets", "a", ALL, False), ("a", "b", ALL, False), ("b", "a", ALL, False), ("b", "b", ALL, False), ("b", "c", ALL, False))
    client = start(repository)
    server.asked.clear()
    refused_after(client, "no such target")
    assert asked_roles(server) == ["a", "b", "c"]


@pytest.mark.parametrize("n, found", ((32, True), (33, False)))
def test_no_more_than_32_delegated_roles_are_searched(start, n, found):
    repository = delegating(*[("targets", f"r{i}", ALL, False) for i in range(n)], **{f"r{n - 1}": ["file"]})
    client = start(repository)
    if found:
        assert client.download("file") == 0, client.said
    else:
        refused_after(client, "file: more than 32 delegated roles speak for it")


def test_ten_thousand_delegations_that_do_not_match_cost_nothing(start):
    repository = Repository()
    key = Key()
    repository.delegate("targets", "last", [key], paths=["file"])
    one = repository.signed["targets"]["delegations"]["roles"][0]
    repository.signed["targets"]["delegations"]["roles"] = [dict(one, name=f"r{i}", paths=[f"dir{i}/*"]) for i in range(10000)] + [one]
    repository.add("last", "file", b"x")
    repository.publish("last", "targets")
    client = start(repository)
    begun = time.monotonic()
    assert client.download("file") == 0, client.said
    assert time.monotonic() - begun < 10


PATTERNS = (
    ("*", "a", True), ("*", "a/b", False), ("*", ".a", True), ("a/*", "a/b", True), ("a/*", "a/b/c", False), ("a/*", "b/a", False), ("*/b", "a/b", True),
    ("?", "a", True), ("?", "\u00e4", True), ("?", "ab", False), ("a?c/x*z", "abc/xyz", True), ("a?c/x*z", "abc/xz", True), ("A", "a", False), ("[a]", "a", False), ("[a]", "[a]", True),
    ("**", "a/b", False), ("a*b*c", "a1b2b3c", True), ("a*b*c", "a1b2b3", False), ("", "a", False), ("*" * 60 + "x", "a" * 200, False), ("foo-*.tgz", "foo-1.0.tgz", True),
    ("foo-*.tgz", "foo-1.0/x.tgz", False),
)  # fmt: skip


@pytest.mark.parametrize("pattern, path, matches", PATTERNS)
def test_patterns_stay_within_a_part(start, pattern, path, matches):
    client = start(delegating(("targets", "a", {"paths": ["none", pattern]}, False), a=[path]))
    assert client.download(path) == (0 if matches else 1), client.said


@pytest.mark.parametrize("length", (0, 1, 2, 8, 64))
def test_hash_prefixes_choose_the_bin(start, server, length):
    digest = hashlib.sha256(b"some/file").hexdigest()
    other = ("0" if digest[0] != "0" else "1") + digest[1:]
    repository = delegating(("targets", "wrong", {"path_hash_prefixes": [other, other[:2], digest.upper() + "0"]}, False), ("targets", "bin", {"path_hash_prefixes": [digest[:length]]}, False), bin=["some/file"])
    client = start(repository)
    server.asked.clear()
    assert client.download("some/file") == 0, client.said
    assert asked_roles(server) == ["bin"]


@pytest.mark.parametrize("bits", (1, 3, 4, 8, 14, 16, 32))
def test_succinct_delegations_choose_the_bin(start, server, bits):
    repository, key = Repository(), Key()
    digest = int(hashlib.sha256(b"file").hexdigest()[:8], 16) >> (32 - bits)
    name = f"bin-{digest:0{len(f'{2**bits - 1:x}')}x}"
    repository.delegate("targets", name, [key], paths=["*"])
    repository.signed["targets"]["delegations"] = {"keys": {key.id: key.object}, "succinct_roles": {"keyids": [key.id], "threshold": 1, "bit_length": bits, "name_prefix": "bin"}}
    repository.add(name, "file", b"x")
    repository.publish(name, "targets")
    client = start(repository)
    server.asked.clear()
    assert client.download("file") == 0, client.said
    assert asked_roles(server) == [name]


@pytest.mark.parametrize("role", ("?", "#", "/a", "../a", "a/../../b", "..", ".", "%2e%2e", "a b", "\u00e4", "1.root", "root ", "Root", "con:", "-x", "a" * 200))
def test_odd_names_of_roles_are_quoted(start, server, role):
    client = start(delegating(("targets", role, ALL, False)))
    server.asked.clear()
    before = sorted(path.name for path in client.metadata.parent.iterdir())
    assert client.download("file") == 1
    if role in (".", ".."):
        assert f"{role}: no name for a role" in client.said
        return
    assert "no such target" in client.said
    assert server.asked[-1] == f"metadata/1.{quote(role)}.json"
    assert client.roles() == sorted([*TOP, role])
    assert sorted(path.name for path in client.metadata.parent.iterdir()) == before


@pytest.mark.parametrize("role, text", (("root", "as a role of the top level"), ("timestamp", "as a role of the top level"), ("", "an empty name"), ("a\nb", "a control character"), ("a\x7f", "a control character")))
def test_names_that_no_role_may_have(start, role, text):
    repository = Repository()
    client = start(repository)
    repository.signed["targets"]["delegations"] = {"keys": {}, "roles": [{"name": role, "keyids": [], "threshold": 1, "terminating": False, "paths": ["*"]}]}
    repository.publish("targets")
    assert client.refresh() == 1
    assert text in client.said


def test_a_delegated_role_that_no_snapshot_lists_is_not_asked_for(start, server):
    repository = delegating(("targets", "a", ALL, False), a=["file"])
    repository.delegate("targets", "b", paths=["*"])
    repository.signed["targets"]["delegations"]["roles"].reverse()
    repository.publish("targets")
    client = start(repository)
    server.asked.clear()
    refused_after(client, "snapshot.json: does not list b.json")
    assert asked_roles(server) == []


DELEGATED_BAD = [bend for bend in BAD if bend not in (borrowed_keyid, other_roles_key, other_type)]


@pytest.mark.parametrize("bend", DELEGATED_BAD, ids=lambda bend: bend.__name__)
def test_a_delegated_role_is_checked_like_targets(start, server, bend):
    """And its failure ends the search: the next role is trusted less (CVE-2026-6967, CVE-2026-6966)."""
    repository = delegating(("targets", "a", ALL, False), ("targets", "b", ALL, False), a=["file"], b=["file"])
    client = start(repository)
    repository.publish("a", "targets")
    bend(repository, "a")
    assert client.refresh() == 0, client.said
    server.asked.clear()
    refused_after(client, BAD[bend])
    assert asked_roles(server) == ["a"]
    assert client.version("a") is None


def test_a_delegated_role_is_the_file_that_the_snapshot_names(start, server):
    repository = Repository(hashed=True)
    repository.delegate("targets", "a", paths=["*"])
    repository.add("a", "file", b"x")
    repository.publish("a", "targets")
    client = start(repository)
    good = repository.files["metadata/1.a.json"]
    for data, text in ((good + b" ", "more than"), (good[:-1], "bytes, should have"), (good[:-1] + b"\n", "a.json: is not the file that its hash names")):
        repository.files["metadata/1.a.json"] = data
        refused_after(client, text)
    resealed = repository.seal(dict(repository.signed["a"], x=0), repository.signers["a"])
    repository.files["metadata/1.a.json"] = resealed[: len(good)].ljust(len(good))
    refused_after(client, "a.json: ")
    repository.files["metadata/1.a.json"] = good
    assert client.download("file") == 0, client.said


def test_who_delegates_decides_whose_signature_counts(start, server):
    """One role, two delegators with different keys: a file that one of them vouches for is nothing to the other, not
    even after it was cached (TOB-SIGSTORE-14)."""
    repository = Repository()
    good, thief = Key(), Key()
    repository.delegate("targets", "left", paths=["left/*"])
    repository.delegate("targets", "right", paths=["right/*"])
    repository.delegate("left", "shared", [good], paths=["*/*"])
    repository.delegate("right", "shared", [thief], paths=["*/*"])
    repository.signers["shared"] = [thief]
    repository.add("shared", "left/file", b"l")
    repository.add("shared", "right/file", b"r")
    repository.publish("shared", "left", "right", "targets")
    client = start(repository)
    assert client.download("right/file") == 0, client.said
    assert client.download("left/file") == 1
    assert "shared.json: only 0 of the 1 signatures that it needs are good" in client.said
    assert client.download("right/file", "left/file") == 1
    assert client.downloaded() == [b"r"]
    repository.signers["shared"] = [thief, good]
    repository.publish("shared", "targets")
    assert client.download("right/file", "left/file") == 0, client.said


def test_one_key_meets_no_delegated_threshold_of_two(start):
    repository = Repository()
    keys = [Key(), Key()]
    repository.delegate("targets", "a", keys, threshold=2, paths=["*"])
    repository.add("a", "file", b"x")
    repository.signers["a"] = [keys[0]]
    repository.publish("a", "targets")
    client = start(repository)
    refused_after(client, "a.json: only 1 of the 2 signatures that it needs are good")


# --- targets ------------------------------------------------------------------------------------------------------


def test_a_target_is_exactly_what_was_signed(start, server):
    repository = Repository()
    repository.add("targets", "file", b"0123456789")
    repository.publish("targets")
    client = start(repository)
    (name,) = [name for name in repository.files if name.startswith("targets/")]
    for data in (b"", b"012345678", b"01234567890", b"012345678x", b"x" * 10_000_000):
        repository.files[name] = data
        refused_after(client, "file")
    del repository.files[name]
    refused_after(client, "HTTP 404")
    repository.files[name] = b"0123456789"
    assert client.download("file") == 0, client.said
    assert client.downloaded() == [b"0123456789"]


def test_a_good_file_stays_when_its_successor_is_bad(start):
    repository = Repository()
    repository.add("targets", "file", b"one")
    repository.publish("targets")
    client = start(repository)
    assert client.download("file") == 0
    repository.add("targets", "file", b"two")
    repository.publish("targets")
    (name,) = [name for name, data in repository.files.items() if data == b"two"]
    repository.files[name] = b"2wo"
    assert client.download("file") == 1
    assert client.downloaded() == [b"one"]
    repository.files[name] = b"two"
    assert client.download("file") == 0
    assert client.downloaded() == [b"two"]
    (kept,) = client.artifacts.iterdir()
    kept.write_bytes(b"owt")  # a cached file is hashed again
    assert client.download("file") == 0
    assert client.downloaded() == [b"two"]


@pytest.mark.parametrize("hashes, good", (("sha256", True), ("sha512", True), ("sha256 sha512", True), ("sha256 bad512", False), ("bad256 sha512", False), ("md5", False), ("sha256 md5", True), ("blake2b-256", False)))
def test_every_hash_that_we_know_must_fit(start, hashes, good):
    repository = Repository()
    data = b"content"
    repository.add("targets", "file", data)
    values = {"sha256": hashlib.sha256(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest(), "bad256": "0" * 64, "bad512": "0" * 128, "md5": "0" * 32, "blake2b-256": "0" * 64}
    target = repository.signed["targets"]["targets"]["file"]
    target["hashes"] = {name.replace("bad", "sha"): values[name] for name in hashes.split()}
    for value in values.values():
        repository.files[f"targets/{value}.file"] = data
    repository.publish("targets")
    client = start(repository)
    assert client.download("file") == (0 if good else 1), client.said
    assert client.downloaded() == ([data] if good else [])


@pytest.mark.parametrize("path", ("../file", "/etc/passwd", "", "a/../b", "a//b", "./a", "a/", "a\nb", "a\\b", "..", "a/..", "x" * 1025, "a\x1bb"))
def test_paths_that_no_target_may_have(start, server, path):
    repository = Repository()
    repository.add("targets", path, b"x")
    repository.publish("targets")
    client = start(repository)
    server.asked.clear()
    assert client.download(path) == 1
    assert client.said.startswith("the target '")
    assert not any(name.startswith("targets/") for name in server.asked)
    assert client.downloaded() == []


@pytest.mark.parametrize("path", ("a b", "a%2Fb", "?x=1", "#a", "\u00e4/\u00f6", ".hidden", "-rf", "a:b", "$(id)", "%s", "a" * 250, "..a/b.."))
@pytest.mark.parametrize("consistent", (True, False))
def test_odd_paths_arrive_as_they_are(start, path, consistent):
    repository = Repository(consistent)
    repository.add("targets", path, b"x")
    repository.publish("targets")
    client = start(repository)
    assert client.download(path) == 0, client.said
    assert client.downloaded() == [b"x"]


# --- servers ------------------------------------------------------------------------------------------------------

LIMITS = {"root": 512000, "timestamp": 16384, "snapshot": 2000000, "targets": 5000000}


@pytest.mark.parametrize("role", TOP)
@pytest.mark.parametrize("over", (0, 1))
def test_metadata_of_the_largest_size_and_one_byte_more(start, role, over):
    repository = Repository()
    client = start(repository)
    next_version(repository, role)
    if role == "targets":
        next_version(repository, "targets")
    data = repository.files[repository.name_of(role)]
    repository.put(role, data.ljust(LIMITS[role] + over))
    assert client.refresh() == over, client.said
    if over:
        assert f"more than {LIMITS[role]} bytes" in client.said


@pytest.mark.parametrize("role", TOP)
def test_a_body_without_end_is_cut_off(start, server, role):
    repository = Repository()
    client = start(repository)
    next_version(repository, role)

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)

    server.odd[repository.name_of(role)] = endless
    begun = time.monotonic()
    assert client.refresh() == 1
    assert f"more than {LIMITS[role]} bytes" in client.said
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("how", ("silent", "slow", "half"))
def test_slow_retrieval_ends(start, server, how):
    repository = Repository()
    client = start(repository)
    data = repository.files["metadata/timestamp.json"]
    done = threading.Event()

    def slow(handler):
        if how == "silent":
            done.wait(20)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for at in range(len(data)):
            if how == "half" and at == len(data) // 2:
                return
            handler.wfile.write(data[at : at + 1])
            if how == "slow" and done.wait(0.1):
                return

    server.odd["metadata/timestamp.json"] = slow
    client.options = ["--total-ms", "1500", "--stall-ms", "700"]
    begun = time.monotonic()
    refused(client, "timestamp.json")
    assert time.monotonic() - begun < 8
    done.set()


def test_nothing_is_uncompressed_on_the_way(start, server):
    repository = Repository()
    client = start(repository)

    def gzipped(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(repository.files["metadata/timestamp.json"])

    server.odd["metadata/timestamp.json"] = gzipped
    refused(client, "timestamp.json")


def test_all_metadata_come_over_one_connection(program, tmp_path):
    server, repository = Server(keep=True), Repository()
    client = Client(program, server.serve(repository), tmp_path, repository)
    assert client.refresh() == 0, client.said
    assert (len(server.asked), server.connections) == (4, 1)
    assert client.refresh() == 0
    assert (len(server.asked), server.connections) == (6, 2)
    server.close()


@pytest.mark.parametrize("role", ("timestamp", "snapshot", "targets"))
def test_a_file_that_is_not_there(start, role):
    repository = Repository()
    client = start(repository)
    repository.publish("targets")
    del repository.files[repository.name_of(role)]
    assert client.refresh() == 1
    assert client.said == f"{repository.name_of(role).removeprefix('metadata/')}: the repository has no such file"
    assert client.versions() == (1, *(2 if TOP.index(above) < TOP.index(role) else 1 for above in TOP[1:]))


def test_a_server_that_changes_files_in_the_middle(start, server):
    """A publisher uploads while we read: the next try works."""
    repository = Repository(consistent=False, hashed=True)
    client = start(repository)
    repository.publish("targets")
    newer = repository.copy()
    newer.publish("targets")

    def swap(handler):
        data = repository.files["metadata/timestamp.json"]
        server.serve(newer)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)

    server.odd["metadata/timestamp.json"] = swap
    assert client.refresh() == 1
    assert client.refresh() == 0, client.said
    assert client.versions() == repository_versions(newer)


# --- the directory ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ("timestamp.json", "snapshot.json", "targets.json"))
@pytest.mark.parametrize("damage", (b"", b"{", b"\0" * 100, b"x" * 6_000_000, "directory"), ids=("empty", "half", "zeros", "large", "directory"))
def test_damaged_local_files_are_replaced(start, name, damage):
    repository = Repository(hashed=True)
    client = start(repository)
    path = client.metadata / name
    good = path.read_bytes()
    path.unlink()
    if damage == "directory":
        path.mkdir()
        assert client.refresh() == 1
        path.rmdir()
    else:
        path.write_bytes(damage)
    assert client.refresh() == 0, client.said
    assert path.read_bytes() == good


def test_a_damaged_root_is_never_replaced_by_what_a_server_says(start, server):
    repository = Repository()
    client = start(repository)
    (client.metadata / "root.trusted").write_bytes(b"{}")
    server.asked.clear()
    refused(client, "the trusted root cannot be used: root.trusted: 'signed' is not a map")
    assert server.asked == []


def test_the_anchor_is_not_what_others_wrote(start, server):
    """Whatever root.json says after it was fetched, the next run begins with what was verified."""
    repository = Repository()
    client = start(repository)
    repository.rotate_root()
    assert client.refresh() == 0
    evil = Repository()
    (client.metadata / "root.json").write_bytes(evil.files["metadata/1.root.json"])
    server.asked.clear()
    assert client.refresh() == 0, client.said
    assert server.metadata_asked() == ["3.root", "timestamp"]


def test_two_processes_take_turns(start, server):
    repository = Repository()
    client = start(repository)
    repository.publish("targets")
    running, most = [0], [0]
    lock = threading.Lock()

    def watched(handler):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.2)
        with lock:
            running[0] -= 1
        data = repository.files["metadata/timestamp.json"]
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)

    server.odd["metadata/timestamp.json"] = watched
    command = client.program.command("--metadata-dir", str(client.metadata), "--metadata-url", server.url + "metadata/", "refresh")
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    for process in processes:
        process.stderr.close()
    assert most[0] == 1
    assert client.versions() == repository_versions(repository)


def test_what_a_crash_left_is_swept_away(start):
    repository = Repository()
    client = start(repository)
    old = client.metadata / f".liftlock-{2**22 + 5}-{'0' * 16}.tmp"
    young = client.metadata / f".liftlock-{2**22 + 5}-{'1' * 16}.tmp"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert client.refresh() == 0
    assert not old.exists() and young.exists()
