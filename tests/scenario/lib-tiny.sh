# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The smallest app (tests/bench/server.c) on a machine of its own, and users who never stop asking. After lib-machine.sh.
#
#   tiny_machine              makes and boots the machine, with the programs that this needs
#   tiny_make VERSION [LINE]  a release in $work/tree-VERSION; $services, $identity and LINE are of its manifest
#   hammer PORT               users begin to ask, 500 times a second
#   hammer_stop               they stop; then $requests, $failed, $longest_ms and $answers are known
#   hammer_end TEXT           they stop; none of them went without an answer.
#   says PORT VERSION         who asks there is answered by it
# shellcheck disable=SC2034,SC2154 # $app is for lib-machine.sh, the others come from it and lib.sh
app=tiny

tiny_machine() {
    machine_make
    cp "$build/tests/bench/bench-hammer" "$build/tests/bench/bench-server" "$SD_ROOT/usr/local/bin/"
}

tiny_make() {
    folder=$work/tree-$1
    mkdir -p "$folder/bin"
    echo "$1" >"$folder/VERSION"
    cp "$build/tests/bench/bench-server" "$folder/bin/server"
    pause_program "$folder/bin/pause"
    cat >"$folder/liftlock.yaml" <<END
app: tiny
version: $1
services:
$services
identity: {$identity, json: /version, timeout: 1s}
probe: {deadline: 10s, successes: 2, interval: 50ms, settle: 0}
observe: {window: 0}
END
    [ -z "${2:-}" ] || manifest_add "$1" "$2"
}

hammer() {
    rm -f "$work/hammered"
    in_background sh -c "nsenter -t $SD_PID -a /usr/local/bin/bench-hammer $1 500 >'$work/hammered' 2>'$work/hammered.failures'"
    wait_for 20 grep -qs asking "$work/hammered" || ok "users are answered" false
    sleep 0.5
}

hammer_stop() {
    sleep 0.5
    inside pkill -TERM bench-hammer
    wait_for 25 grep -q '^[0-9]' "$work/hammered" || ok "users have all been answered" false
    read -r requests failed longest_ms answers <<END
$(tail -n 1 "$work/hammered")
END
}

hammer_end() {
    hammer_stop
    note "$1: $requests requests, $failed failed, longest $longest_ms ms, answers $answers"
    expect_same "failed requests" "$failed" 0
    [ "$failed" = 0 ] || explain "$work/hammered.failures"
    ok "and there were many" test "$requests" -gt 500
}

says() { [ "$(inside curl -sS --max-time 5 "http://127.0.0.1:$1/about" 2>/dev/null)" = "{\"version\": \"$2\"}" ]; }
