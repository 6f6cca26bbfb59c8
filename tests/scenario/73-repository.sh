#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A publisher's repository from its first day: a root that two of three people sign, releases, channels, withdrawals,
# rollouts, every key exchanged, and an audit that finds what somebody has changed. A client follows all the while.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-repo.sh"
serve_repo
people=$work/people
as_user mkdir "$people"

note "a root that two of three hold, each on a machine of their own"
for person in alice bob carol dora; do
    expect_exit 0 liftlock_repo key "$people/$person" --no-passphrase
done
expect_text "$out" "$people/dora.key is the secret key: keep it safe and to yourself; $people/dora.pub goes to whoever keeps the repository"
expect_exit 2 liftlock_repo key "$people/dora" --no-passphrase
expect_text "$err" "liftlock: $people/dora.key exists already"
expect_exit 0 liftlock_repo init "$repo" --keys "$keys" --no-passphrase --root-key "$people/alice.pub" --root-key "$people/bob.pub" --root-key "$people/carol.pub"
expect_text "$out" "$repo is a repository"
expect_text "$out" "root 1 waits for 2 more signatures: $repo/pending/1.root.json"
expect_no_file "$repo/metadata/1.root.json"
make_tree tree 1.0.0
refused 3 "$repo: its first root is not published yet" liftlock_repo add "$repo" books 1.0.0 tree --keys "$keys"
hint "it needs 2 more signatures: see 'liftlock repo sign'"
as_user cp "$repo/pending/1.root.json" "$people/for-alice.json"
as_user cp "$repo/pending/1.root.json" "$people/for-bob.json"
expect_exit 0 liftlock_repo sign "$people/for-alice.json" --keys "$people/alice.key"
expect_text "$out" "root 1 is signed: $people/for-alice.json"
expect_text "$out" "  it needs 1 more of its own keys"
expect_exit 0 liftlock_repo sign "$people/for-bob.json" --keys "$people/bob.key"
expect_exit 0 liftlock_repo sign "$repo" "$people/for-alice.json"
expect_text "$out" "root 1 waits for 1 more signature: $repo/pending/1.root.json"
expect_exit 0 liftlock_repo sign "$repo" "$people/for-bob.json"
expect_text "$out" "root 1 is published"
expect_no_file "$repo/pending"
ok "a client takes the root" begin_client first "$repo/metadata/1.root.json"
ok "and follows it" refresh_client first
expect_exit 0 liftlock_repo verify "$repo"
expect_text "$out" "$repo: 1 roots, 0 apps, 0 releases, 0 files (0 bytes); 0 wrong"

note "a repository that does not descend from the root beside the keys is not signed"
expect_exit 0 liftlock_repo init stranger --keys other --no-passphrase
refused 1 "$repo is not the repository that these keys belong to: other/root.json is not among its roots" \
    liftlock_repo refresh "$repo" --force --keys other --keys "$keys"
hint "somebody may have changed it; if you have begun anew yourself, remove other/root.json"

note "releases: there, then named by a channel, then withdrawn"
expect_exit 0 liftlock_repo add "$repo" books 1.0.0 tree --keys "$keys" --no-passphrase --dry-run
expect_text "$out" "books 1.0.0 would be added: books/books-1.0.0.tar.zst"
expect_no_file "$keys/app-books.key"
expect_exit 0 liftlock_repo add "$repo" books 1.0.0 tree --keys "$keys" --no-passphrase
expect_text "$out" "  channel   none: 'liftlock repo promote $repo books 1.0.0 CHANNEL' lets hosts have it"
grep '^  [tm][^ ]*/' "$out" | sed 's/[0-9a-f]\{64\}/SHA256/' >"$work/order"
expect_file "$work/order" "  targets/books/SHA256.books-1.0.0.tar.zst
  targets/books/SHA256.books-1.0.0.table
  targets/books/SHA256.books-1.0.0.pack
  targets/books/SHA256.books-1.0.0.yaml
  metadata/1.app-books.json
  metadata/2.targets.json
  metadata/2.snapshot.json
  metadata/timestamp.json"
