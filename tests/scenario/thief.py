# SPDX-License-Identifier: Apache-2.0
"""A thief of keys: changes a file of metadata as he likes, and signs it with the keys that he has.

Usage: thief.py IN OUT PYTHON KEY..., where PYTHON changes `s`, the signed part of IN, and each KEY is an unencrypted key file. To
help him: far (a date in ten years), entry(FILE) (what a snapshot or a timestamp says of it), key(FILE) (its id and object),
target(FILE) (what a role says of a file of a release). Made without liftlock, by tests/property/tuf_tools.py."""

import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "property"))
from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: E402
from tuf_tools import FAR, Key, canonical  # noqa: E402


def digest(data):
    return {"length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}


def entry(path):
    data = pathlib.Path(path).read_bytes()
    return {"version": json.loads(data)["signed"]["version"], **digest(data)}


def target(path):
    return digest(pathlib.Path(path).read_bytes())


def stolen(path):
    file = json.loads(pathlib.Path(path).read_text())
    taken = Key.__new__(Key)
    taken.kind = "ed25519"
    taken.secret = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file["secret"]))
    taken.object = {name: file[name] for name in ("keytype", "keyval", "scheme")}
    return taken


def key(path):
    taken = stolen(path)
    return taken.id, taken.object


source, result, change = sys.argv[1:4]
s = json.loads(pathlib.Path(source).read_bytes())["signed"]
exec(change, {"s": s, "far": FAR, "entry": entry, "key": key, "target": target})
data = canonical(s)
signatures = [{"keyid": taken.id, "sig": taken.sign(data)} for taken in map(stolen, sys.argv[4:])]
pathlib.Path(result).write_text(json.dumps({"signatures": signatures, "signed": s}, sort_keys=True, separators=(",", ":")) + "\n")
