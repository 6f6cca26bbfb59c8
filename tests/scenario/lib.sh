# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The words that scenarios are written in. A scenario starts with:   . "$(dirname "$0")/lib.sh"
# and ends by itself: the plan ("1..N"), the exit status and the clean-up come from here.
#
#   ok TEXT COMMAND...        the command succeeds                 fails TEXT COMMAND...    it does not
#   expect_exit N COMMAND...  runs it; its exit status is N; what it said is in $out and $err
#   expect_text FILE TEXT     the file contains the line           expect_no_text FILE TEXT
#   expect_file FILE [TEXT]   it is there (and is exactly that)    expect_no_file FILE
#   expect_same TEXT A B      two values are equal
#   note TEXT                 a comment in the output
#   as_user COMMAND...        as an ordinary user (as root: liftlock-test, who owns $work)
#   in_background COMMAND...  starts it; its pid is in $!; it is ended with the scenario
#   wait_for SECONDS COMMAND...   until the command succeeds: SECONDS on a quiet machine; LIFTLOCK_PATIENCE (3) times that
#                                                                  free_port    prints a port nobody listens on
#
# $work is an empty directory of this scenario, and where it runs; $tree the checkout; liftlock the program just built.
set -u
tree=$(cd "$(dirname "$0")/../.." && pwd)
build=${LIFTLOCK_BUILD:-$tree/build}
PATH=$build/src:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C.UTF-8 NO_COLOR=1
export G_DEBUG=fatal-criticals # what GLib finds wrong in a call is ours to mend
work=$(mktemp -d "${TMPDIR:-/tmp}/liftlock-$(basename "$0" .sh).XXXXXX")
chmod 755 "$work"
[ "$(id -u)" != 0 ] || chown liftlock-test:liftlock-test "$work"
export HOME="$work"
out=$work/.out
err=$work/.err
count=0
failures=0
children=
cd "$work" || exit 1

# The processes of a scenario are those that carry its directory in their environment, daemons too.
export SCENARIO="$work"
left_processes() {
    grep -lszFx "SCENARIO=$work" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | grep -vx "$$"
}

# Those of in_background and their children: nginx writes its title over its environment. One that has ended may have left
# its number to a process of another scenario.
children_left() {
    for child in $children; do
        [ "$(awk '$1 == "PPid:" { print $2 }' "/proc/$child/status" 2>/dev/null)" = $$ ] || continue
        echo "$child"
        cat "/proc/$child/task/$child/children" 2>/dev/null
    done
}

finish() {
    status=$?
    trap - EXIT
    for signal in TERM KILL; do
        for pid in $(children_left) $(left_processes); do
            kill -$signal "$pid" 2>/dev/null
        done
        [ -z "$(left_processes)" ] || sleep 0.3
    done
    cd /
    if command -v scenario_end >/dev/null; then scenario_end; fi # a scenario's own: unmount, remove units
    if [ -n "${KEEP:-}" ]; then echo "# kept: $work"; else rm -rf "$work"; fi
    [ $status = 0 ] || verdict "the scenario ran to its end (exit status $status)" 1
    echo "1..$count"
    [ $failures = 0 ]
    exit $?
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

note() { echo "# $*"; }

verdict() { # verdict TEXT STATUS
    count=$((count + 1))
    if [ "$2" = 0 ]; then
        echo "ok $count - $1"
    else
        failures=$((failures + 1))
        echo "not ok $count - $1"
    fi
}

explain() { # the end of what was said, below a "not ok"
    for file; do
        [ ! -s "$file" ] || tail -n 20 "$file" | sed 's/^/#   /'
    done
}

ok() {
    text=$1
    shift
    if "$@" >"$out" 2>"$err"; then
        verdict "$text" 0
    else
        verdict "$text" 1
        explain "$out" "$err"
    fi
}

fails() {
    text=$1
    shift
    if "$@" >"$out" 2>"$err"; then
        verdict "$text" 1
        explain "$out" "$err"
    else
        verdict "$text" 0
    fi
}

expect_exit() {
    wanted=$1
    shift
    "$@" >"$out" 2>"$err"
    got=$?
    if [ "$got" = "$wanted" ]; then
        verdict "exit $wanted: $*" 0
    else
        verdict "exit $wanted, not $got: $*" 1
        explain "$out" "$err"
    fi
}

expect_text() {
    if grep -qxF -e "$2" "$1" 2>/dev/null; then
        verdict "$(basename "$1" | tr -d .) says: $2" 0
    else
        verdict "$(basename "$1" | tr -d .) says: $2" 1
        explain "$1"
    fi
}

expect_no_text() {
    [ -f "$1" ] && ! grep -qF -e "$2" "$1"
    verdict "$(basename "$1" | tr -d .) does not say: $2" $?
}

expect_file() {
    if [ $# = 1 ]; then
        [ -e "$1" ]
        verdict "there is $1" $?
    else
        expect_same "$1" "$(cat "$1" 2>&1)" "$2"
    fi
}

expect_no_file() {
    [ ! -e "$1" ] && [ ! -L "$1" ]
    verdict "there is no $1" $?
}

expect_same() {
    [ "$2" = "$3" ]
    verdict "$1 is '$3'" $?
    [ "$2" = "$3" ] || note "but '$2'"
}

as_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid liftlock-test --regid liftlock-test --init-groups "$@"
    else
        "$@"
    fi
}

in_background() {
    "$@" >>"$work/.background" 2>&1 </dev/null &
    children="$children $!"
}

wait_for() {
    left=$(($1 * 20 * ${LIFTLOCK_PATIENCE:-3}))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.05
    done
}

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
