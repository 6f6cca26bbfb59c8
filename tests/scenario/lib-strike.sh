# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Updates that are struck in the middle, and what is to become of them. After lib-machine.sh or lib-bayanat.sh; $jobs is the
# folder of the app's jobs, $name the app.
#
#   strike STEP WHOM [MILLISECONDS]   begins an update, and kills as soon as its log says that the step has begun, or so much
#                             later: the process WHOM, the job's own ("one"), or it and all that it started ("all")
#   struck_in                 the step that it was really in: where one is over in no time, it is the next
#   verdicts VERSION          of the jobs that went there, the newest first, a blank after each
#   expected STEP VERSION [tried]     those that are to be there if the job died in that step; tried: and was tried again
# shellcheck disable=SC2154 # $jobs and $name are the scenario's, $tree and $work come from lib.sh
strike() {
    rm -f "$work/watches" # of the strike before
    "$tree/tests/scenario/strike.py" "$jobs" "$@" >"$work/struck" 2>"$work/watches" &
    watcher=$!
    wait_for 5 grep -q ready "$work/watches"
    lift update "$name" --detach >"$out" 2>"$err"
    wait "$watcher"
}
struck_in() { # by the journal: a power cut may take the end of the log
    rm -f "$work"/state.db*
    cp "$jobs"/../../state.db* "$work/"
    sqlite3 "$work/state.db" "SELECT step FROM mark WHERE job = '$(cat "$work/struck")' AND mark = 'begun' ORDER BY sequence DESC LIMIT 1"
}
verdicts() { lift history "$name" | sed -n "s/.*→ $1  \([a-z-]*\).*/\1/p" | tr '\n' ' '; }
expected() {
    again=${3:+updated }
    case $1 in
    '' | fetch | stage | seal | trial | dump | ready) echo "${again}failed " ;;
    fence | stop | copy | migrate | activate | start | probe) echo "${again}rolled-back " ;;
    commit) verdicts "$2" | grep -x -e "updated " -e "${again}rolled-back " ;; # its mark decides
    *) echo "updated " ;;
    esac
}
