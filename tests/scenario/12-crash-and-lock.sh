#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A job is killed, watched, asked for twice, left by whoever asked for it. It goes back or forward by itself, there is
# only ever one, and nobody has to wait for it.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
before='[{"title": "Emma / Jane Austen"}]'
after='[{"title": "Emma", "author": "Jane Austen"}]'
migrating=$host/opt/bookshelf/shared/migrating
go=$host/opt/bookshelf/shared/go

journal() { as_user sqlite3 "$host/var/lib/liftlock/state.db" "$1"; }
worker() { sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$host/run/liftlock/bookshelf.lock"; } # who holds the lock says so in it
strike() { # kills the job that runs, in the middle of its migration
    ok "the job is in its migration" wait_for 20 test -e "$migrating"
    pid=$(worker)
    kill -9 "$pid"
    ok "its process is dead" wait_for 5 sh -c "! grep -qs inner /proc/$pid/cmdline"
    rm -f "$migrating"
}

# A release whose migration says that it has begun, and waits for a word.
tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"
tree_make 2.0.0 2.0.0
tree_edit 2.0.0 bin/migrate '1a import os, time\nS = os.environ["LIFTLOCK_SHARED"]\nopen(S + "/migrating", "w")\nwhile not os.path.exists(S + "/go"): time.sleep(0.05)'
# What it also tries: to let go of the app's lock, and to write itself into it.
tree_edit 2.0.0 bin/migrate '1a import fcntl, os\nfor at in os.listdir("/proc/self/fd"):\n    try:\n        name = os.readlink("/proc/self/fd/" + at)\n        if name.endswith(("bookshelf.lock", "bookshelf.work")):\n            fcntl.flock(int(at), fcntl.LOCK_UN)\n            os.pwrite(int(at), b"{}" + b" " * 999, 0)\n    except OSError: pass'
publish 2.0.0

ask() { # ask VERB...: somebody asks for a job, in a session of his own, and waits for its end
    as_user setsid env LIFTLOCK_ROOT="$host" liftlock "$@" >"$work/asker" 2>"$work/asker.err" &
    asker=$!
}
answered() { # answered EXIT: the asker's exit code; what it was told is in $out and $err
    wait "$asker"
    expect_same "the exit code of whoever asked" $? "$1"
    cp "$work/asker" "$out"
    cp "$work/asker.err" "$err"
}
job() { lift status bookshelf --json 2>/dev/null | /usr/bin/python3 -c "import json, sys; print(json.load(sys.stdin)[0]['$1']['id'])"; }

note "killed in the middle of the migration: whoever waits is told, and so is whoever looks"
ask update bookshelf
strike
answered 1
id=$(job interrupted)
expect_text "$err" "liftlock: the process of job $id died"
expect_text "$err" "  run 'liftlock recover bookshelf'"
expect_exit 0 lift status bookshelf
expect_text "$out" "  INTERRUPTED update to 2.0.0 (job $id): run 'liftlock recover'"
expect_text "$out" "  held        updating to 2.0.0 (job-$id)"
expect_text "$out" "  maintenance updating to 2.0.0 (job-$id)"
expect_exit 5 lift inspect bookshelf
expect_text "$out" "  error    job $id (update) was interrupted"
fails "nothing serves" about

note "recover goes back and tries again at once; it is killed again"
ask recover bookshelf
strike
answered 1
expect_text "$out" "bookshelf: job $id (update) was interrupted; bringing it to its end"
expect_text "$out" "bookshelf is back on 1.0.0, with its data"
expect_text "$out" "bookshelf: trying the update to 2.0.0 again"

note "after a second crash it waits for five minutes, and says so as often as it is asked"
expect_exit 0 lift recover bookshelf
expect_text "$out" "bookshelf is back on 1.0.0, with its data"
due() { date -d "@$(journal 'SELECT ended_s + 300 FROM job ORDER BY sequence DESC LIMIT 1')" +%H:%M:%S; }
due=$(due)
expect_text "$out" "bookshelf: the update to 2.0.0 was interrupted 2 times; it is not tried again before $due"
expect_text "$out" "  'liftlock recover bookshelf' tries it then, 'liftlock update bookshelf' at once"
shows 1.0.0 "$before"
expect_exit 0 lift recover bookshelf
expect_text "$out" "bookshelf: the update to 2.0.0 was interrupted 2 times; it is not tried again before $due"
expect_no_text "$out" "trying the update"
expect_no_text "$out" "nothing to recover"

note "the boot's recovery waits for that time; it is killed again, three times in all"
journal "UPDATE job SET ended_s = ended_s - 296"
due=$(due)
ask recover bookshelf --wait
strike
answered 1
expect_text "$out" "bookshelf: the update to 2.0.0 was interrupted 2 times; it is not tried again before $due"
expect_text "$out" "bookshelf: trying the update to 2.0.0 again"
expect_exit 0 lift recover bookshelf
expect_text "$out" "bookshelf is back on 1.0.0, with its data"
expect_text "$out" "not tried again: bookshelf: 2.0.0 was tried 3 times and interrupted each time"
expect_text "$out" "  'liftlock allow bookshelf 2.0.0' lets it try again"
shows 1.0.0 "$before"
expect_exit 0 lift recover bookshelf
expect_text "$out" "bookshelf: nothing to recover"
expect_exit 3 lift update bookshelf
expect_text "$err" "liftlock: bookshelf: 2.0.0 was tried 3 times and interrupted each time"
expect_exit 0 lift allow bookshelf 2.0.0
expect_text "$out" "bookshelf 2.0.0 may be installed again"

note "one job at a time: the second is told who, since when, doing what"
ask update bookshelf
ok "the first is in its migration" wait_for 20 test -e "$migrating"
id=$(job job)
pid=$(worker)
expect_exit 3 lift update bookshelf
since=$(sed -n 's/.* since \([0-9:]*\) .*/\1/p' "$err")
expect_text "$err" "liftlock: bookshelf: update to 2.0.0 is at work since $since (job $id, process $pid, started by $(as_user id -un))"
expect_text "$err" "  watch it with 'liftlock logs bookshelf -f'"
for verb in 'restart bookshelf' 'uninstall bookshelf --yes' 'backup create bookshelf' 'rollback bookshelf' 'maintenance bookshelf on'; do
    # shellcheck disable=SC2086 # a verb and its arguments
    expect_exit 3 lift $verb
    expect_text "$err" "liftlock: bookshelf: update to 2.0.0 is at work since $since (job $id, process $pid, started by $(as_user id -un))"
done
expect_exit 0 lift recover bookshelf
expect_text "$out" "bookshelf: update to 2.0.0 is at work (job $id)"
expect_exit 0 lift status bookshelf --json
json "status says what is at work" "j[0]['job']['id'] == '$id' and j[0]['job']['doing'] == 'update to 2.0.0'"

note "all of the asker's session is killed; the job goes on, and logs -f sees it end"
in_background as_user env LIFTLOCK_ROOT="$host" liftlock logs bookshelf -f
session=$(pgrep -P "$asker")
ok "the asker's session is killed" pkill -KILL -s "${session:-none}"
wait "$asker" 2>/dev/null
as_user touch "$go"
ok "the job goes on to its end" wait_for 20 grep -q ' verdict   updated$' "$work/.background"
ok "and everybody is let in" wait_for 10 sh -c "! lift status | grep -q maintenance"
shows 2.0.0 "$after"

note "nobody has to wait at all"
tree_make 2.0.1 2.0.0
publish 2.0.1
expect_exit 0 lift update bookshelf --detach --json
json "the answer is the job's id, and whose it is" "list(j) == ['app', 'job'] and j['app'] == 'bookshelf'"
id=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["job"])' "$out")
ok "it comes to its end by itself" wait_for 20 grep -q '"type":"closed"' "$host/var/lib/liftlock/bookshelf/jobs/$id/log"
shows 2.0.1 "$after"
expect_exit 0 lift logs bookshelf --job "$id"
expect_exit 2 lift logs bookshelf --job nonsense
expect_text "$err" "liftlock: bookshelf: there is no job nonsense"
expect_exit 0 lift inspect bookshelf
