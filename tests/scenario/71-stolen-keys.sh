#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What each stolen key can do, and what it cannot, as docs/guarantees.md has it: a server that somebody has taken over, each key
# of a repository stolen in turn, and roots that are lost. Of each: what the thief achieves, what he does not, what the
# publisher types to end it, and that hosts are well afterwards, those too that took what the thief released.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
# The publisher's copy and keys, three people's keys, what the server has, what the thief has.
site=$work/site/repo keys=$work/keys people=$work/people www=$work/www/repo stolen=$work/stolen
as_user mkdir -p "$host/etc/liftlock" "$work/site" "$people" "$work/www" "$stolen"
: >"$host/etc/liftlock/liftlock.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host"
nginx_up
url=http://127.0.0.1:$web/repo

# --- the publisher ---

repo() { as_user liftlock repo "$@"; }
keeper() { repo "$@" --keys "$keys"; }
upload() { # as docs/publishing.md says it
    repo verify "$site" --rsync-list >"$work/list" || return
    grep -v -e timestamp.json -e root.json "$work/list" | as_user rsync -a --files-from=- "$site/" "$www/" &&
        grep timestamp.json "$work/list" | as_user rsync -ac --files-from=- "$site/" "$www/" &&
        grep root.json "$work/list" | as_user rsync -a --files-from=- "$site/" "$www/"
}
publish() { # publish V: a good release, which the channel names
    release "$1"
    keeper add "$site" $app "$1" "$work/tree" --channel stable && upload
}
two_sign() { # two_sign PERSON PERSON: the root that waits; then all is uploaded
    pending=$(basename "$site"/pending/*.root.json)
    for person; do
        as_user cp "$site/pending/$pending" "$people/from-$person.json"
        repo sign "$people/from-$person.json" --keys "$people/$person.key" || return
    done
    repo sign "$site" "$people/from-$1.json" "$people/from-$2.json" --keys "$keys" | grep ' is published$' && upload
}
begin() { # begin: a repository whose root two of three people hold
    for person in alice bob carol; do repo key "$people/$person" --no-passphrase || return; done
    keeper init "$site" --no-passphrase --root-key "$people/alice.pub" --root-key "$people/bob.pub" --root-key "$people/carol.pub" &&
        two_sign alice carol
}

# --- the thief ---

steal() { for name; do as_user cp "$(ls -t "$keys/$name".key "$keys/$name"-*.key 2>/dev/null | head -n 1)" "$stolen/$name.key"; done; }
thief() { as_user /usr/bin/python3 "$tree/tests/scenario/thief.py" "$@"; }
keep() { as_user rm -rf "$work/$1" && as_user cp -a "$www" "$work/$1"; } # keep NAME: what the server has now
serve() { as_user rsync -ac --delete "$work/$1/" "$www/"; }              # serve NAME: that again
newest() { ls -v "$1"/metadata/*."$2".json | tail -n 1; }                # newest REPO ROLE
timestamp() { # timestamp [PYTHON]: signed with the stolen key, for the newest snapshot that is there, good for ten years
    thief "$www/metadata/timestamp.json" "$work/timestamp.json" "s['version'] += 1000; s['expires'] = far
s['meta']['snapshot.json'] = entry('$(newest "$www" snapshot)')
${1:-}" "$stolen/timestamp.key" && as_user mv "$work/timestamp.json" "$www/metadata/"
}
snapshot() { # snapshot PYTHON: the next one, signed with the stolen key, and a timestamp for it
    last=$(newest "$www" snapshot)
    number=$(basename "$last" .snapshot.json)
    thief "$last" "$www/metadata/$((number + 1)).snapshot.json" "s['version'] += 1; s['expires'] = far
$1" "$stolen/snapshot.key" && timestamp
}
evil() { # evil V: a release of the thief's
    release "$1"
    echo "the thief's" >"$work/tree/THIEF"
}

# --- the host ---

later() { # later DAYS VERB...
    days=$1
    shift
    as_user env LIFTLOCK_ROOT="$host" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" faketime -f "+${days}d" liftlock "$@"
}
sees() { # sees TEXT: of a check, the first line
    expect_exit 0 lift check $app
    expect_same 'the host sees' "$(sed 's/ days\{0,1\} old/ D old/; q' "$out")" "$app: $1"
}
now_runs() { # now_runs V: after an update
    ok "the host updates" lift update $app
    live=$1
    runs
    verdict "and $1 runs, with its data" $?
}
withheld() { # withheld DAYS FILE: so much later hosts say so
    expect_exit 1 later "$1" check $app
    expect_same "$1 days later" "$(said)" "metadata expired 1 day ago ($2): the publisher has not re-signed, or someone withholds updates"
}
newcomer() { # newcomer CODE TEXT [ROOT]: what a host gets to see that asks for the first time
    rm -rf "$work/newcomer"
    as_user env LIFTLOCK_ROOT="$work/newcomer" liftlock install "$url" --name $app --root "${3:-$work/first.root.json}" --dry-run >"$out" 2>"$err"
    got=$?
    expect_same 'a new host sees' "$got $(cat "$err" "$out" | sed -n 's/^liftlock: //; 1p')" "$1 $2"
}

note 'the first day: a root of three people, an app, a host'
ok 'a repository' begin
cp "$site/metadata/1.root.json" "$work/first.root.json"
release 1.0.0
ok '1.0.0' keeper add "$site" $app 1.0.0 "$work/tree" --no-passphrase --channel stable
ok 'is uploaded' upload
as_user cp "$work/first.root.json" "$host/etc/liftlock/root.json"
ok 'is installed' lift install "$url" --name $app --root "$host/etc/liftlock/root.json"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
runs
verdict 'it runs' $?

note 'a look that finds nothing new: two requests and less than a kilobyte'
as_user sh -c ": >'$work/nginx/access'"
sees 'up to date (1.0.0)'
expect_same 'what was asked for' "$(cut -d' ' -f1,2 "$work/nginx/access" | tr '\n' ',')" '/repo/metadata/2.root.json 404,/repo/metadata/timestamp.json 200,'
[ "$(awk '{ n += $3 } END { print n }' "$work/nginx/access")" -lt 1024 ]
verdict "less than 1024 bytes of bodies ($(cut -d' ' -f3 "$work/nginx/access" | tr '\n' ' '))" $?

note 'the server, without any key: a changed file, an old state, nothing at all'
keep day-1
ok '1.0.1 is published' publish 1.0.1
keep day-2
archive=$(find "$www/targets/$app" -name "*.$app-1.0.1.tar.zst")
sees 'update available: 1.0.0 → 1.0.1'
for file in "$www/targets/$app/"*."$app-1.0.1"[-.][!y]*; do
    printf xyz | as_user dd of="$file" bs=1 seek=60 conv=notrunc 2>/dev/null
done
refused 1 "$(basename "$archive"): the digest is $(sha256sum <"$archive" | cut -c-64), the index says $(basename "$archive" | cut -c-64)" lift update $app
expect_exit 1 repo verify "$www" # what the publisher sees, without a key
expect_text "$out" "wrong: targets/$app/$(basename "$archive"): its content is not what its name says"
serve day-2
as_user sed -i 's/"1.0.1"/"6.0.1"/g' "$(newest "$www" app-$app)"
newcomer 1 "app-$app.json: is not the file that its hash names"
serve day-1
refused 1 'timestamp.json: version 2 is older than 3, which was seen before' lift update $app
as_user mv "$www/metadata/timestamp.json" "$work/hidden"
refused 1 'timestamp.json: the repository has no such file' lift update $app
note 'withheld: nobody notices for 7 days, then hosts say so'
serve day-2
sees 'update available: 1.0.0 → 1.0.1'
withheld 8 timestamp.json
note 'a host that asks for the first time can be shown what is not the newest'
serve day-1
newcomer 0 "$app: install 1.0.0"
note 'the end: the same files from a server that nobody else writes to'
serve day-2
now_runs 1.0.1

note 'the key of the timestamp, and the server'
steal timestamp
ok '1.0.2 is published' publish 1.0.2
keep day-3
serve day-2
timestamp
sees 'up to date (1.0.1)' # and it is not
withheld 31 snapshot.json
timestamp "s['meta']['snapshot.json'] = entry('$(ls -v "$www"/metadata/*.snapshot.json | tail -n 2 | head -n 1)')"
refused 1 'timestamp.json: names version 2 of snapshot.json, older than 3, which was seen before' lift update $app
thief "$(newest "$www" snapshot)" "$www/metadata/99.snapshot.json" "s['version'] = 99" "$stolen/timestamp.key"
timestamp
refused 1 'snapshot.json: only 0 of the 1 signatures that it needs are good' lift update $app
note 'the end: repo rotate timestamp, and two people sign the root'
serve day-3
refused 1 'timestamp.json: version 4 is older than 3003, which was seen before' lift update $app
expect_exit 0 keeper rotate "$site" timestamp --no-passphrase
expect_text "$out" "root 2 waits for 2 more signatures: $site/pending/2.root.json"
ok 'alice and bob sign' two_sign alice bob
now_runs 1.0.2
timestamp
refused 1 'timestamp.json: only 0 of the 1 signatures that it needs are good' lift update $app

note 'the key of the snapshot: alone it is worth nothing'
steal timestamp snapshot
keep day-4
ok '1.0.3 is published' publish 1.0.3
keep day-5
number=$(basename "$(newest "$www" snapshot)" .snapshot.json)
thief "$(newest "$www" snapshot)" "$work/forged.json" "s['expires'] = far" "$stolen/snapshot.key"
as_user cp "$work/forged.json" "$(newest "$www" snapshot)"
refused 1 "snapshot.json: is not the file that its hash names" lift check $app
note 'with that of the timestamp hosts stay where they are for longer, and nothing is made up'
serve day-4
snapshot ''
sees 'up to date (1.0.2)' # and it is not
expect_exit 0 later 200 check $app
expect_same '200 days later' "$(cat "$out")" "$app: up to date (1.0.2)"
withheld 366 root.json
snapshot "s['meta']['app-$app.json'] = entry('$(ls -v "$www/metadata/"*.app-$app.json | tail -n 2 | head -n 1)')"
refused 1 "snapshot.json: version 2 of app-$app.json is older than 3, which was seen before" lift check $app
thief "$(newest "$www" app-$app)" "$www/metadata/99.app-$app.json" "s['version'] = 99" "$stolen/snapshot.key"
snapshot "s['meta']['app-$app.json'] = entry('$www/metadata/99.app-$app.json')"
refused 1 "app-$app.json: only 0 of the 1 signatures that it needs are good" lift check $app
note 'the end: both are exchanged, and two people sign the root once'
serve day-5
ok 'rotate snapshot' keeper rotate "$site" snapshot --no-passphrase
expect_exit 0 keeper rotate "$site" timestamp --no-passphrase
expect_text "$out" "note: another root waited for signatures: it holds this change too, and is to be signed anew"
ok 'bob and carol sign' two_sign bob carol
now_runs 1.0.3
snapshot ''
refused 1 'timestamp.json: only 0 of the 1 signatures that it needs are good' lift check $app

note 'the key of an app: alone it is worth nothing'
serve day-5
ok 'uploaded again' upload
steal timestamp snapshot app-$app
keep day-6
evil 6.6.6
last=$(newest "$www" app-$app)
thief "$last" "$work/forged.json" "s['expires'] = far" "$stolen/app-$app.key"
as_user cp "$work/forged.json" "$last"
newcomer 1 "app-$app.json: is not the file that its hash names"
note 'with those of snapshot and timestamp, which is what a release job has: any release of this app'
serve day-6
thieves() { as_user liftlock repo "$@" --keys "$stolen"; }
ok 'he publishes 6.6.6' thieves add "$www" $app 6.6.6 "$work/tree" --channel stable
sees 'update available: 1.0.3 → 6.6.6'
note 'not of another app: who signs for that is the word of targets'
as_user mkdir -p "$work/films"
printf 'app: films\nversion: 1.0.0\n' | as_user tee "$work/films/liftlock.yaml" >/dev/null
as_user cp -a "$www" "$work/aside"
expect_exit 2 thieves add "$work/aside" films 1.0.0 "$work/films" --no-passphrase
expect_text "$err" "liftlock: metadata/3.targets.json needs 1 more signature"
note 'date, age and severity are signed with the same key: no age keeps a host from it, a pin does'
cp "$conf" "$work/conf"
printf '[policy]\nmin_age = "7d"\n' | as_user tee -a "$conf" >/dev/null
sees 'update available: 1.0.3 → 6.6.6'
as_user cp "$work/conf" "$conf"
ok 'pinned' lift pin $app 1.0.3
sees 'nothing to do (1.0.3)'
ok 'and no more' lift unpin $app
now_runs 6.6.6
expect_file "$host/opt/$app/current/THIEF"
note 'the end: on a copy of what the server has'
expect_exit 0 repo verify "$www"
as_user rsync -ac --delete "$www/" "$site/"
ok 'rotate the app' keeper rotate "$site" $app --no-passphrase
ok 'withdraw his release' keeper withdraw "$site" $app 6.6.6 --reason 'not ours: a key was stolen'
explain "$out"
ok 'promote' keeper promote "$site" $app 1.0.3 stable
ok 'rotate snapshot' keeper rotate "$site" snapshot --no-passphrase
ok 'rotate timestamp' keeper rotate "$site" timestamp --no-passphrase
ok 'alice and bob sign' two_sign alice bob
newcomer 0 "$app: install 1.0.3"
sees 'nothing to do (6.6.6)'
expect_text "$out" '  passed over: 6.6.6, installed here, was withdrawn: not ours: a key was stolen'
expect_text "$out" "    'liftlock rollback $app --to 1.0.3' goes back"
ok 'the host goes back' lift rollback $app --to 1.0.3 --yes
live=1.0.3
runs
verdict 'and 1.0.3 runs, with its data' $?
evil 6.6.7
keep day-7
as_user cp -a "$www" "$work/aside-2"
expect_exit 2 thieves add "$work/aside-2" $app 6.6.7 "$work/tree"
timestamp
refused 1 'timestamp.json: only 0 of the 1 signatures that it needs are good' lift check $app

note 'the key of targets, with those two: any release of every app, by a key of his own'
serve day-7
steal targets timestamp snapshot
as_user rm "$stolen/app-$app.key" "$stolen/root.json"
ok 'he takes the app over' thieves rotate "$www" $app --no-passphrase
evil 7.7.7
ok 'he publishes 7.7.7' thieves add "$www" $app 7.7.7 "$work/tree" --channel stable
note 'and counts as far as one can count, so that nobody comes after him'
keep day-8
thief "$www/metadata/timestamp.json" "$work/timestamp.json" "s['version'] = (1 << 63) - 1" "$stolen/timestamp.key"
as_user cp "$work/timestamp.json" "$www/metadata/"
now_runs 7.7.7
expect_exit 3 keeper rotate "$www" $app --no-passphrase
expect_text "$err" "liftlock: metadata/timestamp.json: no version comes after 9223372036854775807"
hint 'go on from a copy of the repository that is older, and rotate the keys of snapshot and timestamp'
note "the end: on the publisher's own copy, for what the server has says who signs; and a number above the thief's"
for role in targets snapshot timestamp; do ok "rotate $role" keeper rotate "$site" "$role" --no-passphrase; done
as_user rm -rf "$www/metadata" "$www/targets"
ok 'alice and carol sign' two_sign alice carol
newcomer 0 "$app: install 1.0.3"
sees 'up to date (7.7.7)'
ok '7.7.8 is published' publish 7.7.8
now_runs 7.7.8
timestamp
refused 1 'timestamp.json: only 0 of the 1 signatures that it needs are good' lift check $app
ok 'uploaded again' upload

note 'a key of snapshot, timestamp, targets or an app is lost: it is exchanged, without it'
for role in timestamp snapshot targets $app; do
    case $role in "$app") lost=app-$app ;; *) lost=$role ;; esac
    as_user find "$keys" -name "$lost*.key" -delete
    ok "rotate $role" keeper rotate "$site" "$role" --no-passphrase
    [ "$role" = $app ] || ok 'alice and bob sign' two_sign alice bob
done
ok '7.7.9 is published' publish 7.7.9
now_runs 7.7.9

note 'a root key of three is lost: the other two exchange it'
as_user rm "$people/carol.key"
ok 'dora has one' repo key "$people/dora" --no-passphrase
expect_exit 0 keeper rotate "$site" root --add "$people/dora.pub" --drop "$people/carol.pub"
ok 'alice and bob sign' two_sign alice bob
ok '7.7.10 is published' publish 7.7.10
now_runs 7.7.10

note 'a root key of three is stolen: it is worth nothing'
as_user cp "$people/dora.key" "$stolen/root.key"
as_user rm "$stolen"/timestamp.key "$stolen"/snapshot.key
last=$(newest "$www" root)
number=$(basename "$last" .root.json)
mine() { # mine KEY...: the next root is the thief's own, signed by these keys and his
    thief "$last" "$www/metadata/$((number + 1)).root.json" "s['version'] += 1
own, its = key('$work/mine/root.key')
s['keys'] = {own: its}
for role in s['roles'].values(): role.update(keyids=[own], threshold=1)" "$@" "$work/mine/root.key"
}
ok 'he has keys of his own' as_user liftlock repo init "$work/none" --keys "$work/mine" --no-passphrase
mine "$stolen/root.key"
refused 1 "$((number + 1)).root.json: only 1 of the 2 signatures that it needs are good" lift check $app
note 'the end: another takes its place'
as_user rm "$www/metadata/$((number + 1)).root.json"
ok 'erin has one' repo key "$people/erin" --no-passphrase
expect_exit 0 keeper rotate "$site" root --add "$people/erin.pub" --drop "$people/dora.pub"
ok 'alice and bob sign' two_sign alice bob
sees 'up to date (7.7.10)'
last=$(newest "$www" root)
number=$(basename "$last" .root.json)
mine "$stolen/root.key"
refused 1 "$((number + 1)).root.json: only 0 of the 2 signatures that it needs are good" lift check $app
as_user rm "$www/metadata/$((number + 1)).root.json"

note 'two root keys of three are stolen: hosts follow the thief, for there is nobody left whom they could believe more'
evil 8.8.8
ok 'he makes a repository' as_user liftlock repo add "$work/none" $app 8.8.8 "$work/tree" --keys "$work/mine" --no-passphrase --channel stable
thief "$last" "$work/none/metadata/$((number + 1)).root.json" "s['version'] += 1
for role in s['roles']:
    own, its = key('$work/mine/%s.key' % role)
    s['keys'][own], s['roles'][role] = its, {'keyids': [own], 'threshold': 1}" "$people/alice.key" "$people/bob.key" "$work/mine/root.key"
as_user rm "$work/none/metadata/1.root.json"
as_user rsync -a "$work/none/" "$www/"
now_runs 8.8.8
note 'the end: a new repository with new keys and the same releases; hosts are told its first root, and nothing else'
anew() { # anew NAME: in the place of the old one
    old=$site site=$work/site/$1
    as_user mv "$keys" "$work/keys-before-$1"
    as_user rm -rf "$people" "$www/metadata" "$www/targets"
    as_user mkdir "$people"
    begin && upload
}
again() { # again V: the same release in the new repository
    keeper add "$site" $app "$1" "$old/targets/$app/"*".$app-$1.tar.zst" --no-passphrase && keeper promote "$site" $app "$1" stable && upload
}
told() { as_user cp "$site/metadata/1.root.json" "$host/etc/liftlock/root.json"; }
ok 'it is begun' anew second
ok '7.7.10 is published again' again 7.7.10
refused 1 'timestamp.json: only 0 of the 1 signatures that it needs are good' lift check $app
lift config show $app >"$out"
expect_same 'where the root lies' "$(sed -n 's/^trust.root *\([^ ]*\).*/\1/p' "$out")" "$host/etc/liftlock/root.json"
told
sees 'up to date (8.8.8)'
ok '8.8.9 is published' publish 8.8.9
now_runs 8.8.9

note 'two root keys of three are lost: releases go on as long as the root is good, and nothing can be exchanged'
as_user rm "$people/bob.key" "$people/carol.key"
ok '8.8.10 is published' publish 8.8.10
now_runs 8.8.10
ok 'a withdrawal' keeper withdraw "$site" $app 8.8.9 --reason 'too old'
ok 'a refresh' keeper refresh "$site" --force
ok 'is uploaded' upload
expect_exit 0 keeper rotate "$site" timestamp --no-passphrase
expect_exit 0 repo sign "$site" --keys "$people/alice.key"
expect_text "$out" "root 2 waits for 1 more signature: $site/pending/2.root.json"
ok '8.8.11 is published' publish 8.8.11
now_runs 8.8.11
withheld 366 root.json
note 'the end: a new repository with new keys and the same releases; hosts are told its first root, and nothing else'
ok 'it is begun' anew third
ok '8.8.11 is published again' again 8.8.11
refused 1 'timestamp.json: only 0 of the 1 signatures that it needs are good' lift check $app
told
sees 'up to date (8.8.11)'
newcomer 0 "$app: install 8.8.11" "$site/metadata/1.root.json"
ok '8.8.12 is published' publish 8.8.12
now_runs 8.8.12
