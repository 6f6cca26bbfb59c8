#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hostile archives on their way through the whole program: refused by name of the entry, and nothing appears anywhere.
# tests/property/test_archives.py tries all of them on the program that unpacks.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
bad=$live
mkdir "$work/outside"
chmod 777 "$work/outside"
echo "do not touch" >"$work/outside/secret"

another() {
    withdraw_offer "$bad"
    bad=$(next "$bad")
    release "$bad"
    archive=$app-$bad.tar.gz
}

good_again() {
    withdraw_offer "$bad"
    live=$(next "$bad")
    release "$live"
    offer "$live"
    expect_exit 0 lift update $app
    runs
    verdict "the next good update works: $live" $?
    bad=$live
}

# Met twice: by the plan, which looks for the manifest inside, and by the job, where the manifest lies beside.
met() { # met TEXT [EXIT]
    list "$bad"
    refused 1 "$archive: $1" lift update $app
    cp "$work/tree/liftlock.yaml" "$src/beside.yaml"
    change_index "
import hashlib
last['manifest'] = 'beside.yaml'
last['manifest_sha256'] = hashlib.sha256(open('$src/beside.yaml', 'rb').read()).hexdigest()"
    refused 1 "$archive: $1" lift update $app
    expect_same "what lies outside" "$(cd "$work/outside" && echo ./*): $(cat "$work/outside/secret")" "./secret: do not touch"
    expect_no_file "$host/opt/$app/releases/$bad.partial"
}

hostile() { # hostile PYTHON TEXT: a good release with more behind it
    another
    /usr/bin/python3 - "$work/tree" "$src/$archive" "$work" "$1" <<'END'
import io, sys, tarfile
tree, archive, work, more = sys.argv[1:]
with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
    tar.add(tree, arcname=".")

    def entry(name, content=b"planted", **fields):
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in fields.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(content) if info.isreg() else None)

    def link(name, target, kind=tarfile.SYMTYPE):
        entry(name, b"", type=kind, linkname=target)

    exec(more)
END
    met "$2"
}

hostile 'entry("../x")' "entry '../x': it has the component '..'"
hostile 'entry("a/../../../../outside/x")' "entry 'a/../../../../outside/x': it has the component '..'"
hostile 'entry(work + "/outside/x")' "entry '$work/outside/x': it is absolute"
good_again
hostile 'link("l", work + "/outside"); entry("l/x")' "entry 'l': its target is absolute"
hostile 'link("l", "../../../../../outside"); entry("l/x")' "entry 'l': its target leaves the tree"
hostile 'link("bin2", "bin"); entry("bin2/x")' "entry 'bin2/x': 'bin2' is no directory"
hostile 'link("h", work + "/outside/secret", tarfile.LNKTYPE)' "entry 'h': its target is not in the archive before it"
hostile 'link("h", "../../shared/books.db", tarfile.LNKTYPE)' "entry 'h': its target is not in the archive before it"
hostile 'link("l", "books.py"); link("h", "l", tarfile.LNKTYPE)' "entry 'h': its target is not a file"
good_again
hostile 'entry("d", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)' "entry 'd': a character device"
hostile 'entry("f", b"", type=tarfile.FIFOTYPE)' "entry 'f': a named pipe"
hostile 'entry("s", mode=0o4755)' "entry 's': a setuid, setgid or sticky bit"
hostile 'entry("c", pax_headers={"SCHILY.xattr.security.capability": "x"})' "file capabilities"
hostile 'entry("books.py")' "entry 'books.py': it stands twice"
hostile 'entry("VERSION/x")' "entry 'VERSION/x': 'VERSION' is no directory"
hostile 'entry("n\x1b[31m\n")' "entry 'n\\x1b[31m\\x0a': it holds control characters"
good_again

another
truncate -s 100M "$work/tree/zeros"
pack "$bad"
rm "$work/tree/zeros"
met "it unpacks to more than 1000 times its size"
another
seq 700000 >"$work/tree/much"
pack "$bad"
list "$bad"
export LIFTLOCK_MAX_RELEASE_SIZE=4MB
refused 3 "$archive: it unpacks to more than 4000000 bytes" lift update $app
hint "if that is right, raise max_release_size in the configuration"
unset LIFTLOCK_MAX_RELEASE_SIZE
export LIFTLOCK_MAX_ENTRIES=3
refused 3 "$archive: more than 3 entries" lift update $app
hint "if that is right, raise max_entries in the configuration"
unset LIFTLOCK_MAX_ENTRIES
export LIFTLOCK_MAX_FILE_SIZE=1MB
refused 3 "$archive: entry './much': more than 1000000 bytes" lift update $app
hint "if that is right, raise max_file_size in the configuration"
unset LIFTLOCK_MAX_FILE_SIZE
expect_exit 0 lift update $app # the host's own limits do not speak against it
live=$bad
runs
verdict "with the limits as they were it goes live: $live" $?
another
pack "$bad"
truncate -s -500 "$src/$archive"
met "damaged: truncated gzip input"
another
pack "$bad"
cp "$src/$archive" "$work/twice"
cat "$work/twice" >>"$src/$archive"
met "something follows its end"
another
echo "no archive" >"$src/$archive"
met "it is cut off"
another
: >"$src/$archive"
met "empty"
good_again
