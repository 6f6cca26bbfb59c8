#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the middle of an update of examples/bayanat its job is killed, alone or with all that it started, or the host crashes,
# or its power is cut, with Restart=always on both units and users who write: old or new, with every row, and the update that
# was wanted is there in the end.
# Usage: 48-bayanat-steps.sh [all | [one|all|crash|power:]STEP[:MILLISECONDS]...]: by default a sample.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
. "$tree/tests/scenario/lib-strike.sh"
name=bayanat
SD_DISK=xfs
jobs=$work/machine/root/var/lib/liftlock/bayanat/jobs
has_ended() { [ "$(about 2>/dev/null)" = "{\"name\": \"bayanat\", \"version\": \"$1\"}" ] && is_at_rest; }

machine_make
publish 3.0.0
expect_exit 0 lift install /srv/source --trust none --name bayanat --user bayanat
publish 3.1.0
expect_exit 0 lift plan bayanat
every=$(sed -n 's/^  steps *//p' "$out" | tr -d ,)
expect_exit 0 lift update bayanat
case ${1:-sample} in
all)
    set --
    for whom in one all crash power; do
        for step in $every; do set -- "$@" "$whom:$step"; done
    done
    ;;
sample) set -- dump all:stop copy power:migrate one:probe crash:commit power:open ;;
esac

n=0
for point; do
    n=$((n + 1))
    release=3.2.$n
    case $point in *:*) ;; *) point=crash:$point ;; esac
    whom=${point%%:*} step=$(echo "$point" | cut -d : -f 2) pause=$(echo "$point:0" | cut -d : -f 3)
    note "$whom is struck in '$step', after $pause ms"
    printf 'CREATE TABLE IF NOT EXISTS step (version text);\nINSERT INTO step VALUES ($$%s$$);\nSELECT pg_sleep(0.1);\n' "$release" |
        add_sql "$release" "20261201_00$((100 + n))_step.sql"
    publish "$release" 3.1.0
    write_begin
    case $whom in
    crash) ok "the host crashes" strike "$step" "$SD_PID" "$pause" ;;
    power)
        sync -f "$SD_DIR/disk" # what was published stays published
        ok "the power is cut" strike "$step" "$SD_PID@$SD_DIR/disk" "$pause"
        ;;
    *) ok "the job is killed" strike "$step" "$whom" "$pause" ;;
    esac
    case $whom in
    crash | power)
        sd_wait_down
        [ "$whom" = crash ] || ok "the disk has what it had" sd_power_returns
        ;;
    esac
    write_end
    struck=$(struck_in)
    note "it was in '$struck'"
    case $whom in
    crash | power) ok "it boots" sd_boot ;;
    *) expect_exit 0 lift recover bayanat ;;
    esac
    ok "it is brought to its end" wait_for 40 has_ended "$release"
    expect_same "the verdicts on it, the newest first" "$(verdicts "$release")" "$(expected "$struck" "$release" tried)"
    shows "$release"
    expect_same "runs of its migration" "$(psql_app "SELECT count(*) FROM step WHERE version = '$release'")" 1
    expect_same "databases" "$(databases)" bayanat
    all_there
done
