#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nobody is there: a timer of a real systemd brings the app to what policy offers, in its window and once a day; status
# says how it went. Rows S16, S17 and S19 of systems.md.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
machine_make
mkdir -m 777 "$SD_ROOT/srv/told"
config=$SD_ROOT/etc/liftlock/apps/bookshelf.toml
units=$SD_ROOT/etc/systemd/system
service=liftlock-auto-bookshelf.service
timer=liftlock-auto-bookshelf.timer
record=$SD_ROOT/var/lib/liftlock/bookshelf/auto.json
auto_says() { # auto_says [KEY=VALUE...]: [auto] of the app's configuration, anew
    sed -i '/^\[auto\]/,$d' "$config"
    printf '[auto]\n' >>"$config"
    for line; do printf '%s = "%s"\n' "${line%%=*}" "${line#*=}" >>"$config"; done
    # for whoever is to hear of it
    printf '[notify.ops]\ntype = "command"\ncommand = "cat >>/srv/told/told"\non = ["failed", "refused", "needs-help"]\n' >>"$config"
}
result() { sed -n 's/.*"result":"\([^"]*\)".*/\1/p' "$record"; }
ended() { # that the timer's service, once begun, is at its end
    case $(property $service ActiveState) in inactive | failed) ;; *) return 1 ;; esac
}
run() { # run: as the timer does; how it ended
    inside systemctl reset-failed $service 2>/dev/null
    inside systemctl start $service 2>/dev/null
    property $service ExecMainStatus
}
says() { # says TEXT PATTERN: what was said last has such a line
    grep -qE "$2" "$out"
    verdict "$1" $?
}
hour() { inside date -d "$1" +%H:00; }
new_release() {
    tree_make "$1" 2.0.0
    publish "$1"
}

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install /srv/source --trust none --name bookshelf --user liftlock-test
inside systemctl -q enable bookshelf.service
expect_exit 0 lift auto bookshelf status
expect_text "$out" "  unattended  off"

note "what is wrong in [auto] is said, and nothing is left behind"
expect_exit 2 lift auto bookshelf sometimes
expect_text "$err" "liftlock: auto: say on, off or status, not 'sometimes'"
auto_says 'window=10pm'
expect_exit 2 lift auto bookshelf on
expect_text "$err" "liftlock: /etc/liftlock/apps/bookshelf.toml:$(grep -n ^window "$config" | cut -d: -f1):10: 'window' must be a span of the day such as 22:00-05:00, not '10pm'"
auto_says 'calendar=Mon..Someday 25:00'
expect_exit 2 lift auto bookshelf on
expect_text "$err" "liftlock: systemd does not understand the calendar 'Mon..Someday 25:00'"
expect_text "$err" "  'systemd-analyze calendar' says what it takes; the key is [auto] calendar"
expect_no_file "$units/$timer"
expect_no_file "$units/$service"
auto_says
echo '[Timer]' >"$units/$timer"
expect_exit 5 lift auto bookshelf on
expect_text "$err" "liftlock: '/etc/systemd/system/$timer' was not written by liftlock"
expect_file "$units/$timer" '[Timer]'
rm "$units/$timer"

note "on: daily at six, caught up after a boot, up to half an hour later; off: nothing is left"
expect_exit 0 lift auto bookshelf on
expect_text "$out" "bookshelf is updated unattended"
expect_same "the timer" "$(property $timer ActiveState) $(property $timer UnitFileState) $(property $timer Persistent)" "active enabled yes"
expect_same "when" "$(property $timer TimersCalendar | sed 's/ ;.*//; s/.*OnCalendar=//') $(property $timer RandomizedDelayUSec)" "*-*-* 06:00:00 30min"
ok "it will begin within a day and a half hour" test "$(inside date -d "$(property $timer NextElapseUSecRealtime)" +%s)" -le $(($(date +%s) + 88200))
expect_same "it did not begin by being switched on" "$(property $service ExecMainStartTimestamp)" ""
expect_exit 0 lift auto bookshelf off
expect_text "$out" "bookshelf is no longer updated unattended"
expect_same "units of ours" "$(find "$units" -name "*liftlock-auto*")" ""
expect_same "systemd's own memory of it" "$(find "$SD_ROOT/var/lib/systemd" -name "*liftlock*")" ""
expect_exit 0 lift auto bookshelf off
expect_text "$out" "bookshelf was not updated unattended"

