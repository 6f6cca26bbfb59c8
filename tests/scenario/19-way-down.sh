#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The cheapest way back that is sound: no copy where nothing of the release changes the data, and on the way to an older
# release its publisher's own way down, with what users wrote. On SQLite here; on PostgreSQL in parts_sql.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
db=$host/opt/bookshelf/shared/books.db
shelves() { sqlite3 "$db" 'SELECT group_concat(name) FROM (SELECT name FROM shelf ORDER BY name)'; }
book() { sqlite3 "$db" 'SELECT group_concat(name) FROM (SELECT name FROM liftlock_migrations ORDER BY name)'; }
sql() { # sql VERSION NAME: a migration from standard input
    as_user mkdir -p "$work/tree-$1/migrations"
    as_user tee "$work/tree-$1/migrations/$2" >/dev/null
}
make() { # make VERSION [OLDER]: with all that OLDER has
    tree_make "$1" 1.0.0
    manifest_add "$1" 'sql: {path: "migrations/*.sql"}'
    manifest_add "$1" 'migrate: {at_start: false}'
    as_user mkdir -p "$work/tree-$1/migrations"
    [ -z "${2:-}" ] || as_user cp -p "$work/tree-$2/migrations/"* "$work/tree-$1/migrations/"
}

seen_while_proven() { # seen_while_proven VERSION: a test of it writes down whether there is a copy
    as_user tee "$work/tree-$1/bin/seen" >/dev/null <<END
#!/bin/sh
if ls '$host/opt/bookshelf/.liftlock/'*/copied >/dev/null 2>&1; then echo copied; else echo nothing; fi >'$host/seen'
END
    as_user chmod +x "$work/tree-$1/bin/seen"
    tree_edit "$1" liftlock.yaml 's|^post_update_tests:|&\n  - {name: seen, command: bin/seen}|'
}

note "an update in which nothing is due makes no copy"
make 1.0.0
echo "CREATE TABLE shelf (name text);" | sql 1.0.0 1.sql
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
make 1.1.0 1.0.0
seen_while_proven 1.1.0
publish 1.1.0
expect_exit 0 lift plan bookshelf
expect_text "$out" "  way back   the release that runs now stays on disk; data go back to their copy by rename, if an SQL file is due"
expect_exit 0 lift update bookshelf
shows 1.1.0 '[]'
expect_same "the copies while it was proven" "$(cat "$host/seen")" nothing

note "it comes back from a broken one all the same, on data that nobody touched"
make 1.1.1 1.1.0
tree_edit 1.1.1 liftlock.yaml 's/^post_update_tests:/&\n  - {name: shelves, sql: select count(*) from shelf, equals: 77}/'
publish 1.1.1
add_book "written before"
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: probe: test 'shelves' of bookshelf 1.1.1: answer is '0', not '77'"
shows 1.1.0 '[{"title": "written before"}]'

note "a release with SQL that is due makes one"
make 2.0.0 1.1.0
echo "CREATE TABLE status (name text); INSERT INTO shelf VALUES ('of 2.0.0');" | sql 2.0.0 2.sql
echo "DROP TABLE status; DELETE FROM shelf WHERE name = 'of 2.0.0';" | sql 2.0.0 2.down.sql
manifest_add 2.0.0 "migrations: {\"2.0.0\": [\"sqlite3 ../../shared/books.db 'CREATE TABLE two (x)'\"]}"
manifest_add 2.0.0 "down: {\"2.0.0\": [\"sqlite3 ../../shared/books.db 'DROP TABLE two'\"]}"
seen_while_proven 2.0.0
publish 2.0.0
expect_exit 0 lift update bookshelf
expect_same "the copies while it was proven" "$(cat "$host/seen")" copied
expect_same "the shelves" "$(shelves)" "of 2.0.0"
expect_same "the book of migrations" "$(book)" "1.sql,2.sql"

note "going back takes its migrations back, newest first, and keeps what users wrote since"
add_book "written on two"
sqlite3 "$db" "INSERT INTO shelf VALUES ('put there by a user')"
expect_exit 0 lift rollback bookshelf --to 1.1.0 --dry-run
expect_text "$out" "  take back  2.0.0"
expect_text "$out" "  LOSES      what only the data of 2.0.0 have room for (a backup of them is made first)"
expect_text "$out" "  note       2.down.sql runs on data 'books'"
expect_exit 0 lift rollback bookshelf --to 1.1.0 --yes
shows 1.1.0 '[{"title": "written before"}, {"title": "written on two"}]'
expect_same "the shelves" "$(shelves)" "put there by a user"
expect_same "the book of migrations" "$(book)" "1.sql"
expect_same "what the commands of 2.0.0 made" "$(sqlite3 "$db" "SELECT count(*) FROM sqlite_schema WHERE name = 'two'")" 0

note "up again; a way down that fails half way comes back to the present, whole"
make 2.1.0 2.0.0
echo "INSERT INTO shelf VALUES ('of 2.1.0');" | sql 2.1.0 3.sql
echo "DELETE FROM shelf WHERE name = 'of 2.1.0';" | sql 2.1.0 3.down.sql
echo "DROP TABLE nowhere;" | sql 2.1.0 2.down.sql
manifest_add 2.1.0 "migrations: {\"2.0.0\": [\"sqlite3 ../../shared/books.db 'CREATE TABLE two (x)'\"]}"
manifest_add 2.1.0 "down: {\"2.0.0\": [\"sqlite3 ../../shared/books.db 'DROP TABLE two'\"]}"
publish 2.1.0
expect_exit 0 lift update bookshelf
expect_exit 4 lift rollback bookshelf --to 1.1.0 --yes
expect_text "$err" "liftlock: migrate: 2.down.sql:1: no such table: nowhere"
expect_text "$out" "bookshelf is back on 2.1.0, with its data"
shows 2.1.0 '[{"title": "written before"}, {"title": "written on two"}]'
expect_same "the shelves" "$(shelves)" "of 2.0.0,of 2.1.0,put there by a user"
expect_same "the book of migrations" "$(book)" "1.sql,2.sql,3.sql"
expect_same "what the commands of 2.0.0 made" "$(sqlite3 "$db" "SELECT count(*) FROM sqlite_schema WHERE name = 'two'")" 1

note "where one of them has no way down, the backup is what is left, and the plan says why"
make 2.2.0 2.1.0
as_user rm "$work/tree-2.2.0/migrations/3.down.sql"
publish 2.2.0
expect_exit 0 lift update bookshelf
expect_exit 0 lift rollback bookshelf --to 2.0.0 --dry-run
expect_text "$out" "  note       the data cannot go down to 2.0.0: 3.sql was applied, and 2.2.0 has no 3.down.sql to take it back"
grep -q "  LOSES      everything written since" "$out"
verdict "the loss is said" $?
