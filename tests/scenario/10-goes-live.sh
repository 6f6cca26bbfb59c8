#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An app is installed, serves, and goes to its next release with its data. Rows B02 B08 S12 S13 of systems.md:
# a status that is observed, not remembered; data kept and migrated; the version is the running process's own word.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"

note "without a word on trust nothing is installed"
tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 2 lift install "$source" --name bookshelf
expect_text "$err" "liftlock: install: nothing says whom to trust"
expect_text "$out" "  version   1.0.0"
expect_no_file "$host/opt/bookshelf/current"
expect_no_file "$host/etc/liftlock/apps/bookshelf.toml"

note "install"
expect_exit 0 lift install "$source" --trust none --name bookshelf
expect_text "$out" "bookshelf 1.0.0 is installed"
shows 1.0.0 "[]"
ok "a book is accepted" add_book "Emma / Jane Austen"
ok "another one" add_book "Ulysses"
expect_exit 2 lift install "$source" --trust none --name bookshelf
expect_text "$err" "liftlock: install: there is an app 'bookshelf' already"

note "status says what runs, not what ran"
expect_exit 0 lift status --json
json "the status names version, service and weaker guarantees" \
    "j[0]['version'] == '1.0.0' and j[0]['services'][0]['active'] and j[0]['trust'] == 'none' and len(j[0]['weaker']) >= 2"
pid=$(service_pid)
kill "$pid"
ok "the service is gone" wait_for 5 sh -c "! kill -0 $pid"
expect_exit 0 lift status
expect_text "$out" "  service     web (not running)"
expect_exit 1 lift health bookshelf
expect_exit 0 lift restart bookshelf
expect_text "$out" "bookshelf 1.0.0 runs again"
expect_exit 0 lift health bookshelf
shows 1.0.0 '[{"title": "Emma / Jane Austen"}, {"title": "Ulysses"}]'

note "nothing newer: nothing happens"
expect_exit 0 lift update bookshelf
expect_text "$out" "bookshelf: up to date (1.0.0)"
expect_exit 0 lift history bookshelf --json
json "only two jobs so far" "[h['kind'] for h in j] == ['restart', 'install']"

note "update, with a migration"
tree_make 2.0.0 2.0.0
publish 2.0.0
expect_exit 0 lift update bookshelf
expect_text "$out" "bookshelf: update 1.0.0 → 2.0.0"
expect_text "$out" "bookshelf 2.0.0 is live"
after='[{"title": "Emma", "author": "Jane Austen"}, {"title": "Ulysses", "author": ""}]'
shows 2.0.0 "$after"
expect_no_file "$host/opt/bookshelf/shared/maintenance"
expect_same "sealed: files that anybody may write" "$(find "$host/opt/bookshelf/releases" -type f -perm /222)" ""
ok "the release before is still there" test -x "$host/opt/bookshelf/releases/1.0.0/bin/bookshelf"
ok "users write on the new release" add_book "Middlemarch"
expect_exit 0 lift inspect
expect_text "$out" "bookshelf 2.0.0: OK"

note "the same version once more, on request: data stay as they are"
expect_exit 0 lift update bookshelf --again
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}, {"title": "Ulysses", "author": ""}, {"title": "Middlemarch", "author": ""}]'
