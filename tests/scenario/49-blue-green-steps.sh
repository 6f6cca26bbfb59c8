#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A job that switches an app behind a real Caddy or nginx is killed in the middle, alone or with all that it started, or the
# host crashes: users reach exactly the old release or exactly the new one, which alone runs and alone starts at boot, and
# nobody who asked meanwhile went without an answer, unless the host was down.
# Usage: 49-blue-green-steps.sh [all | [caddy|nginx:]one|all|crash:STEP[:MILLISECONDS]...]: by default a sample.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
. "$tree/tests/scenario/lib-tiny.sh"
. "$tree/tests/scenario/lib-proxies.sh"
. "$tree/tests/scenario/lib-strike.sh"
name=tiny
jobs=$work/machine/root/var/lib/liftlock/tiny/jobs
behind() { # behind PROXY: leads users from now on
    [ "$1" != "$proxy" ] || return 0
    proxy=$1
    eval "port=\$$1"
    sed -i '/^\[switch/,$d' "$SD_ROOT/etc/liftlock/apps/tiny.toml"
    printf '[switch.web]\nproxy = "%s"\nurl = "http://127.0.0.1:%s/about"\n' "$proxy" "$port" >>"$SD_ROOT/etc/liftlock/apps/tiny.toml"
    ok "$proxy leads users" lift restart tiny
}

tiny_machine
proxies_make
inside systemctl restart systemd-sysctl # Caddy's reloads need it
release() { # release VERSION
    tiny_make "$1" "$none"
    manifest_add "$1" 'hooks: {post_update: ["sleep 0.1"]}' # in start
    publish "$1"
}
release 1.0.0
ok "the proxies start" inside systemctl start caddy nginx
expect_exit 0 lift install /srv/source --trust none --name tiny --user liftlock-test
inside systemctl -q enable tiny@1.0.0.service caddy.service nginx.service
old=1.0.0 proxy=caddy port=$caddy
release 2.0.0
expect_exit 0 lift plan tiny
every=$(sed -n 's/^  steps *//p' "$out" | tr -d ,)
unlist 2.0.0

case ${1:-sample} in
all)
    set --
    for each in caddy nginx; do
        for whom in one all crash; do
            for step in $every; do
                set -- "$@" "$each:$whom:$step:0" "$each:$whom:$step:30"
            done
        done
    done
    ;;
sample) set -- all:start:50 one:commit all:open crash:open nginx:one:activate nginx:all:open:5 nginx:one:settle ;;
esac

n=0
for point; do
    n=$((n + 1))
    release=2.$n.0
    case $point in caddy:* | nginx:*) behind "${point%%:*}" && point=${point#*:} ;; esac
    whom=${point%%:*} step=$(echo "$point" | cut -d : -f 2) pause=$(echo "$point:0" | cut -d : -f 3)
    note "$proxy, $whom is killed in '$step', after $pause ms"
    release "$release"
    hammer "$port"
    if [ "$whom" = crash ]; then
        ok "the host crashes" strike "$step" "$SD_PID" "$pause"
        sd_wait_down
    else
        ok "the job is struck" strike "$step" "$whom" "$pause"
    fi
    struck=$(struck_in)
    note "it was in '$struck'"
    unlist "$release"
    if [ "$whom" = crash ]; then
        ok "it boots" sd_boot
        ok "it is recovered" wait_for 30 has_recovered
    else
        expect_exit 0 lift recover tiny
        hammer_end "$point"
    fi
    ok "no job is at work" wait_for 20 is_at_rest
    expect_same "the verdict" "$(verdicts "$release")" "$(expected "$struck" "$release")"
    [ "$(verdicts "$release")" != "updated " ] || old=$release
    lives "$port" "$old"
    list_again
    expect_exit 0 lift update tiny
    old=$release
    lives "$port" "$old"
done
