#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A source that lies, replays, breaks off or does not answer: nothing of it is used, nothing changes, and when it is
# honest again the next update works.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
mkdir -p "$src/slow" "$src/stalled"
printf '/slow/releases.json slow\n/stalled/releases.json stalled\n' >"$work/always"
echo '{"app": "bookshelf", "releases": []}' | tee "$src/slow/releases.json" >"$src/stalled/releases.json"
cp "$work/always" "$work/mischief"
: >"$work/requests"
serve() { exec /usr/bin/python3 "$tree/tests/scenario/server.py" "$src" "$work/mischief" "$work/requests" >"$work/port"; }
in_background serve
wait_for 10 test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")/
host_up minisign "$url"
bad=$live
key=$(tail -n 1 "$work/key.pub")
minisign -G -W -f -p "$work/other.pub" -s "$work/other" >/dev/null </dev/null

# Two hosts wait for servers that keep them waiting, while the rest goes on.
patient() { # patient NAME
    as_user mkdir -p "$work/$1"
    as_user env LIFTLOCK_ROOT="$work/$1" liftlock install "$url$1/" --key "$key" --name $app >"$work/$1.out" 2>"$work/$1.err"
    echo $? >"$work/$1.status"
}
in_background patient stalled
in_background patient slow

another() { # the next bad release takes the place of the last
    withdraw_offer "$bad"
    bad=$(next "$bad")
    release "$bad"
    offer "$bad"
    archive=$app-$bad.tar.gz
}

good_again() {
    withdraw_offer "$bad"
    live=$(next "$bad")
    release "$live"
    offer "$live"
    expect_exit 0 lift update $app
    runs
    verdict "the next good update works: $live" $?
    bad=$live
}

signed() { # signed COMMENT TEXT [KEY]: the archive, signed by hand
    another
    sign "$archive" "$(echo "$1" | sed "s/@V/$bad/g; s/@F/$archive/g")" "${3:-$work/key}"
    refused 1 "$archive: $(echo "$2" | sed "s/@V/$bad/g; s/@F/$archive/g")" lift update $app
}

index_signed_as() { # index_signed_as COMMENT TEXT [KEY]
    another
    sign releases.json "$1" "${3:-$work/key}"
    refused 1 "${url}releases.json: $2" lift update $app
}

key_id() { sed -n '1s/.* //p' "$1" | awk '{ printf "%16s", $1 }' | tr ' ' 0; } # minisign leaves leading zeros out

note "the archive"
another
size=$(stat -c %s "$src/$archive")
printf x >>"$src/$archive"
refused 1 "fetch $url$archive: more than $size bytes" lift update $app
another
digest=$(sha256sum <"$src/$archive" | cut -d' ' -f1)
/usr/bin/python3 -c "
import sys
path = sys.argv[1]
data = bytearray(open(path, 'rb').read())
data[100] ^= 1
open(path, 'wb').write(data)" "$src/$archive"
refused 1 "$archive: the digest is $(sha256sum <"$src/$archive" | cut -d' ' -f1), the index says $digest" lift update $app
hint "the file at the source is not the one that was published; nothing of it was used"
good_again
another
echo x >"$src/$archive.minisig"
refused 1 "$archive: line 1 of the signature must begin with 'untrusted comment: '" lift update $app
cached=$host/var/lib/liftlock/$app/cache/archive-$(sha256sum <"$src/$archive" | cut -d' ' -f1)
ok "the archive that the signed index names is not loaded again" as_user cmp "$cached" "$src/$archive"
another
rm "$src/$archive.minisig"
refused 1 "fetch $url$archive.minisig: HTTP 404" lift update $app
another
cp "$src/releases.json.minisig" "$src/$archive.minisig"
refused 1 "$archive: the signature does not fit the file" lift update $app
signed "app=$app version=@V file=@F" "the signature is of another key ($(key_id "$work/other.pub"), not $(key_id "$work/key.pub"))" "$work/other"
signed "app=other version=@V file=@F" "the signature is for app 'other', not 'bookshelf'"
signed "app=$app version=9.9.9 file=@F" "the signature is for version '9.9.9', not '@V'"
signed "app=$app version=@V file=other.tar.gz" "the signature is for file 'other.tar.gz', not '@F'"
signed "timestamp:1234" "the trusted comment is 'timestamp:1234', not of the form 'app=bookshelf version=@V file=@F'"
signed "version=@V app=$app file=@F" "the trusted comment is 'version=@V app=bookshelf file=@F', not of the form 'app=bookshelf version=@V file=@F'"
another
sed -i "s/version=$bad/version=9.9.9/" "$src/$archive.minisig"
refused 1 "$archive: the trusted comment is not signed" lift update $app
another
minisign -S -l -s "$work/key" -m "$src/$archive" -x "$src/$archive.minisig" -t "app=$app version=$bad file=$archive" >/dev/null </dev/null
refused 1 "$archive: the signature is in the old format, which liftlock does not accept" lift update $app
hint "sign again with 'minisign -H' or 'liftlock release'"
good_again

