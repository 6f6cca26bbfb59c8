/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for paths. One algorithm serves matching and covering: a pattern is laid over a text of symbols, which are
 * characters if the text is a path, and may be wildcards themselves if it is a pattern. */
#include "model/glob.h"

#include <string.h>

#define WILDCARDS "*?["

/* --- symbols ------------------------------------------------------------------------------------------------- */

typedef enum { SYMBOL_END, SYMBOL_CHARACTER, SYMBOL_ONE, SYMBOL_RUN, SYMBOL_SET } SymbolKind;

typedef struct Symbol {
    SymbolKind kind;
    const char *text;
    gsize size; /* of text */
} Symbol;

/* One character as people see it; of bytes that are no UTF-8 one byte. */
static gsize character_size(const char *text)
{
    gsize size = 1;
    if ((guchar)*text >= 0xc0)
        while (size < 4 && ((guchar)text[size] & 0xc0) == 0x80)
            size++;
    return size;
}

/* The "]" that ends a set; the first place after "[" or "[!" may hold one as a member. NULL: it has no end. */
static const char *set_end(const char *set)
{
    const char *at = set + 1 + (set[1] == '!');
    at += *at == ']';
    at = strpbrk(at, "]/");
    return at && *at == ']' ? at : NULL;
}

/* The symbol at `text`, within one part. */
static Symbol symbol_at(const char *text, gboolean pattern)
{
    Symbol symbol = {SYMBOL_CHARACTER, text, 1};
    const char *end = pattern && *text == '[' ? set_end(text) : NULL;
    if (*text == '\0' || *text == '/')
        symbol = (Symbol){SYMBOL_END, text, 0};
    else if (pattern && *text == '*')
        symbol.kind = SYMBOL_RUN;
    else if (pattern && *text == '?')
        symbol.kind = SYMBOL_ONE;
    else if (end)
        symbol = (Symbol){SYMBOL_SET, text, (gsize)(end + 1 - text)};
    else
        symbol.size = character_size(text);
    return symbol;
}

static gunichar code_of(const char *text, gsize size)
{
    gunichar code = size > 1 ? g_utf8_get_char_validated(text, (gssize)size) : (guchar)*text;
    return code >= (gunichar)-2 ? (guchar)*text : code;
}

static gboolean set_has(const Symbol *set, const Symbol *character)
{
    const char *at = set->text + 1, *end = set->text + set->size - 1;
    gboolean inverted = *at == '!', found = FALSE;
    gunichar wanted = code_of(character->text, character->size);
    for (at += inverted; at < end && !found;) {
        gsize size = character_size(at);
        gunichar low = code_of(at, size), high = low;
        at += size;
        if (at + 1 < end && *at == '-') {
            size = character_size(at + 1);
            high = code_of(at + 1, size);
            at += 1 + size;
        }
        found = low <= wanted && wanted <= high;
    }
    return found != inverted;
}

