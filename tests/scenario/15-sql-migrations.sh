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
    "20260902_000002_shelf.sql was applied once, and is not in this release" "20261001_000003_to_read.sql is applied"; do
    grep -qF "  output    $text" "$out"
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

note "a file that ends its transaction is refused, and nothing of it stays"
make 1.3.0 1.1.0
echo "INSERT INTO shelf VALUES ('kept?'); COMMIT; DROP TABLE shelf;" | sql 1.3.0 20261102_000001_commit.sql
publish 1.3.0
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: migrate: 20261102_000001_commit.sql:1: it ends the transaction that it runs in: leave out BEGIN, COMMIT and ROLLBACK"
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 3

note "one that never ends is ended"
make 1.4.0 1.1.0
manifest_add 1.4.0 'migrate_timeout: 2s'
echo "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;" | sql 1.4.0 20261103_000001_endless.sql
publish 1.4.0
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: migrate: 20261103_000001_endless.sql: no end after 2 s"

note "the next good one works"
make 1.5.0 1.1.0
echo "INSERT INTO shelf VALUES ('last');" | sql 1.5.0 20261104_000001_last.sql
publish 1.5.0
expect_exit 0 lift update bookshelf
expect_same "the shelves" "$(sqlite3 "$db" 'SELECT count(*) FROM shelf')" 4
