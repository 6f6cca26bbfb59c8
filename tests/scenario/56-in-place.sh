#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rows S05, S06: an app whose files lie in its root is changed in place, by rules: replaced, merged, left alone. What the
# user edited stays the user's, and what fails comes back file by file, to the byte.
# shellcheck disable=SC2119,SC2154 # service_pid: the first service; $host and others come from the libraries
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
root=$host/opt/bookshelf
make() { # make VERSION [OLDER]: the app of one file, a configuration, code and data
    t=$work/tree-$1
    if [ -n "${2:-}" ]; then as_user cp -R "$work/tree-$2" "$t"; else as_user mkdir -p "$t/src/deep" "$t/bin" "$t/data"; fi
    echo "$1" | as_user tee "$t/VERSION" >/dev/null
    as_user tee "$t/liftlock.yaml" >/dev/null <<END
app: bookshelf
version: $1
files:
  "config.toml": {action: merge_toml}
  "src/**": {action: replace}
  "bin/*": {action: replace}
  ".env": {action: skip}
  "templates/*": {action: backup_replace}
directories:
  data: {preserve: true}
  cache: {preserve: false}
  journal: {preserve: true, cleanup_old: true, keep_days: 30}
services: [{name: web, start: "exec python3 src/serve.py $port"}]
identity: {http: "http://127.0.0.1:$port/about", json: "/version"}
probe: {deadline: 20s, successes: 2, interval: 50ms, settle: 0}
observe: {window: 0}
END
}
put() { as_user mkdir -p "$(dirname "$work/tree-$1/$2")" && as_user tee "$work/tree-$1/$2" >/dev/null; } # put VERSION FILE
edit() { as_user tee "$root/$1" >/dev/null; }
everything() { (cd "$root" && find . -path ./.liftlock-store -prune -o -path ./.liftlock -prune -o -path ./logs -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }

make 1.0.0
put 1.0.0 src/serve.py <<'END'
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"name": "bookshelf", "version": open("VERSION").read().strip()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *unused):
        pass
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
END
put 1.0.0 src/deep/one.py <<'END'
ONE = 1
END
put 1.0.0 src/old.py <<'END'
OLD = True
END
put 1.0.0 src/legacy/gone.py <<'END'
GONE = True
END
put 1.0.0 config.toml <<'END'
# the shop
title = "Books"

[server]
# where it listens
port = 8000
workers = 2
END
put 1.0.0 templates/page.html <<'END'
<h1>one</h1>
END
put 1.0.0 notes.txt <<'END'
from the release
END
put 1.0.0 data/seed.txt <<'END'
never arrives
END
printf '#!/bin/sh\necho tool 1\n' | put 1.0.0 bin/tool
as_user chmod 755 "$work/tree-1.0.0/bin/tool"
publish 1.0.0

note "installed: the files lie in the root itself"
expect_exit 0 lift install "$source" --trust none --name bookshelf
expect_same "the running app's own word" "$(about)" '{"name": "bookshelf", "version": "1.0.0"}'
expect_same "the code" "$(cat "$root/src/deep/one.py")" "ONE = 1"
[ -x "$root/bin/tool" ] && [ -d "$root/data" ] && [ ! -e "$root/data/seed.txt" ]
verdict "a program can be run, and a protected directory is there and empty" $?
grep -q '^layout = "files"$' "$host/etc/liftlock/apps/bookshelf.toml"
verdict "the configuration says how it lies" $?

note "a user makes it his own"
edit config.toml <<'END'
# the shop
title = "My books"    # mine

[server]
# where it listens
port = 8000
workers = 2
END
echo SECRET=1 | edit .env
echo "a picture" | edit data/picture
echo "PATCHED = True" | edit src/deep/one.py
echo "<h1>mine</h1>" | edit templates/page.html
echo "my own" | edit src/local.py
as_user chmod 640 "$root/config.toml"
before=$(everything)

as_user mkdir -p "$root/cache/deep" "$root/journal" "$root/releases"
echo hot | edit cache/deep/entry
echo new | edit journal/new
echo old | edit journal/old
as_user touch -d '40 days ago' "$root/journal/old"
echo "a folder of the user's own" | edit releases/mine
before=$(everything)

note "an update merges, replaces, removes, and leaves alone"
make 1.1.0 1.0.0
echo "ONE = 1.1" | put 1.1.0 src/deep/one.py
echo "NEW = True" | put 1.1.0 src/fresh/new.py
echo "SECRET=theirs" | put 1.1.0 .env
echo "<h1>two</h1>" | put 1.1.0 templates/page.html
as_user rm -r "$work/tree-1.1.0/src/old.py" "$work/tree-1.1.0/src/legacy"
put 1.1.0 config.toml <<'END'
# the shop
title = "Books"

[server]
# where it listens
port = 9000
workers = 2
# how long a request may take
timeout = 30
END
publish 1.1.0
expect_exit 0 lift update bookshelf
expect_same "the running app's own word" "$(about)" '{"name": "bookshelf", "version": "1.1.0"}'
expect_same "the merged configuration" "$(cat "$root/config.toml")" '# the shop
title = "My books"    # mine

