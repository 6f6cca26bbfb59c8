/* SPDX-License-Identifier: Apache-2.0 */
/* Names, links and collisions of an archive's entries. */
#include "base/archive_rules.h"

#include "base/shown.h"

#include <string.h>

enum { NAME_MAX_BYTES = 255, PATH_MAX_BYTES = 4095 };

typedef struct Seen {
    char *path;
    RulesKind kind;
    gboolean implied; /* only something below it was named so far */
} Seen;

struct ArchiveRules {
    GHashTable *by_folded; /* folded path -> Seen *; where two names look alike, only one may be there */
    char *top;             /* first component of the first entry */
    gboolean several_tops;
};

static void seen_free(gpointer data)
{
    Seen *seen = data;
    g_free(seen->path);
    g_free(seen);
}

ArchiveRules *archive_rules_new(void)
{
    ArchiveRules *rules = g_new0(ArchiveRules, 1);
    rules->by_folded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, seen_free);
    return rules;
}

void archive_rules_free(ArchiveRules *rules)
{
    g_hash_table_unref(rules->by_folded);
    g_free(rules->top);
    g_free(rules);
}

/* What file systems that ignore case or the form of letters take for the same name. */
char *archive_folded(const char *path)
{
    if (g_str_is_ascii(path))
        return g_ascii_strdown(path, -1);
    g_autofree char *one_form = g_utf8_normalize(path, -1, G_NORMALIZE_ALL);
    g_autofree char *folded = g_utf8_casefold(one_form, -1);
    return g_utf8_normalize(folded, -1, G_NORMALIZE_ALL);
}

static const char *text_fault(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        return "it is not UTF-8";
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        if (g_unichar_iscntrl(g_utf8_get_char(at)))
            return "it holds control characters";
    }
    return NULL;
}

const char *archive_path_fault(const char *path)
{
    if (*path == '\0')
        return "it has no name";
    if (*path == '/')
        return "it is absolute";
    const char *fault = text_fault(path);
    if (fault)
        return fault;
    if (strlen(path) > PATH_MAX_BYTES)
        return "its path is longer than 4095 bytes";
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        gsize size = strcspn(at, "/");
        if (size == 0)
            return "it has an empty component";
        if (size > NAME_MAX_BYTES)
            return "its name is longer than 255 bytes";
        if (size == 1 && at[0] == '.')
            return "it has the component '.'";
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return "it has the component '..'";
    }
    return NULL;
}

/* A symbolic link must stay inside wherever the other links lead. Its parent is a real directory, for nothing is put
 * below a link; so ".." is counted before any name. Behind a name it would be counted from where that name leads, if
 * it is a link itself: refused. */
const char *archive_link_fault(const char *path, const char *target)
{
    if (!target || !*target)
        return "its target is empty";
    if (*target == '/')
        return "its target is absolute";
    if (text_fault(target))
        return "its target is not clean text";
    if (strlen(target) > PATH_MAX_BYTES)
        return "its target is longer than 4095 bytes";
    guint depth = 0;
    for (const char *at = path; *at; at++)
        depth += *at == '/';
    gboolean named = FALSE;
    for (const char *at = target; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        gsize size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.') {
            if (named)
                return "its target goes up after a name";
            if (depth-- == 0)
                return "its target leaves the tree";
        } else if (size > 0 && !(size == 1 && at[0] == '.')) {
            named = TRUE;
        }
    }
    return NULL;
}

static char *collision(const char *path, const char *with)
{
    if (g_str_equal(path, with))
        return g_strdup("it stands twice");
    g_autofree char *shown = shown_text(with);
    return g_strdup_printf("it differs from '%s' only in case or form of letters", shown);
}

/* One path, its parents already admitted. */
static char *admit_one(ArchiveRules *rules, const char *path, RulesKind kind, gboolean implied)
{
    g_autofree char *folded = archive_folded(path);
    Seen *seen = g_hash_table_lookup(rules->by_folded, folded);
    if (!seen) {
        seen = g_new0(Seen, 1);
        *seen = (Seen){.path = g_strdup(path), .kind = kind, .implied = implied};
        g_hash_table_insert(rules->by_folded, g_steal_pointer(&folded), seen);
        return NULL;
    }
    if (!g_str_equal(seen->path, path))
        return collision(path, seen->path);
    if (implied && seen->kind == RULES_DIRECTORY)
        return NULL;
    if (implied) {
        g_autofree char *shown = shown_text(path);
        return g_strdup_printf("'%s' is no directory", shown);
    }
    if (!seen->implied || kind != RULES_DIRECTORY)
        return collision(path, seen->path);
    seen->implied = FALSE;
    return NULL;
}

static void note_top(ArchiveRules *rules, const char *path, RulesKind kind)
{
    gsize size = strcspn(path, "/");
    if (!rules->top)
        rules->top = g_strndup(path, size);
    if (strlen(rules->top) != size || strncmp(rules->top, path, size) != 0 ||
        (path[size] == '\0' && kind != RULES_DIRECTORY))
        rules->several_tops = TRUE;
}

char *archive_rules_admit(ArchiveRules *rules, const char *path, RulesKind kind, const char *link)
{
    const char *fault = archive_path_fault(path);
    if (!fault && kind == RULES_SYMLINK)
        fault = archive_link_fault(path, link);
    if (fault)
        return g_strdup(fault);
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        g_autofree char *parent = g_strndup(path, (gsize)(slash - path));
        char *why = admit_one(rules, parent, RULES_DIRECTORY, TRUE);
        if (why)
            return why;
    }
    note_top(rules, path, kind);
    return admit_one(rules, path, kind, FALSE);
}

gboolean archive_rules_find(const ArchiveRules *rules, const char *path, RulesKind *kind)
{
    if (!g_utf8_validate(path, -1, NULL))
        return FALSE;
    g_autofree char *folded = archive_folded(path);
    const Seen *seen = g_hash_table_lookup(rules->by_folded, folded);
    if (!seen || !g_str_equal(seen->path, path))
        return FALSE;
    *kind = seen->kind;
    return TRUE;
}

const char *archive_rules_single_top(const ArchiveRules *rules)
{
    return rules->several_tops ? NULL : rules->top;
}
