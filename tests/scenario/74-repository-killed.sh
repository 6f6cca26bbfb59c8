#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A publisher who is killed: at every call of `repo add` that changes something, and of a rotation. Readers see the old
# repository or the new one, and what is said again goes on. Then a reader that never stops, and a full disk.
# Usage: 74-repository-killed.sh [add|rotate|read|full...]: by default all parts.
parts=${*:-add rotate read full}
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-repo.sh"
export TMPDIR="$work/tmp" # where trees are unpacked on the way
as_user mkdir "$TMPDIR"
tracer=$build/tests/fault/fault-tracer
reader=$tree/tests/scenario/repo_reader.py
serve_repo
make_tree tree-1 1.0.0
make_tree tree-2 1.1.0
expect_exit 0 liftlock_repo init base --keys "$keys" --no-passphrase
expect_exit 0 liftlock_repo add base books 1.0.0 tree-1 --keys "$keys" --no-passphrase --channel stable
ok "a client of the first day" begin_client first base/metadata/1.root.json
as_user mkdir repo

add() { liftlock repo add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable; }
rotate() { liftlock repo rotate "$repo" timestamp --keys "$keys" --no-passphrase; }
trace() { # trace OPTION... ACT: the act below the tracer, as the user
    as_user "$tracer" "$@"
}
again() { # again: the repository of the day before, and the root that the publisher knew then
    as_user rm -rf "$repo"
    as_user cp -a base "$repo"
    as_user cp base/metadata/1.root.json "$keys/root.json"
}

# strike ACT...: killed at each call of the act that changes a file; what readers see is in $work/seen, one line a point
# (those in the repository, and those of the program that makes deltas)
strike() {
    again
    trace --list="$work/list-$1" liftlock repo "$@" >"$out" 2>"$err"
    verdict "the act: $*" $?
    : >"$work/seen"
    bad=
    for point in $(awk -v repo="$repo/" '($5 == "space" || $5 == "disk") && (index($6, repo) == 1 || $3 == "liftlock-delta") &&
        $4 !~ /fsync|chmod|ioctl|ftruncate/ { print $1 }' "$work/list-$1"); do # a sync shows no reader anything
        again
        trace --at="$point" --do=kill-all liftlock repo "$@" >"$out" 2>&1
        /usr/bin/python3 "$reader" "$repo" >>"$work/seen" 2>"$err" || { bad="$point: $(cat "$err")" && break; }
        refresh_client first >"$out" 2>"$err" || { bad="$point: the client: $(cat "$err")" && break; }
        as_user liftlock repo "$@" >"$out" 2>"$err" || { bad="$point, said again: $(cat "$err")" && break; }
        as_user liftlock repo verify "$repo" >"$out" 2>"$err" || { bad="$point, audit: $(cat "$out")" && break; }
        rm -rf "$work/first/metadata" && as_user cp -a "$work/first/kept" "$work/first/metadata"
    done
    expect_same "what went wrong with $1" "$bad" ''
    note "$(wc -l <"$work/seen") points"
}
as_user cp -a base/. repo
ok "which has been here before" refresh_client first
as_user cp -a "$work/first/metadata" "$work/first/kept"

part() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }

killed_while_it_adds() {
    note "killed while it adds"
    strike add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable
    expect_same 'what readers saw' "$(uniq "$work/seen" | tr '\n' '|')" '1.0.0|1.0.0 1.1.0|'
    [ "$(grep -c '^1.0.0$' "$work/seen")" -gt 15 ]
    verdict "most of the points come before the timestamp" $?

    expect_same 'what is left of the trees that were unpacked' "$(ls "$TMPDIR")" ''
}

killed_while_it_changes_a_key() {
    note "killed while it changes a key"
    expect_exit 0 liftlock_repo key "$keys/next" --no-passphrase
    strike rotate "$repo" timestamp --add "$keys/next.pub" --drop all --keys "$keys"
    expect_same 'what readers saw' "$(uniq "$work/seen" | tr '\n' '|')" '1.0.0|'
}

somebody_reads() {
    note "somebody who reads all the while"
    again
    in_background as_user sh -c "/usr/bin/python3 '$reader' '$repo' --until '$work/enough' >'$work/answers' 2>&1"
    for version in 1.1.0 1.2.0 1.3.0 1.4.0; do
        make_tree tree-3 $version
        as_user liftlock repo add "$repo" books $version tree-3 --keys "$keys" --channel stable >"$out" 2>"$err"
        as_user liftlock repo refresh "$repo" --keys "$keys" --force >"$out" 2>"$err"
    done
    as_user touch "$work/enough"
    ok "it ends" wait_for 10 test -s "$work/answers"
    note "$(cat "$work/answers")"
    expect_same 'its answers' "$(sed 's/^[0-9]*: //' "$work/answers")" \
        '1.0.0 | 1.0.0 1.1.0 | 1.0.0 1.1.0 1.2.0 | 1.0.0 1.1.0 1.2.0 1.3.0 | 1.0.0 1.1.0 1.2.0 1.3.0 1.4.0'
}

a_full_disk() {
    note "a full disk, and somebody else at work"
    again
    at=$(awk '$3 == "liftlock-delta" && $4 == "write" { print $1; exit }' "$work/list-add")
    expect_exit 1 trace --at="$at" --do=error=ENOSPC liftlock repo add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable
    expect_text "$err" "liftlock: liftlock-delta: cannot write 'delta': no space left on device"
    expect_exit 0 liftlock_repo verify "$repo"
    for file in .pack.partial -from-1.0.0.delta.partial; do
        again
        at=$(awk "/copy_file_range.*$file/ { print \$1; exit }" "$work/list-add")
        expect_exit 1 trace --at="$at" --do=error=ENOSPC liftlock repo add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable
        expect_text "$err" "liftlock: targets/books/.books-1.1.0$file: cannot copy: no space left on device"
        expect_same 'what readers see' "$(/usr/bin/python3 "$reader" "$repo")" '1.0.0'
        expect_exit 0 liftlock_repo verify "$repo"
    done
    again
    at=$(awk "/2.app-books.json/ { print \$1; exit }" "$work/list-add")
    expect_exit 1 trace --at="$at" --do=error=ENOSPC liftlock repo add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable
    expect_text "$err" "liftlock: cannot write 'metadata/2.app-books.json': no space left on device"
    expect_same 'what readers see' "$(/usr/bin/python3 "$reader" "$repo")" '1.0.0'
    expect_exit 0 liftlock_repo add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable
    expect_exit 0 liftlock_repo verify "$repo"
    in_background as_user flock "$repo" sleep 20
    wait_for 5 sh -c "! flock -n '$repo' true"
    refused 3 "somebody else is at work in $repo" liftlock_repo refresh "$repo" --keys "$keys"
    expect_exit 3 liftlock_repo verify "$repo"
    expect_text "$err" "liftlock: somebody is at work in $repo"
}

# What the loops have traced is where the disk will be full.
trace_add() {
    [ -e "$work/list-add" ] && return
    again
    trace --list="$work/list-add" liftlock repo add "$repo" books 1.1.0 tree-2 --keys "$keys" --channel stable >"$out" 2>"$err"
}
part add && killed_while_it_adds
part rotate && killed_while_it_changes_a_key
part read && somebody_reads
part full && trace_add && a_full_disk
:
