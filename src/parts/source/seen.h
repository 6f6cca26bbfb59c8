/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source showed under a version, remembered from the first time on: where the publisher gives no digests, a
 * version that is suddenly something else would go unnoticed. Below place->trust; of an app that is not installed the
 * last look counts.
 */
#pragma once

#include "model/place.h"

typedef struct Seen Seen;
Seen *seen_open(const Place *place, GError **error);
void seen_free(Seen *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Seen, seen_free)

/* What stands for the version's content ("commit 1234...", "sha256 1234..."), and since when; NULL: not seen yet. The
 * caller frees. */
char *seen_content(const Seen *seen, const char *version, gint64 *since_s);

/* Notes the content of a version that was not seen yet. FALSE, FAULT_VERIFY: it was, with another content. */
gboolean seen_check(Seen *seen, const char *app, const char *version, const char *content, gint64 now_s,
                    GError **error);

/* Writes down what is new. */
gboolean seen_save(Seen *seen, GError **error);

/* Forgets a version by the operator's word. */
gboolean seen_forget(const Place *place, const char *version, gboolean *had, GError **error);
