#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An operator's day: looking, planning, wishing, maintenance, backups, going back, removing.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
one='[{"title": "Emma / Jane Austen"}]'
two='[{"title": "Emma", "author": "Jane Austen"}]'

note "before anything is installed"
expect_exit 0 lift status
expect_text "$out" "no app is installed"
expect_exit 2 lift health bookshelf
expect_text "$err" "liftlock: there is no app 'bookshelf'"
expect_text "$err" "  'liftlock status' lists the apps; 'liftlock install' adds one"

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"

note "check, plan, and exactly that plan"
expect_exit 0 lift check bookshelf --exit-code
tree_make 2.0.0 2.0.0
publish 2.0.0
expect_exit 10 lift check --exit-code
expect_text "$out" "bookshelf: update available: 1.0.0 → 2.0.0"
expect_exit 10 lift check --exit-code --json
json "check says it to machines" "j[0]['app'] == 'bookshelf' and j[0]['installed'] == '1.0.0' and j[0]['offered'] == '2.0.0'"
expect_exit 0 lift update bookshelf --check
expect_exit 0 lift status
expect_text "$out" "bookshelf 1.0.0 (2.0.0 is available)"
expect_exit 0 lift update bookshelf --dry-run
expect_text "$out" "bookshelf: update 1.0.0 → 2.0.0"
expect_text "$out" "  migration  2.0.0"
expect_text "$out" "  way back   the release that runs now stays on disk; data go back to their copy by rename"
expect_exit 0 lift plan bookshelf --json
json "the plan is complete" "j['from'] == '1.0.0' and j['to'] == '2.0.0' and j['migrations'] == ['2.0.0'] and len(j['digest']) == 64 and j['way_back']"
digest=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["digest"])' "$out")
tree_make 2.0.1 2.0.0
publish 2.0.1
expect_exit 3 lift update bookshelf --plan "$digest"
expect_text "$err" "liftlock: bookshelf: the plan is no longer the one that you saw"
expect_text "$err" "  look again with 'liftlock plan bookshelf'"
shows 1.0.0 "$one"

note "wishes: pin, skip, allow"
expect_exit 0 lift pin bookshelf
expect_text "$out" "bookshelf stays within 1.0.0"
expect_exit 0 lift check bookshelf --exit-code
expect_text "$out" "bookshelf: nothing to do (1.0.0)"
expect_text "$out" "  passed over: bookshelf is pinned to 1.0.0"
expect_text "$out" "    'liftlock unpin bookshelf' lifts the pin"
expect_exit 0 lift update bookshelf
expect_text "$out" "bookshelf: nothing to do (1.0.0)"
expect_text "$out" "  passed over: bookshelf is pinned to 1.0.0"
expect_text "$out" "    'liftlock unpin bookshelf' lifts the pin"
expect_exit 0 lift unpin bookshelf
expect_text "$out" "bookshelf is no longer pinned"
expect_exit 0 lift skip bookshelf 2.0.1
expect_text "$out" "bookshelf 2.0.1 is skipped"
expect_exit 0 lift check bookshelf
expect_text "$out" "bookshelf: update available: 1.0.0 → 2.0.0"
expect_exit 0 lift allow bookshelf 2.0.1
expect_text "$out" "bookshelf 2.0.1 may be installed again"
expect_exit 0 lift check bookshelf
expect_text "$out" "bookshelf: update available: 1.0.0 → 2.0.1"
expect_exit 2 lift skip bookshelf '1 2'
expect_text "$err" "liftlock: skip: '1 2' is not a version"
shows 1.0.0 "$one"

note "maintenance: users' writes stay out until the operator says so, also across an update"
expect_exit 0 lift maintenance bookshelf on --reason "moving house"
expect_text "$out" "bookshelf: maintenance is on"
cp "$host/opt/bookshelf/shared/maintenance" "$out"
json "the maintenance file says why, since when and until when" \
    "j['reason'] == 'moving house' and j['since'].endswith('Z') and j['until'] is None and len(j) == 3"
fails "a book is refused" add_book "Ulysses"
expect_exit 0 lift status
expect_text "$out" "  maintenance moving house (operator)"
expect_exit 1 lift inspect
expect_text "$out" "bookshelf 1.0.0: DEGRADED"
expect_text "$out" "  warning  the app is in maintenance"
expect_text "$out" "           'liftlock maintenance bookshelf off' ends it if it is yours"
expect_exit 0 lift plan bookshelf --json
digest=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["digest"])' "$out")
expect_exit 0 lift update bookshelf --plan "$digest"
expect_text "$out" "bookshelf 2.0.1 is live"
shows 2.0.1 "$two"
fails "a book is still refused" add_book "Ulysses"
expect_exit 0 lift status
expect_text "$out" "bookshelf 2.0.1"
expect_exit 0 lift maintenance bookshelf off
expect_no_file "$host/opt/bookshelf/shared/maintenance"
ok "a book is accepted" add_book "Ulysses"
expect_exit 2 lift maintenance bookshelf maybe
expect_text "$err" "liftlock: maintenance: say on or off, not 'maybe'"

