#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# Releases that are broken in every way that matters, one after the other: each is refused or undone by itself, says
# why in these words, is remembered, and stands in nobody's way.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
today=$(date -u +%F)
before='[{"title": "Emma / Jane Austen"}]'

broken() { # broken VERSION WHY: a release to be spoilt
    note "$2"
    tree_make "$1" 2.0.0
}

comes_back() { # comes_back VERSION EXIT STEP TEXT [HINT]
    publish "$1"
    expect_exit "$2" lift update bookshelf
    expect_text "$err" "liftlock: $4"
    [ -z "${5:-}" ] || expect_text "$err" "  $5"
    [ "$2" != 4 ] || expect_text "$out" "bookshelf is back on 1.0.0, with its data"
    [ "$2" = 4 ] || expect_text "$out" "nothing has changed: bookshelf 1.0.0 runs as before"
    shows 1.0.0 "$before"
    expect_no_file "$host/opt/bookshelf/releases/$1.partial"
    expect_no_file "$host/opt/bookshelf/shared/maintenance"
    expect_exit 0 lift inspect bookshelf
    expect_exit 0 lift check bookshelf
    expect_text "$out" "bookshelf: nothing to do (1.0.0)"
    expect_text "$out" "  passed over: $1 failed here on $today: $3: ${4#"$3: "}"
}

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"

broken 2.0.1 "the trial says that it does not fit"
tree_edit 2.0.1 books.py 's/^SCHEMA = 2/SCHEMA = 0/'
comes_back 2.0.1 3 trial "bookshelf 2.0.1 says that it does not fit this host: starts: exit status 2"

broken 2.0.2 "the trial fails"
tree_edit 2.0.2 VERSION 's/.*/2.0.99/'
comes_back 2.0.2 1 trial "trial of bookshelf 2.0.2: version: answer 'bookshelf 2.0.99' does not contain '2.0.2'"

broken 2.0.3 "the build fails"
manifest_add 2.0.3 'build: ["echo no compiler here >&2; exit 7"]'
comes_back 2.0.3 1 stage "build of bookshelf 2.0.3: 'echo no compiler here >&2; exit 7': exit status 7"
expect_exit 0 lift logs bookshelf --all
grep -q '  output    no compiler here$' "$out"
verdict "the log has what the build printed" $?

broken 2.0.4 "the migration fails, half-way"
as_user tee "$work/tree-2.0.4/bin/migrate" >/dev/null <<'PY'
#!/usr/bin/python3
import os, sqlite3, sys
connection = sqlite3.connect(os.path.join(os.environ["LIFTLOCK_SHARED"], "books.db"))
with connection:
    connection.execute("UPDATE book SET title = 'gone'")
sys.exit("the second half is missing")
PY
comes_back 2.0.4 4 migrate "migrate: migration 2.0.0 'bin/migrate': exit status 1" "its last line: the second half is missing"

broken 2.0.5 "the service ends at once"
tree_edit 2.0.5 liftlock.yaml 's|exec bin/bookshelf [0-9]*|echo oops >\&2; exit 9|'
comes_back 2.0.5 4 start "start: service 'web' ended at once: exit status 9" "its output is in '$host/opt/bookshelf/logs/web.log'"
ok "the service's log has what it said" grep -qx oops "$host/opt/bookshelf/logs/web.log"

broken 2.0.6 "the service runs, but is not healthy"
tree_edit 2.0.6 books.py 's/FROM book ORDER/FROM shelf ORDER/'
comes_back 2.0.6 4 probe "probe: test 'health' of bookshelf 2.0.6: HTTP 500, not 2xx"

broken 2.0.7 "what runs says that it is another version"
tree_edit 2.0.7 liftlock.yaml 's/^  - {name: version.*//'
tree_edit 2.0.7 VERSION 's/.*/1.9.9/'
comes_back 2.0.7 4 probe "probe: what runs says that it is 1.9.9, not 2.0.7"

broken 2.0.8 "the service hangs: it takes connections and never answers"
tree_edit 2.0.8 liftlock.yaml 's/deadline: 20s/deadline: 1s/; s/^identity: {/identity: {timeout: 500ms, /'
tree_edit 2.0.8 bin/bookshelf 's/^    def do_GET(self):/    def do_GET(self):\n        import time; time.sleep(60)/'
comes_back 2.0.8 4 probe "probe: identity: no answer within 500 ms"

