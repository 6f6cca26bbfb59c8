#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What ./dev demo runs does what it says, leaves nothing behind, and with --keep leaves an app that can be used.
. "$(dirname "$0")/lib.sh"
demo() { as_user env TMPDIR="$work" LIFTLOCK_BUILD="$build" "$tree/examples/bookshelf/demo" "$@"; }
left() { grep -lsaF "$work/liftlock-bookshelf." /proc/[0-9]*/environ; }

expect_exit 0 demo
expect_text "$out" "bookshelf 1.0.0 is installed"
expect_text "$out" "bookshelf 2.0.0 is live"
expect_text "$out" "  probe: failed: test 'health' of bookshelf 3.0.0: HTTP 500, not 2xx"
expect_text "$out" "bookshelf is back on 2.0.0, with its data"
expect_text "$out" "  install to 1.0.0: updated     2 books were written"
expect_text "$out" "  update to 2.0.0: updated      2 books before, 2 after, now with authors"
expect_text "$out" "  update to 3.0.0: rolled-back  3 books before, 3 after, to the letter; it is not offered again"
expect_same "what is left in the directory" "$(find "$work" -mindepth 1 -maxdepth 1 -name 'liftlock-*')" ""
expect_same "processes that are left" "$(left)" ""

expect_exit 0 demo --keep
for command in 'curl ' '/.* status$' '/.* history ' '/.* logs ' '/.* rollback ' '/.* backup ' '/.* allow '; do
    line=$(sed -n '/^== What to try next/,$p' "$work/.out" | grep "^  $command")
    cp "$work/.out" "$work/said"
    ok "it can be typed: $line" sh -c "$line"
    cp "$work/said" "$work/.out"
done
line=$(sed -n '/^to end it:/,$p' "$out" | tail -n 1)
ok "and the end: $line" sh -c "$line"
expect_same "what is left in the directory" "$(find "$work" -mindepth 1 -maxdepth 1 -name 'liftlock-*')" ""
ok "no process is left" wait_for 5 sh -c "! grep -lsaF '$work/liftlock-bookshelf.' /proc/[0-9]*/environ"

expect_exit 2 demo --fast
expect_text "$err" "usage: demo [--keep]"
note "a demo that is not as told says so"
as_user cp -R "$tree/examples" "$work/examples"
as_user sed -i 's/FROM book ORDER/FROM book WHERE 0 ORDER/' "$work/examples/bookshelf/2.0.0/books.py"
expect_exit 1 as_user env TMPDIR="$work" LIFTLOCK_BUILD="$build" "$work/examples/bookshelf/demo"
expect_text "$err" "demo: the books should be"
expect_same "processes that are left" "$(left)" ""
