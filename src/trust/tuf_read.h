/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of TUF metadata share: one file being read, and its typed fields. */
#pragma once

#include "trust/tuf_metadata.h"

typedef struct TufReading {
    const char *name; /* what faults call the file */
    GError **error;
} TufReading;

/* "NAME: what is wrong"; returns FALSE. */
gboolean tuf_fault(const TufReading *reading, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Each refuses a field that is absent or of another form, naming it. Borrowed. */
const Node *tuf_read_map(const TufReading *reading, const Node *map, const char *key);
const char *tuf_read_string(const TufReading *reading, const Node *map, const char *key);
gboolean tuf_read_int(const TufReading *reading, const Node *map, const char *key, gint64 min, gint64 *value);
gboolean tuf_read_bool(const TufReading *reading, const Node *map, const char *key, gboolean *value);

/* A list of strings, none empty, none twice if `unique`. The caller frees. */
GPtrArray *tuf_read_strings(const TufReading *reading, const Node *map, const char *key, gboolean unique);

/* {NAME: {keytype, scheme, keyval}...}, by name. The caller frees. */
GPtrArray *tuf_read_keys(const TufReading *reading, const Node *map);

/* {keyids, threshold}. `name` may be NULL. The caller frees. */
TufRole *tuf_read_role(const TufReading *reading, const Node *node, const char *name);
void tuf_role_free(TufRole *role);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufRole, tuf_role_free)

/* The field "delegations" of targets, if there is one. */
gboolean tuf_read_delegations(const TufReading *reading, TufMetadata *metadata);
