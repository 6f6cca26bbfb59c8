#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bad input of an app in place: a configuration file that is wrong in the user's, the old or the new version, in every
# language that is merged; patterns that escape or match nothing, rules that contradict, ten thousand of them and one more,
# conditions that ask nothing. Each is refused in the plan, by place, and nothing changes.
# shellcheck disable=SC2119,SC2154 # $host and others come from the libraries
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
root=$host/opt/bookshelf
number=0
put() { as_user tee "$1" >/dev/null; }
everything() { (cd "$root" && find . -name .liftlock-store -prune -o -name .liftlock -prune -o -name logs -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

good() { # good LANGUAGE VALUE: a file of it
    case $1 in
    toml | ini) printf '[a]\nkey = %s\nother = 1\n' "$2" ;;
    yaml) printf 'a:\n  key: %s\n  other: 1\n' "$2" ;;
    json) printf '{\n  "a": {"key": %s},\n  "other": 1\n}\n' "$2" ;;
    env) printf 'KEY=%s\nOTHER=1\n' "$2" ;;
    esac
}
bad() { # bad LANGUAGE: a file that is none of it
    case $1 in
    toml) printf '[a]\nkey = = 1\n' ;;
    ini) printf '[a]\nkey = 1\n[b\n' ;;
    yaml) printf 'a:\n  key: [1\n' ;;
    json) printf '{\n  "a": 1,,\n}\n' ;;
    env) printf 'KEY=1\nno word\n' ;;
    esac
}
wrong() { # wrong LANGUAGE: where, and what is said of it
    case $1 in
    toml) echo '2:7: expected a value, found "="' ;;
    ini) echo "3:3: expected ']' after the name of the section" ;;
    yaml) echo "2:8: the brackets that open here are never closed" ;;
    json) echo '2:10: expected a key in double quotes, found ","' ;;
    env) echo "2:4: expected '=' after the name" ;;
    esac
}
release() { # release OLDER: the next version, made like that one; what is to be put into it comes then
    older=$number
    number=$((number + 1))
    version=$number.0.0
    t=$work/tree-$version
    as_user mkdir -p "$t"
    [ "$older" = 0 ] || as_user cp -R "$work/tree-$older.0.0/." "$t/"
    {
        printf '%s\n' "app: bookshelf" "version: $version" "probe: {successes: 1, interval: 10ms, settle: 0}" "observe: {window: 0}" "layout: files" "files:"
        for language in toml ini yaml json env; do printf '  file.%s: {action: merge_%s}\n' $language $language; done
    } | put "$t/liftlock.yaml"
    for language in toml ini yaml json env; do good $language "$number" | put "$t/file.$language"; done
}
against() { # against TEXT...: the plan has these lines and the update ends with the first; nothing has changed
    before=$(everything)
    expect_exit 3 lift plan bookshelf
    for text; do expect_text "$out" "  AGAINST    $text"; done
    expect_exit 3 lift update bookshelf
    grep -qF "liftlock: bookshelf: $1" "$err"
    verdict "the update says: $1" $?
    expect_same "all files" "$(everything)" "$before"
}
refused() { # refused TEXT: the manifest, by line and column; nothing has changed
    before=$(everything)
    publish "$version"
    expect_exit 1 lift update bookshelf
    expect_text "$err" "liftlock: $1"
    expect_same "all files" "$(everything)" "$before"
    sed -i '$d' "$work/published"
}

note "syntax errors in the user's file"
release
publish "$version"
expect_exit 0 lift install "$source" --trust none --name bookshelf
release
publish "$version"
for language in toml ini yaml json env; do
    bad $language | put "$root/file.$language"
    against "file.$language:$(wrong $language)"
    good $language 1 | put "$root/file.$language"
done
expect_exit 0 lift update bookshelf

