#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd driver of services on a real systemd: starts, stops, failures, holds across reboots, sockets, timers,
# enablement, and the units that jobs run in. Prints TAP; exit status 1 if anything failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${LIFTLOCK_BUILD:-$here/../../build}
. "$here/lib-systemd.sh"

n=0
failed=0
tap() { # tap STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n $2"
    else
        failed=$((failed + 1))
        echo "not ok $n $2"
    fi
}
same() { # same NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then
        tap 0 "$1"
    else
        tap 1 "$1"
        printf '# expected: %s\n# got:      %s\n' "$2" "$3"
    fi
}
matches() { # matches NAME PATTERN ACTUAL
    # shellcheck disable=SC2254
    case $3 in
        $2) tap 0 "$1" ;;
        *) same "$1" "$2" "$3" ;;
    esac
}
shim() { sd_run service-shim shop "$@" 2>&1; }
state() { sd_run systemctl show -P ActiveState "$1"; }
prop() { sd_run systemctl show -P "$2" "$1"; }
unit() { cat >"$SD_ROOT/etc/systemd/system/$1"; } # unit NAME <text
hold() { sd_run sh -c 'mkdir -p /var/lib/liftlock/shop/hold && echo {} >/var/lib/liftlock/shop/hold/job-17'; }
release() { sd_run rm -f /var/lib/liftlock/shop/hold/job-17; }
no_pass() { sd_run rm -rf /run/liftlock/shop.pass; }
until_true() { # until_true SECONDS CMD...
    tries=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
is_state() { [ "$(state "$1")" = "$2" ]; }

directory=$(mktemp -d)
trap 'sd_teardown; rm -rf "$directory"' EXIT
trap 'exit 1' INT TERM
sd_setup "$directory" || exit 1
cp "$build/tests/property/service-shim" "$SD_ROOT/usr/local/bin/service-shim" || exit 1
rm -f "$SD_ROOT/usr/local/bin/liftlock"

unit web.service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sleep 1000
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
END
cat >"$SD_ROOT/lib/systemd/system/vendor.service" <<'END'
[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
END
unit unmet.service <<'END'
[Unit]
ConditionPathExists=/no/such/file
[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
END
unit broken.service <<'END'
[Service]
Type=exec
ExecStart=/bin/sh -c 'exit 3'
END
unit notready.service <<'END'
[Service]
Type=notify
ExecStart=/bin/sh -c 'exit 3'
END
unit crashing.service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'sleep 0.05; exit 1'
Restart=always
RestartSec=50ms
END
unit once.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/true
END
unit stubborn.service <<'END'
[Service]
ExecStart=/bin/sh -c 'trap "" TERM; while :; do sleep 1; done'
TimeoutStopSec=60
END
unit leaver.service <<'END'
[Service]
ExecStart=/bin/sh -c 'sleep 1000 & wait'
KillMode=process
END
unit pool@.service <<'END'
[Service]
ExecStart=/bin/sleep 100%i
END
unit ticking.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo tick >>/var/ticks'
END
unit ticking.timer <<'END'
[Timer]
OnActiveSec=100ms
OnUnitInactiveSec=100ms
AccuracySec=10ms
[Install]
WantedBy=multi-user.target
END
unit calendar.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo tick >>/var/calendar'
END
unit calendar.timer <<'END'
[Timer]
OnCalendar=*:*:*
AccuracySec=10ms
END
unit greet.socket <<'END'
[Socket]
ListenStream=/run/greet.sock
[Install]
WantedBy=sockets.target
END
unit greet.service <<'END'
[Service]
TimeoutStartSec=7
ExecStart=/usr/local/bin/greet
END
cat >"$SD_ROOT/usr/local/bin/greet" <<'END'
#!/usr/bin/python3
import socket
server = socket.socket(fileno=3)
while True:
    peer, _ = server.accept()
    peer.sendall(b"hello\n")
    peer.close()
END
cat >"$SD_ROOT/usr/local/bin/ask" <<'END'
#!/usr/bin/python3
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/greet.sock")
s.settimeout(30)
print(s.recv(100).decode().strip(), flush=True)
END
unit choosy.service <<'END'
[Unit]
ConditionPathExists=|/etc/passwd
[Service]
ExecStart=/bin/sleep 1000
END
mkdir -p "$SD_ROOT/opt/shop/current" "$SD_ROOT/opt/shop/logs"
chmod 755 "$SD_ROOT/usr/local/bin/greet" "$SD_ROOT/usr/local/bin/ask"
sd_boot || exit 1

# --- starting and stopping ---
same 'a start waits and succeeds' '' "$(shim start web.service)"
same 'the started unit is active' active "$(state web.service)"
matches 'a running unit is observed' \
    'known=1 active=1 enabled=0 masked=0 enablement=disabled restarts=0 main=[1-9]* start=1 description=active (running) since 20*Z' \
    "$(shim observe web.service)"
same 'a unit may be named without its suffix' 1 "$(shim processes web)"
same 'a second start does nothing' '' "$(shim start web.service)"
same 'a stop waits and succeeds' '' "$(shim stop web.service)"
same 'the stopped unit is inactive, Restart=always or not' inactive "$(state web.service)"
same 'a stop of a stopped unit does nothing' '' "$(shim stop web.service)"
matches 'a stopped unit is observed' \
    'known=1 active=0 enabled=0 masked=0 enablement=disabled restarts=0 main=0 start=0 description=inactive (dead)*' \
    "$(shim observe web.service)"
same 'a unit that does not exist is a fault' "unit 'nothing.service' is not known to systemd: not-found" "$(shim start nothing)"
matches 'a unit that does not exist is observed' 'known=0 active=0 * description=not-found' "$(shim observe nothing)"
same 'a stop of a unit that does not exist does nothing' '' "$(shim stop nothing)"
same 'a program that runs once is started' '' "$(shim start once.service)"
sd_run systemctl -q enable unmet.service
same 'a unit whose condition is not met is a fault' "unit 'unmet.service' did not start: a condition of it is not met" \
    "$(shim start unmet.service)"
same 'a unit that dies before it is ready is a fault' \
    "unit 'notready.service' did not start: exit-code (status 3)" "$(shim start notready.service)"
until_true 5 is_state broken.service failed || shim start broken.service >/dev/null
until_true 5 is_state broken.service failed
matches 'a failed unit is observed' '*description=failed (failed), exit-code (status 3) since 20*Z' "$(shim observe broken.service)"
same 'units of a template are started' '' "$(shim start pool@7.service)"
same 'and have their processes' 1 "$(shim processes pool@7.service)"
same 'and are stopped' '' "$(shim stop pool@7.service)"
same 'what ignores SIGTERM is killed at the limit' '' "$(shim start stubborn.service; shim stop stubborn.service)"
same 'and is gone' 0 "$(shim processes stubborn.service)"
shim start leaver.service
leaver_pids=$(shim processes leaver.service)
same 'a unit that leaves processes behind has two' 2 "$leaver_pids"
same 'its stop takes them too' '' "$(shim stop leaver.service)"
same 'none of them is left' '' "$(sd_run pgrep -x sleep)"
shim start crashing.service >/dev/null
sleep 0.6
restarts=$(shim observe crashing.service | sed 's/.*restarts=\([0-9]*\).*/\1/')
[ "$restarts" -gt 1 ]
tap $? "a crash loop shows in the restarts ($restarts)"
same 'a crash loop is stopped' '' "$(shim stop crashing.service)"
same 'and stays stopped' inactive "$(sleep 0.3; state crashing.service)"

# --- enablement ---
sd_run systemctl -q enable web.service
matches 'an enabled unit is observed' '*enabled=1*enablement=enabled *' "$(shim observe web.service)"
sd_run systemctl -q disable web.service
same 'enablement is put back' 'enabled' "$(shim restore web.service enabled; prop web.service UnitFileState)"
sd_run systemctl -q mask vendor.service
same 'a masked unit does not start' "unit 'vendor.service' is masked" "$(shim start vendor.service)"
matches 'a masked unit is observed' 'known=1 active=0 enabled=0 masked=1 *' "$(shim observe vendor.service)"
same 'a mask is taken away' 'enabled' "$(shim restore vendor.service enabled; prop vendor.service UnitFileState)"
same 'and put back' 'masked' "$(shim restore vendor.service masked; prop vendor.service UnitFileState)"
same 'a disabled unit is disabled again' 'disabled' "$(shim restore web.service disabled; prop web.service UnitFileState)"
same 'a static unit stays static' 'static' "$(shim restore once.service static; prop once.service UnitFileState)"
shim restore web.service enabled

# --- hold: conditions ---
same 'a unit is equipped' '' "$(shim equip web.service)"
drop_in=$SD_ROOT/etc/systemd/system/web.service.d/50-liftlock.conf
same 'its drop-in says what it should' 'ConditionDirectoryNotEmpty=|!/var/lib/liftlock/shop/hold ConditionPathExists=|/run/liftlock/shop.pass/web.service' \
    "$(grep ^Condition "$drop_in" | tr '\n' ' ' | sed 's/ $//')"
before=$(stat -c %i "$drop_in")
shim equip web.service
same 'an unchanged drop-in is not written again' "$before" "$(stat -c %i "$drop_in")"
same 'an equipped unit starts without a hold' '' "$(shim start web.service)"
shim stop web.service
hold
same 'a held unit is refused' "service 'web' is held by 'job-17'" "$(shim start web.service)"
sd_run systemctl start web.service
same 'nobody else starts a held unit either' inactive "$(state web.service)"
release
same 'once released it starts again' '' "$(shim start web.service)"
hold
sd_run systemctl kill -s KILL web.service
sleep 0.5
same 'Restart= does not bring a held unit back' inactive "$(state web.service)"
shim pass web.service
same 'with a pass it starts, hold or not' '' "$(shim start web.service)"
same 'and is active' active "$(state web.service)"
sd_reboot || exit 1
same 'an enabled, held unit does not start at boot; the pass is gone' inactive "$(state web.service)"
same 'the hold is seen after the reboot' "service 'web' is held by 'job-17'" "$(shim start web.service)"
sd_crash || exit 1
same 'nor after a crash of the machine' inactive "$(state web.service)"
release
same 'from there it starts' '' "$(shim start web.service)"
sd_reboot || exit 1
until_true 5 is_state web.service active
tap $? 'released, it starts at boot'

# --- hold: timers ---
shim equip ticking.service
shim equip calendar.service
sd_run systemctl start ticking.timer calendar.timer
until_true 5 sd_run test -s /var/ticks
tap $? 'a timer ticks'
hold
sleep 0.2
sd_run sh -c ': >/var/ticks; : >/var/calendar'
sleep 1.3
same 'a held unit is not started by its timers' '' "$(sd_run cat /var/ticks /var/calendar)"
release
until_true 5 sd_run test -s /var/calendar
tap $? 'after the release a calendar timer ticks again'
until_true 5 sd_run test -s /var/ticks
tap $? 'and so does one that counts from the last run'
sd_run systemctl stop ticking.timer calendar.timer

# --- hold: sockets ---
shim equip greet.service
same 'a unit behind a socket gets one that waits' "Requires=liftlock-wait-greet.service After=liftlock-wait-greet.service" \
    "$(sed -n '/^\[Unit\]/,$p' "$SD_ROOT/etc/systemd/system/greet.service.d/50-liftlock.conf" | tail -n +2 | tr '\n' ' ' | sed 's/ $//')"
sd_run systemctl -q enable greet.socket
sd_run systemctl start greet.socket
matches 'a listening socket counts as active' 'known=1 active=1 *description=inactive (dead)*' "$(shim observe greet.service)"
same 'it answers' hello "$(sd_run ask)"
hold
same 'a unit behind a socket is stopped' '' "$(shim stop greet.service)"
sd_run ask >"$directory/answer" &
asker=$!
sleep 0.5
same 'while held, a connection waits' '' "$(cat "$directory/answer")"
same 'and the app does not run' 0 "$(shim processes greet.service)"
same 'what waits is a unit of ours' 'activating' "$(state liftlock-wait-greet.service)"
same 'a stop of what waits does nothing' '' "$(shim stop greet.service)"
same 'the app keeps its own time limit' 7s "$(prop greet.service TimeoutStartUSec)"
release
wait "$asker"
same 'once released the waiting connection is answered' hello "$(cat "$directory/answer")"
same 'the socket goes on answering' hello "$(sd_run ask)"
hold
shim stop greet.service
sd_run ask >"$directory/answer" &
asker=$!
sleep 0.3
shim pass greet.service
same 'with a pass the unit starts' '' "$(shim start greet.service)"
wait "$asker"
same 'and answers who waited' hello "$(cat "$directory/answer")"
no_pass
SD_WAIT=no sd_reboot || exit 1
until_true 10 sd_run test -S /run/greet.sock
sd_run ask >"$directory/answer" &
asker=$!
sleep 0.5
same 'after a reboot in mid-hold a connection waits' ' inactive' "$(cat "$directory/answer") $(state greet.service)"
release
wait "$asker"
same 'and is answered in the end' hello "$(cat "$directory/answer")"

# --- hold: conditions that would outvote ours ---
shim equip choosy.service
hold
sd_run systemctl --no-block start choosy.service
sleep 0.3
same 'a unit with triggering conditions of its own is held too' 'inactive activating' \
    "$(state choosy.service) $(state liftlock-wait-choosy.service)"
release
until_true 5 is_state choosy.service active
tap $? 'and starts when released'

# --- retiring ---
same 'a unit is retired' '' "$(shim retire web.service; shim retire greet.service; shim retire choosy.service)"
same 'nothing of ours is left with it' '' \
    "$(cd "$SD_ROOT/etc/systemd/system" && ls -d web.service.d greet.service.d choosy.service.d liftlock-* 2>/dev/null)"
same 'and systemd has heard of it' '' "$(prop web.service DropInPaths)"
same 'retiring again does nothing' '' "$(shim retire web.service)"

# --- units of jobs ---
same 'a job is started in a unit of its own' '' "$(shim job liftlock-job-1.service /bin/sh -c 'sleep 1000 & (setsid sleep 1001 &); wait')"
same 'it is active' active "$(state liftlock-job-1.service)"
same 'a second one of the same name is refused' "unit 'liftlock-job-1.service' exists already" \
    "$(shim job liftlock-job-1.service /bin/true)"
same 'its processes are seen' 3 "$(shim job-processes liftlock-job-1.service)"
same 'it is made quiet' '' "$(shim job-kill liftlock-job-1.service)"
same 'none of its processes is left' 0 "$(shim job-processes liftlock-job-1.service)"
until_true 5 is_state liftlock-job-1.service inactive
same 'the same name can be used again' '' "$(shim job liftlock-job-1.service /bin/true)"
same 'a job whose program does not exist is a fault' "unit 'liftlock-job-2.service' did not start: failed" \
    "$(shim job liftlock-job-2.service /no/such/program)"
same 'a service by shell line outlives the job that started it' '' \
    "$(shim job liftlock-job-3.service /usr/local/bin/service-shim shop line worker 'sleep 1234 & sleep 1235')"
until_true 5 is_state liftlock-job-3.service inactive
same 'all of its processes live on' 2 "$(sd_run pgrep -fc '^sleep 123')"
matches 'in a scope of its own' 'liftlock-shop-worker-*.scope *running*' \
    "$(sd_run systemctl list-units --no-legend --plain 'liftlock-shop-worker-*' | tr -s ' ')"

# --- a user's own manager ---
sd_run useradd -m ann
ann=$(sd_run id -u ann)
as_ann() {
    sd_run setpriv --reuid ann --regid ann --clear-groups env HOME=/home/ann XDG_RUNTIME_DIR="/run/user/$ann" \
        LIFTLOCK_ROOT=/home/ann/ll "$@" 2>&1
}
sd_run systemctl start "user@$ann.service"
as_ann mkdir -p /home/ann/.config/systemd/user /home/ann/ll/var/lib/liftlock/shop/hold
as_ann sh -c "printf '[Service]\nExecStart=/bin/sleep 1000\n' >/home/ann/.config/systemd/user/mine.service"
same 'a user equips and starts a unit of their own' '' "$(as_ann service-shim shop equip mine; as_ann service-shim shop start mine)"
same 'the system does not know it' 'known=0' "$(shim observe mine | cut -d ' ' -f 1)"
matches 'the user does' 'known=1 active=1 *' "$(as_ann service-shim shop observe mine)"
same 'its processes are found in the cgroup of the user' 1 "$(as_ann service-shim shop processes mine)"
as_ann touch /home/ann/ll/var/lib/liftlock/shop/hold/job-17
same 'it is stopped' '' "$(as_ann service-shim shop stop mine)"
as_ann systemctl --user start mine
matches 'held, it does not start' 'known=1 active=0 *' "$(as_ann service-shim shop observe mine)"
same 'a job of a user has a unit too' '1 0' \
    "$(as_ann service-shim shop job liftlock-job-1.service /bin/sleep 1000; as_ann service-shim shop job-processes liftlock-job-1.service | tr '\n' ' '
        as_ann service-shim shop job-kill liftlock-job-1.service; as_ann service-shim shop job-processes liftlock-job-1.service)"

same 'the system is as healthy as before' 'running' "$(sd_run systemctl reset-failed; sd_run systemctl is-system-running)"
sd_poweroff
echo "1..$n"
[ "$failed" = 0 ]
