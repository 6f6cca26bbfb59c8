#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A rehearsal on PostgreSQL: the dump is restored beside the live database, and what the release sees as its address leads
# there, in .env and in the environment of its units. Users write all the while and notice nothing.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
machine_make
publish 3.0.0
expect_exit 0 lift install /srv/source --trust none --name bayanat --user bayanat
# This machine's root is an overlay, which the kernel does not take as the upper side of another one.
inside mkdir -p /var/lib/liftlock/bayanat/staging
inside mount -t tmpfs -o mode=0700 tmpfs /var/lib/liftlock/bayanat/staging
ok "users write" write_begin
pid=$(property bayanat.service MainPID)

unharmed() {
    expect_same "the process that serves" "$(property bayanat.service MainPID)" "$pid"
    expect_same "migrations that were run" "$(psql_app 'SELECT count(*) FROM liftlock_migrations')" 3
    expect_same "rows that a migration changed" "$(psql_app "SELECT count(*) FROM bulletin WHERE title NOT LIKE 'row %'")" 0
    expect_same "databases" "$(databases)" bayanat
    all_there
}

note "a bad migration"
publish 3.2.0 bad-migration
expect_exit 1 lift update bayanat --rehearse
expect_text "$err" 'liftlock: rehearsal: 20261101_000007_broken.sql:1: relation "nowhere" does not exist (42P01)'
unharmed

note "bad health: it starts on the migrated data, and its code does not fit them"
publish 3.3.0 bad-health
expect_exit 1 lift update bayanat --rehearse
expect_text "$err" "liftlock: rehearsal: test 'health' of bayanat 3.3.0: HTTP 500, not 2xx"
unharmed

note "killed in the middle of it: nothing of it is left behind"
manifest_sed 3.4.0 's/^migrate_timeout: .*/migrate_timeout: 10m/'
publish 3.4.0 endless
expect_exit 0 lift update bayanat --rehearse --detach
sleeps() { [ "$(psql_admin postgres "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'bayanat__rehearse%' AND query LIKE '%pg_sleep(3600)%'")" = 1 ]; }
ok "the rehearsal is in its migration" wait_for 20 sleeps
inside systemctl kill -s KILL "$(jobs_at_work)"
ok "the job is dead" wait_for 10 is_at_rest
unlist 3.4.0
expect_exit 0 lift recover bayanat
unharmed

note "a good one"
publish 3.1.0
expect_exit 0 lift update bayanat --rehearse
expect_exit 0 lift logs bayanat
grep -q 'rehearsed on the restored data: migrated in' "$out"
verdict "the log has the times" $?
expect_same "migrations that were run" "$(psql_app 'SELECT count(*) FROM liftlock_migrations')" 5
expect_same "databases" "$(databases)" bayanat
all_there
