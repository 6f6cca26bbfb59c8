#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A release comes to a host in its stage: the same host, the same stage, whenever and wherever it is asked. Rows S17 and
# S18 of systems.md.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
config=$host/etc/liftlock/apps/$app.toml
new=$live
stages='{name: first, percentage: 10}, {name: early, percentage: 50, wait: 1d}, {name: all, wait_hours: 48}'

place() { # place HOST VERSION: counted by hand
    digest=$(printf 'liftlock rollout\n%s\n%s\n%s' "$1" $app "$2" | sha256sum | cut -c1-15)
    echo $((0x$digest % 100))
}

host_at() { # host_at LOWEST HIGHEST: this host has a place between them in the rollout of $new
    n=0
    while :; do
        n=$((n + 1))
        own_place=$(place "box-$n" "$new")
        [ "$own_place" -lt "$1" ] || [ "$own_place" -gt "$2" ] || break
    done
    sed -i '/^host_id/d' "$host/etc/liftlock/liftlock.toml"
    echo "host_id = \"box-$n\"" >>"$host/etc/liftlock/liftlock.toml"
}

ago() { date -u -d "$1 ago" +%Y-%m-%dT%H:%M:%SZ; }
in_group() {
    sed -i '/^\[policy\]/,/^group/d' "$config"
    [ -z "$1" ] || printf '[policy]\ngroup = "%s"\n' "$1" >>"$config"
}

rolls() { # rolls RELEASED [STAGES]: a release with this rollout
    [ "$new" = "$live" ] || withdraw_offer "$new"
    new=$(next "$new")
    release "$new"
    if [ -n "$1" ]; then manifest "s/^released: .*/released: \"$1\"/"; else manifest '/^released:/d'; fi
    echo "rollout: {strategy: staged, stages: [${2:-$stages}]}" >>"$work/tree/liftlock.yaml"
    offer "$new"
}

