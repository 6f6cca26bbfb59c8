#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftlock is root, and the app's user plants links to a file of root's wherever root will write: the file is never
# read for him, changed, followed or given away, and either liftlock refuses in these words or it copes.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
if [ "$(id -u)" != 0 ]; then
    verdict "this scenario runs as root" 1
    exit
fi
host=$(mktemp -d /tmp/liftlock-root.XXXXXX) # $work belongs to the app's user, and liftlock would refuse to work below it
chmod 755 "$host"
scenario_end() {
    for pid in $(grep -lsaF "LIFTLOCK_APP_ROOT=$host/" /proc/[0-9]*/environ | cut -d/ -f3 | tr '\n' ' '); do
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$host"
}
lift() { env LIFTLOCK_ROOT="$host" liftlock "$@"; }
user() { as_user sh -c "$1"; }
root=$host/opt/$app
shared=$root/shared
mkdir -p "$host/etc/liftlock" "$src" "$host/safe/sub"
echo 'allow_trust_none = true' >"$host/etc/liftlock/liftlock.toml"
echo "root's own" >"$host/safe/secret"
chmod 600 "$host/safe/secret"
chmod 711 "$host/safe"

# Root's own: names, owners, modes, link counts, content.
treasure() { find "$host/safe" -printf '%P %y %m %U %G %n\n' -type f -exec cat {} + | sort; }
untouched=$(treasure)
safe() { # safe TEXT
    [ "$(treasure)" = "$untouched" ]
    same=$?
    verdict "root's file is untouched: $1" $same
    [ $same = 0 ] || note "but it is: $(treasure)"
}

release $live
offer $live
expect_exit 0 lift install "$src" --trust none --name $app --user liftlock-test
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
bad=$live
expect_same "who the app runs as" "$(stat -c %U "$shared/books.db")" liftlock-test

another() {
    withdraw_offer "$bad"
    bad=$(next "$bad")
    release "$bad"
}

copes() { # copes TEXT: the update goes through all the same
    lift update $app >"$out" 2>"$err"
    got=$?
    live=$bad
    [ $got = 0 ] && runs
    verdict "it copes: $1" $?
    [ $got = 0 ] || explain "$out" "$err"
    safe "$1"
}

good_again() {
    another
    offer "$bad"
    copes "the next good update works: $bad"
}

note "the maintenance file"
another
offer "$bad"
user "ln -s $host/safe/secret $shared/maintenance"
copes "a link instead of the maintenance file"
another
offer "$bad"
user "ln -s $host/safe/planted $shared/maintenance"
copes "a link to what is not there"
user "mkdir $shared/maintenance"
another
offer "$bad"
lift update $app >"$out" 2>"$err"
safe "a directory instead of the maintenance file"
user "rmdir $shared/maintenance"
good_again

note "logs"
another
offer "$bad"
user "rm -rf $root/logs/*; ln -s $host/safe/secret $root/logs/update.log; ln -s $host/safe/secret $root/logs/web.log"
copes "links instead of logs"
another
offer "$bad"
user "rm -rf $root/logs/*"
ln "$host/safe/secret" "$root/logs/update.log" # the kernel mostly forbids it to others
ln "$host/safe/secret" "$root/logs/web.log"
lift update $app >"$out" 2>"$err"
expect_same "the exit status" $? 0
live=$bad
rm "$root/logs/update.log" "$root/logs/web.log"
safe "hard links instead of logs"
another
offer "$bad"
user "mkfifo $root/logs/update.log $root/logs/web.log"
copes "pipes instead of logs"
user "rm $root/logs/*"
another
offer "$bad"
user "rmdir $root/logs 2>/dev/null; true"
copes "the logs' directory as it is"

note "the database"
another
offer "$bad"
user "mv $shared/books.db $shared/moved; ln -s $host/safe/secret $shared/books.db"
lift update $app >"$out" 2>"$err"
expect_same "the exit status" $? 3
expect_text "$err" "liftlock: bookshelf: data 'books': shared/books.db is a symbolic link"
expect_text "$err" "  data must lie where the manifest says, below $root"
safe "a link instead of the database"
user "rm $shared/books.db*; mv $shared/moved $shared/books.db"
good_again

