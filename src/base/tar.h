/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading tar: ustar and pax (POSIX.1-2017, pax, "Extended Description") and GNU's long names.
 *
 * libarchive takes off the compression (archive.c); this takes the tar apart, because a reader made to save what it
 * can from any tar passes over just those oddities by which two readers see two different archives: NUL in a pax name,
 * malformed pax records, a missing end mark, a second archive or garbage behind it. Here they are all errors.
 * Linked only into the child without rights.
 */
#pragma once

#include <glib.h>

typedef enum { TAR_FILE = '0', TAR_HARDLINK = '1', TAR_SYMLINK = '2', TAR_DIRECTORY = '5' } TarKind;

typedef struct TarEntry {
    TarKind kind;
    char *path; /* as the archive says it, for a directory perhaps with '/' at its end; not yet judged */
    char *link; /* target of a link, else NULL */
    guint64 size;
    guint mode;     /* 07777 */
    gint64 mtime_s; /* before 1970 counts as 0 */
} TarEntry;

/* Gives the next bytes of the tar: their number, 0 at the end, -1 with *error set. They stay valid until the next call.
 */
typedef gssize (*TarSource)(gpointer data, const char **bytes, GError **error);

typedef struct TarReader TarReader;

/* `name` is what faults (FAULT_ARCHIVE) call the archive. More than max_headers headers of any kind are refused. */
TarReader *tar_reader_new(const char *name, guint64 max_headers, TarSource source, gpointer data);
void tar_reader_free(TarReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TarReader, tar_reader_free)

typedef enum { TAR_ERROR, TAR_ENTRY, TAR_END } TarOutcome;

/* The next entry; what is left of the content of the last one is passed over. Owned by the reader, until the next call.
 * TAR_END only after a whole end mark with nothing but zeros behind it. */
TarOutcome tar_next(TarReader *reader, const TarEntry **entry, GError **error);

/* The next piece of the entry's content: size, 0 at its end, -1 with *error set. */
gssize tar_content(TarReader *reader, const char **bytes, GError **error);
