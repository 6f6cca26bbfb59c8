#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Small file systems: what a change may need is counted before it begins, for each of them, in bytes and in files; and
# what the fence needs is kept back, whoever takes the rest.
if [ "$(id -u)" != 0 ]; then
    echo "Bail out! mounts need root"
    exit 1
fi
[ -n "${ROOM_NAMESPACE:-}" ] || ROOM_NAMESPACE=1 exec unshare -m "$0"
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
one='[{"title": "Emma / Jane Austen"}]'
two='[{"title": "Emma", "author": "Jane Austen"}]'
state=$host/var/lib/liftlock/bookshelf
echo 'space_margin = "1MB"' >>"$host/etc/liftlock/liftlock.toml"
for place in opt var; do
    as_user mkdir "$host/$place"
    mount -t tmpfs -o size=200m,mode=755,uid="$(id -u liftlock-test)",gid="$(id -g liftlock-test)" room "$host/$place"
done
leave() { # leave PLACE MEGABYTES: so much is free there
    rm -f "$host/$1/filler"
    free=$(($(stat -f -c '%a * %S' "$host/$1") / 1000000 - $2))
    as_user fallocate -l "${free}MB" "$host/$1/filler"
}
against() { # against TEXT: the plan says it, the update is refused with it, and nothing has changed
    expect_exit 3 lift plan bookshelf
    grep -q "^  AGAINST    $1$" "$out"
    verdict "the plan says: $1" $?
    expect_exit 1 lift update bookshelf
    grep -q "^liftlock: bookshelf: $1$" "$err"
    verdict "the update says so too" $?
    shows 1.0.0 "$one"
    rm -f "$host"/*/filler
}

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf
ok "a book is there" add_book "Emma / Jane Austen"
as_user sqlite3 "$host/opt/bookshelf/shared/books.db" 'create table pictures (x); insert into pictures values (randomblob(8000000))'
tree_make 2.0.0 2.0.0
tree_edit 2.0.0 liftlock.yaml 's|^fence:|hooks: {pre_update: ["cat /dev/zero >$LIFTLOCK_APP_ROOT/hog; true"]}\nfence:|'
publish 2.0.0

note "download and backup lie here, the release, the copy and what the migration writes there"
leave var 6
against "the file system of $state needs [12][0-9] MB for download and backup, and [5-7] MB are free"
leave opt 12
against "the file system of $host/opt/bookshelf needs [23][0-9] MB for release, copy of the data and migration, and 1[1-3] MB are free"
mount -o remount,nr_inodes=60 "$host/opt"
against "the file system of $host/opt/bookshelf needs [0-9]* inodes for release, copy of the data and migration, and [0-9]* are free"
mount -o remount,nr_inodes=10000 "$host/opt"

note "somebody takes all that is free when the job is under way: the copy has its room"
expect_exit 0 lift update bookshelf
as_user rm -f "$host/opt/bookshelf/hog"
shows 2.0.0 "$two"
expect_same "what was kept back" "$(find "$host" -name 'reserve*')" ""

note "going back is counted, too, and a backup by hand"
leave var 5
expect_exit 1 lift rollback bookshelf --yes
grep -q "^liftlock: bookshelf: the file system of $state/backups needs [89] MB for backup, and [4-6] MB are free$" "$err"
verdict "it says so" $?
expect_exit 1 lift backup create bookshelf
grep -q "^liftlock: bookshelf: the file system of $state/backups needs [89] MB for backup, and [4-6] MB are free$" "$err"
verdict "it says so" $?
rm "$host/var/filler"
leave opt 10
expect_exit 1 lift rollback bookshelf --yes
grep -q "^liftlock: bookshelf: the file system of $host/opt/bookshelf/shared needs 1[6-8] MB for copy of the data and data that come back, and [0-9]* MB are free$" "$err"
verdict "it says so" $?
shows 2.0.0 "$two"
rm "$host/opt/filler"
expect_exit 0 lift rollback bookshelf --yes
shows 1.0.0 "$one"
