#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a host does to an update of examples/bayanat, and people: programs that know of no fence, statements that outlive
# their clients, units that are started by hand, a database server that is killed, two apps with one database, a clock that
# jumps. Row B07 as well: going back says what is lost, and saves it first.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
said() { # said TEXT: somewhere in what the last command said
    grep -qF -e "$1" "$out" "$err"
    verdict "it says: $1" $?
}
rows_in() { psql_admin "$1" "SELECT substring(title from '[0-9]+') FROM bulletin WHERE title LIKE 'stray %'"; }
strays_are_in() { # strays_are_in DATABASE...: every row that was acknowledged is in one of them
    sort -u "$SD_ROOT/srv/strays" >"$work/strays"
    for database; do rows_in "$database"; done | sort -u >"$work/found"
    [ -s "$work/strays" ]
    verdict "stray rows were acknowledged" $?
    expect_same "stray rows that are in none of '$*'" "$(comm -23 "$work/strays" "$work/found" | wc -l)" 0
}
stray_begin() { # stray_begin PAUSE: until it comes back
    in_background nsenter -t "$SD_PID" -a env -i setpriv --reuid nobody --regid nogroup --clear-groups \
        /srv/stray.py "postgresql://bayanat:ge%3Aheim@/bayanat?host=/run/postgresql" /srv/strays "$1"
    stray=$!
    wait_for 5 test -s "$SD_ROOT/srv/strays"
}
stray_end() { inside pkill -f stray.p[y] && wait "$stray" 2>/dev/null; }
faketime=$(dpkg -L libfaketime 2>/dev/null | grep '/libfaketime\.so\.1$')
[ -n "$faketime" ] || { echo "missing: libfaketime" >&2 && exit 1; }
machine_make
cp "$tree/tests/scenario/stray.py" "$SD_ROOT/srv/"
install -m 666 /dev/null "$SD_ROOT/srv/strays"
publish 3.0.0
expect_exit 0 lift install /srv/source --trust none --name bayanat --user bayanat
ok "users write" write_begin

note "a statement that outlives its client holds nothing up"
inside env PGPASSWORD='ge:heim' timeout -s KILL 0.3 psql -X -q -h /run/postgresql -U bayanat -d bayanat \
    -c "BEGIN; INSERT INTO bulletin (title) VALUES ('never said'); SELECT pg_sleep(600)" >"$out" 2>&1
outliving() { psql_admin postgres "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"; }
expect_same "statements without a client" "$(outliving)" 1
publish 3.1.0
expect_exit 0 lift update bayanat
shows 3.1.0
expect_same "statements without a client" "$(outliving)" 0
expect_exit 0 lift logs bayanat --all
said "ended 1 session that held database 'bayanat' open"
all_there

note "a program that knows of no fence and never stays away: nobody copies under its hands"
publish 3.2.0 3.1.0
ok "the stray writes" stray_begin 0
expect_exit 4 lift update bayanat
said "liftlock: stop: bayanat: data 'main' is still open in "
expect_text "$err" "  end it, or declare it as a service of the app"
stray_end
shows 3.1.0
all_there
strays_are_in bayanat

note "one that comes back behind the fence, where the new version fails: what it wrote is kept, and named"
manifest_sed 3.3.0 's/retry_count: 1, retry_delay: 200ms/retry_count: 4, retry_delay: 500ms/'
publish 3.3.0 bad-health
rm "$SD_ROOT/srv/strays"
install -m 666 /dev/null "$SD_ROOT/srv/strays"
ok "the stray writes" stray_begin 0.7
expect_exit 4 lift update bayanat
kept=$(databases | tr ' ' '\n' | grep __failed_)
grep -qE "^  data 'main' are back as they were; what replaced them is kept in database '$kept', with at least [0-9]+ rows that were written after the migration\$" "$out"
verdict "the database with the stray's rows is named" $?
stray_end
shows 3.1.0
all_there
strays_are_in bayanat "$kept"
[ -n "$(rows_in bayanat | sort | comm -13 - "$work/strays")" ]
verdict "some of them are in what was kept only" $?
expect_exit 0 lift update bayanat --to 3.2.0
shows 3.2.0
expect_same "databases after the next good update" "$(databases)" bayanat

