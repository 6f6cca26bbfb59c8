/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's edited file meets a new default: three-way, and no byte changes that need not.
 *
 * Three texts come in: the user's file, the default that the installed release brought (it may be unknown) and the
 * default of the new release. What comes out are the merged bytes and a list of what was done. Comments, order,
 * quoting, blank lines, line ends, a byte order mark and a missing last newline of the user's file stay. A new key
 * arrives with the comment above it, behind the neighbour that it follows in the default. Values are compared as the
 * language means them (TOML 0x10 is 16), in .env and INI files, whose dialects differ, as they are written.
 *
 * After the edits the output is read again and must have exactly the intended values: else the merge is refused. Where
 * the structure forbids a safe edit, that key is a conflict and the user's bytes stay; nothing is ever reformatted.
 *
 * Pure: no files, no globals, at most 1 MiB a text. The new default is a stranger's text: call this in a process
 * without rights.
 */
#pragma once

#include <glib.h>

typedef enum {
    MERGE_PRESERVE_USER, /* what the user changed stays; what the user left alone follows the release */
    MERGE_UPDATE_ONLY,   /* only new keys are added; no value changes, no key goes */
    MERGE_REPLACE        /* the release's default; what the user loses by that is listed as overridden */
} MergeStrategy;

/* One row of the table of languages. */
typedef struct MergeLanguage MergeLanguage;

/* `bytes` NULL: there is no such text. `fault_code` (enum fault_code) is that of errors in this text, `name` what they
 * call it: "NAME:LINE:COLUMN: what is wrong". */
typedef struct MergeText {
    const char *bytes;
    gsize size;
    const char *name;
    int fault_code;
} MergeText;

/* A strategy for all below a path ("database", "database.pool"): the longest path that fits wins. */
typedef struct MergeRule {
    const char *path;
    MergeStrategy strategy;
} MergeRule;

typedef struct MergeRequest {
    const MergeLanguage *language;
    MergeText user, base, release; /* base: what the user started from; without it no user's value is ever changed */
    MergeStrategy strategy;        /* where no rule says otherwise; text knows no rules */
    const MergeRule *rules;
    gsize n_rules;
} MergeRequest;

typedef enum {
    MERGE_ADDED,      /* new in the release */
    MERGE_UPDATED,    /* untouched by the user, changed by the release */
    MERGE_REMOVED,    /* untouched by the user, gone from the release */
    MERGE_KEPT,       /* gone from the release, but the user had changed it: it stays */
    MERGE_OVERRIDDEN, /* MERGE_REPLACE: the user's own gave way */
    MERGE_CONFLICT,   /* both changed it, or it cannot be edited safely: the user's bytes stay */
    MERGE_N_ACTS
} MergeAct;

typedef struct MergeNote {
    MergeAct act;
    char *path;         /* "database.port"; "" for the whole file; NULL in a text, which has lines only */
    guint line;         /* in the user's file; 0 where it has none */
    guint release_line; /* in the new default; 0 where it has none */
    char *reason;       /* of a conflict; else NULL. Never contains a value: those may be secret */
} MergeNote;

typedef struct MergeResult {
    char *bytes; /* ends with a NUL that does not count */
    gsize size;
    gboolean changed;  /* bytes differ from the user's */
    GPtrArray *notes;  /* of MergeNote *, owned */
    guint n_conflicts; /* notes that are conflicts */
} MergeResult;

/* Merges, or refuses: a text that cannot be read (its own fault code, with line and column), or an output that did not
 * read back as intended (FAULT_STATE). The caller frees. */
MergeResult *merge_texts(const MergeRequest *request, GError **error);
void merge_result_free(MergeResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MergeResult, merge_result_free)

/* "config.toml:12: conflict: database.port: changed here and in the release". The caller frees. */
char *merge_note_show(const MergeNote *note, const char *file);

/* What changes between two texts, in the form of diff -u, line ends aside; "" if nothing does. It shows values, which
 * may be secret: for the terminal of whoever may read the file, never for logs or JSON. The caller frees. */
char *merge_diff(const MergeText *before, const MergeText *after);

/* "added", "conflict" and so on: stable words for JSON. */
const char *merge_act_name(MergeAct act);

/* --- languages and strategies by name ------------------------------------------------------------------------- */

/* "env", "ini", "toml", "json", "yaml", "text"; NULL if there is none. */
const MergeLanguage *merge_language(const char *name);

/* The language of a file by its name; the fallback is text. */
const MergeLanguage *merge_language_of(const char *path);

const char *merge_language_name(const MergeLanguage *language);

/* The names of all languages, NULL-terminated. The caller frees with g_strfreev. */
char **merge_language_names(void);

/* "preserve_user", "update_only", "replace"; FALSE leaves *strategy untouched. */
gboolean merge_strategy_of(const char *name, MergeStrategy *strategy);
const char *merge_strategy_name(MergeStrategy strategy);
