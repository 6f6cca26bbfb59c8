#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Somebody is told: by mail to a real SMTP server, by a webhook as Slack takes it; and whatever is wrong with them, the
# update is not. Row S14 of systems.md.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
host_up none
config=$host/etc/liftlock/apps/$app.toml
box=$work/box
mkdir "$box"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$box/key.pem" -out "$box/cert.pem" 2>/dev/null
printf 's3cret word\nnot this\n' >"$work/password"
chmod 600 "$work/password"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$box" "$work/password"
ports=$(for _ in 1 2 3 4 5 6; do free_port; done | paste -sd, -)
in_background as_user /usr/bin/python3 "$tree/tests/scenario/receiver.py" "$box" "$ports"
ok "the receivers listen" wait_for 10 test -e "$box/ready"
at() { echo "$ports" | cut -d, -f"$1"; }

tells() { # tells KEY=VALUE...: [notify.ops], anew; values are TOML
    sed -i '/^\[notify/,$d' "$config"
    echo '[notify.ops]' >>"$config"
    for line; do printf '%s = %s\n' "${line%%=*}" "${line#*=}" >>"$config"; done
}
mail_to() { # mail_to PORT KEY=VALUE...
    mail_port=$1
    shift
    tells 'type="mail"' "server=\"127.0.0.1:$mail_port\"" 'from="lift@example.org"' 'to=["ops@example.org", "boss@example.org"]' "$@"
}
updates() { # updates: the next good release, and how long it took
    live=$(next "$live")
    release "$live"
    offer "$live"
    begun=$(date +%s)
    expect_exit 0 lift update $app
    took=$(($(date +%s) - begun))
    expect_text "$out" "$app $live is live"
}
logged() { # logged TEXT: the job's log has this line
    lift logs $app >"$work/log" 2>&1
    grep -qF -e "$1" "$work/log"
    verdict "the log says: $1" $?
    grep -qF -e "$1" "$work/log" || grep notif "$work/log" | sed 's/^/#   /'
}
header() { sed -n "s/^$2: //p" "$box/$1" | tr -d '\r'; }
body() { sed '1,/^\r$/d' "$box/$1" | tr -d '\r' | base64 -d; }

note "a mail, encrypted, with a login"
mail_to "$(at 1)" 'user="lift"' "password_file=\"$work/password\"" "ca_file=\"$box/cert.pem\""
expect_exit 0 lift config show $app
expect_no_text "$out" 's3cret'
updates
expect_file "$box/starttls.said" "lift may in, encrypted
from lift@example.org encrypted"
expect_same "for whom" "$(head -n 1 "$box/starttls.1")" "to ops@example.org boss@example.org"
expect_same "subject" "$(header starttls.1 Subject)" "$app $live on $(uname -n): updated"
expect_same "from" "$(header starttls.1 From)" "liftlock <lift@example.org>"
expect_same "nobody answers a robot" "$(header starttls.1 Auto-Submitted)" auto-generated
expect_same "body" "$(body starttls.1)" "$app $live on $(uname -n): updated"
ok "a mail that others can read" /usr/bin/python3 - "$box/starttls.1" <<'END'
import email, email.policy, email.utils, sys, time
raw = open(sys.argv[1], "rb").read().split(b"\n", 1)[1]
assert b"\n" not in raw.replace(b"\r\n", b""), "lines end in CRLF"
mail = email.message_from_bytes(raw, policy=email.policy.default)
assert not mail.defects, mail.defects
assert mail["To"] == "ops@example.org, boss@example.org", mail["To"]
assert abs(email.utils.parsedate_to_datetime(mail["Date"]).timestamp() - time.time()) < 60
assert mail.get_content_type() == "text/plain" and mail["Message-ID"].startswith("<")
END

