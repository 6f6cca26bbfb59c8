#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# limit: 400
# Rows S01 to S21 together, and B15: ship's own app with the manifests of its documentation, byte for byte, on a machine with
# a real systemd and PostgreSQL; from git over ssh, git over smart HTTP, a web server and an SFTP server. A user has edited
# the configuration; the manifests' hooks stop and start the service themselves. Every command in the table of docs/ship.md
# is typed here.
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/scenario/lib-machine.sh
. "$tree/tests/scenario/lib-machine.sh"
# shellcheck source=tests/scenario/lib-ship.sh
. "$tree/tests/scenario/lib-ship.sh"
typed() { # typed CODE COMMAND: as it stands in the table
    printf '%s\n' "$2" >>"$work/typed"
    expect_exit "$1" inside sh -c "cd /srv/myapp && $2"
}
says() { # says PATTERN: what was said last has such a line
    grep -qE -e "$1" "$out" "$err"
    verdict "it says: $1" $?
    grep -qE -e "$1" "$out" "$err" || explain "$out" "$err"
}
runs() { # its unit is one that counts as started before it listens
    wait_for 10 about >/dev/null 2>&1
    expect_same "the running app's own word" "$(about)" "{\"version\": \"$1\", \"ok\": true}"
}
config() { cat "$root/opt/myapp/$1"; }
story() { cat "$root/opt/myapp/data/story" 2>/dev/null; }

machine_make
root=$SD_ROOT
ship_make
{
    ship_servers && ship_database && ship_publisher
} >"$out" 2>&1 || { cat "$out" && exit 1; }

told() { # told TEXT: whoever is to hear of updates heard it
    grep -qF -e "$1" "$root/srv/told/told"
    verdict "they are told: $1" $?
}
inside install -d -m 0777 /srv/told

note "installed into the folder where it runs, from git over ssh"
release 1.0.0
typed 0 'git tag v1.0.0'
typed 0 'git push -q origin main --tags'
source_is <<END
type = "git"
url = "ssh://git@git.example.com/srv/git/myapp.git"
tags = "v*"
key_file = "/etc/liftlock/keys/releases"
host_key = "$host_key"
END
typed 0 'liftlock install /srv/myapp.toml'
runs 1.0.0
mkdir -p "$root/opt/myapp/images" "$root/opt/myapp/logs" "$root/opt/myapp/cache"
inside install -d -o myapp -g myapp /opt/myapp/data
inside install -o myapp -g myapp /dev/null /opt/myapp/data/story
echo "a picture" >"$root/opt/myapp/images/one.png"
echo "SECRET=1" >"$root/opt/myapp/.env"
echo "hot" >"$root/opt/myapp/cache/page"
sed -i -e 's/^title = .*/title = "Our shop"  # ours/' -e 's/^workers = 2$/workers = 3/' "$root/opt/myapp/config.toml"
sed -i 's/^uploads = 20$/uploads = 99 # we have many/' "$root/opt/myapp/config/app.toml"

note "1.0.1, the bug fix, by the timer's service: code is replaced, its hook restarts the service"
release 1.0.1
typed 0 'liftlock release git v1.0.1 --name myapp --message "Bugfix Release"'
says '^myapp 1.0.1 is released: origin has v1.0.1$'
typed 0 'liftlock check myapp'
expect_text "$out" "myapp: update available: 1.0.0 → 1.0.1"
expect_same "and its page may know" "$(inside python3 -c 'import json; print(json.load(open("/run/liftlock/myapp.json"))["available"]["offered"])')" 1.0.1
typed 0 'liftlock auto myapp on'
typed 0 'liftlock auto myapp status'
says '^  unattended  on, next '
typed 0 'systemctl start liftlock-auto-myapp.service'
runs 1.0.1
told "myapp 1.0.0 1.0.1 updated"
expect_same "it runs as" "$(inside sh -c 'stat -c %U "/proc/$(systemctl show -P MainPID myapp.service)"')" myapp
typed 0 'journalctl -u liftlock-auto-myapp.service'
says 'myapp 1.0.1 is live'
typed 0 'liftlock logs myapp'
expect_same "the bug is gone" "$(inside sh -c 'cd /opt/myapp && PYTHONPATH=src python3 -B -c "from core.engine import add; print(add(2, 3))"')" 5

