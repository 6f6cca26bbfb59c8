#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From one release to the next by a delta; by the frames of its pack where the delta does not fit or was cut short.
. "$(dirname "$0")/lib.sh"

# Two releases of a program: addresses move, a file moves, one goes, one comes.
python3 - <<'END'
import os
import random
seed = random.Random(1)
program = bytearray(seed.randbytes(300000))
text = "".join("line %d of %d\n" % (i, seed.randrange(10**6)) for i in range(5000))
for release in ("1.0.0", "1.1.0"):
    os.makedirs(release + "/bin")
    os.makedirs(release + "/share/doc")
    new = release == "1.1.0"
    for at in range(0, len(program) - 4, 50) if new else ():
        program[at:at + 4] = ((int.from_bytes(program[at:at + 4], "little") + 4096) % 2**32).to_bytes(4, "little")
    files = {"bin/program": bytes(program), "share/doc/%s.txt" % ("manual" if new else "guide"): text.encode(), "share/empty": b"",
             "share/kept": seed.randbytes(1200000) if not new else open("1.0.0/share/kept", "rb").read(), "VERSION": release.encode()}
    for path, content in files.items():
        with open(os.path.join(release, path), "wb") as file:
            file.write(content)
    os.chmod(release + "/bin/program", 0o755)
    os.symlink("bin/program", release + "/run")
END

expect_exit 0 liftlock-delta inventory 1.0.0 old.inventory
expect_exit 0 liftlock-delta inventory 1.1.0 new.inventory
digest=$(cat "$out")
expect_same 'the digest of a tree is that of its inventory' "$digest" "$(sha256sum <new.inventory | cut -d' ' -f1)"
expect_exit 0 liftlock-delta make 1.0.0 1.1.0 delta
ok 'the delta is small' test "$(stat -c %s delta)" -lt 2000
expect_exit 0 liftlock-delta apply 1.0.0 old.inventory delta by-delta "$digest"
ok 'it leads to the release' diff -r --no-dereference 1.1.0 by-delta
expect_same 'what stays is shared' "$(stat -c %i 1.0.0/share/kept)" "$(stat -c %i by-delta/share/kept)"
expect_same 'also under another name' "$(stat -c %i 1.0.0/share/doc/guide.txt)" "$(stat -c %i by-delta/share/doc/manual.txt)"

note 'a byte of an installed file has changed'
cp -a 1.0.0 changed
printf x | dd of=changed/bin/program bs=1 seek=1000 conv=notrunc 2>/dev/null
expect_exit 1 liftlock-delta apply changed old.inventory delta nowhere "$digest"
expect_text "$err" 'liftlock-delta: the delta does not lead to the release'
expect_exit 1 liftlock-delta apply changed - delta nowhere-either "$digest"
expect_text "$err" 'liftlock-delta: the delta starts from another tree than the one here'

note 'then the pack leads there, by what is lacking'
expect_exit 0 liftlock-delta pack 1.1.0 pack table
expect_exit 0 liftlock-delta inventory changed changed.inventory
expect_exit 0 liftlock-delta unpack changed changed.inventory pack table by-pack "$digest"
fetched=$(cut -d' ' -f1 "$out")
ok 'it leads to the release' diff -r --no-dereference 1.1.0 by-pack
ok 'not all of it was needed' test "$fetched" -lt "$(stat -c %s pack)"

note 'cut short: what is there stays, what is half there goes'
rm by-pack/VERSION
cp by-pack/bin/program half
rm by-pack/bin/program
head -c 1000 half >by-pack/bin/program
expect_exit 0 liftlock-delta unpack - - pack table by-pack "$digest"
ok 'it leads to the release' diff -r --no-dereference 1.1.0 by-pack

note 'a pack whose frames were changed'
cp pack broken
printf x | dd of=broken bs=1 seek=100 conv=notrunc 2>/dev/null
expect_exit 1 liftlock-delta unpack - - broken table by-broken "$digest"
expect_text "$err" 'liftlock-delta: a frame of the pack is damaged'

note 'a delta that was cut off on its way'
half=$(($(stat -c %s delta) / 2))
dd if=delta of=cut bs=1 count=$half 2>/dev/null
expect_exit 1 liftlock-delta apply 1.0.0 old.inventory cut by-cut "$digest"
expect_text "$err" 'liftlock-delta: the delta is damaged'

note 'a table of another release: its inventory is not the one that was signed'
expect_exit 0 liftlock-delta pack 1.0.0 pack-of-old table-of-old
expect_exit 1 liftlock-delta unpack - - pack-of-old table-of-old by-old "$digest"
expect_text "$err" "liftlock-delta: the table's inventory is not the release's"
expect_same 'nothing was written' "$(ls -d by-old 2>/dev/null)" ''
