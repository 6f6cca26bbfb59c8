#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""crash_at.py JOBS STEP PID: waits until the log of a new job below JOBS says that STEP has begun, and kills PID at once.
Prints the job's id. What it strikes is that step, or, where that is over in no time, the one after it."""
import os
import signal
import sys
import time

PATIENCE_S = 60


def has_begun(log, mark):
    try:
        with open(log, "rb") as file:
            return mark in file.read()
    except OSError:
        return False


def main():
    jobs, step, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
    mark = b'"step":"%s","mark":"begun"' % step.encode()
    old = set(os.listdir(jobs))
    sys.stderr.write("ready\n")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for job in set(os.listdir(jobs)) - old:
            if has_begun(os.path.join(jobs, job, "log"), mark):
                os.kill(pid, signal.SIGKILL)
                print(job)
                return 0
        time.sleep(0.0005)
    return 1


if __name__ == "__main__":
    sys.exit(main())
