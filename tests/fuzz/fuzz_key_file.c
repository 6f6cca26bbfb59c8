/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of key files: what it takes keeps to the caps, and opens or says why not. */
#include "base/fault.h"
#include "trust/key_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KeyFile) file = key_file_read((const char *)bytes, size, "f", &error);
    g_autoptr(TufKey) public = key_public_read((const char *)bytes, size, "f", NULL);
    if (!file) {
        g_assert_true(g_str_has_prefix(error->message, "f") && g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert_true(public && g_str_equal(public->id, file->key->id));
    if (!file->encrypted) {
        g_autoptr(TufSecret) secret = key_file_open(file, NULL, &error);
        g_assert_true(secret || error);
        return 0;
    }
    g_assert_true(file->n >= 2 && 128 * file->n * file->r <= 512 << 20);
    if (file->n * file->r * file->p > 1 << 14) /* it would only take time */
        return 0;
    g_autoptr(TufSecret) secret = key_file_open(file, "p", &error);
    g_assert_true(secret || error);
    return 0;
}
