#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Row S21: the publisher's side. By git: manifest, commit, signed tag and one push. By sftp: an upload that is whole or
# not there. The manifest alone. And all that must be refused.
. "$(dirname "$0")/lib.sh"
as_user mkdir -p "$work/app" "$work/there"
export GIT_CONFIG_GLOBAL="$work/gitconfig" GIT_CONFIG_NOSYSTEM=1
git_config() { as_user git config --global "$@"; }
git_config user.name 'A Publisher'
git_config user.email publisher@example.org
git_config init.defaultBranch main
cd "$work/app" || exit 1
lift() { as_user liftlock "$@"; }
put() { as_user tee "$1" >/dev/null; }
commit() { as_user git add -A && as_user git commit -qm "$1"; }
hint() { expect_text "$err" "  $1"; }
state() { as_user git rev-parse HEAD && as_user git tag -l && as_user git status --porcelain && sha256sum liftlock.yaml; }
remote() { as_user git ls-remote "$work/remote.git"; }
refused() { # refused CODE TEXT COMMAND...: nothing changed, neither here nor at the remote
    before=$(state; remote)
    code=$1
    text=$2
    shift 2
    expect_exit "$code" "$@"
    expect_text "$err" "liftlock: $text"
    expect_same 'all else' "$(state; remote)" "$before"
}

note "a manifest where there is none, and its version, byte for byte"
as_user git init -q
echo hello | put hello.txt
expect_exit 3 lift release manifest 1.0.0 --name books
expect_text "$err" "liftlock: . holds what is not committed: hello.txt"
hint "commit it, put it aside with 'git stash -u', or name it in .gitignore"
commit first
expect_exit 0 lift release manifest 1.0.0 --name books --dry-run
expect_text "$out" "liftlock.yaml would be written: books 1.0.0"
expect_no_file liftlock.yaml
expect_exit 0 lift release manifest 1.0.0 --name books
expect_text "$out" "liftlock.yaml is written: books 1.0.0"
ok "an update can read it" lift manifest check liftlock.yaml
printf '# ours\r\n\r\napp:   books   # the app\r\nversion: "1.0.0"  # of it\r\nreleased: 2026-01-02\r\ncleanup:\r\n  remove_files: [ a,b ]' | put liftlock.yaml
expect_exit 0 lift release manifest minor
expect_text "$out" "liftlock.yaml: 1.0.0 became 1.1.0"
expect_text "$out" "  its date goes on to say 2026-01-02; without one the day of publication counts"
printf '# ours\r\n\r\napp:   books   # the app\r\nversion: "1.1.0"  # of it\r\nreleased: 2026-01-02\r\ncleanup:\r\n  remove_files: [ a,b ]' | cmp - liftlock.yaml
verdict "nothing but the version changed" $?
expect_exit 0 lift release manifest 1.1.0
expect_text "$out" "liftlock.yaml says 1.1.0 already"
expect_exit 3 lift release manifest 1.0.9
expect_text "$err" "liftlock: books: 1.0.9 is not newer than 1.1.0, which liftlock.yaml names"
expect_exit 3 lift release manifest 2.0.0 --name films
expect_text "$err" "liftlock: liftlock.yaml is the manifest of 'books', not of 'films'"
expect_exit 2 lift release manifest next
expect_text "$err" "liftlock: release: 'next' is no version"
expect_exit 2 lift release manifest
expect_text "$err" "liftlock: release: there is liftlock.yaml already, and no VERSION to bring it to"
expect_exit 2 lift release manifest 2.0.0 --sign
expect_text "$err" "liftlock: release: --sign means nothing to 'manifest'"
commit manifest

note "a manifest that names no app: who publishes it does"
as_user mkdir "$work/nameless"
echo 'version: "1.2.3"' | put "$work/nameless/update-manifest.yaml"
nameless() { as_user sh -c "cd '$work/nameless' && liftlock release $*"; }
expect_exit 1 nameless manifest 1.2.3
expect_text "$err" "liftlock: update-manifest.yaml: a release that is published must name its 'app'"
hint "say --name NAME, or write it there: app: NAME"
expect_exit 0 nameless manifest 1.2.4 --name films
expect_same 'and nothing else' "$(cat "$work/nameless/update-manifest.yaml")" 'version: "1.2.4"'
expect_exit 0 nameless http . --out "$work/nameless-web" --name films --unsigned
ok 'its archive is called so' test -e "$work/nameless-web/films-1.2.4.tar.zst"
echo 'app: films' | as_user tee -a "$work/nameless/update-manifest.yaml" >/dev/null
expect_exit 3 nameless http . --out "$work/nameless-web" --name books --unsigned
expect_text "$err" "liftlock: update-manifest.yaml is the manifest of 'films', not of 'books'"

