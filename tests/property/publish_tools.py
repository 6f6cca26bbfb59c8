# SPDX-License-Identifier: Apache-2.0
"""The publisher's library as a command: tests/property/publish_shim.c beside the children that it starts."""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LIFTLOCK_BUILD", ROOT / "build"))
CHILDREN = ["src/liftlock-fetch", "src/liftlock-unpack", "src/liftlock-parse"]


class Refused(Exception):
    """code: the fault's name; text: the rest, hint included."""

    def __init__(self, stderr):
        self.code, self.text = stderr.rstrip("\n").split(" ", 1)
        super().__init__(stderr)


def install(folder):
    for name in ["tests/property/publish-shim", *CHILDREN]:
        shutil.copy(BUILD / name, folder)
    return folder / "publish-shim"


def call(shim, *args, cwd=None, env=None, **popen):
    """The answer as a dict. A new session: no terminal that could be asked for a passphrase."""
    done = subprocess.run(
        [shim, *map(str, args)], cwd=cwd, env={**os.environ, **(env or {})}, text=True, capture_output=True, timeout=120,
        start_new_session=True, stdin=subprocess.DEVNULL, **popen,
    )
    if done.returncode == 1:
        raise Refused(done.stderr)
    assert (done.returncode, done.stderr) == (0, ""), done
    return dict(line.split("=", 1) for line in done.stdout.splitlines())
