/* SPDX-License-Identifier: Apache-2.0 */
/* Making a group's content out of its streams and the old files. */
#include "delta/delta_group.h"

#include "base/fault.h"
#include "delta/bytes.h"
#include "delta/delta_inner.h"

#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

enum { BUFFER = 256 * 1024, SLACK = 64, FEW = 8 };

static gboolean broken(GError **error)
{
    return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
}

/* --- one zstd frame ----------------------------------------------------------------------------------------- */

/* The old files one behind the other, unless they are one; the caller unmaps *made, of group->old_size bytes. NULL:
 * there is no memory for them. Large pages: half of the time would be spent on touching small ones. */
static const guint8 *lay_out(const DeltaGroup *group, const DeltaSpan *old, void **made)
{
    if (group->old->len == 1 || group->old_size == 0)
        return old[0].bytes;
    gsize at = 0;
    void *bytes = mmap(NULL, group->old_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    *made = bytes;
    madvise(bytes, group->old_size, MADV_HUGEPAGE);
    for (guint i = 0; i < group->old->len; i++) {
        if (old[i].size > 0)
            memcpy((guint8 *)bytes + at, old[i].bytes, old[i].size);
        at += old[i].size;
    }
    return bytes;
}

/* In pieces. zstd reserves as much as the window, but takes only what it fills: no more than the content. */
static gboolean make_frame(const DeltaGroup *group, ZSTD_DCtx *context, DeltaSink sink, gpointer data, GError **error)
{
    ZSTD_inBuffer in = {.src = group->streams[0].bytes, .size = group->streams[0].stored};
    g_autofree guint8 *buffer = g_malloc(BUFFER);
    guint64 left = group->size;
    gsize expected = 1;
    gboolean good = TRUE;
    while (good && expected != 0) {
        ZSTD_outBuffer out = {.dst = buffer, .size = BUFFER};
        expected = ZSTD_decompressStream(context, &out, &in);
        good = !ZSTD_isError(expected) && out.pos <= left && (out.pos > 0 || in.pos < in.size || expected == 0);
        left -= good ? out.pos : 0;
        if (good && out.pos > 0 && !sink(buffer, out.pos, data, error))
            return FALSE;
    }
    return (good && left == 0 && in.pos == in.size) || broken(error);
}

/* Of the largest window that a frame may have: it reaches over all that there is. */
static int window_log(const DeltaGroup *group)
{
    int bits = (int)g_bit_storage((gulong)(group->size + group->old_size));
    return CLAMP(bits, DELTA_LEAST_WINDOW_LOG, group->old->len == 0 ? DELTA_ALONE_WINDOW_LOG : DELTA_MOST_WINDOW_LOG);
}

static gboolean make_prefix(const DeltaGroup *group, const DeltaSpan *old, DeltaSink sink, gpointer data,
                            GError **error)
{
    gboolean alone = group->old->len == 0;
    void *made = NULL;
    const guint8 *prefix = alone ? NULL : lay_out(group, old, &made);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    gboolean good = FALSE;
    if (!context || (!prefix && group->old_size > 0))
        fault_set(error, FAULT_SYSTEM, "there is not enough memory to apply the delta");
    else if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log(group))) ||
             (!alone && ZSTD_isError(ZSTD_DCtx_refPrefix(context, prefix, group->old_size))))
        broken(error);
    else
        good = make_frame(group, context, sink, data, error);
    ZSTD_freeDCtx(context);
    if (made)
        munmap(made, group->old_size);
    return good;
}

/* --- ops ---------------------------------------------------------------------------------------------------- */

typedef struct Making {
    const DeltaSpan *old;
    guint n_old, span; /* span: the one that `old_at` lies in */
    guint64 span_at, old_at, old_size;
    ByteReader streams[DELTA_MAX_STREAMS];
    guint width;
    guint64 gap; /* bytes to copy before the next word */
    guint32 ranks[DELTA_RANKS];
    guint8 *buffer;
    gsize filled;
    guint64 left; /* bytes of the group that are still to come */
    DeltaSink sink;
    gpointer data;
} Making;

static gboolean flush(Making *making, GError **error)
{
    gsize size = making->filled;
    making->filled = 0;
    return size == 0 || making->sink(making->buffer, size, making->data, error);
}