note "health and inspect: OK, DEGRADED, BROKEN, and OK again"
expect_exit 0 lift inspect --json
json "OK in JSON" "j[0]['condition'] == 'OK' and j[0]['issues'] == [] and j[0]['version'] == '2.0.1'"
file=$host/opt/bookshelf/releases/2.0.1/books.py
as_user chmod u+w "$file"
expect_exit 1 lift inspect
expect_text "$out" "  warning  releases/2.0.1/books.py: may be written to"
echo '# by hand' | as_user tee -a "$file" >/dev/null
as_user chmod u-w "$file"
expect_exit 1 lift inspect
expect_text "$out" "bookshelf 2.0.1: DEGRADED"
grep -q '^  warning  releases/2.0.1: not the tree that was sealed; its digest is [0-9a-f]*, not [0-9a-f]*$' "$out"
verdict "it names the tree and both digests" $?
expect_text "$out" "           somebody changed the release's files; 'liftlock update' or 'liftlock rollback' replaces them"
as_user chmod u+w "$file"
as_user cp "$tree/examples/bookshelf/2.0.0/books.py" "$file"
as_user chmod u-w "$file"
expect_exit 0 lift inspect
old=$host/opt/bookshelf/releases/1.0.0/books.py
as_user chmod u+w "$old"
as_user cp "$old" "$work/old"
echo '# by hand' | as_user tee -a "$old" >/dev/null
as_user chmod u-w "$old"
expect_exit 1 lift inspect
expect_text "$out" "bookshelf 2.0.1: DEGRADED"
expect_text "$out" "  warning  a way back is damaged: releases/1.0.0: not the tree that was sealed"
expect_text "$out" "           'liftlock rollback' will not go there until its files are as they were"
expect_exit 5 lift rollback bookshelf --to 1.0.0 --yes
expect_text "$err" "liftlock: releases/1.0.0: not the tree that was sealed"
as_user chmod u+w "$old"
as_user cp "$work/old" "$old"
as_user chmod u-w "$old"
expect_exit 0 lift inspect
expect_exit 0 lift health bookshelf --json
json "health names its checks" "j['healthy'] and [c['name'] for c in j['checks']] == ['service web', 'identity', 'health']"
kill "$(service_pid)"
ok "the service is gone" wait_for 5 sh -c "! curl -s http://127.0.0.1:$port/"
expect_exit 1 lift health bookshelf
expect_text "$out" "bookshelf 2.0.1: NOT HEALTHY"
expect_text "$out" "  BAD service web: not running"
expect_exit 5 lift inspect --json
json "BROKEN in JSON" "j[0]['condition'] == 'BROKEN' and any(i['severity'] == 'error' for i in j[0]['issues'])"
left=$host/opt/bookshelf/.liftlock-4194305-0123456789abcdef.tmp # of a process that there cannot be
unborn=$host/var/lib/liftlock/bookshelf/jobs/20260101-000000-00aa
as_user touch -d '2 hours ago' "$left"
as_user mkdir "$unborn"
as_user touch -d '2 hours ago' "$unborn"
expect_exit 0 lift restart bookshelf
expect_text "$out" "bookshelf 2.0.1 runs again"
expect_no_file "$left"
expect_no_file "$unborn"
expect_exit 0 lift health bookshelf

note "backups: made by hand, verified, put back after saying what that loses"
three='[{"title": "Emma", "author": "Jane Austen"}, {"title": "Ulysses", "author": ""}]'
expect_exit 0 lift backup create bookshelf
expect_text "$out" "bookshelf 2.0.1 is backed up"
expect_exit 0 lift backup list bookshelf --json
json "newest first" "[(b['version'], b['reason']) for b in j] == [('2.0.1', 'by hand'), ('1.0.0', 'update')]"
id=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["id"])' "$out")
old=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[1]["id"])' "$out")
expect_exit 0 lift backup verify bookshelf
expect_text "$out" "$id  books: good"
expect_text "$out" "$old  books: good"
ok "one more book" add_book "Persuasion"
expect_exit 2 lift backup restore bookshelf "$id"
grep -q "^liftlock: backup: there is nobody to ask: restoring backup $id loses everything written since .* (the present data are saved first). Go on?$" "$err"
verdict "it says what would be lost" $?
expect_exit 0 lift backup restore bookshelf "$id" --yes
expect_text "$out" "bookshelf 2.0.1 runs on the restored data"
shows 2.0.1 "$three"
expect_exit 3 lift backup restore bookshelf "$old" --yes
expect_text "$err" "liftlock: bookshelf: the backup holds data of 1.0.0, but 2.0.1 runs"
expect_exit 2 lift backup restore bookshelf nonsense --yes
expect_text "$err" "liftlock: bookshelf: there is no backup nonsense"
expect_text "$err" "  'liftlock backup list bookshelf' shows what there is"
expect_exit 0 lift backup list bookshelf --json
json "what was replaced was saved first" "j[0]['reason'] == 'restore'"
saved=$(find "$host/var/lib/liftlock/bookshelf/backups/$id" -type f -size +4k)
as_user sh -c 'chmod u+w "$1" && dd if=/dev/zero of="$1" bs=1k seek=4 count=2 conv=notrunc' - "$saved" 2>/dev/null
expect_exit 1 lift backup verify bookshelf "$id"
expect_no_text "$out" "$id  books: good"

