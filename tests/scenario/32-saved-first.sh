#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Going back to older data saves the present ones first, to the last row that anybody wrote before the app was at rest:
# they are a backup like any other afterwards.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
one='[{"title": "Emma / Jane Austen"}]'
two='[{"title": "Emma", "author": "Jane Austen"}]'
late='[{"title": "Emma", "author": "Jane Austen"}, {"title": "Late", "author": "Last Writer"}]'
newest() { # the id of the newest backup
    lift backup list bookshelf --json 2>/dev/null | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])'
}
titles() { sqlite3 -separator '|' "$host/var/lib/liftlock/bookshelf/backups/$1/books" 'select title from book order by rowid' | paste -sd ' '; }

note "somebody writes when the dump is made and the fence is about to close"
cat >"$work/writer" <<'SH'
#!/bin/sh
sqlite3 "$LIFTLOCK_SHARED/books.db" "insert into book (title, author) values ('Late', 'Last Writer')"
SH
chmod 755 "$work/writer"
tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"
tree_make 2.0.0 2.0.0
tree_edit 2.0.0 liftlock.yaml "s|^fence: .*|fence: {mode: stop, on: '$work/writer', max: 2m}|"
publish 2.0.0
expect_exit 0 lift update bookshelf
shows 2.0.0 "$two"

note "rollback: what it wrote is in the backup that is listed afterwards"
expect_exit 0 lift rollback bookshelf --yes
shows 1.0.0 "$one"
saved=$(newest)
expect_exit 0 lift backup list bookshelf --json
json "it is listed" "(j[0]['reason'], j[0]['version'], j[0]['data']) == ('rollback', '2.0.0', ['books'])"
expect_same "what was saved" "$(titles "$saved")" "Emma Late"

note "restore: the same, and nothing is lost by going there and back"
expect_exit 0 lift update bookshelf
shows 2.0.0 "$two"
expect_exit 0 lift backup restore bookshelf "$saved" --yes
shows 2.0.0 "$late"
expect_same "what the restore replaced" "$(titles "$(newest)")" "Emma Late"
expect_exit 0 lift backup verify bookshelf


note "where the present data cannot be saved, nothing replaces them"
backups=$host/var/lib/liftlock/bookshelf/backups
as_user chmod 500 "$backups"
expect_exit 4 lift backup restore bookshelf "$saved" --yes
as_user chmod 700 "$backups"
shows 2.0.0 "${late%]}, {\"title\": \"Late\", \"author\": \"Last Writer\"}]"
expect_exit 0 lift inspect bookshelf
