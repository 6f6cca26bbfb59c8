# SPDX-License-Identifier: Apache-2.0
"""A host with the ledger 1.0.0 on it that can be set back to that state, struck, and looked at."""
import glob
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OLD, NEW = "1.0.0", "2.0.0"


class Wrong(Exception):
    """What a look at the host found."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree_digest(top):
    """Names, kinds, rights and content of everything below."""
    lines = []
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            what = os.readlink(path) if stat.S_ISLNK(mode) else ""
            if stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    what = hashlib.sha256(file.read()).hexdigest()
            lines.append("%s %o %s" % (os.path.relpath(path, top), mode, what))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def numbers(path):
    """A torn last line is no number yet."""
    try:
        with open(path) as file:
            text = file.read()
    except FileNotFoundError:
        return set()
    return {int(line) for line in text[:text.rfind("\n") + 1].split()}


class Host:
    ledger, shared, live = "app", "shared", "current"

    def __init__(self, work, build, root_runs):
        self.work, self.build = work, build
        self.root, self.before, self.source = (os.path.join(work, name) for name in ("host", "before", "source"))
        self.app = os.path.join(self.root, "opt", "ledger")
        self.bin = os.path.join(work, "bin")
        self.tracer = os.path.join(self.bin, "fault-tracer")
        self.list = os.path.join(work, "list")
        self.port = free_port()
        self.user = "liftlock-test" if os.geteuid() == 0 and not root_runs else None
        self.environment = {"PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "HOME": work,
                            "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "LIFTLOCK_ROOT": self.root, "G_DEBUG": "fatal-criticals"}
        self.writer = None
        self.trees = {}

    # --- making it ---

    def prepare(self):
        os.chmod(self.work, 0o755)
        for folder in (self.source, self.bin, self.root):
            os.mkdir(folder)
        for name in ("src/liftlock", "src/liftlock-fetch", "src/liftlock-unpack", "src/liftlock-parse", "src/liftlock-assemble", "src/liftlock-transfer",
                     "src/liftlock-postgres", "tests/fault/fault-tracer"):
            shutil.copy(os.path.join(self.build, name), self.bin)
        self.make_source()
        os.makedirs(os.path.join(self.root, "etc", "liftlock"))
        with open(os.path.join(self.root, "etc", "liftlock", "liftlock.toml"), "w") as file:
            file.write("allow_trust_none = true\n")
        if self.user:
            subprocess.run(["chown", "-R", self.user + ":", self.root, self.source], check=True)
        self.furnish()
        self.offer(OLD)
        self.must(*self.installation(self.user or pwd.getpwuid(os.geteuid()).pw_name))
        for number in range(1, 21):
            self.ask("POST", "/%d" % number)
        self.edit()
        self.trees[OLD] = self.tree(OLD)
        self.remember_server()
        self.clear()
        subprocess.run(["cp", "-a", self.root, self.before], check=True)
        self.learn_new()

    def tree_of(self, version):
        return os.path.join(self.work, "tree-" + version)

    def make_tree(self, version):
        subprocess.run([os.path.join(HERE, self.ledger, "make-release"), version, self.tree_of(version), str(self.port)],
                       check=True)

    def make_source(self):
        for version in (OLD, NEW):
            self.make_tree(version)
            subprocess.run(["tar", "-C", self.tree_of(version), "-czf",
                            os.path.join(self.source, "ledger-%s.tar.gz" % version), "."], check=True)

    def furnish(self):
        """What the app finds on the host before it is installed."""

    def installation(self, user):
        return ["install", self.source, "--trust", "none", "--name", "ledger", "--user", user]

    def edit(self):
        """What a user makes of the app once it is installed."""

    def learn_new(self):
        """The tree of the new release, as an update leaves it that nobody disturbs."""
        self.start_server()
        self.offer(OLD, NEW)
        self.must("update", "ledger")
        self.trees[NEW] = self.tree(NEW)
        self.clear()

    def offer(self, *versions):
        """What the source lists."""
        index = {"app": "ledger", "channels": {"stable": versions[-1]}, "releases": [self.listed(each) for each in versions]}
        with open(os.path.join(self.source, "releases.json"), "w") as file:
            json.dump(index, file)

    def listed(self, version):
        """A release in the index."""
        name = "ledger-%s.tar.gz" % version
        with open(os.path.join(self.source, name), "rb") as file:
            data = file.read()
        return {"version": version, "url": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
                "released": "2026-10-01T00:00:00Z"}

    def set_back(self):
        self.clear()
        for name in ("attempted", "acknowledged", "list"):
            if os.path.exists(os.path.join(self.work, name)):
                os.unlink(os.path.join(self.work, name))
        self.lay()
        self.offer(OLD, NEW)

    def lay(self):
        subprocess.run("chmod -R u+w host && rm -rf host && cp -a --reflink=auto before host", shell=True, cwd=self.work,
                       check=True)

    def power_returns(self):
        """What a reboot leaves: no process, nothing below /run."""
        self.clear()
        shutil.rmtree(os.path.join(self.root, "run"), ignore_errors=True)

    def remove(self):
        self.clear()

    # --- its processes ---

    def processes(self):
        """All that carry our directory in their environment, run from it or stand in it."""
        mark, found = self.work.encode(), []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and int(name) != os.getpid() and self.is_ours("/proc/" + name, mark):
                    found.append(int(name))
            except OSError:
                pass
        return found

    @staticmethod
    def is_ours(process, mark):
        with open(process + "/environ", "rb") as file:
            if mark in file.read():
                return True
        return any(os.fsencode(os.readlink(process + link)).startswith(mark) for link in ("/exe", "/cwd"))

    def clear(self):
        self.stop_writer()
        deadline = time.monotonic() + 10
        while True:
            left = self.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.reap()
            if not left:
                return
            if time.monotonic() > deadline:
                raise Wrong("processes %s do not end" % left)
            time.sleep(0.002)

    @staticmethod
    def reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def as_user(self, command):
        if not self.user:
            return command
        return ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups"] + command

    def remember_server(self):
        """The server that liftlock started, so that it can be started again without asking liftlock."""
        for pid in self.processes():
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                words = file.read().split(b"\0")[:-1]
            if b"bin/ledger" in words:
                with open("/proc/%d/environ" % pid, "rb") as file:
                    pairs = [entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry]
                self.server = ([os.fsdecode(word) for word in words], {os.fsdecode(k): os.fsdecode(v) for k, v in pairs})
                return
        raise Wrong("the server that liftlock started is not to be found")

    def start_server(self):
        words, environment = self.server
        subprocess.Popen(self.as_user(words), env=environment, cwd=os.path.join(self.app, self.live),
                         start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                self.ask("GET", "/version")
                return
            except OSError:
                time.sleep(0.003)
        raise Wrong("the server of the test does not start")

    def start_writer(self):
        self.writer = subprocess.Popen([os.path.join(HERE, "writer.py"), str(self.port), "100",
                                        os.path.join(self.work, "attempted"), os.path.join(self.work, "acknowledged")],
                                       env=self.environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while len(self.acknowledged()) < 23:
            if time.monotonic() > deadline:
                raise Wrong("the writer gets no acknowledgement")
            time.sleep(0.003)

    def stop_writer(self):
        if self.writer:
            self.writer.kill()
            self.writer.wait()
            self.writer = None

    def acknowledged(self):
        return numbers(os.path.join(self.work, "acknowledged")) | set(range(1, 21))

    def attempted(self):
        return numbers(os.path.join(self.work, "attempted")) | set(range(1, 21))

    def ask(self, method, path):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(("%s %s HTTP/1.1\r\n\r\n" % (method, path)).encode())
            data = b""
            while piece := connection.recv(65536):
                data += piece
        return data.partition(b"\r\n\r\n")[2].decode()

    # --- liftlock ---

    def liftlock(self, *arguments, strike=(), timeout=90):
        """Runs it, under the tracer if there is a strike. Returns its exit status and what it said."""
        command = self.as_user([os.path.join(self.bin, "liftlock"), *arguments])
        if strike:
            command = [self.tracer, *strike, "--list", self.list, "--spare", "*bin/ledger [0-9]*"] + command
        child = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, cwd="/")
        try:
            text = child.communicate(timeout=timeout)[0].decode()
        except subprocess.TimeoutExpired:
            self.clear()
            child.communicate()
            raise Wrong("'liftlock %s' does not end" % " ".join(arguments)) from None
        code = child.returncode
        with open(os.path.join(self.work, "transcript"), "a") as transcript:
            transcript.write("$ liftlock %s\n%s(exit %d)\n" % (" ".join(arguments), text, code))
        return code, text

    def must(self, *arguments):
        code, text = self.liftlock(*arguments)
        if code != 0:
            raise Wrong("'liftlock %s' exits with %d: %s" % (" ".join(arguments), code, " | ".join(text.split("\n")[-4:])))
        return text

    def has_said(self, words):
        with open(os.path.join(self.work, "transcript")) as transcript:
            return words in transcript.read()

    def answer(self, *arguments):
        done = subprocess.run(self.as_user([os.path.join(self.bin, "liftlock"), *arguments, "--json"]), cwd="/", check=False,
                              env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Wrong("'liftlock %s --json' says '%s'" % (" ".join(arguments), done.stderr.decode())) from None

    def calls(self):
        """The trace of the last struck command: lists of words."""
        try:
            with open(self.list) as file:
                return [line.split(" ") for line in file.read().split("\n") if line]
        except FileNotFoundError:
            return []

    def struck(self):
        return next((" ".join(words) for words in self.calls() if "<-" in words), None)

    # --- looking ---

    def store(self):
        """The directory that holds the releases and the link to the live one."""
        return self.app

    def tree(self, version):
        return tree_digest(os.path.join(self.store(), "releases", version))

    def current(self):
        return os.path.basename(os.readlink(os.path.join(self.store(), "current")))

    def look(self, required):
        """Exactly one version in every respect, or Wrong. Returns that version. `required`: rows that must be there."""
        version = self.current()
        if version not in (OLD, NEW):
            raise Wrong("current leads to %s" % version)
        if self.tree(version) != self.trees[version]:
            raise Wrong("the tree of %s is not as it was" % version)
        try:
            state = json.loads(self.ask("GET", "/state"))
        except (OSError, ValueError) as error:
            raise Wrong("current is %s, and nothing serves: %s" % (version, error)) from None
        schema = int(version[0])
        if (state["version"], state["schema"], state["notes"]) != (version, schema, schema):
            raise Wrong("a mixture: current is %s, %s runs, schema %s, notes %s"
                        % (version, state["version"], state["schema"], state["notes"]))
        if state["wrong"] or state["integrity"] != "ok":
            raise Wrong("%d rows are not in the shape of %s; integrity: %s" % (state["wrong"], version, state["integrity"]))
        rows = set(state["rows"])
        if required - rows:
            raise Wrong("acknowledged rows are lost: %s" % sorted(required - rows)[:8])
        if rows - self.attempted():
            raise Wrong("rows that nobody sent: %s" % sorted(rows - self.attempted())[:8])
        return version

    def look_at_claims(self):
        for name in ("hold", "fence"):
            folder = os.path.join(self.root, "var", "lib", "liftlock", "ledger", name)
            left = os.listdir(folder) if os.path.isdir(folder) else []
            if left:
                raise Wrong("%s is left: %s" % (name, left))
        if os.path.exists(os.path.join(self.app, self.shared, "maintenance")):
            raise Wrong("the maintenance file is left")
        left = [name for name in os.listdir(os.path.join(self.store(), "releases")) if name not in (OLD, NEW, NEW + ".pending")]
        if left:
            raise Wrong("left in releases: %s" % left)

    def look_at_words(self, version):
        """What liftlock itself says must be what is seen."""
        status = self.answer("status")[0]
        if status["version"] != version:
            raise Wrong("status says %s, seen is %s" % (status["version"], version))
        if status.get("interrupted") or status["fence"] or status["hold"]:
            raise Wrong("status says: interrupted %s, fence %s, hold %s"
                        % (status.get("interrupted"), status["fence"], status["hold"]))
        if not status["services"][0]["active"]:
            raise Wrong("status says that the service does not run")
        told = None
        for job in reversed(self.answer("history")):
            if job["verdict"] == "updated":
                told = job["to"]
            elif job["verdict"] not in ("failed", "refused", "rolled-back"):
                raise Wrong("history says %s of job %s" % (job["verdict"], job["id"]))
        if told != version:
            raise Wrong("history says that %s is live, seen is %s" % (told, version))


class FilesHost(Host):
    """The ledger as an app in place: its files lie in its root, and a user has made some of them his own."""
    ledger, shared, live = "app-files", "", ""
    litter = re.compile(r"\.liftlock-\d+-[0-9a-f]+\.tmp$")  # of a file that was to be replaced; the next job takes it away
    own = {".liftlock", ".liftlock-store", "logs", "synchronous-full", "ledger.db", "ledger.db-wal", "ledger.db-shm", "notes"}

    def store(self):
        return os.path.join(self.app, ".liftlock-store")

    def tree(self, version):
        """The files in place, all that are neither data nor liftlock's."""
        for name in os.listdir(self.app):
            if name.startswith(".liftlock") and name not in self.own and not self.litter.match(name):
                return name  # something that is left
        place = os.path.join(self.work, "seen")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.app, place, symlinks=True, ignore=self.not_of_the_app)
        digest = tree_digest(place)
        shutil.rmtree(place)
        return digest

    def where(self, name):
        return os.path.join(self.app, name)

    def edit(self):
        lines = {"config.toml": "# how it works\nlimit = 11  # mine\n\n[pool]\nsize = 1\n", "words/mine": "my own\n",
                 "extra.txt": "my own, too\n", "pictures/one": "a picture\n", "words/en": "edited\n"}
        for name, text in lines.items():
            os.makedirs(os.path.dirname(self.where(name)), exist_ok=True)
            with open(self.where(name), "w") as file:
                file.write(text)
        if self.user:
            subprocess.run(["chown", "-R", self.user + ":", self.app], check=True)

    def not_of_the_app(self, folder, names):
        return [name for name in names if folder == self.app and (name in self.own or self.litter.match(name))]

    def look(self, required):
        """What a job could not tidy up, the next one does."""
        with open(os.path.join(self.work, "transcript")) as transcript:
            if "could not tidy up: " in transcript.read():
                self.must("restart", "ledger")
        return super().look(required)

    def look_at_claims(self):
        super().look_at_claims()
        left = [name for name in ("change", "intents") if os.path.exists(os.path.join(self.store(), name))]
        if left:
            raise Wrong("left in the store: %s" % left)