note "one that is encrypted from the first byte; words from everywhere in it"
mail_to "$(at 2)" 'encryption="tls"' "ca_file=\"$box/cert.pem\"" "message=\"{app}: Grüße, größere Füße, noch größere Füße und 東京 von {host}: {from} → {version}\\nBcc: all@example.org\\n.\\n\""
was=$live
updates
ok "it is what was meant" env WANTED="$app: Grüße, größere Füße, noch größere Füße und 東京 von $(uname -n): $was → $live" /usr/bin/python3 - "$box/tls.1" <<'END'
import email, email.policy, os, sys
first, raw = open(sys.argv[1], "rb").read().split(b"\n", 1)
mail = email.message_from_bytes(raw, policy=email.policy.default)
assert first == b"to ops@example.org boss@example.org", first
assert mail["Subject"] == os.environ["WANTED"], mail["Subject"]
assert mail.get_content().split("\n")[:3] == [os.environ["WANTED"], "Bcc: all@example.org", "."], mail.get_content()
assert mail["Bcc"] is None
END

note "what failed is told with its reason"
mail_to "$(at 3)" 'encryption="none"' 'message="{app} {version} from {from} is {verdict}: {error}"' 'on=["rolled-back"]'
broken=$(next "$live")
release "$broken"
manifest 's/^hooks: .*//'
echo 'hooks: {post_update: ["echo https://me:hush@db.example.org/x >&2; exit 7"]}' >>"$work/tree/liftlock.yaml"
offer "$broken"
expect_exit 4 lift update $app
expect_same "told" "$(body plain.1)" "$app $broken from $live is rolled-back: post_update hook 'echo https://...@db.example.org/x >&2; exit 7': exit status 7"
expect_same "in the clear, as it was said" "$(cat "$box/plain.said")" "from lift@example.org clear"
withdraw_offer "$broken"

note "what is wrong with a server is in the log, and the update is good"
mail_to "$(at 1)" "ca_file=\"$box/cert.pem\"" 'user="lift"' "password_file=\"$box/cert.pem\""
updates
logged "notification 'ops': mail 127.0.0.1:$(at 1): the server does not accept user and password"
mail_to "$(at 3)" "ca_file=\"$box/cert.pem\"" 'user="lift"' "password_file=\"$work/password\""
updates
logged "notification 'ops': mail 127.0.0.1:$(at 3): the server offers no STARTTLS"
expect_same "and nothing went there in the clear" "$(wc -l <"$box/plain.said")" 1
mail_to "$(at 2)" 'encryption="tls"'
updates
logged "notification 'ops': mail 127.0.0.1:$(at 2): SSL certificate problem: self-signed certificate"
mail_to "$(at 4)" 'encryption="none"'
updates
logged "notification 'ops': mail 127.0.0.1:$(at 4): the server refused with 550"
expect_same "once: it would say so again" "$(wc -l <"$box/refusing.said")" 1
mail_to "$(at 5)" 'encryption="none"' 'timeout="300ms"' 'retry_count=1'
updates
logged "notification 'ops': mail 127.0.0.1:$(at 5): not finished within 0.3 s"
mail_to "$(free_port)" 'encryption="none"' 'retry_count=0'
updates
logged "notification 'ops': cannot reach 127.0.0.1:$mail_port: connection refused"
mail_to "$(at 1)" 'user="lift"' "password_file=\"$work/nothing\""
updates
logged "notification 'ops': password_file '$work/nothing': 'nothing' does not exist"
expect_same "no mail came of it" "$(find "$box" -name 'starttls.[0-9]*' -o -name 'refusing.[0-9]*' | wc -l)" 1

note "a webhook, as Slack takes it; one that hangs costs its time and no more"
tells 'type="webhook"' "url=\"http://127.0.0.1:$(at 6)/services/T0/s3cret\""
updates
expect_file "$box/hook.1" "{\"text\":\"$app $live on $(uname -n): updated\"}"
tells 'type="webhook"' "url=\"http://127.0.0.1:$(at 6)/hang/s3cret\"" 'timeout="1s"' 'retry_count=1'
updates
expect_same "tries" "$(find "$box" -name 'hung.[0-9]*' | wc -l)" 2
ok "no longer than the two tries and the update take" test "$took" -le 12
logged "notification 'ops': webhook 127.0.0.1: "

note "no secret is anywhere but where it was put"
expect_same "files with a secret" "$(grep -rlE 's3cret' "$host" --include='*' 2>/dev/null | grep -vE '/etc/liftlock/apps/|/jobs/[^/]*/config.toml$')" ""
back 0 "" true
