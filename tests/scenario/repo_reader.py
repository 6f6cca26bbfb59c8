# SPDX-License-Identifier: Apache-2.0
"""Reads a repository as a client does, from the timestamp downwards, and holds every file against what names it.

    repo_reader.py REPO                 once: prints the versions of the app books, e.g. "1.0.0 1.1.0"
    repo_reader.py REPO --until FILE    over and over until FILE is there: prints the different answers in order, with the count

Whatever does not fit ends it with the reason."""

import hashlib
import json
import pathlib
import sys


def fetch(path, entry):
    data = path.read_bytes()
    assert len(data) == entry["length"], f"{path}: {len(data)} bytes"
    assert hashlib.sha256(data).hexdigest() == entry["hashes"]["sha256"], f"{path}: another digest"
    return data


def metadata(repo, listing, role):
    entry = listing["meta"][f"{role}.json"]
    content = json.loads(fetch(repo / f"metadata/{entry['version']}.{role}.json", entry))["signed"]
    assert content["version"] == entry["version"], f"{role}: version {content['version']}"
    return content


def read(repo):
    timestamp = json.loads((repo / "metadata/timestamp.json").read_bytes())["signed"]
    snapshot = metadata(repo, timestamp, "snapshot")
    targets = metadata(repo, snapshot, "targets")
    versions = []
    for role in targets["delegations"]["roles"]:
        for path, entry in metadata(repo, snapshot, role["name"])["targets"].items():
            folder, name = path.rsplit("/", 1)
            fetch(repo / "targets" / folder / f"{entry['hashes']['sha256']}.{name}", entry)
            if entry["custom"]["kind"] == "release":
                versions.append(entry["custom"]["version"])
    return " ".join(sorted(versions))


def main(repo, until=None):
    seen, count = [read(repo)], 1
    while until and not until.exists():
        answer, count = read(repo), count + 1
        if answer != seen[-1]:
            seen.append(answer)
    print(f"{count}: {' | '.join(seen)}" if until else seen[0])


if __name__ == "__main__":
    try:
        main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    except (AssertionError, OSError, ValueError, KeyError) as error:
        sys.exit(f"a reader saw: {error}")
