#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Backups that can be read with a private key only, which is not on the host: made by every job, looked at without it, put
# back with it. The files are those of age(1).
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
config=$host/etc/liftlock/apps/bookshelf.toml
backups=$host/var/lib/liftlock/bookshelf/backups
plain() { find "$backups" -name books -o -name media -o -name '*.tar' | wc -l; }
newest() { lift backup list bookshelf --json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])'; }
make() { # make VERSION MOULD: with a tree of files beside the database
    tree_make "$1" "$2"
    tree_edit "$1" liftlock.yaml 's|^data:|&\n  - {name: media, driver: files, path: shared/media}|'
}
as_user age-keygen -o "$work/key" 2>"$work/.public"
key=$(sed -n 's/^Public key: //p' "$work/.public")
as_user age-keygen -o "$work/other-key" 2>/dev/null

make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
as_user mkdir -p "$host/opt/bookshelf/shared/media/covers"
echo "a cover" | as_user tee "$host/opt/bookshelf/shared/media/covers/one" >/dev/null
add_book "before"
expect_exit 0 lift backup create bookshelf
expect_same "data in plain" "$(plain)" 2

note "a key that is none is refused by its place"
cp "$config" "$work/config"
printf '[backups]\nencrypt_to = "age1x"\n' >>"$config"
expect_exit 2 lift status bookshelf
grep -q "^liftlock: .*bookshelf.toml:[0-9]*:14: 'encrypt_to' must be a public key of age (age1 and 58 more), not 'age1x'$" "$err"
verdict "the key is named with its place" $?
cp "$work/config" "$config"
printf '[backups]\nencrypt_to = "%s"\n' "$(grep SECRET "$work/key")" >>"$config"
expect_exit 2 lift status bookshelf
expect_no_text "$err" AGE-SECRET
cp "$work/config" "$config"
printf '[backups]\nencrypt_to = "%s"\n' "$key" >>"$config"

note "from now on, and for what is there already: nothing is left in plain"
make 2.0.0 2.0.0
publish 2.0.0
expect_exit 0 lift update bookshelf
expect_same "data in plain" "$(plain)" 0
id=$(newest)
expect_exit 0 as_user age -d -i "$work/key" -o "$work/books.db" "$backups/$id/books.age"
expect_same "what age(1) reads from it" "$(sqlite3 "$work/books.db" 'SELECT title FROM book')" before
expect_exit 1 as_user age -d -i "$work/other-key" -o /dev/null "$backups/$id/books.age"

note "looked at without the key, and with it"
expect_exit 0 lift backup verify bookshelf
expect_text "$out" "$id  encrypted, and what was written; --identity reads it in full"
expect_exit 0 lift backup verify bookshelf "$id" --identity "$work/key"
expect_text "$out" "$id  books: good"
expect_text "$out" "$id  media: good"
expect_exit 1 lift backup verify bookshelf "$id" --identity "$work/other-key"
expect_text "$out" "$id  backup $id: cannot decrypt data 'books': age: error: no identity matched any of the recipients"
expect_same "data in plain" "$(plain)" 0
expect_same "what looking left" "$(ls "$host/var/lib/liftlock/bookshelf/staging")" ""

note "put back with it only"
add_book "after"
rm "$host/opt/bookshelf/shared/media/covers/one"
expect_exit 3 lift rollback bookshelf --yes
expect_text "$err" "liftlock: bookshelf: backup $id is encrypted"
expect_text "$err" "  say --identity with the file of its private key"
expect_exit 1 lift rollback bookshelf --yes --identity "$work/other-key"
expect_same "what is live" "$(live)" releases/2.0.0
expect_exit 0 lift rollback bookshelf --yes --identity "$work/key"
shows 1.0.0 '[{"title": "before"}]'
expect_same "the tree of files" "$(cat "$host/opt/bookshelf/shared/media/covers/one")" "a cover"
expect_same "data in plain" "$(plain)" 0
saved=$(newest)
as_user rm -f "$work/books.db"
expect_exit 0 as_user age -d -i "$work/key" -o "$work/books.db" "$backups/$saved/books.age"
expect_same "the present was saved to the last row" "$(sqlite3 "$work/books.db" 'SELECT group_concat(title) FROM book')" "before,after"

note "a bit that changed is found"
printf x | dd of="$backups/$saved/books.age" bs=1 seek=400 conv=notrunc 2>/dev/null
expect_exit 1 lift backup verify bookshelf "$saved"
expect_text "$out" "$saved  backup $saved: data 'books': books.age is not what was written"
expect_exit 3 lift backup restore bookshelf "$saved" --yes --force
expect_text "$err" "liftlock: bookshelf: backup $saved is encrypted"
expect_exit 1 lift backup restore bookshelf "$saved" --yes --force --identity "$work/key"
shows 1.0.0 '[{"title": "before"}]'
expect_no_text "$host/var/lib/liftlock/state.db" AGE-SECRET
