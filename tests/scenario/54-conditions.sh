#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A release says when it is not for a host, and what goes when it is done. Rows S10, S15, S17 and S20 of systems.md.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
config=$host/etc/liftlock/apps/$app.toml
shared=$host/opt/$app/shared
new=$live

renew() { # renew: the next version is made, without what was offered before it
    [ "$new" = "$live" ] || withdraw_offer "$new"
    new=$(next "$new")
    release "$new"
    manifest '/^requirements:/,+1d'
}

says() { # says LINES: a release whose manifest says this besides
    renew
    printf '%b\n' "$1" >>"$work/tree/liftlock.yaml"
    offer "$new"
}

when() { # when CONDITION ACTION [REST]
    says "conditionals:\n  - condition: \"$1\"\n    action: $2${3:+\n    $3}"
}

waits() { # waits TEXT: an update has nothing to do yet, and nothing changes
    before=$(state)
    expect_exit 0 lift update $app
    expect_text "$out" "$app: nothing to do ($live)"
    expect_text "$out" "  passed over: $1"
    [ "$(state)" = "$before" ]
    verdict "and nothing has changed" $?
}

goes_live() {
    live=$new
    back 0 "" lift update $app
}

note "skip_update: not now, and by name only with --force"
when "file_exists('/opt/$app/shared/.maintenance_mode')" skip_update 'message: "System in maintenance mode"'
as_user touch "$shared/.maintenance_mode"
waits "$new is not for this host now: System in maintenance mode"
refused 3 "$app: $new is not for this host now: System in maintenance mode" lift update $app --to "$new"
hint "the release says so while 'file_exists('/opt/$app/shared/.maintenance_mode')' holds"
rm "$shared/.maintenance_mode"
as_user ln -s /nowhere "$shared/.maintenance_mode"
waits "$new is not for this host now: System in maintenance mode"
rm "$shared/.maintenance_mode"
goes_live

note "what lies behind a link or outside the app's root is not looked at"
as_user ln -s /etc "$shared/etc"
when "file_exists('shared/etc/passwd')" skip_update
goes_live
rm "$shared/etc"
when "file_exists('/etc/passwd')" skip_update
refused 3 "$app: cannot tell whether the condition 'file_exists('/etc/passwd')' of the release holds: file_exists('/etc/passwd'): that is not below the app's root, $host/opt/$app" lift update $app

note "require_manual_intervention: the plan lists the steps, --force says that they are done"
when "current_version < '2.0.0'" require_manual_intervention 'message: "Major version upgrade"\n    manual_steps: ["Create database backup", "Review CHANGELOG.md"]'
refused 3 "$app: $new wants a person first: Major version upgrade" lift update $app
hint "first: Create database backup; Review CHANGELOG.md; then update with --force"
expect_exit 3 lift plan $app
expect_text "$out" "  by hand    1. Create database backup"
expect_text "$out" "  by hand    2. Review CHANGELOG.md"
expect_text "$out" "  AGAINST    $new wants a person first: Major version upgrade"
expect_exit 3 lift plan $app --json
grep -q '"manual_steps": \[' "$out"
verdict "and so does its JSON" $?
expect_exit 0 lift plan $app --force
expect_text "$out" "  override   --force: $new wants a person first: Major version upgrade"
sed -i 's/^\[policy\]/[policy]\nmode = "dashboard"/; t; $a [policy]\nmode = "dashboard"' "$config"
refused 3 "$app: $new wants a person first: Major version upgrade" lift update $app --force
hint "first: Create database backup; Review CHANGELOG.md; then let its operator update in mode manual"
sed -i '/^mode = "dashboard"/d' "$config"
live=$new
back 0 "" lift update $app --force

note "warn: a note in the plan"
when "service_running('web') and current_version" warn 'message: "The service will be restarted"'
expect_exit 0 lift plan $app
expect_text "$out" "  note       The service will be restarted"
goes_live

note "env_var: what the host's config gives the app's programs, never the caller's environment"
printf '[environment]\nREGION = "eu"\n' >>"$config"
when "env_var('REGION') == 'eu' and not env_var('SECRET')" skip_update
SECRET=x waits "$new is not for this host now"
says "build: ['test \"\$REGION\" = eu']"
goes_live

note "command: as the app's user, and it changes nothing"
when "command('touch $shared/by-command || touch \$LIFTLOCK_SHARED/by-command')" skip_update
goes_live
expect_no_file "$shared/by-command"
when "command('test -f \$LIFTLOCK_SHARED/books.db')" skip_update
waits "$new is not for this host now"
when "command('kill -9 \$\$')" skip_update
refused 3 "$app: cannot tell whether the condition 'command('kill -9 \$\$')' of the release holds: command('kill -9 \$\$'): killed by signal 9 (Killed)" lift update $app

note "what comes to hold between the plan and the fence"
says "build: [sleep 2]\nconditionals:\n  - {condition: \"file_exists('shared/.stop')\", action: skip_update, message: stopped}"
in_background as_user sh -c "sleep 1; touch '$shared/.stop'"
lift update $app >"$out" 2>"$err"
expect_same "its exit status" $? 3
expect_same "what it says" "$(said)" "$app: $new is not for this host now: stopped"
ok "the old release runs on" runs
rm "$shared/.stop"

