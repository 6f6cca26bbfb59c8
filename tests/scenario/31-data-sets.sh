#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Releases that declare other data than the ones before: what a backup holds is known, and a way back that it cannot
# serve is refused, or said, before anybody is stopped.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
one='[{"title": "Emma / Jane Austen"}]'
two='[{"title": "Emma", "author": "Jane Austen"}]'
field() { /usr/bin/python3 -c "import json, sys; j = json.load(open(sys.argv[1])); print($1)" "$out"; }
covers_add() { # covers_add VERSION: it declares the directory of covers, too
    tree_edit "$1" liftlock.yaml "s|^data:|data:\n  - {name: covers, driver: files, path: shared/covers, class: state}|"
}

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"
expect_exit 0 lift backup create bookshelf
expect_exit 0 lift backup list bookshelf --json
json "a backup says which data it holds" "[b['data'] for b in j] == [['books']]"
only_books=$(field "j[0]['id']")

note "the next release knows data that the one before does not"
tree_make 2.0.0 2.0.0
covers_add 2.0.0
publish 2.0.0
expect_exit 0 lift update bookshelf
shows 2.0.0 "$two"
expect_exit 0 lift backup list bookshelf --json
json "newest first" "[b['data'] for b in j] == [['books', 'covers'], ['books']]"
newest=$(field "j[0]['id']")
as_user mkdir "$host/opt/bookshelf/shared/covers"
echo red | as_user tee "$host/opt/bookshelf/shared/covers/emma" >/dev/null
pid=$(service_pid)

note "a backup that lacks what runs now is refused while it runs on"
expect_exit 3 lift backup restore bookshelf "$only_books" --yes --force
expect_text "$err" "liftlock: bookshelf: backup $only_books has no data 'covers', which 2.0.0 needs"
expect_text "$err" "  choose a backup that holds them, or go forward instead"
expect_same "nobody was stopped" "$(service_pid)" "$pid"
expect_exit 0 lift backup verify bookshelf "$only_books"

note "a damaged backup is found while the app runs on"
as_user sh -c 'chmod u+w "$1"; echo x >>"$1"' - "$host/var/lib/liftlock/bookshelf/backups/$newest/books"
expect_exit 1 lift rollback bookshelf --yes
expect_text "$err" "liftlock: backup $newest: data 'books': the dump is not what was written"
expect_same "nobody was stopped" "$(service_pid)" "$pid"
expect_exit 0 lift history bookshelf --json
json "it ended before the fence" "(j[0]['kind'], j[0]['verdict']) == ('rollback', 'failed')"

note "a backup that is gone is not chosen; an older one is, and what it lacks stays as it is"
as_user rm -r "$host/var/lib/liftlock/bookshelf/backups/$newest"
expect_exit 0 lift rollback bookshelf --dry-run
expect_text "$out" "  note       data 'covers' stay as they are: the backup has none, and 1.0.0 does not know them"
expect_exit 0 lift rollback bookshelf --yes
expect_text "$out" "bookshelf 1.0.0 is live again"
shows 1.0.0 "$one"
expect_file "$host/opt/bookshelf/shared/covers/emma" red

note "no backup is left: refused, by name"
expect_exit 0 lift update bookshelf
shows 2.0.0 "$two"
pid=$(service_pid)
as_user sh -c 'rm -r "$1"/*' - "$host/var/lib/liftlock/bookshelf/backups"
expect_exit 3 lift rollback bookshelf --yes
grep -q "^liftlock: bookshelf: backup [^ ]* is no longer in $host/var/lib/liftlock/bookshelf/backups$" "$err"
verdict "it says that the backup is gone" $?
expect_same "nobody was stopped" "$(service_pid)" "$pid"
shows 2.0.0 "$two"

note "a release that calls other data by the name of those that are here is refused before anybody is stopped"
tree_make 2.1.0 2.0.0
tree_edit 2.1.0 liftlock.yaml 's|path: shared/books.db|path: shared/library.db|'
publish 2.1.0
expect_exit 1 lift update bookshelf
expect_text "$err" "liftlock: bookshelf: data 'books' would be two: shared/books.db, and shared/library.db of the other release"
expect_text "$err" "  the publisher gives other data a name of their own"
expect_same "nobody was stopped" "$(service_pid)" "$pid"
