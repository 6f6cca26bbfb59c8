# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The smallest app as instances of a template unit, one for each release, behind a real Caddy and a real nginx. After
# lib-tiny.sh.
#
#   proxies_make              the unit, and the proxies' own configurations; nothing is started
#   instance VERSION          its unit                                  instances   those that run / that start at boot
#   lives PORT VERSION        users reach it, and it alone runs, starts at boot, and is held by nobody
#   $caddy, $nginx            the ports                                 $services, $identity, $none   for tiny_make
# shellcheck disable=SC2034,SC2154 # $services and others are for the scenario, $SD_ROOT comes from lib-systemd.sh
caddy=8081 nginx=8082
services='  - {name: web, unit: tiny@.service, switch: {proxy: caddy, socket: "/run/tiny/{version}/web.sock", url: "http://127.0.0.1:8081/about", drain: 1s}}'
identity='http: "http://tiny/about", unix: "/run/tiny/{version}/web.sock"'
none='fence: {mode: none}'

proxies_make() {
    unit tiny@.service <<'END'
[Service]
User=liftlock-test
RuntimeDirectory=tiny/%I
UMask=0000
WorkingDirectory=/opt/tiny/releases/%I
ExecStart=/opt/tiny/releases/%I/bin/server /run/tiny/%I/web.sock
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
END
    mkdir -p "$SD_ROOT/etc/caddy" "$SD_ROOT/etc/systemd/system/caddy.service.d"
    printf 'http://:%s {\n\timport /opt/tiny/system/web*.caddy\n}\n' $caddy >"$SD_ROOT/etc/caddy/Caddyfile"
    # The reload can be made to wait, so that the job can be struck in the middle of it.
    pause_program "$SD_ROOT/usr/local/bin/pause"
    cat >"$SD_ROOT/etc/systemd/system/caddy.service.d/pause.conf" <<'END'
[Service]
ExecReload=
ExecReload=+/usr/local/bin/pause reload
ExecReload=/usr/bin/caddy reload --config /etc/caddy/Caddyfile --force
END
    rm -f "$SD_ROOT"/etc/nginx/sites-enabled/*
    cat >"$SD_ROOT/etc/nginx/conf.d/tiny.conf" <<END
server {
    listen $nginx;
    location / {
        include /opt/tiny/system/web*.nginx;
    }
}
END
    echo 'net.ipv4.tcp_migrate_req = 1' >"$SD_ROOT/etc/sysctl.d/caddy.conf" # at every boot
    inside systemctl daemon-reload
}

instance() { systemd-escape --template tiny@.service "$1"; }
instances() { # those that run and those that start at boot
    printf '%s / %s' "$(inside systemctl list-units --plain --no-legend --state=active 'tiny@*' | cut -d ' ' -f 1 | sort | tr '\n' ' ')" \
        "$(cd "$SD_ROOT/etc/systemd/system/multi-user.target.wants" && find . -name 'tiny@*' | cut -c 3- | sort | tr '\n' ' ')"
}
lives() { # lives PORT VERSION: all of it
    ok "users reach $2" says "$1" "$2"
    expect_same "what is live" "$(live)" "releases/$2"
    expect_same "what runs / starts at boot" "$(instances)" "$(instance "$2")  / $(instance "$2") "
    expect_same "claims left" "$(claims_of hold) $(claims_of fence)" "0 0"
}
