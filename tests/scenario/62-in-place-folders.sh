#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Row S05: an app in place whose files lie in several folders, on two file systems. They change together, or not at all,
# and a folder whose file system is not mounted is not taken for one in which nothing lies.
if [ "$(id -u)" != 0 ]; then
    echo "Bail out! mounts need root"
    exit 1
fi
[ -n "${FOLDERS_NAMESPACE:-}" ] || FOLDERS_NAMESPACE=1 exec unshare -m "$0"
# shellcheck disable=SC2119,SC2154 # $host and others come from the libraries
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
# shellcheck source=tests/scenario/lib-strike.sh
. "$tree/tests/scenario/lib-strike.sh"
name=bookshelf
jobs=$host/var/lib/liftlock/bookshelf/jobs
root=$host/opt/bookshelf
site=$host/srv/site
pages=$host/usr/share/bookshelf
as_user mkdir -p "$site" "$pages" "$work/disk"
mount -t tmpfs -o size=16m,mode=755,uid="$(id -u liftlock-test)",gid="$(id -g liftlock-test)" site "$work/disk"
mounted() { mount --bind "$work/disk" "$site"; }
away() { umount "$site"; }
mounted
trap 'umount -l "$site" "$work/disk"; finish' EXIT
make() { # make VERSION OLDER START: START is what its service does
    t=$work/tree-$1
    if [ -n "$2" ]; then as_user cp -R "$work/tree-$2" "$t"; else as_user mkdir -p "$t"; fi
    as_user tee "$t/liftlock.yaml" >/dev/null <<END
app: bookshelf
version: $1
files: {"www/site.toml": {action: merge_toml}}
directories: {www/cache: {preserve: false}, www/uploads: {preserve: true}}
cleanup: {remove_files: ["www/**/*.tmp"]}
services: [{name: web, start: "$3"}]
identity: {http: "http://127.0.0.1:$port/about", json: "/version"}
probe: {deadline: ${4:-20s}, successes: 1, interval: 50ms, settle: 0}
observe: {window: 0}
END
    echo "$1" | as_user tee "$t/VERSION" >/dev/null
}
put() { as_user mkdir -p "$(dirname "$work/tree-$1/$2")" && as_user tee "$work/tree-$1/$2" >/dev/null; } # put VERSION FILE
everything() { (cd "$host" && find opt srv usr -path opt/bookshelf/.liftlock-store -prune -o -path opt/bookshelf/.liftlock -prune -o -path opt/bookshelf/logs -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }
serve="exec python3 -u src/serve.py $port"

make 1.0.0 '' "$serve"
put 1.0.0 src/serve.py <<'END'
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"version": open("VERSION").read().strip()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *unused):
        pass
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
END
printf 'title = "Books"\nsize = 1\n' | put 1.0.0 www/site.toml
echo "one" | put 1.0.0 www/index.html
echo "old" | put 1.0.0 www/deep/old.html
echo "page one" | put 1.0.0 share/pages/help.txt
publish 1.0.0
configure() { # configure FOLDER: where 'www' goes
    as_user tee "$work/bookshelf.toml" >/dev/null <<END
[app]
layout = "files"
[source]
type = "folder"
path = "$source"
[trust]
level = "none"
[destinations]
www = "$1"
"share/pages" = "/usr/share/bookshelf"
END
}

note "a folder must be there, and be nobody else's"
configure /srv/nowhere
expect_exit 2 lift install "$work/bookshelf.toml"
expect_text "$err" "liftlock: the destination of 'www' is not there: $host/srv/nowhere"
expect_text "$err" "  is its file system mounted? a new one is made with 'mkdir -p $host/srv/nowhere'"
configure /opt/bookshelf/public
expect_exit 2 lift install "$work/bookshelf.toml"
expect_text "$err" "liftlock: bookshelf.toml:8:1: the destination of 'www' and the app's root /opt/bookshelf lie in one another"

note "installed: the files lie where the host's configuration sends them"
configure /srv/site
expect_exit 0 lift install "$work/bookshelf.toml"
expect_same "the site" "$(cat "$site/index.html" "$site/deep/old.html")" "one
old"
expect_same "the pages" "$(cat "$pages/help.txt")" "page one"
[ ! -e "$root/www" ] && [ -d "$root/share" ] && [ ! -e "$root/share/pages" ]
verdict "and in the root is none of them" $?

note "an update changes them all, and leaves to the user what is his"
printf 'title = "Mine"\nsize = 1\n' | as_user tee "$site/site.toml" >/dev/null
as_user mkdir -p "$site/cache" "$site/uploads"
for file in cache/hot uploads/mine.tmp deep/left.tmp; do echo x | as_user tee "$site/$file" >/dev/null; done
make 1.1.0 1.0.0 "$serve"
as_user rm -r "$work/tree-1.1.0/www/deep"
echo "two" | put 1.1.0 www/index.html
echo "new" | put 1.1.0 www/fresh/new.html
echo "page two" | put 1.1.0 share/pages/help.txt
printf 'title = "Books"\nsize = 2\n' | put 1.1.0 www/site.toml
publish 1.1.0
expect_exit 0 lift plan bookshelf
expect_text "$out" "  note       files: 1 added, 4 replaced, 1 merged, 1 removed"
expect_text "$out" "  note       www/site.toml:2: updated: size"
expect_exit 0 lift update bookshelf
expect_same "the running app's own word" "$(about)" '{"version": "1.1.0"}'
expect_same "both folders" "$(cat "$site/index.html" "$site/fresh/new.html" "$pages/help.txt" "$site/site.toml")" 'two
new
page two
title = "Mine"
size = 2'
[ ! -e "$site/deep/old.html" ] && [ ! -e "$site/deep/left.tmp" ] && [ ! -e "$site/cache/hot" ] && [ -e "$site/uploads/mine.tmp" ]
verdict "what the release lacks, what is old and what may go is gone; what is preserved is there" $?
[ ! -e "$site/.liftlock-change" ]
verdict "nothing of the change is left beside" $?

note "one that fails comes back in every folder"
before=$(everything)
make 1.2.0 1.1.0 "exit 1" 2s
echo "three" | put 1.2.0 www/index.html
echo "page three" | put 1.2.0 share/pages/help.txt
publish 1.2.0
expect_exit 4 lift update bookshelf
expect_same "every file" "$(everything)" "$before"

note "a folder that is not mounted stops the plan"
away
make 1.3.0 1.1.0 "exec sleep 120" 4s
echo "four" | put 1.3.0 www/index.html
echo "page four" | put 1.3.0 share/pages/help.txt
publish 1.3.0
expect_exit 3 lift plan bookshelf
expect_text "$out" "  AGAINST    of 1.1.0, nothing of 'www' lies in $site: is its file system mounted?"
expect_same "nothing was written below the mount point" "$(ls -A "$site")" ""
mounted

note "nor does a recovery take it for one where nothing has moved"
strike probe one 200
expect_same "the new release's files lie in the folder" "$(cat "$site/index.html")" four
away
expect_exit 5 lift recover bookshelf
expect_text "$err" "liftlock: the way back from 'interrupted in step 'probe'' failed: $site is not what it was when the change was prepared"
mounted
expect_exit 0 lift recover bookshelf
expect_same "every file" "$(everything)" "$before"

note "uninstalled: the folders stay, with what is the user's"
expect_exit 0 lift uninstall bookshelf --purge --yes
expect_same "what is left of the site" "$(cd "$site" && find . -type f | sort | tr '\n' ' ')" "./site.toml ./uploads/mine.tmp "
expect_same "and of the pages" "$(ls -A "$pages")" ""
