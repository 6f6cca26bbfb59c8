#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An operator errs in the configuration: every error names its place, nothing runs, and mended it goes on.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
etc=$host/etc/liftlock
conf=$etc/apps/$app.toml
cp "$conf" "$work/good.toml"

edited() { # edited SED PLACE-AND-TEXT: the app's config with an edit
    sed -e "$1" "$work/good.toml" >"$conf"
    refused 2 "$conf:$2" lift update $app
}

added() { # added LINES PLACE-AND-TEXT: the app's config with lines at its end; the first is line 10
    cp "$work/good.toml" "$conf"
    printf '%b\n' "$1" >>"$conf"
    refused 2 "$conf:$2" lift update $app
}

note "an app: keys"
edited 's/^type/tpye/' "5:1: unknown key 'tpye'; did you mean 'type'?"
edited 's/^.source./[sourse]/' "4:2: unknown key 'sourse'; did you mean 'source'?"
edited 's/^.trust.//' "9:1: unknown key 'level'"
edited 's/^type.*/&\n&/' '6:1: the key "type" appears twice (line 5)'
edited 's/^path/#/' "4:1: a source of type 'folder' needs 'path'"
edited '/^.trust/d; /^level/d' "1:1: 'trust' is missing"
added '[source]' '10:2: the table "source" is already defined (line 4)'
added '[policy]\n[policy]' '11:2: the table "policy" is already defined (line 10)'
added 'x.y = 1\nx.z = 2\nx.y = 3' '12:3: the key "x.y" appears twice (line 10)'
added '[notify."../x"]\ntype = "log"' "10:2: a name below 'notify' must be at most 32 of a-z, 0-9, '_' and '-', not '../x'"

note "an app: values"
edited 's/"folder"/3/' "5:8: 'type' must be folder, http, https, git, sftp or repository, not '3'"
edited 's/"folder"/"floder"/' "5:8: 'type' must be folder, http, https, git, sftp or repository, not 'floder'"
edited 's|^path = .*|path = "tmp/x"|' "6:8: 'path' must be an absolute path without '..', not 'tmp/x'"
edited 's|^path = .*|path = "/tmp/../x"|' "6:8: 'path' must be an absolute path without '..', not '/tmp/../x'"
edited 's/"none"/"nonne"/' "9:9: 'level' must be tuf, minisign, checksum, git or none, not 'nonne'"
edited 's/"none"/"checksum"\nkey = "x"/' "10:7: 'key' has no meaning with trust level 'checksum'"
edited 's/"none"/"minisign"/' "8:1: trust level 'minisign' needs 'key'"
edited 's/"none"/"minisign"\nkey = "RWx"/' "10:7: 'key' must be a minisign public key (RW and 54 more characters), not 'RWx'"
edited 's/^.app./&\nuser = "0"/' "3:8: 'user' must be a name of a user, not '0'"
edited 's/^.app./&\nroot = "\/"/' "3:8: 'root' must be a directory of the app's own, not '/'"
edited 's/^.app./&\nuser = "root"/' "3:8: 'user' is root, but 'privileged_hooks' is not true"
hint "the publisher's shell lines would run as root; give the app a user of its own, or allow it on purpose"
added '[policy]\nmin_age = "3 fortnights"' "11:11: 'min_age' must be a time from 0s to 3650d, such as 30s, 5m or 2h, not the text '3 fortnights'"
added '[policy]\nmin_age = -1' "11:11: 'min_age' must be a time from 0s to 3650d, such as 30s, 5m or 2h, not '-1'"
added '[policy]\nmin_age = "9999999999999999d"' "11:11: 'min_age' must be a time from 0s to 3650d, such as 30s, 5m or 2h, not the text '9999999999999999d'"
added '[policy]\nmax_attempts = "many"' "11:16: 'max_attempts' must be a whole number from 1 to 100, not 'many'"
added '[policy]\nmax_attempts = 0' "11:16: 'max_attempts' must be a whole number from 1 to 100, not '0'"
added '[policy]\nmode = "auto"' "11:8: 'mode' must be manual or dashboard, not 'auto'"
added '[policy]\npin = ">>2"' "11:7: 'pin' must be a range of versions such as >=2.0.0 <3, not '>>2'"
added '[notify.ops]\ntype = "webhook"' "10:1: notify 'ops' needs either 'url' or 'url_file'"
added '[notify.ops]\ntype = "webhook"\nurl = "http://a/"\non = []' "13:6: 'on' of notify 'ops' is empty"
hint "leave 'on' out to be told of all, or remove [notify.ops]"
edited 's|^type.*|type = "http"|; s|^path.*|url = "https://joe:secret@example.org/"|' "6:7: 'url' must not hold a user or password"
hint "put the header into a file of root's alone and name it in 'headers_file'"
expect_no_text "$err" secret
edited 's|^type.*|type = "http"|; s|^path.*|url = "file:///etc/passwd"|' "6:7: 'url' must be an http or https address, not 'file:///etc/passwd'"

