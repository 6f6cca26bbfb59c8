/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of keys: what a configuration or manifest may hold, as const rows. Reading, defaults, "config show",
 * reference and completion all come from the same rows.
 */
#pragma once

#include "base/document.h"

typedef enum {
    KEY_TEXT,      /* char *; one of `words` if there are any */
    KEY_VALUE,     /* char *: any scalar as its text; JSON's 0 and "0" alike */
    KEY_BOOL,      /* gboolean */
    KEY_INT,       /* gint64, within min..max */
    KEY_DURATION,  /* gint64 milliseconds: "90s", "5m", "2h", "1d", "250ms"; a bare number counts in seconds */
    KEY_SIZE,      /* gint64 bytes: "10MB", "1GiB"; a bare number counts in bytes */
    KEY_ENUM,      /* int: index into `words`, a NULL-terminated list */
    KEY_VERSION,   /* char *, version_is_valid */
    KEY_RANGE,     /* char *, version_range_is_valid */
    KEY_PATH,      /* char *, relative, stays inside (no "..", no leading "/", no empty part, no control characters) */
    KEY_ABSOLUTE,  /* char *, absolute path */
    KEY_TEXTS,     /* GPtrArray * of char *; a single text is a list of one; each one of `words` if there are any */
    KEY_TEXT_MAP,  /* GPtrArray * of KeyPair *, in order; values as KEY_VALUE */
    KEY_TEXTS_MAP, /* GPtrArray * of KeyTexts *, in order: a map of lists of texts */
    KEY_TABLE,     /* a struct inline: `table` describes it at `offset` */
    KEY_TABLES,    /* GPtrArray * of structs of `size` bytes, one per item of a list */
    KEY_TABLE_MAP, /* the same from a map; the struct's first member `char *name` gets the key */
    KEY_NODE,      /* const Node *: checked elsewhere (a driver's own keys); borrowed from the document */
} KeyType;

typedef struct KeyPair {
    char *name;
    char *value;
} KeyPair;
typedef struct KeyTexts {
    char *name;
    GPtrArray *texts;
} KeyTexts;

/* A row named "*" of type KEY_NODE gets the map itself and allows keys that have no row. Two rows of one offset are two
 * names of one key: a document may use either, not both. Lists are never NULL after schema_read. A key without a value
 * (YAML "hooks:", JSON null) is empty where a list or map is expected, and wrong where a scalar is. */

typedef struct Key {
    const char *name; /* NULL ends a table */
    KeyType type;
    gsize offset;         /* of the member in the struct */
    const char *fallback; /* default as it would be written in the document; NULL: NULL, 0, FALSE or empty */
    const char *summary;  /* one line, lower case, no full stop */
    gboolean required;
    gint64 min, max;          /* KEY_INT, KEY_DURATION, KEY_SIZE; both 0: 0..G_MAXINT64 */
    const char *const *words; /* KEY_ENUM, KEY_TEXT, KEY_TEXTS */
    const struct Key *table;  /* KEY_TABLE, KEY_TABLES, KEY_TABLE_MAP */
    gsize size;               /* of the struct, KEY_TABLES and KEY_TABLE_MAP */
    gboolean secret;          /* KEY_TEXT: whoever has it may do something by it; never shown */
    gboolean address;         /* KEY_TEXT, KEY_TEXTS: shown without the user and password that may be in it */
    const char *env;          /* environment variable that overrides a host-wide scalar; NULL */
} Key;

/* Fills `target` (zeroed by the caller) from a map. Faults (of fault_code): "NAME:LINE:COLUMN: unknown key 'sise'; did
 * you mean 'size'?", "...: 'keep' must be a whole number from 1 to 50, not 'x'". FALSE leaves target to be cleared. */
gboolean schema_read(const Key *keys, const Node *map, const char *name, int fault_code, gpointer target,
                     GError **error);

/* Frees what schema_read put into `target` (not target itself). Copes with half-filled ones. */
void schema_clear(const Key *keys, gpointer target);

/* The nearest of NULL-terminated words within an edit distance of 2 (1 for words of up to 4 letters), or NULL.
 * Borrowed. */
const char *schema_nearest(const char *word, const char *const *words);

/* For checks that one key cannot make alone: sets a fault "NAME:LINE:COLUMN: text" ("NAME: text" for line 0). Returns
 * FALSE. */
gboolean schema_fault(GError **error, int fault_code, const char *name, guint line, guint column, const char *format,
                      ...) G_GNUC_PRINTF(6, 7);

/* Foreign text in single quotes for a message: characters that do not print escaped, cut after 60 bytes. The caller
 * frees. */
char *schema_quote(const char *text);

/* The environment's value for each scalar that has an `env`, put into the document as if it stood there. Wrong ones
 * are faults: "LIFTLOCK_PROXY: 'proxy' must be ..." */
gboolean schema_environment(const Key *keys, Node *map, int fault_code, GError **error);

/* Writes a target back as a document, defaults included, for `config show`. Each scalar and each list of texts is a map
 * {value, origin: "default" | "FILE:LINE" | the environment variable's name}. The caller frees. */
Node *schema_show(const Key *keys, const Node *map, const char *name, gconstpointer target);

/* Durations and sizes as people write them. FALSE: not one. Format: the shortest exact form ("90s", "5m"). The caller
 * frees. */
gboolean duration_parse(const char *text, gint64 *duration_ms);
gboolean size_parse(const char *text, gint64 *size_bytes);
char *duration_format(gint64 duration_ms);
char *size_format(gint64 size_bytes); /* "10MB", "1GiB" */
