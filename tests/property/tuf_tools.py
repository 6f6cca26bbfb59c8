# SPDX-License-Identifier: Apache-2.0
"""A TUF repository that is no part of liftlock: canonical JSON by securesystemslib, keys by cryptography, a web server that
can misbehave, and tuf-client to update from it."""

import copy
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from securesystemslib.formats import encode_canonical

from remote_tools import BUILD, CHILD_USER, MADE_UP_UID, child_uid

TOP = ("root", "timestamp", "snapshot", "targets")


def time_of(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


FAR = time_of(days=3650)


def quote(name):
    return urllib.parse.quote(name, "")


def canonical(value):
    return encode_canonical(value).encode()


class Key:
    def __init__(self, kind="ed25519"):
        self.kind = kind
        if kind == "ed25519":
            self.secret = ed25519.Ed25519PrivateKey.generate()
            public = self.secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
            words = ("ed25519", "ed25519")
        else:
            self.secret = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
            public = self.secret.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
            words = ("rsa", "rsassa-pss-sha256") if kind == "rsa" else ("ecdsa", "ecdsa-sha2-nistp256")
        self.object = {"keytype": words[0], "scheme": words[1], "keyval": {"public": public}}

    @property
    def id(self):
        return hashlib.sha256(canonical(self.object)).hexdigest()

    def sign(self, data):
        if self.kind == "rsa":
            return self.secret.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()).hex()
        if self.kind == "ecdsa":
            return self.secret.sign(data, ec.ECDSA(hashes.SHA256())).hex()
        return self.secret.sign(data).hex()


def head(role, **rest):
    return {"_type": role, "spec_version": "1.0.31", "version": 1, "expires": FAR, **rest}


class Repository:
    """`signed` holds what is signed now, `signers` who signs it, `files` what was published ("metadata/2.root.json")."""

    def __init__(self, consistent=True, hashed=False, kind="ed25519"):
        self.hashed = hashed
        self.files = {}
        self.signers = {role: [Key(kind)] for role in TOP}
        self.signed = {
            "root": head("root", consistent_snapshot=consistent, keys={}, roles={}),
            "timestamp": head("timestamp", meta={}),
            "snapshot": head("snapshot", meta={}),
            "targets": head("targets", targets={}),
        }
        self.delegators = {}  # delegated role -> who delegates to it
        for role in TOP:
            self.delegate_top(role, self.signers[role])
        self.publish_root()
        self.publish("targets")

    @property
    def consistent(self):
        return self.signed["root"]["consistent_snapshot"]

    def delegate_top(self, role, keys, threshold=1):
        self.signers[role] = keys
        root = self.signed["root"]
        root["keys"].update({key.id: key.object for key in keys})
        root["roles"][role] = {"keyids": [key.id for key in keys], "threshold": threshold}

    def delegate(self, parent, name, keys=None, threshold=1, terminating=False, version=1, **patterns):
        """A delegation; the role itself too if there is none yet. Publishes neither."""
        keys = keys or [Key()]
        block = self.signed[parent].setdefault("delegations", {"keys": {}, "roles": []})
        block["keys"].update({key.id: key.object for key in keys})
        block["roles"].append({"name": name, "keyids": [key.id for key in keys], "threshold": threshold, "terminating": terminating, **patterns})
        if name not in self.signed:
            self.signed[name] = head("targets", targets={}, version=version)
            self.signers[name] = []
        self.signers[name] = self.signers[name] + [key for key in keys if key not in self.signers[name]]

    def seal(self, signed, signers, **more):
        data = canonical(signed)
        return json.dumps({"signatures": [{"keyid": key.id, "sig": key.sign(data)} for key in signers], "signed": signed, **more}, indent=1).encode()

    def bytes_of(self, role, signers=None):
        return self.seal(self.signed[role], self.signers[role] if signers is None else signers)

    def name_of(self, role, version=None):
        quoted = quote(role)
        if role == "root" or (self.consistent and role != "timestamp"):
            return f"metadata/{version or self.signed[role]['version']}.{quoted}.json"
        return f"metadata/{quoted}.json"

    def publish_root(self, signers=None):
        self.files[self.name_of("root")] = self.bytes_of("root", signers)

    def rotate_root(self, signers=None):
        """The next root; by default signed by the old keys and the new ones."""
        self.signed["root"]["version"] += 1
        self.publish_root(signers)

    def entry(self, role, data):
        entry = {"version": self.signed[role]["version"]}
        if self.hashed:
            entry.update(length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()})
        return entry

    def put(self, role, data):
        self.files[self.name_of(role)] = data
        return data

    def publish(self, *roles, bump=True):
        """These roles of kind targets, then snapshot and timestamp."""
        for role in roles:
            if bump and self.name_of(role) in self.files:
                self.signed[role]["version"] += 1
            self.signed["snapshot"]["meta"][f"{role}.json"] = self.entry(role, self.put(role, self.bytes_of(role)))
        self.publish_snapshot(bump)

    def publish_snapshot(self, bump=True):
        if bump and self.name_of("snapshot") in self.files:
            self.signed["snapshot"]["version"] += 1
        data = self.put("snapshot", self.bytes_of("snapshot"))
        self.publish_timestamp(data, bump)

    def publish_timestamp(self, snapshot=None, bump=True):
        if bump and self.name_of("timestamp") in self.files:
            self.signed["timestamp"]["version"] += 1
        snapshot = snapshot or self.files[self.name_of("snapshot")]
        self.signed["timestamp"]["meta"]["snapshot.json"] = self.entry("snapshot", snapshot)
        self.put("timestamp", self.bytes_of("timestamp"))

    def add(self, role, path, data, **rest):
        digest = hashlib.sha256(data).hexdigest()
        self.signed[role]["targets"][path] = {"length": len(data), "hashes": {"sha256": digest}, **rest}
        directory, _, base = path.rpartition("/")
        name = f"{directory}/{digest}.{base}" if directory else f"{digest}.{base}"
        self.files["targets/" + urllib.parse.quote(name if self.consistent else path)] = data

    def copy(self):
        other = copy.copy(self)
        other.files, other.signed = dict(self.files), copy.deepcopy(self.signed)
        other.signers = {role: list(keys) for role, keys in self.signers.items()}
        return other


