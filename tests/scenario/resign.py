# SPDX-License-Identifier: Apache-2.0
"""A publisher who signs what is not so: changes a target of the app books in a repository and signs it all again.

    resign.py REPO KEYS content TARGET FILE        the target has the content of FILE from now on
    resign.py REPO KEYS custom TARGET KEY VALUE    its "custom" says so (VALUE in JSON; null: says nothing)

KEYS holds app-books.key, snapshot.key and timestamp.key, not encrypted."""

import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "property"))
from tuf_tools import canonical  # noqa: E402

repo, keys = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def current(role):
    return max((repo / "metadata").glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))


def publish(role, signed, name):
    key = json.loads((keys / f"{role}.key").read_bytes())
    public = {field: key[field] for field in ("keytype", "scheme", "keyval")}
    sig = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["secret"])).sign(canonical(signed)).hex()
    document = {"signatures": [{"keyid": hashlib.sha256(canonical(public)).hexdigest(), "sig": sig}], "signed": signed}
    data = canonical(document)
    (repo / "metadata" / name).write_bytes(data)
    return {"version": signed["version"], "length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}


def change(target, path, what):
    if what[0] == "custom":
        target["custom"][what[1]] = json.loads(what[2])
        if target["custom"][what[1]] is None:
            del target["custom"][what[1]]
        return
    data = pathlib.Path(what[1]).read_bytes()
    target.update(length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest()})
    folder, name = path.rsplit("/", 1)
    (repo / "targets" / folder / f"{target['hashes']['sha256']}.{name}").write_bytes(data)


app, snapshot, timestamp = (json.loads(path.read_bytes())["signed"] for path in (current("app-books"), current("snapshot"), repo / "metadata/timestamp.json"))
old = app["targets"][sys.argv[4]]["hashes"]["sha256"]
change(app["targets"][sys.argv[4]], sys.argv[4], [sys.argv[3], *sys.argv[5:]])
if app["targets"][sys.argv[4]]["hashes"]["sha256"] != old:
    folder, name = sys.argv[4].rsplit("/", 1)
    (repo / "targets" / folder / f"{old}.{name}").unlink()
for signed in (app, snapshot, timestamp):
    signed["version"] += 1
snapshot["meta"]["app-books.json"] = publish("app-books", app, f"{app['version']}.app-books.json")
timestamp["meta"]["snapshot.json"] = publish("snapshot", snapshot, f"{snapshot['version']}.snapshot.json")
publish("timestamp", timestamp, "timestamp.json")
