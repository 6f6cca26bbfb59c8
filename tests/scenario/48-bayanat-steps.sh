#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# The host of examples/bayanat crashes in the middle of an update, and boots again, with Restart=always on both units and
# users who write: old or new, with every row, and the update that was wanted is there in the end.
# Usage: 48-bayanat-steps.sh [all | STEP...]: by default a sample of the steps.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
jobs=$work/machine/root/var/lib/liftlock/bayanat/jobs
crash_at() { # crash_at STEP: the machine dies as soon as the job, which is begun here, says that the step has begun
    "$tree/tests/scenario/crash_at.py" "$jobs" "$1" "$SD_PID" >"$work/struck" 2>"$work/watches" &
    watcher=$!
    wait_for 5 grep -q ready "$work/watches"
    lift update bayanat --detach >"$out" 2>"$err"
    wait "$watcher"
}
struck_in() { sed -n 's/.*"type":"step","step":"\([a-z]*\)","mark":"begun".*/\1/p' "$jobs/$(cat "$work/struck")/log" | tail -n 1; }
has_ended() { [ "$(about 2>/dev/null)" = "{\"name\": \"bayanat\", \"version\": \"$1\"}" ] && is_at_rest; }
verdicts() { lift history bayanat | sed -n "s/.*→ $1  \([a-z-]*\).*/\1/p" | tr '\n' ' '; }
expected() { # expected STEP: the verdicts, where the first job died in it
    case $1 in
    fetch | stage | seal | trial | dump | ready) echo "updated failed " ;;
    fence | stop | copy | migrate | activate | start | probe) echo "updated rolled-back " ;;
    commit) verdicts "$release" | grep -x -e "updated " -e "updated rolled-back " ;; # its mark decides
    *) echo "updated " ;;
    esac
}

machine_make
publish 3.0.0
expect_exit 0 lift install /srv/source --trust none --name bayanat --user bayanat
publish 3.1.0
expect_exit 0 lift plan bayanat
every=$(sed -n 's/^  steps *//p' "$out" | tr -d ,)
expect_exit 0 lift update bayanat
# shellcheck disable=SC2086
case ${1:-sample} in
all) set -- $every ;; # words
sample) set -- dump stop copy migrate probe commit open ;;
esac

n=0
for step; do
    n=$((n + 1))
    release=3.2.$n
    note "a crash in '$step'"
    printf 'CREATE TABLE IF NOT EXISTS step (version text);\nINSERT INTO step VALUES ($$%s$$);\nSELECT pg_sleep(0.1);\n' "$release" |
        add_sql "$release" "20261201_00$((100 + n))_step.sql"
    publish "$release" 3.1.0
    write_begin
    ok "the host crashes" crash_at "$step"
    sd_wait_down
    write_end
    note "it was in '$(struck_in)'"
    ok "it boots" sd_boot
    ok "it is brought to its end" wait_for 40 has_ended "$release"
    expect_same "the verdicts on it, the newest first" "$(verdicts "$release")" "$(expected "$(struck_in)")"
    shows "$release"
    expect_same "runs of its migration" "$(psql_app "SELECT count(*) FROM step WHERE version = '$release'")" 1
    expect_same "databases" "$(databases)" bayanat
    all_there
done
