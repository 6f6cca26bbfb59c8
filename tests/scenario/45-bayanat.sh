#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bayanat's transaction: a web process and a worker on PostgreSQL, with users who write throughout. Rows B01 B02 B05 B06 B08
# B07 B11 B12 B13 B16 together: whatever becomes of an update, code and schema belong together, and every acknowledged row is there.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
shape() { psql_app "SELECT md5(string_agg(table_name || '.' || column_name || ' ' || data_type, ',' ORDER BY table_name, ordinal_position)) FROM information_schema.columns WHERE table_schema = 'public'"; }
applied() { psql_app 'SELECT count(*) FROM liftlock_migrations'; }
machine_make

note "install: all migrations run, then the app starts"
publish 3.0.0
expect_exit 0 lift install /srv/source --trust none --name bayanat --user bayanat
shows 3.0.0
expect_same "migrations that were run" "$(applied)" 3
expect_exit 0 lift status bayanat
expect_no_text "$out" "ge:heim"
ok "users write" write_begin
ok "and bring a file" inside curl -sSf --max-time 5 -o /dev/null -d 'a photograph' "http://127.0.0.1:$port/media/photo"

note "happy: new code, new schema, every row"
publish 3.1.0
expect_exit 0 lift plan bayanat
expect_exit 0 lift update bayanat
shows 3.1.0
expect_same "migrations that were run" "$(applied)" 5
expect_same "rows of the old shape" "$(psql_app "SELECT count(*) FROM bulletin WHERE status IS NULL")" 0
ok "users write on" wait_for 10 sh -c "[ \$(wc -l <'$work/acknowledged') -gt 200 ]"
all_there
expect_same "databases" "$(databases)" bayanat
expect_exit 0 lift backup verify bayanat
expect_exit 0 lift maintenance bayanat on
page=$(inside curl -sS --max-time 5 -w '%{http_code}' "http://127.0.0.1:$port/")
expect_same "what users get then: a page that comes again by itself" \
    "${page%%><title*} ${page##*>}" '<!doctype html><meta http-equiv="refresh" content="2" 503'
expect_exit 0 lift maintenance bayanat off
shape=$(shape)

note "a bad migration: the third of the new files fails, and nothing of any of them is left"
publish 3.2.0 bad-migration
expect_exit 4 lift update bayanat
expect_text "$err" 'liftlock: migrate: 20261101_000007_broken.sql:1: relation "nowhere" does not exist (42P01)'
expect_text "$out" "bayanat is back on 3.1.0, with its data"
shows 3.1.0
expect_same "the schema" "$(shape)" "$shape"
expect_same "titles that were taken" "$(psql_app "SELECT count(*) FROM bulletin WHERE title = 'gone'")" 0
all_there
expect_no_file "$SD_ROOT$app/shared/maintenance"

note "bad health: it starts and answers, but its code and its schema do not belong together"
publish 3.3.0 bad-health
expect_exit 4 lift update bayanat
expect_text "$err" "liftlock: probe: test 'health' of bayanat 3.3.0: HTTP 500, not 2xx"
shows 3.1.0
expect_same "the schema" "$(shape)" "$shape"
expect_same "titles with a label" "$(psql_app "SELECT count(*) FROM bulletin WHERE title LIKE '%labelled%'")" 0
expect_file "$SD_ROOT$app/shared/media/photo" 'a photograph'
all_there

note "killed: the job, with everything that it started, in the middle of a migration; then the host"
manifest_sed 3.4.0 's/^migrate_timeout: .*/migrate_timeout: 10m/'
publish 3.4.0 endless
expect_exit 0 lift update bayanat --detach
at_migration() { [ "$(psql_admin postgres "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()")" = 1 ]; }
ok "the job is in its migration" wait_for 20 at_migration
expect_same "what users get meanwhile" "$(inside curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://127.0.0.1:$port/")" 000
inside systemctl kill -s KILL "$(jobs_at_work)"
ok "the job is dead" wait_for 10 is_at_rest
unlist 3.4.0
expect_exit 0 lift recover bayanat
shows 3.1.0
expect_same "the schema" "$(shape)" "$shape"
expect_same "statements that outlived their client" "$(at_migration && echo 1)" ""
all_there
expect_exit 0 lift allow bayanat 3.4.0
offer 3.4.0
expect_exit 0 lift update bayanat --detach
ok "the job is in its migration again" wait_for 20 at_migration
write_end
unlist 3.4.0
ok "the host crashes and boots" sd_crash
ok "it is recovered before the app runs" wait_for 30 is_at_rest
ok "the app is back" wait_for 20 about
shows 3.1.0
expect_same "the schema" "$(shape)" "$shape"
all_there

note "what is left: one database, one log that tells it all"
expect_exit 0 lift restart bayanat
expect_exit 0 lift history bayanat

expect_same "the app's own history, which its admin page shows" \
    "$(psql_app "SELECT string_agg(concat_ws(' ', version_from, version_to, status), ', ' ORDER BY created_at) FROM update_history")" \
    "3.0.0 success, 3.0.0 3.1.0 success, 3.1.0 3.2.0 rolled back, 3.1.0 3.3.0 rolled back, 3.1.0 3.4.0 rolled back, 3.1.0 3.4.0 rolled back"
expect_same "jobs in update.log that went back" "$(grep -c rolled-back "$SD_ROOT$app/logs/update.log")" 4

note "rollback (B07): says what is lost, saves the present to the last row, and asks"
expect_exit 0 lift rollback bayanat --dry-run
grep -q '^  LOSES ' "$out"
verdict "the plan says what is lost" $?
expect_exit 2 lift rollback bayanat
rows=$(psql_app 'SELECT count(*) FROM bulletin')
expect_exit 0 lift rollback bayanat --yes
shows 3.0.0
expect_same "migrations that were run" "$(applied)" 3
expect_exit 0 lift backup list bayanat
saved=$(grep -m 1 rollback "$out" | cut -d ' ' -f 1)
ok "the present was saved" test -n "$saved"
ok "users write on the old release" write_begin
write_end
expect_exit 0 lift update bayanat --again --to 3.1.0
expect_exit 0 lift backup restore bayanat "$saved" --yes
expect_same "rows of the present that was saved" "$(psql_app 'SELECT count(*) FROM bulletin')" "$rows"
