#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The host crashes in the middle of an update, at several steps, and boots again. The app's unit is enabled, is restarted
# always, and a timer starts it every second: all the same nothing of the app runs before recovery, which the boot unit
# begins; then the old release serves with every book that was accepted, and the update is tried again by itself.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/scenario/lib-machine.sh"
machine_make
expected=
expects() { expected="$expected${expected:+, }{\"title\": \"$1\"}"; }
serves() { shows "$1" "[$expected]"; }
accept() { # a book that was acknowledged must be there in the end
    ok "the book '$1' is accepted" add_book "$1"
    expects "$1"
}
boot_unit() { ln -sfn "$1" "$SD_ROOT/etc/systemd/system/liftlock-recover.service"; }
no_boot_unit() { boot_unit /dev/null; }
boot_unit_again() {
    rm "$SD_ROOT/etc/systemd/system/liftlock-recover.service"
    inside systemctl daemon-reload
    inside systemctl start liftlock-recover.service
}

unit bookshelf.timer <<'END'
[Timer]
OnCalendar=*:*:*
AccuracySec=10ms
[Install]
WantedBy=timers.target
END
make() { # make VERSION: a release whose migration enters a book, and which waits at every step where it is asked to
    tree_make "$1" 1.0.0
    cat >"$work/tree-$1/bin/enter" <<'END'
#!/bin/sh
exec sqlite3 "$LIFTLOCK_SHARED/books.db" "insert into book (title) values ('$1')"
END
    chmod 755 "$work/tree-$1/bin/enter"
    tree_edit "$1" liftlock.yaml -e 's|^fence: .*|fence: {file: shared/maintenance, on: "bin/pause fence", off: "bin/pause open"}|' \
        -e "s|^post_update_tests:|&\n  - {name: paused, command: \"bin/pause probe\", timeout: 60}|"
    manifest_add "$1" "migrations: {\"$1\": [\"bin/enter 'moved to $1'\", \"bin/pause migrate\"]}"
    manifest_add "$1" 'hooks: {post_update: ["bin/pause start"]}'
    publish "$1"
}
update_until() { # update_until STEP VERSION: the update is in the middle of STEP
    make "$2"
    pause "$1"
    expect_exit 0 lift update bookshelf --detach
    ok "$2: the job is at $1" wait_for 15 paused "$1"
}
crash() { # crash STEP: the host is down; once up again, a new try waits at its fence
    ok "the host crashes at $1" sd_kill
    go_on "$1"
    pause fence
    rm -f "$SD_ROOT/srv/starts"
}
old_serves() { # old_serves VERSION: recovery has come to its end, and the new try is where users are still served
    ok "recovered, and tried again" wait_for 15 paused fence
    expect_same "releases that were started since the boot" "$(starts)" "releases/$1"
    serves "$1"
}
new_serves() { # new_serves VERSION: the new try is let go on
    go_on fence
    ok "the new try ends" wait_for 15 is_at_rest
    expects "moved to $1"
    serves "$1"
    expect_same "claims left" "$(claims_of hold) $(claims_of fence)" "0 0"
    expect_no_file "$SD_ROOT/opt/bookshelf/shared/maintenance"
}
is_silent() { ! about; }
held() { # nothing of the app runs, however hard everybody tries
    triggered=$(property bookshelf.timer LastTriggerUSec)
    ok "an administrator starts the app" inside systemctl start bookshelf.service
    ok "the timer starts the app" wait_for 5 sh -c "[ \"\$(nsenter -t $SD_PID -a systemctl show -P LastTriggerUSec bookshelf.timer)\" != '$triggered' ]"
    expect_same "the app's unit" "$(property bookshelf.service ActiveState)" inactive
    expect_same "processes of the app" "$(app_processes)" 0
    expect_no_file "$SD_ROOT/srv/starts"
    expect_exit 0 lift status
    expect_text "$out" "  service     web (inactive (dead))"
}

