#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# S22: an update that nobody notices. Each release is an instance of a template unit, behind a real Caddy and a real nginx,
# with users who ask 500 times a second: update, a broken release, rollback; and the job killed, or the host crashed, on
# both sides of commit.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
. "$tree/tests/scenario/lib-tiny.sh"
. "$tree/tests/scenario/lib-proxies.sh"
tiny_machine
proxies_make
release() { # release VERSION [LINE]
    tiny_make "$1" "$none"
    [ -z "${2:-}" ] || manifest_add "$1" "$2"
    publish "$1"
}
drop_ins() { (cd "$SD_ROOT/etc/systemd/system" && find . -name '*liftlock*' | sort | tr '\n' ' '); }

note "what is not sound is refused"
tiny_make 0.1.0 'fence: {mode: stop}'
publish 0.1.0
expect_exit 1 lift install /srv/source --trust none --name tiny --user liftlock-test
expect_text "$err" "liftlock: liftlock.yaml:8:8: service 'web' is switched: two releases write at a time, which only fence mode 'none' allows"
release 1.0.0
expect_exit 3 lift install /srv/source --trust none --name tiny --user liftlock-test
expect_text "$err" "liftlock: tiny: users reach 'web' through caddy.service, which does not run"

note "install"
ok "the proxies start before there is an app" inside systemctl start caddy nginx
expect_exit 0 lift install /srv/source --trust none --name tiny --user liftlock-test
inside systemctl -q enable tiny@1.0.0.service caddy.service nginx.service
lives $caddy 1.0.0
expect_same "the file that Caddy includes" "$(tail -n 1 "$SD_ROOT/opt/tiny/system/web.caddy") $(stat -c '%U %a' "$SD_ROOT/opt/tiny/system/web.caddy")" \
    "reverse_proxy unix//run/tiny/1.0.0/web.sock root 644"
expect_same "drop-ins of ours" "$(drop_ins)" "./tiny@.service.d/50-liftlock.conf "

note "an update that nobody notices"
release 2.0.0-rc+1
expect_exit 0 lift plan tiny --to 2.0.0-rc+1
expect_text "$out" "  note       caddy.service leads users of 'web' to the new release while the old one runs"
expect_text "$out" "  note       a reload of Caddy may turn away who connects at that moment: 'sysctl net.ipv4.tcp_migrate_req=1'"
inside systemctl restart systemd-sysctl
expect_exit 0 lift plan tiny --to 2.0.0-rc+1
expect_no_text "$out" tcp_migrate_req
hammer $caddy
expect_exit 0 lift update tiny --to 2.0.0-rc+1
hammer_end "update behind Caddy"
lives $caddy '2.0.0-rc+1'

note "a broken release: nobody notices that either"
tiny_make 3.0.0 "$none"
printf '#!/bin/sh\nexit 3\n' >"$work/tree-3.0.0/bin/server"
publish 3.0.0
hammer $caddy
expect_exit 4 lift update tiny
expect_text "$out" "tiny is back on 2.0.0-rc+1, with its data"
hammer_end "broken release behind Caddy"
lives $caddy '2.0.0-rc+1'

note "the job is killed before commit: the old one serves on, and the next try succeeds"
release 3.1.0 'hooks: {post_update: ["bin/pause start"]}'
pause start
hammer $caddy
expect_exit 0 lift update tiny --detach
ok "3.1.0 runs, before commit" wait_for 10 paused start
expect_same "what runs / starts at boot" "$(instances)" "$(instance 2.0.0-rc+1) $(instance 3.1.0)  / $(instance 2.0.0-rc+1) "
inside systemctl kill -s KILL "$(jobs_at_work)"
go_on start
expect_exit 0 lift recover tiny
expect_text "$out" "tiny is back on 2.0.0-rc+1, with its data"
expect_text "$out" "tiny: trying the update to 3.1.0 again"
hammer_end "job killed before commit"
lives $caddy 3.1.0

