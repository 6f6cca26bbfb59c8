# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a host of their own below a temporary folder, and figures side by side."""
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("LIFTLOCK_BUILD", os.path.join(HERE, "../../build")))
PROGRAMS = ["src/liftlock", "src/liftlock-fetch", "src/liftlock-unpack", "src/liftlock-parse", "src/liftlock-assemble", "src/liftlock-delta", "src/liftlock-transfer", "src/liftlock-postgres"]
PROGRAMS += ["tests/bench/bench-" + name for name in ("run", "server", "reader", "switch", "marks")]


class Host:
    """A host below a folder of its own, as an ordinary user has one; it goes when the measurement ends."""

    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="liftlock-bench.")
        self.root = os.path.join(self.work, "host")
        self.programs = os.path.join(self.work, "bin")
        os.mkdir(self.programs)
        for program in PROGRAMS:
            shutil.copy(os.path.join(BUILD, program), self.programs)
        if os.geteuid() == 0:
            self.become_ordinary()
        os.makedirs(self.root + "/etc/liftlock")
        with open(self.root + "/etc/liftlock/liftlock.toml", "w") as file:
            file.write("allow_trust_none = true\n")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.work, "LANG": "C.UTF-8", "LIFTLOCK_ROOT": self.root}
        self.apps = set()
        os.chdir(self.work)

    def become_ordinary(self):
        user = pwd.getpwnam("liftlock-test")
        for folder, _, files in os.walk(self.work):
            for name in [folder] + [os.path.join(folder, file) for file in files]:
                os.chown(name, user.pw_uid, user.pw_gid)
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for app in self.apps:  # a measurement that failed leaves nothing running
            subprocess.run([self.program("liftlock"), "uninstall", app, "--yes", "--purge"], env=self.environment,
                           capture_output=True, check=False)
        os.chdir("/")
        subprocess.run(["chmod", "-R", "u+w", self.work], check=False)
        shutil.rmtree(self.work)

    def program(self, name):
        return os.path.join(self.programs, name)

    def path(self, *names):
        return os.path.join(self.work, *names)

    def run(self, *argv, good=(0,)):
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode not in good:
            sys.exit("%s: exit %d\n%s%s" % (" ".join(argv), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def liftlock(self, *arguments, good=(0,)):
        return self.run(self.program("liftlock"), *arguments, good=good)

    def once(self, *argv, good=(0,)):
        """(milliseconds, megabytes of the largest process) of one run."""
        microseconds, kilobytes, status = map(int, self.run(self.program("bench-run"), *argv).split())
        if status not in good:
            sys.exit("%s: exit %d" % (" ".join(argv), status))
        return microseconds / 1000, kilobytes / 1024

    def log(self, app):
        """The lines of the app's newest job."""
        return [json.loads(line) for line in self.liftlock("logs", app, "--json").splitlines()]

    def steps(self, app):
        """Milliseconds of each step of the app's newest job, in order."""
        return {line["step"]: line["duration_ms"] for line in self.log(app)
                if line["type"] == "step" and line["mark"] == "done"}

    def manifest(self, tree, app, version, more=""):
        os.makedirs(tree, exist_ok=True)
        with open(os.path.join(tree, "liftlock.yaml"), "w") as file:
            file.write("app: %s\nversion: %s\n%s" % (app, version, more))
        with open(os.path.join(tree, "VERSION"), "w") as file:
            file.write(version + "\n")

    def pack(self, tree, archive):
        self.run("tar", "-C", tree, "--sort=name", "-caf", archive, ".")

    def index(self, folder, app, archives):
        """Writes the index of a source that offers {version: archive}, newest last."""
        releases = []
        for version, name in archives.items():
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            releases.append({"version": version, "url": name, "sha256": hashlib.sha256(data).hexdigest(),
                             "size": len(data), "released": "2026-01-01T00:00:00Z"})
        with open(os.path.join(folder, "releases.json"), "w") as file:
            json.dump({"app": app, "channels": {"stable": list(archives)[-1]}, "releases": releases}, file)


class App:
    """The smallest app that can be started, asked and stopped: tests/bench/server.c."""
    NAME = "tiny"

    def __init__(self, host):
        self.host = host
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.source = host.path("source")
        os.mkdir(self.source)
        self.archives = {}

    def tree(self, version):
        tree = self.host.path("tree-" + version)
        os.makedirs(tree + "/bin")
        shutil.copy(self.host.program("bench-server"), tree + "/bin/server")
        self.host.manifest(tree, self.NAME, version, """\
services:
  - {name: web, start: "exec bin/server %d"}
identity: {http: "http://127.0.0.1:%d/", json: "/version"}
probe: {successes: 1, interval: 0, settle: 0}
observe: {window: 0}
""" % (self.port, self.port))
        return tree

    def publish(self, version):
        self.archives[version] = "tiny-%s.tar.gz" % version
        self.host.pack(self.tree(version), os.path.join(self.source, self.archives[version]))
        self.host.index(self.source, self.NAME, self.archives)

    def install(self, source=None):
        self.host.apps.add(self.NAME)
        self.host.liftlock("install", source or self.source, "--trust", "none", "--name", self.NAME)

    def remove(self):
        self.host.liftlock("uninstall", self.NAME, "--yes", "--purge")
        self.host.apps.discard(self.NAME)

    def answer(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return connection.recv(4096).endswith(b"}")
        except OSError:
            return False

    def start(self):
        process = subprocess.Popen([self.host.program("bench-server"), str(self.port)], cwd=self.host.path("tree-1.0.0"))
        while not self.answer():
            time.sleep(0.0002)
        return process

    def own_restart_ms(self, times):
        """How long stop and start take by themselves: signal, end, start, first good answer."""
        spent, process = [], self.start()
        for _ in range(times):
            begin = time.monotonic()
            process.terminate()
            process.wait()
            process = self.start()
            spent.append((time.monotonic() - begin) * 1000)
        process.terminate()
        process.wait()
        return spent


def machine(path="."):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False).stdout.strip()
    print("%d cores, file system %s, load %.1f" % (os.cpu_count(), kind, os.getloadavg()[0]))


def median(values):
    return statistics.median(values)


def figure(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def table(head, rows):
    """Left-aligned first column, the others right-aligned."""
    lines = [head] + [[cell if isinstance(cell, str) else figure(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  " + line[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:])))


def compare(head, samples, unit="ms"):
    """Medians of {name: values}, beside the first one's."""
    first = median(next(iter(samples.values())))
    table([head, "median " + unit, "least", "most", "ratio"],
          [[name, median(values), min(values), max(values), median(values) / first if first else 0.0]
           for name, values in samples.items()])


def end(process):
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=10)[0]
