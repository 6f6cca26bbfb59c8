/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a staged tree shares with a sealed release: second names of them, instead of copies.
 *
 * That is only done by root, and only for releases that are not built here: then whatever could write into the staged
 * tree belongs to the app's user, and a sealed file belongs to root and may be written by nobody. Furnishing and
 * sealing leave such files as they are.
 */
#pragma once

#include "parts/part.h"

#include <sys/stat.h>

typedef struct Kin {
    dev_t device;
    GHashTable *inodes; /* guint64; NULL: there is no kin */
} Kin;
void kin_clear(Kin *kin);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Kin, kin_clear)

/* The sealed files of the release context->kin; none if that is NULL, or if we are not root. */
gboolean kin_read(const PartContext *context, int releases, Kin *kin, GError **error);
gboolean kin_has(const Kin *kin, const struct stat *st);
