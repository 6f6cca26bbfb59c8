# SPDX-License-Identifier: Apache-2.0
"""tuf-client struck at every system call that changes something: what is trusted is old or new, file by file, never half,
never in the wrong order, and the next refresh goes on from there."""

import os
import subprocess
import tempfile

import pytest

from remote_tools import BUILD
from tuf_tools import TOP, Client, Key, Program, Repository, Server

TRACER = BUILD / "tests/fault/fault-tracer"
pytestmark = pytest.mark.slow


class Stage:
    """A client of version 1 of everything; the server offers a new root, a new delegation and a new artifact."""

    def __init__(self, folder):
        self.program, self.server = Program(folder), Server()
        repository = Repository(hashed=True)
        repository.add("targets", "file", b"one")
        repository.publish("targets", bump=False)
        self.folder, self.first = folder, repository.files["metadata/1.root.json"]
        self.server.serve(repository)
        client = self.client()
        assert client.download("file") == 0, client.said
        self.old, self.old_artifacts = client.state(), client.downloaded()
        old = repository.signers["root"]
        repository.delegate_top("root", [Key(), Key()], threshold=2)
        repository.rotate_root(old + repository.signers["root"])
        del repository.signed["targets"]["targets"]["file"]
        repository.delegate("targets", "books", paths=["*"])
        repository.add("books", "file", b"two")
        repository.publish("books", "targets")
        self.repository = repository
        client = self.client(self.old)
        assert client.download("file") == 0, client.said
        self.new = client.state()
        assert client.version("root") == 2 and client.downloaded() == [b"one", b"two"][1:]

    def client(self, state=None):
        client = Client(self.program, self.server, tempfile.mkdtemp(dir=self.folder))
        for name, data in (state or {}).items():
            (client.metadata / name).write_bytes(data)
        if state is None:
            client.init(self.first)
        else:
            (client.artifacts / "file").write_bytes(b"one")
        return client

    def strike(self, client, *args):
        args = [str(arg) for arg in args]
        command = client.program.command("--metadata-dir", str(client.metadata), "--metadata-url", self.server.url + "metadata/", "--target-name", "file",
                                         "--target-dir", str(client.artifacts), "--target-base-url", self.server.url + "targets/", "download")
        return subprocess.run([str(TRACER), "--only", "*tuf-client", *args, *command], capture_output=True, timeout=60, check=False).returncode

    def look(self, client):
        """Each file is old or new; what refers to a new one is new as well; nothing unverified has a name."""
        state = {name: data for name, data in client.state().items() if not name.endswith(".tmp")}
        new = []
        for name in [f"{role}.json" for role in TOP] + ["root.trusted", "books.json"]:
            assert state.get(name) in (self.old.get(name), self.new[name]), name
            new.append(state.get(name) == self.new[name])
        assert set(state) <= set(self.new)
        root, timestamp, snapshot, targets, anchor, books = new
        for earlier, later in ((root, anchor), (anchor, timestamp), (timestamp, snapshot), (snapshot, targets), (targets, books)):
            assert earlier or not later
        assert set(client.downloaded()) <= {b"one", b"two"}

    def heals(self, client):
        assert client.download("file") == 0, client.said
        state = {name: data for name, data in client.state().items() if not name.endswith(".tmp")}
        assert state == self.new
        assert b"two" in client.downloaded()


@pytest.fixture(scope="module")
def stage():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        stage = Stage(folder)
        yield stage
        stage.server.close()


def count(stage):
    client = stage.client(stage.old)
    path = client.metadata.parent / "count"
    assert stage.strike(client, "--count", path) == 0
    total = int(path.read_text().split()[0])
    assert 30 < total < 400
    return total


def test_killed_at_every_call(stage):
    for n in range(1, count(stage) + 1):
        client = stage.client(stage.old)
        stage.strike(client, "--at", n, "--do", "kill-one")
        stage.look(client)
        stage.heals(client)


def test_every_call_fails_once(stage):
    for n in range(1, count(stage) + 1):
        client = stage.client(stage.old)
        assert stage.strike(client, "--at", n, "--do", f"error={('EIO', 'ENOSPC')[n % 2]}") in (0, 1)
        stage.look(client)
        stage.heals(client)


def test_the_disk_is_full_from_any_call_on(stage):
    for n in range(1, count(stage) + 1, 4):
        client = stage.client(stage.old)
        assert stage.strike(client, "--from", n, "--do", "error=ENOSPC") in (0, 1)
        stage.look(client)
        stage.heals(client)
