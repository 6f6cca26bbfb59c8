# SPDX-License-Identifier: Apache-2.0
"""liftlock-delta beside the children that it starts."""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LIFTLOCK_BUILD", ROOT / "build"))


def install(folder):
    for name in ["src/liftlock-delta", "src/liftlock-assemble"]:
        shutil.copy(BUILD / name, folder)
    return folder / "liftlock-delta"


def run(program, *args, good=True):
    done = subprocess.run([program, *map(str, args)], text=True, capture_output=True, timeout=120, check=False)
    assert not good or done.returncode == 0, done
    assert done.returncode in (0, 1), done
    return done


def write(folder, tree):
    """tree: {path: bytes, or (bytes, executable), or a str: a link's target}. Parents are made."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o755)
    for path, what in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, str):
            place.symlink_to(what)
            continue
        place.write_bytes(what[0])
        place.chmod(0o755 if what[1] else 0o644)


def read(folder):
    tree = {}
    for place in sorted(folder.rglob("*")):
        path = str(place.relative_to(folder))
        if place.is_symlink():
            tree[path] = os.readlink(place)
        elif place.is_file():
            tree[path] = (place.read_bytes(), bool(place.stat().st_mode & 0o100))
        else:
            tree[path] = None
    return tree
