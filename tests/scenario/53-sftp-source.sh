#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# S03, B15: an archive at an SFTP server. Installed, updated, looked at without being read again; another host key, another
# file under the same version, a wrong digest and a server that hangs are refused by name, and no secret gets out.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
watch_secrets
mkdir -p "$host/etc/liftlock" "$src"
echo 'allow_trust_none = true' >"$host/etc/liftlock/liftlock.toml"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host"
sshd_up
secret "$(sed -n 3p "$work/ssh/key")"
url=sftp://$login@127.0.0.1:$ssh_port$src/$app-latest.tar.gz
shown=sftp://127.0.0.1:$ssh_port$src/$app-latest.tar.gz

uploads=0
upload() { # upload V: as a publisher does, under a name that stays; files are told apart by size and second
    pack "$1"
    uploads=$((uploads + 1))
    touch -d "@$((1700000000 + uploads))" "$src/$app-$1.tar.gz"
    mv "$src/$app-$1.tar.gz" "$src/$app-latest.tar.gz"
}
sftp_is() { source_is 'type = "sftp"' "url = \"$url\"" "key_file = \"$work/ssh/key\"" "host_key = \"$host_key\"" "$@"; }
opened() { grep -c 'open ".*latest.tar.gz"' "$work/sshd.log"; }

note 'from install to update'
release 1.0.0
upload 1.0.0
sftp_is
ok "$app 1.0.0 is installed" lift install "$work/$app.toml"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
runs
verdict "it runs" $?
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.0)"
release 1.0.1
upload 1.0.1
expect_exit 10 lift check $app --exit-code
available 1.0.1
expect_same 'who may read it' "$(stat -c %a "$host/run/liftlock/$app.json")" 644

note 'what was found is known while the server is away, after a boot too, and so is that it did not answer'
sshd_down
refused 1 "fetch $shown: connection refused" lift check $app
available 1.0.1
expect_exit 0 lift status $app
expect_text "$out" "bookshelf 1.0.0 (1.0.1 is available)"
expect_text "$out" "  checked     just now; no answer just now: fetch $shown: connection refused"
rm "$host/run/liftlock/$app.json"
expect_exit 0 lift recover
available 1.0.1
sshd_up
expect_exit 0 lift update $app --json
heard
live=1.0.1
runs
verdict "1.0.1 runs" $?
available none
expect_exit 0 lift status $app
expect_text "$out" "  checked     just now"
secrets_stayed

note 'another file under the same version'
echo '# as of today' >>"$work/tree/books.py"
upload 1.0.1
new=$(sha256sum <"$src/$app-latest.tar.gz" | cut -d' ' -f1)
old=$(sed -n '/^\[1.0.1\]/,/^$/s/^content=sha256 //p' "$host/var/lib/liftlock/$app/trust/seen")
day=$(date -u +%Y-%m-%d)
refused 1 "bookshelf: the source has another release under the same version 1.0.1: sha256 $new, since $day sha256 $old" lift check $app
hint "a version that was published does not change; if the publisher says that it did, 'liftlock allow bookshelf 1.0.1' takes it"
refused 1 "bookshelf: the source has another release under the same version 1.0.1: sha256 $new, since $day sha256 $old" lift update $app
expect_exit 0 lift allow $app 1.0.1
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.1)"
release 1.0.2
upload 1.0.2
expect_exit 0 lift update $app
live=1.0.2
runs
verdict "the next good update works" $?

