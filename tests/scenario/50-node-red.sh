#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# limit: 400
# Software that nobody here wrote: Node-RED from npm's registry, 3.1 to 4.0 to 4.1 and back, with a flow that its user
# edits in between.
. "$(dirname "$0")/lib.sh"
export LIFTLOCK_ROOT="$work/host"
port=$(free_port)
root=$work/host/opt/node-red
url=http://127.0.0.1:$port

# What liftlock starts has a clean environment, but it knows its host.
scenario_end() {
    for signal in TERM KILL; do
        for pid in $(grep -lsaF "$LIFTLOCK_ROOT" /proc/[0-9]*/environ | cut -d/ -f3); do
            kill -$signal "$pid" 2>/dev/null
        done
        sleep 0.2
    done
    chmod -R u+w "$LIFTLOCK_ROOT" # sealed trees
}

lift() { as_user liftlock "$@"; }

# The build starts from a clean environment. How npm is set up for whoever runs this goes where an operator would put
# it; only what has been downloaded is kept from one run to the next.
npm_cache=/var/tmp/liftlock-npm-$(as_user id -u)
as_user mkdir -p -m 700 "$npm_cache"
expect_same "the owner of npm's cache" "$(stat -c %u "$npm_cache")" "$(as_user id -u)"
as_user mkdir -p "$root/shared" "$work/web"
{
    echo "cache=$npm_cache"
    for key in registry proxy https-proxy noproxy cafile; do
        value=$(HOME=$(getent passwd "$(id -u)" | cut -d: -f6) npm config get "$key" 2>/dev/null)
        case $value in '' | null | undefined) ;; *) echo "$key=$value" ;; esac
    done
} | as_user tee "$root/shared/.npmrc" >/dev/null

publish() {
    as_user "$tree/examples/node-red/make-release" "$1" "$work/tree-$1" "$port"
    expect_exit 0 lift release http "$work/tree-$1" --out "$work/web" --key "$work/publisher.key"
}

page() { # page WORD: a flow that answers GET /hello with the word
    cat <<END
[{"id": "f1", "type": "tab", "label": "Hello"},
 {"id": "in1", "type": "http in", "z": "f1", "url": "/hello", "method": "get", "x": 100, "y": 80, "wires": [["fn1"]]},
 {"id": "fn1", "type": "function", "z": "f1", "func": "msg.payload = '$1 ' + (1 + 1); return msg;", "outputs": 1, "x": 250, "y": 80, "wires": [["out1"]]},
 {"id": "out1", "type": "http response", "z": "f1", "x": 400, "y": 80, "wires": []}]
END
}
deploy() { page "$1" | curl -sS -f --max-time 20 -H 'Content-Type: application/json' -H 'Node-RED-Deployment-Type: full' --data-binary @- "$url/flows"; }
hello() { curl -sS --max-time 10 "$url/hello"; }
running() { curl -sS --max-time 10 "$url/settings" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])'; }
flows() { curl -sS --max-time 10 "$url/flows" | sha256sum; }
flow_file() { sha256sum <"$root/shared/user/flows.json"; }

shows() { # shows VERSION WORD: the running process is that version and serves the flow as its user left it
    expect_same "the running Node-RED's own word" "$(running)" "$1"
    expect_same "what is live" "$(readlink "$root/current")" "releases/$1"
    expect_same "the user's page" "$(hello)" "$2 2"
}

as_user liftlock keys generate "$work/publisher" --no-passphrase >/dev/null
publish 3.1.15
in_background as_user /usr/bin/python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work/web"
ok "a web server serves the releases" wait_for 10 grep -q 'Serving HTTP' "$work/.background"
source=$(sed -n 's/.*(\(http:.*\)).*/\1/p' "$work/.background")

note "3.1, built on this host from its lock file"
expect_exit 0 lift install "$source" --name node-red --key "$(tail -n 1 "$work/publisher.pub")"
expect_text "$out" "node-red 3.1.15 is installed"
expect_same "the operator's .npmrc" "$(head -n 1 "$root/current/.npmrc")" "cache=$npm_cache"
ok "a user deploys a flow" deploy one
shows 3.1.15 "one"

note "to 4.0: a new major version, the flow as it was"
before=$(flow_file)
publish 4.0.9
expect_exit 0 lift update node-red
expect_text "$out" "node-red 4.0.9 is live"
shows 4.0.9 "one"
expect_same "the flow's file" "$(flow_file)" "$before"
ok "the user edits the flow" deploy two
shows 4.0.9 "two"

note "to 4.1"
before=$(flow_file)
published=$(flows)
publish 4.1.2
expect_exit 0 lift update node-red
expect_text "$out" "node-red 4.1.2 is live"
shows 4.1.2 "two"
expect_same "the flow's file" "$(flow_file)" "$before"
expect_same "the flow" "$(flows)" "$published"
ok "the user edits it once more" deploy three
shows 4.1.2 "three"

note "its backup is looked at, all of it"
expect_exit 0 lift backup verify node-red
grep -q '  shared-user: good$' "$out"
verdict "the flows are in it" $?
saved=$(grep -rl '"/hello"' "$LIFTLOCK_ROOT/var/lib/liftlock/node-red/backups" | head -n 1)
as_user sh -c 'chmod u+w "$1" && echo "[]" >"$1"' - "$saved"
expect_exit 1 lift backup verify node-red

note "and back to 4.0: the data run there too, so nothing that the user did is lost"
before=$(flow_file)
expect_exit 0 lift rollback node-red
expect_text "$out" "node-red 4.0.9 is live again"
shows 4.0.9 "three"
expect_same "the flow's file" "$(flow_file)" "$before"
expect_exit 0 lift inspect node-red
expect_text "$out" "node-red 4.0.9: OK"
expect_exit 0 lift history node-red --json
ok "four jobs, four good ends" test "$(grep -c '"verdict": "updated"' "$out")" = 4

note "a lock file with digests that the registry's packages do not have: refused before anything is touched"
as_user cp -R "$work/tree-4.1.2" "$work/tree-4.1.3"
as_user sed -i 's/^version: .*/version: 4.1.3/' "$work/tree-4.1.3/liftlock.yaml"
as_user sed -i 's/"integrity": "sha512-[A-Za-z0-9]\{6\}/"integrity": "sha512-AAAAAA/' "$work/tree-4.1.3/package-lock.json"
expect_exit 0 lift release http "$work/tree-4.1.3" --out "$work/web" --key "$work/publisher.key"
expect_exit 1 lift update node-red
expect_text "$err" "liftlock: build of node-red 4.1.3: 'npm ci --omit=dev --no-audit --no-fund --ignore-scripts': exit status 1"
expect_exit 0 lift logs node-red --all
grep -q 'EINTEGRITY' "$out"
verdict "the log has npm's own word: the bytes are not those of the lock file" $?
shows 4.0.9 "three"