note "in the new one, where it would have to be merged"
users() { for language in toml ini yaml json env; do good $language "$1" | put "$root/file.$language"; done; }
all_of() { for language in env ini json toml yaml; do echo "file.$language of the $1 release:$(wrong $language)"; done; }
release
for language in toml ini yaml json env; do bad $language | put "$t/file.$language"; done
publish "$version"
users 9
before=$(everything)
expect_exit 3 lift plan bookshelf
expect_same "all that is against it" "$(sed -n 's/^  AGAINST    //p' "$out")" "$(all_of new)"
expect_exit 3 lift update bookshelf
expect_text "$err" "liftlock: bookshelf: $(all_of new | head -n 1) (and 4 more, see 'liftlock logs')"
expect_same "all files" "$(everything)" "$before"
users 2
expect_exit 0 lift update bookshelf

note "in the one that was installed, against which the user's edits are told"
release
publish "$version"
users 9
before=$(everything)
expect_exit 3 lift plan bookshelf
expect_same "all that is against it" "$(sed -n 's/^  AGAINST    //p' "$out")" "$(all_of installed)"
expect_same "all files" "$(everything)" "$before"
expect_exit 0 lift update bookshelf --take-release
expect_same "the release's" "$(cat "$root/file.toml" "$root/file.json")" "$(good toml 4 && good json 4)"
expect_same "and the user's beside it" "$(find "$root" -maxdepth 1 -name 'file.toml?*' -exec cat {} +)" "$(good toml 9)"

note "rules that escape, contradict, or ask nothing; a manifest of another app"
ruled() { # ruled TEXT YAML: the manifest with that is refused with this, by `manifest check` and as a release
    release
    printf '%b\n' "$2" | as_user tee -a "$t/liftlock.yaml" >/dev/null
    expect_exit 1 lift manifest check "$t/liftlock.yaml"
    expect_text "$err" "liftlock: $t/liftlock.yaml:$1"
    refused "liftlock.yaml:$1"
    number=$((number - 1))
}
ruled "12:3: pattern '../outside' must stay inside: no '.' or '..'" '  ../outside: {action: replace}'
ruled "12:3: pattern '/etc/*' must not begin with '/': it is relative to the app" '  "/etc/*": {action: replace}'
ruled "13:3: pattern 'src/main.py' is never reached: 'src/**' on line 12 comes first and says 'replace'" '  "src/**": {action: replace}\n  src/main.py: {action: skip}'
ruled "12:32: cleanup of 'data/old' contradicts the directory 'data', which is preserved (line 13)" 'cleanup: {remove_directories: [data/old]}\ndirectories: {data: {preserve: true}}'
deep=$(printf 'not %.0s' $(seq 20))
ruled "12:28: 'condition', character 1: two constants compare the same on every host" "conditionals: [{condition: '1 == 1', action: skip_update, message: x}]"
ruled "12:28: 'condition', character 1: unknown word 'is_due'" "conditionals: [{condition: 'is_due and 1 == 1', action: skip_update, message: x}]"
ruled "12:28: 'condition', character 65: more than 16 brackets or 'not' inside one another" "conditionals: [{condition: '${deep}true', action: skip_update, message: x}]"
release
as_user sed -i 's/^app: .*/app: other/' "$t/liftlock.yaml"
refused "the manifest is of 'other', not of 'bookshelf'"
number=$((number - 1))

note "patterns that match nothing do nothing; ten thousand rules are read, one more is not"
rules() { # rules COUNT: of the manifest
    release
    /usr/bin/python3 -c "
for i in range($1 - 5):
    print('  \"d%d/**/*.x\": {action: %s}' % (i, ('skip', 'replace')[i % 2]))" | as_user tee -a "$t/liftlock.yaml" >/dev/null
}
rules 10001
refused "liftlock.yaml:7:3: 'files' has 10001 rules, more than the 10000 that are read"
number=$((number - 1))
rules 10000
publish "$version"
begun=$(date +%s)
expect_exit 0 lift update bookshelf
ok "within ten seconds" test $(($(date +%s) - begun)) -le 10
expect_same "the release's" "$(cat "$root/file.toml")" "$(good toml $number)"