class PostgresHost(Host):
    """The ledger on PostgreSQL: a server of our own, which no strike reaches, that is set back by a template."""
    ledger = "app-postgres"

    def __init__(self, work, build, kind):
        super().__init__(work, build, False)
        # Not below `work`: what lies there is cleared away at every point.
        self.cluster = tempfile.mkdtemp(prefix="liftlock-fault-server.")
        os.chmod(self.cluster, 0o755)
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]
        if not self.programs:
            raise Wrong("postgresql is missing: ./dev setup")
        self.data, self.postmaster = self.data_place(), None
        self.settings = ["listen_addresses=", "fsync=off", "autovacuum=off", "unix_socket_directories=" + self.cluster]

    def data_place(self):
        return os.path.join(self.cluster, "data")

    # --- the database server ---

    def as_server(self, run, *command, **more):
        command = self.as_user([os.path.join(self.programs[0], command[0]), *command[1:]])
        return run(command, cwd=self.cluster, stdin=subprocess.DEVNULL,
                   env={"PATH": "/usr/bin:/bin", "HOME": self.cluster, "LC_ALL": "C.UTF-8"}, **more)

    def server_begins(self):
        """It refuses to start while a process of the one before it is left."""
        settings = [word for setting in self.settings for word in ("-c", setting)]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with open(os.path.join(self.cluster, "log"), "a") as log:
                self.postmaster = self.as_server(subprocess.Popen, "postgres", "-D", self.data, *settings, stdout=log, stderr=log)
            while self.postmaster.poll() is None and time.monotonic() < deadline:
                if self.server_answers():
                    return
                time.sleep(0.01)
            time.sleep(0.05)
        raise Wrong("the database server does not start")

    def server_answers(self):
        command = [os.path.join(self.programs[0], "pg_isready"), "-q", "-h", self.cluster]
        return subprocess.run(command, check=False, env={}).returncode == 0

    def server_is_there(self):
        if not self.postmaster or self.postmaster.poll() is not None:
            self.server_begins()

    def server_returns(self, pause_s):
        """Once it has died, after a pause. If it does not die, whoever waits for this waits no longer than for a job."""
        try:
            self.postmaster.wait(60)
            time.sleep(pause_s)
            self.server_begins()
        except (subprocess.TimeoutExpired, Wrong):
            pass  # whoever looks will see it

    def server_ends(self, how):
        if self.postmaster and self.postmaster.poll() is None:
            self.postmaster.send_signal(how)
            self.postmaster.wait(30)

    def sql(self, *statements):
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.cluster, "-U", "postgres", "-d", "postgres"]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(self.as_user(command), check=True, capture_output=True, cwd="/", timeout=60).stdout.decode()

    def furnish(self):
        if self.user:
            subprocess.run(["chown", self.user + ":", self.cluster], check=True)
        self.as_server(subprocess.run, "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync",
                       "--wal-segsize=1", check=True, capture_output=True)
        self.server_begins()
        self.sql("CREATE ROLE ledger LOGIN CREATEDB", "CREATE DATABASE ledger OWNER ledger")
        shared = os.path.join(self.app, "shared")
        os.makedirs(shared)
        with open(os.path.join(shared, ".env"), "w") as env:
            env.write("DATABASE_URL=postgresql://ledger@/ledger?host=%s\n" % self.cluster)
        if self.user:
            subprocess.run(["chown", "-R", self.user + ":", self.root], check=True)

    def databases(self):
        return set(self.sql("SELECT datname FROM pg_database WHERE datname LIKE 'ledger%'").split()) - {"ledger_before"}

    def learn_new(self):
        self.sql("CREATE DATABASE ledger_before TEMPLATE ledger OWNER ledger")
        super().learn_new()

    def lay(self):
        super().lay()
        self.server_is_there()
        self.sql(*('DROP DATABASE "%s" WITH (FORCE)' % name for name in self.databases()),
                 "CREATE DATABASE ledger TEMPLATE ledger_before OWNER ledger")

    def look_at_words(self, version):
        super().look_at_words(version)
        left = self.databases() - {"ledger"}
        if version == NEW and left and self.has_said("could not tidy up: "):
            self.must("restart", "ledger")  # what it left, the next job takes away
            left = self.databases() - {"ledger"}
        if version == NEW and left:
            raise Wrong("databases are left: %s" % sorted(left))

    def remove(self):
        super().remove()
        self.server_ends(signal.SIGQUIT)
        shutil.rmtree(self.cluster, ignore_errors=True)