note "by git: the manifest's own version first"
expect_exit 2 lift release git
expect_text "$err" "liftlock: there is no remote 'origin' to push to"
as_user git init -q --bare "$work/remote.git"
as_user git remote add origin "$work/remote.git"
expect_exit 0 lift release git --dry-run
expect_text "$out" "books 1.1.0, after no release yet"
expect_text "$out" "  tag       v1.1.0, with a message, not signed"
expect_same 'the remote' "$(remote)" ""
expect_same 'tags' "$(as_user git tag -l)" ""
expect_exit 0 lift release git
expect_text "$out" "books 1.1.0 is released: origin has v1.1.0"
expect_exit 0 lift release git
expect_text "$out" "books 1.1.0 is released already: origin has v1.1.0"
as_user git branch -q -u origin/main

note "then a bump, with a signed tag"
as_user ssh-keygen -q -t ed25519 -N '' -f "$work/signer"
git_config gpg.format ssh
git_config user.signingKey "$work/signer.pub"
printf 'publisher@example.org %s\n' "$(cat "$work/signer.pub")" | put "$work/signers"
git_config gpg.ssh.allowedSignersFile "$work/signers"
echo more | put hello.txt
commit more
expect_exit 0 lift release git minor -m 'Books, now with films'
expect_text "$out" "books 1.2.0, after v1.1.0"
expect_text "$out" "  manifest  liftlock.yaml: version 1.1.0 becomes 1.2.0, committed on main"
expect_text "$out" "  push      main and v1.2.0 to origin, both or neither"
expect_text "$out" "books 1.2.0 is released: origin has v1.2.0"
ok "the tag's signature is good" as_user git verify-tag v1.2.0
expect_same 'its message' "$(as_user git tag -l --format='%(contents:subject)' v1.2.0)" 'Books, now with films'
expect_same 'the remote branch' "$(git --git-dir="$work/remote.git" -c safe.directory='*' rev-parse main)" "$(as_user git rev-parse HEAD)"
expect_same 'what the commit changed' "$(as_user git diff --numstat HEAD~ HEAD)" "$(printf '1\t1\tliftlock.yaml')"
expect_exit 0 lift release git minor
expect_text "$out" "books 1.2.0 is released already: origin has v1.2.0"

note "refused: a dirty tree, versions and tags that were, other apps, a remote that is ahead"
as_user touch new
refused 3 ". holds what is not committed: new" lift release git patch
rm new
echo more >>hello.txt
refused 3 ". holds what is not committed: hello.txt" lift release git patch
as_user git checkout -q hello.txt
refused 3 "books: 1.1.5 is not newer than v1.2.0, which is tagged" lift release git 1.1.5
refused 3 "there is a tag v1.1.0 already, upon $(as_user git rev-parse 'v1.1.0^{commit}' | cut -c1-12)" lift release git 1.1.0
refused 2 "release: '1.x/../3' is no version" lift release git 1.x/../3
refused 2 "there is no remote '--upload-pack=touch' to push to" lift release git 1.3.0 --remote=--upload-pack=touch
as_user sed -i 's/^app:   books/app:   films/' liftlock.yaml
commit renamed
refused 3 "liftlock.yaml is the manifest of 'films', but v1.2.0 released 'books'" lift release git patch
hint "if that is meant, say --name films"
as_user git reset -q --hard HEAD~
as_user git commit -q --allow-empty -m next
as_user git clone -q "$work/remote.git" "$work/other"
as_user git -C "$work/other" tag -a -m elsewhere v1.3.0
as_user git -C "$work/other" push -q origin v1.3.0
refused 3 "origin has a tag v1.3.0 already" lift release git minor
as_user git -C "$work/other" commit -q --allow-empty -m elsewhere
as_user git -C "$work/other" push -q origin HEAD
refused 3 "origin/main holds commits that are not here" lift release git 1.4.0
hint "'git pull --rebase' brings them"
as_user git pull -q --rebase --no-tags
as_user git checkout -q --detach
refused 2 "no branch is checked out that could be pushed" lift release git 1.4.0
as_user git checkout -q main