note "an administrator starts a unit by hand in mid-job: it stays down until the job is over"
manifest_sed 3.4.0 's/^migrate_timeout: .*/migrate_timeout: 10m/'
publish 3.4.0 endless
expect_exit 0 lift update bayanat --detach
at_migration() { [ "$(psql_admin postgres "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()")" = 1 ]; }
ok "the job is in its migration" wait_for 20 at_migration
ok "he starts both units" inside systemctl start bayanat.service bayanat-celery.service
expect_same "the units" "$(property bayanat.service ActiveState) $(property bayanat-celery.service ActiveState)" "inactive inactive"
expect_same "what users get" "$(inside curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://127.0.0.1:$port/")" 000

note "the database server is killed in mid-job, and is away for a while: the way back waits for it"
inside systemctl kill -s KILL --kill-whom=main bayanat-db.service
ok "it is dead" wait_for 5 sh -c "! nsenter -t $SD_PID -a systemctl -q is-active bayanat-db.service"
unlist 3.4.0
sleep 3
ok "the server is back" inside systemctl start bayanat-db.service
ok "the job has ended" wait_for 30 is_at_rest
expect_exit 0 lift logs bayanat
said "copy      undo-failed: data 'main': cannot reach database 'postgres' at /run/postgresql: "
expect_no_text "$out" "rejected "
shows 3.2.0
all_there
ok "he stops a unit now" inside systemctl stop bayanat.service
ok "he starts it now" inside systemctl start bayanat.service
ok "it answers" wait_for 5 about

note "two apps that claim one database"
inside install -d /opt/archive /srv/archive
inside install -d -o bayanat -g bayanat /opt/archive/shared
inside install -o bayanat -g bayanat -m 600 "$app/shared/.env" /opt/archive/shared/.env
sed -i -e 's/^app: .*/app: archive/' -e '/^services:/,/^  - {name: worker/d' "$work/tree-3.2.0/liftlock.yaml"
tar -C "$work/tree-3.2.0" -cf - . | zstd -q >"$SD_ROOT/srv/archive/archive-3.2.0.tar.zst"
sha256=$(sha256sum <"$SD_ROOT/srv/archive/archive-3.2.0.tar.zst" | cut -d ' ' -f 1)
echo '{"app": "archive", "channels": {"stable": "3.2.0"}, "releases": [{"version": "3.2.0", "url": "archive-3.2.0.tar.zst", "sha256": "'"$sha256"'", "released": "2026-10-01T00:00:00Z"}]}' >"$SD_ROOT/srv/archive/releases.json"
expect_exit 3 lift install /srv/archive --trust none --name archive --user bayanat
expect_text "$err" "liftlock: archive: database 'bayanat' belongs to the app 'bayanat'"
expect_no_file "$SD_ROOT/opt/archive/current"

note "the clock jumps past 2038, and back: order is by sequence, not by time"
clock="LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=/etc/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"
# shellcheck disable=SC2086 # words
lift_then() { inside env $clock liftlock "$@"; } # and its job, which systemd starts
inside mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultEnvironment=%s\n' "$clock" >"$SD_ROOT/etc/systemd/system.conf.d/clock.conf"
# libfaketime lets a sleep fail whose end is past when it begins, as on a busy machine: the worker has the true clock.
inside mkdir -p /run/systemd/system/bayanat-celery.service.d
printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$work/true-clock"
inside sh -c 'cat >/run/systemd/system/bayanat-celery.service.d/clock.conf' <"$work/true-clock"
inside systemctl daemon-reload
echo +5000d >"$SD_ROOT/etc/clock"
publish 3.5.0 3.1.0
expect_exit 0 lift_then update bayanat
expect_exit 0 lift logs bayanat
grep -q '^20[4-9][0-9]-' "$out"
verdict "the job's clock was past 2038" $?
echo +0 >"$SD_ROOT/etc/clock"
publish 3.6.0 3.1.0
expect_exit 0 lift_then update bayanat
shows 3.6.0
expect_exit 0 lift history bayanat
expect_same "the newest jobs, in their order" "$(head -n 2 "$out" | sed 's/.* → \([^ ]*\).*/\1/' | tr '\n' ' ')" "3.6.0 3.5.0 "
expect_exit 0 lift backup list bayanat
expect_same "whose the newest backups are" "$(head -n 2 "$out" | sed 's/.*data of \([^ ]*\).*/\1/' | tr '\n' ' ')" "3.5.0 3.2.0 "
expect_exit 0 lift_then rollback bayanat --yes
shows 3.5.0
all_there
