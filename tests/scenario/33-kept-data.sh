#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An app is uninstalled and its data stay; what is installed later finds them, knows whose they are, and migrates them or
# says why not.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
two='[{"title": "Emma", "author": "Jane Austen"}]'
database=$host/opt/bookshelf/shared/books.db
offered() { lift install "$source" --trust none --name bookshelf "$@"; }

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 offered
ok "a book is there" add_book "Emma / Jane Austen"
expect_exit 0 lift uninstall bookshelf --yes
tree_make 2.0.0 2.0.0
publish 2.0.0

note "a newer release: its migration runs on what is there, after it was saved"
expect_exit 0 offered --dry-run
expect_text "$out" "  note       $database is kept, as data of 1.0.0"
expect_text "$out" "  migration  2.0.0"
expect_exit 0 offered
expect_text "$out" "bookshelf 2.0.0 is installed"
shows 2.0.0 "$two"
expect_exit 0 lift backup list bookshelf --json
json "the old data are a backup" "(j[0]['reason'], j[0]['version'], j[0]['data']) == ('install', '1.0.0', ['books'])"

note "one that fails leaves the data as they were"
expect_exit 0 lift uninstall bookshelf --yes
tree_make 3.0.0 3.0.0
tree_edit 3.0.0 bin/migrate '$a\sys.exit("the second half is missing")'
grep -q '^import.*sys' "$work/tree-3.0.0/bin/migrate" || tree_edit 3.0.0 bin/migrate '2i import sys'
publish 3.0.0
before=$(sqlite3 "$database" .dump)
expect_exit 4 offered
expect_same "the data" "$(sqlite3 "$database" .dump)" "$before"
expect_no_file "$host/opt/bookshelf/current"

note "an older release cannot read them"
expect_exit 3 offered --to 1.0.0
expect_text "$err" "liftlock: bookshelf: $database holds data of 2.0.0, which is newer than 1.0.0"
expect_text "$err" "  install 2.0.0 or a newer release, or move the data away"

note "the same release takes them as they are"
expect_exit 0 offered --to 2.0.0
shows 2.0.0 "$two"

note "data that nobody knows: refused until somebody says what they are"
expect_exit 0 lift uninstall bookshelf --purge --yes
as_user mkdir -p "$host/opt/bookshelf/shared"
printf '%s\n' "$before" | as_user sqlite3 "$database"
expect_exit 3 offered --to 2.0.0
expect_text "$err" "liftlock: bookshelf: $database is there already, and nobody knows which migrations of 2.0.0 it needs"
expect_text "$err" "  say --data-from with the version that wrote them, or move them away"
expect_exit 2 offered --to 2.0.0 --data-from nonsense/2
expect_text "$err" "liftlock: install: 'nonsense/2' is not a version"
expect_exit 0 offered --to 2.0.0 --data-from 2.0.0
shows 2.0.0 "$two"

note "where there are none, nothing can be said of them"
expect_exit 0 lift uninstall bookshelf --purge --yes
expect_exit 2 offered --to 2.0.0 --data-from 1.0.0
expect_text "$err" "liftlock: bookshelf: --data-from 1.0.0: there are no data in $host/opt/bookshelf"
expect_exit 0 offered --to 2.0.0
expect_exit 0 lift backup list bookshelf
expect_text "$out" "bookshelf: there is no backup"
