# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What the scenarios of sources share: an sshd of our own, secrets that must stay secret, and the words. After lib-bad.sh.
#
#   sshd_up                 an sshd on 127.0.0.1:$ssh_port for $login; its key is $host_key, ours is $work/ssh/key
#   sshd_down               ends it
#   nginx_up                an nginx on 127.0.0.1:$web that serves $work/www; what it sent is in $work/nginx/access, as
#                           "PATH STATUS BYTES"
#   source_is LINE...       the lines of [source] in $conf (the app's configuration), trust level none
#   trust_is LINE...        those of [trust]
#   watch_secrets           from here on, every command line and environment of the host is looked at for secrets
#   secret TEXT...          these are secret: no command line, log, output or JSON may hold them (secrets_stayed tells)
#   installed               whether it is; else the scenario ends
#   stuck PORT              a server that accepts and says nothing
#   available VERSION       what the last check found (none: nothing), as the app's user reads it and as `status` says it; a
#                           minute old at most
# shellcheck disable=SC2154,SC2034 # $work, $host, $app come from the libraries before; $login is for scenarios
conf=$host/etc/liftlock/apps/$app.toml
login=$(if [ "$(id -u)" = 0 ]; then echo liftlock-test; else id -un; fi)
outputs=$work/outputs

sshd_up() {
    ssh_port=${ssh_port:-$(free_port)}
    if [ ! -d "$work/ssh" ]; then
        as_user mkdir -m 700 "$work/ssh"
        as_user ssh-keygen -q -t ed25519 -N '' -C host -f "$work/ssh/host"
        as_user ssh-keygen -q -t ed25519 -N '' -C ours -f "$work/ssh/key"
        as_user cp "$work/ssh/key.pub" "$work/ssh/authorized"
    fi
    host_key=$(cut -d' ' -f1,2 "$work/ssh/host.pub")
    cat >"$work/sshd.conf" <<END
ListenAddress 127.0.0.1:$ssh_port
HostKey $work/ssh/${1:-host}
AuthorizedKeysFile $work/ssh/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
END
    as_user sh -c ": >'$work/sshd.log'"
    in_background serve_ssh
    sshd_pid=$!
    wait_for 10 grep -q 'Server listening' "$work/sshd.log"
}

serve_ssh() {
    set -- /usr/sbin/sshd -D -f "$work/sshd.conf" -E "$work/sshd.log"
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid liftlock-test --regid liftlock-test --init-groups "$@"
    exec "$@"
}

sshd_down() {
    kill "$sshd_pid"
    wait "$sshd_pid" 2>/dev/null
}

nginx_up() {
    web=${web:-$(free_port)}
    as_user mkdir -p "$work/nginx" "$work/www"
    cat >"$work/nginx/conf" <<END
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/error;
events {}
http {
    log_format short '\$uri \$status \$body_bytes_sent';
    access_log $work/nginx/access short;
    client_body_temp_path $work/nginx/1; fastcgi_temp_path $work/nginx/2; proxy_temp_path $work/nginx/3;
    uwsgi_temp_path $work/nginx/4; scgi_temp_path $work/nginx/5;
    server { listen 127.0.0.1:$web; root $work/www; }
}
END
    in_background as_user nginx -c "$work/nginx/conf" -e "$work/nginx/error"
    wait_for 10 test -s "$work/nginx/pid"
}

source_is() {
    { echo '[source]' && printf '%s\n' "$@"; } >"$work/source.part"
    [ -s "$work/trust.part" ] || printf '[trust]\nlevel = "none"\n' >"$work/trust.part"
    cat "$work/source.part" "$work/trust.part" >"$work/$app.toml"
    [ ! -f "$conf" ] || as_user cp "$work/$app.toml" "$conf"
}

trust_is() {
    { echo '[trust]' && printf '%s\n' "$@"; } >"$work/trust.part"
    [ ! -f "$work/source.part" ] || source_is "$(sed 1d "$work/source.part")"
}

watch_secrets() {
    : >"$outputs"
    in_background /usr/bin/python3 "$tree/tests/scenario/secrets.py" "$work/secret" "$work/leaks"
}

secret() {
    for text; do grep -qxFe "$text" "$work/secret" 2>/dev/null || echo "$text" >>"$work/secret"; done
}

# What commands say is looked at, too.
heard() { cat "$out" "$err" >>"$outputs" 2>/dev/null; }

secrets_stayed() {
    heard
    [ ! -s "$work/leaks" ]
    verdict "no secret in a command line, or in another's environment" $?
    explain "$work/leaks"
    found=$(grep -rlaFf "$work/secret" "$host/opt" "$host/run" "$host/var/lib/liftlock/$app" "$host/var/lib/liftlock/state.db" "$outputs" "$work/.background" 2>/dev/null)
    expect_same 'what holds a secret' "$found" ''
}

installed() {
    [ -e "$host/opt/$app/current" ] && return
    cat "$work/sshd.log" 2>/dev/null
    exit 1
}

stuck() {
    in_background /usr/bin/python3 -c "
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', $1))
s.listen(9)
held = []
while True:
    held.append(s.accept())"
}

available() {
    as_user cat "$host/run/liftlock/$app.json" >"$work/run.json"
    lift status $app --json >"$work/status.json"
    /usr/bin/python3 - "$work/run.json" "$work/status.json" "$1" <<'END' 2>"$work/wrong"
import calendar, json, sys, time
run, status, wanted = json.load(open(sys.argv[1]))["available"], json.load(open(sys.argv[2]))[0], sys.argv[3]
wanted = None if wanted == "none" else wanted
assert run["offered"] == status["offered"] == wanted, (run, status)
assert run["installed"] == status["version"] and run["checked_at"] == status["checked_at"], (run, status)
age_s = time.time() - calendar.timegm(time.strptime(run["checked_at"], "%Y-%m-%dT%H:%M:%SZ"))
assert 0 <= status["checked_age_s"] <= 60 and abs(age_s - status["checked_age_s"]) < 10, (age_s, status)
END
    verdict "what the last check found, without a question to anybody: $1" $?
    explain "$work/wrong"
}
