# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Words for scenarios about the bookshelf, on a host of its own below $host. Brings lib.sh with it.
#
#   tree_make VERSION MOULD   a release made like examples/bookshelf/MOULD, but called VERSION, in $work/tree-VERSION
#   tree_edit VERSION FILE SED...   changes a file of it            manifest_add VERSION LINE   adds to its manifest
#   publish VERSION           packs it and makes it the newest of $source
#   lift VERB...              liftlock as an ordinary user on $host
#   add_book TITLE            books        about        live        what the app and its host answer
#   shows VERSION BOOKS       the app runs as VERSION, observed in three ways, and has exactly these books
#   json WORDS PYTHON         asserts about the JSON that the last command wrote to $out; the document is called j
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
host=$work/host
source=$work/source
port=$(free_port)
as_user mkdir -p "$host/etc/liftlock" "$source"
echo 'allow_trust_none = true' | as_user tee "$host/etc/liftlock/liftlock.toml" >/dev/null

# What liftlock starts has a clean environment, but it knows its host.
scenario_end() {
    for signal in TERM KILL; do
        for pid in $(grep -lsaF "$host" /proc/[0-9]*/environ | cut -d/ -f3); do
            kill -$signal "$pid" 2>/dev/null
        done
        sleep 0.1
    done
    chmod -R u+w "$host" # sealed trees
}

lift() { as_user env LIFTLOCK_ROOT="$host" liftlock "$@"; }

tree_make() {
    as_user "$tree/examples/bookshelf/make-release" "$2" "$work/tree-$1" "$port"
    tree_edit "$1" VERSION "s/.*/$1/"
    tree_edit "$1" liftlock.yaml "s/^version: .*/version: $1/"
}

tree_edit() {
    edited=$work/tree-$1/$2
    shift 2
    as_user sed -i "$@" "$edited"
}

manifest_add() { printf '%s\n' "$2" | as_user tee -a "$work/tree-$1/liftlock.yaml" >/dev/null; }

publish() {
    archive=$source/bookshelf-$1.tar.zst
    as_user sh -c 'tar -C "$1" -cf - . | zstd -q -f -o "$2"' - "$work/tree-$1" "$archive"
    printf '%s %s %s\n' "$1" "$(sha256sum <"$archive" | cut -d' ' -f1)" "$(stat -c %s "$archive")" >>"$work/published"
    {
        printf '{"app": "bookshelf", "channels": {"stable": "%s"}, "releases": [' "$1"
        comma=
        while read -r version sha256 size; do
            printf '%s\n{"version": "%s", "url": "bookshelf-%s.tar.zst", "sha256": "%s", "size": %s, "released": "2026-10-01T00:00:00Z"}' \
                "$comma" "$version" "$version" "$sha256" "$size"
            comma=,
        done <"$work/published"
        printf ']}\n'
    } | as_user tee "$source/releases.json" >/dev/null
}

add_book() { curl -sS -f --max-time 5 -d "title=$1" "http://127.0.0.1:$port/" >/dev/null; }
books() { curl -sS --max-time 5 "http://127.0.0.1:$port/books"; }
about() { curl -sS --max-time 5 "http://127.0.0.1:$port/about"; }
live() { readlink "$host/opt/bookshelf/current"; }
service_pid() { # of the bookshelf's service (of another one of the app: its name)
    grep -lszFx "LIFTLOCK_UNIT=bookshelf/${1:-web}@$host" /proc/[0-9]*/environ | cut -d/ -f3 | head -n 1
}
integrity() { sqlite3 "$host/opt/bookshelf/shared/books.db" 'pragma integrity_check'; }

shows() {
    expect_same "the running app's own word" "$(about)" "{\"name\": \"bookshelf\", \"version\": \"$1\"}"
    expect_same "what is live" "$(live)" "releases/$1"
    expect_same "the books" "$(books)" "$2"
    expect_same "the database" "$(integrity)" ok
}

json() {
    if /usr/bin/python3 -m json.tool "$out" >/dev/null 2>"$work/.json" &&
        /usr/bin/python3 -c "import json, sys; j = json.load(open(sys.argv[1])); assert ($2), j" "$out" 2>"$work/.json"; then
        verdict "$1" 0
    else
        verdict "$1" 1
        explain "$work/.json"
    fi
}
