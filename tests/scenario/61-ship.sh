#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rows S05 to S13, S15, S17: ship's own app with the manifests of its documentation, byte for byte, on a machine with a real
# systemd and PostgreSQL. A user has edited the configuration; the manifests' hooks stop and start the service themselves.
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/scenario/lib-machine.sh
. "$tree/tests/scenario/lib-machine.sh"
app=myapp
port=8000
make() { "$tree/examples/ship/make-release" "$1" "$work/tree-$1"; }
release() { make "$1" && publish "$1"; }
runs() { expect_same "the running app's own word" "$(about)" "{\"version\": \"$1\", \"ok\": true}"; }
config() { cat "$root/opt/myapp/$1"; }
story() { cat "$root/opt/myapp/data/story" 2>/dev/null; }

machine_make
root=$SD_ROOT
programs=$(find /usr/lib/postgresql/*/bin -maxdepth 0 | sort -V | tail -n 1)
mkdir -p "$root/etc/systemd/system-generators"
ln -sf /dev/null "$root/etc/systemd/system-generators/postgresql-generator" # the host's own clusters stay out
unit postgresql.service <<END
[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStart=$programs/postgres -D /var/lib/myapp-db -c listen_addresses= -c unix_socket_directories=/run/postgresql
KillSignal=SIGINT
END
unit myapp.service <<END
[Unit]
StartLimitIntervalSec=0
[Service]
User=myapp
WorkingDirectory=/opt/myapp
ExecStart=/usr/bin/python3 -B -m myapp
ExecReload=/bin/true
END
{
    inside systemctl stop 'postgresql@*' && inside systemctl daemon-reload &&
        inside useradd --system --user-group --home-dir /nonexistent myapp &&
        inside install -d -o postgres -m 700 /var/lib/myapp-db &&
        inside setpriv --reuid postgres --regid postgres --clear-groups "$programs/initdb" -D /var/lib/myapp-db -A peer --no-sync &&
        inside systemctl start postgresql.service && inside /usr/bin/python3 -m venv /opt/venv
} >"$out" 2>&1 || { cat "$out" && exit 1; }

note "installed into the folder where it runs"
release 1.0.0
expect_exit 0 lift install /srv/source --trust none --name myapp --user myapp --privileged-hooks
runs 1.0.0
cat >>"$root/etc/liftlock/apps/myapp.toml" <<'END'
[observe]
window = "0"
[environment]
PATH = "/opt/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PIP_NO_INDEX = "1"
END
mkdir -p "$root/opt/myapp/images" "$root/opt/myapp/logs" "$root/opt/myapp/cache"
inside install -d -o myapp -g myapp /opt/myapp/data
inside install -o myapp -g myapp /dev/null /opt/myapp/data/story
echo "a picture" >"$root/opt/myapp/images/one.png"
echo "SECRET=1" >"$root/opt/myapp/.env"
echo "hot" >"$root/opt/myapp/cache/page"
sed -i -e 's/^title = .*/title = "Our shop"  # ours/' -e 's/^workers = 2$/workers = 3/' "$root/opt/myapp/config.toml"
sed -i 's/^uploads = 20$/uploads = 99 # we have many/' "$root/opt/myapp/config/app.toml"

note "1.0.1, the bug fix: code is replaced, its hook restarts the service"
release 1.0.1
expect_exit 0 lift update myapp
runs 1.0.1
expect_same "the bug is gone" "$(inside sh -c 'cd /opt/myapp && PYTHONPATH=src python3 -B -c "from core.engine import add; print(add(2, 3))"')" 5

note "1.1.1, configuration only: new keys arrive, nothing that is there changes"
release 1.1.1
expect_exit 0 lift update myapp
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

note "1.2.3, everything at once; in maintenance mode it is passed over"
release 1.2.3
touch "$root/opt/myapp/.maintenance_mode"
lift update myapp >"$out" 2>"$err"
grep -q "System in maintenance mode" "$out" "$err"
verdict "the reason is said" $?
rm "$root/opt/myapp/.maintenance_mode"
expect_exit 0 lift update myapp
runs 1.2.3
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

note "2.0.0 wants a person to act first"
release 2.0.0
expect_exit 3 lift update myapp --to 2.0.0
grep -q "Major version upgrade - manual steps required" "$err"
verdict "it says so" $?
expect_exit 3 lift plan myapp --to 2.0.0
grep -q "Review breaking changes in CHANGELOG.md" "$out"
verdict "the plan has the steps" $?
runs 1.2.3

note "done: it goes on; its health check fails once, and everything comes back, to the byte"
everything() { (cd "$root/opt/myapp" && find . \( -name .liftlock -o -name .liftlock-store -o -name logs -o -name data \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }
before=$(everything)
make 2.0.0
sed -i 's/"\/api\/health", //' "$work/tree-2.0.0/myapp/__main__.py"
sed -i 's/retry_count: 5/retry_count: 1/; s/retry_delay: 10/retry_delay: 1/' "$work/tree-2.0.0/update-manifest.yaml"
sed -i '/^2.0.0 /d' "$work/published"
publish 2.0.0
expect_exit 4 lift update myapp --to 2.0.0 --force
runs 1.2.3
expect_same "every file" "$(everything)" "$before"

note "the good one, with the manifest as it is printed"
rm -r "$work/tree-2.0.0"
sed -i '/^2.0.0 /d' "$work/published"
release 2.0.0
expect_exit 0 lift update myapp --to 2.0.0 --force
runs 2.0.0
grep -q "migrate_database_v2 of 2.0.0" "$root/opt/myapp/data/story" && grep -q "rebuild_search_index of 2.0.0" "$root/opt/myapp/data/story"
verdict "its migrations have run" $?
expect_exit 0 lift rollback myapp --to 1.2.3 --yes
runs 1.2.3
