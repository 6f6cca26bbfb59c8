#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# What a host does to an update of examples/bayanat, and people: programs that know of no fence, statements that outlive
# their clients, units that are started by hand, a database server that is killed, two apps with one database, a clock that
# jumps. Row B07 as well: going back says what is lost, and saves it first.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
said() { # said TEXT: somewhere in what the last command said
    grep -qF -e "$1" "$out" "$err"
    verdict "it says: $1" $?
}
hurriedly() { sed -i 's/^ExecStart=.*postgres/&/; /^Restart/d' "$1"; }
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
mv "$SD_ROOT/srv/strays" "$SD_ROOT/srv/strays-before"
install -m 666 /dev/null "$SD_ROOT/srv/strays"
ok "the stray writes" stray_begin 0.7
expect_exit 4 lift update bayanat
cat "$out" "$err"
lift logs bayanat --all | tail -40
lift status bayanat
lift inspect bayanat
shows 3.1.0
all_there
databases; echo
stray_end
kept=$(databases | tr ' ' '\n' | grep __failed_)
strays_are_in bayanat "$kept"
rows_in "$kept" | wc -l
lift update bayanat --to 3.2.0
databases; echo
