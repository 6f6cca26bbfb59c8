#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A kernel that gives no namespaces: builds and trials run all the same, but that they are not kept apart is said, once a
# job, and status names it.
# shellcheck source=tests/scenario/lib-bookshelf.sh
. "$(dirname "$0")/lib-bookshelf.sh"

# As on a host where ordinary users may not make namespaces.
# shellcheck disable=SC2016 # the inner shell's
poor() {
    as_user unshare --user --map-current-user --keep-caps sh -c \
        'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps -all --inh-caps -all "$@"' sh \
        env LIFTLOCK_ROOT="$host" liftlock "$@"
}
often() { # often N TEXT: the last command said it that often
    said=$(grep -cF -e "$2" "$out")
    expect_same "how often it says: $2" "$said" "$1"
}
no_mounts="no mount namespaces here: the build is beside the live app, which is not frozen for it"
no_apart="no isolation here: the trial is not kept from network and data"
weak_mounts="  weaker      no mount namespaces: builds are beside the live app, which is not frozen for them"
weak_apart="  weaker      no isolation: trials are not kept from network and data"

note "it goes live without them, and says so once, however many lines there are"
tree_make 1.0.0 1.0.0
manifest_add 1.0.0 'build: ["true", "true"]'
publish 1.0.0
expect_exit 0 poor install "$source" --trust none --name bookshelf
expect_exit 0 lift logs bookshelf --all
often 1 "$no_mounts"
often 1 "$no_apart"
expect_exit 0 lift status bookshelf
expect_text "$out" "$weak_mounts"
expect_text "$out" "$weak_apart"

note "a job that neither builds nor tries does not hide it"
expect_exit 0 lift restart bookshelf
expect_exit 0 lift status bookshelf
expect_text "$out" "$weak_mounts"
expect_text "$out" "$weak_apart"

note "with namespaces nothing is said"
tree_make 2.0.0 2.0.0
manifest_add 2.0.0 'build: ["true", "true"]'
publish 2.0.0
expect_exit 0 lift update bookshelf
expect_exit 0 lift logs bookshelf --all
often 0 "$no_mounts"
often 0 "$no_apart"
expect_exit 0 lift status bookshelf
expect_no_text "$out" "$weak_mounts"
expect_no_text "$out" "$weak_apart"
