# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A machine of its own with a real systemd, PostgreSQL and the app of examples/bayanat. Comes after lib.sh; needs root. The
# machine's files are at $SD_ROOT; it has its own network.
#
#   machine_make              makes and boots it                        inside COMMAND...   runs it there, as root
#   publish VERSION [MOULD]   makes a release and the newest of /srv/source of it
#   offer VERSION | unlist VERSION     makes one of them the newest again | takes it out of the source
#   manifest_sed VERSION SED  for the next `publish` of it: changes its manifest
#   add_sql VERSION NAME <SQL a migration more, for the next `publish` of it
#   psql_app SQL | psql_admin DATABASE SQL     rows, fields with | between them
#   write_begin | write_end   a client that writes without a pause, and notes what was acknowledged; may begin again
#   all_there                 every acknowledged row is there once, and every queued task was done at most once
#   about, live, property UNIT NAME, is_at_rest, shows VERSION
# shellcheck disable=SC2154 # $tree, $build and $work come from lib.sh
. "$tree/tests/scenario/lib-systemd.sh"
port=8430
app=/opt/bayanat
scenario_end() {
    write_end
    sd_teardown
}

inside() { sd_run "$@"; }
lift() { sd_run liftlock "$@"; }
unit() { cat >"$SD_ROOT/usr/local/lib/systemd/system/$1"; }
property() { sd_run systemctl show -P "$2" "$1"; }
psql_admin() { inside setpriv --reuid postgres --regid postgres --clear-groups psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }
psql_app() { inside env PGPASSWORD='ge:heim' psql -X -q -A -t -v ON_ERROR_STOP=1 -h /run/postgresql -U bayanat -d bayanat -c "$1"; }

machine_make() {
    sd_setup "$work/machine" || exit 1
    mkdir -p "$SD_ROOT/etc/liftlock" "$SD_ROOT/srv/source"
    rm -rf "$SD_ROOT"/opt/* "$SD_ROOT/var/lib/liftlock" "$SD_ROOT/var/lib/bayanat-db"
    meson install --no-rebuild --quiet -C "$build" --destdir "$SD_ROOT" >"$out" 2>&1 || exit 1
    echo 'allow_trust_none = true' >"$SD_ROOT/etc/liftlock/liftlock.toml"
    programs=$(find /usr/lib/postgresql/*/bin -maxdepth 0 | sort -V | tail -n 1)
    [ -x "$programs/postgres" ] || { echo "missing: postgresql" >&2 && exit 1; }
    unit bayanat-db.service <<END