note "shared paths"
shares() { # shares LINES: a release that brings conf/a.ini, media/ and b.ini
    another
    printf 'shared: [{path: conf/a.ini, class: config}, {path: media, class: cache}, {path: b.ini, class: config}]\n' >>"$work/tree/liftlock.yaml"
    mkdir "$work/tree/conf" "$work/tree/media"
    echo "from the release" | tee "$work/tree/conf/a.ini" "$work/tree/media/m" >"$work/tree/b.ini"
    offer "$bad"
}
shares
user "ln -s $host/safe $shared/conf"
lift update $app >"$out" 2>"$err"
expect_same "the exit status" $? 3
grep -q "^liftlock: bookshelf: data 'shared-conf_a_ini-[0-9a-f]*': cannot open 'shared/conf': a symbolic link is in the way$" "$err"
verdict "the plan names the link" $?
safe "a link instead of a shared directory's parent"
user "rm $shared/conf"
shares
user "ln -s $host/safe $shared/media; ln -s $host/safe/planted $shared/b.ini"
lift update $app >"$out" 2>"$err"
expect_same "the exit status" $? 3
safe "links instead of shared paths"
user "rm -rf $shared/media $shared/b.ini $shared/conf"
shares
copes "shared paths, once nothing is in the way"
expect_same "whose the shared file is" "$(stat -c %U "$shared/conf/a.ini" "$shared/b.ini" "$shared/media/m" | uniq)" liftlock-test
another
cp "$root/current/liftlock.yaml" "$work/tree/liftlock.yaml"
manifest "s/^version: .*/version: $bad/"
mkdir "$work/tree/conf" "$work/tree/media"
touch "$work/tree/conf/a.ini" "$work/tree/b.ini"
offer "$bad"
user "rm -rf $shared/conf; ln -s $host/safe $shared/conf"
lift update $app >"$out" 2>"$err"
expect_same "the exit status" $? 3
safe "a link that takes a shared directory's place later"
user "rm $shared/conf"
another
offer "$bad"
lift update $app >"$out" 2>"$err"
expect_same "the exit status when the release shares it no longer" $? 0
live=$bad

note "what a build leaves in the tree"
another
sed -i '$a build: ["ln -s '"$host/safe/secret"' planted; ln -s '"$host/safe"' dir; mkdir -m 777 wide; mkdir -m 0 closed; rm books.py; ln -s '"$host/safe/secret"' books.py; printf x >set; chmod 6755 set"]' "$work/tree/liftlock.yaml"
offer "$bad"
lift update $app >"$out" 2>"$err"
expect_text "$err" "liftlock: trial of bookshelf $bad: version: exit status 1"
safe "links in the tree that was built"
expect_same "what may be written or is set-uid in releases" "$(find "$root"/releases/[0-9]* \( -perm /6000 -o -perm /222 \) ! -type l | wc -l)" 0
good_again

note "links that come and go while root works"
another
printf 'shared: [{path: conf/a.ini, class: config}]\n' >>"$work/tree/liftlock.yaml"
mkdir "$work/tree/conf"
echo x >"$work/tree/conf/a.ini"
offer "$bad"
cat >"$work/swap" <<'END'
import ctypes, os, sys
shared, safe = sys.argv[1:]
os.chdir(shared)
os.makedirs("conf", exist_ok=True)
os.symlink(safe, "link")
os.symlink(safe + "/secret", "other")
libc = ctypes.CDLL(None)
while True:
    libc.renameat2(-100, b"conf", -100, b"link", 2)
    for name in ("maintenance", "../logs/update.log", "../logs/web.log"):
        try:
            os.symlink(safe + "/secret", name)
        except OSError:
            try:
                os.unlink(name)
            except OSError:
                pass
END
in_background as_user /usr/bin/python3 "$work/swap" "$shared" "$host/safe"
swapper=$!
for try in 1 2 3; do
    lift update $app >"$out" 2>"$err"
    safe "try $try: $(said)"
    lift allow $app "$bad" >/dev/null 2>&1
done
for pid in $(cat "/proc/$swapper/task/$swapper/children") $swapper; do
    kill "$pid" 2>/dev/null
done
wait "$swapper" 2>/dev/null
user "cd $shared && rm -rf conf link other maintenance ../logs/*"
live=$(basename "$(readlink "$root/current")")
good_again

note "a root that the app's user may write to"
another
offer "$bad"
chown liftlock-test "$root"
lift update $app >"$out" 2>"$err"
expect_same "the exit status" $? 2
expect_text "$err" "liftlock: $root: the app's user 'liftlock-test' may write here"
expect_text "$err" "  chown root:root $root && chmod go-w $root"
safe "a root that is his"
chown root "$root"
live=$bad
lift update $app >"$out" 2>"$err"
expect_same "the exit status once it is root's again" $? 0
runs
verdict "and it is live" $?
safe "to the end"