note "refused by the remote, or broken on the way: all is taken back here"
printf '#!/bin/sh\ncase $1 in refs/heads/*) echo "no releases on a Friday" >&2 && exit 1 ;; esac\n' | put "$work/remote.git/hooks/update"
chmod +x "$work/remote.git/hooks/update"
refused 3 "origin did not take main and v1.4.0: [remote rejected] (hook declined)" lift release git 1.4.0
hint "nothing was released; branch, manifest and tags are as they were"
rm "$work/remote.git/hooks/update"
printf '#!/bin/sh\nwhile read -r ref rest; do case $rest in *refs/tags/*) exit 1 ;; esac; done\nexit 0\n' | put .git/hooks/pre-push
chmod +x .git/hooks/pre-push
refused 1 "origin did not take main and v1.4.0: failed to push some refs to '$work/remote.git'" lift release git 1.4.0
rm .git/hooks/pre-push
printf '#!/bin/sh\necho "the hook of the house says no" >&2\nexit 1\n' | put .git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
refused 1 "git commit: the hook of the house says no" lift release git 1.4.0
rm .git/hooks/pre-commit
git_config user.signingKey "$work/none.pub"
refused 1 "git has not signed v1.4.0" lift release git 1.4.0
git_config user.signingKey "$work/signer.pub"

note "killed between tag and push: who says the same again gets the rest"
printf '#!/bin/sh\nkill -9 $(ps -o ppid= -p $PPID)\nexit 1\n' | put .git/hooks/pre-push
chmod +x .git/hooks/pre-push
lift release git 1.4.0 >"$out" 2>"$err"
expect_same 'the tag here' "$(as_user git tag -l v1.4.0)" v1.4.0
rm .git/hooks/pre-push
expect_exit 0 lift release git 1.4.0
expect_text "$out" "  tag       v1.4.0, signed; it is there"
expect_text "$out" "books 1.4.0 is released: origin has v1.4.0"

note "by http: what is not committed is not published"
expect_exit 2 lift release http . --out "$work/web" --unsigned --dry-run --sign
expect_exit 0 lift release http . --out "$work/web" --unsigned --dry-run
expect_text "$out" "books 1.4.0 would be published: books-1.4.0.tar.zst in $work/web"
expect_no_file "$work/web"
echo x | put stray
expect_exit 3 lift release http . --out "$work/web" --unsigned
expect_text "$err" "liftlock: . holds what is not committed: stray"
expect_no_file "$work/web"
rm stray

note "by sftp, on a server whose key is known"
sftp_port=$(free_port)
as_user ssh-keygen -q -t ed25519 -N '' -f "$work/host"
as_user ssh-keygen -q -t ed25519 -N '' -f "$work/mine"
as_user cp "$work/mine.pub" "$work/authorized"
as_user chmod 600 "$work/authorized"
sftp_server=$(find /usr/lib/openssh /usr/libexec -name sftp-server 2>/dev/null | head -n 1)
as_user tee "$work/sshd" >/dev/null <<END
Port $sftp_port
ListenAddress 127.0.0.1
HostKey $work/host
AuthorizedKeysFile $work/authorized
PidFile none
StrictModes no
UsePAM no
Subsystem sftp $work/server
END
printf '#!/bin/sh\nexec %s "$@"\n' "$sftp_server" | put "$work/server"
chmod +x "$work/server"
in_background as_user /usr/sbin/sshd -D -e -f "$work/sshd"
ok "sshd listens" wait_for 10 sh -c "ssh-keyscan -p $sftp_port 127.0.0.1 2>/dev/null | grep -q ed25519"
me=$(as_user id -un)
place=sftp://$me@127.0.0.1:$sftp_port$work/there
host_key=$(cut -d' ' -f1,2 "$work/host.pub")
as_user liftlock keys generate "$work/publisher" --no-passphrase >/dev/null
sftp_release() { lift release sftp "$@" --ssh-key "$work/mine" --key "$work/publisher.key"; }
there() { (cd "$work/there" && find . -type f | sort | xargs -r sha256sum); }

