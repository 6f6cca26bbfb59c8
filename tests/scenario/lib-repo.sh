# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The words of scenarios about a publisher's repository: $repo is served at $url, $keys are the publisher's.
repo=$work/repo
export keys="$work/keys"
# The client looks for the children without rights beside itself.
mkdir "$work/bin"
cp "$build/tests/tuf-client/tuf-client" "$build/src/liftlock-fetch" "$build/src/liftlock-unpack" "$build/src/liftlock-parse" "$work/bin/"
client=$work/bin/tuf-client
liftlock_repo() { as_user liftlock repo "$@"; }

# make_tree DIR VERSION [LINE...]: a release of books
make_tree() {
    as_user mkdir -p "$1/bin"
    {
        printf 'app: books\nversion: %s\nreleased: "2026-11-20"\n' "$2"
        shift 2
        [ $# = 0 ] || printf '%s\n' "$@"
    } | as_user tee "$1/liftlock.yaml" >/dev/null
    as_user tee "$1/bin/books" <"$1/liftlock.yaml" >/dev/null
}

serve_repo() {
    port=$(free_port)
    in_background as_user /usr/bin/python3 -m http.server "$port" --bind 127.0.0.1 -d "$work"
    url=http://127.0.0.1:$port/repo
    wait_for 10 curl -fsS -o /dev/null "http://127.0.0.1:$port/"
}

# The client of tests/tuf-client, with metadata and targets of its own below $work/NAME.
begin_client() { # begin_client NAME ROOT
    as_user mkdir -p "$work/$1/metadata" "$work/$1/targets" && as_user "$client" --metadata-dir "$work/$1/metadata" init "$2"
}
refresh_client() { as_user "$client" --metadata-dir "$work/$1/metadata" --metadata-url "$url/metadata/" refresh; }
download() { # download NAME TARGET
    as_user "$client" --metadata-dir "$work/$1/metadata" --metadata-url "$url/metadata/" --target-name "$2" \
        --target-dir "$work/$1/targets" --target-base-url "$url/targets/" download
}

# field FILE PYTHON: something of the signed part of a file, which is called s
field() { /usr/bin/python3 -c 'import json, sys; s = json.load(open(sys.argv[1]))["signed"]; print(eval(sys.argv[2]))' "$1" "$2"; }
newest() { ls -v "$repo"/metadata/*."$1".json | tail -n 1; }
block() { # block VERSION PYTHON: of the block of a release, which is called b
    /usr/bin/python3 -c 'import json, sys; b = json.load(open(sys.argv[1]))["signed"]["targets"]["books/books-" + sys.argv[2] + ".yaml"]["custom"]; print(eval(sys.argv[3]))' \
        "$(newest app-books)" "$1" "$2"
}
digest_of_repo() { (cd "$repo" && find . -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum; }
refused() { # refused CODE TEXT COMMAND...: and nothing of the repository changed
    before=$(digest_of_repo)
    code=$1
    text=$2
    shift 2
    expect_exit "$code" "$@"
    expect_text "$err" "liftlock: $text"
    expect_same 'the repository' "$(digest_of_repo)" "$before"
}
hint() { expect_text "$err" "  $1"; }