make 1.0.0
expect_exit 0 lift install /srv/source --trust none --name bookshelf --user liftlock-test
inside systemctl -q enable bookshelf.service
inside systemctl -q enable --now bookshelf.timer
accept "Emma"
serves 1.0.0

note "a crash in the fence, before anything was stopped"
update_until fence 1.1.0
crash fence
ok "the host boots" sd_boot
old_serves 1.0.0
new_serves 1.1.0

note "a crash in a migration"
accept "Ulysses"
update_until migrate 1.2.0
crash migrate
no_boot_unit
ok "the host boots, and nobody recovers" sd_boot
held
boot_unit_again
old_serves 1.1.0
new_serves 1.2.0

note "a crash when the new release runs, before commit"
accept "Middlemarch"
update_until start 1.3.0
expect_same "what runs, held for everybody else" "$(property bookshelf.service ActiveState) $(live)" "active releases/1.3.0"
crash start
no_boot_unit
ok "the host boots, and nobody recovers" sd_boot
held
boot_unit_again
old_serves 1.2.0
new_serves 1.3.0

note "a crash in a probe, and another one in the recovery from it"
accept "Walden"
update_until probe 1.4.0
crash probe
pause open
ok "the host boots" sd_boot
ok "recovery is at the end of its way back" wait_for 15 paused open
crash open
ok "the host boots" sd_boot
old_serves 1.3.0
new_serves 1.4.0

note "a crash behind commit: forwards, also where nobody but liftlock starts the app"
accept "Dracula"
update_until open 1.5.0
inside systemctl -q disable bookshelf.service bookshelf.timer
crash open
go_on fence
ok "the host boots" sd_boot
ok "recovered" wait_for 15 has_recovered
expects "moved to 1.5.0"
serves 1.5.0
expect_same "releases that were started since the boot" "$(starts)" releases/1.5.0

note "an orderly reboot in the middle of an update is no different"
inside systemctl -q enable bookshelf.service
update_until migrate 1.6.0
pause fence
rm -f "$SD_ROOT/srv/starts"
ok "the host is told to reboot" inside systemctl --no-block reboot
sd_wait_down
go_on migrate
ok "the host boots" sd_boot
old_serves 1.5.0
new_serves 1.6.0

note "a reboot stops the app while the job looks at it: nobody holds that against the release"
job_drop_in=$SD_ROOT/etc/systemd/system/liftlock-job-.service.d
mkdir -p "$job_drop_in" "$SD_ROOT/etc/systemd/system/bookshelf.service.d"
printf '[Unit]\nBefore=bookshelf.service\n' >"$job_drop_in/last.conf" # and it goes after it
printf '[Service]\nExecStopPost=/bin/sleep 5\n' >"$SD_ROOT/etc/systemd/system/bookshelf.service.d/slow.conf"
inside systemctl daemon-reload
update_until probe 1.7.0
ok "the host is told to reboot" inside systemctl --no-block reboot
ok "the app is stopped" wait_for 5 is_silent
go_on probe
sd_wait_down
rm -r "$job_drop_in" "$SD_ROOT/etc/systemd/system/bookshelf.service.d/slow.conf"
ok "the host boots" sd_boot
ok "recovered" wait_for 15 has_recovered
ok "no job is at work" wait_for 15 is_at_rest
lift history bookshelf >"$work/history"
ok "the host is to blame" grep -q '→ 1.7.0  rolled-back: .*; and this host is being shut down$' "$work/history"
expect_exit 0 lift update bookshelf
expects "moved to 1.7.0"
serves 1.7.0

note "with nothing to recover the boot unit has nothing to do"
ok "the host reboots" sd_reboot
ok "the boot unit is done" wait_for 5 has_recovered
expect_same "it ended well" "$(property liftlock-recover.service Result)" success
ok "the app answers" wait_for 5 answers 1.7.0
serves 1.7.0