[server]
# where it listens
port = 9000
workers = 2
# how long a request may take
timeout = 30'
expect_same "its rights" "$(stat -c %a "$root/config.toml")" 640
expect_same "replaced" "$(cat "$root/src/deep/one.py" "$root/src/fresh/new.py")" "ONE = 1.1
NEW = True"
expect_same "left alone" "$(cat "$root/.env" "$root/data/picture" "$root/src/local.py")" "SECRET=1
a picture
my own"
expect_same "replaced, and kept" "$(cat "$root/templates/page.html" "$root/templates/page.html.before-1.1.0")" "<h1>two</h1>
<h1>mine</h1>"
[ ! -e "$root/src/old.py" ] && [ ! -e "$root/src/legacy" ]
verdict "what the release lacks is gone, with its directory" $?
expect_exit 0 lift logs bookshelf
grep -q 'note      config.toml:6: updated: server.port$' "$out" && grep -q 'config.toml: added: server.timeout$' "$out"
verdict "the log says what was merged" $?

[ -d "$root/cache" ] && [ ! -e "$root/cache/deep" ] && [ -e "$root/journal/new" ] && [ ! -e "$root/journal/old" ]
verdict "a cache is emptied, and what is old is gone" $?

note "one that fails comes back, file by file"
before=$(everything)
make 1.2.0 1.1.0
echo "ONE = 1.2" | put 1.2.0 src/deep/one.py
echo "import sys; sys.exit('broken')" | put 1.2.0 src/serve.py
echo "MORE = True" | put 1.2.0 src/more/more.py
as_user rm "$work/tree-1.2.0/bin/tool"
as_user sed -i 's/workers = 2/workers = 4/' "$work/tree-1.2.0/config.toml"
publish 1.2.0
expect_exit 4 lift update bookshelf
expect_same "every file" "$(everything)" "$before"
expect_same "the running app's own word" "$(about)" '{"name": "bookshelf", "version": "1.1.0"}'

note "a file that nobody gave a rule, edited here and changed there, stops the update before anybody is disturbed"
echo "from me" | edit notes.txt
before=$(everything)
pid=$(service_pid)
make 1.3.0 1.1.0
echo "from the release, again" | put 1.3.0 notes.txt
publish 1.3.0
expect_exit 3 lift update bookshelf
expect_text "$err" "liftlock: bookshelf: notes.txt was edited here and changed by the release"
expect_text "$err" "  settle it by hand, or say --take-release: the release's file comes, and yours is kept beside it ('liftlock plan bookshelf' shows both)"
expect_same "every file" "$(everything)" "$before"
expect_same "nobody was stopped" "$(service_pid)" "$pid"
expect_exit 0 lift update bookshelf --take-release
expect_same "the release's came, and the user's is kept" "$(cat "$root/notes.txt" "$root/notes.txt.before-1.3.0")" "from the release, again
from me"

note "a configuration that cannot be read stops it, with its place"
echo "title = = 3" | edit config.toml
make 1.4.0 1.3.0
as_user sed -i 's/workers = 2/workers = 8/' "$work/tree-1.4.0/config.toml"
publish 1.4.0
expect_exit 3 lift update bookshelf
grep -q "^liftlock: bookshelf: config.toml:1:9: " "$err"
verdict "file, line and column are named" $?
printf 'title = "My books"    # mine\n[server]\nport = 1\n' | edit config.toml
expect_exit 0 lift update bookshelf
expect_same "the configuration" "$(cat "$root/config.toml")" 'title = "My books"    # mine
[server]
port = 1'

note "inspect tells what is the user's"
expect_exit 0 lift inspect bookshelf
expect_text "$out" "  edited     config.toml"
expect_text "$out" "  left alone .env"
expect_text "$out" "  kept copy  notes.txt.before-1.3.0"
as_user rm "$root/bin/tool"
expect_exit 0 lift inspect bookshelf
expect_text "$out" "  missing    bin/tool"
expect_text "$out" "  info     bin/tool is part of the release, and not there"
expect_text "$out" "           'liftlock update bookshelf --again --take-release' brings it; what you edited is then kept beside"
as_user rm "$root/notes.txt"
as_user mkdir "$root/notes.txt"
expect_exit 1 lift inspect bookshelf --json
json "the kinds are apart" 'j[0]["files"] == {"edited": ["config.toml"], "missing": ["bin/tool"], "in_the_way": ["notes.txt"], "left_alone": [".env", "data/seed.txt"], "kept_copies": ["notes.txt.before-1.3.0", "templates/page.html.before-1.1.0"]}'
as_user rmdir "$root/notes.txt"
expect_exit 0 lift update bookshelf --again --take-release
expect_same "what was missing is there again" "$("$root/bin/tool") $(cat "$root/notes.txt")" "tool 1 from the release, again"

note "back to an older release, in place"
expect_exit 0 lift rollback bookshelf --to 1.3.0 --yes
expect_same "the running app's own word" "$(about)" '{"name": "bookshelf", "version": "1.3.0"}'

note "uninstalled: the user's files stay"
expect_exit 0 lift uninstall bookshelf --purge --yes
[ ! -e "$root/src/serve.py" ] && [ -e "$root/src/local.py" ] && [ -e "$root/data/picture" ] && [ -e "$root/.env" ] &&
    [ -e "$root/releases/mine" ] && [ ! -e "$root/.liftlock-store" ]
verdict "the release's files are gone, the user's are there" $?
