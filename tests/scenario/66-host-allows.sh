#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Row S20 as a whole, on a machine of root's: a digest that does not fit, types of files, the largest file and release,
# privileged files apart, and nothing of the release or of the network with root's rights. Each refusal with its text, and
# nothing has changed then.
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/scenario/lib-machine.sh
. "$tree/tests/scenario/lib-machine.sh"
machine_make
app=shop
root=$SD_ROOT
config=$root/etc/liftlock/apps/shop.toml
inside useradd --system --user-group --home-dir /nonexistent shop

made() { # made VERSION: $work/tree-VERSION, an app in place whose hook says who it is, and tries what it must not
    folder=$work/tree-$1
    mkdir -p "$folder/scripts"
    echo "print('shop $1')" >"$folder/shop.py"
    echo "$1" >"$folder/scripts/system_config.py"
    echo "$1" >"$folder/scripts/mine.py"
    cat >"$folder/liftlock.yaml" <<END
app: shop
version: $1
layout: files
privileged_files: [scripts/system_config.py]
directories: {data: {preserve: true}}
hooks:
  post_update:
    - "id -un >data/who; grep CapEff /proc/self/status >>data/who"
    - "! touch /etc/shop && ! cat /etc/liftlock/liftlock.toml.secret"
probe: {settle: 0}
observe: {window: 0}
END
}
allows() { # allows LINE...: [security] of the app's configuration, anew
    sed -i '/^\[security\]/,$d' "$config"
    printf '%s\n' '[security]' "$@" >>"$config"
}
state() { (cd "$root/opt/shop" && find . \( -name .liftlock -o -name .liftlock-store -o -name logs \) -prune -o -type f -printf '%p %U %m ' -exec sha256sum {} \; | sort | sha256sum); }
refused() { # refused CODE TEXT: an update; nothing changes, and the version is not there to be taken later
    before=$(state)
    expect_exit "$1" lift update shop
    expect_text "$err" "liftlock: $2"
    expect_same "all that is there" "$(state)" "$before"
    expect_same "what is live" "$(lift status shop --json | sed -n 's/^ *"version": "\(.*\)",$/\1/p' | head -n 1)" "$live"
}
hint() { expect_text "$err" "  $1"; }
whose() { inside stat -c '%U:%G %a' "/opt/shop/$1"; }

note "the release's programs are not root"
(umask 077 && echo secret >"$root/etc/liftlock/liftlock.toml.secret")
made 1.0.0
publish 1.0.0
inside install -d -o shop -g shop /opt/shop/data
expect_exit 0 lift install /srv/source --trust none --name shop --user shop
sed -i 's/^level = "none"/level = "checksum"/' "$config"
live=1.0.0
expect_same "who the hook is" "$(tr '\n\t' '  ' <"$root/opt/shop/data/who")" "shop CapEff: 0000000000000000 "
expect_exit 2 inside setpriv --reuid shop --regid shop --clear-groups liftlock update shop
expect_text "$err" "liftlock: update changes this host, which needs root"
hint "sudo liftlock update shop"

note "nor is whoever talks to a server"
in_background nsenter -t "$SD_PID" -a /usr/bin/python3 -c '
import socket, time
with socket.create_server(("127.0.0.1", 8099)) as server:
    held = [server.accept() for _ in range(9)]
    time.sleep(100)'
ok "a server that says nothing" wait_for 10 inside grep -q ':1FA3 00000000:0000 0A' /proc/net/tcp
for source in 'type = "http"@url = "http://127.0.0.1:8099/"' 'type = "git"@url = "http://127.0.0.1:8099/a.git"'; do
    sed "/^\[source\]/,/^\[trust\]/{/^type/d;/^path/d}" "$config" | sed "s|^\[source\]|[source]@$source|" | tr '@' '\n' >"$root/etc/liftlock/apps/remote.toml"
    sed -i 's/^user = .*/&\nroot = "\/opt\/remote"/' "$root/etc/liftlock/apps/remote.toml"
    in_background nsenter -t "$SD_PID" -a liftlock check remote
    talks() { talker=$(inside pgrep -n -f "liftlock-(fetch|transfer)") && inside grep -q 'Seccomp' "/proc/$talker/status" && inside sh -c "cat /proc/$talker/net/tcp | grep -q ':1FA3'"; }
    ok "a child talks to the server" wait_for 10 talks
    expect_same "who it is" "$(inside stat -c %U "/proc/$talker")" liftlock
    expect_same "its rights" "$(inside grep -E '^(CapEff|CapPrm|NoNewPrivs):' "/proc/$talker/status" | tr '\n\t' '  ')" "CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1 "
    inside kill "$talker"
