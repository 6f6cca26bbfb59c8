#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A way back that fails: the old release starts, but is not what it was. Nothing runs, nobody is let in, and liftlock says
# what it saw and what to do; once that is mended, recovery takes the same way to its end.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
books='[{"title": "Emma / Jane Austen"}]'
liar=$host/opt/bookshelf/shared/liar

tree_make 1.0.0 1.0.0
tree_edit 1.0.0 bin/bookshelf 's/^VERSION = .*/&\nif os.path.exists(os.path.join(SHARED, "liar")): VERSION = "0.9.9"/'
tree_edit 1.0.0 liftlock.yaml 's/deadline: 20s/deadline: 2s/' # the patience that it asks for, when it comes back, too
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"
tree_make 2.0.0 2.0.0
tree_edit 2.0.0 bin/migrate '1a import os, sys\nopen(os.environ["LIFTLOCK_SHARED"] + "/liar", "w")\nsys.exit("no")'
publish 2.0.0

note "the migration fails, and so does the way back"
expect_exit 5 lift update bookshelf
expect_text "$err" "  fence and hold stand and nothing runs; mend what is named, then run 'liftlock recover bookshelf'"
expect_text "$err" "liftlock: the way back from 'migration 2.0.0 'bin/migrate': exit status 1' failed: the old release says that it is 0.9.9, not 1.0.0 as before"
fails "nothing serves" about
expect_same "what is live" "$(live)" releases/1.0.0
expect_same "the database" "$(integrity)" ok
ok "writes are fenced off" test -e "$host/opt/bookshelf/shared/maintenance"
expect_exit 5 lift inspect bookshelf
expect_text "$out" "  error    a hold stands: no service of the app may start"
expect_exit 5 lift update bookshelf
fails "still nothing serves" about

note "mended, and recovered; the release is to blame, so that nobody tries it again"
as_user rm "$liar"
expect_exit 0 lift recover bookshelf
expect_text "$err" "liftlock: migrate: migration 2.0.0 'bin/migrate': exit status 1"
expect_text "$out" "bookshelf is back on 1.0.0, with its data"
expect_no_text "$out" "again"
expect_exit 3 lift update bookshelf --to 2.0.0
shows 1.0.0 "$books"
expect_no_file "$host/opt/bookshelf/shared/maintenance"
expect_exit 0 lift inspect bookshelf
