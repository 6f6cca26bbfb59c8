#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# S01, B15: a git repository, over ssh and over smart HTTP. Tags, a branch, signed tags; one ls-remote tells that nothing
# is new. A moved tag, a rewritten branch, a stranger's signature and a server that hangs are refused by name.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
watch_secrets
mkdir -p "$host/etc/liftlock" "$src"
echo 'allow_trust_none = true' >"$host/etc/liftlock/liftlock.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host" "$src"
sshd_up
secret "$(sed -n 3p "$work/ssh/key")"
repo=$src/$app.git
url=ssh://$login@127.0.0.1:$ssh_port$repo
shown=ssh://127.0.0.1:$ssh_port$repo

git_as() { as_user git --git-dir="$repo" --work-tree="$work/tree" "$@"; }
as_user git init -q --bare -b main "$repo"
git_as config core.bare false
git_as config user.name Publisher
git_as config user.email publisher@example.org
git_as config gpg.format ssh
git_as config user.signingkey "$work/ssh/signer"
git_as config uploadpack.allowFilter true
as_user ssh-keygen -q -t ed25519 -N '' -C publisher -f "$work/ssh/signer"
as_user ssh-keygen -q -t ed25519 -N '' -C stranger -f "$work/ssh/stranger"
echo "publisher@example.org $(cut -d' ' -f1,2 "$work/ssh/signer.pub")" >"$work/signers"

commit() { # commit V: the tree of V, on main
    release "$1"
    [ -z "${2:-}" ] || echo "$2" >>"$work/tree/books.py"
    git_as add -A
    git_as commit -q -m "release $1"
    head=$(git_as rev-parse HEAD)
}
git_is() { source_is 'type = "git"' "url = \"$url\"" "key_file = \"$work/ssh/key\"" "host_key = \"$host_key\"" "$@"; }
short() { echo "$1" | cut -c1-12; }
logins() { grep -c 'Accepted publickey' "$work/sshd.log"; }

# A host of its own waits for a server that keeps it waiting, while the rest goes on.
hung=$(free_port)
stuck "$hung"
patient() {
    as_user mkdir -p "$work/patient/etc/liftlock"
    as_user cp "$host/etc/liftlock/liftlock.toml" "$work/patient/etc/liftlock/"
    printf '[source]\ntype = "git"\nurl = "http://127.0.0.1:%s/a.git"\n[trust]\nlevel = "none"\n' "$hung" >"$work/patient.toml"
    as_user env LIFTLOCK_ROOT="$work/patient" liftlock install "$work/patient.toml" >"$work/patient.out" 2>"$work/patient.err"
    echo $? >"$work/patient.status"
}
in_background patient

note 'tags, over ssh'
commit 1.0.0
git_as tag -a -m one v1.0.0
git_as tag nightly-5
git_is 'tags = "v*"'
ok "$app 1.0.0 is installed" lift install "$work/$app.toml"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
runs
verdict "it runs" $?
before=$(logins)
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.0)"
expect_same 'logins for a look at what has not changed' $(($(logins) - before)) 1
commit 1.0.1
git_as tag v1.0.1
before=$(logins)
expect_exit 10 lift check $app --exit-code
expect_same 'logins for a look at what is new' $(($(logins) - before)) 1
available 1.0.1
expect_same 'logins for what was found' $(($(logins) - before)) 1
expect_exit 0 lift update $app --json
heard
live=1.0.1
runs
verdict "1.0.1 runs" $?
available none
expect_same 'its tree' "$(cd "$host/opt/$app/releases/1.0.1" && find . -type f ! -path './.env' ! -name '*.pyc' -exec sha256sum {} + | sort | head -3)" \
    "$(cd "$work/tree" && find . -type f -exec sha256sum {} + | sort | head -3)"
secrets_stayed