note "1.1.1, configuration only, from the branch over smart HTTP: new keys arrive, nothing that is there changes"
release 1.1.1
typed 0 'git push -q origin main'
source_is <<END
type = "git"
url = "https://git.example.com/git/myapp.git"
branch = "main"
token_file = "/etc/liftlock/keys/token"
ca_file = "/etc/liftlock/keys/ca.pem"
END
expect_exit 0 lift update myapp --unattended
says '^myapp: not now: it had its turn today'
typed 0 'liftlock update myapp --unattended --force'
says '^myapp 1\.1\.1\+g[0-9a-f]{12} is live$'
expect_same "its hook reloads: what runs was not restarted" "$(about)" '{"version": "1.0.1", "ok": true}'
typed 0 'liftlock auto myapp off'
expect_same "the merged configuration" "$(config config/app.toml)" '# how it behaves
timeout = 10

[cache]
# seconds
ttl = 60

[limits]
uploads = 99 # we have many'
expect_same "features.json is the release's" "$(config config/features.json)" '{"dark": true, "search": true}'
expect_same "the configuration in chief" "$(config config.toml | sed -n '5,9p')" 'workers = 3

[ui]
title = "Our shop"  # ours'

note "1.2.3, everything at once, an archive at a web server; in maintenance mode it is passed over"
release 1.2.3
manifest=/srv/myapp/update-manifest.yaml
typed 0 'liftlock release manifest v1.2.3 --name myapp'
expect_text "$out" "update-manifest.yaml says 1.2.3 already"
cmp -s "$tree/tests/unit/manifests/ship-full.yaml" "$root$manifest"
verdict "and is as it is printed, to the byte" $?
typed 0 'liftlock manifest check update-manifest.yaml'
typed 0 'liftlock manifest requirements update-manifest.yaml myapp'
typed 0 'liftlock manifest conditions update-manifest.yaml myapp'
typed 0 'liftlock manifest rollout update-manifest.yaml myapp'
typed 0 'liftlock release git v1.2.3 --name myapp --message "New features and bug fixes"'
typed 0 'git -C /srv/myapp archive --prefix=myapp-v1.2.3/ -o /srv/www/private/release.tar.gz v1.2.3'
typed 0 'cd /srv/www/private && sha256sum release.tar.gz >release.tar.gz.sha256'
source_is 'level = "checksum"' <<'END'
type = "https"
url = "https://releases.example.com/private/release.tar.gz"
checksum_url = "https://releases.example.com/private/release.tar.gz.sha256"
headers_file = "/etc/liftlock/keys/headers"
ca_file = "/etc/liftlock/keys/ca.pem"
END
touch "$root/opt/myapp/.maintenance_mode"
lift update myapp >"$out" 2>"$err"
says 'System in maintenance mode'
rm "$root/opt/myapp/.maintenance_mode"
sed -i 's/^allowed_file_types = .*/allowed_file_types = [".py"]/' "$root/etc/liftlock/apps/myapp.toml"
expect_exit 3 lift update myapp
says "files of the type '\.[a-z]+' are not allowed on this host"
cp "$root/srv/myapp.toml" "$root/etc/liftlock/apps/myapp.toml"
printf 'version: 9.0.0\nreleased: %s\nrollout: {stages: [{name: canary, percentage: 0}, {name: everybody, percentage: 100, wait: 3d}]}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$root/srv/staged.yaml"
expect_exit 3 lift manifest rollout /srv/staged.yaml myapp
says "^9\.0\.0 comes to this host in stage 'everybody' of its rollout, which opens 20"
typed 0 'liftlock release http . --out /srv/www/myapp --name myapp --key /srv/publisher.key'
expect_exit 0 lift release http /srv/handbook --out /srv/www/handbook --key /srv/publisher.key
expect_exit 0 lift install https://releases.example.com/handbook --key "$publisher" --name handbook --user myapp
sed -i 's/^version: 1$/version: 2/' "$root/srv/handbook/liftlock.yaml"
expect_exit 0 lift release http /srv/handbook --out /srv/www/handbook --key /srv/publisher.key
typed 0 'liftlock update myapp handbook'
runs 1.2.3
expect_same "handbook" "$(readlink "$root/opt/handbook/current")" releases/2
expect_same "the story of its scripts" "$(story)" "pre_update_check of 1.1.1
migrate_database of 1.2.3
update_config_format of 1.2.3
migrate of 1.2.3"
expect_same "the configuration in chief" "$(config config.toml | sed -n '4,9p')" '# processes that answer
workers = 3

[ui]
title = "Our shop"  # ours'
[ ! -e "$root/opt/myapp/src/core/legacy.py" ] && [ ! -e "$root/opt/myapp/cache/page" ] &&
    [ "$(config images/one.png) $(config .env)" = "a picture SECRET=1" ]
