/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of what git-ls-remote(1) prints: what it takes are names that may be asked for, and commits. */
#include "base/fault.h"
#include "libexec/transfer_refs.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* fuzz: src/libexec/transfer_refs.c */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_id(const char *id)
{
    g_assert_true(strlen(id) == 40 || strlen(id) == 64);
    g_assert_true(id[strspn(id, "0123456789abcdef")] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) refs = refs_parse((const char *)data, size, 100, &error);
    if (!refs) {
        g_assert_error(error, FAULT, FAULT_SOURCE);
        return 0;
    }
    g_assert_cmpuint(refs->len, <=, 100);
    for (guint i = 0; i < refs->len; i++) {
        const Ref *ref = refs->pdata[i];
        g_assert_true(git_ref_is_plain(ref->name) && !strstr(ref->name, "..") && !strpbrk(ref->name, " \n*:^~\\"));
        check_id(ref->object);
        check_id(ref->commit);
    }
    return 0;
}
