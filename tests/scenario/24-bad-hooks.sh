#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A publisher's lines that hang, flee, flood, crash or reach for what is not theirs: each is ended, named and undone,
# nothing of it is left running, and the next good release goes live.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
bad=$live
mkdir "$work/outside"
chmod 777 "$work/outside"
shared=$host/opt/$app/shared

another() {
    withdraw_offer "$bad"
    bad=$(next "$bad")
    release "$bad"
}

with() { # with LINES: a release with more in its manifest
    another
    printf '%b\n' "$1" >>"$work/tree/liftlock.yaml"
    offer "$bad"
}

changed() { # changed SED: a release with another manifest
    another
    manifest "$1"
    offer "$bad"
}

good_again() {
    withdraw_offer "$bad"
    live=$(next "$bad")
    release "$live"
    offer "$live"
    expect_exit 0 lift update $app
    runs
    verdict "the next good update works: $live" $?
    bad=$live
}

gone() { # gone FILE: the process whose number it wrote
    wait_for 5 test -s "$1"
    verdict "it had started ($(basename "$1"))" $?
    [ ! -d "/proc/$(cat "$1")" ]
    verdict "and is gone" $?
}

note "hooks that hang"
with 'hooks: {pre_update: ["sleep 60"], timeout: 1s}'
back 4 "stop: pre_update hook 'sleep 60': no end after 1 s" lift update $app
with "hooks: {post_update: [\"trap : TERM; echo \$\$ >$work/outside/stubborn; while :; do sleep 1; done\"], timeout: 1s}"
back 4 "start: post_update hook 'trap : TERM; echo \$\$ >$work/outside/stubborn; while :; do sleep 1; done': no end after 1 s" lift update $app
gone "$work/outside/stubborn"
with 'build: ["sleep 60"]\nbuild_timeout: 1s'
refused 1 "build of bookshelf $bad: 'sleep 60': no end after 1 s" lift update $app
good_again

note "on the way back: its hooks run in the release that is back, and the operator's maintenance stays"
expect_exit 0 lift maintenance $app on --reason "moving house"
with "hooks: {post_update: [\"exit 3\"], rollback: [\"cat VERSION >$work/outside/rollback\", \"sleep 60\"], timeout: 1s}"
expect_exit 4 lift update $app
expect_text "$err" "liftlock: start: post_update hook 'exit 3': exit status 3"
expect_text "$out" "  rollback hook 'sleep 60': no end after 1 s"
expect_file "$work/outside/rollback" "$live"
expect_exit 0 lift status
expect_text "$out" "  maintenance moving house (operator)"
expect_file "$shared/maintenance"
expect_exit 0 lift maintenance $app off
runs
verdict "and $live runs as before" $?

note "hooks that leave something running"
daemon="(setsid sh -c 'trap : TERM HUP; echo \$\$ >$work/outside/daemon; while :; do sleep 1; done' >/dev/null 2>&1 &); until test -s $work/outside/daemon; do sleep 0.02; done"
with "hooks: {post_update: [\"$daemon; exit 3\"]}"
back 4 "start: post_update hook '$daemon; exit 3': exit status 3" lift update $app
gone "$work/outside/daemon"
rm "$work/outside/daemon"
with "hooks: {post_update: [\"$daemon\"]}"
live=$bad
back 0 "" lift update $app
gone "$work/outside/daemon"
rm "$work/outside/daemon"
with "build: [\"$daemon\"]"
live=$bad
back 0 "" lift update $app
gone "$work/outside/daemon"

note "a flood of output"
with 'build: ["yes"]\nbuild_timeout: 2s'
refused 1 "build of bookshelf $bad: 'yes': no end after 2 s" lift update $app
largest=$(find "$host/var/lib/liftlock/$app/jobs" -name log -printf '%s\n' | sort -n | tail -n 1)
[ "$largest" -gt 4000000 ] && [ "$largest" -lt 5000000 ]
verdict "the log keeps 4 MiB of it ($largest bytes)" $?
expect_exit 0 lift logs $app
grep -q '  note      further output is not kept: this job has written more than 4 MiB of it$' "$out"
verdict "and says so" $?
good_again