verdict "what the release lacks is gone, the cache is cleared, what is the user's is there" $?

note "2.0.0, from the SFTP server, wants a person to act first"
release 2.0.0
cmp -s "$tree/tests/unit/manifests/ship-major.yaml" "$root$manifest"
verdict "its manifest is as it is printed, to the byte" $?
good=$(inside git -C /srv/myapp rev-parse HEAD)
sed -i 's/"\/api\/health", //' "$root/srv/myapp/myapp/__main__.py"
sed -i 's/retry_count: 5/retry_count: 1/; s/retry_delay: 10/retry_delay: 1/' "$root$manifest"
commit "unhealthy"
typed 0 'liftlock release sftp v2.0.0 deployer@deploy.example.com:/releases/myapp-latest.tar.zst --name myapp --key /srv/publisher.key'
source_is 'level = "minisign"' "key = \"$publisher\"" <<END
type = "sftp"
url = "sftp://deployer@deploy.example.com/releases/myapp-latest.tar.zst"
key_file = "/etc/liftlock/keys/releases"
host_key = "$host_key"
END
expect_exit 3 lift update myapp --to 2.0.0
says 'Major version upgrade - manual steps required'
typed 3 'liftlock plan myapp'
says 'Review breaking changes in CHANGELOG.md'
runs 1.2.3

note "done: it goes on; its health check fails once, and everything comes back, to the byte"
everything() { (cd "$root/opt/myapp" && find . \( -name .liftlock -o -name .liftlock-store -o -name logs -o -name data \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }
before=$(everything)
typed 4 'liftlock update myapp --to 2.0.0 --force'
runs 1.2.3
expect_same "every file" "$(everything)" "$before"
told "myapp 1.2.3 2.0.0 rolled-back "
typed 0 'liftlock recover myapp'
expect_text "$out" "myapp: nothing to recover"

note "the good one, with the manifest as it is printed; but that is another file under the same version"
inside git -C /srv/myapp reset -q --hard "$good"
typed 0 'liftlock release sftp v2.0.0 deployer@deploy.example.com:/releases/myapp-latest.tar.zst --name myapp --key /srv/publisher.key'
expect_text "$out" "  replaces  what was there under this name"
expect_exit 1 lift update myapp --to 2.0.0 --force
says '^liftlock: myapp: the source has another release under the same version 2.0.0: sha256 [0-9a-f]{64}, since [0-9-]{10} sha256 [0-9a-f]{64}$'
typed 0 'liftlock allow myapp 2.0.0'
typed 0 'liftlock update myapp --to 2.0.0 --force'
runs 2.0.0
grep -q "migrate_database_v2 of 2.0.0" "$root/opt/myapp/data/story" && grep -q "rebuild_search_index of 2.0.0" "$root/opt/myapp/data/story"
verdict "its migrations have run" $?
typed 0 'liftlock history myapp'
says ' update    1.2.3 → 2.0.0  updated$'
typed 0 'liftlock rollback myapp --to 1.2.3 --yes'
runs 1.2.3

note "how it is"
typed 0 'liftlock status myapp --json'
expect_same "its errors of the last day" "$(/usr/bin/python3 -c 'import json, sys; j = json.load(open(sys.argv[1]))[0]; print(len(j["errors"]))' "$out")" 2
typed 0 'liftlock health myapp'
typed 0 'liftlock inspect myapp'
typed 0 'liftlock backup list myapp'
typed 0 'liftlock config show myapp'
expect_no_text "$out" t0ken

note "asked on a terminal"
printf '%s\n' 'liftlock release' >>"$work/typed"
{
    printf '%s\n' git myapp patch 'Our shop at last' n
    wait_for 20 test -e "$root/srv/ended"
} | inside env TERM=dumb script -qec 'cd /srv/myapp && liftlock release; echo "exit $?"; touch /srv/ended' /dev/null | tr -d '\r' >"$out"
expect_text "$out" "exit 3"
says 'Do that\? \[y/N\] liftlock: nothing was done$'

note "the table of docs/ship.md: every command of its second column was typed above"
# shellcheck disable=SC2016 # the backticks are the table's
awk -F'|' 'NF == 4 { print $3 }' "$tree/docs/ship.md" | grep -o '`[^`]*`' | tr -d '`' | grep ' ' | sort -u >"$work/table"
sort -u "$work/typed" | comm -23 "$work/table" - >"$work/untyped"
expect_same "commands of the table that were not typed" "$(cat "$work/untyped")" ""
ok "there are many" test "$(wc -l <"$work/table")" -ge 25
