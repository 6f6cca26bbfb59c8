/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the readers of TUF metadata: the first byte names the kind, the rest is "signed" of a file. */
#include "base/canonical.h"
#include "trust/tuf_metadata.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    if (size == 0)
        return 0;
    g_autoptr(GError) error = NULL;
    Node *node = canonical_read((const char *)bytes + 1, size - 1, "f", 0, NULL);
    if (!node)
        return 0;
    g_autoptr(TufMetadata) metadata = tuf_metadata_from_node((TufType)(bytes[0] % TUF_N_TYPES), node, "f", &error);
    if (!metadata) {
        g_assert_true(g_str_has_prefix(error->message, "f: ") && g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert_true(metadata->version >= 1);
    g_autoptr(Envelope) envelope = envelope_new();
    envelope->bytes = canonical_write(metadata->node, &envelope->size);
    g_autoptr(TufMetadata) again = tuf_metadata_read(metadata->type, envelope->bytes, envelope->size, "f", &error);
    g_assert_true(again && again->files->len == metadata->files->len && again->roles->len == metadata->roles->len);
    for (guint i = 0; i < metadata->keys->len; i++) {
        const TufKey *key = g_ptr_array_index(metadata->keys, i);
        g_assert_true(tuf_metadata_key(metadata, key->id) == key);
        envelope_add(envelope, key->id, "00");
    }
    for (guint i = 0; i < metadata->roles->len; i++) /* nothing is ever signed here */
        g_assert_false(tuf_metadata_verify(metadata, g_ptr_array_index(metadata->roles, i), envelope, "f", NULL));
    return 0;
}
