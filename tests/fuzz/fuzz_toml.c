/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the TOML reader: every byte is kept, and what a table says of its tokens lies among them. */
#include "base/toml.h"
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static void check_range(TomlRange range, gsize n_tokens)
{
    g_assert_cmpuint(range.first, <=, range.end);
    g_assert_cmpuint(range.end, <=, n_tokens);
}

static void check_item(const TomlItem *item, gsize n_tokens)
{
    check_range(item->key_tokens, n_tokens);
    check_range(item->value, n_tokens);
    check_range(item->statement, n_tokens);
    check_range(item->lead, n_tokens);
    check_range(item->body, n_tokens);
    for (guint i = 0; item->items && i < item->items->len; i++)
        check_item(g_ptr_array_index(item->items, i), n_tokens);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    check_document(DOCUMENT_TOML, bytes, size);
    g_autoptr(TomlText) text = toml_parse((const char *)bytes, size, "f", 0, NULL);
    if (!text)
        return 0;
    gsize n_tokens, n_bytes;
    g_autofree char *emitted = toml_emit(text, &n_bytes);
    g_assert_cmpmem(emitted, n_bytes, bytes, size);
    toml_tokens(text, &n_tokens);
    check_item(toml_root(text), n_tokens);
    return 0;
}