note "the timer brings a release, by a unit that may hardly do anything itself"
new_release 2.0.0
auto_says 'calendar=*-*-* *:*:0/3' random_delay=0s
expect_exit 0 lift auto bookshelf on
ok "2.0.0 comes by itself" wait_for 20 answers 2.0.0
ok "and its run is at an end" wait_for 20 grep -qs '"result":"updated"' "$record"
expect_same "its unit" "$(property $service NoNewPrivileges) $(property $service ProtectSystem) $(property $service RestrictNamespaces)" "yes full yes"
exposure=$(inside systemd-analyze security --no-pager $service 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
note "systemd-analyze security: $exposure"
ok "exposed no more than 4 of 10" test "${exposure%.*}" -lt 4
expect_same "what it planned with" "$(lift status bookshelf --json | grep -c 'no Landlock')" 0
new_release 2.1.0
ok "the timer goes on to begin" wait_for 10 sh -c "[ \"\$(nsenter -t $SD_PID -a journalctl -q -o cat -u $service | grep -c 'not now: it had its turn today')\" -gt 1 ]"
expect_same "still live" "$(live)" releases/2.0.0
auto_says random_delay=0s
expect_exit 1 lift inspect bookshelf
expect_text "$out" "  warning  the timer of unattended updates is not as [auto] says"
expect_exit 0 lift auto bookshelf on
ok "nothing runs any more" wait_for 10 ended

note "once a day, unless forced"
expect_same "it ends well" "$(run)" 0
expect_exit 0 lift update bookshelf --unattended --json
says "and says so" '"verdict": "not-now"'
expect_exit 0 lift update bookshelf --unattended --force
shows 2.1.0 '[]'

note "only in its window, on the clock on the wall"
new_release 2.2.0
rm "$record"
auto_says "window=$(hour '+2 hours')-$(hour '+3 hours')"
expect_exit 0 lift auto bookshelf on
expect_same "it begins when the window opens" "$(property $timer TimersCalendar | sed 's/ ;.*//; s/.*OnCalendar=//')" "*-*-* $(hour '+2 hours'):00"
expect_same "it ends well" "$(run)" 0
inside journalctl -q -o cat -u $service --no-pager >"$out"
says "and says why nothing was done" "^bookshelf: not now: it is [0-9:]{5} here, and its window is $(hour '+2 hours')-$(hour '+3 hours')\$"
expect_no_file "$record"
expect_exit 0 lift update bookshelf --unattended --force
expect_same "force does not open it" "$(live)" releases/2.1.0

note "nor in maintenance; what is pinned or too young waits, and that was the day's turn"
auto_says "window=$(hour '-1 hour')-$(hour '+2 hours')"
expect_exit 0 lift maintenance bookshelf on --reason 'new disks'
expect_exit 0 lift update bookshelf --unattended
expect_text "$out" "bookshelf: not now: it is in maintenance: new disks"
expect_exit 0 lift maintenance bookshelf off
expect_exit 0 lift pin bookshelf
expect_same "it ends well" "$(run)" 0
expect_same "what is remembered" "$(result)" waiting
expect_exit 0 lift status bookshelf
says "status says why" "^  last run    .*Z: waiting: bookshelf is pinned to 2.1.0\$"
expect_exit 0 lift unpin bookshelf

note "a source that does not answer costs no turn, and is told of once"
mv "$SD_ROOT/srv/source" "$SD_ROOT/srv/gone"
rm "$record"
expect_same "it does not end well" "$(run)" 1
expect_same "what is remembered" "$(result)" postponed
expect_same "nor the second time" "$(run)" 1
expect_same "told" "$(grep -c "bookshelf 2.1.0 on .*: failed: " "$SD_ROOT/srv/told/told")" 1
expect_exit 1 lift inspect bookshelf
says "inspect says so" "^  warning  the last unattended update was postponed: "
mv "$SD_ROOT/srv/gone" "$SD_ROOT/srv/source"
expect_same "then it answers" "$(run)" 0
shows 2.2.0 '[]'

note "what a release refuses is told of too; a job tells of itself"
tree_make 2.3.0 2.0.0
manifest_add 2.3.0 "conditionals: [{condition: \"current_version < '9.0.0'\", action: require_manual_intervention, message: by hand, manual_steps: [look]}]"
publish 2.3.0
rm "$record"
expect_same "it is refused" "$(run)" 3
expect_same "what is remembered" "$(result)" refused
expect_same "told" "$(grep -c "bookshelf 2.2.0 on .*: refused: .*2.3.0 wants a person first" "$SD_ROOT/srv/told/told")" 1
rm "$record"
unlist 2.3.0
tree_make 2.4.0 2.0.0
tree_edit 2.4.0 bin/bookshelf 's/^def main():/def main():\n    if sys.argv[1].isdigit(): sys.exit(3)/'
publish 2.4.0
expect_same "it is rolled back" "$(run)" 4
expect_same "what is remembered" "$(result)" rolled-back
expect_exit 0 lift status bookshelf
expect_text "$out" "  errors      1 of the last day's jobs did not end well"
says "and how much its backups need" '^  backups     [0-9]+, [0-9.]+.?kB$'
expect_exit 0 lift status bookshelf --json
ok "as JSON" inside sh -c 'liftlock status bookshelf --json | python3 -c "
import json, sys
status = json.load(sys.stdin)[0]
auto = status[\"auto\"]
assert auto[\"timer\"] == \"on\" and auto[\"last\"][\"result\"] == \"rolled-back\" and auto[\"next\"], auto
assert len(status[\"errors\"]) == 1 and status[\"backups_bytes\"] > 0 and status[\"last\"][\"verdict\"] == \"rolled-back\"
"'

note "whoever stops the service does not stop the job, and a boot catches up what was missed"
tree_make 2.5.0 2.0.0
tree_edit 2.5.0 liftlock.yaml 's|\[bin/migrate\]|["bin/pause migrate"]|; s|"2.0.0": |"2.5.0": |'
publish 2.5.0
pause migrate
rm "$record"
auto_says random_delay=0s
expect_exit 0 lift auto bookshelf on
inside systemctl start --no-block $service
ok "the job is in its migration" wait_for 10 paused migrate
inside systemctl stop $service
go_on migrate
ok "2.5.0 comes all the same" wait_for 20 answers 2.5.0
ok "the job ends" wait_for 10 is_at_rest
new_release 2.6.0
rm -f "$record"
stamp=$SD_ROOT/var/lib/systemd/timers/stamp-$timer
ok "systemd remembers when it began" test -e "$stamp"
touch -d '3 days ago' "$stamp"
sd_reboot || exit 1
ok "2.6.0 comes after the boot" wait_for 20 answers 2.6.0

note "an app that goes takes its timer along"
expect_exit 0 lift uninstall bookshelf --yes
expect_same "units of ours" "$(find "$units" -name "*liftlock*")" ""
expect_no_file "$record"
expect_same "in systemd's eyes" "$(property $timer LoadState)" not-found

note "without systemd: the line for cron"
mkdir -p "$work/host/etc/liftlock/apps"
printf '[source]\ntype = "folder"\npath = "/srv/x"\n[trust]\nlevel = "none"\n[auto]\nwindow = "02:30-05:00"\n' >"$work/host/etc/liftlock/apps/shop.toml"
printf '[app]\nuser = "%s"\n' "$(as_user id -un)" >>"$work/host/etc/liftlock/apps/shop.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$work/host"
expect_exit 3 as_user env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS LIFTLOCK_ROOT="$work/host" liftlock auto shop on
expect_text "$err" "liftlock: shop: no systemd answers on this host, whose timer it would be"
expect_text "$err" "  add this line to the crontab: 30 2 * * * LIFTLOCK_ROOT='$work/host' liftlock update shop --unattended"
expect_exit 3 as_user env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS LIFTLOCK_ROOT="$work/host" liftlock auto shop off
expect_text "$err" "  take 'LIFTLOCK_ROOT='$work/host' liftlock update shop --unattended' out of the crontab"
