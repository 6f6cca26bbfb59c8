#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# S02, S04, B15: one archive at a web server, over TLS with a certificate authority of our own: unchanged, it costs one request
# and no body. Digests, signatures, tokens, mirrors of which the first is bad, forges' latest releases, a proxy with a
# password; another file under the same version is refused, and no secret gets out.
# shellcheck source=tests/scenario/lib-bad.sh
. "$(dirname "$0")/lib-bad.sh"
# shellcheck source=tests/scenario/lib-source.sh
. "$tree/tests/scenario/lib-source.sh"
watch_secrets
mkdir -p "$host/etc/liftlock" "$src/private" "$work/nginx" "$work/proxy"
echo 'allow_trust_none = true' >"$host/etc/liftlock/liftlock.toml"
tls=$(free_port)
plain=$(free_port)
via=$(free_port)
token=t0ken-of-ours
password=pr0xy-password
secret "$token" "$password" "$(printf 'joe:%s' "$password" | base64)"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$work/nginx/key.pem" -out "$work/ca.pem" 2>/dev/null
nginx_conf() { # nginx_conf FOLDER SERVER...
    cat <<END
daemon off;
pid $work/$1/pid;
error_log $work/$1/error;
events {}
http {
    log_format short '\$request_method \$uri \$status \$body_bytes_sent';
    access_log $work/$1/access short;
    client_body_temp_path $work/$1/body; fastcgi_temp_path $work/$1/fastcgi; proxy_temp_path $work/$1/proxy;
    uwsgi_temp_path $work/$1/uwsgi; scgi_temp_path $work/$1/scgi;
    $2
}
END
}
printf 'map $http_x_token $ours { default 403; "%s" ""; }\n' "$token" >"$work/nginx/token"
printf 'map $http_proxy_authorization $known { default 407; "Basic %s" ""; }\n' "$(printf 'joe:%s' "$password" | base64)" >"$work/proxy/password"
nginx_conf nginx "include $work/nginx/token;
    server { listen 127.0.0.1:$plain; root $src; location /private/ { if (\$ours) { return 403; } } }
    server { listen 127.0.0.1:$tls ssl; root $src; ssl_certificate $work/ca.pem; ssl_certificate_key $work/nginx/key.pem; }" >"$work/nginx/conf"
