#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An update fetches what leads from the installed release to the next: a delta, or what is lacking of its pack; and what it
# does where that leads nowhere, costs too much, or is damaged. From 'liftlock repo add' to the tree on the host, with what a
# real nginx sent as the measure.
# limit: 300
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
repo=$work/www/repo keys=$work/keys access=$work/nginx/access
as_user mkdir -p "$host/etc/liftlock"
: >"$host/etc/liftlock/liftlock.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host"
nginx_up

publisher() { as_user liftlock repo "$@" --keys "$keys"; }
# make V [SED]: a release of some size: what stays, what moves, a program whose addresses shift
make() {
    release "$1"
    [ $# = 1 ] || manifest "$2"
    mkdir -p "$work/tree/static"
    /usr/bin/python3 - "$work/tree/static" "$1" <<'END_OF_MAKE'
import random, sys
folder, version = sys.argv[1:]
step = int(version.split(".")[2])
program = bytearray(random.Random(1).randbytes(300000))
for at in range(0, len(program) - 4, 40):
    program[at:at + 4] = ((int.from_bytes(program[at:at + 4], "little") + 4096 * step) % 2**32).to_bytes(4, "little")
for name, content in (("program", bytes(program)), ("shelf", random.Random(2).randbytes(1500000)),
                      ("guide-%d" % step, random.Random(3).randbytes(50000)),
                      ("notes", random.Random(version).randbytes(3000))):
    with open("%s/%s" % (folder, name), "wb") as file:
        file.write(content)
END_OF_MAKE
}
add() { # add V [SED] [OPTION...]: the channel names it
    version=$1
    make "$1" ${2:+"$2"}
    shift
    [ $# = 0 ] || shift
    publisher add "$repo" $app "$version" "$work/tree" --channel stable --no-passphrase "$@"
}
file() { echo "$repo/targets/$app/"*".$app-$1"; }
size() { stat -c %s "$(file "$1")"; }
asked() { sed -n "s/.*\.\($app-[^ ]*\) \([0-9]*\) .*/\1 \2/p" "$access" | grep -v yaml; } # NAME STATUS, of what was fetched
sent() { awk -v kind="$1" '$1 ~ kind "$" { sum += $3 } END { print sum + 0 }' "$access"; }
said() { # said PATTERN: the last update
    cat "$out" "$err" | grep -q "^  *$1$"
    verdict "it says: $1" $?
}
forget_asked() { : >"$access"; }
planned() { lift plan $app --json | /usr/bin/python3 -c 'import json, sys; p = json.load(sys.stdin); print(p["way"], p["download_bytes"] - p["cached_bytes"])'; }
kept_inventory() { sha256sum <"$host/var/lib/liftlock/$app/inventories/$1" | cut -d' ' -f1; }
tree_of() { # of the block of a release
    /usr/bin/python3 -c 'import glob, json, sys; f = max(glob.glob(sys.argv[1] + "/metadata/*.app-bookshelf.json"), key=lambda p: int(p.split("/")[-1].split(".")[0])); print(json.load(open(f))["signed"]["targets"]["bookshelf/bookshelf-%s.yaml" % sys.argv[2]]["custom"]["tree"])' "$repo" "$1"
}
goes_live() { # goes_live V: by an update
    live=$1
    expect_exit 0 lift update $app
    runs
    verdict "$1 runs" $?
    diff -r --no-dereference "$work/tree/static" "$host/opt/$app/releases/$1/static" >/dev/null
    verdict "its files are the publisher's" $?
}

note 'a first release comes whole'
ok 'a repository' publisher init "$repo" --no-passphrase
ok '1.0.0' add 1.0.0
expect_exit 0 lift install "http://127.0.0.1:$web/repo" --name $app --root "$repo/metadata/1.root.json"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
expect_same 'what was fetched' "$(asked)" "$app-1.0.0.tar.zst 200"
expect_same 'its inventory is kept' "$(kept_inventory 1.0.0)" "$(tree_of 1.0.0)"

note 'the next by a delta, to the byte as the plan says'
ok '1.0.1' add 1.0.1
delta=$(size 1.0.1-from-1.0.0.delta)
ok 'which is small' test "$delta" -lt 5000
expect_same 'the plan' "$(planned)" "delta $delta"
expect_exit 0 lift plan $app
grep -q '^  download   3\.[0-9].*kB, a delta$' "$out"
verdict 'as people read it' $?
forget_asked
goes_live 1.0.1
expect_same 'what was fetched' "$(asked)" "$app-1.0.1-from-1.0.0.delta 200"
expect_same 'its bytes' "$(sent delta)" "$delta"
expect_same 'its inventory is kept' "$(kept_inventory 1.0.1)" "$(tree_of 1.0.1)"
shelves=$(stat -c %i "$host/opt/$app/releases/1.0.0/static/shelf" "$host/opt/$app/releases/1.0.1/static/shelf" | uniq | wc -l)
expect_same "what stays is shared where the app's user cannot write" "$shelves" 2
expect_exit 0 lift rollback $app --yes
live=1.0.0
runs
verdict '1.0.0 runs again' $?
expect_exit 0 lift allow $app 1.0.1
forget_asked
goes_live 1.0.1
expect_same 'nothing is fetched for what is here' "$(asked)" ''

note 'from a release that no delta starts from: what is lacking of the pack'
for v in 1.0.2 1.0.3 1.0.4 1.0.5; do ok "$v" add $v; done
lacking=$(planned)
ok 'the plan' test "${lacking% *}" = frames
ok 'it is not the whole pack' test "${lacking#* }" -lt "$(($(size 1.0.5.pack) / 2))"
ok 'the plan fetched the table' test "$(sent table)" -gt 0
expect_same 'which is not fetched again' "$(planned)" "frames $((${lacking#* } - $(size 1.0.5.table)))"
forget_asked
goes_live 1.0.5
expect_same 'what was fetched' "$(asked | sort -u)" "$app-1.0.5.pack 206"
expect_same 'its bytes' "$(sent pack)" "$((${lacking#* } - $(size 1.0.5.table)))"

note 'a limit'
ok '1.0.6' add 1.0.6
delta=$(size 1.0.6-from-1.0.5.delta)
expect_exit 3 lift update $app --max-download 1000
expect_text "$err" "liftlock: $app: $app 1.0.6 takes a download of $delta bytes, --max-download allows 1000"
hint 'raise --max-download'
expect_exit 2 lift update $app --max-download some
expect_text "$err" "liftlock: --max-download must be a size such as 50MB, not 'some'"
as_user cp "$conf" "$work/conf.before"
printf '[policy]\nmax_download = "1kB"\n' | as_user tee -a "$conf" >/dev/null
expect_exit 3 lift update $app
expect_text "$err" "liftlock: $app: $app 1.0.6 takes a download of $delta bytes, [policy] max_download allows 1000"
as_user cp "$work/conf.before" "$conf"

note 'a mirror damages the delta: the pack; the pack too: the archive; that too: nothing'
damage() { printf x | as_user dd of="$(file "$1")" bs=1 seek=100 conv=notrunc 2>/dev/null; }
as_user cp -a "$repo" "$work/repo.good"
damage 1.0.6-from-1.0.5.delta
expect_exit 3 lift update $app --max-download 5000
said "the delta is of no use here: .*$app-1.0.6-from-1.0.5.delta: the digest is .*; taking the pack"
live=1.0.5
runs
verdict '1.0.5 still runs' $?
forget_asked
goes_live 1.0.6
said "the delta is of no use here: .*$app-1.0.6-from-1.0.5.delta: the digest is .*; taking the pack"
ok 'the pack came' test "$(sent pack)" -gt 0
expect_same 'the archive did not' "$(sent tar.zst)" 0

ok '1.0.7' add 1.0.7
as_user rm "$(file 1.0.7-from-1.0.6.delta)"
as_user truncate -s 5000 "$(file 1.0.7.pack)"
forget_asked
goes_live 1.0.7
said "the delta is of no use here: fetch http://127.0.0.1:$web/repo/targets/.*: HTTP 404; taking the pack"
said "the pack is of no use here: fetch .*$app-1.0.7.pack: it has 5000 bytes, and not [0-9]*; taking the archive"
ok 'the archive came' test "$(sent tar.zst)" -gt 0

ok '1.0.8' add 1.0.8
for each in 1.0.8-from-1.0.7.delta 1.0.8.table 1.0.8.tar.zst; do damage $each; done
expect_exit 1 lift update $app
live=1.0.7
runs
verdict '1.0.7 still runs' $?
publisher withdraw "$repo" $app 1.0.8 >/dev/null

note 'a build that changes what came: the delta leads elsewhere, what is really here does not'
# shellcheck disable=SC2016 # the address is of sed
build='$a build: ["echo built >>static/guide-9"]'
ok '1.0.9' add 1.0.9 "$build"
live=1.0.9
expect_exit 0 lift update $app
ok 'its build ran' grep -q built "$host/opt/$app/releases/1.0.9/static/guide-9"
ok '1.0.10' add 1.0.10
forget_asked
goes_live 1.0.10
ok 'the pack came' test "$(sent pack)" -gt 0
expect_same 'the archive did not' "$(sent tar.zst)" 0

note 'a file that a release ships for shared/ is a link here: no delta is planned, and nothing is fetched in vain'
# shellcheck disable=SC2016
shared='$a shared: [{path: static/notes, class: config}]'
ok '1.0.11' add 1.0.11 "$shared"
expect_exit 0 lift update $app
ok '1.0.12' add 1.0.12 "$shared"
expect_same 'the plan' "$(planned | cut -d' ' -f1)" frames
forget_asked
live=1.0.12
expect_exit 0 lift update $app
runs
verdict '1.0.12 runs' $?
expect_same 'what was fetched' "$(asked | sort -u)" "$app-1.0.12.pack 206"
expect_same 'what is shared is the app user'"'"'s' "$(stat -c '%a %h %U' "$host/opt/$app/shared/static/notes")" "644 1 $login"

note 'an uninstalled app leaves no inventory'
expect_exit 0 lift uninstall $app --yes
expect_no_file "$host/var/lib/liftlock/$app/inventories"
