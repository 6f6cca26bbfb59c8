/* SPDX-License-Identifier: Apache-2.0 */
/* The encoders of a delta file's groups. */
#include "delta/delta_encode.h"

#include "delta/bytes.h"
#include "delta/delta_inner.h"

#include <string.h>
#include <zstd.h>

enum {
    LEVEL_QUICK = 6,
    LEVEL_LARGE = 19, /* where the tables of the best level would take more memory than a publisher may need */
    LEVEL_BEST = 22,
    LARGE_BYTES = 160 * 1024 * 1024,
    LONGEST_MATCH = 4096,
};

static const guint widths[] = {4, 2, 1};

void delta_coded_free(DeltaCoded *coded)
{
    for (guint i = 0; i < DELTA_MAX_STREAMS; i++)
        if (coded->bodies[i])
            g_byte_array_unref(coded->bodies[i]);
    delta_group_free(coded->group);
    g_free(coded);
}

/* --- zstd --------------------------------------------------------------------------------------------------- */

static void set_parameters(ZSTD_CCtx *context, guint64 reach, gboolean alone, gboolean best)
{
    int window = (int)MAX(g_bit_storage((gulong)reach), DELTA_LEAST_WINDOW_LOG);
    window = MIN(window, alone ? DELTA_ALONE_WINDOW_LOG : DELTA_MOST_WINDOW_LOG);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel,
                           !best                 ? LEVEL_QUICK
                           : reach > LARGE_BYTES ? LEVEL_LARGE
                                                 : LEVEL_BEST);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    if (best) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, LONGEST_MATCH);
        ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, CLAMP(window + 1, 10, 27));
        ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, CLAMP(window, 10, 25));
    }
    ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1);
}

GByteArray *delta_zstd(DeltaSpan content, DeltaSpan prefix, gboolean best)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    GByteArray *frame = g_byte_array_new();
    if (!context)
        g_error("there is no memory to compress");
    set_parameters(context, (guint64)content.size + prefix.size, prefix.size == 0, best);
    ZSTD_CCtx_refPrefix(context, prefix.bytes, prefix.size);
    g_byte_array_set_size(frame, (guint)ZSTD_compressBound(content.size));
    gsize size = ZSTD_compress2(context, frame->data, frame->len, content.bytes, content.size);
    if (ZSTD_isError(size))
        g_error("zstd: %s", ZSTD_getErrorName(size));
    g_byte_array_set_size(frame, (guint)size);
    ZSTD_freeCCtx(context);
    return frame;
}

/* --- groups ------------------------------------------------------------------------------------------------- */

/* Takes the body. */
static void add_stream(DeltaCoded *coded, GByteArray *body, guint64 size)
{
    guint i = coded->group->n_streams++;
    coded->bodies[i] = body;
    coded->group->streams[i] = (DeltaStream){.bytes = body->data, .size = size, .stored = body->len};
    coded->stored += body->len;
}

DeltaCoded *delta_code_prefix(DeltaGroup *group, DeltaSpan content, DeltaSpan prefix)
{
    DeltaCoded *coded = g_new0(DeltaCoded, 1);
    coded->group = group;
    group->codec = DELTA_PREFIX;
    group->width = 1;
    GByteArray *frame = delta_zstd(content, prefix, TRUE);
    if (frame->len >= content.size) {
        group->codec = DELTA_PLAIN;
        g_byte_array_set_size(frame, 0);
        g_byte_array_append(frame, content.bytes, (guint)content.size);
    }
    add_stream(coded, frame, content.size);
    return coded;
}

/* Takes a stream as it is, and keeps whichever is smaller of it and its zstd. */
static void add_packed(DeltaCoded *coded, GByteArray *raw)
{
    guint64 size = raw->len;
    GByteArray *frame = delta_zstd((DeltaSpan){raw->data, raw->len}, (DeltaSpan){NULL, 0}, TRUE);
    gboolean smaller = frame->len < raw->len;
    add_stream(coded, g_byte_array_ref(smaller ? frame : raw), size);
    g_byte_array_unref(frame);
    g_byte_array_unref(raw);
}

typedef struct Streams {
    GByteArray *all[DELTA_MAX_STREAMS];
    guint32 ranks[DELTA_RANKS];
    guint64 gap;
    gint64 old_at;
    guint width;
} Streams;

static void streams_init(Streams *streams, guint width)
{
    *streams = (Streams){.width = width};
    for (guint i = 0; i < OPS_STREAMS + width; i++)
        streams->all[i] = g_byte_array_new();
}

