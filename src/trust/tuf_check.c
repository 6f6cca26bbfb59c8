/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file is the one that metadata speak of: length and hashes. */
#include "base/fault.h"
#include "trust/tuf_client.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024 };

typedef struct Hashing {
    EVP_MD_CTX *sha256, *sha512; /* NULL: not asked for */
    guint64 length;
} Hashing;

/* OpenSSL fails here only if memory is at its end or its configuration is broken: nothing that a caller can mend. */
static EVP_MD_CTX *hash_new(const char *wanted, const EVP_MD *method)
{
    if (!wanted)
        return NULL;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, method, NULL) != 1)
        g_error("the cryptographic library offers no SHA-2");
    return hash;
}

static void hashing_begin(Hashing *hashing, const TufFile *file)
{
    *hashing =
        (Hashing){.sha256 = hash_new(file->sha256, EVP_sha256()), .sha512 = hash_new(file->sha512, EVP_sha512())};
}

static void hashing_add(Hashing *hashing, const void *bytes, gsize size)
{
    EVP_MD_CTX *const all[] = {hashing->sha256, hashing->sha512};
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i] && EVP_DigestUpdate(all[i], bytes, size) != 1)
            g_error("the cryptographic library cannot hash");
    }
    hashing->length += size;
}

/* Frees the hash. TRUE if it was not asked for. */
static gboolean hash_end(EVP_MD_CTX *hash, const char *wanted)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!hash)
        return TRUE;
    gboolean good = EVP_DigestFinal_ex(hash, bytes, &size) == 1 && strlen(wanted) == 2 * (gsize)size;
    for (unsigned int i = 0; good && i < size; i++)
        good = g_ascii_xdigit_value(wanted[2 * i]) == bytes[i] >> 4 &&
               g_ascii_xdigit_value(wanted[2 * i + 1]) == (bytes[i] & 15);
    EVP_MD_CTX_free(hash);
    return good;
}

static gboolean hashing_end(Hashing *hashing, const TufFile *file, const char *name, GError **error)
{
    gboolean same = hash_end(hashing->sha256, file->sha256);
    same &= hash_end(hashing->sha512, file->sha512);
    if (file->hashed && !file->sha256 && !file->sha512)
        return fault_set(error, FAULT_VERIFY, "%s: its hashes are of kinds that this liftlock does not know", name);
    if (file->length >= 0 && hashing->length != (guint64)file->length)
        return fault_set(error, FAULT_VERIFY, "%s: has %" G_GUINT64_FORMAT " bytes, should have %" G_GINT64_FORMAT,
                         name, hashing->length, file->length);
    return same || fault_set(error, FAULT_VERIFY, "%s: is not the file that its hash names", name);
}

gboolean tuf_file_check(const TufFile *file, const char *bytes, gsize size, const char *name, GError **error)
{
    Hashing hashing;
    hashing_begin(&hashing, file);
    hashing_add(&hashing, bytes, size);
    return hashing_end(&hashing, file, name, error);
}

gboolean tuf_file_check_fd(const TufFile *file, int fd, const char *name, GError **error)
{
    Hashing hashing;
    hashing_begin(&hashing, file);
    g_autofree char *chunk = g_malloc(CHUNK);
    gssize n = 0;
    do {
        n = pread(fd, chunk, CHUNK, (off_t)hashing.length);
        if (n > 0)
            hashing_add(&hashing, chunk, (gsize)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    int code = errno;
    gboolean good = hashing_end(&hashing, file, name, n < 0 ? NULL : error);
    return n < 0 ? fault_errno(error, FAULT_SYSTEM, code, "%s: cannot read it", name) : good;
}
