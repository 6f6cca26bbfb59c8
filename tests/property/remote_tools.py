# SPDX-License-Identifier: Apache-2.0
"""Runs remote-shim with the children beside it, as root also where the host has no user "liftlock"."""

import json
import os
import pathlib
import pwd
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("LIFTLOCK_BUILD", HERE.parent.parent / "build"))
CHILD_USER = "liftlock"
MADE_UP_UID = 64999


def child_uid():
    try:
        return pwd.getpwnam(CHILD_USER).pw_uid
    except KeyError:
        return MADE_UP_UID


class Shim:
    """A folder with the shim and its children; `unpacker` and `fetcher` may be stand-ins."""

    def __init__(self, folder, unpacker=None, fetcher=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = self._take("remote-shim", BUILD / "tests/property/remote-shim")
        self._take("liftlock-unpack", unpacker or BUILD / "src/liftlock-unpack")
        self._take("liftlock-parse", unpacker or BUILD / "src/liftlock-parse")
        self._take("liftlock-fetch", fetcher or BUILD / "src/liftlock-fetch")
        self.before = []
        if os.geteuid() == 0 and child_uid() == MADE_UP_UID:
            self.before = self._with_made_up_user()

    def _take(self, name, source):
        target = self.folder / name
        shutil.copy(source, target)
        target.chmod(0o755)
        return target

    def _with_made_up_user(self):
        """The user exists in a mount namespace only: a test changes nothing on its host."""
        users = self.folder / "passwd"
        line = f"{CHILD_USER}:x:{MADE_UP_UID}:{MADE_UP_UID}::/nonexistent:/usr/sbin/nologin\n"
        users.write_text(pathlib.Path("/etc/passwd").read_text() + line)
        script = 'mount --bind "$0" /etc/passwd && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(users)]

    def __call__(self, *args, timeout=30):
        command = self.before + [str(self.program)] + [os.fsencode(a) if isinstance(a, str) else str(a) for a in args]
        run = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
        assert run.returncode in (0, 1), run.stderr.decode(errors="replace")
        answer = json.loads(run.stdout)
        assert answer["ok"] == (run.returncode == 0)
        return answer

    def start(self, *args):
        command = self.before + [str(self.program)] + [str(a) for a in args]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def make_child_dir(path):
    """An empty directory that the child may write into."""
    os.mkdir(path, 0o755)
    if os.geteuid() == 0:
        os.chown(path, child_uid(), -1)
    return path


def children_of(program):
    found = []
    for exe in pathlib.Path("/proc").glob("[0-9]*/exe"):
        try:
            if os.path.samefile(exe, program):
                found.append(int(exe.parent.name))
        except OSError:
            pass
    return found


def fault(answer):
    return (answer.get("code"), answer.get("text"))