class Server:
    """Serves repository.files; `odd` maps a path to a function that answers by itself."""

    def __init__(self, keep=False):
        self.files, self.odd, self.asked, self.connections = {}, {}, [], 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1" if keep else "HTTP/1.0"

            def setup(self):
                outer.connections += 1
                super().setup()

            def do_GET(self):  # noqa: N802
                path = self.path.lstrip("/")
                outer.asked.append(path)
                if path in outer.odd:
                    try:
                        outer.odd[path](self)
                    except OSError:
                        pass
                    return
                data = outer.files.get(path)
                self.send_response(200 if data is not None else 404)
                if keep:
                    self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def serve(self, repository, **odd):
        self.files, self.asked = repository.files, []
        self.odd = odd.get("odd", {})
        return self

    def metadata_asked(self):
        return [urllib.parse.unquote(path.removeprefix("metadata/").removesuffix(".json")) for path in self.asked if path.startswith("metadata/")]

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Program:
    """tuf-client with its children, as root also where the host has no user "liftlock"."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("tuf-client", "liftlock-fetch", "liftlock-parse"):
            shutil.copy(BUILD / "tests/tuf-client" / name, self.folder / name)
        self.before = []
        if os.geteuid() == 0 and child_uid() == MADE_UP_UID:
            users = self.folder / "passwd"
            users.write_text(pathlib.Path("/etc/passwd").read_text() + f"{CHILD_USER}:x:{MADE_UP_UID}:{MADE_UP_UID}::/nonexistent:/usr/sbin/nologin\n")
            self.before = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', str(users)]

    def command(self, *args):
        return self.before + [str(self.folder / "tuf-client"), *args]


class Client:
    """One metadata directory and one of artifacts."""

    def __init__(self, program, server, folder, repository=None):
        self.program, self.server = program, server
        self.metadata, self.artifacts = pathlib.Path(folder, "metadata"), pathlib.Path(folder, "artifacts")
        self.metadata.mkdir()
        self.artifacts.mkdir()
        self.said, self.options = "", []
        if repository:
            self.init(repository.files["metadata/1.root.json"])

    def run(self, *args, before=(), timeout=60):
        command = [*before, *self.program.command("--metadata-dir", str(self.metadata), *self.options, *args)]
        run = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
        self.said = run.stderr.decode(errors="replace").strip().removeprefix("tuf-client: ")
        assert run.returncode in (0, 1), (run.returncode, self.said)
        return run.returncode

    def init(self, root):
        path = self.metadata.parent / "initial"
        path.write_bytes(root)
        return self.run("init", str(path))

    def refresh(self, **more):
        return self.run("--metadata-url", self.server.url + "metadata/", "refresh", **more)

    def download(self, *names, **more):
        args = [word for name in names for word in ("--target-name", name)]
        return self.run("--metadata-url", self.server.url + "metadata/", *args, "--target-dir", str(self.artifacts), "--target-base-url", self.server.url + "targets/", "download", **more)

    def bytes_of(self, role):
        path = self.metadata / f"{quote(role)}.json"
        return path.read_bytes() if path.exists() else None

    def version(self, role):
        data = self.bytes_of(role)
        return json.loads(data)["signed"]["version"] if data else None

    def versions(self):
        return tuple(self.version(role) for role in TOP)

    def roles(self):
        return sorted(urllib.parse.unquote(path.name.removesuffix(".json")) for path in self.metadata.glob("*.json"))

    def state(self):
        return {path.name: path.read_bytes() for path in self.metadata.iterdir()}

    def downloaded(self):
        return sorted(path.read_bytes() for path in self.artifacts.iterdir())
