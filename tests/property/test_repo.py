# SPDX-License-Identifier: Apache-2.0
"""`repo`: whatever a publisher does in whatever order, each repository is held against the specification by code that is no
part of liftlock (canonical JSON by securesystemslib, signatures and ciphers by cryptography)."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote_tools import BUILD
from tuf_tools import canonical, time_of

VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bin")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    for name in ["liftlock", "liftlock-fetch", "liftlock-unpack", "liftlock-parse", "liftlock-assemble", "liftlock-delta"]:
        shutil.copy(BUILD / "src" / name, folder)
    return folder / "liftlock"


class Publisher:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        folder.chmod(0o755)
        self.repo, self.keys = folder / "repo", folder / "keys"
        self.frozen = {}  # files that must never change again

    def act(self, *words, status=0, before=(), env=None):
        done = subprocess.run(
            [*before, self.program, "repo", *map(str, words)], cwd=self.folder, text=True, capture_output=True, timeout=60,
            stdin=subprocess.DEVNULL, start_new_session=True, env={**os.environ, **(env or {})},
        )
        assert done.returncode == status, done
        return done

    def change(self, act, *words, **options):
        return self.act(act, self.repo, *words, "--keys", self.keys, *(["--no-passphrase"] if act in ("init", "add", "rotate") else []), **options)

    def tree(self, version):
        tree = self.folder / f"tree-{version}"
        tree.mkdir(exist_ok=True)
        (tree / "liftlock.yaml").write_text(f'app: books\nversion: {version}\nreleased: "2026-11-20"\n')
        (tree / "books").write_text(f"books {version}\n")
        (tree / "shelf").write_bytes(random.Random(1).randbytes(2000))
        return tree


# --- the specification, once more ------------------------------------------------------------------------------------------


def key_id(key):
    return hashlib.sha256(canonical(key)).hexdigest()


def verify(document, keys, role):
    """As many different keys of the role as its threshold asks for."""
    good = set()
    ids = [signature["keyid"] for signature in document["signatures"]]
    assert len(ids) == len(set(ids))
    for signature in document["signatures"]:
        if signature["keyid"] not in role["keyids"]:
            continue
        key = keys[signature["keyid"]]
        assert key_id(key) == signature["keyid"]
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key["keyval"]["public"])).verify(bytes.fromhex(signature["sig"]), canonical(document["signed"]))
            good.add(signature["keyid"])
        except InvalidSignature:
            pass
    assert len(good) >= role["threshold"] >= 1, "not enough signatures"
    assert document["signed"]["spec_version"] == "1.0.34"
    assert document["signed"]["expires"] > time_of()
    return document["signed"]


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def roots(repo):
    chain = []
    while (repo / f"metadata/{len(chain) + 1}.root.json").exists():
        document = load(repo / f"metadata/{len(chain) + 1}.root.json")
        signed = document["signed"]
        assert (signed["_type"], signed["version"], signed["consistent_snapshot"]) == ("root", len(chain) + 1, True)
        for judge in [*chain[-1:], signed]:
            verify(document, judge["keys"], judge["roles"]["root"])
        used = {keyid for role in signed["roles"].values() for keyid in role["keyids"]}
        assert used == set(signed["keys"]), "a root keeps the keys of its roles and no others"
        chain.append(signed)
    return chain


def listed(repo, listing, name, kind, keys, role):
    meta = listing["meta"][f"{name}.json"]
    data = (repo / f"metadata/{meta['version']}.{name}.json").read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (meta["length"], meta["hashes"]["sha256"])
    signed = verify(json.loads(data), keys, role)
    assert (signed["_type"], signed["version"]) == (kind, meta["version"])
    return signed


def read(repo, root):
    """All of a repository, as somebody reads it who trusts this root."""
    top = lambda name: (root["keys"], root["roles"][name])
    timestamp = verify(load(repo / "metadata/timestamp.json"), *top("timestamp"))
    assert timestamp["_type"] == "timestamp" and set(timestamp["meta"]) == {"snapshot.json"}
    snapshot = listed(repo, timestamp, "snapshot", "snapshot", *top("snapshot"))
    targets = listed(repo, snapshot, "targets", "targets", *top("targets"))
    assert targets["targets"] == {}
    delegations = targets.get("delegations", {"keys": {}, "roles": []})
    assert set(snapshot["meta"]) == {"targets.json"} | {f"{role['name']}.json" for role in delegations["roles"]}
    apps = {}
    for role in delegations["roles"]:
        app = role["name"].removeprefix("app-")
        assert role["paths"] == [f"{app}/*"] and role["terminating"] is True
        apps[app] = listed(repo, snapshot, role["name"], "targets", delegations["keys"], role)["targets"]
        for path, target in apps[app].items():
            folder, name = path.split("/")
            data = (repo / "targets" / folder / f"{target['hashes']['sha256']}.{name}").read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (target["length"], target["hashes"]["sha256"])
    versions = {"timestamp": timestamp["version"], "snapshot": snapshot["version"], **{name: entry["version"] for name, entry in snapshot["meta"].items()}}
    return apps, versions


def blocks(apps):
    return {target["custom"]["version"]: target["custom"] for target in apps.get("books", {}).values() if target["custom"]["kind"] == "release"}


def check_frozen(publisher):
    """What has a number or a digest in its name is what it was."""
    for path in publisher.repo.rglob("*"):
        if path.is_file() and path.name != "timestamp.json" and path.parent.name != "pending":
            data = path.read_bytes()
            assert publisher.frozen.setdefault(path, data) == data, path
    for path in publisher.frozen:
        assert path.exists() or path.suffix == ".delta", path


# --- any order of things ---------------------------------------------------------------------------------------------------

versions = st.sampled_from(VERSIONS)
acts = st.one_of(
    st.tuples(st.just("add"), versions),
    st.tuples(st.just("promote"), versions, st.sampled_from(["stable", "beta"])),
    st.tuples(st.just("withdraw"), versions),
    st.tuples(st.just("rollout"), versions, st.integers(0, 100)),
    st.tuples(st.just("refresh")),
    st.tuples(st.just("rotate"), st.sampled_from(["root", "targets", "snapshot", "timestamp", "books"])),
)


class Model:
    """What a publisher expects."""

    def __init__(self):
        self.releases, self.withdrawn, self.channels, self.rollouts = set(), set(), {}, {}

    def status(self, act, words):
        version = words[0] if words else None
        if act == "add":
            return 3 if version in self.withdrawn else 0
        if act == "rotate":
            return 2 if version == "books" and not self.releases else 0
        if act in ("promote", "withdraw", "rollout") and version not in self.releases:
            return 2
        if act in ("promote", "rollout") and version in self.withdrawn:
            return 3
        if act == "promote":
            now = self.channels.get(words[1])
            if words[1] == "stable" and "-" in version:
                return 2
            return 3 if now and now not in self.withdrawn and VERSIONS.index(now) > VERSIONS.index(version) else 0
        return 0

    def follow(self, act, words):
        version = words[0] if words else None
        if act == "add":
            self.releases.add(version)
        elif act == "promote":
            self.channels[words[1]] = version
        elif act == "withdraw":
            self.withdrawn.add(version)
        elif act == "rollout":
            self.rollouts[version] = words[1]

    def check_ways(self, targets, found, added):
        """A release has a tree, a table and a pack; deltas start from lower versions that a channel names or named."""
        for version, block in found.items():
            *deltas, table, pack, archive = block["files"]
            kinds = [targets[path]["custom"]["kind"] for path in block["files"]]
            assert kinds == ["delta"] * len(deltas) + ["table", "pack", "archive"] and len(deltas) <= 3
            assert (table, pack, archive) == tuple(f"books/books-{version}.{end}" for end in ("table", "pack", "tar.zst"))
            assert all(targets[path]["custom"]["version"] == version for path in block["files"])
            for path in deltas:
                custom = targets[path]["custom"]
                base = found[custom["from"]]
                assert path == f"books/books-{version}-from-{custom['from']}.delta" and custom["from_tree"] == base["tree"]
                assert VERSIONS.index(custom["from"]) < VERSIONS.index(version) and base["channels"] + base.get("former", [])
            assert not set(block["channels"]) & set(block.get("former", []))
            assert not (added and deltas and not block["channels"] and block.get("former")), "deltas to what no channel names any more"

    def check(self, found):
        assert set(found) == self.releases
        assert {version for version, block in found.items() if "withdrawn" in block} == self.withdrawn
        assert {channel: version for version, block in found.items() for channel in block["channels"]} == self.channels
        for version, share in self.rollouts.items():
            assert [stage["percentage"] for stage in found[version]["rollout"]["stages"]] == [share]
        for version, block in found.items():
            assert (block["app"], block["released"]) == ("books", "2026-11-20")


def do(publisher, model, act, words):
    status = model.status(act, words)
    given = {"add": ["books", words[0], publisher.tree(words[0])] if act == "add" else [], "rotate": words, "refresh": ["--force"]}
    publisher.change(act, *given.get(act, ["books", *words]), status=status)
    if status == 0:
        model.follow(act, words)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(acts, min_size=1, max_size=10))
def test_any_order(program, tmp_path_factory, steps):
    publisher, model = Publisher(program, tmp_path_factory.mktemp("publisher")), Model()
    publisher.change("init")
    chain = roots(publisher.repo)
    _, before = read(publisher.repo, chain[-1])
    for act, *words in steps:
        added = act == "add" and words[0] not in model.releases
        do(publisher, model, act, words)
        newer = roots(publisher.repo)
        assert newer[: len(chain)] == chain, "a root was rewritten"
        apps, now = read(publisher.repo, newer[-1])
        if act == "rotate" and words[0] != "books":  # whoever has not asked for the new root yet can go on
            read(publisher.repo, chain[-1])
        assert all(now[name] >= version for name, version in before.items()), "a version went down"
        model.check(blocks(apps))
        model.check_ways(apps.get("books", {}), blocks(apps), added)
        check_frozen(publisher)
        chain, before = newer, now
    assert publisher.act("verify", publisher.repo).stdout.endswith("0 wrong\n")
    shutil.rmtree(publisher.folder)


# --- keys ------------------------------------------------------------------------------------------------------------------


def test_key_file(program, tmp_path):
    """An encrypted key is what its description says; what another program writes by the description is taken."""
    publisher = Publisher(program, tmp_path)
    (tmp_path / "pass").write_text("open sesame\n")
    (tmp_path / "pass").chmod(0o600)
    publisher.act("key", "k", "--passphrase-file", "pass")
    key = load(tmp_path / "k.key")
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    secret = bytes.fromhex(key.pop("secret"))
    kdf, nonce = key["kdf"], bytes.fromhex(key["cipher"]["nonce"])
    assert (kdf["n"], kdf["r"], kdf["p"]) == (131072, 8, 1)
    cipher = ChaCha20Poly1305(Scrypt(bytes.fromhex(kdf["salt"]), 32, kdf["n"], kdf["r"], kdf["p"]).derive(b"open sesame"))
    seed = cipher.decrypt(nonce, secret, canonical(key))
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert key["keyval"]["public"] == public.hex()
    assert load(tmp_path / "k.pub") == {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public.hex()}}
    kdf["n"], kdf["salt"] = 2048, bytes(32).hex()
    weak = ChaCha20Poly1305(Scrypt(bytes(32), 32, 2048, 8, 1).derive(b"other"))
    key["secret"] = weak.encrypt(nonce, seed, canonical(key)).hex()
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "root.key").write_text(json.dumps(key))
    (tmp_path / "others" / "root.key").chmod(0o600)
    (tmp_path / "pass").write_text("other\n")
    publisher.act("init", "repo", "--keys", "others", "--passphrase-file", "pass")
    assert roots(publisher.repo)[0]["roles"]["root"]["keyids"] == [key_id(load(tmp_path / "k.pub"))]


# --- the same again --------------------------------------------------------------------------------------------------------


def test_reproducible(program, tmp_path):
    """Same keys, same input, same time: the same bytes, signatures included."""
    publisher = Publisher(program, tmp_path)
    publisher.change("init", before=["faketime", "-f", "2026-11-21 12:00:00"])
    answers = []
    for i in range(2):
        shutil.rmtree(publisher.repo)
        (publisher.keys / "root.json").unlink()
        publisher.change("init", before=["faketime", "-f", "2026-11-21 12:00:00"])
        for version in ("1.0.0", "1.1.0"):
            tree = publisher.tree(version)
            (tree / "liftlock.yaml").write_text(f"app: books\nversion: {version}\n")
            os.utime(tree / "books", (i, i))
            at = {"before": ["faketime", "-f", "2026-11-21 13:00:00"], "env": {"SOURCE_DATE_EPOCH": "1700000000"}}
            publisher.change("add", "books", version, tree, "--channel", "stable", **at)
        answers.append({path.relative_to(publisher.repo): path.read_bytes() for path in publisher.repo.rglob("*") if path.is_file()})
    assert answers[0] == answers[1]
    assert [path.name.split(".", 1)[1] for path in answers[0] if path.suffix == ".delta"] == ["books-1.1.0-from-1.0.0.delta"]
    block = json.loads(answers[0][pathlib.Path("metadata/1.app-books.json")])["signed"]["targets"]["books/books-1.0.0.yaml"]["custom"]
    assert block["released"] == "2023-11-14T22:13:20Z"