ok "a client gets the archive" download first books/books-1.0.0.tar.zst
ok "and the manifest" download first books/books-1.0.0.yaml
expect_exit 0 liftlock_repo add "$repo" books 1.0.0 tree --keys "$keys"
expect_text "$out" "books 1.0.0 is there already, with the same content"
make_tree early 1.0.1
expect_exit 0 liftlock_repo add "$repo" books 1.0.1 early --keys "$keys" --dry-run
expect_text "$out" "note: no delta leads to 1.0.1: no channel has named a release before it, so no host has one"
expect_exit 0 liftlock_repo promote "$repo" books 1.0.0 stable --keys "$keys"
expect_text "$out" "books: stable names 1.0.0"
expect_same 'its channels' "$(block 1.0.0 'b["channels"]')" "['stable']"
make_tree tree 1.1.0 'rollout: {stages: [{name: few, percentage: 5}, {name: all, wait: 2d}]}'
expect_exit 0 liftlock_repo add "$repo" books 1.1.0 tree --keys "$keys" --channel stable --severity security --changelog https://example.org/1.1.0 \
    --min-age 36h --gate stop --reason 'read the notes first'
expect_same 'its channels' "$(block 1.1.0 'b["channels"]')" "['stable']"
expect_same 'those of the one before' "$(block 1.0.0 'b["channels"]')" "[]"
expect_same 'what policy reads' "$(block 1.1.0 'b["severity"], b["changelog"], b["min_age"], b["gate"]')" \
    "('security', 'https://example.org/1.1.0', '36h', {'kind': 'stop', 'message': 'read the notes first'})"
expect_same 'who takes it when' "$(block 1.1.0 'b["rollout"]["stages"]')" "[{'name': 'few', 'percentage': 5}, {'name': 'all', 'percentage': 100, 'wait': '2d'}]"
expect_exit 0 liftlock_repo rollout "$repo" books 1.1.0 10 50%:24h 100:3d --keys "$keys"
expect_same 'who takes it when' "$(block 1.1.0 'b["rollout"]["stages"]')" \
    "[{'name': '10%', 'percentage': 10}, {'name': '50%', 'percentage': 50, 'wait': '1d'}, {'name': '100%', 'percentage': 100, 'wait': '3d'}]"
expect_exit 0 liftlock_repo rollout "$repo" books 1.1.0 10 50:1d 100:72h --keys "$keys"
expect_text "$out" "books 1.1.0 goes out like that already"
expect_exit 0 liftlock_repo withdraw "$repo" books 1.1.0 --reason 'eats data' --keys "$keys"
expect_text "$out" "books 1.1.0 is withdrawn"
expect_same 'why' "$(block 1.1.0 'b["withdrawn"]["reason"]')" 'eats data'
expect_exit 0 liftlock_repo promote "$repo" books 1.0.0 stable --keys "$keys"
refused 3 "books 1.1.0 was withdrawn" liftlock_repo promote "$repo" books 1.1.0 stable --keys "$keys"
ok "an archive that was made elsewhere" as_user tar -C tree --zstd -cf books.tar.zst liftlock.yaml bin
refused 2 "books.tar.zst is books 1.1.0, not books 1.2.0" liftlock_repo add "$repo" books 1.2.0 books.tar.zst --keys "$keys"
refused 3 "books 1.1.0 is already published with other content" liftlock_repo add "$repo" books 1.1.0 books.tar.zst --keys "$keys"
make_tree tree 1.2.0-rc.1
ok "an archive of the next version" as_user tar -C tree --zstd -cf books.tar.zst liftlock.yaml bin
refused 2 "books 1.2.0-rc.1 is a pre-release and cannot go to the channel 'stable'" liftlock_repo add "$repo" books 1.2.0-rc.1 books.tar.zst --channel stable --keys "$keys"
expect_exit 0 liftlock_repo add "$repo" books 1.2.0-rc.1 books.tar.zst --channel beta --keys "$keys"
ok "a client gets it" download first books/books-1.2.0-rc.1.tar.zst
expect_same 'byte for byte' "$(sha256sum <books.tar.zst)" "$(sha256sum <"$(find "$work/first/targets" -name '*rc.1.tar.zst')")"

