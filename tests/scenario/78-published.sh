#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From one end to the other: a publisher keeps a signed repository with 'liftlock repo', a host follows it with 'liftlock
# install' and 'update', over a web server and from a stick; keys are exchanged under way, the root's too, a release is
# withdrawn, another is for some hosts only.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
repo=$work/www/repo
keys=$work/keys
mkdir -p "$host/etc/liftlock" "$work/www"
: >"$host/etc/liftlock/liftlock.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host" "$work/www" "$work"
web=$(free_port)
in_background as_user /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$work/www" "$web"
publisher() { as_user liftlock repo "$@" --keys "$keys"; }
add() { # add V: a good release, which the channel names
    release "$1"
    publisher add "$repo" $app "$1" "$work/tree" --no-passphrase && publisher promote "$repo" $app "$1" stable
}

note 'the first release'
ok 'a repository' publisher init "$repo" --no-passphrase
release 1.0.0
ok '1.0.0' publisher add "$repo" $app 1.0.0 "$work/tree" --no-passphrase
wait_for 10 curl -fsS -o "$work/1.root.json" "http://127.0.0.1:$web/repo/metadata/1.root.json"
expect_exit 1 lift install "http://127.0.0.1:$web/repo" --name $app --root "$work/1.root.json"
expect_text "$err" "liftlock: $app: the publisher has named no release as stable yet"
ok 'is named' publisher promote "$repo" $app 1.0.0 stable
ok 'is installed' lift install "http://127.0.0.1:$web/repo" --name $app --root "$work/1.root.json"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
runs
verdict 'it runs' $?

note 'the next'
ok '1.0.1' add 1.0.1
expect_exit 0 lift check $app
expect_text "$out" "$app: update available: 1.0.0 → 1.0.1"
expect_exit 0 lift update $app
live=1.0.1
runs
verdict '1.0.1 runs' $?

note 'every key is another one'
for role in timestamp snapshot targets $app root; do
    ok "of $role" publisher rotate "$repo" "$role" --no-passphrase
done
expect_exit 0 liftlock repo verify "$repo"
ok '1.0.2' add 1.0.2
expect_exit 0 lift update $app
live=1.0.2
runs
verdict '1.0.2 runs' $?

note 'a release that is taken back'
release 1.0.3
ok '1.0.3' add 1.0.3
expect_exit 0 publisher withdraw "$repo" $app 1.0.3 --reason 'it loses books'
expect_exit 0 lift check $app
expect_text "$out" "  passed over: 1.0.3 was withdrawn: it loses books"
expect_exit 3 lift update $app --to 1.0.3

note 'a release for nobody yet'
ok '1.0.4' add 1.0.4
expect_exit 0 publisher rollout "$repo" $app 1.0.4 0 100:3650d
expect_exit 0 lift check $app
grep -qF "  passed over: 1.0.4 comes to this host in stage '100%' of its rollout, which opens 20" "$out"
verdict 'it says when' $?
expect_exit 0 publisher rollout "$repo" $app 1.0.4 100
expect_exit 0 lift update $app
live=1.0.4
runs
verdict '1.0.4 runs' $?

note 'a release that has to age'
release 1.0.5
expect_exit 0 publisher add "$repo" $app 1.0.5 "$work/tree" --min-age 36500d
expect_exit 0 publisher promote "$repo" $app 1.0.5 stable
expect_exit 0 lift check $app
grep -q '  passed over: 1.0.5 is .* old; policy waits until it is 36500 days old' "$out"
verdict 'it waits' $?

note 'on a stick, to a host that never had a network; it begins with the first root and follows the chain'
as_user cp -a "$repo" "$work/stick"
host=$work/host-2
as_user mkdir -p "$host"
expect_exit 0 lift install "$work/stick" --name $app --root "$work/1.root.json" --dry-run
expect_text "$out" "$app: install 1.0.4"
printf x | as_user tee -a "$(find "$work/stick/targets" -name "*$app-1.0.4.tar.zst")" >/dev/null
expect_exit 1 lift install "$work/stick" --name $app --root "$work/1.root.json"
expect_no_file "$host/opt/$app/current"