note "rollback: older data, after saying what that loses"
expect_exit 2 lift rollback bookshelf --to 9.9.9
expect_text "$err" "liftlock: bookshelf: release 9.9.9 is not on this host"
expect_exit 2 lift rollback bookshelf --to 2.0.1
expect_text "$err" "liftlock: bookshelf: 2.0.1 is what runs now"
expect_exit 0 lift rollback bookshelf --dry-run
grep -q '^  LOSES      everything written since .*, when the backup of 1.0.0 was made (the present data are saved first)$' "$out"
verdict "the plan says what would be lost" $?
expect_exit 2 lift rollback bookshelf
expect_text "$err" "  say --yes if that is what you want"
shows 2.0.1 "$three"
expect_exit 0 lift rollback bookshelf --yes
expect_text "$out" "bookshelf 1.0.0 is live again"
shows 1.0.0 "$one"
expect_exit 2 lift rollback bookshelf --yes
expect_text "$err" "liftlock: bookshelf: no release older than 1.0.0 is on this host"

note "history and configuration"
expect_exit 0 lift history --json
json "all that was done, newest first" "[(h['kind'], h['verdict']) for h in j] == [(k, 'updated') for k in
    ('rollback', 'restore', 'backup', 'restart', 'update', 'install')] and all(h['by'] for h in j)"
expect_exit 0 lift history bookshelf --limit 1 --json
json "one" "len(j) == 1"
expect_exit 0 lift config check
expect_text "$out" "$host/etc/liftlock/apps/bookshelf.toml: good"
expect_text "$out" "configuration is good"
expect_exit 0 lift config show bookshelf --json
json "every value with its origin" "j['trust']['level'] == {'value': 'none', 'origin': '$host/etc/liftlock/apps/bookshelf.toml:9'}
    and j['source']['channel']['origin'] == 'default'"
expect_exit 0 lift config show --json
json "the host's too" "j['allow_trust_none']['origin'] == '$host/etc/liftlock/liftlock.toml:1'"

note "misuse: exact words, exit 2"
misused() { # misused TEXT HINT VERB...
    text=$1 hint=$2
    shift 2
    expect_exit 2 "$@"
    expect_text "$err" "liftlock: $text"
    expect_text "$err" "  $hint"
}
misused "there is no verb 'upate'; did you mean 'update'?" "see 'liftlock --help'" lift upate
misused "update: unknown option --forc" "see 'liftlock update --help'" lift update --forc
misused "rollback: 'b' is one argument too many" "usage: liftlock rollback APP" lift rollback a b
misused "rollback: an argument is missing" "usage: liftlock rollback APP" lift rollback
misused "backup: there is no 'make'" "usage: liftlock backup create|list|restore|verify ..." lift backup make bookshelf
misused "backup: there is no 'lst'; did you mean 'list'?" "usage: liftlock backup create|list|restore|verify ..." lift backup lst bookshelf
misused "backup verify: 'c' is one argument too many" "usage: liftlock backup verify APP [ID]" lift backup verify bookshelf b c
misused "config: there is no 'edit'" "usage: liftlock config check|show ..." lift config edit
misused "there is no app 'books'" "'liftlock status' lists the apps; 'liftlock install' adds one" lift update books
expect_exit 2 lift update books --json
json "an error is JSON, too" "j['error']['kind'] == 'absent' and j['error']['code'] == 2 and j['error']['message'] == \"there is no app 'books'\""
misused "update changes this host, which needs root" "sudo liftlock update bookshelf" as_user liftlock update bookshelf
misused "pin changes this host, which needs root" "sudo liftlock pin bookshelf '>=1.0 <2'" as_user liftlock pin bookshelf '>=1.0 <2'

note "uninstall: the data stay, or not, as asked"
misused "uninstall: there is nobody to ask: uninstall bookshelf? Its data in $host/opt/bookshelf/shared stay." \
    "say --yes if that is what you want" lift uninstall bookshelf
expect_exit 0 lift uninstall bookshelf --yes
expect_text "$out" "bookshelf is uninstalled"
fails "nothing serves" about
expect_no_file "$host/opt/bookshelf/current"
expect_no_file "$host/opt/bookshelf/releases"
expect_no_file "$host/etc/liftlock/apps/bookshelf.toml"
expect_file "$host/opt/bookshelf/shared/books.db"
expect_exit 0 lift status
expect_text "$out" "no app is installed"
expect_exit 0 lift install "$source" --trust none --name bookshelf --to 1.0.0
shows 1.0.0 "$one"
expect_exit 2 lift uninstall bookshelf --purge
expect_exit 0 lift uninstall bookshelf --purge --yes
expect_text "$out" "bookshelf is uninstalled"
expect_no_file "$host/opt/bookshelf"
expect_no_file "$host/var/lib/liftlock/bookshelf/backups"
expect_exit 0 lift history bookshelf --limit 1 --json
json "history stays" "j[0]['kind'] == 'uninstall' and j[0]['verdict'] == 'updated'"
