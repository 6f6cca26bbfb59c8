#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A rehearsal of services that are units of systemd: what they run is played with their environment, directories and
# sockets, on the restored data, while the real ones serve.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
machine_make
mkdir -p "$SD_ROOT/etc/bookshelf"
cat >"$SD_ROOT/etc/bookshelf/env" <<'END'
# as an administrator writes it
SHELF="/opt/bookshelf/shared"
GREETING='two words'
END
unit bookshelf.service <<END
[Service]
User=liftlock-test
RuntimeDirectory=bookshelf
EnvironmentFile=/etc/bookshelf/env
Environment=PORT=$port
WorkingDirectory=/opt/bookshelf/current
ExecStartPre=/bin/sh -c 'test "\$\${GREETING}" = "two words" && echo ready >/run/bookshelf/ready'
ExecStart=/usr/bin/env LIFTLOCK_SHARED=\${SHELF} /opt/bookshelf/current/bin/bookshelf \$PORT
Restart=always
END
inside systemctl daemon-reload

tree_make 1.0.0 1.0.0
publish 1.0.0
expect_exit 0 lift install /srv/source --trust none --name bookshelf --user liftlock-test
ok "a book is accepted" add_book "Emma / Jane Austen"
pid=$(property bookshelf.service MainPID)
# This machine's root is an overlay, which the kernel does not take as the upper side of another one.
inside mkdir -p /var/lib/liftlock/bookshelf/staging
inside mount -t tmpfs -o mode=0700 tmpfs /var/lib/liftlock/bookshelf/staging

note "a release that is not what it says is found out before anybody is disturbed"
tree_make 1.1.0 2.0.0
tree_edit 1.1.0 liftlock.yaml -e 's/"2.0.0":/"1.1.0":/' -e 's|, json: "/version"|, json: "/name"|'
publish 1.1.0
expect_exit 1 lift update bookshelf --rehearse
expect_text "$err" "liftlock: rehearsal: what runs says that it is bookshelf, not 1.1.0"
expect_same "the process that served before" "$(property bookshelf.service MainPID)" "$pid"
shows 1.0.0 '[{"title": "Emma / Jane Austen"}]'
expect_same "what the live service wrote" "$(inside cat /run/bookshelf/ready)" ready

note "a good one is rehearsed, then goes live"
tree_make 2.0.0 2.0.0
publish 2.0.0
expect_exit 0 lift update bookshelf --rehearse
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'

note "what would run with more rights there cannot be played"
unit bookshelf.service <<END
[Service]
User=liftlock-test
ExecStartPre=+/bin/true
ExecStart=/opt/bookshelf/current/bin/bookshelf $port
Environment=LIFTLOCK_SHARED=/opt/bookshelf/shared
END
inside systemctl daemon-reload
tree_make 2.1.0 2.0.0
publish 2.1.0
expect_exit 3 lift update bookshelf --rehearse
expect_text "$err" "liftlock: service 'web' cannot be rehearsed: its ExecStartPre runs with more rights than the app"
shows 2.0.0 '[{"title": "Emma", "author": "Jane Austen"}]'

note "behind a socket of systemd the play has a socket of its own"
unit bookshelf.socket <<END
[Socket]
ListenStream=127.0.0.1:$port
END
unit bookshelf.service <<'END'
[Service]
User=liftlock-test
ExecStart=/opt/bookshelf/current/bin/bookshelf 0
Environment=LIFTLOCK_SHARED=/opt/bookshelf/shared
END
inside systemctl daemon-reload
inside systemctl stop bookshelf.service
inside systemctl start bookshelf.socket
tree_make 2.2.0 2.0.0
tree_edit 2.2.0 bin/bookshelf -e 's/^import sys$/import socket\nimport sys/' \
    -e 's/^\( *\)ThreadingHTTPServer(.*/\1server = ThreadingHTTPServer(("127.0.0.1", 0), Page, False)\n\1server.socket = socket.socket(fileno=3)\n\1server.serve_forever()/'
publish 2.2.0
expect_exit 0 lift update bookshelf --rehearse
expect_same "the running app's own word" "$(about)" '{"name": "bookshelf", "version": "2.2.0"}'
