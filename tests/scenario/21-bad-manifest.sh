#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A publisher errs in the manifest, inside the archive or beside it: the error names the place, nothing changes, and
# the next release that is good goes live.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
bad=$live

another() { # the next bad release takes the place of the last
    withdraw_offer "$bad"
    bad=$(next "$bad")
    release "$bad"
}

# From a good one on, the bad ones go on after it.
good_again() {
    withdraw_offer "$bad"
    live=$(next "$bad")
    release "$live"
    offer "$live"
    expect_exit 0 lift update $app
    runs
    verdict "the next good update works: $live" $?
    bad=$live
    echo "$live" >"$work/offers" # the bad ones take their own places behind it
}

edited() { # edited SED TEXT: the manifest with an edit
    another
    manifest "$1"
    offer "$bad"
    refused 1 "$2" lift update $app
}

added() { # added LINES PLACE-AND-TEXT: with lines at the end; the first is line 22
    another
    printf '%b\n' "$1" >>"$work/tree/liftlock.yaml"
    offer "$bad"
    refused 1 "liftlock.yaml:$2" lift update $app
}

note "keys"
edited 's/^version/verison/' "liftlock.yaml:2:1: unknown key 'verison'; did you mean 'version'?"
edited 's/^version/Version/' "liftlock.yaml:2:1: unknown key 'Version'; did you mean 'version'?"
edited 's/^identity/identify/' "liftlock.yaml:17:1: unknown key 'identify'; did you mean 'identity'?"
edited '/^version/d' "liftlock.yaml:1:1: 'version' is missing"
added 'hooks: {pre_udpate: []}' "22:9: unknown key 'pre_udpate'; did you mean 'pre_update'?"
added 'app: bookshelf' '22:1: the key "app" appears twice (line 1)'
edited 's/^probe: .*/probe: {successes: 2, successes: 3}/' 'liftlock.yaml:20:23: the key "successes" appears twice (line 20)'
good_again

note "values"
edited 's/^version: .*/version: [1]/' "liftlock.yaml:2:10: 'version' must be a version such as 2.1.0, not a list"
edited 's/^version: .*/version: "..\/x"/' "liftlock.yaml:2:10: 'version' must be a version such as 2.1.0, not '../x'"
edited 's/^fence: .*/fence: stop/' "liftlock.yaml:15:8: 'fence' must be a map, not 'stop'"
edited 's/^fence: .*/fence: {mode: half}/' "liftlock.yaml:15:15: 'mode' must be stop, file or none, not 'half'"
edited 's/^probe: .*/probe: {successes: many}/' "liftlock.yaml:20:20: 'successes' must be a whole number from 1 to 1000, not 'many'"
edited 's/^probe: .*/probe: {successes: 0}/' "liftlock.yaml:20:20: 'successes' must be a whole number from 1 to 1000, not '0'"
added 'build: {}' "22:8: 'build' must be a list of texts, not a map"
edited 's/^schema/layout: foo\nschema/' "liftlock.yaml:7:9: 'layout' must be releases, files, binaries or container, not 'foo'"
edited 's/driver: sqlite/driver: mongo/' "bookshelf: data 'books': unknown driver 'mongo'"
for time in soon '2 hours' -1s 9d 99999999999999999999d; do
    edited "s/^fence: .*/fence: {mode: stop, max: $time}/" "liftlock.yaml:15:26: 'max' must be a time from 1s to 7d, such as 30s, 5m or 2h, not '$time'"
done
good_again

note "paths, names and addresses"
edited 's/^fence: .*/fence: {mode: stop, file: ..\/x}/' "liftlock.yaml:15:27: 'file' must be a relative path that stays inside, not '../x'"
edited 's/^fence: .*/fence: {mode: stop, file: \/etc\/passwd}/' "liftlock.yaml:15:27: 'file' must be a relative path that stays inside, not '/etc/passwd'"
edited 's|path: shared/books.db|path: ../../../etc/passwd|' "liftlock.yaml:12:41: 'path' must be a relative path that stays inside, not '../../../etc/passwd'"
added 'shared: [{path: ../x}]' "22:17: 'path' must be a relative path that stays inside, not '../x'"
added 'shared: [{path: a}, {path: a/b}]' "22:28: shared paths 'a' and 'a/b' overlap"
edited 's|- {name: web.*|- {name: web}|' "liftlock.yaml:14:5: service 'web' needs either 'unit' or 'start'"
edited 's|- {name: web.*|- {name: web, unit: a.service, start: x}|' "liftlock.yaml:14:5: service 'web' needs either 'unit' or 'start'"
edited 's|- {name: web.*|- {name: web, unit: "../../x.service"}|' "liftlock.yaml:14:23: 'unit' must be a unit such as app.service, not '../../x.service'"
edited 's|- {name: web.*|- {name: "we/b", start: x}|' "liftlock.yaml:14:12: 'name' must be at most 64 letters, digits or '_.@-', not 'we/b'"
edited 's|- {name: web.*|- {name: web, start: x}\n  - {name: web, start: y}|' "liftlock.yaml:15:12: two services are named 'web'"
edited 's|^identity: .*|identity: {http: "file:///etc/passwd"}|' "liftlock.yaml:17:18: 'http' must be an http or https address, not 'file:///etc/passwd'"
edited 's|^identity: .*|identity: {}|' "liftlock.yaml:17:11: check 'identity' needs one of command, http, tcp, unix, unit, file or sql"
edited 's|^identity: .*|identity: {http: "http://h/", tcp: "h:1"}|' "liftlock.yaml:17:11: check 'identity' has both 'http' and 'tcp'; give one of them"
added 'migrations: {"two": [x]}' "22:14: a migration must be named after a version such as 2.1.0, not 'two'"
another
echo 'migrations: {"9.0.0": [x]}' >>"$work/tree/liftlock.yaml"
offer "$bad"
refused 1 "liftlock.yaml:22:14: migration '9.0.0' is newer than this release, $bad, and would never run" lift update $app
good_again