nginx_conf proxy "include $work/proxy/password;
    server { listen 127.0.0.1:$via; location / { if (\$known) { return 407; } proxy_pass http://\$http_host\$request_uri; } }" >"$work/proxy/conf"
[ "$(id -u)" != 0 ] || chown -R liftlock-test:liftlock-test "$host" "$src" "$work/nginx" "$work/proxy"
for server in nginx proxy; do
    in_background as_user nginx -c "$work/$server/conf" -e "$work/$server/error"
    wait_for 10 test -s "$work/$server/pid"
done

uploads=0
upload() { # upload V [NAME]: the server tells files apart by size and second
    pack "$1"
    uploads=$((uploads + 1))
    touch -d "@$((1700000000 + uploads))" "$src/$app-$1.tar.gz"
    mv "$src/$app-$1.tar.gz" "$src/${2:-latest.tar.gz}"
}
asked() { tr '\n' ',' <"$work/nginx/access"; }
forget() { as_user sh -c ": >'$work/nginx/access'"; }
digest() { sha256sum <"$1" | cut -d' ' -f1; }
secure=https://127.0.0.1:$tls
web=http://127.0.0.1:$plain
https_is() { source_is 'type = "https"' "url = \"$1\"" "$(shift && printf '%s\n' "$@")"; }

note 'over TLS'
release 1.0.0
upload 1.0.0
https_is "$secure/latest.tar.gz"
expect_exit 1 lift install "$work/$app.toml"
expect_same 'an unknown authority' "$(said | cut -d: -f1-4)" "cannot reach 127.0.0.1:$tls: its certificate is signed by itself"
https_is "$secure/latest.tar.gz" "ca_file = \"$work/ca.pem\""
ok "$app 1.0.0 is installed" lift install "$work/$app.toml"
installed
curl -s -d 'title=Emma' "http://127.0.0.1:$port/" >/dev/null
runs
verdict "it runs" $?
forget
expect_exit 0 lift check $app
expect_text "$out" "bookshelf: up to date (1.0.0)"
expect_same 'what a look at an unchanged release costs' "$(asked)" 'GET /latest.tar.gz 304 0,'
release 1.0.1
upload 1.0.1
expect_exit 10 lift check $app --exit-code
forget
available 1.0.1
expect_same 'what was asked for' "$(asked)" ''
expect_exit 0 lift update $app --json
heard
expect_same 'what an update of what was looked at already costs' "$(asked)" 'GET /latest.tar.gz 304 0,'
live=1.0.1
runs
verdict "1.0.1 runs" $?
available none

note 'another file under the same version'
old=$(digest "$src/latest.tar.gz")
echo '# as of today' >>"$work/tree/books.py"
upload 1.0.1
day=$(date -u +%Y-%m-%d)
refused 1 "bookshelf: the source has another release under the same version 1.0.1: sha256 $(digest "$src/latest.tar.gz"), since $day sha256 $old" lift check $app
hint "a version that was published does not change; if the publisher says that it did, 'liftlock allow bookshelf 1.0.1' takes it"

note 'a digest beside it'
release 1.0.2
upload 1.0.2
trust_is 'level = "checksum"'
https_is "$web/latest.tar.gz" "checksum_url = \"$web/SHA256SUMS\""
refused 1 "fetch $web/SHA256SUMS: HTTP 404" lift check $app
echo "$old  latest.tar.gz" >"$src/SHA256SUMS"
refused 1 "latest.tar.gz: the digest is $(digest "$src/latest.tar.gz"), and not $old" lift update $app
(cd "$src" && sha256sum latest.tar.gz >SHA256SUMS)
expect_exit 0 lift update $app
live=1.0.2
runs
verdict "with the right digest it goes live" $?
forget
expect_exit 0 lift check $app
expect_same 'what a look costs' "$(asked)" 'GET /SHA256SUMS 304 0,'

note 'mirrors, the first of them bad'
release 1.0.3
upload 1.0.3 good.tar.gz
echo nonsense >"$src/bad.tar.gz"
good=$(digest "$src/good.tar.gz")
https_is "$web/gone.tar.gz" "sha256 = \"$good\"" "mirrors = [\"$web/bad.tar.gz\", \"http://127.0.0.1:1/\"]"
refused 1 "fetch $web/gone.tar.gz: HTTP 404" lift check $app
hint "no mirror helped; the last one: cannot reach 127.0.0.1:1: connection refused"
https_is "$web/gone.tar.gz" "sha256 = \"$good\"" "mirrors = [\"$web/bad.tar.gz\", \"$web/good.tar.gz\"]"
forget
expect_exit 0 lift update $app
live=1.0.3
runs
verdict "the mirror that is good serves" $?
expect_same 'what was asked for' "$(cut -d' ' -f2,3 "$work/nginx/access" | tr '\n' ',')" '/gone.tar.gz 404,/bad.tar.gz 200,/good.tar.gz 200,'

note 'a token, and a signature'
release 1.0.4
upload 1.0.4 private/app.tar.gz
minisign -G -W -f -p "$work/key.pub" -s "$work/key" >/dev/null </dev/null
trust_is 'level = "minisign"' "key = \"$(tail -n 1 "$work/key.pub")\""
https_is "$web/private/app.tar.gz"
refused 1 "fetch $web/private/app.tar.gz: HTTP 403" lift check $app
as_user mkdir -p "$host/etc/credstore"
(umask 077 && echo "X-Token: $token" >"$work/headers")
[ "$(id -u)" != 0 ] || chown liftlock-test: "$work/headers"
as_user cp "$work/headers" "$host/etc/credstore/releases-token"
https_is "$web/private/app.tar.gz" 'headers_file = "credential:releases-token"'
refused 1 "fetch $web/private/app.tar.gz.minisig: HTTP 404" lift update $app
sign private/app.tar.gz "app=other version=1.0.4 file=app.tar.gz"
refused 1 "app.tar.gz: the signature is for app 'other', not 'bookshelf'" lift update $app
sign private/app.tar.gz "app=$app version=1.0.4 file=app.tar.gz"
expect_exit 0 lift update $app
live=1.0.4
runs
verdict "signed and with our token it goes live" $?
trust_is 'level = "none"'

note "a forge's latest release"
latest() { # latest TAG ASSET [DIGEST]
    digest_of=${3:+", \"digest\": \"sha256:$3\""}
    cat >"$src/latest" <<END
{"tag_name": "$1", "draft": false, "prerelease": false, "published_at": "2026-01-02T03:04:05Z", "assets": [
 {"name": "notes.txt", "size": 3, "browser_download_url": "$web/notes.txt"},
 {"name": "$2", "size": $(stat -c %s "$src/$2"), "download_count": ${downloads:-1}, "browser_download_url": "$web/$2"$digest_of}]}
END
    edition=$((${edition:-1000000000} + 1)) # nginx makes an ETag of time and size
    touch -d "@$edition" "$src/latest"
}
trust_is 'level = "checksum"'
release 1.0.5
upload 1.0.5 $app-1.0.5.tar.gz
latest v1.0.5 $app-1.0.5.tar.gz "$old"
https_is "$web/latest" 'api = "github"' 'asset = "bookshelf-*.tar.gz"'
expect_exit 10 lift check $app --exit-code
refused 1 "$app-1.0.5.tar.gz: the digest is $(digest "$src/$app-1.0.5.tar.gz"), and not $old" lift update $app
latest v1.0.5 $app-1.0.5.tar.gz
refused 1 "$web/latest: neither the release nor a file 'bookshelf-*.tar.gz.sha256' gives its digest" lift update $app
expect_exit 0 lift allow $app 1.0.5
latest v1.0.5 $app-1.0.5.tar.gz "$(digest "$src/$app-1.0.5.tar.gz")"
expect_exit 0 lift update $app
live=1.0.5
runs
verdict "the asset goes live" $?
forget
expect_exit 0 lift check $app
expect_same 'what a look costs' "$(asked)" 'GET /latest 304 0,'
downloads=77 latest v1.0.5 $app-1.0.5.tar.gz "$(digest "$src/$app-1.0.5.tar.gz")"
forget
expect_exit 0 lift check $app
expect_same 'one more that counts downloads' "$(cut -d' ' -f2,3 "$work/nginx/access")" '/latest 200'
latest nightly $app-1.0.5.tar.gz
refused 1 "$web/latest: the tag 'nightly' is no version" lift check $app
echo '{"message": "Not Found"}' >"$src/latest"
refused 1 "$web/latest is no release of a forge" lift check $app
latest v1.0.6 $app-1.0.5.tar.gz
https_is "$web/latest" 'api = "gitea"' 'asset = "other-*"'
refused 1 "$web/latest: no asset is called 'other-*'" lift check $app

note 'a proxy with a password'
trust_is 'level = "none"'
release 1.0.6
upload 1.0.6
https_is "$web/latest.tar.gz" "proxy = \"http://joe:wrong@127.0.0.1:$via\""
refused 1 "fetch $web/latest.tar.gz: HTTP 407" lift check $app
https_is "$web/latest.tar.gz" "proxy = \"http://joe:$password@127.0.0.1:$via\""
expect_exit 0 lift update $app
heard
live=1.0.6
runs
verdict "through the proxy it goes live" $?
expect_exit 0 lift config show $app --json
heard
expect_same 'the proxy as it is shown' "$(grep -c "(secret)@127.0.0.1:$via" "$out")" 1
https_is "$web/latest.tar.gz" "proxy = \"http://joe:$password@127.0.0.1:1\""
refused 1 "cannot reach 127.0.0.1:$plain: connection refused" lift check $app
heard
https_is "$web/latest.tar.gz" "proxy = \"http://joe:$password@127.0.0.1:1\"" 'no_proxy = "127.0.0.1"'
expect_exit 0 lift check $app

note 'two apps of two sources, and one that is not asked'
first=$port
port=$(free_port)
release 2.0.0
manifest 's/^app: .*/app: second/'
upload 2.0.0 second.tar.gz
printf '[source]\ntype = "https"\nurl = "%s"\n[trust]\nlevel = "none"\n' "$web/second.tar.gz" >"$work/second.toml"
ok "second 2.0.0 is installed" lift install "$work/second.toml"
release 2.0.1
manifest 's/^app: .*/app: second/'
upload 2.0.1 second.tar.gz
port=$first
https_is "$web/latest.tar.gz"
release 1.0.7
upload 1.0.7
forget
expect_exit 10 lift check second --exit-code
expect_same 'what was asked for' "$(cut -d' ' -f2,3 "$work/nginx/access" | tr '\n' ',')" '/second.tar.gz 200,'
expect_exit 0 lift update $app second
live=1.0.7
runs
verdict "both go live: $app" $?
expect_same 'and second' "$(readlink "$host/opt/second/current")" releases/2.0.1
expect_exit 0 lift check $app second
expect_text "$out" "second: up to date (2.0.1)"
find "$host/var/lib/liftlock/$app/jobs" -name config.toml -delete # the job's own copy of the app's configuration
secrets_stayed
