/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bytes of something new lie, nearly the same, in something old: a suffix array of the old finds exact
 * matches, which are then stretched over the bytes that differ between them. For publishers; never on a host.
 */
#pragma once

#include <glib.h>

#define DIFFER_MAX_BYTES (G_GUINT64_CONSTANT(1) << 30) /* of old and of new each */

/* From the end of the last one: `copied` bytes that resemble those at old_at, then `fresh` ones that resemble none. */
typedef struct DifferOp {
    guint32 old_at, copied, fresh;
} DifferOp;

typedef struct Differ Differ;

/* Sorts the suffixes of `old`, which must stay: takes four bytes of memory for each of its bytes. NULL if that cannot
 * be had. Free it with differ_free. */
Differ *differ_new(const guint8 *old, gsize old_size);
void differ_free(Differ *differ);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Differ, differ_free)

/* Ops that make up all of `fresh`; the same for the same input, always. The caller frees. */
GArray *differ_run(const Differ *differ, const guint8 *fresh, gsize fresh_size);
