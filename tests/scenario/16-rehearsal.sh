#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A release is rehearsed: its migrations and its start on the restored data, in a place of its own, while the app serves.
# What fails there was never seen by anybody; what works says how long users will be kept out.
# shellcheck disable=SC2119 # service_pid: the first service
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is accepted" add_book "Emma / Jane Austen"
first=$(service_pid)

note "a migration that fails on the real data fails in the rehearsal: nobody was disturbed"
tree_make 1.1.0 2.0.0
as_user tee "$work/tree-1.1.0/bin/migrate" >/dev/null <<'PY'
#!/usr/bin/python3
import os, sqlite3, sys
connection = sqlite3.connect(os.path.join(os.environ["LIFTLOCK_SHARED"], "books.db"))
with connection:
    connection.execute("UPDATE book SET title = 'gone'")
sys.exit("the second half is missing")
PY
tree_edit 1.1.0 liftlock.yaml 's/"2.0.0":/"1.1.0":/'
publish 1.1.0
expect_exit 1 lift update bookshelf --rehearse
expect_text "$err" "liftlock: rehearsal: migration 1.1.0 'bin/migrate': exit status 1"
expect_same "the process that served before" "$(service_pid)" "$first"
shows 1.0.0 '[{"title": "Emma / Jane Austen"}]'
expect_same "what the rehearsal left" "$(find "$host/var/lib/liftlock/bookshelf/staging" -name 'rehearsal-*')" ""

note "a release that does not start on the migrated data fails there too"
tree_make 1.2.0 2.0.0
tree_edit 1.2.0 liftlock.yaml 's/"2.0.0":/"1.2.0":/; s|, json: "/version"|, json: "/name"|'
publish 1.2.0
expect_exit 1 lift update bookshelf --rehearse
expect_text "$err" "liftlock: rehearsal: what runs says that it is bookshelf, not 1.2.0"
expect_same "the process that served before" "$(service_pid)" "$first"

note "a good one is rehearsed, then goes live"
tree_make 2.0.0 2.0.0
publish 2.0.0
expect_exit 0 lift update bookshelf --rehearse
expect_exit 0 lift logs bookshelf
grep -q 'rehearsed on the restored data: migrated in [0-9.]* s, started and proven in [0-9.]* s$' "$out"
verdict "the log has the times" $?
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
expect_same "what the rehearsal left" "$(find "$host/var/lib/liftlock/bookshelf/staging" -name 'rehearsal-*')" ""

note "the next plan knows how long it will take"
tree_make 2.1.0 2.0.0
publish 2.1.0
expect_exit 0 lift plan bookshelf
grep -q '^  kept out   about [0-9.]* s, as it was seen here before$' "$out"
verdict "the plan has the time" $?

note "a host that rehearses every update does not need to be told"
printf '[policy]\nrehearse = true\n' >>"$host/etc/liftlock/apps/bookshelf.toml"
expect_exit 0 lift plan bookshelf
grep -q '^  steps .* trial, dump, rehearse, ready, ' "$out"
verdict "the plan has the step" $?
expect_exit 0 lift update bookshelf
expect_exit 0 lift logs bookshelf
grep -q 'rehearsed on the restored data: ' "$out"
verdict "the log has the times" $?
