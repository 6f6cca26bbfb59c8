/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the taking apart of signed documents: put together again, one says the same. */
#include "base/canonical.h"
#include "base/envelope.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Envelope) envelope = envelope_read((const char *)bytes, size, "f", 0, &error);
    if (!envelope) {
        g_assert_true(g_str_has_prefix(error->message, "f:"));
        return 0;
    }
    g_autoptr(Node) content = canonical_read_exact(envelope->bytes, envelope->size, "f", 0, NULL);
    g_assert_nonnull(content);
    gsize written_size = 0;
    g_autofree char *written = envelope_write(content, envelope->signatures, &written_size);
    g_autoptr(Envelope) again = envelope_read(written, written_size, "f", 0, &error);
    g_assert_true(again || written_size > CANONICAL_MAX_BYTES);
    if (again) {
        g_assert_cmpmem(again->bytes, again->size, envelope->bytes, envelope->size);
        g_assert_cmpuint(again->signatures->len, ==, envelope->signatures->len);
    }
    return 0;
}