done
rm "$root/etc/liftlock/apps/remote.toml"

note "a digest that does not fit"
made 1.1.0
publish 1.1.0
archive=$root/srv/source/shop-1.1.0.tar.zst
digest=$(sha256sum <"$archive" | cut -d' ' -f1)
printf x | dd of="$archive" bs=1 seek=100 conv=notrunc status=none
refused 1 "shop-1.1.0.tar.zst: the digest is $(sha256sum <"$archive" | cut -d' ' -f1), the index says $digest"
unlist 1.1.0

note "types of files"
made 1.2.0
touch "$work/tree-1.2.0/scripts/player.exe"
publish 1.2.0
allows 'allowed_file_types = [".py", ".toml", ".json"]'
refused 3 "shop 1.2.0: 'scripts/player.exe': files of the type '.exe' are not allowed on this host"
hint "'allowed_file_types' in [security] of the app's config names what is"
unlist 1.2.0
made 1.2.1
touch "$work/tree-1.2.1/Makefile"
publish 1.2.1
refused 3 "shop 1.2.1: 'Makefile': files without a type are not allowed on this host"
unlist 1.2.1
allows 'allowed_file_types = ["py"]'
expect_exit 2 lift update shop
expect_text "$err" "liftlock: /etc/liftlock/apps/shop.toml:$(grep -n allowed_file "$config" | cut -d: -f1):22: 'allowed_file_types' must list types such as .py, not 'py'"

note "the largest file, the largest release"
made 1.3.0
head -c 200001 /dev/zero >"$work/tree-1.3.0/big.py"
publish 1.3.0
allows 'max_file_size = "200kB"'
refused 3 "shop-1.3.0.tar.zst: entry './big.py': more than 200000 bytes"
hint "if that is right, raise max_file_size in the configuration"
allows 'max_release_size = "100kB"'
refused 3 "shop-1.3.0.tar.zst: it unpacks to more than 100000 bytes"
hint "if that is right, raise max_release_size in the configuration"
unlist 1.3.0
made 1.3.1
head -c 200001 /dev/urandom >"$work/tree-1.3.1/big.py"
publish 1.3.1
refused 3 "shop 1.3.1: the release has $(stat -c %s "$root/srv/source/shop-1.3.1.tar.zst") bytes, this host takes at most 100000 bytes"
hint "if that is right, raise max_release_size in the configuration"
unlist 1.3.1

note "a privileged file is the operator's, unless he names it"
expect_same "what the first release left" "$(ls "$root/opt/shop/scripts")" mine.py
echo "ours" >"$root/opt/shop/scripts/system_config.py"
made 1.4.0
publish 1.4.0
allows
expect_exit 0 lift plan shop
expect_text "$out" "  note       the privileged 'scripts/system_config.py' does not come: 'privileged_files' in [security] of the app's config does not name it"
expect_exit 0 lift update shop
live=1.4.0
expect_file "$root/opt/shop/scripts/system_config.py" ours
expect_file "$root/opt/shop/scripts/mine.py" 1.4.0
made 1.5.0
publish 1.5.0
allows 'privileged_files = ["scripts/system_*.py"]'
refused 3 "shop: scripts/system_config.py was edited here and changed by the release"
expect_exit 0 lift update shop --take-release
live=1.5.0
expect_file "$root/opt/shop/scripts/system_config.py" 1.5.0
expect_same "whose it is" "$(whose scripts/system_config.py)" "root:root 644"
expect_same "whose the others are" "$(whose scripts/mine.py)" "shop:shop 644"
