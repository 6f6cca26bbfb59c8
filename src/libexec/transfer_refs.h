/* SPDX-License-Identifier: Apache-2.0 */
/* What git-ls-remote(1) prints: "OBJECT\tNAME" lines, a tag's commit as "NAME^{}" behind it. */
#pragma once

#include <glib.h>

typedef struct Ref {
    char *name;   /* "refs/tags/v1.0" */
    char *object; /* what it names: a commit, or the object of a signed or annotated tag */
    char *commit; /* = object but for such a tag */
} Ref;
void ref_free(Ref *ref);

/* Refs (of Ref *) in the order of the text. Names that liftlock would not ask for (git_ref_is_plain) are left out.
 * FAULT_SOURCE: lines that git does not write, more than `max`. */
GPtrArray *refs_parse(const char *text, gsize size, guint max, GError **error);

/* Letters, digits and . _ / + @ - without what git-check-ref-format(1) forbids. */
gboolean git_ref_is_plain(const char *name);
