#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rows S01, S03 and S16 where nobody watches: the hardened unit of `liftlock auto` under a real systemd fetches from an
# SFTP server and from git over ssh, with a key out of systemd's credential store, plain and encrypted; and what is wrong
# with key or server is said and costs no update.
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/scenario/lib-machine.sh
. "$tree/tests/scenario/lib-machine.sh"
# shellcheck source=tests/scenario/lib-ship.sh
. "$tree/tests/scenario/lib-ship.sh"
app=bookshelf
port=8421
service=liftlock-auto-bookshelf.service
config=etc/liftlock/apps/bookshelf.toml
store=etc/credstore/releases-key

runs() { # runs CODE: as the timer begins it; how it ended, and what it said
    inside systemctl reset-failed $service 2>/dev/null
    since=$(inside date '+%F %T.%N')
    inside systemctl start $service 2>/dev/null
    expect_same "the unit's exit status" "$(property $service ExecMainStatus)" "$1"
    inside journalctl -q -o cat --no-pager -u $service --since "$since" >"$out"
    [ "$(property $service ExecMainStatus)" = "$1" ] || explain "$out"
}
again() { rm -f "$root/var/lib/liftlock/bookshelf/auto.json"; } # another day
result() { sed -n 's/.*"result":"\([^"]*\)".*/\1/p' "$root/var/lib/liftlock/bookshelf/auto.json"; }
uploaded() { # uploaded VERSION: at the SFTP server, under a name that stays
    tar -C "$work/tree-$1" -czf "$root/releases/new" .
    mv "$root/releases/new" "$root/releases/bookshelf.tar.gz"
}
pushed() { # pushed VERSION: a tag at the git server
    inside rm -rf /srv/tree
    cp -a "$work/tree-$1" "$root/srv/tree"
    inside sh -c "cd /srv/tree && git init -q -b main && git add -A && git -c user.name=P -c user.email=p@example.org commit -q -m $1 &&
        git tag v$1 && git push -q ssh://git@git.example.com/srv/git/myapp.git v$1"
}
source_says() { # source_says LINE...
    {
        printf '[app]\nuser = "liftlock-test"\n[source]\n'
        printf '%s\n' "$@" "host_key = \"$host_key\"" 'key_file = "credential:releases-key"'
        printf '[trust]\nlevel = "none"\n[auto]\nrandom_delay = "0s"\n[observe]\nwindow = "0"\n'
    } >"$root/srv/bookshelf.toml"
    [ ! -e "$root/$config" ] || cp "$root/srv/bookshelf.toml" "$root/$config"
}

machine_make
ship_make
root=$SD_ROOT
ship_servers >"$out" 2>&1 || { cat "$out" && exit 1; }
mv "$root/etc/liftlock/keys/releases" "$work/key"

note "an archive at an SFTP server, the key in the store"
tree_make 1.0.0 1.0.0
uploaded 1.0.0
source_says 'type = "sftp"' 'url = "sftp://deployer@deploy.example.com/releases/bookshelf.tar.gz"'
expect_exit 2 lift install /srv/bookshelf.toml
expect_text "$err" "liftlock: there is no credential 'releases-key'"
expect_text "$err" "  put it into /etc/credstore/releases-key, or encrypt it there with systemd-creds(1)"
install -D -m 600 "$work/key" "$root/$store"
expect_exit 0 lift install /srv/bookshelf.toml
expect_exit 0 lift auto bookshelf on
expect_same "devices that it may use" "$(property $service DevicePolicy) $(property $service DeviceAllow | grep -v rtc)" "closed /dev/tpmrm0 rw"
tree_make 2.0.0 2.0.0
uploaded 2.0.0
runs 0
shows 2.0.0 '[]'
expect_same "what is remembered" "$(result)" updated

note "the same key, encrypted to this machine; tags of git over ssh"
expect_exit 0 inside sh -c "mkdir -p /etc/credstore.encrypted && systemd-creds encrypt --name=releases-key /$store /etc/credstore.encrypted/releases-key"
rm "$root/$store"
tree_make 2.1.0 2.0.0
pushed 2.1.0
source_says 'type = "git"' 'url = "ssh://git@git.example.com/srv/git/myapp.git"' 'tags = "v*"'
expect_exit 0 lift auto bookshelf on
again
runs 0
shows 2.1.0 '[]'
expect_same "the store's key is nowhere else" "$(grep -rlF "$(sed -n 3p "$work/key")" "$root/var/lib/liftlock" "$root/etc" "$root/opt" 2>/dev/null)" ""
again
runs 0
expect_text "$out" "bookshelf: up to date (2.1.0)"

note "what is wrong is said, and the app runs on"
tree_make 2.2.0 2.0.0
pushed 2.2.0
good=$host_key
host_key="ssh-ed25519 $(ssh-keygen -q -t ed25519 -N '' -f "$work/other" && cut -d' ' -f2 "$work/other.pub")"
source_says 'type = "git"' 'url = "ssh://git@git.example.com/srv/git/myapp.git"' 'tags = "v*"'
again
runs 1
expect_text "$out" "liftlock: fetch ssh://git.example.com/srv/git/myapp.git: the server's host key is not the one in 'host_key'"
expect_same "what is remembered" "$(result)" failed
again
host_key=$good
source_says 'type = "git"' 'url = "ssh://git@git.example.com/srv/git/myapp.git"' 'tags = "v*"'
expect_exit 0 inside systemctl stop releases-ssh.service
runs 1
expect_text "$out" "liftlock: fetch ssh://git.example.com/srv/git/myapp.git: connection refused"
expect_same "what is remembered" "$(result)" postponed
expect_exit 0 inside systemctl start releases-ssh.service
mv "$root/etc/credstore.encrypted/releases-key" "$work/encrypted"
head -c 100 "$work/encrypted" >"$root/etc/credstore.encrypted/releases-key"
runs 2
expect_text "$out" "liftlock: systemd-creds cannot decrypt /etc/credstore.encrypted/releases-key"
mv "$work/encrypted" "$root/etc/credstore.encrypted/releases-key"
shows 2.1.0 '[]'
again
runs 0
shows 2.2.0 '[]'
