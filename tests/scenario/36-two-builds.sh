#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftlock itself is exchanged while a job is open, for the next build, which keeps other records, and for the one before:
# a job is recovered by the executable that began it, and the records change only when no job is open.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
before='[{"title": "Emma / Jane Austen"}]'
after='[{"title": "Emma", "author": "Jane Austen"}]'
db=$host/var/lib/liftlock/state.db
migrating=$host/opt/bookshelf/shared/migrating
recovered_by=$host/opt/bookshelf/shared/recovered-by
for each in this next; do
    as_user mkdir "$work/$each"
    cp "$build/src/liftlock-fetch" "$build/src/liftlock-unpack" "$build/src/liftlock-parse" "$build/src/liftlock-assemble" "$build/src/liftlock-transfer" "$build/src/liftlock-postgres" "$work/$each/"
done
cp "$build/src/liftlock" "$work/this/"
cp "$build/tests/next/liftlock" "$work/next/"
fails "the two builds are two" cmp "$work/this/liftlock" "$work/next/liftlock"
this() { as_user env LIFTLOCK_ROOT="$host" "$work/this/liftlock" "$@"; }
next() { as_user env LIFTLOCK_ROOT="$host" "$work/next/liftlock" "$@"; }
schema() { as_user sqlite3 "$db" 'PRAGMA user_version'; }
worker() { sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$host/run/liftlock/bookshelf.lock"; }
interrupt() { # interrupt BUILD VERSION: an update by it dies in the middle of the migration
    rm -f "$migrating" "$recovered_by"
    expect_exit 0 "$1" update bookshelf --to "$2" --detach
    id=$(tail -n 1 "$out")
    ok "the job is in its migration" wait_for 20 test -e "$migrating"
    pid=$(worker)
    kill -9 "$pid"
    ok "its process is dead" wait_for 5 sh -c "! grep -qs inner /proc/$pid/cmdline"
    ok "its executable is $1" cmp "$work/$1/liftlock" "$host/var/lib/liftlock/bookshelf/jobs/$id/bin/liftlock"
    ok "so is what makes files of deltas" cmp "$work/$1/liftlock-assemble" "$host/var/lib/liftlock/bookshelf/jobs/$id/bin/liftlock-assemble"
}

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 this install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"
for version in 2.0.0 2.1.0; do
    tree_make $version 2.0.0
    tree_edit $version bin/migrate '1a import os, time\nS = os.environ["LIFTLOCK_SHARED"]\nopen(S + "/migrating", "w")\nwhile not os.path.exists(S + "/go"): time.sleep(0.05)'
    as_user tee "$work/tree-$version/bin/who" >/dev/null <<'END'
#!/bin/sh
# which liftlock runs this hook, and which schema its records have meanwhile
pid=$PPID
while exe=$(readlink "/proc/$pid/exe") && [ "${exe##*/}" != liftlock ]; do
    pid=$(sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$pid/stat")
done
echo "$exe, $(sqlite3 "$LIFTLOCK_APP_ROOT/../../var/lib/liftlock/state.db" 'PRAGMA user_version')" >"$LIFTLOCK_SHARED/recovered-by"
END
    as_user chmod +x "$work/tree-$version/bin/who"
    tree_edit $version liftlock.yaml "s|^fence:|hooks: {rollback: [\"\$LIFTLOCK_APP_ROOT/releases/$version/bin/who\"]}\nfence:|"
    publish $version
done

note "the next build comes while a job is open: the records stay as they are, and the job's own executable goes back"
interrupt this 2.0.0
expect_exit 0 next status bookshelf
expect_text "$out" "  INTERRUPTED update to 2.0.0 (job $id): run 'liftlock recover'"
as_user mv "$source" "$source.away" # nothing to try again
expect_exit 0 next recover bookshelf
expect_text "$out" "bookshelf is back on 1.0.0, with its data"
expect_same "who went back, with which schema" "$(cat "$recovered_by")" "$host/var/lib/liftlock/bookshelf/jobs/$id/bin/liftlock, 1"
shows 1.0.0 "$before"

note "no job is open: they change"
expect_exit 0 next backup create bookshelf
expect_same "the schema of the records" "$(schema)" 2

note "the build before comes back while a job of the next one is open: it reads, and lets the job's own executable go back"
as_user mv "$source.away" "$source"
interrupt next 2.1.0
expect_exit 0 this status bookshelf
expect_text "$out" "  INTERRUPTED update to 2.1.0 (job $id): run 'liftlock recover'"
newer="'$db' was written by a newer version (schema 2, this one knows 1)"
expect_exit 0 this recover bookshelf
expect_text "$out" "bookshelf is back on 1.0.0, with its data"
expect_text "$out" "not tried again: $newer"
expect_same "who went back, with which schema" "$(cat "$recovered_by")" "$host/var/lib/liftlock/bookshelf/jobs/$id/bin/liftlock, 2"
shows 1.0.0 "$before"
expect_exit 0 this recover
expect_exit 0 this history bookshelf
expect_exit 2 this update bookshelf
expect_text "$err" "liftlock: $newer"
expect_text "$err" "  use the newer version of liftlock"
expect_same "the schema of the records" "$(schema)" 2

note "and with the next build everything goes on"
as_user touch "$host/opt/bookshelf/shared/go"
expect_exit 0 next update bookshelf
shows 2.1.0 "$after"