note "the job is killed while the proxy reloads: the new one it is"
release 4.0.0
pause reload
hammer $caddy
expect_exit 0 lift update tiny --detach
ok "Caddy is about to reload" wait_for 10 paused reload
ok "users still reach 3.1.0" says $caddy 3.1.0
ok "the old one is started again if it dies" inside systemctl kill -s KILL tiny@3.1.0.service
inside systemctl kill -s KILL "$(jobs_at_work)"
ok "it is, without the job" wait_for 5 says $caddy 3.1.0
go_on reload
expect_exit 0 lift recover tiny
inside pkill -TERM bench-hammer
lives $caddy 4.0.0

note "the host crashes before commit: until somebody recovers nothing starts, then the old one does"
release 5.0.0 'hooks: {post_update: ["bin/pause start"]}'
pause start
expect_exit 0 lift update tiny --detach
ok "5.0.0 runs, before commit" wait_for 10 paused start
sd_kill
rm "$SD_ROOT/srv/paused/start"
ln -s /dev/null "$SD_ROOT/etc/systemd/system/liftlock-recover.service"
ok "the host boots, and nobody recovers" sd_boot
ok "Caddy is there" wait_for 10 inside systemctl is-active caddy
inside systemctl start "$(instance 5.0.0)"
expect_same "what runs / starts at boot" "$(instances)" " / $(instance 4.0.0) "
rm "$SD_ROOT/etc/systemd/system/liftlock-recover.service"
inside systemctl daemon-reload
ok "the boot unit recovers" inside systemctl start liftlock-recover.service
ok "and the update is tried again" wait_for 20 paused start
ok "users reach 4.0.0" says $caddy 4.0.0
go_on start
ok "the new try ends" wait_for 20 is_at_rest
lives $caddy 5.0.0

note "the host crashes while the proxy reloads: after the boot it is the new one alone"
release 5.1.0
pause reload
expect_exit 0 lift update tiny --detach
ok "Caddy is about to reload" wait_for 10 paused reload
sd_kill
go_on reload
ok "the host boots" sd_boot
ok "users reach 5.1.0" wait_for 20 says $caddy 5.1.0
ok "the job ends" wait_for 20 is_at_rest
lives $caddy 5.1.0

note "the way back, and what stands in it"
hammer $caddy
expect_exit 0 lift rollback tiny --yes
hammer_end "rollback behind Caddy"
lives $caddy 5.0.0
mv "$SD_ROOT/etc/caddy/Caddyfile" "$work/Caddyfile"
printf 'http://:%s {\n\trespond "{\\"version\\": \\"other\\"}"\n}\n' $caddy >"$SD_ROOT/etc/caddy/Caddyfile"
inside systemctl reload caddy
expect_exit 3 lift update tiny --to 5.1.0
expect_text "$err" "liftlock: tiny: http://127.0.0.1:8081/about leads to other, not to 5.0.0"
cp "$work/Caddyfile" "$SD_ROOT/etc/caddy/Caddyfile"
inside systemctl reload caddy
lives $caddy 5.0.0

note "the host has nginx instead, and a worker comes with the release"
cat >>"$SD_ROOT/etc/liftlock/apps/tiny.toml" <<END
[switch.web]
proxy = "nginx"
url = "http://127.0.0.1:$nginx/about"
END
expect_exit 0 lift restart tiny
lives $nginx 5.0.0
unit tiny-worker.service <<'END'
[Service]
ExecStart=/bin/sh -c 'readlink /opt/tiny/current >>/srv/worked; exec sleep 1000'
END
inside systemctl daemon-reload
services="$services
  - {name: worker, unit: tiny-worker.service, starts: after_commit}"
release 6.0.0
release 6.1.0
hammer $nginx
expect_exit 0 lift update tiny --to 6.0.0
expect_exit 0 lift update tiny
hammer_end "two updates behind nginx"
lives $nginx 6.1.0
expect_file "$SD_ROOT/srv/worked" "releases/6.0.0
releases/6.1.0"

note "uninstall"
expect_exit 0 lift uninstall tiny --yes
expect_same "what runs / starts at boot" "$(instances)" " / "
expect_same "drop-ins of ours" "$(drop_ins)" ""
expect_no_file "$SD_ROOT/opt/tiny/system"
ok "nginx runs on" inside systemctl is-active nginx