static gboolean same_text(const Symbol *a, const Symbol *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* Whether a symbol of the pattern, no run, takes all that the other one stands for. */
static gboolean symbol_takes(const Symbol *wide, const Symbol *narrow)
{
    if (narrow->kind == SYMBOL_END || narrow->kind == SYMBOL_RUN)
        return FALSE;
    if (wide->kind == SYMBOL_SET)
        return narrow->kind == SYMBOL_CHARACTER ? set_has(wide, narrow) : same_text(wide, narrow);
    return wide->kind == SYMBOL_ONE || (wide->kind == SYMBOL_CHARACTER && same_text(wide, narrow));
}

/* --- parts --------------------------------------------------------------------------------------------------- */

/* Lays one part over another. The last run is the only one that ever has to be stretched. */
static gboolean part_takes(const char *wide, const char *narrow, gboolean pattern)
{
    const char *after_run = NULL, *stretched = NULL;
    for (;;) {
        Symbol w = symbol_at(wide, TRUE), n = symbol_at(narrow, pattern);
        if (w.kind == SYMBOL_RUN) {
            after_run = wide += w.size;
            stretched = narrow;
        } else if (w.kind == SYMBOL_END && n.kind == SYMBOL_END) {
            return TRUE;
        } else if (w.kind != SYMBOL_END && symbol_takes(&w, &n)) {
            wide += w.size;
            narrow += n.size;
        } else {
            Symbol one = stretched ? symbol_at(stretched, pattern) : n;
            if (!stretched || one.kind == SYMBOL_END)
                return FALSE;
            narrow = stretched += one.size;
            wide = after_run;
        }
    }
}

static const char *next_part(const char *text)
{
    text += strcspn(text, "/");
    return text + (*text == '/');
}

static gboolean is_deep(const char *part)
{
    return part[0] == '*' && part[1] == '*' && (part[2] == '\0' || part[2] == '/');
}

/* The same over parts: "**" is their run. At the end of a pattern it wants at least one part. */
static gboolean lies_over(const char *wide, const char *narrow, gboolean pattern)
{
    const char *after_deep = NULL, *stretched = NULL;
    for (;;) {
        if (is_deep(wide)) {
            if (wide[2] == '\0')
                return *narrow != '\0';
            after_deep = wide = next_part(wide);
            stretched = narrow;
        } else if (*wide == '\0' && *narrow == '\0') {
            return TRUE;
        } else if (*wide && *narrow && !(pattern && is_deep(narrow)) && part_takes(wide, narrow, pattern)) {
            wide = next_part(wide);
            narrow = next_part(narrow);
        } else {
            if (!stretched || *stretched == '\0')
                return FALSE;
            narrow = stretched = next_part(stretched);
            wide = after_deep;
        }
    }
}

/* --- the outside --------------------------------------------------------------------------------------------- */

static const char *part_problem(const char *part, gsize size)
{
    if (size == 0)
        return "must not hold an empty part";
    if ((size == 1 && *part == '.') || (size == 2 && strncmp(part, "..", 2) == 0))
        return "must stay inside: no '.' or '..'";
    const char *deep = g_strstr_len(part, (gssize)size, "**");
    if (deep && size != 2)
        return "must have '**' alone between slashes";
    for (const char *at = part; at < part + size;) {
        Symbol symbol = symbol_at(at, TRUE);
        if (*at == '[' && symbol.kind != SYMBOL_SET)
            return "must close its '['";
        at += symbol.size;
    }
    return NULL;
}

const char *glob_problem(const char *pattern)
{
    if (*pattern == '\0')
        return "must not be empty";
    if (strlen(pattern) > GLOB_MAX)
        return "must not be longer than 1024 bytes";
    if (*pattern == '/')
        return "must not begin with '/': it is relative to the app";
    if (strchr(pattern, '\\'))
        return "must not hold a backslash";
    if (!g_utf8_validate(pattern, -1, NULL))
        return "must be UTF-8";
    for (const char *p = pattern; *p; p = g_utf8_next_char(p))
        if (!g_unichar_isprint(g_utf8_get_char(p)))
            return "must be printable";
    for (const char *part = pattern; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        const char *problem = part_problem(part, strcspn(part, "/"));
        if (problem)
            return problem;
    }
    return NULL;
}

gboolean glob_matches(const char *pattern, const char *path)
{
    return lies_over(pattern, path, FALSE);
}

gboolean glob_covers(const char *wide, const char *narrow)
{
    return lies_over(wide, narrow, TRUE);
}

gboolean glob_is_literal(const char *pattern)
{
    return strpbrk(pattern, WILDCARDS) == NULL;
}

gsize glob_directory_length(const char *pattern)
{
    gsize length = strcspn(pattern, WILDCARDS);
    if (pattern[length] == '\0')
        return length;
    while (length > 0 && pattern[length - 1] != '/')
        length--;
    return length;
}