static void put_byte(GByteArray *out, guint8 byte)
{
    g_byte_array_append(out, &byte, 1);
}

static void put_difference(Streams *streams, guint32 word)
{
    guint rank = 0;
    while (rank < DELTA_RANKS - 1 && streams->ranks[rank] != word)
        rank++;
    put_byte(streams->all[STREAM_RANKS], (guint8)rank);
    for (guint i = 0; rank == DELTA_RANKS - 1 && i < streams->width; i++)
        put_byte(streams->all[STREAM_WORDS + i], (guint8)(word >> (8 * i)));
    memmove(streams->ranks + 1, streams->ranks, rank * sizeof streams->ranks[0]);
    streams->ranks[0] = word;
}

static guint32 word_at(const guint8 *bytes, guint width)
{
    guint32 word = 0;
    for (guint i = 0; i < width; i++)
        word |= (guint32)bytes[i] << (8 * i);
    return word;
}

static void put_copied(Streams *streams, const guint8 *fresh, const guint8 *old, gsize size)
{
    for (gsize i = 0; i < size;) {
        if (fresh[i] == old[i]) {
            streams->gap++;
            i++;
            continue;
        }
        guint width = (guint)MIN(streams->width, size - i);
        guint32 mask = width == 4 ? G_MAXUINT32 : (1u << (8 * width)) - 1;
        bytes_put_number(streams->all[STREAM_GAPS], streams->gap);
        streams->gap = 0;
        put_difference(streams, (word_at(fresh + i, width) - word_at(old + i, width)) & mask);
        i += width;
    }
}

static void put_ops(Streams *streams, const DifferOp *ops, guint n_ops, DeltaSpan content, DeltaSpan old)
{
    const guint8 *at = content.bytes;
    for (guint i = 0; i < n_ops; i++) {
        const DifferOp *op = &ops[i];
        gint64 old_at = op->copied > 0 ? op->old_at : streams->old_at;
        bytes_put_number(streams->all[STREAM_CONTROL], op->copied);
        bytes_put_number(streams->all[STREAM_CONTROL], op->fresh);
        bytes_put_number(streams->all[STREAM_CONTROL], bytes_folded(old_at - streams->old_at));
        put_copied(streams, at, old.bytes + old_at, op->copied);
        g_byte_array_append(streams->all[STREAM_FRESH], at + op->copied, op->fresh);
        at += (gsize)op->copied + op->fresh;
        streams->old_at = old_at + op->copied;
    }
}

static DeltaCoded *code_width(const GArray *ops, DeltaSpan content, DeltaSpan old, guint width)
{
    Streams streams;
    DeltaCoded *coded = g_new0(DeltaCoded, 1);
    coded->group = delta_group_new(DELTA_OPS);
    coded->group->width = width;
    streams_init(&streams, width);
    put_ops(&streams, (const DifferOp *)(const void *)ops->data, ops->len, content, old);
    for (guint i = 0; i < OPS_STREAMS + width; i++)
        add_packed(coded, streams.all[i]);
    return coded;
}

DeltaCoded *delta_code_ops(DeltaGroup *group, const GArray *ops, DeltaSpan content, DeltaSpan old)
{
    DeltaCoded *best = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(widths); i++) {
        DeltaCoded *coded = code_width(ops, content, old, widths[i]);
        if (best && coded->stored >= best->stored) {
            delta_coded_free(coded);
            continue;
        }
        g_clear_pointer(&best, delta_coded_free);
        best = coded;
    }
    /* What the group is made of comes from the caller's; the streams stay. */
    GArray *files = best->group->files, *old_files = best->group->old;
    best->group->files = group->files;
    best->group->old = group->old;
    best->group->size = group->size;
    best->group->old_size = group->old_size;
    group->files = files;
    group->old = old_files;
    delta_group_free(group);
    return best;
}

guint64 delta_estimate_ops(const DifferOp *ops, guint n_ops, DeltaSpan content, DeltaSpan old)
{
    Streams streams;
    guint64 bytes = 0;
    streams_init(&streams, widths[0]);
    streams.old_at = n_ops > 0 ? ops[0].old_at : 0;
    put_ops(&streams, ops, n_ops, content, old);
    for (guint i = 0; i < OPS_STREAMS + streams.width; i++) {
        GByteArray *raw = streams.all[i];
        g_autoptr(GByteArray) frame = delta_zstd((DeltaSpan){raw->data, raw->len}, (DeltaSpan){NULL, 0}, FALSE);
        bytes += MIN(frame->len, raw->len);
        g_byte_array_unref(raw);
    }
    return bytes;
}
