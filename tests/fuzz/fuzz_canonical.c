/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of JSON under a signature: whatever it takes has one canonical form, which reads as itself. */
#include "base/canonical.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) exact = canonical_read_exact((const char *)bytes, size, "f", 0, NULL);
    g_autoptr(Node) node = canonical_read((const char *)bytes, size, "f", 0, &error);
    g_assert_true(node || g_str_has_prefix(error->message, "f:"));
    const Node *read = exact ? exact : node;
    if (!read)
        return 0;
    gsize written_size = 0, again_size = 0;
    g_autofree char *written = canonical_write(read, &written_size);
    g_assert_true(!exact || (written_size == size && memcmp(written, bytes, size) == 0));
    g_autoptr(Node) back = canonical_read_exact(written, written_size, "f", 0, NULL);
    g_assert_nonnull(back);
    g_autofree char *again = canonical_write(back, &again_size);
    g_assert_cmpmem(again, again_size, written, written_size);
    return 0;
}
