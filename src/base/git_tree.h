/* SPDX-License-Identifier: Apache-2.0 */
/* The name that git gives a tree of files (gitformat), out of an archive. Linked only into liftlock-unpack. */
#pragma once

#include <glib.h>

/* 40 hexadecimal digits, or 64 if `wide` (SHA-256). The archive is judged as by archive_unpack; hard links are refused,
 * for git knows none. The caller frees. */
char *git_tree_name(int archive_fd, const char *name, gboolean wide, GError **error);