/* Some old bytes at the place reached, at most `want`; moves on. */
static const guint8 *old_bytes(Making *making, guint64 want, gsize *size)
{
    while (making->old_at < making->span_at)
        making->span_at -= making->old[--making->span].size;
    while (making->old_at >= making->span_at + making->old[making->span].size)
        making->span_at += making->old[making->span++].size;
    gsize at = (gsize)(making->old_at - making->span_at);
    *size = (gsize)MIN(want, making->old[making->span].size - at);
    making->old_at += *size;
    return making->old[making->span].bytes + at;
}

static gboolean put(Making *making, const guint8 *bytes, gsize size, GError **error)
{
    while (size > 0) {
        gsize n = MIN(size, BUFFER - making->filled);
        memcpy(making->buffer + making->filled, bytes, n);
        making->filled += n;
        bytes += n;
        size -= n;
        if (making->filled == BUFFER && !flush(making, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean copy_same(Making *making, guint64 n, GError **error)
{
    while (n > 0) {
        gsize size;
        const guint8 *bytes = old_bytes(making, n, &size);
        if (!put(making, bytes, size, error))
            return FALSE;
        n -= size;
    }
    return TRUE;
}

/* The number by which the next word differs: one of the last ones, by rank, or a new one. It moves to the front. */
static guint32 next_difference(Making *making)
{
    const guint8 *rank = bytes_take(&making->streams[STREAM_RANKS], 1);
    if (!rank)
        return 0;
    guint at = *rank;
    guint32 word = 0;
    if (at < DELTA_RANKS - 1) {
        word = making->ranks[at];
    } else {
        at = DELTA_RANKS - 1;
        for (guint i = 0; i < making->width; i++) {
            const guint8 *byte = bytes_take(&making->streams[STREAM_WORDS + i], 1);
            word |= byte ? (guint32)*byte << (8 * i) : 0;
        }
    }
    if (at < FEW)
        for (guint i = at; i > 0; i--)
            making->ranks[i] = making->ranks[i - 1];
    else
        memmove(making->ranks + 1, making->ranks, at * sizeof making->ranks[0]);
    making->ranks[0] = word;
    return word;
}

/* Copies a word of at most `left` bytes with its difference added. */
static gboolean copy_word(Making *making, guint64 left, gsize *width, GError **error)
{
    guint8 bytes[DELTA_MAX_WIDTH];
    guint32 word = 0, difference = next_difference(making);
    *width = (gsize)MIN(left, making->width);
    for (gsize i = 0, n; i < *width; i += n) {
        const guint8 *old = old_bytes(making, *width - i, &n);
        for (gsize k = 0; k < n; k++)
            word |= (guint32)old[k] << (8 * (i + k));
    }
    word += difference;
    for (gsize i = 0; i < *width; i++)
        bytes[i] = (guint8)(word >> (8 * i));
    return put(making, bytes, *width, error);
}

static void next_gap(Making *making)
{
    ByteReader *gaps = &making->streams[STREAM_GAPS];
    if (gaps->at < gaps->end && *gaps->at < 0x80)
        making->gap = *gaps->at++;
    else
        making->gap = gaps->at == gaps->end ? G_MAXUINT64 : bytes_number(gaps); /* after the last all is the same */
}

/* The bulk of a run, where the old bytes lie in one file and neither they nor the buffer can end within SLACK bytes:
 * the same as copy_run does, with pieces of fixed length, which the compiler turns into a few instructions. */
static gboolean copy_bulk(Making *making, guint64 *copied, GError **error)
{
    const DeltaSpan *span = &making->old[making->span];
    const guint8 *old = span->bytes + (making->old_at - making->span_at);
    while (*copied >= SLACK) {
        if (making->filled + SLACK > BUFFER && !flush(making, error))
            return FALSE;
        guint8 *to = making->buffer + making->filled;
        gsize same = (gsize)MIN(MIN(*copied, making->gap), BUFFER - making->filled);
        if (same <= SLACK / 2)
            memcpy(to, old, SLACK / 2);
        else
            memcpy(to, old, same);
        gsize done = same;
        making->gap -= making->gap == G_MAXUINT64 ? 0 : same;
        if (making->gap == 0 && *copied - same >= SLACK && making->filled + same + SLACK <= BUFFER) {
            guint32 word;
            memcpy(&word, old + same, sizeof word);
            word = GUINT32_TO_LE(GUINT32_FROM_LE(word) + next_difference(making));
            memcpy(to + same, &word, sizeof word); /* of a narrower word the rest is written over */
            done += making->width;
            next_gap(making);
        } else if (making->gap == 0) {
            *copied -= done;
            making->filled += done;
            making->old_at += done;
            return making->filled + SLACK <= BUFFER || flush(making, error);
        }
        *copied -= done;
        making->filled += done;
        making->old_at += done;
        old += done;
    }
    return TRUE;
}

static gboolean in_one_span(const Making *making, guint64 size)
{
    return making->old_at >= making->span_at &&
           making->old_at + size <= making->span_at + making->old[making->span].size;
}

static gboolean copy_run(Making *making, guint64 copied, GError **error)
{
    while (copied > 0) {
        if (copied >= SLACK && in_one_span(making, copied) && !copy_bulk(making, &copied, error))
            return FALSE;
        guint64 same = MIN(copied, making->gap);
        if (!copy_same(making, same, error))
            return FALSE;
        copied -= same;
        making->gap -= making->gap == G_MAXUINT64 ? 0 : same;
        if (copied == 0)
            break;
        gsize width;
        if (!copy_word(making, copied, &width, error))
            return FALSE;
        copied -= width;
        next_gap(making);
    }
    return TRUE;
}

static gboolean make_op(Making *making, GError **error)
{
    ByteReader *control = &making->streams[STREAM_CONTROL];
    guint64 copied = bytes_number_upto(control, making->left);
    guint64 fresh = bytes_number_upto(control, making->left - copied);
    gint64 seek = bytes_unfolded(bytes_number_upto(control, 2 * DELTA_MAX_TREE + 1));
    const guint8 *bytes = bytes_take(&making->streams[STREAM_FRESH], fresh);
    if (control->broken || !bytes || copied + fresh == 0)
        return broken(error);
    if ((seek < 0 && (guint64)-seek > making->old_at) ||
        (seek > 0 && (guint64)seek > making->old_size - making->old_at))
        return broken(error);
    making->old_at += (guint64)seek;
    if (copied > making->old_size - making->old_at)
        return broken(error);
    making->left -= copied + fresh;
    return copy_run(making, copied, error) && put(making, bytes, fresh, error);
}

static gboolean make_ops(Making *making, guint n_streams, GError **error)
{
    next_gap(making);
    while (making->left > 0)
        if (!make_op(making, error))
            return FALSE;
    for (guint i = 0; i < n_streams; i++)
        if (making->streams[i].broken || making->streams[i].at != making->streams[i].end)
            return broken(error);
    return flush(making, error);
}

/* A stream's bytes; the caller frees *made. NULL: damaged. */
static const guint8 *unpack(const DeltaStream *stream, guint8 **made)
{
    if (stream->size == stream->stored)
        return stream->bytes;
    *made = g_try_malloc(stream->size + 1);
    if (*made && ZSTD_decompress(*made, stream->size, stream->bytes, stream->stored) == stream->size)
        return *made;
    return NULL;
}

static gboolean make_from_ops(const DeltaGroup *group, const DeltaSpan *old, DeltaSink sink, gpointer data,
                              GError **error)
{
    Making making = {.old = old, .n_old = group->old->len, .old_size = group->old_size, .width = group->width};
    guint8 *made[DELTA_MAX_STREAMS] = {NULL};
    making.left = group->size;
    making.sink = sink;
    making.data = data;
    making.buffer = g_malloc(BUFFER);
    gboolean good = TRUE;
    for (guint i = 0; good && i < group->n_streams; i++) {
        const guint8 *bytes = unpack(&group->streams[i], &made[i]);
        making.streams[i] = (ByteReader){.at = bytes, .end = bytes ? bytes + group->streams[i].size : NULL};
        good = bytes != NULL;
    }
    good = good ? make_ops(&making, group->n_streams, error) : broken(error);
    g_free(making.buffer);
    for (guint i = 0; i < group->n_streams; i++)
        g_free(made[i]);
    return good;
}

/* --- any ---------------------------------------------------------------------------------------------------- */

gboolean delta_group_make(const DeltaGroup *group, const DeltaSpan *old, DeltaSink sink, gpointer data, GError **error)
{
    switch (group->codec) {
    case DELTA_PREFIX:
        return make_prefix(group, old, sink, data, error);
    case DELTA_OPS:
        return make_from_ops(group, old, sink, data, error);
    default:
        return sink(group->streams[0].bytes, group->size, data, error);
    }
}
