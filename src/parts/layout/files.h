/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout "files", inside: an app whose files lie in its root, changed in place by the manifest's rules.
 *
 * .liftlock-store/releases/V is a release as it came, sealed; the link `current` there names the one whose files lie in
 * the root. What the user edited is told by holding a file against the release that brought it.
 */
#pragma once

#include "parts/layout/intents.h"
#include "parts/layout/inventory.h"
#include "parts/layout/layout.h"

extern const LayoutDriver layout_files;

#define FILES_BAY "change"                  /* in the store */
#define FILES_BAY_BESIDE ".liftlock-change" /* on another file system */

/* files_arrange.c: decides about each file, prepares what is to come, and writes the intents. */
gboolean files_arrange(const PartContext *context, const LayoutChange *change, LayoutReport *report, GError **error);

/* The same, decided only: see LayoutDriver.foresee. */
gboolean files_foresee(const PartContext *context, const LayoutChange *change, int tree, LayoutReport *report,
                       GError **error);

/* files_examine.c: see LayoutDriver.examine. */
gboolean files_examine(const PartContext *context, const char *version, const Manifest *manifest, LayoutTell tell,
                       gpointer data, GError **error);

/* files_merge.c: the merge of one file, by a process without rights. What cannot be merged is FAULT_POLICY, with its
 * place: "config.toml:3:9: ...". */
typedef struct FilesMerge {
    const FileRule *rule;    /* NULL: what differs is shown, nothing is merged */
    const char *path;        /* for messages */
    int user, base, release; /* descriptors; base -1: unknown */
    int out;                 /* where the merged bytes go; -1: nowhere */
} FilesMerge;
gboolean files_merge(const PartContext *context, const FilesMerge *merge, LayoutReport *report, GError **error);