class DiskHost(Host):
    """The same on a file system of its own whose power can be cut."""

    def __init__(self, work, build, kind):
        super().__init__(work, build, False)
        self.make_disk(kind)

    def make_disk(self, kind):
        self.kind, self.image, self.made = kind, None, 0
        self.pristine = os.path.join(self.work, "pristine")

    def prepare(self):
        super().prepare()
        with open(self.pristine, "wb") as file:
            file.truncate((240 if self.kind == "ext4" else 320) * 1024 * 1024)
        make = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q"]}[self.kind]
        subprocess.run(make + [self.pristine], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["chmod", "-R", "u+w", self.root], check=True)
        shutil.rmtree(self.root)
        os.mkdir(self.root)
        self.mount(self.pristine)
        subprocess.run(["cp", "-a", self.before + "/.", self.root], check=True)
        self.unmount()

    def mount(self, image):
        subprocess.run(["mount", "-o", "loop", image, self.root], check=True)
        self.image = image

    @staticmethod
    def is_attached(image):
        """A file system that something still holds would be mounted again as it is: dead, if its power was cut."""
        for path in glob.glob("/sys/block/loop*/loop/backing_file"):
            try:
                with open(path) as file:
                    if file.read().startswith(image):
                        return True
            except OSError:
                pass
        return False

    def unmount(self):
        if not self.image:
            return
        self.take_off(self.root)
        image, self.image = self.image, None  # whatever comes now, it is no longer mounted
        self.wait_for(image)

    @staticmethod
    def take_off(place):
        deadline = time.monotonic() + 10
        while subprocess.run(["umount", place], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            if time.monotonic() > deadline:  # a process that is on its way out may still hold files
                raise Wrong("the file system at %s cannot be unmounted" % place)
            time.sleep(0.01)

    def wait_for(self, image):
        deadline = time.monotonic() + 20
        while self.is_attached(image):
            if time.monotonic() > deadline:
                raise Wrong("something holds the file system in %s" % image)
            time.sleep(0.005)

    def lay(self):
        last = self.image
        self.unmount()
        if last:
            os.unlink(last)
        self.made += 1
        image = os.path.join(self.work, "disk-%d" % self.made)
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.pristine, image], check=True)
        self.mount(image)

    def disk_to_cut(self, n):
        return self.root

    def power_returns(self):
        self.clear()
        image = self.image
        self.unmount()
        self.mount(image)
        shutil.rmtree(os.path.join(self.root, "run"), ignore_errors=True)

    def remove(self):
        self.clear()
        self.unmount()