waits() { # waits TEXT
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

note "three stages; this host is of the last, which is not open"
released=$(ago '36 hours')
opens=$(date -u -d "$released + 72 hours" +%Y-%m-%dT%H:%M:%SZ)
rolls "$released"
host_at 60 99
waits "$new comes to this host in stage 'all' of its rollout, which opens $opens"
refused 3 "$app: $new comes to this host in stage 'all' of its rollout, which opens $opens" lift update $app --to "$new"
expect_exit 3 lift manifest rollout "$work/tree/liftlock.yaml"
expect_text "$out" "$app $new: published $released, this host has place $own_place of 0 to 99"
expect_text "$out" "  first       10 %  opens $released (open)"
expect_text "$out" "  early       50 %  opens $(date -u -d "$released + 24 hours" +%Y-%m-%dT%H:%M:%SZ) (open)"
expect_text "$out" "  all        100 %  opens $opens (in 1 day)  <- this host"
expect_text "$out" "$new comes to this host in stage 'all' of its rollout, which opens $opens"
for zone in Europe/Berlin America/New_York Pacific/Kiritimati; do
    TZ=$zone lift update $app --check >/dev/null
    TZ=$zone lift plan $app >"$out" 2>"$err"
    grep -qxF "  passed over: $new comes to this host in stage 'all' of its rollout, which opens $opens" "$out"
    verdict "the same in $zone" $?
done

note "check says so without a download, where the manifest lies beside the archive"
expect_exit 10 lift check $app --exit-code
expect_text "$out" "$app: update available: $live → $new"
cp "$work/tree/liftlock.yaml" "$src/beside.yaml"
change_index "last.update(manifest='beside.yaml', manifest_sha256='$(sha256sum <"$src/beside.yaml" | cut -d' ' -f1)')"
expect_exit 0 lift check $app --exit-code
expect_text "$out" "$app: nothing to do ($live)"
expect_text "$out" "  passed over: $new comes to this host in stage 'all' of its rollout, which opens $opens"

note "of the second, which is"
host_at 10 49
expect_exit 0 lift manifest rollout "$work/tree/liftlock.yaml" --json
grep -q "\"state\": \"open\"" "$out" && grep -q "\"place\": $own_place" "$out"
verdict "its JSON says so" $?
goes_live

note "groups: a canary does not wait, who is stable waits for the end"
rolls "$(ago '1 minute')"
host_at 60 99
in_group stable
opens=$(date -u -d "$(sed -n 's/^released: "\(.*\)"/\1/p' "$work/tree/liftlock.yaml") + 72 hours" +%Y-%m-%dT%H:%M:%SZ)
waits "$new comes to this host in stage 'all' of its rollout, which opens $opens"
in_group early
waits "$new comes to this host in stage 'early' of its rollout, which opens $(date -u -d "$opens - 48 hours" +%Y-%m-%dT%H:%M:%SZ)"
in_group canary
goes_live
in_group ""

note "the soak time runs from the publication that the source names, before the manifest's word"
rolls 2020-01-01
host_at 60 99
published=$(ago '1 hour')
change_index "last['released'] = '$published'"
waits "$new comes to this host in stage 'all' of its rollout, which opens $(date -u -d "$published + 72 hours" +%Y-%m-%dT%H:%M:%SZ)"
change_index "last['released'] = '$(ago '73 hours')'"
goes_live

note "no date, and one in the future"
rolls ''
host_at 60 99
waits "$new has no date, and its rollout waits for stage 'all'"
rolls "$(date -u -d '2 hours' +%Y-%m-%dT%H:%M:%SZ)"
host_at 0 9
waits "$new comes to this host in stage 'first' of its rollout, which opens $(sed -n 's/^released: "\(.*\)"/\1/p' "$work/tree/liftlock.yaml")"

note "a rollout that stops, and an operator who does not"
rolls 2020-01-01 '{name: first, percentage: 50}'
host_at 60 99
waits "the rollout of $new does not take this host: it has place $own_place of 0 to 99"
expect_exit 0 lift plan $app --force
expect_text "$out" "  override   --force: the rollout of $new does not take this host: it has place $own_place of 0 to 99"
live=$new
back 0 "" lift update $app --force

note "criteria"
rolls 2020-01-01 "{name: odd, criteria: \"server_id % 2 == 1 and not file_exists('shared/.keep')\"}"
host_at 77 77
as_user touch "$host/opt/$app/shared/.keep"
waits "the rollout of $new does not take this host: it has place 77 of 0 to 99"
rm "$host/opt/$app/shared/.keep"
goes_live

note "two hundred hosts: a stage takes what it says, and keeps who was in"
rolls 2020-01-01
sed -i '/^host_id/d' "$host/etc/liftlock/liftlock.toml"
for percentage in 10 30 70; do
    sed -i "s/^rollout: .*/rollout: {stages: [{name: all, percentage: $percentage}]}/" "$work/tree/liftlock.yaml"
    cat >"$work/ask" <<END
for n in \$(seq 200); do
    if LIFTLOCK_HOST_ID=host-\$n liftlock manifest rollout "$work/tree/liftlock.yaml" >/dev/null 2>&1; then echo host-\$n; fi
done
END
    as_user env LIFTLOCK_ROOT="$host" sh "$work/ask" | sort >"$work/in-$percentage"
    for n in $(seq 200); do
        [ "$(place "host-$n" "$new")" -ge $percentage ] || echo "host-$n"
    done | sort >"$work/counted"
    ok "at $percentage %: the hosts that were counted by hand, $(wc -l <"$work/in-$percentage") of 200" cmp "$work/in-$percentage" "$work/counted"
done
expect_same "who was in at 10 % and is not at 30 %" "$(comm -23 "$work/in-10" "$work/in-30")" ""
expect_same "who was in at 30 % and is not at 70 %" "$(comm -23 "$work/in-30" "$work/in-70")" ""

note "mistakes have a place"
line=$(grep -n '^rollout:' "$work/tree/liftlock.yaml" | cut -d: -f1)
wrong() { # wrong STAGES COLUMN TEXT
    sed -i "s/^rollout: .*/rollout: {stages: [$1]}/" "$work/tree/liftlock.yaml"
    expect_exit 1 lift manifest check "$work/tree/liftlock.yaml"
    expect_text "$err" "liftlock: $work/tree/liftlock.yaml:$line:$2: $3"
}
wrong '{name: a, percentage: 50}, {name: b, percentage: 20}' 69 "stage 'b' takes fewer hosts than 'a' before it"
wrong '{name: a, criteria: server_id}' 40 "'criteria', character 1: a number is neither true nor false; compare it with something"
wrong '{name: a, percentage: half}' 42 "'percentage' must be a whole number from 0 to 100, not 'half'"

note "and the next good update works"
good
