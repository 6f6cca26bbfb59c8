#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An app behind a socket of systemd: during an update, and after a crash of the host in the middle of one, connections wait
# and are answered afterwards; none is refused, and none wakes the app before its time. S22: 500 requests a second go on.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
. "$tree/tests/scenario/lib-tiny.sh"
app=bookshelf
tiny_machine
unit bookshelf.socket <<END
[Socket]
ListenStream=127.0.0.1:$port
[Install]
WantedBy=sockets.target
END
unit bookshelf.service <<'END'
[Service]
User=liftlock-test
ExecStartPre=+/bin/sh -c 'readlink /opt/bookshelf/current >>/srv/starts'
ExecStart=/opt/bookshelf/current/bin/bookshelf 0
Environment=LIFTLOCK_SHARED=/opt/bookshelf/shared
END
make() { # make VERSION MOULD MIGRATION: it takes its socket from systemd
    tree_make "$1" "$2"
    tree_edit "$1" bin/bookshelf -e 's/^import sys$/import socket\nimport sys/' \
        -e 's/^\( *\)ThreadingHTTPServer(.*/\1server = ThreadingHTTPServer(("127.0.0.1", 0), Page, False)\n\1server.socket = socket.socket(fileno=3)\n\1server.serve_forever()/'
    tree_edit "$1" liftlock.yaml -e 's|^fence: .*|fence: {file: shared/maintenance, on: "bin/pause fence", max: 2m}|' \
        -e "s|^migrations: .*|migrations: {\"$1\": [$3\"bin/pause migrate\"]}|"
    publish "$1"
}
ask() { # ask FILE: a user's browser, that is patient
    in_background sh -c "nsenter -t $SD_PID -a curl -sS --max-time 30 http://127.0.0.1:$port/about >'$1'"
}
answered() { grep -qxF "{\"name\": \"bookshelf\", \"version\": \"$2\"}" "$1"; }
waits() { # waits FILE: it was accepted by the socket, and by nothing of the app
    sleep 0.5
    expect_file "$1" ""
    expect_same "the app, and what waits for it" \
        "$(property bookshelf.service ActiveState) $(app_processes) $(property liftlock-wait-bookshelf.service ActiveState)" \
        "inactive 0 activating"
}

note "install: the socket starts the app when somebody comes"
make 1.0.0 1.0.0 ''
inside systemctl daemon-reload
inside systemctl -q enable --now bookshelf.socket
expect_exit 0 lift install /srv/source --trust none --name bookshelf --user liftlock-test
inside systemctl stop bookshelf.service
expect_exit 0 lift status
ok "a book is accepted" add_book "Emma / Jane Austen"
shows 1.0.0 '[{"title": "Emma / Jane Austen"}]'

note "during an update who comes waits, and is answered by the new release"
make 2.0.0 2.0.0 'bin/migrate, '
pause migrate
expect_exit 0 lift update bookshelf --detach
ok "the job is in its migration" wait_for 15 paused migrate
ask "$work/first"
ask "$work/second"
waits "$work/first"
go_on migrate
ok "the first is answered" wait_for 15 answered "$work/first" 2.0.0
ok "so is the second" wait_for 15 answered "$work/second" 2.0.0
ok "the job ends" wait_for 15 is_at_rest
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'
expect_same "the socket" "$(property bookshelf.socket ActiveState)" active

note "after a crash of the host in the middle of it who comes waits, and is answered by the old one"
ok "a book is accepted" add_book "Ulysses"
books='[{"title": "Emma", "author": "Jane Austen"}, {"title": "Ulysses", "author": ""}]'
make 3.0.0 2.0.0 ''
pause migrate
expect_exit 0 lift update bookshelf --detach
ok "the job is in its migration" wait_for 15 paused migrate
sd_kill
go_on migrate
pause fence
rm "$SD_ROOT/srv/starts"
ln -s /dev/null "$SD_ROOT/etc/systemd/system/liftlock-recover.service"
ok "the host boots, and nobody recovers" sd_boot
ask "$work/third"
waits "$work/third"
rm "$SD_ROOT/etc/systemd/system/liftlock-recover.service"
inside systemctl daemon-reload
ok "the boot unit recovers" inside systemctl start liftlock-recover.service
ok "who came is answered" wait_for 15 answered "$work/third" 2.0.0
ok "the update is tried again" wait_for 15 paused fence
expect_same "releases that were started since the boot" "$(starts)" releases/2.0.0
shows 2.0.0 "$books"
go_on fence
ok "the new try ends" wait_for 15 is_at_rest
shows 3.0.0 "$books"

note "uninstall"
expect_exit 0 lift uninstall bookshelf --yes
expect_same "files of ours among the units" "$(find "$SD_ROOT/etc/systemd/system" -name '*liftlock*')" ""

note "users who never stop asking: none is turned away, by an update nor by one that fails"
app=tiny
rm "$work/published"
unit tiny.socket <<'END'
[Socket]
ListenStream=127.0.0.1:8422
END
unit tiny.service <<'END'
[Service]
User=liftlock-test
WorkingDirectory=/opt/tiny/current
ExecStart=/opt/tiny/current/bin/server -
END
inside systemctl daemon-reload
inside systemctl start tiny.socket
services='  - {name: web, unit: tiny.service}'
identity='http: "http://127.0.0.1:8422/about"'
tiny_make 1.0.0
publish 1.0.0
expect_exit 0 lift install /srv/source --trust none --name tiny --user liftlock-test
tiny_make 2.0.0
publish 2.0.0
hammer 8422
expect_exit 0 lift update tiny
hammer_end "update behind a socket"
ok "users reach 2.0.0" says 8422 2.0.0
tiny_make 3.0.0
printf '#!/bin/sh\nexit 3\n' >"$work/tree-3.0.0/bin/server"
publish 3.0.0
hammer 8422
expect_exit 4 lift update tiny
hammer_end "broken release behind a socket"
ok "users reach 2.0.0" says 8422 2.0.0
