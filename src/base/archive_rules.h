/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which entries a release's archive may hold. The packer keeps the same rules as the unpacker, so that a publisher
 * hears of a breach and not the hosts. The rules look at names alone and never at the file system.
 */
#pragma once

#include <glib.h>

typedef enum { RULES_FILE, RULES_DIRECTORY, RULES_SYMLINK } RulesKind;

typedef struct ArchiveRules ArchiveRules;
ArchiveRules *archive_rules_new(void);
void archive_rules_free(ArchiveRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArchiveRules, archive_rules_free)

/* Admits an entry, or returns why not ("it is absolute"; the caller frees). `path` has neither "./" before it nor "/"
 * behind it. Parents that no entry named are admitted with it as directories. `link` is the target of a symbolic link.
 */
char *archive_rules_admit(ArchiveRules *rules, const char *path, RulesKind kind, const char *link);

/* Whether `path` was admitted, and as what; directories that only their content named count. */
gboolean archive_rules_find(const ArchiveRules *rules, const char *path, RulesKind *kind);

/* The one directory that everything admitted lies in, or NULL. Borrowed. */
const char *archive_rules_single_top(const ArchiveRules *rules);

/* The rules that need no other entry: why a path, or a link at a path, is refused; NULL: it is not. */
const char *archive_path_fault(const char *path);
const char *archive_link_fault(const char *path, const char *target);

/* What file systems that ignore case or the form of letters take for the same path. The caller frees. */
char *archive_folded(const char *path);
