#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Recovery believes what it sees over what the journal says: a commit whose mark reached the disk although the disk said
# that it did not, and whose way back had begun, is no commit. Needs sqlite3, to write such a journal.
# shellcheck disable=SC2119 # service_pid: the first service
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
state=$host/var/lib/liftlock
journal() { as_user sqlite3 "$state/state.db" "$1"; }
job_pid() { grep -lszFx "LIFTLOCK_ROOT=$host" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r pid; do
    grep -qz '^inner$' "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"; done | head -n 1; }

make() { # make VERSION MOULD: users are let in again when nobody waits any more
    tree_make "$1" "$2"
    # shellcheck disable=SC2016 # for the hook
    tree_edit "$1" liftlock.yaml 's|^fence: .*|fence: {off: "while test -e $LIFTLOCK_SHARED/wait; do sleep 0.1; done"}|'
    publish "$1"
}
make 1.0.0 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is accepted" add_book "Emma / Jane Austen"

killed_after_commit() { # the job is at `open`, which waits; what it says of that is taken out of the journal
    as_user touch "$host/opt/bookshelf/shared/wait"
    expect_exit 0 lift update bookshelf --detach
    ok "it has committed" wait_for 20 sh -c "sqlite3 '$state/state.db' \"SELECT 1 FROM mark WHERE step = 'open' AND job = (SELECT id FROM job ORDER BY sequence DESC LIMIT 1)\" | grep -q 1"
    job=$(journal "SELECT id FROM job ORDER BY sequence DESC LIMIT 1")
    kill -9 "$(job_pid)"
    rm "$host/opt/bookshelf/shared/wait"
    journal "DELETE FROM mark WHERE job = '$job' AND step = 'open'"
}

note "killed after commit: forwards"
make 2.0.0 2.0.0
killed_after_commit
expect_exit 0 lift recover bookshelf
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'

note "the same, but the link is back already: back it is"
make 2.1.0 2.0.0
killed_after_commit
as_user ln -sfn releases/2.0.0 "$host/opt/bookshelf/current"
sed -i '$d' "$work/published" # so that nobody tries 2.1.0 again
publish 2.0.0
expect_exit 0 lift recover bookshelf
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'

note "an uninstall that cannot remove all of it does not say that it did"
as_user chmod u+w "$host/opt/bookshelf/releases/2.0.0"
mkdir "$host/opt/bookshelf/releases/2.0.0/roots"
touch "$host/opt/bookshelf/releases/2.0.0/roots/file"
expect_exit 5 lift uninstall bookshelf --yes
expect_text "$err" "  the app is stopped and out of use, but not all of it is gone; 'liftlock recover bookshelf' goes on"
expect_no_text "$out" "bookshelf is uninstalled"
rm -r "$host/opt/bookshelf/releases/2.0.0/roots"
expect_exit 0 lift recover bookshelf
expect_no_file "$host/opt/bookshelf/releases"
expect_exit 0 lift status