expect_exit 2 lift release sftp 1.4.0 "$place/" --unsigned --host-key nonsense
expect_text "$err" "liftlock: release: --host-key is no public key of a server"
expect_exit 2 lift release --unsigned -- sftp 1.4.0 -oProxyCommand=touch:x/
expect_text "$err" "liftlock: release: '-oProxyCommand=touch:x/' is no place that sftp could reach"
expect_exit 2 sftp_release 1.5.0 "$place/" --host-key "$host_key"
expect_text "$err" "liftlock: release: liftlock.yaml says 1.4.0, not 1.5.0"
expect_exit 1 sftp_release 1.4.0 "$place/"
expect_text "$err" "liftlock: $me@127.0.0.1: Host key verification failed."
expect_exit 1 sftp_release 1.4.0 "$place/" --host-key "$(cut -d' ' -f1,2 "$work/mine.pub")"
expect_text "$err" "liftlock: $me@127.0.0.1: Host key verification failed."
expect_exit 1 sftp_release 1.4.0 "$place/none/" --host-key "$host_key"
expect_same 'what is there' "$(there)" ""
echo x | put stray
expect_exit 3 sftp_release 1.4.0 "$place/" --host-key "$host_key"
expect_text "$err" "liftlock: . holds what is not committed: stray"
rm stray
expect_exit 0 sftp_release 1.4.0 "$place/" --host-key "$host_key" --dry-run
expect_same 'what is there' "$(there)" ""
expect_exit 0 sftp_release 1.4.0 "$place/" --host-key "$host_key"
head -n 1 "$out" | grep -q "^books 1.4.0 is published: $work/there/books-1.4.0.tar.zst on $me@127.0.0.1 ("
verdict "it says what is where" $?
(cd "$work/there" && sha256sum -c --quiet books-1.4.0.tar.zst.sha256 && minisign -Vqm books-1.4.0.tar.zst -p "$work/publisher.pub")
verdict "checksum and signature are good" $?
expect_same 'files there' "$(find "$work/there" -type f | wc -l)" 3
expect_exit 0 sftp_release v1.4.0 "$place/" --host-key "$host_key"
expect_text "$out" "books 1.4.0 is published already, with the same content"
echo other | put hello.txt
commit other
before=$(there)
expect_exit 3 sftp_release 1.4.0 "$place/" --host-key "$host_key"
expect_text "$err" "liftlock: books 1.4.0 is already published with other content"
expect_same 'what is there' "$(there)" "$before"

note "a name that stays: the old archive is whole until the new one is"
expect_exit 0 sftp_release 1.4.0 "$place/latest.tar.zst" --host-key "$host_key"
as_user dd if=/dev/urandom of=large bs=1M count=8 status=none
commit large
before=$(there)
printf '#!/bin/sh\nulimit -f 4096\nexec %s "$@"\n' "$sftp_server" | put "$work/server"
expect_exit 1 sftp_release 1.4.0 "$place/latest.tar.zst" --host-key "$host_key"
hint "what is there under this name is as it was"
expect_same 'the archive that is there' "$(there | grep -v partial)" "$before"
printf '#!/bin/sh\nexec %s -P posix-rename,rename "$@"\n' "$sftp_server" | put "$work/server"
expect_exit 1 sftp_release 1.4.0 "$place/latest.tar.zst" --host-key "$host_key"
hint "what was there is as it was"
expect_same 'all that is there' "$(there | grep -v partial)" "$before"
printf '#!/bin/sh\nexec %s "$@"\n' "$sftp_server" | put "$work/server"
expect_exit 0 sftp_release 1.4.0 "$place/latest.tar.zst" --host-key "$host_key"
expect_text "$out" "  replaces  what was there under this name"
(cd "$work/there" && sha256sum -c --quiet latest.tar.zst.sha256 && minisign -Vqm latest.tar.zst -p "$work/publisher.pub")
verdict "checksum and signature are good" $?
expect_same 'leftovers' "$(find "$work/there" -name '*.partial')" ""

note "without arguments: asked on a terminal, refused without one"
expect_exit 2 lift release </dev/null
expect_text "$err" "liftlock: release: there is nobody to ask what to release"
hint "usage: liftlock release [git|http|sftp|manifest ...]"
printf '#!/bin/sh\nliftlock release\necho "exit $?"\ntouch %s/.ended\n' "$work" | put "$work/ask"
chmod +x "$work/ask"
talk() { # talk LINE...: a person types these, and waits for the end
    rm -f "$work/.ended"
    {
        printf '%s\n' "$@"
        wait_for 20 test -e "$work/.ended"
    } | as_user env TERM=dumb script -qec "$work/ask" /dev/null | tr -d '\r' >"$out"
}
talk git patch 'Books at last' n
expect_text "$out" "  minor     1.5.0"
expect_text "$out" "  push      main and v1.4.1 to origin, both or neither"
expect_text "$out" "Do that? [y/N] liftlock: nothing was done"
expect_text "$out" "exit 3"
expect_same 'the tag' "$(as_user git tag -l v1.4.1)" ""
talk git patch 'Books at last' y
expect_text "$out" "books 1.4.1 is released: origin has v1.4.1"
expect_same 'its message' "$(as_user git tag -l --format='%(contents:subject)' v1.4.1)" 'Books at last'
ok "and its signature is good" as_user git verify-tag v1.4.1