note "a build that writes where it must not"
for line in 'echo 6.6.6 >../../current/VERSION' 'ln -sfn /etc ../../current' 'touch ../planted' "echo x >\$LIFTLOCK_SHARED/planted" "echo x >\$LIFTLOCK_SHARED/books.db"; do
    with "build: [\"$line\"]"
    before=$(state)
    lift update $app >"$out" 2>"$err"
    got=$?
    [ "$got" = 1 ] && [ "$(state)" = "$before" ] && grep -q "^liftlock: build of bookshelf $bad: '" "$err"
    verdict "exit 1, and nothing has changed: $line" $?
done
good_again

note "a migration that takes too long, half-way"
another
cat >"$work/tree/bin/migrate" <<'END'
#!/bin/sh
sqlite3 "$LIFTLOCK_SHARED/books.db" "update book set title = 'gone'; create table half (x)"
sleep 60
END
chmod +x "$work/tree/bin/migrate"
printf 'migrations: {"%s": [bin/migrate]}\nmigrate_timeout: 1s\n' "$bad" >>"$work/tree/liftlock.yaml"
offer "$bad"
back 4 "migrate: migration $bad 'bin/migrate': no end after 1 s" lift update $app
expect_same "the tables" "$(sqlite3 "$shared/books.db" .tables)" book
good_again

note "services"
changed "s|exec bin/bookshelf $port|sleep 0.5; exit 9|"
back 4 "probe: service 'web' does not run: exit status 9" lift update $app
changed "s|exec bin/bookshelf $port|exec env -i LIFTLOCK_SHARED=$shared LIFTLOCK_APP_ROOT=$host/opt/$app /usr/bin/python3 bin/bookshelf $port|"
expect_exit 0 lift update $app # it clears its environment
live=$bad
runs
verdict "what clears its environment runs: $live" $?
changed "s|exec bin/bookshelf $port|while :; do bin/bookshelf; sleep 0.1; done|; s/deadline: 20s/deadline: 1s/"
back 4 "probe: identity: cannot reach 127.0.0.1:$port: connection refused" lift update $app
good_again

note "an old process, none of ours, keeps the port and answers for the new one"
taken=$(free_port)
as_user "$tree/examples/bookshelf/make-release" 1.0.0 "$work/stray" "$taken"
in_background env LIFTLOCK_SHARED="$work/stray" "$work/stray/bin/bookshelf" "$taken"
wait_for 5 curl -sf "http://127.0.0.1:$taken/health"
changed "s|exec bin/bookshelf $port|bin/bookshelf $taken \\|\\| sleep 100|; s|127.0.0.1:$port|127.0.0.1:$taken|; s/deadline: 20s/deadline: 1s/"
expect_same "what is healthy there" "$(curl -s "http://127.0.0.1:$taken/about")" '{"name": "bookshelf", "version": "1.0.0"}'
back 4 "probe: what runs says that it is 1.0.0, not $bad" lift update $app
good_again

note "trials"
trial() { # trial COMMAND TEXT
    another
    sed -i "s|^trial:|trial:\n  - {name: bad, command: \"$1\", timeout: 1s}|" "$work/tree/liftlock.yaml"
    offer "$bad"
    refused 1 "trial of bookshelf $bad: bad: $2" lift update $app
}
trial 'sleep 60' "no end after 1 s"
trial "exec python3 -c 'import os, sqlite3; c = sqlite3.connect(os.environ[\\\\\"LIFTLOCK_SHARED\\\\\"] + \\\\\"/books.db\\\\\"); c.execute(\\\\\"update book set title = 1\\\\\"); c.commit()' 2>/dev/null" "exit status 1"
trial "echo x >>../../shared/books.db" "exit status 2"
trial "touch $work/outside/planted" "exit status 1"
trial "curl -s -m 1 http://127.0.0.1:$port/about" "exit status 7"
expect_no_file "$work/outside/planted"
good_again
