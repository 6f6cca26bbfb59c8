#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""strike.py JOBS STEP WHOM [MILLISECONDS]: waits until the log of a new job below JOBS says that STEP has begun, and so
much longer, and kills: a process (its number), the job's own process ("one"), or it and all that it started ("all").
NUMBER@DIRECTORY is a power cut: the file system there is shut down first, without a flush.
Prints the job's id. What it strikes is that step, or, where that is over in no time, the one after it."""
import fcntl
import os
import signal
import struct
import sys
import time

PATIENCE_S = 60
GOING_DOWN, NO_LOG_FLUSH = 0x8004587D, 2  # _IOR('X', 125, u32): of xfs, and of ext4 as well


def has_begun(log, mark):
    try:
        with open(log, "rb") as file:
            return mark in file.read()
    except OSError:
        return False


def content(pid, name):
    try:
        with open("/proc/%s/%s" % (pid, name), "rb") as file:
            return file.read()
    except OSError:
        return b""


def processes():
    return [name for name in os.listdir("/proc") if name.isdigit()]


def worker_of(job):
    mark = b"LIFTLOCK_WORKER=%s\0" % job.encode()
    return [pid for pid in processes() if mark in content(pid, "environ") and b"\0inner\0job\0" in content(pid, "cmdline")]


def kill(pids):
    for pid in pids:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass


def kill_all(worker):
    """A process that is being made while we look is seen at the next look."""
    group = content(worker, "cgroup")
    if group == content("self", "cgroup"):
        sys.exit("strike.py: the job has no control group of its own: 'all' would strike whoever started this test too")
    while pids := [pid for pid in processes() if group and content(pid, "cgroup") == group and content(pid, "cmdline")]:
        kill(pids)


def shut_down(directory):
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.ioctl(folder, GOING_DOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(folder)


def strike(whom, job):
    if whom not in ("one", "all"):
        pid, _, disk = whom.partition("@")
        if disk:
            shut_down(disk)
        os.kill(int(pid), signal.SIGKILL)
        return
    for worker in worker_of(job):
        if whom == "one":
            kill([worker])
        else:
            kill_all(worker)


def main():
    jobs, step, whom = sys.argv[1:4]
    pause_s = int(sys.argv[4]) / 1000 if len(sys.argv) > 4 else 0
    mark = b'"step":"%s","mark":"begun"' % step.encode()
    old = set(os.listdir(jobs))
    sys.stderr.write("ready\n")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for job in set(os.listdir(jobs)) - old:
            if has_begun(os.path.join(jobs, job, "log"), mark):
                time.sleep(pause_s)
                strike(whom, job)
                print(job)
                return 0
        time.sleep(0.0005)
    return 1


if __name__ == "__main__":
    sys.exit(main())