note "an app: no TOML"
added 'x = ' '10:5: expected a value, found the end of the line'
added 'x = "\\q"' '10:6: unknown escape'
added 'x = "abc' '10:5: the string does not end in its line'
added 'x = "\001"' '10:6: the control character U+0001 is not allowed'
added '\0377' '10:1: not valid UTF-8'
: >"$conf"
refused 2 "$conf:1:1: 'source' is missing" lift update $app
head -c 2097152 /dev/zero | tr '\0' '#' >"$conf"
refused 2 "$conf:1:1: larger than 1 MiB" lift update $app
{
    cat "$work/good.toml"
    printf 'x = %s%s\n' "$(printf '%100s' '' | tr ' ' '[')" "$(printf '%100s' '' | tr ' ' ']')"
} >"$conf"
refused 2 "$conf:10:67: nested deeper than 64 levels" lift update $app
good_config() {
    rm -f "$conf"
    cp "$work/good.toml" "$conf"
}
rm "$conf"
mkdir "$conf"
refused 2 "$conf is not a regular file" lift update $app
rmdir "$conf"
mkfifo "$conf"
refused 2 "$conf is not a regular file" timeout 5 env LIFTLOCK_ROOT="$host" liftlock update $app
good_config
good

note "other verbs say the same"
edited 's/^type/tpye/' "5:1: unknown key 'tpye'; did you mean 'type'?"
for verb in "plan $app" "check $app" "rollback $app --yes" "restart $app" "backup create $app" "config check $app" "uninstall $app --yes"; do
    # shellcheck disable=SC2086
    refused 2 "$conf:5:1: unknown key 'tpye'; did you mean 'type'?" lift $verb
done
good_config

note "names"
for name in ../x -x 'a b' "a\$(id)" '%s' Bookshelf ''; do
    refused 2 "'$name' is not an app's name" lift update -- "$name"
done
refused 2 "'\\x1b[31mx' is not an app's name" lift update "$(printf '\033[31mx')"
refused 2 "there is no app 'bookshelv'" lift update bookshelv
hint "'liftlock status' lists the apps; 'liftlock install' adds one"
refused 2 "install: '../x' is not a name for an app" lift install "$src" --trust none --name ../x
hint "say --name with a-z, 0-9, _ and -, at most 32"

note "the host"
host_says() { # host_says CONTENT ERROR
    printf '%b' "$1" >"$etc/liftlock.toml"
    refused 2 "$2" lift update $app
}
of_host=$etc/liftlock.toml
host_says 'allow_trust_nome = true\n' "$of_host:1:1: unknown key 'allow_trust_nome'; did you mean 'allow_trust_none'?"
host_says 'allow_trust_none = "true"\n' "$of_host:1:20: 'allow_trust_none' must be true or false, not the text 'true'"
host_says 'max_entries = 1\nmax_entries = 1\n' "$of_host:2:1: the key \"max_entries\" appears twice (line 1)"
host_says 'max_index_size = "2MiB"\n' "$of_host:1:18: 'max_index_size' must be a size from 1KiB to 1MiB, such as 10MB or 1GiB, not the text '2MiB'"
host_says '\tmax_entries\t=\t1e3\n' "$of_host:1:16: 'max_entries' must be a whole number from 1 to 100000000, not '1e3'"
host_says '[app]\n' "$of_host:1:2: unknown key 'app'"
host_says 'allow_trust_none = false\n' "$app: this host does not allow trust level 'none'"
hint "if you mean it, set allow_trust_none = true in liftlock.toml"
echo 'allow_trust_none = true' >"$of_host"
export LIFTLOCK_MAX_ENTRIES=x
refused 2 "LIFTLOCK_MAX_ENTRIES: 'max_entries' must be a whole number from 1 to 100000000, not 'x'" lift update $app
unset LIFTLOCK_MAX_ENTRIES
good