note "refresh: quiet, until it is due"
expect_exit 0 liftlock_repo refresh "$repo" --keys "$keys"
expect_file "$out" ""
soon() { # soon DAYS ACT...
    days=$1
    shift
    as_user env ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" faketime -f "+${days}d" liftlock repo "$@"
}
before=$(field "$repo/metadata/timestamp.json" 's["version"]')
expect_exit 0 soon 4 refresh "$repo" --keys "$keys/timestamp.key"
expect_text "$out" "$repo is signed anew"
expect_same 'the timestamp' "$(field "$repo/metadata/timestamp.json" 's["version"]')" "$((before + 1))"
expect_exit 1 soon 12 verify "$repo"
expect_text "$out" "wrong: metadata/timestamp.json: it expired 1 day ago"
expect_exit 5 soon 340 refresh "$repo" --keys "$keys/timestamp.key" --keys "$keys/snapshot.key"
expect_text "$out" "note: metadata/1.root.json expires in 24 days, and its keys are not at hand"

note "every key exchanged, while a client of the first day goes on"
for role in timestamp snapshot targets; do
    expect_exit 0 liftlock_repo rotate "$repo" $role --keys "$keys" --no-passphrase
done
expect_text "$out" "note: another root waited for signatures: it holds this change too, and is to be signed anew"
expect_exit 0 liftlock_repo sign "$repo/pending/2.root.json" --keys "$people/alice.key"
expect_exit 0 liftlock_repo sign "$repo" --keys "$keys" --keys "$people/carol.key"
expect_text "$out" "root 2 is published"
ok "a client of the first day follows" refresh_client first
expect_exit 0 liftlock_repo rotate "$repo" books --keys "$keys" --no-passphrase
ok "and again" download first books/books-1.0.0.tar.zst
note "carol goes, dora comes"
expect_exit 0 liftlock_repo rotate "$repo" root --add "$people/dora.pub" --drop "$people/carol.pub" --keys "$keys"
expect_exit 0 liftlock_repo sign "$repo" --keys "$people/carol.key"
expect_text "$out" "root 3 waits for 2 more signatures: $repo/pending/3.root.json"
expect_exit 0 liftlock_repo sign "$repo" --keys "$people/alice.key" --keys "$people/dora.key"
expect_text "$out" "root 3 is published"
expect_same 'who holds the root' "$(field "$repo/metadata/3.root.json" 'len(s["roles"]["root"]["keyids"]), s["roles"]["root"]["threshold"]')" "(3, 2)"
ok "a client of the first day follows" refresh_client first
expect_exit 0 liftlock_repo rotate "$repo" root --keys "$people/alice.key" --keys "$people/bob.key"
expect_text "$out" "root 4 is published"
ok "and again" refresh_client first
refused 2 "$people/carol.pub does not sign for root" liftlock_repo rotate "$repo" root --drop "$people/carol.pub" --keys "$keys"
refused 2 "a threshold of 4 cannot be met by 3 keys" liftlock_repo rotate "$repo" root --threshold 4 --keys "$keys"
refused 2 "$people/alice.pub signs for root already" liftlock_repo rotate "$repo" root --add "$people/alice.pub" --keys "$keys"
refused 2 "$repo has no role and no app 'films'" liftlock_repo rotate "$repo" films --keys "$keys"

note "a lost key is exchanged too; without the root's keys everything else goes on"
as_user rm "$keys"/timestamp*.key
refused 2 "metadata/timestamp.json needs 1 more signature" liftlock_repo refresh "$repo" --keys "$keys" --force
expect_exit 0 liftlock_repo rotate "$repo" timestamp --keys "$keys" --no-passphrase
expect_text "$out" "root 5 waits for 2 more signatures: $repo/pending/5.root.json"
expect_exit 2 liftlock_repo sign "$repo" --keys "$people/alice.key" --keys "$people/bob.key"
expect_text "$err" "liftlock: metadata/timestamp.json needs 1 more signature"
note "what the two have signed stays signed"
expect_exit 0 liftlock_repo sign "$repo" --keys "$keys"
expect_same 'the root comes first' "$(grep '^  metadata' "$out" | tr -d '\n')" "  metadata/5.root.json  metadata/timestamp.json"
ok "a client of the first day follows" refresh_client first
expect_exit 0 liftlock_repo refresh "$repo" --keys "$keys" --force

note "what is uploaded, in which order, is all that a mirror needs"
expect_exit 0 liftlock_repo verify "$repo" --rsync-list
as_user mkdir mirror
as_user rsync -a --files-from="$out" "$repo/" mirror/
expect_same 'its last lines' "$(tail -n 6 "$out" | tr '\n' ' ')" \
    "metadata/timestamp.json metadata/1.root.json metadata/2.root.json metadata/3.root.json metadata/4.root.json metadata/5.root.json "
