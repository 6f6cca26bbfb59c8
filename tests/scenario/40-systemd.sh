#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An app whose services are units of a real systemd: install, update, a broken release that comes back, the job in a unit
# of its own that nobody kills by accident, units left as the administrator set them, workers after commit, uninstall.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
machine_make
drop_ins() { (cd "$SD_ROOT/etc/systemd/system" && find . -name '*liftlock*' | sort | tr '\n' ' '); }
enablement() { property "$1" UnitFileState; }

note "install"
tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install /srv/source --trust none --name bookshelf --user liftlock-test
expect_text "$out" "bookshelf 1.0.0 is installed"
ok "a book is accepted" add_book "Emma / Jane Austen"
shows 1.0.0 '[{"title": "Emma / Jane Austen"}]'
expect_same "who it runs as" "$(inside stat -c %U "/proc/$(property bookshelf.service MainPID)")" liftlock-test
expect_same "started at boot: nobody asked for it" "$(enablement bookshelf.service)" disabled
expect_same "the boot unit is there unasked" "$(property liftlock-recover.service UnitFileState)" static
inside systemctl -q enable bookshelf.service

note "a job is a unit of its own: who asked for it may end, and whoever starts and stops the app does not disturb it"
tree_make 2.0.0 2.0.0
tree_edit 2.0.0 liftlock.yaml 's|\[bin/migrate\]|["bin/pause migrate", bin/migrate]|'
publish 2.0.0
pause migrate
inside systemd-run -q --unit=shell.service liftlock update bookshelf
ok "the job is in its migration" wait_for 10 paused migrate
job=$(jobs_at_work)
ok "its unit is called liftlock-job-ID.service" inside test -d "/var/lib/liftlock/bookshelf/jobs/$(expr "$job" : 'liftlock-job-\(.*\)\.service')"
expect_same "its unit" "$(property "$job" ActiveState) $(property "$job" Slice)" "active system.slice"
expect_same "what asked for it" "$(property shell.service ActiveState)" active
ok "that one is restarted" inside systemctl kill -s KILL shell.service
ok "the app's unit is stopped once more" inside systemctl stop bookshelf.service
ok "and restarted" inside systemctl restart bookshelf.service
expect_same "but it is held" "$(property bookshelf.service ActiveState) $(app_processes)" "inactive 0"
expect_exit 3 lift update bookshelf
expect_same "the job's unit" "$(property "$job" ActiveState)" active
go_on migrate
ok "the job ends" wait_for 10 is_at_rest
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
expect_exit 0 lift history bookshelf --json
ok "one update, and it is done" inside sh -c 'liftlock history bookshelf --json | grep -q updated'
expect_same "started at boot, as before" "$(enablement bookshelf.service)" enabled
expect_same "claims left" "$(claims_of hold) $(claims_of fence)" "0 0"

note "a release that does not start comes back"
tree_make 3.0.0 3.0.0
tree_edit 3.0.0 bin/bookshelf 's/^def main():/def main():\n    if sys.argv[1].isdigit(): sys.exit(3)/'
publish 3.0.0
expect_exit 4 lift update bookshelf
expect_text "$out" "bookshelf is back on 2.0.0, with its data"
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
expect_same "started at boot, as before" "$(enablement bookshelf.service)" enabled

note "workers: started after commit, left alone where the administrator stopped or masked them"
for worker in busy idle banned; do
    unit bookshelf-$worker.service <<'END'
[Service]
ExecStart=/bin/sh -c 'readlink /opt/bookshelf/current >>/srv/%N; exec sleep 1000'
Restart=always
[Install]
WantedBy=multi-user.target
END
done
inside systemctl daemon-reload
cat >"$work/workers" <<'END'
  - {name: busy, unit: bookshelf-busy.service, starts: after_commit}
  - {name: idle, unit: bookshelf-idle.service, starts: after_commit}
  - {name: banned, unit: bookshelf-banned.service, starts: after_commit}
END
with_workers() { # with_workers VERSION
    tree_make "$1" 2.0.0
    tree_edit "$1" liftlock.yaml -e '/^migrations:/d' -e "/name: web/r $work/workers" \
        -e 's/^observe: .*/observe: {window: 500ms, on_failure: return_if_safe}/'
    manifest_add "$1" 'hooks: {post_update: ["bin/pause start"]}'
}
as_left() {
    for worker in busy idle banned; do
        printf '%s ' "$worker" "$(property bookshelf-$worker.service ActiveState)" "$(enablement bookshelf-$worker.service)"
    done >"$work/workers-now"
    expect_same "the workers" "$(cat "$work/workers-now")" \
        "busy active enabled idle inactive disabled banned inactive masked "
}
with_workers 4.0.0
publish 4.0.0
expect_exit 0 lift update bookshelf
for worker in busy idle banned; do
    expect_same "worker $worker" "$(property bookshelf-$worker.service ActiveState) $(enablement bookshelf-$worker.service)" "active disabled"
