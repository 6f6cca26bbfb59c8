# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What the scenarios of bad input share: a bookshelf on a host of an ordinary user, its source, and the words
#
#   host_up [TRUST]         a host in $host, a source in $src, the key of a publisher; none (default) or minisign
#   release V               makes $work/tree anew: a good release V of the bookshelf
#   manifest SED            edits the manifest in $work/tree
#   offer V                 packs $work/tree as V's archive and lists it: the channel's newest
#   sign FILE COMMENT       signs a file of the source as the publisher does
#   index [N]               writes releases.json of all that is offered; signs it as number N under minisign
#   next V                  the version after V
#   refused CODE TEXT COMMAND...   exit code, exact text of the error, and nothing has changed outside staging
#   back CODE TEXT COMMAND...      the same where the job went through the fence: the old release and its data are back
#   hint TEXT               the line below the error
#   good                    the next good update works: $live goes up by one and the books are still there
# $live is the version that runs.
# shellcheck disable=SC2119,SC2120 # index and index_signed take an argument only where a scenario lies
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
app=bookshelf
host=$work/host
src=$work/src
live=1.0.0
port=$(free_port)
index_number=0
trust=none
export PYTHONDONTWRITEBYTECODE=1

# What liftlock starts has a clean environment, but it knows its host.
scenario_end() {
    for signal in TERM KILL; do
        # shellcheck disable=SC2013 # pids are words
        for pid in $(grep -lsaF "LIFTLOCK_APP_ROOT=$host/" /proc/[0-9]*/environ | cut -d/ -f3); do
            kill -$signal "$pid" 2>/dev/null
        done
        sleep 0.1
    done
    [ "$(id -u)" = 0 ] || chmod -R u+w "$work" # sealed trees
}

lift() { as_user env LIFTLOCK_ROOT="$host" liftlock "$@"; }
about() { curl -s -m 5 "http://127.0.0.1:$port/about"; }
books() { curl -s -m 5 "http://127.0.0.1:$port/books"; }
next() { echo "${1%.*}.$((${1##*.} + 1))"; }

release() { # a release is 1.0.0 of the example under another number
    rm -rf "$work/tree"
    "$tree/examples/bookshelf/make-release" 1.0.0 "$work/tree" "$port"
    echo "$1" >"$work/tree/VERSION"
    manifest "s/^version: .*/version: $1/"
}

manifest() { sed -i -e "$1" "$work/tree/liftlock.yaml"; }

pack() { tar -C "$work/tree" -czf "$src/$app-$1.tar.gz" .; }

sign() { # sign FILE COMMENT [KEY]
    minisign -S -H -s "${3:-$work/key}" -m "$src/$1" -x "$src/$1.minisig" -t "$2" >/dev/null </dev/null
}

list() { # list V: an entry of the index about the archive that lies there
    [ "$trust" = none ] || sign "$app-$1.tar.gz" "app=$app version=$1 file=$app-$1.tar.gz"
    grep -qx "$1" "$work/offers" 2>/dev/null || echo "$1" >>"$work/offers"
    index
}

offer() {
    pack "$1"
    list "$1"
}

index() {
    index_number=${1:-$((index_number + 1))}
    /usr/bin/python3 - "$app" "$src" "$index_number" "$work/offers" <<'END'
import hashlib, json, sys
app, src, number, offers = sys.argv[1:]
releases = []
for version in open(offers).read().split():
    name = "%s-%s.tar.gz" % (app, version)
    data = open(src + "/" + name, "rb").read()
    releases.append({"version": version, "url": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)})
json.dump({"app": app, "index": int(number), "channels": {"stable": version}, "releases": releases}, open(src + "/releases.json", "w"), indent=1)
END
    index_signed
}

index_signed() { [ "$trust" = none ] || sign releases.json "app=$app index=${1:-$index_number}"; }

change_index() { # change_index PYTHON: with `index`, and `last`, its newest release
    /usr/bin/python3 -c "
import json
path = '$src/releases.json'
index = json.load(open(path))
last = index['releases'][-1]
$1
json.dump(index, open(path, 'w'), indent=1)"
    index_signed
}