note "mistakes of the publisher have a place"
when "curent_version < '2'" skip_update
line=$(grep -n 'condition:' "$work/tree/liftlock.yaml" | cut -d: -f1)
refused 1 "liftlock.yaml:$line:16: 'condition', character 1: unknown word 'curent_version'; did you mean 'current_version'?" lift update $app
expect_exit 1 lift manifest check "$work/tree/liftlock.yaml"
expect_text "$err" "liftlock: $work/tree/liftlock.yaml:$line:16: 'condition', character 1: unknown word 'curent_version'; did you mean 'current_version'?"

note "the documents' own manifests, looked at on this host"
for name in full config bugfix major; do
    ok "ship-$name.yaml is a good manifest" lift manifest check "$tree/tests/data/seeds/ship-$name.yaml"
done
expect_exit 3 lift manifest conditions "$tree/tests/data/seeds/ship-major.yaml" $app
expect_text "$out" "  holds    require_manual_intervention: current_version < '2.0.0'"
expect_text "$out" "             current_version is '$live'"
expect_exit 2 lift manifest conditions "$tree/tests/data/seeds/ship-major.yaml"
expect_text "$err" "liftlock: $tree/tests/data/seeds/ship-major.yaml names no app: say for which"
says "requirements:\n  required_commands: [no-such-command]\n  required_versions: {sh-version: '>=1'}"
expect_exit 3 lift manifest requirements "$work/tree/liftlock.yaml"
expect_text "$out" "$app $new: this host does not meet its requirements"
expect_text "$out" "  AGAINST    the release requires the command 'no-such-command', which this host does not have"
expect_text "$out" "  AGAINST    the release requires sh-version >=1, which this host does not have"

note "versions of programs"
tar=$(tar --version | sed -n '1s/.* //p')
says "requirements: {required_versions: {tar: '>=99'}}"
refused 3 "$app: the release requires tar >=99, this host has $tar" lift update $app
says "requirements: {required_versions: {tar: '>=$tar'}}"
goes_live

note "what the host lets in"
printf '[security]\nallowed_file_types = [".py", ".sh", ".html", ".css", ".db", ""]\n' >>"$config"
renew
touch "$work/tree/player.exe"
offer "$new"
refused 3 "$app $new: 'player.exe': files of the type '.exe' are not allowed on this host" lift update $app
sed -i 's/^allowed_file_types.*/max_file_size = "100kB"/' "$config"
renew
head -c 100001 /dev/zero >"$work/tree/big"
offer "$new"
refused 3 "bookshelf-$new.tar.gz: entry './big': more than 100000 bytes" lift update $app
hint "if that is right, raise max_file_size in the configuration"
sed -i '/^\[security\]/,$d' "$config"

note "privileged files: they come where the host names them"
privileged() {
    renew
    mkdir -p "$work/tree/scripts"
    echo 1 >"$work/tree/scripts/system_config.py"
    echo 2 >"$work/tree/scripts/other.py"
    echo 'privileged_files: [scripts/system_config.py]' >>"$work/tree/liftlock.yaml"
    offer "$new"
}
privileged
expect_exit 0 lift plan $app
expect_text "$out" "  note       the privileged 'scripts/system_config.py' does not come: 'privileged_files' in [security] of the app's config does not name it"
goes_live
expect_file "$host/opt/$app/current/scripts/other.py" 2
expect_no_file "$host/opt/$app/current/scripts/system_config.py"
lift logs $app >"$out"
grep -q "withheld: scripts/system_config.py" "$out"
verdict "the log says so" $?
printf '[security]\nprivileged_files = ["scripts/*.py"]\n' >>"$config"
privileged
goes_live
expect_file "$host/opt/$app/current/scripts/system_config.py" 1
sed -i '/^\[security\]/,$d' "$config"

note "cleanup: when it is done, below shared/, and never through a link"
as_user mkdir -p "$shared/cache/__pycache__" "$shared/legacy_modules/deep" "$work/outside"
as_user touch "$shared/cache/a.pyc" "$shared/cache/__pycache__/b.pyc" "$shared/legacy_modules/deep/c" "$work/outside/e.pyc"
as_user ln -s "$work/outside" "$shared/cache/link"
as_user ln -s "$work/outside" "$shared/legacy_link"
as_user ln -s "$work/outside/e.pyc" "$shared/cache/link.pyc"
says "cleanup:\n  remove_files: ['*.pyc', __pycache__, '*.db']\n  remove_directories: [legacy_modules, legacy_link, gone]\n  commands: ['echo swept >\"\$LIFTLOCK_SHARED/swept\"', 'exit 3']"
goes_live
for gone in cache/a.pyc cache/__pycache__ legacy_modules cache/link.pyc; do expect_no_file "$shared/$gone"; done
expect_file "$work/outside/e.pyc"
[ -L "$shared/cache/link" ] && [ -L "$shared/legacy_link" ]
verdict "links that no pattern names are where they were" $?
expect_file "$shared/swept" swept
expect_file "$shared/books.db"
lift logs $app --all >"$out"
grep -q "cleanup: removed 3 files, 1 directories" "$out"
verdict "the log says what went" $?
grep -q "cleanup: exit 3: exit status 3" "$out"
verdict "a command that failed is said, and no more" $?

note "and the next good update works"
good
