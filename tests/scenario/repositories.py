# SPDX-License-Identifier: Apache-2.0
"""Signed repositories of one app, as a publisher, a mirror and thieves would have them: one folder each below OUT.

Usage: repositories.py OUT APP DIR, where DIR holds APP-VERSION.tar.gz and APP-VERSION.yaml of each version. OUT/root.json is the
first root. Made without liftlock, by tests/property/tuf_tools.py."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "property"))
from tuf_tools import Key, Repository, time_of  # noqa: E402

out, app, source = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
role = f"app-{app}"


def write(repository, name):
    for path, data in repository.files.items():
        file = out / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def release(repository, version, archive=None):
    data = archive or (source / f"{app}-{version}.tar.gz").read_bytes()
    for target in repository.signed[role]["targets"].values():
        target.get("custom", {}).pop("channels", None)
    block = {"kind": "release", "app": app, "version": version, "channels": ["stable"], "files": [f"{app}/{app}-{version}.tar.gz"], "released": time_of(days=-40), "severity": "security"}
    repository.add(role, f"{app}/{app}-{version}.tar.gz", data, custom={"kind": "archive", "version": version})
    repository.add(role, f"{app}/{app}-{version}.yaml", (source / f"{app}-{version}.yaml").read_bytes(), custom=block)
    repository.publish(role)


repository = Repository(hashed=True)
repository.delegate("targets", role, [Key()], paths=[f"{app}/*"])
repository.publish("targets")
(out / "root.json").write_bytes(repository.files["metadata/1.root.json"])
release(repository, "1.0.0")
write(repository, "first")

release(repository, "1.0.1")
write(repository, "second")

held = repository.copy()  # the same release, held back in one way after another
release(held, "1.0.2")
block = held.signed[role]["targets"][f"{app}/{app}-1.0.2.yaml"]["custom"]
for name, field, value in (
    ("young", "min_age", "3650d"),
    ("gated", "gate", {"kind": "stop", "message": "mind the books"}),
    ("halted", "rollout", {"stages": [{"name": "0%", "percentage": 0}]}),
    ("unreadable", "gate", {"kind": "door"}),
):
    for other_field in ("min_age", "gate", "rollout"):
        block.pop(other_field, None)
    block[field] = value
    held.publish(role)
    write(held, name)

stale = held.copy()
stale.signed["timestamp"]["expires"] = time_of(days=-3, hours=-1)
stale.publish_timestamp()
write(stale, "stale")

mirror = repository.copy()  # whoever serves the files, without any key
for path, data in mirror.files.items():
    if path.endswith("1.0.1.tar.gz"):
        mirror.files[path] = data[:-1] + bytes([data[-1] ^ 1])
write(mirror, "mirror")

thief = held.copy()  # with the key of the timestamp
thief.signers["snapshot"], thief.signers[role] = [Key()], [Key()]
release(thief, "1.0.2", b"evil")
write(thief, "thief")

other = held.copy()  # the publisher of another app in the same repository
other.delegate("targets", "app-other", [Key()], paths=["other/*"])
other.publish("targets")
other.signers[role] = other.signers["app-other"]
release(other, "1.0.2", b"evil")
write(other, "neighbour")

for name in ("timestamp", "snapshot"):  # the answer to the thief: new keys
    repository.delegate_top(name, [Key()])
old = repository.signers["root"]
repository.delegate_top("root", [Key(), Key()], threshold=2)
repository.rotate_root(old + repository.signers["root"])
repository.publish_snapshot()
release(repository, "1.0.2")
repository.signed[role]["targets"][f"{app}/{app}-1.0.2.yaml"]["custom"]["rollout"] = {"stages": [{"name": "all", "percentage": 100}]}
repository.publish(role)
write(repository, "rotated")

for target in repository.signed[role]["targets"].values():
    if target.get("custom", {}).get("version") == "1.0.2":
        target["custom"].update(channels=[], withdrawn={"reason": "it loses books"})
    elif target.get("custom", {}).get("version") == "1.0.1":
        target["custom"]["channels"] = ["stable"]
repository.publish(role)
write(repository, "withdrawn")