withdraw_offer() { # as if V had never been offered
    grep -vx "$1" "$work/offers" >"$work/offers.new"
    mv "$work/offers.new" "$work/offers"
    rm -f "$src/$app-$1.tar.gz" "$src/$app-$1.tar.gz.minisig"
}

host_up() { # host_up [TRUST [SOURCE]]
    trust=${1:-none}
    mkdir -p "$host/etc/liftlock" "$src"
    echo 'allow_trust_none = true' >"$host/etc/liftlock/liftlock.toml"
    [ "$trust" = none ] || minisign -G -W -f -p "$work/key.pub" -s "$work/key" >/dev/null </dev/null
    release $live
    offer $live
    [ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host"
    if [ "$trust" = none ]; then set -- "${2:-$src}" --trust none; else set -- "${2:-$src}" --key "$(tail -n 1 "$work/key.pub")"; fi
    ok "$app $live is installed" lift install "$@" --name $app
    curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
    expect_same "what it keeps" "$(books)" '[{"title": "Emma"}]'
}

# All of opt/ and etc/ but staging, the log of updates, and what SQLite keeps beside a database that is open.
state() {
    (cd "$host" && find opt etc \( -path 'opt/*/releases/*.partial' -o -path 'opt/*/releases/*.pending' -o -path 'opt/*/logs' \
        -o -name '*.db-wal' -o -name '*.db-shm' \) -prune -o \( -type f -exec sha256sum {} + , -printf '%p %y %m %U %l\n' \)) | sort
    ls "$host/var/lib/liftlock/$app/fence" "$host/var/lib/liftlock/$app/hold"
    ls -A "$work/outside" 2>/dev/null
    about
    books
}

said() { # what the last command said: the error without its hint
    sed -n 's/^liftlock: //p' "$err" | head -n 1
}

refused() { # refused CODE TEXT COMMAND...
    wanted_code=$1
    wanted_text=$2
    shift 2
    before=$(state)
    "$@" >"$out" 2>"$err"
    got=$?
    after=$(state)
    if [ $got = "$wanted_code" ] && [ "$(said)" = "$wanted_text" ] && [ "$before" = "$after" ]; then
        verdict "exit $wanted_code: $wanted_text" 0
        return
    fi
    verdict "exit $wanted_code: $wanted_text" 1
    [ $got = "$wanted_code" ] || note "but exit $got"
    [ "$before" = "$after" ] || {
        printf '%s\n' "$before" >"$work/.before"
        printf '%s\n' "$after" | diff "$work/.before" - >"$work/.changed"
        note "changed:"
        explain "$work/.changed"
    }
    explain "$out" "$err"
}

back() { # back CODE TEXT COMMAND...
    wanted_code=$1
    wanted_text=$2
    shift 2
    "$@" >"$out" 2>"$err"
    got=$?
    [ $got = "$wanted_code" ] && [ "$(said)" = "$wanted_text" ] && runs
    verdict "exit $wanted_code and back: $wanted_text" $?
    [ "$got $(said)" = "$wanted_code $wanted_text" ] || { note "but exit $got" && explain "$out" "$err"; }
}

runs() { # the release that is live answers, from its own tree, with the data, and nothing is held
    [ "$(readlink "$host/opt/$app/current")" = "releases/$live" ] || { note "current: $(readlink "$host/opt/$app/current")" && return 1; }
    [ "$(about)" = "{\"name\": \"bookshelf\", \"version\": \"$live\"}" ] || { note "it says $(about)" && return 1; }
    [ "$(books)" = '[{"title": "Emma"}]' ] || { note "it keeps $(books)" && return 1; }
    [ -z "$(find "$host/var/lib/liftlock/$app/fence" "$host/var/lib/liftlock/$app/hold" -type f)" ] || { note "fence or hold stands" && return 1; }
    [ ! -e "$host/opt/$app/shared/maintenance" ] || { note "the maintenance file is there" && return 1; }
}

hint() { expect_text "$err" "  $1"; }

good() {
    live=$(next "$live")
    while grep -qx "$live" "$work/offers"; do live=$(next "$live"); done
    release "$live"
    offer "$live"
    lift update $app >"$out" 2>"$err"
    got=$?
    [ $got = 0 ] && runs
    verdict "the next good update works: $live" $?
    [ $got = 0 ] || explain "$out" "$err"
}
