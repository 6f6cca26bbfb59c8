/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE2b of bytes in memory, as RFC 7693 section 3 gives it. */
#include "trust/blake2b.h"

#include <openssl/crypto.h>
#include <string.h>

#define BLOCK 128

static const guint64 iv[8] = {0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
                              0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u};

/* Rounds 10 and 11 use the first two rows again. */
static const guint8 sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static guint64 rotate(guint64 word, unsigned by)
{
    return word >> by | word << (64 - by);
}

static void mix(guint64 *v, unsigned a, unsigned b, unsigned c, unsigned d, guint64 x, guint64 y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

/* One block; `count`: bytes so far, this block included. */
static void compress(guint64 h[8], const guint8 block[BLOCK], guint64 count, gboolean last)
{
    guint64 m[16], v[16];
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&m[i], block + 8 * i, 8);
        m[i] = GUINT64_FROM_LE(m[i]);
    }
    memcpy(v, h, 64);
    memcpy(v + 8, iv, 64);
    v[12] ^= count;
    if (last)
        v[14] = ~v[14];
    for (unsigned round = 0; round < 12; round++) {
        const guint8 *s = sigma[round % 10];
        for (unsigned i = 0; i < 4; i++)
            mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (unsigned i = 0; i < 4; i++)
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (unsigned i = 0; i < 8; i++)
        h[i] ^= v[i] ^ v[8 + i];
    OPENSSL_cleanse(m, sizeof m);
    OPENSSL_cleanse(v, sizeof v);
}

void blake2b(const void *bytes, gsize size, guint8 *digest, gsize digest_size)
{
    guint64 h[8];
    memcpy(h, iv, sizeof h);
    h[0] ^= 0x01010000u ^ digest_size;
    const guint8 *at = bytes;
    gsize done = 0;
    for (; size - done > BLOCK; done += BLOCK)
        compress(h, at + done, done + BLOCK, FALSE);
    guint8 tail[BLOCK] = {0};
    if (size > done)
        memcpy(tail, at + done, size - done);
    compress(h, tail, size, TRUE);
    for (unsigned i = 0; i < 8; i++)
        h[i] = GUINT64_TO_LE(h[i]);
    memcpy(digest, h, digest_size);
    OPENSSL_cleanse(tail, sizeof tail);
    OPENSSL_cleanse(h, sizeof h);
}
