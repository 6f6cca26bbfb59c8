#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Row B11: SQL files of the release are run once, in the order of their names, each in a transaction of its own, and the
# database keeps book. On SQLite here; on PostgreSQL in 45-bayanat.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
db=$host/opt/bookshelf/shared/books.db
book() { sqlite3 "$db" 'SELECT name, version FROM liftlock_migrations ORDER BY name' | tr '\n' ' '; }
sql() { # sql VERSION NAME: a migration from standard input
    as_user mkdir -p "$work/tree-$1/migrations"
    as_user tee "$work/tree-$1/migrations/$2" >/dev/null
}
make() { # make VERSION: with all migrations up to now
    tree_make "$1" 1.0.0
    manifest_add "$1" 'sql: {path: "migrations/*.sql"}'
    as_user mkdir -p "$work/tree-$1/migrations"
    [ -z "${2:-}" ] || as_user cp -p "$work/tree-$2/migrations/"* "$work/tree-$1/migrations/"
}

note "an install runs all of them"
make 1.0.0
sql 1.0.0 20260902_000002_shelf.sql <<'END'
INSERT INTO shelf VALUES ('read');
END
sql 1.0.0 20260901_000001_shelf.sql <<'END'
-- comes first by its name
CREATE TABLE IF NOT EXISTS shelf (name text PRIMARY KEY);
END
sql 1.0.0 notes.txt </dev/null
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
expect_same "the book of migrations" "$(book)" "20260901_000001_shelf.sql|1.0.0 20260902_000002_shelf.sql|1.0.0 "

note "an update runs the new ones, and says what was edited or is gone"
make 1.1.0 1.0.0
sql 1.1.0 20260901_000001_shelf.sql </dev/null
as_user rm "$work/tree-1.1.0/migrations/20260902_000002_shelf.sql"
sql 1.1.0 20261001_000003_to_read.sql <<'END'
INSERT INTO shelf VALUES ('to read; later'); -- a semicolon in a text
INSERT INTO shelf VALUES ('lent');
END
publish 1.1.0
expect_exit 0 lift plan bookshelf
expect_text "$out" "  note       of migrations/*.sql, those run on data 'books' that were not run yet"
expect_exit 0 lift update bookshelf
expect_exit 0 lift logs bookshelf --all
for text in "20260901_000001_shelf.sql was edited after it was applied; it is not run again" \
    "20260902_000002_shelf.sql was applied once, and is not in this release" "20261001_000003_to_read.sql: applied in "; do
    grep -qF "$text" "$out"
    verdict "the log says: $text" $?
done
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 3

note "the third of five fails: none of them has happened"
make 1.2.0 1.1.0
for n in 1 2 4 5; do echo "INSERT INTO shelf VALUES ('new $n');" | sql 1.2.0 "20261101_00000${n}_more.sql"; done
sql 1.2.0 20261101_000003_more.sql <<'END'
INSERT INTO shelf VALUES ('new 3');

INSERT INTO shelf
    VALUES ('one', 'too many');
END
publish 1.2.0
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: migrate: 20261101_000003_more.sql:3: table shelf has 1 columns but 2 values were supplied"
expect_text "$out" "bookshelf is back on 1.1.0, with its data"
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 3

note "a file that ends its transaction is refused before anybody is disturbed"
make 1.3.0 1.1.0
echo "INSERT INTO shelf VALUES ('kept?'); COMMIT; DROP TABLE shelf;" | sql 1.3.0 20261102_000001_commit.sql
publish 1.3.0
pid=$(service_pid)
expect_exit 1 lift update bookshelf
expect_text "$err" "liftlock: 20261102_000001_commit.sql:1: COMMIT would break the transaction that the file runs in"
expect_text "$err" "  each file is one transaction of its own: leave BEGIN and COMMIT out, or begin the file with the line '-- liftlock: no-transaction'"
expect_same "nobody was stopped" "$(service_pid)" "$pid"
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 3

note "one that never ends is ended"
make 1.4.0 1.1.0
manifest_add 1.4.0 'migrate_timeout: 2s'
echo "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;" | sql 1.4.0 20261103_000001_endless.sql
publish 1.4.0
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: migrate: 20261103_000001_endless.sql:1: no end after 2 s"

