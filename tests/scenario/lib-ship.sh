# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The machine of examples/ship: its app, its database server, and the servers that releases come from, all of them real. After
# lib-machine.sh and machine_make.
#
#   ship_make          users, names of hosts, and the units of the app
#   ship_servers       sshd for git and for uploads, nginx with TLS in front of archives and of git's own smart HTTP
#   ship_database      PostgreSQL, as the manifests require it
#   ship_publisher     the publisher's working tree in /srv/myapp, his keys, and a second app, the handbook
#   release VERSION    its tree, as examples/ship makes it, committed on main
#   commit TEXT        what lies in the working tree
#   source_is [TRUST...] <LINES     the app's [source], and its [trust]
# $host_key is the servers' public ssh key, $publisher the publisher's to verify archives with.
# shellcheck disable=SC2034,SC2154 # $app and others are for lib-machine.sh and the scenario
app=myapp
port=8000
ours=$work/ours # what the operator has: key, token, certificates

ship_make() {
    root=$SD_ROOT
    mkdir -p "$ours" "$root/srv/git" "$root/srv/www/private" "$root/srv/myapp" "$root/srv/handbook" "$root/releases" \
        "$root/srv/servers" "$root/etc/liftlock/keys"
    printf '127.0.0.1 localhost git.example.com deploy.example.com releases.example.com\n' >"$root/etc/hosts"
    mkdir -p "$root/etc/systemd/system-generators"
    ln -sf /dev/null "$root/etc/systemd/system-generators/postgresql-generator" # the host's own clusters stay out
    programs=$(find /usr/lib/postgresql/*/bin -maxdepth 0 | sort -V | tail -n 1)
    unit postgresql.service <<END
[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStart=$programs/postgres -D /var/lib/myapp-db -c listen_addresses= -c unix_socket_directories=/run/postgresql
KillSignal=SIGINT
END
    unit myapp.service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
User=myapp
WorkingDirectory=/opt/myapp
ExecStart=/usr/bin/python3 -B -m myapp
ExecReload=/bin/true
END
    unit releases-ssh.service <<'END'
[Service]
RuntimeDirectory=sshd
ExecStart=/usr/sbin/sshd -D -e -f /srv/servers/sshd.conf
END
    unit releases-cgi.service <<'END'
[Service]
User=git
RuntimeDirectory=releases-cgi
UMask=0000
ExecStart=/usr/sbin/fcgiwrap -s unix:/run/releases-cgi/socket
END
    unit releases-web.service <<'END'
[Service]
RuntimeDirectory=releases-web
ExecStart=/usr/sbin/nginx -c /srv/servers/nginx.conf
END
    for user in git deployer myapp; do
        inside useradd --system --user-group --password '*' --shell /bin/sh --home-dir /nonexistent $user
    done
    inside systemctl daemon-reload
}

ship_database() {
    inside systemctl stop 'postgresql@*' && inside install -d -o postgres -m 700 /var/lib/myapp-db &&
        inside setpriv --reuid postgres --regid postgres --clear-groups "$programs/initdb" -D /var/lib/myapp-db -A peer --no-sync &&
        inside systemctl start postgresql.service && inside /usr/bin/python3 -m venv /opt/venv
}

ship_keys() {
    for key in host releases root; do ssh-keygen -q -t ed25519 -N '' -C $key -f "$ours/$key"; done
    host_key=$(cut -d' ' -f1,2 "$ours/host.pub")
    install -m 600 "$ours/host" "$root/srv/servers/host"
    cat "$ours/releases.pub" "$ours/root.pub" >"$root/srv/servers/authorized"
    install -D -m 600 "$ours/root" "$root/root/.ssh/id_ed25519"
    echo "git.example.com,deploy.example.com $host_key" >"$root/root/.ssh/known_hosts"
    install -m 600 "$ours/releases" "$root/etc/liftlock/keys/releases"
    (umask 077 && echo "X-Token: t0ken-of-archives" >"$root/etc/liftlock/keys/headers" && echo t0ken-of-git >"$root/etc/liftlock/keys/token")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=releases.example.com \
        -addext subjectAltName=DNS:releases.example.com,DNS:git.example.com -keyout "$root/srv/servers/key.pem" -out "$root/srv/servers/cert.pem"
    cp "$root/srv/servers/cert.pem" "$root/etc/liftlock/keys/ca.pem"
    cat "$root/srv/servers/cert.pem" >>"$root/etc/ssl/certs/ca-certificates.crt" # for whoever may name no ca_file
}

ship_servers() {
    ship_keys && cat >"$root/srv/servers/sshd.conf" <<'END' && cat >"$root/srv/servers/nginx.conf" <<END &&
ListenAddress 127.0.0.1
HostKey /srv/servers/host
AuthorizedKeysFile /srv/servers/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
END
daemon off;
pid /run/releases-web/pid;
error_log /run/releases-web/error;
events {}
http {
    access_log /run/releases-web/access;
    map \$http_x_token \$ours { default 403; "t0ken-of-archives" ""; }
    server {
        listen 127.0.0.1:443 ssl;
        ssl_certificate /srv/servers/cert.pem;
        ssl_certificate_key /srv/servers/key.pem;
        root /srv/www;
        location /private/ { if (\$ours) { return 403; } }
        location /git/ {
            auth_basic releases;
            auth_basic_user_file /srv/servers/users;
            fastcgi_pass unix:/run/releases-cgi/socket;
            fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT /srv;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param GIT_PROTOCOL \$http_git_protocol;
            fastcgi_param PATH_INFO \$uri;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param REMOTE_USER \$remote_user;
        }
    }
}
END
        echo "git:$(echo t0ken-of-git | openssl passwd -apr1 -stdin)" >"$root/srv/servers/users" &&
        inside install -d -o deployer /releases && inside chown git:git /srv/git &&
        inside setpriv --reuid git --regid git --clear-groups git init -q --bare -b main /srv/git/myapp.git &&
        inside systemctl start releases-ssh.service releases-cgi.service releases-web.service
}

ship_publisher() {
    inside git config --global user.name 'A Publisher' && inside git config --global user.email publisher@example.org &&
        inside git init -q -b main /srv/myapp && inside git -C /srv/myapp remote add origin ssh://git@git.example.com/srv/git/myapp.git &&
        inside liftlock keys generate /srv/publisher --no-passphrase && publisher=$(tail -n 1 "$root/srv/publisher.pub") &&
        printf 'app: handbook\nversion: 1\nobserve: {window: 0}\nprobe: {settle: 0}\n' >"$root/srv/handbook/liftlock.yaml" && echo "Read me" >"$root/srv/handbook/index.txt"
}

commit() { inside git -C /srv/myapp add -A && inside git -C /srv/myapp commit -q -m "$1"; }
release() {
    find "$root/srv/myapp" -mindepth 1 -maxdepth 1 ! -name .git -exec rm -r {} +
    "$tree/examples/ship/make-release" "$1" "$root/srv/myapp"
    commit "Version $1"
}

source_is() {
    [ $# -gt 0 ] || set -- 'level = "none"'
    {
        printf '[app]\nlayout = "files"\nuser = "myapp"\nprivileged_hooks = true\n[source]\n'
        cat
        printf '[trust]\n'
        printf '%s\n' "$@"
        printf '[auto]\nrandom_delay = "0s"\n[observe]\nwindow = "0"\n'
        printf '[security]\nallowed_file_types = ["", ".py", ".toml", ".json", ".html", ".txt", ".yaml"]\nmax_file_size = "1MB"\n'
        printf '[notify.ops]\ntype = "command"\ncommand = "cat >>/srv/told/told; echo >>/srv/told/told"\n'
        printf 'message = "{app} {from} {version} {verdict} {error}"\n[environment]\n'
        printf '%s = "%s"\n' PATH /opt/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin PIP_NO_INDEX 1
    } >"$root/srv/myapp.toml"
    [ ! -e "$root/etc/liftlock/apps/myapp.toml" ] || cp "$root/srv/myapp.toml" "$root/etc/liftlock/apps/myapp.toml"
}
