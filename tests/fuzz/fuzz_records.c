/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of records: what it takes, it would have written itself, byte for byte. */
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = node_from_records((const char *)bytes, size, &error);
    if (node) {
        g_autofree char *records = node_to_records(node);
        g_assert_cmpmem(records, strlen(records), bytes, size);
        check_node(node);
    } else {
        g_assert_true(g_str_has_prefix(error->message, "records:"));
    }
    return 0;
}