note "who asks every night has nothing to do; who names a rejected release is refused until he allows it"
for verb in check update plan "update --dry-run"; do
    # shellcheck disable=SC2086
    expect_exit 0 lift $verb bookshelf
    expect_text "$out" "bookshelf: nothing to do (1.0.0)"
    expect_text "$out" "  passed over: 2.0.8 failed here on $today: probe: identity: no answer within 500 ms"
    expect_text "$out" "    'liftlock allow bookshelf 2.0.8' clears it"
done
expect_exit 0 lift update bookshelf --json
json "the same for programs" "j['verdict'] == 'up-to-date' and j['version'] == '1.0.0' and
    j['passed_over'] == ['2.0.8 failed here on $today: probe: identity: no answer within 500 ms']"
expect_exit 3 lift update bookshelf --to 2.0.6
expect_text "$err" "liftlock: bookshelf: 2.0.6 failed here on $today: probe: test 'health' of bookshelf 2.0.6: HTTP 500, not 2xx"
expect_text "$err" "  'liftlock allow bookshelf 2.0.6' clears it"
expect_exit 0 lift allow bookshelf 2.0.6
expect_text "$out" "bookshelf 2.0.6 may be installed again"
expect_exit 0 lift allow bookshelf 2.0.6
expect_text "$out" "bookshelf: nothing spoke against 2.0.6"
expect_exit 4 lift update bookshelf --to 2.0.6
expect_text "$err" "liftlock: probe: test 'health' of bookshelf 2.0.6: HTTP 500, not 2xx"
shows 1.0.0 "$before"

late() { # late VERSION SCHEMA: a release whose worker, which starts after commit, does not live
    tree_make "$1" 1.0.0
    tree_edit "$1" liftlock.yaml "s/^services:/services:\n  - {name: worker, start: 'echo no queue; exit 3', starts: after_commit}/"
    tree_edit "$1" liftlock.yaml "s/^schema: .*/schema: {version: $2}/"
    publish "$1"
}

note "it fails only after commit, and its data suit the old release: back to that, with the data as they are"
late 2.0.9 1
expect_exit 4 lift update bookshelf
expect_text "$out" "  observe: failed: service 'worker' ended at once: exit status 3"
expect_text "$out" "bookshelf is back on 1.0.0: 2.0.9 did not stay healthy"
shows 1.0.0 "$before"
expect_exit 0 lift history bookshelf --json
json "two jobs say so" "[(h['kind'], h['from'], h['to'], h['verdict']) for h in j[:2]] ==
    [('return', '2.0.9', '1.0.0', 'updated'), ('update', '1.0.0', '2.0.9', 'failed')]"
expect_exit 0 lift check bookshelf
expect_text "$out" "  passed over: 2.0.9 failed here on $today: observe: service 'worker' ended at once: exit status 3"

note "the same, but its data are new: it stays, says so, and says what to do"
late 2.0.10 2
expect_exit 5 lift update bookshelf
expect_text "$err" "liftlock: service 'worker' ended at once: exit status 3"
expect_text "$err" "  2.0.10 is live, but did not stay healthy; see 'liftlock logs bookshelf', then repair it or go back with 'liftlock rollback bookshelf'"
shows 2.0.10 "$before"
ok "users may write" add_book "Ulysses"
expect_exit 5 lift inspect bookshelf
expect_text "$out" "bookshelf 2.0.10: BROKEN"
expect_exit 2 lift rollback bookshelf
expect_text "$err" "  say --yes if that is what you want"
expect_exit 0 lift rollback bookshelf --yes
expect_text "$out" "bookshelf 1.0.0 is live again"
shows 1.0.0 "$before"

note "after all that the next good release is an update like any other"
tree_make 2.1.0 2.0.0
publish 2.1.0
expect_exit 0 lift update bookshelf
expect_text "$out" "bookshelf 2.1.0 is live"
shows 2.1.0 '[{"title": "Emma", "author": "Jane Austen"}]'
expect_exit 0 lift inspect bookshelf
expect_text "$out" "bookshelf 2.1.0: OK"