note 'a tag that moved'
commit 1.0.1 '# another'
git_as tag -f v1.0.1 >/dev/null
day=$(date -u +%Y-%m-%d)
refused 1 "bookshelf: the source has another release under the same version 1.0.1: commit $head, since $day commit $(git_as rev-parse HEAD^)" lift check $app
hint "a version that was published does not change; if the publisher says that it did, 'liftlock allow bookshelf 1.0.1' takes it"
git_as tag -f v1.0.0 >/dev/null
git_as tag -f v1.0.1 HEAD^ >/dev/null
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.1)"

note 'signed tags'
trust_is 'level = "git"' "allowed_signers = \"$work/signers\""
commit 1.0.2
git_as tag v1.0.2
refused 1 "tag v1.0.2, commit $(short "$head"), is not signed" lift update $app
git_as tag -f -s -m signed v1.0.2 >/dev/null
expect_exit 0 lift update $app
live=1.0.2
runs
verdict "with a signed tag it goes live" $?
commit 1.0.3
git_as -c user.signingkey="$work/ssh/stranger" tag -s -m signed v1.0.3
refused 1 "tag v1.0.3: the signature is of none of the keys that may sign, or does not fit" lift update $app
git_as tag -d v1.0.3 >/dev/null
expect_exit 0 lift allow $app 1.0.3
git_as update-ref refs/tags/v1.0.3 "$(git_as rev-parse v1.0.2)"
refused 1 "tag v1.0.3: what was signed is another tag, or of another commit" lift update $app
git_as tag -d v1.0.3 >/dev/null
git_as cat-file tag v1.0.2 | sed "s/^object .*/object $head/; s/^tag .*/tag v1.0.3/" >"$work/forged"
git_as update-ref refs/tags/v1.0.3 "$(git_as hash-object -t tag -w --stdin <"$work/forged")"
expect_exit 0 lift allow $app 1.0.3
refused 1 "tag v1.0.3: the signature is of none of the keys that may sign, or does not fit" lift update $app
git_as tag -d v1.0.3 >/dev/null
export GNUPGHOME="$work/gnupg"
as_user mkdir -m 700 "$GNUPGHOME"
as_user gpg -q --batch --passphrase '' --quick-gen-key publisher@example.org ed25519 2>/dev/null
as_user sh -c "gpg -q --export >'$work/keyring.gpg'"
git_as -c gpg.format=openpgp -c user.signingkey=publisher@example.org tag -s -m signed v1.0.3
refused 1 "tag v1.0.3 is signed with OpenPGP, but there is no 'keyring' in [trust]" lift update $app
trust_is 'level = "git"' "keyring = \"$work/keyring.gpg\""
expect_exit 0 lift update $app
live=1.0.3
runs
verdict "signed with OpenPGP it goes live" $?
gpgconf --kill all 2>/dev/null
trust_is 'level = "git"' "allowed_signers = \"$work/signers\""
git_as config commit.gpgsign true
commit 1.0.4
git_as tag v1.0.4
git_as config commit.gpgsign false
expect_exit 0 lift update $app
live=1.0.4
runs
verdict "a plain tag of a signed commit goes live" $?
trust_is 'level = "none"'

note 'a branch'
git_is 'branch = "main"'
commit 1.0.5
expect_exit 0 lift update $app
expect_same 'live' "$(readlink "$host/opt/$app/current")" "releases/1.0.5+g$(short "$head")"
before=$(logins)
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.5+g$(short "$head"))"
expect_same 'logins for a look at a branch that has not moved' $(($(logins) - before)) 1
commit 1.0.5 '# the same version, the next commit'
expect_exit 0 lift update $app
expect_same 'live' "$(readlink "$host/opt/$app/current")" "releases/1.0.5+g$(short "$head")"
old=$head
git_as reset -q --soft HEAD^
commit 1.0.6
refused 1 "bookshelf: branch 'main' was rewritten: $(short "$old"), installed here, is no ancestor of $(short "$head")" lift check $app
hint "if the publisher confirms it, set allow_rewritten = true in [source]"
refused 1 "bookshelf: branch 'main' was rewritten: $(short "$old"), installed here, is no ancestor of $(short "$head")" lift update $app
git_is 'branch = "main"' 'allow_rewritten = true'
expect_exit 0 lift update $app
expect_same 'live' "$(readlink "$host/opt/$app/current")" "releases/1.0.6+g$(short "$head")"
git_is 'branch = "gone"'
refused 1 "the repository has no branch 'gone'" lift check $app
git_is "commit = \"$head\""
expect_exit 0 lift check $app
git_is 'branch = "main"'
as_user git init -q "$work/other"
as_user git -C "$work/other" -c user.name=x -c user.email=x@example.org commit -q --allow-empty -m x
release 1.0.7
git_as add -A
git_as update-index --add --cacheinfo "160000,$(as_user git -C "$work/other" rev-parse HEAD),vendored"
git_as commit -q -m submodule
refused 1 "$shown: it has submodules, which a source does not fetch" lift check $app
git_as reset -q --soft HEAD^

