# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A machine of its own with a real systemd, liftlock installed as a package would, and the bookshelf as a unit of the
# system. Comes after lib.sh; needs root. The machine's files are at $SD_ROOT; it has its own network.
#
#   machine_make              makes and boots it                        inside COMMAND...   runs it there, as root
#   unit NAME <TEXT           a unit file, as a package brings it        property UNIT NAME  what systemd says
#   has_recovered             the boot unit ran, and is through
#   tree_make VERSION MOULD   a release like examples/bookshelf/MOULD, called VERSION, whose service is a unit
#   manifest_add VERSION LINE adds to its manifest                      tree_edit VERSION FILE SED...
#   publish VERSION           packs it and makes it the newest of /srv/source
#   unlist VERSION | list_again        takes it out of the source | what was taken out last is there again
#   pause STEP | go_on STEP   the release's `bin/pause STEP` waits | no longer
#   paused STEP               it waits there now
#   about, books, add_book TITLE, live, shows VERSION BOOKS             as in lib-bookshelf.sh
#   app_processes             how many processes the app has, whoever started them
#   starts                    releases that bookshelf.service started with since it was last asked
# shellcheck disable=SC2154 # $tree, $build and $work come from lib.sh
. "$tree/tests/scenario/lib-systemd.sh"
port=8421
app=bookshelf
scenario_end() { sd_teardown; }

inside() { sd_run "$@"; }
lift() { sd_run liftlock "$@"; }
unit() { cat >"$SD_ROOT/usr/local/lib/systemd/system/$1"; }
property() { sd_run systemctl show -P "$2" "$1"; }
is_property() { [ "$(property "$1" "$2")" = "$3" ]; }
has_recovered() { is_property liftlock-recover.service ActiveState inactive && ! is_property liftlock-recover.service ExecMainExitTimestampMonotonic 0; }

machine_make() {
    sd_setup "$work/machine" || exit 1
    mkdir -p "$SD_ROOT/etc/liftlock" "$SD_ROOT/srv/source" "$SD_ROOT/srv/pause" "$SD_ROOT/srv/paused"
    chmod 777 "$SD_ROOT/srv/paused"
    rm -rf "$SD_ROOT"/opt/* "$SD_ROOT/var/lib/liftlock"
    meson install --no-rebuild --quiet -C "$build" --destdir "$SD_ROOT" >"$out" 2>&1 || exit 1
    echo 'allow_trust_none = true' >"$SD_ROOT/etc/liftlock/liftlock.toml"
    unit bookshelf.service <<END
[Service]
User=liftlock-test
ExecStartPre=+/bin/sh -c 'readlink /opt/bookshelf/current >>/srv/starts'
ExecStart=/opt/bookshelf/current/bin/bookshelf $port
Environment=LIFTLOCK_SHARED=/opt/bookshelf/shared
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
END
    sd_boot || exit 1
}

tree_make() {
    "$tree/examples/bookshelf/make-release" "$2" "$work/tree-$1" "$port"
    pause_program "$work/tree-$1/bin/pause"
    tree_edit "$1" VERSION "s/.*/$1/"
    tree_edit "$1" liftlock.yaml -e "s/^version: .*/version: $1/" -e 's/{name: web, .*}/{name: web, unit: bookshelf.service}/'
}

pause_program() { # pause_program FILE: makes what `pause` and `go_on` are about
    cat >"$1" <<'END'
#!/bin/sh
# waits while /srv/pause/STEP is there
while [ -e "/srv/pause/$1" ]; do
    : >"/srv/paused/$1"
    sleep 0.05
done
rm -f "/srv/paused/$1"
END
    chmod 755 "$1"
}

tree_edit() {
    edited=$work/tree-$1/$2
    shift 2
    sed -i "$@" "$edited"
}

manifest_add() { printf '%s\n' "$2" >>"$work/tree-$1/liftlock.yaml"; }

publish() {
    archive=$SD_ROOT/srv/source/$app-$1.tar.zst
    tar -C "$work/tree-$1" -cf - . | zstd -q -f -o "$archive"
    printf '%s %s %s\n' "$1" "$(sha256sum <"$archive" | cut -d' ' -f1)" "$(stat -c %s "$archive")" >>"$work/published"
    index
}

unlist() {
    grep "^$1 " "$work/published" >"$work/unlisted"
    sed -i "/^$1 /d" "$work/published"
    index
}

list_again() {
    cat "$work/unlisted" >>"$work/published"
    index
}

index() {
    newest=$(tail -n 1 "$work/published" | cut -d ' ' -f 1)
    {
        printf '{"app": "%s", "channels": {"stable": "%s"}, "releases": [' "$app" "$newest"
        comma=
        while read -r version sha256 size; do
            printf '%s\n{"version": "%s", "url": "%s-%s.tar.zst", "sha256": "%s", "size": %s, "released": "2026-10-01T00:00:00Z"}' \
                "$comma" "$version" "$app" "$version" "$sha256" "$size"
            comma=,
        done <"$work/published"
        printf ']}\n'
    } >"$SD_ROOT/srv/source/releases.json"
}

pause() { touch "$SD_ROOT/srv/pause/$1"; }
go_on() { rm -f "$SD_ROOT/srv/pause/$1" "$SD_ROOT/srv/paused/$1"; }
paused() { [ -e "$SD_ROOT/srv/paused/$1" ]; }

about() { inside curl -sS --max-time 5 "http://127.0.0.1:$port/about"; }
books() { inside curl -sS --max-time 5 "http://127.0.0.1:$port/books"; }
add_book() { inside curl -sS -f --max-time 5 -o /dev/null -d "title=$1" "http://127.0.0.1:$port/"; }
live() { readlink "$SD_ROOT/opt/$app/current"; }
answers() { [ "$(about 2>/dev/null)" = "{\"name\": \"bookshelf\", \"version\": \"$1\"}" ]; }
app_processes() { inside pgrep -fc 'bin/bookshel[f]'; }
jobs_at_work() { inside systemctl list-units --plain --no-legend 'liftlock-job-*' | cut -d ' ' -f 1; }
is_at_rest() { [ -z "$(jobs_at_work)" ]; }
claims_of() { find "$SD_ROOT/var/lib/liftlock/$app/$1" -type f | wc -l; }
starts() {
    uniq "$SD_ROOT/srv/starts" 2>/dev/null | tr '\n' ' ' | sed 's/ $//'
    rm -f "$SD_ROOT/srv/starts"
}

shows() {
    expect_same "the running app's own word" "$(about)" "{\"name\": \"bookshelf\", \"version\": \"$1\"}"
    expect_same "what is live" "$(live)" "releases/$1"
    expect_same "the books" "$(books)" "$2"
    expect_same "its unit" "$(property bookshelf.service ActiveState) $(property bookshelf.service NRestarts)" "active 0"
}