note "no YAML, or too much of it"
added 'build: &a [x]\nmigrations: {"2.0.0": *a}' "22:8: anchors are not allowed"
added 'build: [*a]' "22:9: aliases are not allowed"
added 'build: !!python/object [x]' "22:8: tags are not allowed"
added '\tbuild: [x]' "22:1: a value cannot begin with this character; a text needs quotes, indentation needs spaces"
added 'build:\n\t- x' "23:1: a value cannot begin with this character; a text needs quotes, indentation needs spaces"
added 'build: [x' "22:8: the brackets that open here are never closed"
added 'build: "\\q"' "22:9: unknown escape in a quoted text"
added 'build: "\001"' "22:9: the character U+0001 is not allowed"
added '\0377' "22:1: not valid UTF-8"
added 'a: 1\n---\napp: x' "23:1: only one document is allowed"
deep=$(printf '%100s' '' | tr ' ' '[')$(printf '%100s' '' | tr ' ' ']')
added "build: $deep" "22:71: nested deeper than 64 levels"
another
: >"$work/tree/liftlock.yaml"
offer "$bad"
refused 1 "liftlock.yaml:1:1: 'version' is missing" lift update $app
another
head -c 2097152 /dev/zero | tr '\0' '#' >>"$work/tree/liftlock.yaml"
offer "$bad"
refused 1 "bookshelf-$bad.tar.gz: entry 'liftlock.yaml': more than 1048576 bytes" lift update $app
good_again

note "whose it is"
edited 's/^version: .*/version: 9.9.9/' "the manifest is of version 9.9.9, the index says $(next "$bad")"
edited 's/^app: .*/app: other/' "the manifest is of 'other', not of 'bookshelf'"
another
echo '{}' >"$work/tree/liftlock.json"
offer "$bad"
refused 1 "bookshelf-$bad.tar.gz: both 'liftlock.json' and 'liftlock.yaml' are in it" lift update $app
nothing="nothing of liftlock.yaml, liftlock.json, update-manifest.yaml is in it"
another
mv "$work/tree/liftlock.yaml" "$work/tree/manifest.json"
offer "$bad"
refused 1 "bookshelf-$bad.tar.gz: $nothing" lift update $app
another
mv "$work/tree/liftlock.yaml" "$work/tree/real.yaml"
ln -s real.yaml "$work/tree/liftlock.yaml"
offer "$bad"
refused 1 "bookshelf-$bad.tar.gz: $nothing" lift update $app
another
rm "$work/tree/liftlock.yaml"
mkdir "$work/tree/liftlock.yaml"
offer "$bad"
refused 1 "bookshelf-$bad.tar.gz: $nothing" lift update $app
another
rm "$work/tree/liftlock.yaml"
echo "{\"app\": \"bookshelf\", \"version\": \"$bad\", \"app\": \"x\"}" >"$work/tree/liftlock.json"
offer "$bad"
refused 1 'liftlock.json:1:43: the key "app" appears twice (line 1)' lift update $app
another
rm "$work/tree/liftlock.yaml"
echo "{\"app\": \"bookshelf\", \"version\": \"$bad\",}" >"$work/tree/liftlock.json"
offer "$bad"
refused 1 'liftlock.json:1:42: expected a key in double quotes, found "}"' lift update $app
good_again

note "beside the archive"
beside() { # beside SED TEXT [PYTHON]: the manifest beside the archive with an edit, then the index with one
    another
    offer "$bad"
    sed -e "$1" "$work/tree/liftlock.yaml" >"$src/beside.yaml"
    change_index "
import hashlib
last['manifest'] = 'beside.yaml'
last['manifest_sha256'] = hashlib.sha256(open('$src/beside.yaml', 'rb').read()).hexdigest()
${3:-}"
    [ -z "${spoil:-}" ] || echo "# spoilt" >>"$src/beside.yaml"
    refused 1 "$2" lift update $app
}
beside 's/^app:/ap:/' "beside.yaml:1:1: unknown key 'ap'; did you mean 'app'?"
beside 's/^app: .*/app: other/' "the manifest is of 'other', not of 'bookshelf'"
beside 's/^version: .*/version: 7.7.7/' "the manifest is of version 7.7.7, the index says $(next "$bad")"
beside 's/^description.*/description: Another one/' "bookshelf $(next "$bad"): the archive's liftlock.yaml is not the one beside it at the source"
spoil=yes
another
offer "$bad"
digest=$(sha256sum <"$work/tree/liftlock.yaml" | cut -d' ' -f1)
spoilt=$({ cat "$work/tree/liftlock.yaml" && echo "# spoilt"; } | sha256sum | cut -d' ' -f1)
withdraw_offer "$bad"
bad=${bad%.*}.$((${bad##*.} - 1))
beside '' "beside.yaml: the digest is $spoilt, the index says $digest"
spoil=
beside '' "$src names '../../../etc/passwd', which is no path below it" "last['manifest'] = '../../../etc/passwd'"
beside '' "$src: cannot open 'beside.yaml': no such file or directory" "import os; os.unlink('$src/beside.yaml')"
good_again
