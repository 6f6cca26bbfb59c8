# SPDX-License-Identifier: Apache-2.0
"""The fault loops. A point strikes one update at one system call, lets the host boot, and looks whether it is exactly
old or exactly new. Wrong tells what was found instead."""
import os
import random
import signal
import subprocess
import threading
import time

from host import NEW, OLD, Wrong

WORKER = "*/jobs/*/bin/liftlock"
UPDATE = ("update", "ledger")


# --- after the strike ---

def look(host, required=None):
    version = host.look(host.acknowledged() if required is None else required)
    host.look_at_claims()
    return version


def look_at_end(host, code, text):
    """A job that came to its end said how. Nobody has recovered anything yet."""
    promised = {0: NEW, 4: OLD}.get(code) or (OLD if "nothing has changed" in text else None)
    if promised and look(host) != promised:
        raise Wrong("exit %d and '%s', but %s is live" % (code, text.strip().split("\n")[-1], host.current()))
    if code == 2:
        raise Wrong("exit 2: %s" % text)


def is_blamed(host):
    """A full disk may have struck a program of the release itself: then liftlock may hold it against the release."""
    return any("<-" in words and not words[2].startswith("liftlock") for words in host.calls())


def recover(host):
    """A strike may have hit a child of the worker, which then goes on."""
    deadline = time.monotonic() + 60
    while "is at work" in host.must("recover", "ledger"):
        if time.monotonic() > deadline:
            raise Wrong("the job does not end")
        time.sleep(0.05)


def recovered(host, power=False, required=None, may_reject=False, retries=False):
    """Boot, recover, look, update. Without `retries` the source offers nothing new while the host recovers, so that what
    recovery itself leaves is what is seen."""
    if not retries:
        host.offer(OLD)
    recover(host)
    if power and not host.answer("status")[0]["services"][0]["active"]:
        host.must("restart", "ledger")  # without systemd nobody starts it at boot
    version = look(host, required)
    host.look_at_words(version)
    host.offer(OLD, NEW)
    if may_reject:
        host.liftlock("allow", "ledger", NEW)
    host.must(*UPDATE)
    version = look(host, required)
    if version != NEW:
        raise Wrong("a further update leaves %s" % version)
    host.stop_writer()
    host.look_at_words(look(host, required))


def begin(host):
    host.set_back()
    host.start_server()
    host.start_writer()


# --- the loops ---

def kill_one(host, n):
    """The worker alone. What it started is left to itself."""
    begin(host)
    host.liftlock(*UPDATE, "--detach", strike=("--only", WORKER, "--at", str(n), "--do", "kill-one", "--until-struck"))
    recovered(host, retries=n % 4 == 0)


def kill_all(host, n):
    """liftlock and all that it started, but for the app's own server."""
    begin(host)
    host.liftlock(*UPDATE, "--detach", strike=("--at", str(n), "--do", "kill-all"))
    recovered(host, retries=n % 4 == 0)


def worker_was_struck(host):
    """Not a child of it that had not become another program yet."""
    calls = host.calls()
    return any("<-" in words and words[1] == calls[0][1] for words in calls)


def kill_followed(host, n):
    """The worker alone, with somebody watching, who must not be told a tale."""
    begin(host)
    code, text = host.liftlock(*UPDATE, strike=("--only", WORKER, "--at", str(n), "--do", "kill-one", "--until-main"))
    if worker_was_struck(host) and code != 0 and "run 'liftlock recover" not in text:
        raise Wrong("exit %d and '%s' of a worker that was killed" % (code, text.strip().split("\n")[-1]))
    look_at_end(host, code, text)
    recovered(host)


