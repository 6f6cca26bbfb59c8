#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Row S06: what an update in place would do with the files that a user edited is in the plan, as a diff, before anything
# changes; and whoever does not look is not surprised either.
# shellcheck disable=SC2119,SC2154 # $host and others come from the libraries
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"
root=$host/opt/bookshelf
make() { # make VERSION OLDER
    t=$work/tree-$1
    if [ -n "${2:-}" ]; then as_user cp -R "$work/tree-$2" "$t"; else as_user mkdir -p "$t"; fi
    printf '%s\n' "app: bookshelf" "version: $1" "probe: {successes: 1, interval: 10ms, settle: 0}" \
        "observe: {window: 0}" "files: {'config.toml': {action: merge_toml}, 'src/**': {action: replace}}" |
        as_user tee "$t/liftlock.yaml" >/dev/null
}
put() { as_user mkdir -p "$(dirname "$work/tree-$1/$2")" && as_user tee "$work/tree-$1/$2" >/dev/null; } # put VERSION FILE
edit() { as_user tee "$root/$1" >/dev/null; }
everything() { # but the cache, and what is known of the source
    (cd "$host" && find . -path ./var/lib/liftlock/bookshelf/cache -prune -o -path ./run -prune -o -type f ! -name 'state.db-*' ! -name offer.json -print0 | sort -z | xargs -0 sha256sum)
}
says() { # says TEXT: within a line of the answer
    grep -qF -e "$1" "$out"
    verdict "it says: $1" $?
}
shown() { sed -n '/^    /p' "$out" | sed 's/^    //'; } # the differences in a plan

make 1.0.0
put 1.0.0 config.toml <<'END'
# the shop
title = "Books"
password = "changeme"

[server]
port = 8000
workers = 2
END
echo "ONE = 1" | put 1.0.0 src/one.py
echo "from the release" | put 1.0.0 notes.txt
publish 1.0.0
expect_exit 0 lift install "$source" --trust none --name bookshelf

edit config.toml <<'END'
# the shop
title = "My books"
password = "s3cret"

[server]
port = 80
workers = 2
END
echo "ONE = 'mine'" | edit src/one.py
make 1.1.0 1.0.0
put 1.1.0 config.toml <<'END'
# the shop
title = "Books"
password = "changeme"

[server]
port = 8080
workers = 4
# how long a request may take
timeout = 30
END
echo "TWO = 2" | put 1.1.0 src/two.py
publish 1.1.0

note "the plan shows what becomes of the files"
before=$(everything)
expect_exit 0 lift plan bookshelf
expect_text "$out" "  note       files: 1 added, 2 replaced, 1 merged"
expect_text "$out" "  note       config.toml:6: conflict: server.port: changed here and in the release"
expect_text "$out" "  note       config.toml:7: updated: server.workers"
expect_text "$out" "  note       config.toml: added: server.timeout"
expect_text "$out" "  note       src/one.py was edited here and gives way to the release's, as its rule says"
expect_same "the differences: what the merge does, what the release has instead, what is lost" "$(shown)" '--- config.toml
+++ config.toml, merged
@@ -4,4 +4,6 @@
 
 [server]
 port = 80
-workers = 2
+workers = 4
+# how long a request may take
+timeout = 30
--- config.toml
+++ config.toml of the new release
@@ -1,7 +1,9 @@
 # the shop
-title = "My books"
-password = "s3cret"
+title = "Books"
+password = "changeme"
 
 [server]
-port = 80
-workers = 2
+port = 8080
+workers = 4
+# how long a request may take
+timeout = 30
--- src/one.py
+++ src/one.py of the new release
@@ -1 +1 @@
-ONE = '"'mine'"'
+ONE = 1'
expect_same "nothing of the app has changed" "$(everything)" "$before"
[ ! -e "$host/var/lib/liftlock/bookshelf/staging/plan" ]
verdict "the place where it was looked at is gone" $?
expect_exit 0 lift update bookshelf --dry-run
expect_same "a dry run shows as much" "$(shown | head -n 2)" '--- config.toml
+++ config.toml, merged'
expect_exit 0 lift plan bookshelf --json
json "JSON names places" '"config.toml:6: conflict: server.port: changed here and in the release" in j["notes"]'
! grep -rqa s3cret "$out" "$err" "$host/var/lib/liftlock"
verdict "and no value" $?

