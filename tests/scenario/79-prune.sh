#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A publisher forgets old releases: never one that hosts take or must come through, files only when no reader can have
# metadata that lead to them; a client follows all the while.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-repo.sh"
serve_repo
publish() { # publish V [OPTION...]
    version=$1
    shift
    make_tree tree "$version"
    liftlock_repo add "$repo" books "$version" tree --keys "$keys" --no-passphrase --deltas 0 "$@"
}
on_day() { # on_day N ACT...
    days=$1
    shift
    as_user env ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" faketime -f "+${days}d" liftlock repo "$@"
}
known() { field "$(newest app-books)" '" ".join(sorted({t["custom"]["version"] for t in s["targets"].values() if t["custom"]["kind"] == "release"}))'; }
prune() { liftlock_repo prune "$repo" books --keys "$keys" "$@"; }

note 'releases of all kinds'
ok 'a repository' liftlock_repo init "$repo" --keys "$keys" --no-passphrase
ok '1.0.0' publish 1.0.0
ok '1.1.0, through which everybody has to come' publish 1.1.0 --gate breakpoint
ok '1.2.0' publish 1.2.0
ok '1.3.0-rc.1' publish 1.3.0-rc.1
ok '1.3.0, the last of its line' publish 1.3.0 --channel lts
ok '1.4.0' publish 1.4.0
ok '1.5.0' publish 1.5.0
ok '1.6.0' publish 1.6.0
ok '1.6.0, withdrawn' liftlock_repo withdraw "$repo" books 1.6.0 --reason 'eats data' --keys "$keys"
ok '1.7.0' publish 1.7.0
ok '1.7.0, withdrawn' liftlock_repo withdraw "$repo" books 1.7.0 --keys "$keys"
ok '1.8.0' publish 1.8.0
ok '1.9.0' publish 1.9.0 --channel stable
ok 'a client' begin_client reader "$repo/metadata/1.root.json"
ok 'which knows 1.0.0' download reader books/books-1.0.0.tar.zst
size=$(wc -c <"$(newest app-books)")

note 'what would go'
refused 2 'repo prune: nothing says how many of the newest releases stay' prune
hint '--keep 10 keeps ten, and those that a channel names, and gates'
refused 2 'repo prune: nothing says how many of the newest releases stay' prune --keep -1
refused 2 "$repo holds no app 'films'" liftlock_repo prune "$repo" films --keep 3 --keys "$keys"
before=$(digest_of_repo)
expect_exit 0 prune --keep 3 --dry-run
expect_same 'what it says' "$(cat "$out")" 'books: 4 releases would be forgotten; 7 stay
  1.4.0
  1.3.0-rc.1
  1.2.0
  1.0.0'
expect_same 'the repository' "$(digest_of_repo)" "$before"

note 'what hosts of a withdrawn release take instead stays'
ok '1.3.0, withdrawn' liftlock_repo withdraw "$repo" books 1.3.0 --keys "$keys"
expect_exit 0 prune --keep 3 --json
/usr/bin/python3 - "$out" <<'END' 2>"$work/wrong"
import json, sys
said = json.load(open(sys.argv[1]))
assert said["releases"] == ["1.4.0", "1.0.0"] and said["removed"] == [] and said["waiting"] == 8, said
assert said["waiting_until"].endswith("Z") and not said["nothing_to_do"] and said["upload"][-1] == "metadata/timestamp.json", said
END
verdict 'what it says in JSON' $?
explain "$work/wrong"
expect_same 'the releases' "$(known)" '1.1.0 1.2.0 1.3.0 1.3.0-rc.1 1.5.0 1.6.0 1.7.0 1.8.0 1.9.0'
note "the metadata have $(wc -c <"$(newest app-books)") bytes, before $size"
[ "$(wc -c <"$(newest app-books)")" -lt "$size" ]
verdict 'the metadata are smaller' $?

note 'readers of the metadata before find all files; others see the rest'
old=$(find "$repo/targets/books" -name '*.books-1.0.0.*' | LC_ALL=C sort | sed "s|$repo/||")
expect_same 'files of 1.0.0' "$(echo "$old" | wc -l)" 4
for path in $old; do ok "$(basename "$path" | cut -d. -f2-) is served" curl -fsS -o /dev/null "$url/$path"; done
fails 'the client knows 1.0.0 no more' download reader books/books-1.0.0.tar.zst
expect_text "$err" 'tuf-client: books/books-1.0.0.tar.zst: the repository has no such target'
ok 'and 1.2.0 still' download reader books/books-1.2.0.tar.zst
expect_exit 0 liftlock_repo verify "$repo"
expect_text "$out" "$repo: 1 roots, 1 apps, 9 releases, 36 files ($(sed -n 's/.* files (\([^)]*\)).*/\1/p' "$out")); 0 wrong"
make_tree tree 2.0.0
expect_exit 0 on_day 1 add "$repo" books 2.0.0 tree --keys "$keys" --deltas 0
for path in $old; do expect_file "$repo/$path"; done
expect_exit 0 on_day 6 prune "$repo" books --keep 4 --keys "$keys"
expect_text "$out" 'books: no release to forget; 10 stay'
for path in $old; do expect_file "$repo/$path"; done

note 'eight days later nobody can have them'
expect_exit 0 on_day 8 refresh "$repo" --keys "$keys"
expect_exit 0 on_day 8 verify "$repo"
for path in $old; do expect_text "$out" "note: $path: no release lists it any more; the next 'repo add' or 'repo prune' removes it"; done
before=$(digest_of_repo)
expect_exit 0 on_day 8 prune "$repo" books --keep 4 --keys "$keys" --dry-run
expect_text "$out" 'files that nobody can ask for any more:'
expect_same 'the repository' "$(digest_of_repo)" "$before"
expect_exit 0 on_day 8 prune "$repo" books --keep 4 --keys "$keys"
expect_text "$out" 'removed, for nobody can ask for them any more:'
for path in $old; do
    expect_text "$out" "  $path"
    expect_no_file "$repo/$path"
done
expect_same 'files that are left' "$(find "$repo/targets" -type f | wc -l)" 40
expect_exit 0 on_day 8 verify "$repo"
expect_exit 0 on_day 8 prune "$repo" books --keep 4 --keys "$keys" --json
expect_same 'nothing is left to do' "$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["nothing_to_do"])' "$out")" True

note 'what older metadata of a thief name is no reason to remove what is not theirs'
as_user mkdir -p "$repo/targets/other"
digest=$(printf x | sha256sum | cut -c-64)
printf x | as_user tee "$repo/targets/other/$digest.file" >/dev/null
as_user /usr/bin/python3 "$tree/tests/scenario/thief.py" "$repo/metadata/1.app-books.json" "$work/thief.json" \
    "s['targets'] = {name: target('$repo/targets/other/$digest.file') for name in ('other/file', 'books/file')}" "$keys/app-books.key"
as_user mv "$work/thief.json" "$repo/metadata/1.app-books.json"
as_user cp "$repo/targets/other/$digest.file" "$repo/targets/books/"
expect_exit 0 on_day 8 prune "$repo" books --keep 4 --keys "$keys"
expect_file "$repo/targets/other/$digest.file" x
expect_no_file "$repo/targets/books/$digest.file"