def kill_twice(host, n):
    """A kill, and another during recovery. Every second point's first kill is where recovery was measured; the others' is
    anywhere, mostly in the later half."""
    chance = random.Random(n)
    total = host.sizes["kill-all"]
    first = chance.randint(1, total) if chance.random() < 0.2 else chance.randint(total // 2, total)
    if n % 2 == 0:
        first = host.copied_at
    second = 1 + n * host.sizes["recovery"] // host.sizes["kill-twice"]
    begin(host)
    host.liftlock(*UPDATE, "--detach", strike=("--at", str(first), "--do", "kill-all"))
    host.offer(OLD)
    host.liftlock("recover", "ledger", strike=("--at", str(second), "--do", "kill-all"))
    recovered(host)


def error_at(name):
    def one(host, n):
        begin(host)
        code, text = host.liftlock(*UPDATE, strike=("--at", str(n), "--do", "error=" + name))
        look_at_end(host, code, text)
        recovered(host, may_reject=is_blamed(host))
    return one


def full_from(host, n):
    begin(host)
    code, text = host.liftlock(*UPDATE, strike=("--from", str(n), "--do", "error=ENOSPC"))
    look_at_end(host, code, text)
    recovered(host, may_reject=is_blamed(host))


def server_killed(host, n):
    """The database server dies, and is back a moment later, as a service manager brings it back."""
    begin(host)
    chance = random.Random(n)
    back = threading.Thread(target=host.server_returns, args=(chance.uniform(0, 2),))
    back.start()
    code, text = host.liftlock(*UPDATE, strike=("--at", str(n), "--do", "kill=%d" % host.postmaster.pid))
    back.join()
    host.server_is_there()
    if code == 5:
        raise Wrong("needs help for a server that was away for a moment: %s" % text)
    look_at_end(host, code, text)
    recovered(host)


def look_at_halt(host, text):
    """The way back has no database to go to: nothing runs, nobody is let in, and that is what is said."""
    status = host.answer("status")[0]
    if "nothing runs" in text and not (status["hold"] and status["fence"] and not status["services"][0]["active"]):
        raise Wrong("'%s', but status says %s" % (text.strip().split("\n")[-1], status))
    if not status.get("interrupted"):
        raise Wrong("needs help, and status does not say that a job is open: %s" % status)
    if "liftlock recover ledger" not in text:
        raise Wrong("needs help, and nobody is told what to type: %s" % text)


def server_down(host, n):
    """The database server dies and stays away, through the first recovery too."""
    begin(host)
    code, text = host.liftlock(*UPDATE, strike=("--at", str(n), "--hurry", "--do", "kill=%d" % host.postmaster.pid))
    host.server_ends(signal.SIGKILL)
    host.offer(OLD)
    if code == 5:
        look_at_halt(host, text)
        again, text = host.liftlock("recover", "ledger", strike=("--hurry",))
        if again != 5:
            raise Wrong("recovered without a database, with exit %d: %s" % (again, text))
        look_at_halt(host, text)
    host.server_begins()
    look_at_end(host, code, text)
    recovered(host)


def power_cut(host, n):
    """Even points run the app with synchronous = FULL: no acknowledged row may be lost, but for the very last: its sync
    may be under way when the file system goes, and come back as good. Odd ones run it with NORMAL, which promises less:
    what was acknowledged before the job must be there. PostgreSQL always promises the first."""
    full = n % 2 == 0 or host.ledger == "app-postgres"
    host.set_back()
    if full:
        with open(os.path.join(host.app, host.shared, "synchronous-full"), "w"):
            pass
    host.start_server()
    host.start_writer()
    before = host.acknowledged()
    subprocess.run(["sync", "-f", host.root], check=True)
    host.liftlock(*UPDATE, "--detach", strike=("--at", str(n), "--do", "shutdown=" + host.disk_to_cut(n)))
    host.stop_writer()
    if full:
        before = set(sorted(host.acknowledged())[:-1])
    host.power_returns()
    recovered(host, power=True, required=before)


def size_of(host, *strike):
    begin(host)
    code, text = host.liftlock(*UPDATE, "--detach", strike=strike or ("--spare", "nobody"))
    if code != 0:
        raise Wrong(text)
    return host.calls()


def copied_at(calls):
    """A moment after the copy of the data was noted, while they still are what they were. Such a copy can be put back by a
    second recovery too, over what users wrote after the first. (An update that copies nothing: some other place.)"""
    noted = next((at for at, words in enumerate(calls, 1) if words[-1].endswith("/copied")), None)
    return noted + 6 if noted else len(calls) * 8 // 10


def measure(host):
    """How many points each loop has."""
    host.sizes = {}
    every = size_of(host)
    worker = size_of(host, "--only", WORKER)
    host.sizes["kill-all"] = len(every)
    host.sizes["kill-one"] = host.sizes["kill-followed"] = len(worker)
    host.sizes["server"] = host.sizes["enospc"] = host.sizes["eio"] = host.sizes["full-from"] = host.sizes["power"] = len(every)
    host.classes = [words[4] for words in every]
    host.copied_at = copied_at(every)


def measure_recovery(host):
    """The same for the loop that strikes a recovery, which a mistake may make long."""
    begin(host)
    host.liftlock(*UPDATE, "--detach", strike=("--at", str(host.copied_at), "--do", "kill-all"))
    host.offer(OLD)
    host.liftlock("recover", "ledger", strike=("--spare", "nobody"))
    host.sizes["recovery"] = len(host.calls())
    host.sizes["kill-twice"] = host.sizes["recovery"] * 10


# name: (kind of host, its size's name, function, classes of calls that count; None: all)
LOOPS = {
    "kill-one": ("user", "kill-one", kill_one, None),
    "kill-all": ("user", "kill-all", kill_all, None),
    "kill-followed": ("user", "kill-followed", kill_followed, None),
    "kill-twice": ("user", "kill-twice", kill_twice, None),
    "enospc": ("user", "enospc", error_at("ENOSPC"), ("space",)),
    "eio": ("user", "eio", error_at("EIO"), ("space", "disk")),
    "full-from": ("user", "full-from", full_from, ("space",)),
    "root-kill-one": ("root", "kill-one", kill_one, None),
    "root-kill-all": ("root", "kill-all", kill_all, None),
    "postgres-kill-one": ("postgres", "kill-one", kill_one, None),
    "postgres-kill-all": ("postgres", "kill-all", kill_all, None),
    "postgres-kill-twice": ("postgres", "kill-twice", kill_twice, None),
    "postgres-enospc": ("postgres", "enospc", error_at("ENOSPC"), ("space",)),
    "postgres-full-from": ("postgres", "full-from", full_from, ("space",)),
    "files-kill-one": ("files", "kill-one", kill_one, None),
    "files-kill-all": ("files", "kill-all", kill_all, None),
    "files-kill-twice": ("files", "kill-twice", kill_twice, None),
    "files-enospc": ("files", "enospc", error_at("ENOSPC"), ("space",)),
    "files-eio": ("files", "eio", error_at("EIO"), ("space", "disk")),
    "files-full-from": ("files", "full-from", full_from, ("space",)),
    "files-power-ext4": ("files-ext4", "power", power_cut, None),
    "files-power-two-ext4": ("files-two-ext4", "power", power_cut, None),
    "files-power-two-xfs": ("files-two-xfs", "power", power_cut, None),
    "files-power-xfs": ("files-xfs", "power", power_cut, None),
    "delta-kill-one": ("delta", "kill-one", kill_one, None),
    "delta-kill-all": ("delta", "kill-all", kill_all, None),
    "delta-files-kill-all": ("delta-files", "kill-all", kill_all, None),
    "delta-root-kill-all": ("delta-root", "kill-all", kill_all, None),
    "delta-enospc": ("delta", "enospc", error_at("ENOSPC"), ("space",)),
    "delta-eio": ("delta", "eio", error_at("EIO"), ("space", "disk")),
    "delta-full-from": ("delta", "full-from", full_from, ("space",)),
    "delta-power-ext4": ("delta-ext4", "power", power_cut, None),
    "delta-power-xfs": ("delta-xfs", "power", power_cut, None),
    "frames-kill-one": ("frames", "kill-one", kill_one, None),
    "frames-kill-all": ("frames", "kill-all", kill_all, None),
    "frames-root-kill-all": ("frames-root", "kill-all", kill_all, None),
    "frames-enospc": ("frames", "enospc", error_at("ENOSPC"), ("space",)),
    "frames-eio": ("frames", "eio", error_at("EIO"), ("space", "disk")),
    "frames-full-from": ("frames", "full-from", full_from, ("space",)),
    "frames-power-ext4": ("frames-ext4", "power", power_cut, None),
    "postgres-db-kill": ("postgres", "server", server_killed, None),
    "postgres-db-down": ("postgres", "server", server_down, None),
    "power-ext4": ("ext4", "power", power_cut, None),
    "postgres-power-ext4": ("postgres-ext4", "power", power_cut, None),
    "postgres-power-xfs": ("postgres-xfs", "power", power_cut, None),
    "power-xfs": ("xfs", "power", power_cut, None),
}

# Half a minute a point, or a server, a disk or a host of their own to make for a few of them.
SLOW = ("postgres-db-down", "postgres-power-ext4", "postgres-power-xfs", "delta-files-kill-all", "delta-power-ext4",
        "delta-power-xfs", "frames-root-kill-all", "frames-power-ext4")