ok "a mirror is a repository" liftlock_repo verify mirror

note "an audit says all that is wrong at once"
archive=$(basename "$repo"/targets/books/*.books-1.0.0.tar.zst)
printf x | as_user dd of="mirror/targets/books/$archive" bs=1 conv=notrunc 2>/dev/null
as_user rm mirror/targets/books/*.books-1.1.0.yaml
as_user touch mirror/targets/books/extra mirror/index.html
as_user sed -i 's/"version":/"version": /' "mirror/metadata/$(basename "$(newest targets)")"
expect_exit 1 liftlock_repo verify mirror
expect_text "$out" "wrong: targets/books/$archive: its content is not what its name says"
expect_text "$out" "wrong: targets/books/$(basename "$repo"/targets/books/*.books-1.1.0.yaml): it is missing"
expect_text "$out" "wrong: targets/books/extra: it does not belong here"
expect_text "$out" "wrong: index.html: it does not belong here"
expect_text "$out" "wrong: metadata/$(basename "$(newest targets)"): it is not the file that was signed for"
expect_same 'how many' "$(grep -c '^wrong: ' "$out")" 6

note "keys: encrypted, printed by a command, handed over by systemd, and those that are refused"
echo 'open sesame' | as_user tee pass >/dev/null
echo 'open sesam' | as_user tee not-pass >/dev/null
as_user chmod 600 pass not-pass
expect_exit 0 liftlock_repo init second --keys locked --passphrase-file pass
expect_same 'the key is encrypted' "$(grep -c '"scrypt"\|"chacha20-poly1305"' locked/timestamp.key)" 2
expect_exit 0 as_user liftlock repo refresh second --force --keys locked --passphrase-file pass
expect_exit 2 as_user liftlock repo refresh second --force --keys locked --passphrase-file not-pass
expect_text "$err" "liftlock: locked/targets.key: the passphrase is wrong"
expect_exit 2 as_user setsid -w liftlock repo refresh second --force --keys locked
expect_text "$err" "liftlock: there is no terminal to ask on for the passphrase of locked/targets.key"
as_user mkdir handed
as_user cp pass handed/liftlock-passphrase
as_user cp locked/timestamp.key handed/timestamp.key
as_user chmod 640 handed/*
expect_exit 2 as_user liftlock repo refresh second --force --keys handed
expect_text "$err" "liftlock: the secret key handed/timestamp.key may be read by others"
expect_exit 0 as_user env CREDENTIALS_DIRECTORY="$work/handed" setsid -w liftlock repo refresh second --force --keys "$work/handed/timestamp.key"
expect_exit 0 as_user liftlock repo refresh second --force --key-command 'cat locked/timestamp.key' --passphrase-file pass
expect_exit 2 as_user liftlock repo refresh second --force --key-command 'false --secret'
expect_text "$err" "liftlock: --key-command: false failed: it says nothing"
expect_exit 2 as_user liftlock repo refresh second --force --key-command "cat pass"
expect_text "$err" "liftlock: what cat prints is no key file: it is not JSON"
refused 2 "metadata/timestamp.json needs 1 more signature" liftlock_repo refresh "$repo" --force --keys locked/timestamp.key --passphrase-file pass
as_user cp "$keys/snapshot.key" "$repo/targets/snapshot.key"
refused 2 "$repo/targets/snapshot.key lies in $repo and would be published with it" liftlock_repo refresh "$repo" --keys "$repo/targets/snapshot.key"
as_user rm "$repo/targets/snapshot.key"
make_tree tree 1.3.0
as_user cp -a "$keys" tree/keys
as_user cp pass tree/pass
refused 2 "tree/keys lies in tree and would be published with it" liftlock_repo add "$repo" books 1.3.0 tree --keys tree/keys
hint "keys and passphrases need a place of their own"
refused 2 "tree/pass lies in tree and would be published with it" liftlock_repo add "$repo" books 1.3.0 tree --keys "$keys" --passphrase-file tree/pass
as_user rm -r tree/keys tree/pass
expect_exit 2 liftlock_repo init third --keys third/keys --no-passphrase
expect_text "$err" "liftlock: third/keys lies in third and would be published with it"
expect_same 'no key was made there' "$(find third -name '*.key')" ''
expect_exit 2 liftlock_repo init third --keys third --no-passphrase
expect_text "$err" "liftlock: third lies in third and would be published with it"
expect_exit 0 as_user sh -c 'umask 077; liftlock repo init fourth --keys fifth --no-passphrase'
expect_same 'everybody can read what is published' "$(stat -c %a fourth/metadata fourth/targets fourth/metadata/timestamp.json | tr '\n' ' ')" '755 755 644 '
expect_same 'and nobody the keys' "$(stat -c %a fifth fifth/timestamp.key | tr '\n' ' ')" '700 600 '

note "what strangers have written is not signed"
as_user cp -a "$repo" changed
current=$(newest app-books | sed "s|$repo/||")
file=changed/$current
as_user sed -i 's/eats data/is good./' "$file"
expect_exit 1 liftlock_repo promote changed books 1.0.0 beta --keys "$keys"
expect_text "$err" "liftlock: $current: only 0 of the 1 signatures that it needs are good"
number=$(field "$(newest snapshot)" 's["version"]')
as_user cp "$repo/metadata/$((number - 1)).snapshot.json" "changed/metadata/$number.snapshot.json"
expect_exit 1 liftlock_repo promote changed books 1.0.0 beta --keys "$keys"
expect_text "$err" "liftlock: metadata/$number.snapshot.json is not the file that was signed for"

note "what cannot be meant"
make_tree tree 1.3.0
expect_exit 0 liftlock_repo add --help
expect_text "$out" "usage: liftlock repo add DIR APP VERSION TREE|ARCHIVE [OPTIONS]"
expect_text "$out" "      --deltas N               make deltas from so many releases before it, at most; 0: none; default: 3"
expect_no_text "$out" "--keep"
expect_exit 0 liftlock_repo --help
expect_text "$out" "  verify DIR                         audit all of it"
refused 2 "repo: there is no 'ad'; did you mean 'add'?" liftlock_repo ad "$repo" books 1.3.0 tree
refused 2 "repo add: an argument is missing" liftlock_repo add "$repo" books 1.3.0
hint "usage: liftlock repo add DIR APP VERSION TREE|ARCHIVE"
refused 2 "repo: --severity means nothing to 'promote'" liftlock_repo promote "$repo" books 1.0.0 stable --severity x
refused 2 "an app's name is at most 32 of a-z, 0-9, '_' and '-', and begins with a letter or digit, not '../books'" \
    liftlock_repo add "$repo" ../books 1.3.0 tree --keys "$keys"
refused 2 "a channel is at most 32 of a-z, 0-9, '_' and '-', not 'Stable'" liftlock_repo add "$repo" books 1.3.0 tree --keys "$keys" --channel Stable
refused 2 "--min-age must be a time such as 24h, not 'soon'" liftlock_repo add "$repo" books 1.3.0 tree --keys "$keys" --min-age soon
refused 2 "--gate must be breakpoint or stop, not 'wall'" liftlock_repo add "$repo" books 1.3.0 tree --keys "$keys" --gate wall
refused 2 "--reason must be one line of at most 1000 bytes" liftlock_repo withdraw "$repo" books 1.0.0 --keys "$keys" --reason "$(printf 'a\nb')"
refused 2 "books '9.9.9' is not published here" liftlock_repo withdraw "$repo" books 9.9.9 --keys "$keys"
refused 2 "$repo holds no app 'films'" liftlock_repo withdraw "$repo" films 1.0.0 --keys "$keys"
refused 2 "'half' is no stage of a rollout" liftlock_repo rollout "$repo" books 1.0.0 half --keys "$keys"
hint "a stage is a percentage and how long after the one before it opens: 10 50:24h 100:3d"
refused 2 "the stage '10' takes no more hosts than the one before it" liftlock_repo rollout "$repo" books 1.0.0 50 10 --keys "$keys"
refused 2 "$repo holds a repository already" liftlock_repo init "$repo" --keys "$keys"
expect_exit 1 liftlock_repo verify tree
expect_text "$out" "wrong: metadata/1.root.json: it is missing"
expect_exit 2 liftlock_repo refresh tree --keys "$keys"
expect_text "$err" "liftlock: tree holds no repository"