note "the index's signature"
index_signed_as "app=other index=999" "the signature is for app 'other', not 'bookshelf'"
index_signed_as "app=$app index=12x" "the signed index number '12x' is not a whole number"
index_signed_as "app=$app index=99999999999999999999" "the signed index number '99999999999999999999' is not a whole number"
index_signed_as "app=$app version=1 file=releases.json" "the trusted comment is 'app=bookshelf version=1 file=releases.json', not of the form 'app=bookshelf index=...'"
index_signed_as "app=$app index=999" "the signature is of another key ($(key_id "$work/other.pub"), not $(key_id "$work/key.pub"))" "$work/other"
another
echo ' ' >>"$src/releases.json"
refused 1 "${url}releases.json: the signature does not fit the file" lift update $app
another
rm "$src/releases.json.minisig"
refused 1 "${url}releases.json: there is no signature beside it" lift update $app
hint "the publisher signs it with 'liftlock release http --key'"
another
mkdir "$work/older"
cp "$src/releases.json" "$src/releases.json.minisig" "$work/older/"
older=$index_number
good_again
cp "$work/older/"* "$src/"
refused 1 "${url}releases.json: index $older is older than $index_number, which was seen before" lift update $app
hint "the source or somebody between serves old files; if the publisher began anew, reinstall the app"
index $older
refused 1 "${url}releases.json: index $older is older than $((older + 1)), which was seen before" lift update $app
index_number=$((older + 1))
good_again

