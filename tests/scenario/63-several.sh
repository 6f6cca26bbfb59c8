#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# S04: three apps on one host, from a folder, from git and from an sftp server; one file of configuration each. Verbs take
# those that are named, or all; whoever has trouble is said by name and keeps no other from its turn; the exit code is the
# worst, and JSON has all of them.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
mkdir -p "$host/etc/liftlock" "$src/near" "$src/upload"
echo 'allow_trust_none = true' >"$host/etc/liftlock/liftlock.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host" "$src"
sshd_up
near_port=$(free_port)
forge_port=$(free_port)
upload_port=$(free_port)

port_of() { case $1 in near) echo "$near_port" ;; forge) echo "$forge_port" ;; *) echo "$upload_port" ;; esac; }
made() { # made NAME VERSION: $work/tree is that release of that app
    port=$(port_of "$1")
    release "$2"
    manifest "s/^app: .*/app: $1/"
}
git_in() { as_user git --git-dir="$src/forge.git" --work-tree="$work/tree" -c user.name=P -c user.email=p@example.org "$@"; }
published() { # published NAME VERSION: what lies in $work/tree
    case $1 in
    near)
        tar -C "$work/tree" -czf "$src/near/near-$2.tar.gz" .
        printf '{"app": "near", "channels": {"stable": "%s"}, "releases": [{"version": "%s", "url": "near-%s.tar.gz", "sha256": "%s"}]}\n' \
            "$2" "$2" "$2" "$(sha256sum <"$src/near/near-$2.tar.gz" | cut -d' ' -f1)" >"$src/near/releases.json"
        ;;
    forge)
        git_in add -A
        git_in commit -q -m "release $2"
        git_in tag "v$2"
        ;;
    *)
        tar -C "$work/tree" -czf "$src/upload/new.tar.gz" .
        mv "$src/upload/new.tar.gz" "$src/upload/upload.tar.gz"
        ;;
    esac
}
everywhere() { # everywhere VERSION: a release of each
    for name in near forge upload; do
        made "$name" "$1"
        published "$name" "$1"
    done
}
lives() { # lives NEAR FORGE UPLOAD: which version of each answers
    for name in near forge upload; do
        port=$(port_of "$name")
        printf '%s ' "$(about | sed 's/.*"version": "\([^"]*\)".*/\1/')"
    done >"$work/living"
    expect_same "what answers of near, forge and upload" "$(cat "$work/living")" "$1 $2 $3 "
}
json() { # json CODE VERB...: what it answers is for `says`
    code=$1
    shift
    expect_exit "$code" lift "$@" --json
    cp "$out" "$work/answer"
}
says() { # says PYTHON: what is true of the answer
    /usr/bin/python3 -c "
import json
answer = json.load(open('$work/answer'))
assert $1, answer" 2>"$work/wrong"
    verdict "the answer: $1" $?
    explain "$work/wrong"
}
logins() { grep -c 'Accepted publickey' "$work/sshd.log"; }

as_user git init -q --bare -b main "$src/forge.git"
git_in config core.bare false
source_of() { # source_of NAME LINE...
    name=$1
    shift
    printf '%s\n' '[source]' "$@" '[trust]' 'level = "none"' >"$work/$name.toml"
}
source_of near 'type = "folder"' "path = \"$src/near\""
source_of forge 'type = "git"' "url = \"ssh://$login@127.0.0.1:$ssh_port$src/forge.git\"" 'tags = "v*"' \
    "key_file = \"$work/ssh/key\"" "host_key = \"$host_key\""
source_of upload 'type = "sftp"' "url = \"sftp://$login@127.0.0.1:$ssh_port$src/upload/upload.tar.gz\"" \
    "key_file = \"$work/ssh/key\"" "host_key = \"$host_key\""

note "one file of configuration each, and one place"
expect_exit 0 lift update
expect_text "$out" "no app is installed"
everywhere 1.0.0
for name in near forge upload; do expect_exit 0 lift install "$work/$name.toml"; done
lives 1.0.0 1.0.0 1.0.0
expect_same "configurations" "$(cd "$host/etc/liftlock/apps" && echo *)" "forge.toml near.toml upload.toml"
made squatter 1.0.0
published upload 1.0.0
{ printf '[app]\nroot = "%s"\n' "$host/opt/near" && cat "$work/upload.toml"; } >"$work/squatter.toml"
expect_exit 3 lift install "$work/squatter.toml"
expect_text "$err" "liftlock: squatter: $host/opt/near belongs to the app 'near'"
made upload 1.0.0
published upload 1.0.0
json 0 status
says '[a["app"] for a in answer] == ["forge", "near", "upload"]'
json 0 status upload near upload
says '[a["app"] for a in answer] == ["upload", "near"]'

note "a look at all, and at some: nobody else is asked"
everywhere 1.0.1
expect_exit 10 lift check --exit-code
for name in near forge upload; do expect_text "$out" "$name: update available: 1.0.0 → 1.0.1"; done
before=$(logins)
expect_exit 0 lift check near upload
expect_same "logins" $(($(logins) - before)) 1
expect_exit 0 lift update near forge --check
expect_same "lines" "$(wc -l <"$out")" 2

note "an update of two; the third stays"
json 0 update near upload
says '[(a["app"], a["verdict"], a["to"]) for a in answer] == [("near", "updated", "1.0.1"), ("upload", "updated", "1.0.1")]'
lives 1.0.1 1.0.0 1.0.1
json 0 update forge
says 'answer["app"] == "forge" and answer["verdict"] == "updated"'
json 0 update
says '[(a["app"], a["verdict"]) for a in answer] == [(name, "up-to-date") for name in ("forge", "near", "upload")]'
expect_exit 2 lift update near forge --to 1.0.0
expect_text "$err" "liftlock: update: --to is about one app"
expect_text "$err" "  name the app, and no other: liftlock update APP --to 1.0.0"
expect_exit 2 lift update --plan 12345
expect_text "$err" "liftlock: update: --plan is about one app"

note "one goes back, one is refused, one goes on"
made forge 1.0.2
# shellcheck disable=SC2016 # sed's own
manifest '$a hooks: {post_update: ["exit 7"]}'
published forge 1.0.2
made near 1.0.2
manifest 's/required_commands: .*/required_commands: [no-such-program]/'
published near 1.0.2
made upload 1.0.2
published upload 1.0.2
json 4 update
expect_text "$err" "liftlock: start: post_update hook 'exit 7': exit status 7"
expect_text "$err" "liftlock: near: the release requires the command 'no-such-program', which this host does not have"
expect_text "$err" "upload 1.0.2 is live"
expect_same "the last line" "$(tail -n 1 "$err")" "liftlock: update: trouble with 2 of 3 apps: forge, near"
says '[(a["app"], a.get("verdict")) for a in answer] == [("forge", "rolled-back"), ("near", None), ("upload", "updated")]'
says 'answer[1]["error"]["code"] == 3 and "no-such-program" in answer[1]["error"]["message"]'
lives 1.0.1 1.0.1 1.0.2

note "servers that are away, a name that nobody has, a configuration that nobody can read"
made near 1.0.3
published near 1.0.3
sshd_down
expect_exit 1 lift check --exit-code
expect_text "$out" "near: update available: 1.0.1 → 1.0.3"
expect_text "$err" "liftlock: forge: fetch ssh://127.0.0.1:$ssh_port$src/forge.git: connection refused"
expect_text "$err" "liftlock: upload: fetch sftp://127.0.0.1:$ssh_port$src/upload/upload.tar.gz: connection refused"
json 2 update forge nobody near upload
expect_text "$err" "liftlock: there is no app 'nobody'"
expect_same "the last line" "$(tail -n 1 "$err")" "liftlock: update: trouble with 3 of 4 apps: forge, nobody, upload"
says '[(a["app"], bool(a.get("error"))) for a in answer] == [("forge", True), ("nobody", True), ("near", False), ("upload", True)]'
sshd_up
lives 1.0.3 1.0.1 1.0.2
as_user sh -c "echo '[source' >'$host/etc/liftlock/apps/broken.toml'"
json 2 status
says '[(a["app"], "error" in a) for a in answer] == [("broken", True), ("forge", False), ("near", False), ("upload", False)]'
made near 1.0.4
published near 1.0.4
expect_exit 2 lift update near broken
grep -q "^liftlock: .*/broken.toml:1:" "$err"
verdict "the broken file is named, by line" $?
rm "$host/etc/liftlock/apps/broken.toml"
lives 1.0.4 1.0.1 1.0.2

note "two jobs at once, and somebody at work on one of them"
everywhere 1.0.5
made near 1.0.5
manifest "\$a hooks: {post_update: [\"until [ -e '$work/go-on' ]; do sleep 0.1; done\"]}"
published near 1.0.5
json 0 update near upload --detach
says '[a["app"] for a in answer] == ["near", "upload"] and len({a["job"] for a in answer}) == 2'
json 3 update near forge
says '"at work" in answer[0]["error"]["message"] and answer[1]["verdict"] == "updated"'
touch "$work/go-on"
at_rest() { ! lift status --json | grep -q '"job": {'; }
ok "the others come to their end" wait_for 20 at_rest
lives 1.0.5 1.0.5 1.0.5

note "unattended: each has its own turn"
everywhere 1.0.6
json 0 update near upload --unattended
says '[a["verdict"] for a in answer] == ["updated", "updated"]'
json 0 update --unattended
says '[(a["app"], a["verdict"]) for a in answer] == [("forge", "updated"), ("near", "not-now"), ("upload", "not-now")]'
lives 1.0.6 1.0.6 1.0.6
expect_exit 0 lift inspect near upload
