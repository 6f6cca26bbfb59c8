#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a release requires and this host does not have is said before anything changes. Row S09 of systems.md.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
bad=$live

requires() { # requires LINES: a release with these requirements
    withdraw_offer "$bad"
    bad=$(next "$bad")
    release "$bad"
    manifest '/^requirements:/,+1d'
    printf 'requirements:\n%b\n' "$1" >>"$work/tree/liftlock.yaml"
    offer "$bad"
}

note "commands, versions, services, room: refused when the update is planned"
requires '  required_commands: [sh, no-such-command]'
refused 3 "bookshelf: the release requires the command 'no-such-command', which this host does not have" lift update $app
expect_exit 0 lift history $app --json
[ "$(grep -o '"kind"' "$out" | wc -l)" = 1 ]
verdict "no job was begun" $?
python=$(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
requires '  min_python_version: "99.1"'
refused 3 "bookshelf: the release requires python 99.1, this host has $python" lift update $app
requires '  required_services: [no-such-service]'
refused 3 "bookshelf: the release requires the service 'no-such-service', which does not run" lift update $app
requires '  min_disk_space_mb: 900000000'
before=$(state)
expect_exit 1 lift update $app
grep -q "^liftlock: bookshelf: the file system of $host/opt/bookshelf needs 9000000[0-9][0-9] MB for [a-z ,]*, and [0-9]* MB are free$" "$err"
verdict "it says how much room is missing" $?
[ "$(state)" = "$before" ]
verdict "and nothing has changed" $?

note "its own checks: asked in the staged release, before the trial"
requires '  environment_checks:\n    - {name: gpu, command: "exit 4"}'
refused 3 "bookshelf $bad requires 'gpu': exit status 4" lift update $app

note "what is gone again when the job is about to change something"
requires '  required_commands: [here-for-a-moment]'
mkdir "$work/bin"
printf '#!/bin/sh\n' >"$work/bin/here-for-a-moment"
chmod 755 "$work/bin/here-for-a-moment"
moment() { as_user env LIFTLOCK_ROOT="$host" PATH="$work/bin:$PATH" liftlock "$@"; }
refused 3 "bookshelf: the release requires the command 'here-for-a-moment', which this host does not have" moment update $app
expect_text "$out" "  ready: failed: bookshelf: the release requires the command 'here-for-a-moment', which this host does not have"

note "and all of it met"
requires "  required_commands: [sh, python3]\n  min_python_version: \"$python\"\n  min_disk_space_mb: 1\n  environment_checks:\n    - {name: shell, command: \"exit 0\"}"
live=$bad
back 0 "" lift update $app