note "the index"
indexed() { # indexed PYTHON TEXT [EXIT]: a signed index with nonsense in it
    another
    change_index "$1"
    refused "${3:-1}" "$(echo "$2" | sed "s/@V/$bad/g")" lift update $app
}
at_the_last() { # the line of a key of the index's last release
    grep -n "\"$1\":" "$src/releases.json" | tail -n 1 | cut -d: -f1
}
lists() { # lists PYTHON KEY COLUMN TEXT: nonsense in the last release
    another
    change_index "$1"
    refused 1 "releases.json:$(at_the_last "$2"):$3: $4" lift update $app
}
indexed "index['app'] = 'other'" "${url}releases.json: this is the index of 'other', not of 'bookshelf'"
lists "index['releases'].append(dict(last))" version 15 "release $(next "$bad") is listed twice"
lists "last['size'] = -1" size 12 "'size' must be a whole number of at least 0, not '-1'"
lists "last['size'] = 10**30" size 12 "'size' must be a whole number of at least 0, not '1000000000000000000000000000000'"
lists "last['size'] = 'big'" size 12 "'size' must be a whole number of at least 0, not 'big'"
lists "last['sha256'] = 'xyz'" sha256 14 "'sha256' must be 64 hexadecimal digits, not 'xyz'"
lists "last['url'] = 'http://joe:secret@127.0.0.1/x.tar.gz'" url 11 "'url' must not hold a user or password"
lists "last['url'] = 'file:///etc/passwd'" url 11 "'url' must be an http or https address or a relative path, not 'file:///etc/passwd'"
lists "last['url'] = '//example.org/x'" url 11 "'url' must be an http or https address or a relative path, not '//example.org/x'"
lists "last['version'] = '../../x'" version 15 "'version' must be a version such as 2.1.0, not '../../x'"
lists "last['tree'] = 'xyz'" tree 12 "'tree' must be 64 hexadecimal digits, not 'xyz'"
lists "last['pack'] = {'url': '//x', 'sha256': '0' * 64, 'size': 1}" url 12 "'url' must be an http or https address or a relative path, not '//x'"
lists "last['table'] = {'url': 'x', 'sha256': '0' * 64, 'size': 0}" size 13 "'size' must be a whole number of at least 1, not '0'"
lists "last['deltas'] = [{'from': '1.0.0', 'from_tree': 'xyz', 'memory': 1, 'url': 'x', 'sha256': '0' * 64, 'size': 1}]" from_tree 19 "'from_tree' must be 64 hexadecimal digits, not 'xyz'"
good_again
indexed "last['tree'] = '0' * 64" "bookshelf @V: the archive does not hold the tree that was signed"
indexed "last['url'] = '../../x.tar.gz'" "the index names '../../x.tar.gz', which leads above the root of its host"
indexed "last['url'] = 'http://127.0.0.1:1/x.tar.gz'" "cannot reach 127.0.0.1:1: connection refused"
indexed "del last['sha256']" "bookshelf @V: the index gives no digest for it"
indexed "last['size'] = 2**63 - 1" "bookshelf @V: the release has 9223372036855 MB, this host takes at most 8590 MB" 3
hint "if that is right, raise max_release_size in the configuration"
indexed "last['unpacked_size'] = 2**63 - 1" "bookshelf @V: the release has 9223372036855 MB, this host takes at most 8590 MB" 3
indexed "last['size'] = 1" "fetch ${url}bookshelf-@V.tar.gz: more than 1 bytes"
indexed "index['channels']['stable'] = '8.8.8'" "releases.json:5:13: 'stable' names release '8.8.8', which is not listed"
indexed "index = []" "releases.json:1:1: must be a map, not a list"
another
change_index "last['withdrawn'] = True; last['withdrawn_reason'] = 'eats books'"
expect_exit 0 lift update $app
expect_text "$out" "  passed over: $bad was withdrawn: eats books"
refused 3 "bookshelf: $bad was withdrawn: eats books" lift update $app --to "$bad"
release 1.0.0
offer 1.0.0
another
expect_same "the index lists" "$(tr '\n' ' ' <"$work/offers")" "1.0.0 $bad "
refused 3 "bookshelf: 1.0.0 is older than the installed $live" lift update $app --to 1.0.0
hint "use 'liftlock rollback bookshelf --to 1.0.0'"
change_index "index['channels']['stable'] = '1.0.0'"
refused 0 "" lift update $app
expect_text "$out" "bookshelf: up to date ($live)"
refused 3 "bookshelf: 1.0.0 is older than the installed $live" lift update $app --to 1.0.0 --force
withdraw_offer 1.0.0
for json in '{"app":"bookshelf","releases":[' '{"app":"bookshelf","app":"x","releases":[]}' "$(printf '%100s' '' | tr ' ' '[')"; do
    another
    echo "$json" >"$src/releases.json"
    index_signed
    case $json in
    *'"x"'*) refused 1 'releases.json:1:20: the key "app" appears twice (line 1)' lift update $app ;;
    *'[[['*) refused 1 'releases.json:1:65: nested deeper than 64 levels' lift update $app ;;
    *) refused 1 'releases.json:2:1: expected a value, found the end of the text' lift update $app ;;
    esac
done
good_again