done
inside systemctl -q enable bookshelf-busy.service
inside systemctl stop bookshelf-idle.service
inside systemctl -q mask --now bookshelf-banned.service
as_left
with_workers 4.1.0
publish 4.1.0
pause start
rm -f "$SD_ROOT/srv/bookshelf-"*
expect_exit 0 lift update bookshelf --detach
ok "4.1.0 runs, before commit" wait_for 10 paused start
expect_same "app and worker before commit" \
    "$(property bookshelf.service ActiveState) $(property bookshelf-busy.service ActiveState)" "active inactive"
go_on start
ok "the job ends" wait_for 10 is_at_rest
shows 4.1.0 '[{"title": "Emma", "author": "Jane Austen"}]'
as_left
expect_file "$SD_ROOT/srv/bookshelf-busy" releases/4.1.0
expect_no_file "$SD_ROOT/srv/bookshelf-idle"

note "a rollback leaves them so too, and so does a failed update"
expect_exit 0 lift rollback bookshelf --yes
shows 4.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
as_left
unit bookshelf-looping.service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'sleep 0.1; exit 3'
Restart=always
RestartSec=50ms
END
inside systemctl daemon-reload
with_workers 4.2.0
before=$(drop_ins)
tree_edit 4.2.0 liftlock.yaml -e 's|"bin/pause start"|"exit 7"|' -e 's/name: busy, unit: bookshelf-busy/name: looping, unit: bookshelf-looping/'
publish 4.2.0
expect_exit 4 lift update bookshelf
expect_text "$err" "liftlock: start: post_update hook 'exit 7': exit status 7"
shows 4.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
as_left
expect_same "drop-ins of ours" "$(drop_ins)" "$before"

note "a worker that crashes in a loop is noticed after commit, and the app goes back"
with_workers 4.3.0
tree_edit 4.3.0 liftlock.yaml 's/name: busy, unit: bookshelf-busy.service/name: looping, unit: bookshelf-looping.service/'
publish 4.3.0
expect_exit 4 lift update bookshelf
expect_text "$out" "bookshelf is back on 4.0.0: 4.3.0 did not stay healthy"
shows 4.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
as_left
case $(property bookshelf-looping.service ActiveState) in inactive | failed) true ;; *) false ;; esac # as it was when it was stopped
verdict "the looping worker rests" $?
expect_same "drop-ins of ours" "$(drop_ins)" "$before"

note "an app that its administrator stopped is started to be proven, and then stopped again"
inside systemctl stop bookshelf.service
with_workers 4.4.0
publish 4.4.0
starts >/dev/null
expect_exit 0 lift update bookshelf
expect_same "what was started" "$(starts)" releases/4.4.0
expect_same "now" "$(property bookshelf.service ActiveState) $(live)" "inactive releases/4.4.0"
as_left

note "what nobody can start cannot be proven: refused, and not the release's fault"
inside systemctl -q mask bookshelf.service
with_workers 4.5.0
publish 4.5.0
expect_exit 3 lift update bookshelf
expect_text "$err" "liftlock: bookshelf: unit 'bookshelf.service' is masked: the release cannot be started to be proven"
expect_same "still" "$(property bookshelf.service ActiveState) $(enablement bookshelf.service) $(live)" "inactive masked releases/4.4.0"
inside systemctl -q unmask bookshelf.service
inside systemctl start bookshelf.service
expect_exit 0 lift update bookshelf
shows 4.5.0 '[{"title": "Emma", "author": "Jane Austen"}]'

note "whoever kills the job's process has the job recovered at once, whatever it left behind in its unit"
with_workers 4.6.0
tree_edit 4.6.0 bin/pause "2i trap '' TERM"
publish 4.6.0
pause start
expect_exit 0 lift update bookshelf --detach
ok "4.6.0 runs, before commit" wait_for 10 paused start
inside systemctl kill -s KILL --kill-whom=main "$(jobs_at_work)"
expect_same "what the job left behind" "$(inside pgrep -fc 'bin/pause star[t]')" 1
in_background sh -c "sleep 2; rm '$SD_ROOT/srv/pause/start'"
expect_exit 0 lift recover bookshelf
expect_text "$out" "bookshelf is back on 4.5.0, with its data"
expect_text "$out" "bookshelf: trying the update to 4.6.0 again"
shows 4.6.0 '[{"title": "Emma", "author": "Jane Austen"}]'
as_left

note "uninstall leaves nothing of ours among the units"
mkdir -p "$SD_ROOT/etc/systemd/system/bookshelf.service.d"
printf '[Service]\nNice=5\n' >"$SD_ROOT/etc/systemd/system/bookshelf.service.d/own.conf"
inside systemctl daemon-reload
ok "there are drop-ins" test -n "$(drop_ins)"
expect_exit 0 lift uninstall bookshelf --yes
expect_text "$out" "bookshelf is uninstalled"
expect_same "drop-ins of ours" "$(drop_ins)" ""
expect_same "the administrator's own" "$(property bookshelf.service DropInPaths)" /etc/systemd/system/bookshelf.service.d/own.conf
expect_same "the app's processes" "$(app_processes)" 0
ok "the data are still there" test -s "$SD_ROOT/opt/bookshelf/shared/books.db"
