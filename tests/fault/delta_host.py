# SPDX-License-Identifier: Apache-2.0
"""A host whose source lists, beside each archive, what leads to its tree for fewer bytes: a delta, or a pack and its
table. An update that goes another way is a failure: then the loops would strike nothing new."""
import glob
import hashlib
import json
import os
import random
import shutil
import subprocess

from host import NEW, OLD, DiskHost, FilesHost, Host, Wrong

FILLER = 300  # kB that both releases share, and a little that they do not


class DeltaHost(Host):
    way = "delta"

    def prepare(self):
        self.delta = os.path.join(self.build, "src", "liftlock-delta")
        self.ways = {OLD: {}, NEW: {}}
        super().prepare()

    def make_source(self):
        super().make_source()
        inventories = {version: self.run_delta("inventory", self.tree_of(version), self.beside("inventory")).split()[0]
                       for version in (OLD, NEW)}
        self.run_delta("make", self.tree_of(OLD), self.tree_of(NEW), self.offered("delta"))
        for version in (OLD, NEW):
            name = "ledger-%s.yaml" % version  # beside the archive, which a plan would have to fetch for it
            shutil.copy(os.path.join(self.tree_of(version), "liftlock.yaml"), self.offered(name))
            self.ways[version] = {"tree": inventories[version], "manifest": name, "manifest_sha256": self.file(name)["sha256"]}
        if self.way == "delta":
            self.ways[NEW]["deltas"] = [{"from": OLD, "from_tree": inventories[OLD], "memory": 1 << 25, **self.file("delta")}]
        else:
            self.run_delta("pack", self.tree_of(NEW), self.offered("pack"), self.offered("table"))
            self.ways[NEW].update({name: self.file(name) for name in ("pack", "table")})

    def make_tree(self, version):
        super().make_tree(version)
        chance = random.Random(1)
        os.mkdir(os.path.join(self.tree_of(version), "filler"))
        for n in range(FILLER // 50):
            with open(os.path.join(self.tree_of(version), "filler", str(n)), "wb") as file:
                file.write(chance.randbytes(50000) + (version.encode() if n == 0 else b""))

    def beside(self, name):
        return os.path.join(self.work, name)

    def offered(self, name):
        return os.path.join(self.source, name)

    def run_delta(self, *words):
        return subprocess.run([self.delta, *words], check=True, capture_output=True, env=self.environment).stdout.decode()

    def file(self, name):
        with open(self.offered(name), "rb") as file:
            data = file.read()
        return {"url": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}

    def listed(self, version):
        return {**super().listed(version), **self.ways[version]}

    def learn_new(self):
        super().learn_new()
        if self.has_said("is of no use here") or self.ways_gone() != [self.way]:
            with open(os.path.join(self.work, "transcript")) as said:
                raise Wrong("the release was to come by its %s, not by %s: %s" % (self.way, self.ways_gone(), said.read()))
        if self.way != "delta" or self.live != "current":
            return
        kept = {os.stat(os.path.join(self.app, "releases", version, "filler", "1")).st_ino for version in (OLD, NEW)}
        if (len(kept) == 1) != (os.geteuid() == 0 and not self.user):
            raise Wrong("a file that is the same in both releases is %s file(s)" % len(kept))

    def ways_gone(self):
        """Of the updates that were made, as their jobs' logs have them."""
        gone = []
        for log in glob.glob(os.path.join(self.root, "var", "lib", "liftlock", "ledger", "jobs", "*", "log")):
            with open(log) as file:
                plan = json.JSONDecoder().raw_decode(file.readline())[0]["plan"]
            gone += [plan["way"]] if plan["kind"] == "update" else []
        return gone


class FramesHost(DeltaHost):
    way = "frames"


class FilesDeltaHost(DeltaHost, FilesHost):
    """As an app in place: what comes is complete before a file of the app is touched."""


class DeltaDiskHost(DiskHost, DeltaHost):
    """On a file system whose power is cut."""


class FramesDiskHost(DiskHost, FramesHost):
    """The same with a pack."""