note "the server"
server_does() { # server_does "PATH MISCHIEF" TEXT: @ is the archive
    another
    { cat "$work/always" && echo "$1" | sed "s/@/$archive/"; } >"$work/mischief"
    list=$(stat -c %s "$src/releases.json")
    bytes=$(stat -c %s "$src/$archive")
    refused 1 "$(echo "$2" | sed "s/@/$archive/; s|URL|$url|; s/SIZE/$bytes/; s/LIST/$list/")" lift update $app
    cp "$work/always" "$work/mischief"
}
server_does '/releases.json absent' "fetch URLreleases.json: HTTP 404"
server_does '/releases.json broken 500' "fetch URLreleases.json: HTTP 500"
server_does '/releases.json endless' "fetch URLreleases.json: more than 1048576 bytes"
server_does '/releases.json truncated 20' "fetch URLreleases.json: the transfer broke off after 20 of LIST bytes"
server_does '/releases.json reset' "fetch URLreleases.json: the server closed without an answer"
server_does '/releases.json garbage' "fetch URLreleases.json: not an HTTP answer"
server_does '/releases.json other' "URLreleases.json: the signature does not fit the file"
server_does '/releases.json redirect file:///etc/passwd' "fetch URLreleases.json: redirected to 'file:', which is neither http nor https"
server_does '/releases.json redirect /releases.json' "fetch URLreleases.json: more than 3 redirects"
server_does '/releases.json partial' "fetch URLreleases.json: HTTP 206, though all of it was asked for"
server_does '/releases.json gzip' "fetch URLreleases.json: compressed, though nobody asked for it"
server_does '/releases.json headers' "fetch URLreleases.json: its headers do not end"
server_does '/releases.json.minisig absent' "URLreleases.json: there is no signature beside it"
server_does '/releases.json.minisig endless' "fetch URLreleases.json.minisig: more than 16384 bytes"
good_again
server_does '/@ absent' "fetch URL@: HTTP 404"
server_does '/@ endless' "fetch URL@: more than SIZE bytes"
server_does '/@ longer' "fetch URL@: more than SIZE bytes"
server_does '/@ truncated 1000' "fetch URL@: the transfer broke off after 1000 of SIZE bytes"
server_does '/@ reset' "fetch URL@: the server closed without an answer"
server_does '/@.minisig endless' "fetch URL@.minisig: more than 16384 bytes"
good_again

note "changed between plan and update"
another
expect_exit 0 lift plan $app
plan=$(sed -n 's/^  digest     //p' "$out")
echo "# another tree" >>"$work/tree/books.py"
offer "$bad"
refused 3 "bookshelf: the plan is no longer the one that you saw" lift update $app --plan "$plan"
hint "look again with 'liftlock plan bookshelf'"
another
expect_exit 0 lift plan $app
plan=$(sed -n 's/^  digest     //p' "$out")
echo "not what was planned" >"$src/$archive"
sign "$archive" "app=$app version=$bad file=$archive"
refused 1 "$archive: the signature does not fit the file" lift update $app --plan "$plan"
another
expect_exit 0 lift plan $app
plan=$(sed -n 's/^  digest     //p' "$out")
echo "not what was planned" >"$src/$archive"
expect_exit 0 lift update $app --plan "$plan"
live=$bad
runs
verdict "what was verified is installed, not what is there now" $?
good_again

note "a cut connection goes on where it broke"
another
head -c 3000000 /dev/urandom >"$work/tree/cover.jpg"
offer "$bad"
size=$(stat -c %s "$src/$archive")
{ cat "$work/always" && echo "/$archive truncated 1800000"; } >"$work/mischief"
refused 1 "fetch $url$archive: the transfer broke off after 1800000 of $size bytes" lift update $app
cp "$work/always" "$work/mischief"
expect_exit 0 lift update $app
live=$bad
runs
verdict "it goes live" $?
expect_same "what was sent of it" "$(sed -n "s|^/$archive ||p" "$work/requests" | tr '\n' ,)" "200 0 1800000,206 1800000 $((size - 1800000)),"

note "nobody there"
conf=$host/etc/liftlock/apps/$app.toml
cp "$conf" "$work/good.toml"
sed "s|^url = .*|url = \"http://127.0.0.1:1/\"|" "$work/good.toml" >"$conf"
refused 1 "cannot reach 127.0.0.1:1: connection refused" lift update $app
sed "s|^url = .*|url = \"http://nobody.invalid/\"|" "$work/good.toml" >"$conf"
refused 1 "cannot reach nobody.invalid:80: its name is not known" lift update $app
cp "$work/good.toml" "$conf"
good_again

note "servers that keep us waiting"
for name in stalled slow; do
    wait_for 70 test -s "$work/$name.status"
    expect_same "the exit status with the $name server" "$(cat "$work/$name.status")" 1
    expect_no_file "$work/$name/opt/$app"
    expect_no_file "$work/$name/etc/liftlock/apps/$app.toml"
done
expect_text "$work/stalled.err" "liftlock: fetch ${url}stalled/releases.json: less than 1 kB/s for 30 s"
expect_text "$work/slow.err" "liftlock: fetch ${url}slow/releases.json: less than 1 kB/s for 30 s"
