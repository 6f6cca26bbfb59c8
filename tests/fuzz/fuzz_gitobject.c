/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the taking apart of git's tags and commits: what is signed and the signature together are no more than all. */
#include "trust/git_object.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) payload = NULL;
    g_autofree char *signature = NULL;
    const char *bytes = (const char *)data;
    GitSigned kind = git_signature_split(bytes, size, &payload, &signature);
    g_assert_cmpuint(payload->len, <=, size);
    if (kind != GIT_UNSIGNED) {
        g_assert_true(g_str_has_prefix(signature, "-----BEGIN "));
        g_assert_cmpuint(payload->len, <, size);
    }
    g_autofree char *tree = git_commit_tree(bytes, size);
    g_assert_true(!tree || strlen(tree) == 40 || strlen(tree) == 64);
    git_tag_is_of(bytes, size, "v1.0.0", "0123456789012345678901234567890123456789");
    return 0;
}
