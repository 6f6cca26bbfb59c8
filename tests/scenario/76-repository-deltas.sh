#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a publisher's repository offers to hosts that have another release: deltas, a pack and its table. What is made, that it
# leads where it says, and an audit that finds what was damaged, and what was signed and is not so.
# limit: 240
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-repo.sh"
export SOURCE_DATE_EPOCH=1795000000 TMPDIR="$work/tmp"
as_user mkdir "$TMPDIR"
delta=$build/src/liftlock-delta

# app VERSION: a program, a library whose addresses move, texts, links, as below /usr
app() {
    as_user rm -rf tree
    make_tree tree "$1"
    as_user /usr/bin/python3 - "$1" <<'END'
import os, random, sys
minor = int(sys.argv[1].split(".")[1])
library, text = random.Random(1).randbytes(60000), "".join("line %d\n" % i for i in range(3000))
moved = bytearray(library)
for at in range(0, len(moved) - 4, 40):
    moved[at:at + 4] = ((int.from_bytes(moved[at:at + 4], "little") + 4096 * minor) % 2**32).to_bytes(4, "little")
for folder in ("lib", "share/doc"):
    os.makedirs("tree/" + folder)
for path, content in (("lib/libbooks.so.1", bytes(moved)), ("share/doc/guide-%d" % minor, text.encode()), ("share/shelf", random.Random(2).randbytes(90000)), ("share/empty", b"")):
    with open("tree/" + path, "wb") as file:
        file.write(content)
os.symlink("libbooks.so.1", "tree/lib/libbooks.so")
os.chmod("tree/bin/books", 0o755)
END
}
add() { # add VERSION TREE|ARCHIVE OPTION...
    version=$1
    what=$2
    shift 2
    liftlock_repo add "$repo" books "$version" "$what" --keys "$keys" --no-passphrase "$@"
}
file_of() { basename "$repo"/targets/books/*."$1"; } # "SHA256.books-1.1.0.pack"
signed_again() { # signed_again WHAT...: in a copy of the repository, by the publisher
    rm -rf mirror
    as_user cp -a "$repo" mirror
    as_user /usr/bin/python3 "$tree/tests/scenario/resign.py" mirror "$keys" "$@"
}
wrong() { sed -n 's/^wrong: //p' "$out"; }

note 'three releases'
expect_exit 0 liftlock_repo init "$repo" --keys "$keys" --no-passphrase
for version in 1.0.0 1.1.0 1.2.0; do
    app $version
    as_user cp -a tree tree-$version
    expect_exit 0 add $version tree --channel stable
done
expect_same 'what is said' "$(grep -o '^  \(delta from [0-9.]*\|table\|pack\)' "$out" | tr -s ' \n' ' ')" ' delta from 1.1.0 delta from 1.0.0 table pack '
expect_same 'its files' "$(block 1.2.0 '" ".join(b["files"])')" \
    'books/books-1.2.0-from-1.1.0.delta books/books-1.2.0-from-1.0.0.delta books/books-1.2.0.table books/books-1.2.0.pack books/books-1.2.0.tar.zst'
expect_exit 0 "$delta" inventory tree inventory
digest=$(cat "$out")
expect_same 'its tree' "$(block 1.2.0 'b["tree"]')" "$digest"
expect_same 'what the metadata say of a delta' "$(field "$(newest app-books)" '[s["targets"]["books/books-1.2.0-from-1.0.0.delta"]["custom"][k] for k in ("kind", "version", "from", "from_tree")]')" \
    "['delta', '1.2.0', '1.0.0', '$(block 1.0.0 'b["tree"]')']"
ok 'a delta is small' test "$(stat -c %s "$repo/targets/books/$(file_of books-1.2.0-from-1.0.0.delta)")" -lt 3000
expect_exit 0 "$delta" apply tree-1.0.0 - "$repo/targets/books/$(file_of books-1.2.0-from-1.0.0.delta)" by-delta "$digest"
ok 'it leads to the release' diff -r --no-dereference tree by-delta
expect_exit 0 "$delta" unpack - - "$repo/targets/books/$(file_of books-1.2.0.pack)" "$repo/targets/books/$(file_of books-1.2.0.table)" by-pack "$digest"
ok 'so does the pack' diff -r --no-dereference tree by-pack
expect_same 'what is left of trees that were unpacked' "$(ls "$TMPDIR")" ''
expect_exit 0 add 1.2.0 tree --channel stable
expect_text "$out" 'books 1.2.0 is there already, with the same content'
expect_exit 0 liftlock_repo verify "$repo" --rsync-list
expect_same 'deltas, tables, packs, archives, manifests' "$(for kind in delta table pack tar.zst yaml; do grep -c "^targets.*$kind\$" "$out"; done | tr '\n' ' ')" '3 3 3 3 3 '
expect_same 'files come before what names them' "$(sed 's|/.*||' "$out" | uniq | tr '\n' ' ')" 'targets metadata '

note 'the same input and the same keys: the same files'
(cd "$repo/targets/books" && ls) >listing
as_user mv "$repo" "$repo-1"
expect_exit 0 liftlock_repo init "$repo" --keys other --no-passphrase
keys_before=$keys
keys=$work/other
for version in 1.0.0 1.1.0 1.2.0; do
    expect_exit 0 add $version tree-$version --channel stable
done
expect_same 'their names, which are their digests' "$(ls "$repo/targets/books")" "$(cat listing)"
as_user rm -rf "$repo"
as_user mv "$repo-1" "$repo"
keys=$keys_before

note 'a byte of each file is another one'
for file in "$repo"/targets/books/*; do
    name=$(basename "$file")
    as_user cp "$file" kept
    printf '\377' | as_user dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc 2>/dev/null
    expect_exit 1 liftlock_repo verify "$repo"
    expect_same 'all that is wrong' "$(wrong)" "targets/books/$name: its content is not what its name says"
    as_user cp kept "$file"
done
expect_exit 0 liftlock_repo verify "$repo"

note 'what was signed and is not so'
cp "$repo/targets/books/$(file_of books-1.2.0-from-1.1.0.delta)" other.delta
signed_again content books/books-1.2.0-from-1.0.0.delta other.delta
expect_exit 1 liftlock_repo verify mirror
expect_same 'another delta' "$(wrong | sed 's/^[^:]*books-/books-/')" 'books-1.2.0-from-1.0.0.delta: it starts from another tree than that of 1.0.0'
signed_again content books/books-1.2.0-from-1.0.0.delta "$repo/targets/books/$(file_of books-1.1.0-from-1.0.0.delta)"
expect_exit 1 liftlock_repo verify mirror
expect_same 'one to another release' "$(wrong | sed 's/^[^:]*books-/books-/')" 'books-1.2.0-from-1.0.0.delta: it leads to another tree than that of 1.2.0'
size=$(stat -c %s other.delta)
printf '\377' | dd of=other.delta bs=1 seek=$((size - 20)) conv=notrunc 2>/dev/null
signed_again content books/books-1.2.0-from-1.1.0.delta other.delta
expect_exit 1 liftlock_repo verify mirror
expect_same 'one that leads nowhere' "$(wrong | sed 's/^[^:]*books-//; s/the delta .*/.../')" '1.2.0-from-1.1.0.delta: ...'
signed_again custom books/books-1.2.0-from-1.1.0.delta memory 7
expect_exit 1 liftlock_repo verify mirror
expect_same 'memory' "$(wrong | sed 's/.*: //; s/[0-9]* bytes/N bytes/')" 'applying it takes N bytes of memory, not 7'
signed_again content books/books-1.2.0.table "$repo/targets/books/$(file_of books-1.1.0.table)"
expect_exit 1 liftlock_repo verify mirror
expect_same 'the table of another release' "$(wrong | sed 's/.*: //')" "the table's inventory is not the release's"
signed_again content books/books-1.2.0.pack "$repo/targets/books/$(file_of books-1.1.0.pack)"
expect_exit 1 liftlock_repo verify mirror
expect_same 'the pack of another release' "$(wrong | sed 's/^[^:]*books-//')" '1.2.0.pack: a frame of the pack is damaged'
signed_again content books/books-1.2.0.tar.zst "$repo/targets/books/$(file_of books-1.1.0.tar.zst)"
expect_exit 1 liftlock_repo verify mirror
expect_same 'the archive of another release' "$(wrong | sed 's/^[^:]*books-//')" '1.2.0.tar.zst: it holds another tree than the release'

note 'no archive, no pack of a release that deltas start from'
rm -rf mirror && as_user cp -a "$repo" mirror
rm "mirror/targets/books/$(file_of books-1.0.0.tar.zst)"
expect_exit 1 liftlock_repo verify mirror
expect_same 'one is enough' "$(grep -c 'was not looked at' "$out")" 0
rm "mirror/targets/books/$(file_of books-1.0.0.pack)"
expect_exit 1 liftlock_repo verify mirror
expect_text "$out" "note: targets/books/$(file_of books-1.2.0-from-1.0.0.delta): where it leads was not looked at: the tree of 1.0.0 is not here"

note 'an old release that is damaged costs the deltas from it, and nothing else'
app 1.3.0
rm "mirror/targets/books/$(file_of books-1.1.0.tar.zst)" # its pack is there
kept=$repo
repo=$work/mirror
expect_exit 0 add 1.3.0 tree
expect_text "$out" "note: no delta from 1.0.0: targets/books/$(basename "$kept"/targets/books/*.books-1.0.0.tar.zst): it is missing"
expect_same 'the others' "$(grep -o '^  delta from [0-9.]*' "$out" | tr -s ' \n' ' ')" ' delta from 1.2.0 delta from 1.1.0 '
repo=$kept

signed_again content books/books-1.1.0.tar.zst "$repo/targets/books/$(file_of books-1.0.0.tar.zst)"
rm "mirror/targets/books/$(file_of books-1.1.0.pack)"
repo=$work/mirror
expect_exit 0 add 1.3.0 tree
expect_text "$out" "note: no delta from 1.1.0: targets/books/$(file_of books-1.1.0.tar.zst): it holds another tree than the release"
repo=$kept

note 'an archive, in a directory of its own'
as_user mkdir -p in && as_user cp -a tree in/books-1.3.0
as_user tar -C in -czf books.tar.gz books-1.3.0
expect_exit 0 add 1.3.0 books.tar.gz --channel stable --deltas 1
expect_exit 0 "$delta" inventory tree inventory
expect_same 'its tree is what is in the directory' "$(block 1.3.0 'b["tree"]')" "$(cat "$out")"
expect_same 'its files' "$(block 1.3.0 '" ".join(b["files"])')" \
    'books/books-1.3.0-from-1.2.0.delta books/books-1.3.0.table books/books-1.3.0.pack books/books-1.3.0.tar.gz'

note 'deltas to releases that no channel names any more leave, first the metadata, then the disk'
leaving=$(file_of books-1.1.0-from-1.0.0.delta)
expect_same 'gone from the metadata' "$(block 1.1.0 '" ".join(b["files"])')" 'books/books-1.1.0.table books/books-1.1.0.pack books/books-1.1.0.tar.zst'
expect_file "$repo/targets/books/$leaving"
expect_exit 0 liftlock_repo verify "$repo" --rsync-list
expect_no_text "$out" "targets/books/$leaving"
grep -q '^note: files that no release lists any more, and that readers of older metadata find until 20.*: [0-9]*$' "$err"
verdict 'it says until when' $?
app 1.4.0
expect_exit 0 add 1.4.0 tree --deltas 0 --dry-run
expect_file "$repo/targets/books/$leaving"
expect_exit 0 add 1.4.0 tree --deltas 0
expect_text "$out" 'note: no delta leads to 1.2.0 any more: no channel names it'
expect_file "$repo/targets/books/$leaving"
later() { as_user env ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" faketime -f +8d liftlock repo "$@"; }
later verify "$repo" >"$out" 2>&1
expect_text "$out" "note: targets/books/$leaving: no release lists it any more; the next 'repo add' or 'repo prune' removes it"
ok 'another version, eight days later' as_user cp -a "$repo" "$work/week"
app 1.4.1
expect_exit 0 later add "$work/week" books 1.4.1 tree --keys "$keys" --deltas 0
expect_no_file "$work/week/targets/books/$leaving"
expect_same 'none were asked for' "$(block 1.4.0 '" ".join(b["files"])')" 'books/books-1.4.0.table books/books-1.4.0.pack books/books-1.4.0.tar.zst'
expect_exit 0 liftlock_repo verify "$repo"

note 'what would be made, and in JSON what was'
app 1.5.0
expect_exit 0 add 1.5.0 tree --dry-run
expect_text "$out" '  with a delta from 1.3.0, if that is smaller'
expect_same 'what channels name comes first, then what they named' "$(grep -o 'delta from [0-9.]*' "$out" | tr '\n' ' ')" 'delta from 1.3.0 delta from 1.2.0 delta from 1.1.0 '
expect_exit 0 add 1.5.0 tree --json
expect_same 'files' "$(/usr/bin/python3 -c 'import json, sys; print([(f["what"], f["size"] > 0, len(f["sha256"]), f["path"]) for f in json.load(sys.stdin)["files"]][0])' <"$out")" \
    "('delta from 1.3.0', True, 64, 'books/books-1.5.0-from-1.3.0.delta')"

note 'what cannot be'
app 1.6.0
refused 2 "repo add: --deltas must be a number from 0 to 16, not '17'" add 1.6.0 tree --deltas 17
refused 2 "repo: --deltas means nothing to 'promote'" liftlock_repo promote "$repo" books 1.5.0 stable --keys "$keys" --deltas 1
TMPDIR=$work/nowhere refused 1 "cannot open '$work/nowhere': no such file or directory" add 1.6.0 tree
as_user mkdir few && as_user cp "$keys/app-books.key" "$keys/timestamp.key" few
TMPDIR=$work/nowhere refused 2 "metadata/$(($(newest snapshot | sed 's/.*\///; s/\..*//') + 1)).snapshot.json needs 1 more signature" \
    liftlock_repo add "$repo" books 1.6.0 tree --keys few # before the work
as_user ln -s b tree/a && as_user ln -s a tree/b
expect_exit 0 add 1.6.0 tree
expect_text "$out" "note: there is only the archive, no pack and no delta: the tree: 'a': it leads in a circle"
expect_same 'its files' "$(block 1.6.0 'b["files"], b.get("tree")')" "(['books/books-1.6.0.tar.zst'], None)"
expect_exit 0 liftlock_repo verify "$repo"
printf 'app: books\nversion: 1.7.0\n' | as_user tee liftlock.yaml >/dev/null
as_user ln -s ../../etc/passwd out
as_user tar -czf bad.tar.gz liftlock.yaml out
refused 1 "bad.tar.gz: entry 'out': its target leaves the tree" add 1.7.0 bad.tar.gz
