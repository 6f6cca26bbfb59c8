# SPDX-License-Identifier: Apache-2.0
"""`release http`: what a publisher's directory holds after each run, and after runs that were cut short."""

import fcntl
import hashlib
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tarfile
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publish_tools import Refused, call, install


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bin")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    return install(folder)


class Publisher:
    def __init__(self, shim, folder):
        self.shim, self.folder = shim, folder
        folder.chmod(0o755)
        self.tree, self.out, self.key = folder / "tree", folder / "out", folder / "secret" / "k.key"
        self.key.parent.mkdir()
        self.public = call(shim, "generate", self.key)["public_key"]
        self.write_tree("1.0.0")

    def write_tree(self, version, **more):
        shutil.rmtree(self.tree, ignore_errors=True)
        (self.tree / "bin").mkdir(parents=True)
        lines = {"app": "bookshelf", "version": version, "released": '"2026-11-20"', **more}
        (self.tree / "liftlock.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value))
        (self.tree / "bin/bookshelf").write_text(f"#!/bin/sh\necho {version}\n")
        (self.tree / "bin/bookshelf").chmod(0o755)

    def release(self, version=None, env=None, **options):
        if version:
            self.write_tree(version)
        options = {"tree": self.tree, "key": self.key, **options}
        return call(self.shim, "release", self.out, *[f"{k}={v}" for k, v in options.items() if v], env=env)

    def withdraw(self, version, **options):
        options = {"key": self.key, **options}
        return call(self.shim, "withdraw", self.out, version, *[f"{k}={v}" for k, v in options.items() if v])

    def refused(self, function, *args, **options):
        before = self.snapshot()
        with pytest.raises(Refused) as refused:
            function(*args, **options)
        assert self.snapshot() == before, "a refusal must change nothing"
        return refused.value.code, refused.value.text

    def snapshot(self):
        return {path.name: path.read_bytes() for path in self.out.iterdir()} if self.out.exists() else {}

    def index(self):
        return json.loads((self.out / "releases.json").read_text())

    def entry(self, version):
        return next(release for release in self.index()["releases"] if release["version"] == version)

    def comment(self, name):
        done = subprocess.run(["minisign", "-H", "-QVm", self.out / name, "-P", self.public], text=True, capture_output=True)
        assert done.returncode == 0, done
        return done.stdout.rstrip("\n")

    def assert_consistent(self):
        """What any client may rely on at any moment: the index is signed, and all that it names is there and true."""
        index = self.index()
        assert self.comment("releases.json") == f"app=bookshelf index={index['index']}"
        for release in index["releases"]:
            archive = (self.out / release["url"]).read_bytes()
            assert (hashlib.sha256(archive).hexdigest(), len(archive)) == (release["sha256"], release["size"])
            manifest = (self.out / release["manifest"]).read_bytes()
            assert hashlib.sha256(manifest).hexdigest() == release["manifest_sha256"]
            assert release["signature"] == release["url"] + ".minisig"
            assert self.comment(release["url"]) == f"app=bookshelf version={release['version']} file={release['url']}"
        return index


@pytest.fixture
def publisher(shim, tmp_path):
    return Publisher(shim, tmp_path)


def unpack(archive):
    plain = subprocess.run(["zstd", "-dcq", archive], capture_output=True, check=True).stdout
    return tarfile.open(fileobj=io.BytesIO(plain))


# --- what is published ---


def test_the_first_release(publisher):
    publisher.write_tree("1.0.0", description="Reading lists", changelog="https://example.org/1")
    report = publisher.release(severity="security")
    archive = publisher.out / "bookshelf-1.0.0.tar.zst"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert sorted(publisher.snapshot()) == [
        "bookshelf-1.0.0.tar.zst", "bookshelf-1.0.0.tar.zst.minisig", "bookshelf-1.0.0.tar.zst.sha256", "bookshelf-1.0.0.yaml",
        "releases.json", "releases.json.minisig",
    ]
    assert publisher.assert_consistent() == {
        "app": "bookshelf", "index": 1, "channels": {"stable": "1.0.0"},
        "releases": [{
            "version": "1.0.0", "released": "2026-11-20", "url": archive.name, "sha256": digest, "size": archive.stat().st_size,
            "signature": archive.name + ".minisig", "manifest": "bookshelf-1.0.0.yaml",
            "manifest_sha256": hashlib.sha256((publisher.tree / "liftlock.yaml").read_bytes()).hexdigest(),
            "unpacked_size": sum(path.stat().st_size for path in publisher.tree.rglob("*") if path.is_file()),
            "unpacked_entries": 3, "changelog": "https://example.org/1", "severity": "security", "description": "Reading lists",
        }],
    }  # fmt: skip
    assert report == {
        "app": "bookshelf", "version": "1.0.0", "archive": archive.name, "sha256": digest, "channel": "stable", "index": "1",
        "size": str(archive.stat().st_size), "nothing": "0", "public_key": publisher.public, "key_id": report["key_id"],
    }  # fmt: skip
    subprocess.run(["sha256sum", "-c", "--quiet", archive.name + ".sha256"], cwd=publisher.out, check=True)
    assert {path.stat().st_mode & 0o777 for path in publisher.out.iterdir()} == {0o644}


def test_the_archive_is_the_tree_without_its_surroundings(publisher):
    for name in [".git/config", "public/old.tar.zst", "publicity", "lib/.gitignore"]:
        (publisher.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (publisher.tree / name).write_text("x")
    publisher.out = publisher.tree / "public"
    publisher.release()
    with unpack(publisher.out / "bookshelf-1.0.0.tar.zst") as tar:
        members = {member.name: member for member in tar}
    assert sorted(members) == ["bin", "bin/bookshelf", "lib", "lib/.gitignore", "liftlock.yaml", "publicity"]
    assert publisher.entry("1.0.0")["unpacked_entries"] == len(members)
    assert publisher.entry("1.0.0")["unpacked_size"] == sum(member.size for member in members.values())


def test_a_folder_with_the_letters_of_a_glob(publisher):
    publisher.out = publisher.tree / "a[b]*"
    for name in ["ab", "abc", "a[b]c"]:
        (publisher.tree / name).write_text("x")
    publisher.release()
    with unpack(publisher.out / "bookshelf-1.0.0.tar.zst") as tar:
        assert sorted(tar.getnames()) == ["a[b]c", "ab", "abc", "bin", "bin/bookshelf", "liftlock.yaml"]


def test_the_same_tree_makes_the_same_bytes(publisher, tmp_path):
    def published(name, env=None):
        publisher.out = tmp_path / name
        publisher.release(env=env)
        return (publisher.out / "bookshelf-1.0.0.tar.zst").read_bytes()

    first = published("a")
    for path in publisher.tree.rglob("*"):
        os.utime(path, (1, 1))
    assert published("b") == first  # `released` gives the time
    publisher.write_tree("1.0.0", released=None)
    epoch = published("c", {"SOURCE_DATE_EPOCH": "1700000000"})
    os.utime(publisher.tree / "liftlock.yaml", (2_000_000, 2_000_000))
    assert published("d", {"SOURCE_DATE_EPOCH": "1700000000"}) == epoch
    for path in publisher.tree.rglob("*"):
        os.utime(path, (1_000_000, 1_000_000))
    os.utime(publisher.tree / "liftlock.yaml", (2_000_000, 2_000_000))
    published("e")
    with unpack(tmp_path / "e/bookshelf-1.0.0.tar.zst") as tar:
        assert {member.mtime for member in tar} == {2_000_000}


def test_a_json_manifest(publisher):
    (publisher.tree / "liftlock.yaml").unlink()
    (publisher.tree / "liftlock.json").write_text('{"app": "bookshelf", "version": "1.0.0"}')
    publisher.release()
    assert publisher.entry("1.0.0")["manifest"] == "bookshelf-1.0.0.json"
    publisher.assert_consistent()


# --- one after the other ---


def test_a_second_release_comes_first(publisher):
    publisher.release()
    publisher.release("2.0.0")
    index = publisher.assert_consistent()
    assert [release["version"] for release in index["releases"]] == ["2.0.0", "1.0.0"]
    assert (index["index"], index["channels"]) == (2, {"stable": "2.0.0"})


def test_the_same_again_is_nothing_to_do(publisher):
    first = publisher.release()
    before = publisher.snapshot()
    again = publisher.release()
    assert (first["nothing"], again["nothing"], again["index"]) == ("0", "1", "1")
    assert publisher.snapshot() == before


def test_other_bytes_under_the_same_version_are_refused(publisher):
    publisher.release()
    (publisher.tree / "bin/bookshelf").write_text("other")
    assert publisher.refused(publisher.release) == (
        "policy", "bookshelf 1.0.0 is already published with other content\nraise 'version' in liftlock.yaml",
    )  # fmt: skip
    for same in ["v1.0.0", "1.0", "1.0.0+build"]:
        publisher.write_tree(same)
        assert publisher.refused(publisher.release)[0] == "policy"


def test_a_fix_of_an_older_line_does_not_take_the_channel_back(publisher):
    publisher.release("2.0.0")
    report = publisher.release("1.0.1")
    assert "channel" not in report
    assert publisher.assert_consistent()["channels"] == {"stable": "2.0.0"}


def test_prereleases_need_a_channel(publisher):
    text = "bookshelf 2.0.0-rc.1 is a pre-release and cannot go to the channel 'stable'\nname a channel for it: --channel beta"
    assert publisher.refused(publisher.release, "2.0.0-rc.1") == ("usage", text)
    assert publisher.refused(publisher.release, "2.0.0-rc.1", channel="stable") == ("usage", text)
    publisher.release("2.0.0-rc.1", channel="beta")
    publisher.release("2.0.0")
    assert publisher.assert_consistent()["channels"] == {"beta": "2.0.0-rc.1", "stable": "2.0.0"}
    again = publisher.release("2.0.0", channel="beta")  # the same bytes to a further channel
    assert (again["nothing"], again["channel"]) == ("0", "beta")
    assert publisher.assert_consistent()["channels"] == {"beta": "2.0.0", "stable": "2.0.0"}
    assert publisher.refused(publisher.release, channel="Beta!") == (
        "usage", "a channel is at most 32 of a-z, 0-9, '_' and '-', not 'Beta!'",
    )  # fmt: skip


def test_withdrawing(publisher):
    publisher.release()
    publisher.release("2.0.0")
    report = publisher.withdraw("v2.0", reason="loses covers")
    assert (report["version"], report["index"], report["nothing"]) == ("2.0.0", "3", "0")
    assert publisher.assert_consistent()["index"] == 3
    assert (publisher.entry("2.0.0")["withdrawn"], publisher.entry("2.0.0")["withdrawn_reason"]) == (True, "loses covers")
    assert "withdrawn" not in publisher.entry("1.0.0")
    assert publisher.withdraw("2.0.0")["nothing"] == "1"
    assert publisher.index()["index"] == 3
    assert publisher.refused(publisher.withdraw, "3.0.0") == ("absent", "bookshelf 3.0.0 is not published here")
    assert publisher.refused(publisher.release, "2.0.0") == ("policy", "bookshelf 2.0.0 was withdrawn\nraise 'version' in liftlock.yaml")
    publisher.release("1.9.0")
    assert publisher.assert_consistent()["channels"] == {"stable": "1.9.0"}  # away from the withdrawn one


def test_unknown_keys_stay(publisher):
    publisher.release()
    index = publisher.index()
    index.update({"title": "Bücher \"& co\"", "numbers": [1, -2.50, 1e3, None, True, {}]})
    index["releases"][0]["mirrors"] = ["https://example.org/a", {"x": []}]
    sign_index(publisher, json.dumps(index))
    publisher.release("2.0.0")
    publisher.withdraw("2.0.0")
    after = publisher.assert_consistent()
    assert {key: after[key] for key in ["title", "numbers"]} == {key: index[key] for key in ["title", "numbers"]}
    assert after["releases"][1] == index["releases"][0]


def sign_index(publisher, text):
    (publisher.out / "releases.json").write_text(text)
    subprocess.run(
        ["minisign", "-SHs", publisher.key, "-m", publisher.out / "releases.json", "-t", f"app=bookshelf index={json.loads(text)['index']}"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_latest_stable_is_kept_up(publisher):
    publisher.release()
    index = publisher.index()
    del index["channels"]
    index["latest_stable"] = "1.0.0"
    sign_index(publisher, json.dumps(index))
    publisher.release("0.9.0")
    assert publisher.index()["latest_stable"] == "1.0.0"
    publisher.release("2.0.0")
    assert publisher.assert_consistent()["latest_stable"] == "2.0.0"


# --- what is refused ---


def test_wrong_trees(publisher):
    out = publisher.out
    manifest = publisher.tree / "liftlock.yaml"
    assert publisher.refused(publisher.release, tree=publisher.folder / "none") == (
        "usage", f"cannot open '{publisher.folder}/none': no such file or directory",
    )  # fmt: skip
    (publisher.tree / "update-manifest.yaml").write_text(manifest.read_text())
    assert publisher.refused(publisher.release) == (
        "manifest", f"{publisher.tree} holds both liftlock.yaml and update-manifest.yaml\nkeep one of them",
    )  # fmt: skip
    (publisher.tree / "update-manifest.yaml").unlink()
    publisher.out = publisher.tree
    with pytest.raises(Refused) as refused:
        publisher.release()
    assert refused.value.text == f"{publisher.tree} cannot be both what is published and where it is published"
    publisher.out = out
    publisher.write_tree("1.0.0", lay_out="releases")
    code, text = publisher.refused(publisher.release)
    assert code == "manifest" and text.startswith("liftlock.yaml:4:1: unknown key 'lay_out'")
    publisher.write_tree("1.0.0", app=None)
    assert publisher.refused(publisher.release) == ("manifest", "liftlock.yaml: a release that is published must name its 'app'\nsay --name NAME, or write it there: app: NAME")
    manifest.unlink()
    assert publisher.refused(publisher.release) == (
        "manifest",
        f"{publisher.tree} holds no manifest\nput a file liftlock.yaml into it that names at least 'app' and 'version'",
    )


def test_what_no_client_would_unpack_is_not_published(publisher):
    publisher.release()
    publisher.write_tree("2.0.0")
    (publisher.tree / "bin/outside").symlink_to("/etc/passwd")
    code, text = publisher.refused(publisher.release)
    assert code == "archive" and "bin/outside" in text
    (publisher.tree / "bin/outside").unlink()
    os.mkfifo(publisher.tree / "pipe")
    code, text = publisher.refused(publisher.release)
    assert code == "archive" and "pipe" in text


def test_keys_and_unsigned(publisher):
    assert publisher.refused(publisher.release, key=None) == (
        "usage",
        "no key to sign with\nname one with --key FILE ('liftlock keys generate' makes it), or ask for --unsigned",
    )
    assert publisher.refused(publisher.release, unsigned="yes") == ("usage", "a key was named, but also --unsigned")
    publisher.release(key=None, unsigned="yes")
    assert sorted(publisher.snapshot()) == [
        "bookshelf-1.0.0.tar.zst", "bookshelf-1.0.0.tar.zst.sha256", "bookshelf-1.0.0.yaml", "releases.json",
    ]  # fmt: skip
    assert "signature" not in publisher.entry("1.0.0")
    assert publisher.refused(publisher.release, "2.0.0") == (
        "verify",
        "releases.json is not signed: somebody may have changed it\nif it is yours, sign it once: "
        "minisign -SHm releases.json -t 'app=bookshelf index=N' with the number N that stands in it",
    )
    publisher.release("2.0.0", key=None, unsigned="yes")
    assert publisher.index()["index"] == 2


@pytest.mark.parametrize("place", ["tree", "out"])
def test_the_secret_key_is_not_published(publisher, place):
    publisher.out.mkdir()
    key = getattr(publisher, place) / "k.key"
    shutil.copy(publisher.key, key)
    assert publisher.refused(publisher.release, key=key) == (
        "usage",
        f"the secret key {key} lies in {publisher.folder / place} and would be published\nmove it to a place of its own",
    )


def test_an_index_that_we_have_not_signed_is_not_signed_on(publisher):
    """Who can write into the served directory could else have anything signed by waiting for the next release."""
    publisher.release()
    index = publisher.out / "releases.json"
    good, signature = index.read_text(), (publisher.out / "releases.json.minisig").read_text()
    index.write_text(good.replace("1.0.0.tar", "9.9.9.tar"))
    assert publisher.refused(publisher.release, "2.0.0") == ("verify", "releases.json: the signature does not fit the file")
    index.write_text(good)
    assert publisher.refused(publisher.release, "2.0.0", key=None, unsigned="yes") == (
        "usage", "releases.json is signed: hosts that trust its key would refuse one that is not\nname the key that signed it",
    )  # fmt: skip
    other = publisher.key.parent / "other.key"
    made = call(publisher.shim, "generate", other)
    mine = call(publisher.shim, "show", publisher.key)["key_id"]
    assert publisher.refused(publisher.release, "2.0.0", key=other) == (
        "verify", f"releases.json: the signature is of another key ({mine}, not {made['key_id']})",
    )  # fmt: skip
    # A good signature of ours for something else is no signature of the index.
    (publisher.out / "x").write_text(good)
    call(publisher.shim, "sign", publisher.key, publisher.out / "x", "app=other index=1")
    (publisher.out / "x.minisig").rename(publisher.out / "releases.json.minisig")
    assert publisher.refused(publisher.release, "2.0.0") == ("verify", "releases.json: the signature is for app 'other', not 'bookshelf'")
    (publisher.out / "releases.json.minisig").write_text(signature)
    index.unlink()
    assert publisher.refused(publisher.release, "2.0.0") == (
        "verify",
        "releases.json is missing beside its signature\nrestore it, or remove releases.json.minisig to begin anew",
    )
    index.write_text(good)
    publisher.release("2.0.0")
    publisher.assert_consistent()


def test_one_directory_one_app(publisher):
    publisher.release(key=None, unsigned="yes")
    publisher.write_tree("1.0.0", app="library")
    assert publisher.refused(publisher.release, key=None, unsigned="yes") == (
        "usage", "releases.json lists releases of 'bookshelf', not of 'library'\neach app needs a directory of its own",
    )  # fmt: skip


def test_one_publisher_at_a_time(publisher):
    publisher.release()
    lock = os.open(publisher.out, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert publisher.refused(publisher.release, "2.0.0") == ("busy", f"somebody else is publishing into {publisher.out}")
    os.close(lock)
    publisher.release("2.0.0")


def test_a_damaged_index_is_named(publisher):
    publisher.release(key=None, unsigned="yes")
    (publisher.out / "releases.json").write_text('{"app": "bookshelf",\n "releases": [}')
    code, text = publisher.refused(publisher.release, "2.0.0", key=None, unsigned="yes")
    assert code == "source" and re.match(r"releases\.json:2:\d+: ", text)


# --- cut short ---

STRACE = shutil.which("strace")
POINTS = ["fsync", "rename,renameat,renameat2", "openat2", "flock", "unlinkat"]


def killed_at(publisher, calls, number):
    """Runs a release under strace that kills the process as it enters the n-th of these calls. FALSE: it got to the end."""
    command = [
        STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}",
        publisher.shim, "release", publisher.out, f"tree={publisher.tree}", f"key={publisher.key}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=60, start_new_session=True)
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("calls", POINTS)
def test_killed_anywhere_a_reader_finds_the_old_or_the_new(publisher, calls):
    """Old index and new signature is the one gap, known and closed by the next run; files that are listed are always whole."""
    publisher.release()
    old = publisher.snapshot()
    for number in range(1, 200):
        shutil.rmtree(publisher.out)
        publisher.out.mkdir()
        for name, content in old.items():
            (publisher.out / name).write_bytes(content)
        publisher.write_tree("2.0.0")
        if not killed_at(publisher, calls, number):
            break
        index, gap = publisher.index(), (publisher.out / ".releases.json.next").exists()
        for release in index["releases"]:
            archive = (publisher.out / release["url"]).read_bytes()
            assert hashlib.sha256(archive).hexdigest() == release["sha256"]
            publisher.comment(release["url"])
        if not gap:
            publisher.assert_consistent()
        publisher.release()  # the next run, whatever was left
        after = publisher.assert_consistent()
        assert (after["index"], after["channels"]) == (2, {"stable": "2.0.0"})
        assert not [name for name in publisher.snapshot() if name.startswith(".")]
    assert number > 1, "nothing was ever hit"
    assert number < 199


@pytest.mark.slow
def test_a_full_disk_leaves_the_old(publisher):
    publisher.release()
    for number in range(1, 60):
        before = publisher.snapshot()
        publisher.write_tree("2.0.0")
        command = [
            STRACE, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", f"inject=fsync:error=ENOSPC:when={number}",
            publisher.shim, "release", publisher.out, f"tree={publisher.tree}", f"key={publisher.key}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, start_new_session=True)
        if done.returncode == 0:
            break
        assert done.stderr.startswith("space ") and done.stderr.endswith(": no space left on device\n"), done.stderr
        assert {release["version"] for release in publisher.index()["releases"]} <= {"1.0.0", "2.0.0"}
        publisher.release()
        publisher.assert_consistent()
        for path in publisher.out.iterdir():
            path.unlink()
        for name, content in before.items():
            (publisher.out / name).write_bytes(content)
    assert 1 < number < 59


# --- any order of things ---


@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(["release", "withdraw"]), st.sampled_from(["1.0.0", "1.1", "2.0.0", "v3", "2.0.0-rc.1"]), st.booleans()),
        min_size=1, max_size=6,
    )
)  # fmt: skip
@pytest.mark.slow
def test_any_history_is_consistent(shim, tmp_path_factory, history):
    publisher = Publisher(shim, tmp_path_factory.mktemp("any"))
    number, listed, withdrawn = 0, set(), set()
    for verb, version, beta in history:
        try:
            if verb == "release":
                report = publisher.release(version, channel="beta" if beta else None)
                listed.add(version)
            else:
                report = publisher.withdraw(version)
                withdrawn.add(version)
            number += report["nothing"] == "0"
        except Refused as refused:
            assert refused.code in ("policy", "usage", "absent", "system"), refused
        if number:
            index = publisher.assert_consistent()
            assert index["index"] == number
            assert {release["version"] for release in index["releases"]} == listed
            assert {release["version"] for release in index["releases"] if release.get("withdrawn")} == withdrawn
            assert set(index["channels"].values()) <= listed
            assert not version_is_prerelease(index["channels"].get("stable", ""))


def version_is_prerelease(version):
    return "-" in version