class FilesDiskHost(DiskHost, FilesHost):
    """The ledger as an app in place, on the file system whose power is cut."""


class FilesDisksHost(FilesDiskHost):
    """Its words lie in a folder of their own, on another disk, and only one of the two loses its power: the other keeps what
    was never made durable. On even points it is the words' that goes."""

    def __init__(self, work, build, kind):
        super().__init__(work, build, kind)
        self.words = os.path.join(self.root, "srv", "words")

    def where(self, name):
        folder, _, rest = name.partition("/")
        return os.path.join(self.words, rest) if folder == "words" else super().where(name)

    def installation(self, user):
        config = os.path.join(self.work, "ledger.toml")
        os.makedirs(self.words)
        if self.user:
            subprocess.run(["chown", "-R", self.user + ":", os.path.dirname(self.words)], check=True)
        with open(config, "w") as file:
            file.write('[app]\nlayout = "files"\nuser = "%s"\n[source]\ntype = "folder"\npath = "%s"\n'
                       '[trust]\nlevel = "none"\n[destinations]\nwords = "/srv/words"\n' % (user, self.source))
        return ["install", config]

    def tree(self, version):
        left = [name for name in os.listdir(self.words) if name.startswith(".liftlock")]
        return (super().tree(version), tree_digest(self.words)) if not left else left[0]

    def disk_to_cut(self, n):
        return self.words if n % 2 == 0 else self.root

    def prepare(self):
        self.second = None
        super().prepare()

    def mount(self, image):
        super().mount(image)
        if not os.path.exists(image + "-words"):
            size = os.path.getsize(image)
            with open(image + "-words", "wb") as file:
                file.truncate(size)
            subprocess.run({"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q"]}[self.kind] + [image + "-words"],
                           check=True, stdout=subprocess.DEVNULL)
        os.makedirs(self.words, exist_ok=True)
        subprocess.run(["mount", "-o", "loop", image + "-words", self.words], check=True)
        self.second = image + "-words"
        if os.path.exists(os.path.join(self.words, "lost+found")):
            os.rmdir(os.path.join(self.words, "lost+found"))

    def unmount(self):
        if self.second:
            self.take_off(self.words)
            image, self.second = self.second, None
            self.wait_for(image)
        super().unmount()

    def lay(self):
        """The pristine disk of the words is copied like the other, before both are mounted."""
        self.unmount_last()
        self.made += 1
        image = os.path.join(self.work, "disk-%d" % self.made)
        for end in ("", "-words"):
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.pristine + end, image + end], check=True)
        self.mount(image)

    def unmount_last(self):
        last = self.image
        self.unmount()
        for end in ("", "-words") if last else ():
            os.unlink(last + end)


class PostgresDiskHost(DiskHost, PostgresHost):
    """The ledger on PostgreSQL, with the server's data on the file system whose power is cut. The server waits for the disk,
    and dies with all others."""

    def __init__(self, work, build, kind):
        PostgresHost.__init__(self, work, build, kind)
        self.settings.append("max_wal_size=8MB")
        self.settings.remove("fsync=off")
        self.make_disk(kind)

    def data_place(self):
        return os.path.join(self.root, "srv", "database")

    def furnish(self):
        os.makedirs(self.data, 0o700)
        if self.user:
            subprocess.run(["chown", "-R", self.user + ":", os.path.dirname(self.data)], check=True)
        super().furnish()

    def learn_new(self):
        Host.learn_new(self)

    def start_server(self):
        self.server_is_there()
        super().start_server()

    def clear(self):
        """A cluster that was shut down in order is what the disk is made of; whoever is struck has no time for that."""
        if not self.image:
            self.server_ends(signal.SIGINT)
        super().clear()

    def lay(self):
        DiskHost.lay(self)

    def power_returns(self):
        super().power_returns()
        self.server_begins()

    def remove(self):
        super().remove()
        shutil.rmtree(self.cluster, ignore_errors=True)
