/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a delta file, by itself: whoever looks at no more than that links no decompression. */
#include "base/fault.h"
#include "delta/delta_inner.h"

#include <string.h>

gboolean delta_head_take(ByteReader *reader, DeltaHead *head, GError **error)
{
    const guint8 *magic = bytes_take(reader, strlen(DELTA_MAGIC));
    if (!magic || memcmp(magic, DELTA_MAGIC, strlen(DELTA_MAGIC)) != 0)
        return fault_set(error, FAULT_ARCHIVE, "this is no delta file of version 1");
    gboolean good = bytes_digest(reader, head->old_digest) && bytes_digest(reader, head->new_digest);
    head->memory_bytes = bytes_number(reader);
    return (good && !reader->broken) || fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
}

gboolean delta_head_read(const guint8 *bytes, gsize size, DeltaHead *head, GError **error)
{
    ByteReader reader = {.at = bytes, .end = bytes + size};
    return delta_head_take(&reader, head, error);
}