note "whoever does not look keeps what is his, and the log says where"
expect_exit 0 lift update bookshelf --unattended
expect_same "the user's key, and the release's" "$(cat "$root/config.toml")" '# the shop
title = "My books"
password = "s3cret"

[server]
port = 80
workers = 4
# how long a request may take
timeout = 30'
expect_exit 0 lift logs bookshelf
says "note      config.toml:6: conflict: server.port: changed here and in the release"
says "note      src/one.py was edited here and gives way to the release's, as its rule says"
! grep -rqa s3cret "$out" "$host/var/lib/liftlock"
verdict "no value is in a log" $?

note "what nobody gave a rule stops the plan, and is shown"
echo "from me" | edit notes.txt
make 1.2.0 1.1.0
echo "from the release, again" | put 1.2.0 notes.txt
as_user sed -i 's/port = 8080/port = = 1/' "$work/tree-1.2.0/config.toml"
publish 1.2.0
before=$(everything)
expect_exit 3 lift plan bookshelf
says "  AGAINST    config.toml of the new release:6:8: expected a value, found \"=\""
expect_text "$out" "  AGAINST    notes.txt was edited here and changed by the release"
expect_text "$out" "             settle it by hand, or say --take-release: the release's file comes, and yours is kept beside it"
expect_same "the difference" "$(shown | grep -v "^ *settle")" '--- notes.txt
+++ notes.txt of the new release
@@ -1 +1 @@
-from me
+from the release, again'
expect_same "nothing has changed" "$(everything)" "$before"
expect_exit 3 lift update bookshelf
expect_text "$err" "liftlock: bookshelf: config.toml of the new release:6:8: expected a value, found \"=\" (and 1 more, see 'liftlock logs')"
expect_text "$err" "  settle it by hand, or say --take-release: the release's file comes, and yours is kept beside it ('liftlock plan bookshelf' shows both)"
expect_exit 0 lift logs bookshelf
says "note      conflict: notes.txt was edited here and changed by the release"
expect_exit 0 lift plan bookshelf --take-release
expect_text "$out" "  note       notes.txt is kept as notes.txt.before-1.2.0"
says "  note       config.toml cannot be merged and gives way to the release's: config.toml of the new release:6:8: "

note "a file that is broken here, and one that was broken in the release that is installed"
expect_exit 0 lift update bookshelf --take-release
expect_same "the user's is beside it" "$(sed -n 6p "$root/config.toml.before-1.2.0")" "port = 80"
printf 'title = "My books"\nport = 1\n' | edit config.toml
make 1.3.0 1.2.0
printf 'title = "Books"\nport = 2\n' | put 1.3.0 config.toml
publish 1.3.0
expect_exit 3 lift plan bookshelf
says "  AGAINST    config.toml of the installed release:6:8: expected a value, found \"=\""
echo "title = = 3" | edit config.toml
expect_exit 3 lift plan bookshelf
says "  AGAINST    config.toml:1:9: expected a value, found \"=\""

note "the way back is shown like the way there"
expect_exit 0 lift update bookshelf --take-release
echo "mine again" | edit config.toml
expect_exit 3 lift rollback bookshelf --to 1.1.0 --dry-run
says "  AGAINST    config.toml:1:6: "
as_user rm "$root/config.toml"
expect_exit 0 lift rollback bookshelf --to 1.1.0 --dry-run
expect_text "$out" "  note       files: 1 added, 2 replaced"

note "an install over a folder that somebody has filled says what it would meet"
expect_exit 0 lift uninstall bookshelf --yes
echo "not theirs" | edit notes.txt
before=$(everything)
expect_exit 3 lift install "$source" --trust none --name bookshelf --dry-run
expect_text "$out" "  AGAINST    notes.txt is there already, and is not the release's"
expect_same "nothing has changed" "$(everything)" "$before"
