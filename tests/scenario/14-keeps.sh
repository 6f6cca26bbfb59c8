#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As many releases and backups stay on disk as the manifest says, the oldest go first, and the way back is never among
# them. Row S13 of systems.md.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
releases() { find "$host/opt/$app/releases" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '; }
backups() { # of which versions, newest first
    lift backup list $app --json 2>/dev/null | /usr/bin/python3 -c 'import json, sys; print(*(b["version"] for b in json.load(sys.stdin)))'
}

goes_on() { # the next release, which keeps two releases and two backups
    before=$live
    live=$(next "$live")
    release "$live"
    echo 'rollback: {keep_releases: 2, keep_backups: 2}' >>"$work/tree/liftlock.yaml"
    offer "$live"
    expect_exit 0 lift update $app
    expect_same "the releases" "$(releases)" "$before $live "
}

goes_on
expect_same "the backups" "$(backups)" "1.0.0"
goes_on
expect_same "the backups" "$(backups)" "1.0.1 1.0.0"
goes_on
expect_same "the backups" "$(backups)" "1.0.2 1.0.1"
expect_same "their files" "$(find "$host/var/lib/liftlock/$app/backups" -mindepth 1 -maxdepth 1 | wc -l)" 2

note "the way back is there"
expect_exit 0 lift rollback $app --yes
live=1.0.2
runs
verdict "$live runs again" $?