[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStart=$programs/postgres -D /var/lib/bayanat-db -c listen_addresses= -c unix_socket_directories=/run/postgresql
KillMode=mixed
KillSignal=SIGINT
[Install]
WantedBy=multi-user.target
END
    for process in bayanat.service:web:"$port" bayanat-celery.service:worker:; do
        rest=${process#*:}
        unit "${process%%:*}" <<END
[Unit]
After=bayanat-db.service
[Service]
User=bayanat
EnvironmentFile=$app/shared/.env
ExecStart=$app/current/bin/bayanat ${rest%%:*} ${rest#*:}
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
END
    done
    sd_boot || exit 1
    inside systemctl -q enable bayanat.service bayanat-celery.service
    database_make >"$out" 2>&1 || { cat "$out" && exit 1; }
}

database_make() {
    inside useradd --system --user-group --home-dir /nonexistent bayanat &&
        inside install -d -o postgres -m 700 /var/lib/bayanat-db &&
        inside setpriv --reuid postgres --regid postgres --clear-groups "$programs/initdb" -D /var/lib/bayanat-db -A peer --no-sync &&
        printf 'local all postgres peer\nlocal all all scram-sha-256\n' >"$SD_ROOT/var/lib/bayanat-db/pg_hba.conf" &&
        inside systemctl -q enable --now bayanat-db.service &&
        psql_admin postgres "CREATE ROLE bayanat LOGIN CREATEDB PASSWORD 'ge:heim'" &&
        psql_admin postgres "CREATE DATABASE bayanat OWNER bayanat" &&
        inside install -d -o root "$app" && inside install -d -o bayanat -g bayanat "$app/shared" &&
        inside install -o bayanat -g bayanat -m 600 /dev/null "$app/shared/.env" &&
        echo 'DATABASE_URL=postgresql://bayanat:ge%3Aheim@/bayanat?host=/run/postgresql' >"$SD_ROOT$app/shared/.env"
}

manifest_sed() { echo "$2" >>"$work/sed-$1"; }
add_sql() { mkdir -p "$work/sql-$1" && cat >"$work/sql-$1/$2"; }

publish() {
    "$tree/examples/bayanat/make-release" "$1" "$work/tree-$1" "${2:-$1}" "$port"
    [ ! -f "$work/sed-$1" ] || sed -i -f "$work/sed-$1" "$work/tree-$1/liftlock.yaml"
    [ ! -d "$work/sql-$1" ] || cp "$work/sql-$1"/* "$work/tree-$1/migrations/"
    archive=$SD_ROOT/srv/source/bayanat-$1.tar.zst
    tar -C "$work/tree-$1" -cf - . | zstd -q -f -o "$archive"
    offer "$1"
}

offer() { # offer VERSION: what is published already, as the newest
    archive=$SD_ROOT/srv/source/bayanat-$1.tar.zst
    [ ! -f "$work/published" ] || sed -i "/^$1 /d" "$work/published"
    printf '%s %s %s\n' "$1" "$(sha256sum <"$archive" | cut -d' ' -f1)" "$(stat -c %s "$archive")" >>"$work/published"
    index
}

unlist() { # unlist VERSION: the source has it no longer, so that nobody tries it again by himself
    sed -i "/^$1 /d" "$work/published"
    index
}

index() {
    newest=$(tail -n 1 "$work/published" | cut -d ' ' -f 1)
    {
        printf '{"app": "bayanat", "channels": {"stable": "%s"}, "releases": [' "$newest"
        comma=
        while read -r version sha256 size; do
            printf '%s\n{"version": "%s", "url": "bayanat-%s.tar.zst", "sha256": "%s", "size": %s, "released": "2026-10-01T00:00:00Z"}' \
                "$comma" "$version" "$version" "$sha256" "$size"
            comma=,
        done <"$work/published"
        printf ']}\n'
    } >"$SD_ROOT/srv/source/releases.json"
}

about() { inside curl -sS --max-time 5 "http://127.0.0.1:$port/about"; }
live() { readlink "$SD_ROOT$app/current"; }
jobs_at_work() { inside systemctl list-units --plain --no-legend 'liftlock-job-*' | cut -d ' ' -f 1; }
is_at_rest() { [ -z "$(jobs_at_work)" ]; }
databases() { psql_admin postgres "SELECT datname FROM pg_database WHERE datname LIKE 'bayanat%' ORDER BY 1" | tr '\n' ' ' | sed 's/ $//'; }

# What was posted and not acknowledged may be there all the same, once: its numbers are not used again.
write_begin() {
    touch "$work/acknowledged"
    first=$(($(tail -n 1 "$work/acknowledged" | grep . || echo 0) + 1000))
    in_background nsenter -t "$SD_PID" -n "$tree/tests/scenario/writer.py" "$port" "$work/acknowledged" "$first"
    writer=$!
    wait_for 5 sh -c "[ \"\$(tail -n 1 '$work/acknowledged')\" -ge $first ]"
}
write_end() {
    [ -z "${writer:-}" ] || kill "$writer" 2>/dev/null
    writer=
}
all_there() {
    sort -u "$work/acknowledged" >"$work/expected" # first: users write on
    psql_app "SELECT substring(title from '[0-9]+') FROM bulletin WHERE title LIKE '%row %'" | sort >"$work/present"
    expect_same "acknowledged rows that are missing" "$(comm -13 "$work/present" "$work/expected" | wc -l)" 0
    expect_same "rows that are there twice" "$(uniq -d "$work/present" | wc -l)" 0
    expect_same "tasks that were done twice" "$(psql_app 'SELECT count(*) FROM task WHERE done > 1')" 0
}

units_run() { [ "$(property bayanat.service ActiveState) $(property bayanat-celery.service ActiveState)" = "active active" ]; }
shows() {
    expect_same "the running app's own word" "$(about)" "{\"name\": \"bayanat\", \"version\": \"$1\"}"
    expect_same "what is live" "$(live)" "releases/$1"
    ok "its units run" wait_for 45 units_run # a worker whose database went away is started again by systemd
}
