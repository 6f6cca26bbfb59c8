#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# S02: an app from a signed repository, over a web server and from a folder: the first root decides, whoever serves the files
# can neither change, nor turn back, nor quietly withhold them, a stolen timestamp key is worth nothing, keys change under
# way, and a withdrawn release is none.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
mkdir -p "$host/etc/liftlock" "$src/made" "$work/repos"
: >"$host/etc/liftlock/liftlock.toml"
for version in 1.0.0 1.0.1 1.0.2; do
    release $version
    pack $version
    mv "$src/$app-$version.tar.gz" "$src/made"
    cp "$work/tree/liftlock.yaml" "$src/made/$app-$version.yaml"
done
/usr/bin/python3 "$tree/tests/scenario/repositories.py" "$work/repos" $app "$src/made"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host" "$work/repos"
web=$(free_port)
in_background as_user /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$work/repos" "$web"
served() { ln -sfn "$1" "$work/repos/now"; }
served first
wait_for 10 curl -s -o "$work/root.json" "http://127.0.0.1:$web/root.json"
trusted=$host/var/lib/liftlock/$app/trust/tuf

note 'the first root is named by the operator'
expect_exit 2 lift install "http://127.0.0.1:$web/now" --name $app --root "$work/repos/root.json" --trust none
expect_same 'what excludes what' "$(said)" 'install: --key, --root, --checksum and --trust exclude one another'
expect_exit 1 lift install "http://127.0.0.1:$web/now" --name other --root "$work/repos/root.json"
expect_same 'an app that is not there' "$(said)" "the repository knows no app 'other'"
echo '{}' >"$work/empty.json"
expect_exit 1 lift install "http://127.0.0.1:$web/now" --name $app --root "$work/empty.json"
expect_same 'a root that is none' "$(said)" "the trusted root cannot be used: root.trusted: 'signed' is not a map"
ok "$app 1.0.0 is installed" lift install "http://127.0.0.1:$web/now" --name $app --root "$work/repos/root.json"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
runs
verdict 'it runs' $?
expect_exit 0 lift status $app
expect_text "$out" '  trust       tuf'

note 'an update'
expect_exit 0 lift check $app
expect_text "$out" "$app: up to date (1.0.0)"
served second
expect_exit 0 lift update $app
live=1.0.1
runs
verdict '1.0.1 runs' $?

note 'what the publisher signs beside the release holds'
passed() { # passed REPOSITORY TEXT
    served "$1"
    expect_exit 0 lift check $app
    expect_same "what $1 says" "$(sed -n '$!{/passed over/!d}; s/: it has place .*//; p; q' "$out")" "$2"
}
passed young '  passed over: 1.0.2 is 40 days old; policy waits until it is 3650 days old'
passed gated '  passed over: 1.0.2 waits for a person to take it: mind the books'
passed halted '  passed over: the rollout of 1.0.2 does not take this host'
passed unreadable '  passed over: the publisher has named no release as stable yet'

note 'whoever serves the files'
served first
refused 1 'timestamp.json: version 3 is older than 9, which was seen before' lift update $app
served stale
refused 1 'metadata expired 3 days ago (timestamp.json): the publisher has not re-signed, or someone withholds updates' lift update $app
served thief
refused 1 'snapshot.json: only 0 of the 1 signatures that it needs are good' lift update $app
served neighbour
refused 1 "app-$app.json: only 0 of the 1 signatures that it needs are good" lift update $app
served nothing
refused 1 'timestamp.json: the repository has no such file' lift update $app

note 'the publisher changes his keys'
served rotated
expect_exit 0 lift update $app
live=1.0.2
runs
verdict '1.0.2 runs' $?
expect_same 'the root that is trusted now' "$(as_user cat "$trusted/root.json" | sha256sum)" "$(sha256sum <"$work/repos/rotated/metadata/2.root.json")"
served withdrawn
expect_exit 0 lift check $app
expect_text "$out" '  passed over: 1.0.2, installed here, was withdrawn: it loses books'

note 'from a folder, as one carries it where there is no network; a file of it was changed on the way'
host=$work/host-2
as_user mkdir -p "$host"
expect_exit 1 lift install "$work/repos/mirror" --name $app --root "$work/repos/root.json"
expect_same 'the changed file' "$(said | sed 's/[0-9a-f]\{64\}/DIGEST/g')" "DIGEST.$app-1.0.1.tar.gz: the digest is DIGEST, the index says DIGEST"
expect_no_file "$host/opt/$app/current"
host=$work/host-3 # where nothing newer was seen yet
as_user mkdir -p "$host"
expect_exit 0 lift install "$work/repos/second" --name $app --root "$work/repos/root.json" --dry-run
expect_text "$out" "$app: install 1.0.1"
