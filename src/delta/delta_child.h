/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to liftlock-assemble, the child without rights that takes deltas and packs apart. */
#pragma once

#include "base/document.h"
#include "delta/delta_write.h"

typedef struct DeltaChildCall {
    const char *operation, *doing;
    const char *text; /* an inventory; NULL: neither that nor a new tree is handed over */
    gsize text_size;
    int fds[3]; /* old tree, pack or what is to be filled; delta or pack's table; new tree, or a pipe to who makes it */
    const char *frames;
    guint64 memory_bytes, tree_bytes; /* 0: the usual ones */
    DeltaProgress progress;
    gpointer data;
    void (*started)(gpointer build); /* may be NULL; called when the child runs, before it is asked */
    gpointer build;
} DeltaChildCall;

/* The child's answer; the caller frees. When this returns, the child is gone. */
gboolean delta_child_call(const DeltaChildCall *call, Node **answer, GError **error);
