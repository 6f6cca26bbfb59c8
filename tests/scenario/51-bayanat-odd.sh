#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hosts of examples/bayanat that nobody planned for: who may copy the database comes in by peer, an extension is above the
# app's role, the database is gone between plan and run, the server is started again in the fence, somebody holds a lock,
# media lie on a file system of their own, three releases back, and back with no room and no source.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-bayanat.sh"
said() { # said TEXT: somewhere in what the last command said
    grep -qF -e "$1" "$out" "$err"
    verdict "it says: $1" $?
}
machine_make
publish 3.0.0
expect_exit 0 lift install /srv/source --trust none --name bayanat --user bayanat
ok "users write" write_begin

note "the app's role may not make databases; who may comes in by peer, and all stays the app's"
psql_admin postgres 'ALTER ROLE bayanat NOCREATEDB'
publish 3.1.0
expect_exit 1 lift update bayanat
expect_text "$err" "liftlock: bayanat: data 'main': role 'bayanat' may not copy the database 'bayanat'"
printf '[policy]\nkeep_releases = 9\nkeep_backups = 9\n[database.main]\nadmin_user = "postgres"\n' >>"$SD_ROOT/etc/liftlock/apps/bayanat.toml"
expect_exit 0 lift update bayanat
shows 3.1.0
expect_same "whose the database is" "$(psql_admin postgres "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'bayanat'")" bayanat
expect_same "tables that are not the app's" "$(psql_app "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'bayanat'")" 0
publish 3.1.1 bad-health
expect_exit 4 lift update bayanat
shows 3.1.0
all_there

note "an extension that only a superuser may create: the copy has it, a dump could not be restored"
psql_admin bayanat 'CREATE EXTENSION pageinspect'
publish 3.1.2 3.1.0
above="data 'main': only a superuser may create what the database 'bayanat' has, and 'bayanat' could not restore a backup of it: extension pageinspect"
expect_exit 3 lift plan bayanat
expect_text "$out" "  AGAINST    $above"
expect_exit 3 lift update bayanat
expect_text "$err" "liftlock: bayanat: $above"
expect_text "$err" "  a superuser may write 'trusted = true' into the extension's control file; --force goes on with backups that nobody can restore"
expect_exit 0 lift update bayanat --force
shows 3.1.2
psql_admin bayanat 'DROP EXTENSION pageinspect'

note "somebody keeps a table for himself: the dump waits for him, and the update goes on"
publish 3.1.3 3.1.0
holder() { psql_admin bayanat "BEGIN; LOCK TABLE task IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(${1})"; }
is_held() { [ "$(psql_admin postgres "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation IS NOT NULL AND granted")" != 0 ]; }
holder "${LOCK_S:-2}" >/dev/null &
ok "the table is held" wait_for 5 is_held
if [ "${LOCK_S:-2}" -gt 30 ]; then # on demand: nobody waits for ever
    expect_exit 1 lift update bayanat
    expect_text "$err" "liftlock: data 'main': canceling statement due to lock timeout (55P03)"
    inside pkill -f pg_slee[p]
fi
expect_exit 0 lift update bayanat
shows 3.1.3
all_there

note "the database server is started again while the new release is proven: that does not speak against it"
manifest_sed 3.1.4 '$a hooks: {post_update: ["touch ../../shared/proven", "sleep 2", "false"]}'
publish 3.1.4 3.1.0
expect_exit 0 lift update bayanat --detach
ok "the new release is started" wait_for 20 test -e "$SD_ROOT$app/shared/proven"
inside systemctl restart bayanat-db.service
ok "the job has ended" wait_for 30 is_at_rest
expect_exit 0 lift logs bayanat
said "and data 'main': the database server was started again meanwhile"
expect_no_text "$out" "rejected "
shows 3.1.3
all_there

note "the database is gone between plan and run: nobody is stopped"
unlist 3.1.4
publish 3.1.5 3.1.0
expect_exit 0 lift plan bayanat
digest=$(sed -n 's/^  digest *//p' "$out")
psql_admin postgres 'ALTER DATABASE bayanat ALLOW_CONNECTIONS false'
psql_admin postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'bayanat'" >/dev/null
psql_admin postgres 'ALTER DATABASE bayanat RENAME TO mislaid'
web=$(property bayanat.service MainPID)
expect_exit 1 lift update bayanat --plan "$digest"
expect_text "$err" "liftlock: bayanat: data 'main': cannot reach database 'bayanat' at /run/postgresql: database \"bayanat\" does not exist"
expect_same "the web process" "$(property bayanat.service MainPID)" "$web"
psql_admin postgres 'ALTER DATABASE mislaid RENAME TO bayanat'
psql_admin postgres 'ALTER DATABASE bayanat ALLOW_CONNECTIONS true'
expect_exit 0 lift update bayanat
shows 3.1.5

note "media on a file system of their own, as state that goes back with the database"
write_end
inside systemctl stop bayanat.service bayanat-celery.service
mkdir -p "$SD_ROOT$app/shared/media"
inside mount -t tmpfs -o mode=755,uid="$(inside id -u bayanat)" media "$app/shared/media"
inside systemctl start bayanat.service bayanat-celery.service
ok "it answers" wait_for 10 about
ok "a file comes" inside curl -sSf --max-time 5 -o /dev/null -d 'a photograph' "http://127.0.0.1:$port/media/photo"
publish 3.1.6 3.1.0
expect_exit 0 lift update bayanat
expect_same "the file" "$(inside cat "$app/shared/media/photo")" 'a photograph'
manifest_sed 3.2.0 's/{path: media, class: append}/{path: media, class: state}/; $a hooks: {post_update: ["rm ../../shared/media/photo", "false"]}'
publish 3.2.0 3.1.0
expect_exit 3 lift update bayanat
expect_text "$err" "liftlock: bayanat: data 'shared-media': shared/media is a mount point, which no rename can replace"
shows 3.1.6
publish 3.2.1 3.1.0

note "three releases back, without a source: the data stay, for nothing of theirs has changed"
ok "users write" write_begin
expect_exit 0 lift update bayanat
mv "$SD_ROOT/srv/source" "$SD_ROOT/srv/away"
expect_exit 0 lift rollback bayanat --to 3.1.3 --yes
shows 3.1.3
all_there

note "further back, over a change of the data, on a disk that is full: nobody is disturbed before there is room for the present"
web=$(property bayanat.service MainPID)
mount -o remount,size="$(($(df -k --output=used "$SD_DIR/disk" | tail -n 1) + 100))k" "$SD_DIR/disk"
expect_exit 1 lift rollback bayanat --to 3.0.0 --yes
grep -q '^liftlock: bayanat: the file system of /var/lib/liftlock/bayanat/backups needs [0-9]* MB for backup, copy of the data and data that come back, and 0 MB are free$' "$err"
verdict "it says what it needs" $?
expect_same "the web process" "$(property bayanat.service MainPID)" "$web"
mount -o remount,size=1g "$SD_DIR/disk"
expect_exit 0 lift rollback bayanat --to 3.0.0 --yes
shows 3.0.0
expect_same "databases" "$(databases)" bayanat