note "bad files, each by its place"
make 1.4.1 1.1.0
printf '%s\n' '.read other.sql' | sql 1.4.1 20261103_000002_shell.sql
publish 1.4.1
expect_exit 1 lift update bookshelf
expect_text "$err" "liftlock: 20261103_000002_shell.sql:1: '.read' is a command of the sqlite3 shell, not SQL"
make 1.4.2 1.1.0
as_user ln -s 20260901_000001_shelf.sql "$work/tree-1.4.2/migrations/20261103_000003_link.sql"
publish 1.4.2
expect_exit 1 lift update bookshelf
grep -q "^liftlock: .*20261103_000003_link.sql" "$err"
verdict "a link is named" $?
make 1.4.3 1.1.0
echo "ATTACH 'other.db' AS other;" | sql 1.4.3 20261103_000004_other.sql
publish 1.4.3
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: migrate: 20261103_000004_other.sql:1: other files and transactions are out of a migration's reach"
make 1.4.4 1.1.0
as_user rm -r "$work/tree-1.4.4/migrations"
publish 1.4.4
expect_exit 1 lift update bookshelf
expect_text "$err" "liftlock: the release has no folder 'migrations', where its migrations should be"

note "one that cannot run in a transaction fails half way: the copy takes all of it back"
make 1.4.5 1.1.0
sql 1.4.5 20261103_000005_alone.sql <<'END'
-- liftlock: no-transaction
PRAGMA foreign_keys = ON;
DROP TABLE shelf;
INSERT INTO shelf VALUES ('gone');
END
publish 1.4.5
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: migrate: 20261103_000005_alone.sql:4: no such table: shelf"
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 3
expect_same "no note of it is left" "$(sqlite3 "$db" 'SELECT count(*) FROM liftlock_migrations WHERE applied_at IS NULL')" 0

note "the next good one works; a query proves it, and the app's own table has the story"
make 1.5.0 1.1.0
echo "INSERT INTO shelf VALUES ('last');" | sql 1.5.0 20261104_000001_last.sql
tree_edit 1.5.0 liftlock.yaml 's/^post_update_tests:/&\n  - {name: shelves, sql: "select count(*), max(name) from shelf", equals: "4|to read; later"}/'
manifest_add 1.5.0 'history: {table: update_history}'
publish 1.5.0
expect_exit 0 lift update bookshelf
story() { sqlite3 "$db" "SELECT version_from, version_to, status, error IS NULL FROM update_history ORDER BY started_at, finished_at"; }
expect_same "the story" "$(story)" "1.1.0|1.5.0|updated|1"
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 4

note "a failure is told there, too, by the release that is live then"
make 1.6.0 1.5.0
tree_edit 1.6.0 liftlock.yaml 's/^post_update_tests:/&\n  - {name: shelves, sql: select count(*) from shelf, equals: 77}/'
manifest_add 1.6.0 'history: {table: update_history}'
publish 1.6.0
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: probe: test 'shelves' of bookshelf 1.6.0: answer is '4', not '77'"
expect_same "the story" "$(story | tail -n 1)" "1.5.0|1.6.0|rolled-back|0"
expect_same "lines of update.log" "$(tail -n 1 "$host/opt/bookshelf/logs/update.log" | /usr/bin/python3 -c 'import json, sys; j = json.loads(sys.stdin.read()); print(j["from"], j["to"], j["verdict"])')" "1.5.0 1.6.0 rolled-back"

note "an older release that does not know all migrations does not get these data"
expect_exit 0 lift rollback bookshelf --to 1.1.0 --dry-run
grep -q "everything written since" "$out"
verdict "the loss is said" $?

note "what the operator sees of them"
expect_exit 0 lift migration status bookshelf --json
json "edited, gone, applied" "{m['name'][:15]: m['state'] for m in j} == {'20260901_000001': 'edited', '20260902_000002': 'gone', '20261001_000003': 'applied', '20261104_000001': 'applied'}"

note "the publisher's side: a new file, tried on a database of one's own"
as_user cp -r "$work/tree-1.5.0" "$work/next"
next() { (cd "$work/next" && as_user env LIFTLOCK_ROOT="$host" liftlock "$@"); }
expect_exit 0 next migration create "Add Status"
made=$(cat "$out")
expect_same "its name" "$(echo "$made" | sed 's/[0-9]\{8\}/DAY/')" migrations/DAY_000004_add_status.sql
echo 'ALTER TABLE shelf ADD COLUMN status text;' | as_user tee -a "$work/next/$made" >/dev/null
as_user cp "$db" "$work/next/try.db"
expect_exit 0 next migration status . --database try.db
grep -q "^  pending   $(basename "$made")$" "$out"
verdict "it is pending" $?
expect_exit 0 next migration apply . --database try.db
expect_exit 0 next migration status . --database try.db
expect_no_text "$out" pending
expect_exit 2 next migration apply .
expect_text "$err" "liftlock: migration: say either --database FILE or --url-from FILE#KEY"
