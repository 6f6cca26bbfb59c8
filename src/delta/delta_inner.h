/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the delta format that reader and writer share. */
#pragma once

#include "delta/bytes.h"
#include "delta/delta_file.h"

enum {
    STEP_KEEP, /* entries of the old inventory that stay as they are */
    STEP_DROP, /* that go */
    STEP_EDIT, /* that keep their path alone */
    STEP_ADD,  /* entries that come */
    STEP_N,
};

enum {
    ATTRIBUTE_DIRECTORY,
    ATTRIBUTE_LINK,
    ATTRIBUTE_WRITTEN, /* a group makes it */
    ATTRIBUTE_MOVED,   /* the content of an old file */
    ATTRIBUTE_RUNS,    /* added to the two before: it is executable */
};

enum {
    DELTA_LEAST_WINDOW_LOG = 10, /* of any frame with a prefix */
    DELTA_MOST_WINDOW_LOG = 30,
    DELTA_ALONE_WINDOW_LOG = 26,   /* of a frame that has no prefix, and so can be unpacked in pieces */
    DELTA_OWN_BYTES = 1024 * 1024, /* buffers that every group takes */
    DELTA_RANKS = 255,             /* words that are remembered; the rank after the last: a new word */
};

/* The head, and the reader goes on behind it. */
gboolean delta_head_take(ByteReader *reader, DeltaHead *head, GError **error);