note 'smart HTTP, with a token'
secret s3cr3t-token-of-ours
http_port=$(free_port)
as_user mkdir -p "$work/nginx"
echo "git:$(echo s3cr3t-token-of-ours | openssl passwd -apr1 -stdin)" >"$work/nginx/users"
cat >"$work/nginx/conf" <<END
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/error;
events {}
http {
    access_log $work/nginx/access;
    client_body_temp_path $work/nginx/body; fastcgi_temp_path $work/nginx/fastcgi; proxy_temp_path $work/nginx/proxy;
    uwsgi_temp_path $work/nginx/uwsgi; scgi_temp_path $work/nginx/scgi;
    server {
        listen 127.0.0.1:$http_port;
        auth_basic releases;
        auth_basic_user_file $work/nginx/users;
        location / {
            fastcgi_pass unix:$work/nginx/cgi;
            fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT $src;
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
in_background as_user fcgiwrap -s "unix:$work/nginx/cgi"
wait_for 10 test -S "$work/nginx/cgi"
in_background as_user nginx -c "$work/nginx/conf" -e "$work/nginx/error"
web=http://127.0.0.1:$http_port/$app.git
wait_for 10 test -s "$work/nginx/pid"
wait_for 10 curl -s -o /dev/null "$web"
source_is 'type = "git"' "url = \"$web\"" 'branch = "main"'
refused 1 "fetch $web: the server asks who we are" lift check $app
hint "name a token in 'token_file'"
token_is() {
    (umask 077 && echo "$1" >"$work/token")
    [ "$(id -u)" != 0 ] || chown liftlock-test: "$work/token"
}
token_is wrong
source_is 'type = "git"' "url = \"$web\"" 'branch = "main"' "token_file = \"$work/token\""
refused 1 "fetch $web: the server does not take the token" lift check $app
token_is s3cr3t-token-of-ours
commit 1.0.7
expect_exit 0 lift update $app
expect_same 'live' "$(readlink "$host/opt/$app/current")" "releases/1.0.7+g$(short "$head")"
heard
: >"$work/nginx/access"
expect_exit 0 lift check $app
expect_same 'what a look asks for' "$(awk '$9 == 200 { print $6, $7 }' "$work/nginx/access" | tr '\n' ' ')" \
    "\"GET /$app.git/info/refs?service=git-upload-pack \"POST /$app.git/git-upload-pack "

note 'servers that are not themselves'
git_is 'branch = "main"'
as_user ssh-keygen -q -t ed25519 -N '' -C other -f "$work/ssh/other"
sshd_down
sshd_up other
refused 1 "fetch $shown: the server's host key is not the one in 'host_key'" lift check $app
sshd_down
refused 1 "fetch $shown: connection refused" lift check $app
wait_for 40 test -s "$work/patient.status"
expect_same 'the exit status of whoever asks a server that hangs' "$(cat "$work/patient.status")" 1
expect_text "$work/patient.err" "liftlock: fetch http://127.0.0.1:$hung/a.git: no data for 30 s"
expect_same 'what transfers left behind' "$(find "$host/var/lib/liftlock/$app" -name 'transfer-*')" ''
secrets_stayed