note 'digests'
release 1.0.3
upload 1.0.3
sftp_is "checksum_path = \"$src/SHA256SUMS\""
trust_is 'level = "checksum"'
refused 1 "fetch ${shown}: there is no $src/SHA256SUMS" lift update $app
echo nonsense >"$src/SHA256SUMS"
refused 1 "SHA256SUMS gives no SHA-256 of bookshelf-latest.tar.gz" lift update $app
echo "$old  bookshelf-latest.tar.gz" >"$src/SHA256SUMS"
new=$(sha256sum <"$src/$app-latest.tar.gz" | cut -d' ' -f1)
refused 1 "bookshelf-latest.tar.gz: the digest is $new, and not $old" lift update $app
hint "the file at the source is not the one that was published; nothing of it was used"
(cd "$src" && sha256sum bookshelf-latest.tar.gz >SHA256SUMS)
expect_exit 0 lift update $app
live=1.0.3
runs
verdict "with the right digest it goes live" $?

note 'signatures'
release 1.0.4
upload 1.0.4
as_user true
minisign -G -W -f -p "$work/key.pub" -s "$work/key" >/dev/null </dev/null
sftp_is
trust_is 'level = "minisign"' "key = \"$(tail -n 1 "$work/key.pub")\""
refused 1 "fetch $shown: there is no $src/$app-latest.tar.gz.minisig" lift update $app
sign "$app-latest.tar.gz" "app=$app version=9.9.9 file=$app-latest.tar.gz"
refused 1 "the manifest is of version 1.0.4, the index says 9.9.9" lift update $app
upload 1.0.4
sign "$app-latest.tar.gz" "app=$app version=1.0.4 file=$app-latest.tar.gz"
expect_exit 0 lift update $app
live=1.0.4
runs
verdict "signed, it goes live" $?
trust_is 'level = "none"'

note 'the server'
as_user ssh-keygen -q -t ed25519 -N '' -C other -f "$work/ssh/other"
sshd_down
sshd_up other
refused 1 "fetch $shown: the server's host key is not the one in 'host_key'" lift check $app
hint "if the server was renewed, ask its owner for the new key; else somebody stands between"
as_user ssh-keygen -q -t rsa -b 2048 -N '' -C rsa -f "$work/ssh/rsa"
sshd_down
sshd_up rsa
refused 1 "fetch $shown: the server offers RSA host keys only, which sources do not take" lift check $app
sshd_down
refused 1 "fetch $shown: connection refused" lift check $app
sshd_up
echo >"$work/ssh/authorized"
refused 1 "fetch $shown: the server does not let us in with the key in 'key_file'" lift check $app
cp "$work/ssh/key.pub" "$work/ssh/authorized"
sed -i "s|^key_file.*|key_file = \"$work/ssh/rsa\"|" "$work/source.part"
source_is "$(sed 1d "$work/source.part")"
refused 2 "$work/ssh/rsa is an RSA key, which sources do not take" lift check $app
sftp_is
chmod 644 "$work/ssh/key"
refused 2 "$work/ssh/key may be read or changed by others" lift check $app
chmod 600 "$work/ssh/key"
mv "$src/$app-latest.tar.gz" "$src/away"
refused 1 "fetch $shown: there is no $src/$app-latest.tar.gz" lift check $app
ln -s /dev/zero "$src/$app-latest.tar.gz"
refused 1 "fetch $shown: $src/$app-latest.tar.gz is not a regular file" lift check $app
rm "$src/$app-latest.tar.gz"
mv "$src/away" "$src/$app-latest.tar.gz"
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.4)"

note 'a credential of the store, and a server that hangs'
as_user mkdir -p "$host/etc/credstore"
as_user cp "$work/ssh/key" "$host/etc/credstore/releases-key"
source_is "$(sed "1d; s|^key_file.*|key_file = \"credential:releases-key\"|" "$work/source.part")"
expect_exit 0 lift check $app
hung=$(free_port)
stuck "$hung"
source_is "$(sed "1d; s|:$ssh_port/|:$hung/|" "$work/source.part")"
refused 1 "fetch sftp://127.0.0.1:$hung$src/$app-latest.tar.gz: no answer" lift check $app
sftp_is
expect_exit 0 lift check $app
expect_same 'what transfers left behind' "$(find "$host/var/lib/liftlock/$app" -name 'transfer-*')" ''
secrets_stayed
