/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of layout `files`: read, and held against each other. What can only be a mistake of the publisher is an
 * error with its place; a rule that is merely without effect is none. */
#include "model/manifest_files.h"

#include "base/fault.h"
#include "model/glob.h"

#include <string.h>

#define OF(type, member) offsetof(type, member)

/* Looking for rules that never apply is a service to the publisher: it must not make a plan of thousands slow. */
#define COVER_BUDGET 2000000

const char *const file_action_names[] = {"replace",    "skip",      "backup_replace", "merge_toml", "merge_yaml",
                                         "merge_json", "merge_ini", "merge_env",      "merge_text", NULL};
const char *const merge_rule_names[] = {"preserve_user", "update_only", "replace", NULL};

/* clang-format off */
static const Key section_keys[] = {
    {"strategy", KEY_ENUM, OF(MergeSection, strategy), NULL, "who wins in this part of the document", .required = TRUE, .words = merge_rule_names},
    {0},
};

const Key file_rule_keys[] = {
    {"action", KEY_ENUM, OF(FileRule, action), NULL, "what becomes of the files that match", .required = TRUE, .words = file_action_names},
    {"merge_strategy", KEY_ENUM, OF(FileRule, merge_strategy), "preserve_user", "who wins where user and release changed the same", .words = merge_rule_names},
    {"backup", KEY_BOOL, OF(FileRule, backup), "false", "whether the file as it was is kept for the user"},
    {"sections", KEY_TABLE_MAP, OF(FileRule, sections), NULL, "other strategies by table of the document", .table = section_keys, .size = sizeof(MergeSection)},
    {0},
};

const Key directory_rule_keys[] = {
    {"preserve", KEY_BOOL, OF(DirectoryRule, preserve), NULL, "true: nothing in it is written or removed; false: it may be emptied", .required = TRUE},
    {"cleanup_old", KEY_BOOL, OF(DirectoryRule, cleanup_old), "false", "whether old files in it go when an update is done"},
    {"keep_days", KEY_INT, OF(DirectoryRule, keep_days), "30", "how old a file may be then", .min = 1, .max = 36500},
    {"description", KEY_TEXT, OF(DirectoryRule, description), NULL, "what is in it"},
    {0},
};
/* clang-format on */

typedef struct Checker {
    const char *name;
    const Manifest *manifest;
    GError **error;
} Checker;

static gboolean fault_at(const Checker *checker, guint line, guint column, const char *format, ...) G_GNUC_PRINTF(4, 5);
static gboolean fault_at(const Checker *checker, guint line, guint column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return schema_fault(checker->error, FAULT_MANIFEST, checker->name, line, column, "%s", text);
}

static gboolean check_glob(const Checker *checker, const char *what, const char *glob, guint line, guint column)
{
    const char *problem = glob_problem(glob);
    g_autofree char *quoted = problem ? schema_quote(glob) : NULL;
    return !problem || fault_at(checker, line, column, "%s %s %s", what, quoted, problem);
}

/* People write "data/" as well. */
static char *without_slash(const char *path)
{
    gsize length = strlen(path);
    return g_strndup(path, length > 1 && path[length - 1] == '/' ? length - 1 : length);
}

static gboolean lies_in(const char *path, const char *directory)
{
    gsize length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* --- one rule ------------------------------------------------------------------------------------------------- */

static gboolean is_merge(int action)
{
    return action >= FILE_MERGE_TOML;
}

/* Keys that would be silently without effect. */
static gboolean check_keys(const Checker *checker, const FileRule *rule, const Node *map)
{
    static const char *const of_merges[] = {"merge_strategy", "sections"};
    const char *action = file_action_names[rule->action];
    for (gsize i = 0; i < G_N_ELEMENTS(of_merges); i++) {
        const Node *node = node_get(map, of_merges[i]);
        gboolean flat = i == 1 && (rule->action == FILE_MERGE_TEXT || rule->action == FILE_MERGE_ENV);
        if (node && (!is_merge(rule->action) || flat))
            return fault_at(checker, node->line, node->column, "'%s' has no meaning with the action '%s'", of_merges[i],
                            action);
    }
    const Node *backup = node_get(map, "backup");
    if (backup && rule->action == FILE_SKIP && rule->backup)
        return fault_at(checker, backup->line, backup->column, "'backup' has no meaning with the action 'skip'");
    if (backup && rule->action == FILE_BACKUP_REPLACE && !rule->backup)
        return fault_at(checker, backup->line, backup->column, "'backup: false' contradicts the action '%s'", action);
    return TRUE;
}

/* A file that says by its name that it is of another language. */
static gboolean check_language(const Checker *checker, const FileRule *rule, const Node *map)
{
    static const struct {
        const char *suffix;
        int action;
    } languages[] = {{".toml", FILE_MERGE_TOML}, {".yaml", FILE_MERGE_YAML}, {".yml", FILE_MERGE_YAML},
                     {".json", FILE_MERGE_JSON}, {".ini", FILE_MERGE_INI},   {".env", FILE_MERGE_ENV}};
    const Node *node = node_get(map, "action");
    for (gsize i = 0; is_merge(rule->action) && i < G_N_ELEMENTS(languages); i++)
        if (g_str_has_suffix(rule->glob, languages[i].suffix) && rule->action != languages[i].action &&
            rule->action != FILE_MERGE_TEXT) {
            g_autofree char *glob = schema_quote(rule->glob);
            return fault_at(checker, node->line, node->column, "the action '%s' cannot merge %s; use '%s'",
                            file_action_names[rule->action], glob, file_action_names[languages[i].action]);
        }
    return TRUE;
}

static gboolean read_rule(const Checker *checker, const Entry *entry, GPtrArray *rules)
{
    if (!check_glob(checker, "pattern", entry->key, entry->line, entry->column))
        return FALSE;
    FileRule *rule = g_new0(FileRule, 1);
    g_ptr_array_add(rules, rule);
    rule->glob = g_strdup(entry->key);
    rule->line = entry->line;
    rule->column = entry->column;
    if (!schema_read(file_rule_keys, entry->value, checker->name, FAULT_MANIFEST, rule, checker->error) ||
        !check_keys(checker, rule, entry->value) || !check_language(checker, rule, entry->value))
        return FALSE;
    rule->backup = rule->backup || rule->action == FILE_BACKUP_REPLACE;
    return TRUE;
}

/* --- one directory -------------------------------------------------------------------------------------------- */

static gboolean check_path(const Checker *checker, const char *path, const Entry *entry)
{
    const char *problem = glob_problem(path);
    if (!problem && !glob_is_literal(path))
        problem = "must be a path, not a pattern";
    g_autofree char *quoted = problem ? schema_quote(entry->key) : NULL;
    return !problem || fault_at(checker, entry->line, entry->column, "directory %s %s", quoted, problem);
}

static gboolean read_directory(const Checker *checker, const Entry *entry, GPtrArray *rules)
{
    DirectoryRule *rule = g_new0(DirectoryRule, 1);
    g_ptr_array_add(rules, rule);
    rule->path = without_slash(entry->key);
    rule->line = entry->line;
    rule->column = entry->column;
    if (!check_path(checker, rule->path, entry) ||
        !schema_read(directory_rule_keys, entry->value, checker->name, FAULT_MANIFEST, rule, checker->error))
        return FALSE;
    const Node *old = node_get(entry->value, "cleanup_old"), *days = node_get(entry->value, "keep_days");
    if (rule->cleanup_old && !rule->preserve)
        return fault_at(checker, old->line, old->column,
                        "'cleanup_old' contradicts 'preserve: false': the whole of it may be emptied");
    if (days && !rule->cleanup_old)
        return fault_at(checker, days->line, days->column, "'keep_days' has no meaning without 'cleanup_old: true'");
    return TRUE;
}

/* --- rules against each other ---------------------------------------------------------------------------------- */

static gboolean same_effect(const FileRule *a, const FileRule *b)
{
    return a->action == b->action && a->merge_strategy == b->merge_strategy && a->backup == b->backup &&
           a->sections->len == 0 && b->sections->len == 0;
}

/* A rule of another effect that a rule before it leaves nothing for: the publisher believes something else. */
static gboolean check_reached(const Checker *checker, const GPtrArray *rules)
{
    g_autoptr(GPtrArray) wide = g_ptr_array_new();
    guint budget = COVER_BUDGET;
    for (guint i = 0; i < rules->len; i++) {
        const FileRule *rule = rules->pdata[i];
        for (guint j = 0; j < wide->len && budget > 0; j++) {
            const FileRule *first = wide->pdata[j];
            gsize prefix = glob_directory_length(first->glob);
            budget--;
            if (strncmp(first->glob, rule->glob, prefix) != 0 || same_effect(first, rule) ||
                !glob_covers(first->glob, rule->glob))
                continue;
            g_autofree char *own = schema_quote(rule->glob), *others = schema_quote(first->glob);
            return fault_at(checker, rule->line, rule->column,
                            "pattern %s is never reached: %s on line %u comes first and says '%s'", own, others,
                            first->line, file_action_names[first->action]);
        }
        if (!glob_is_literal(rule->glob))
            g_ptr_array_add(wide, (gpointer)rule);
    }
    return TRUE;
}

/* Whether a pattern speaks of what lies in a directory, and of nothing else. */
static gboolean leads_into(const char *glob, const char *directory)
{
    g_autofree char *literal = g_strndup(glob, glob_directory_length(glob));
    return lies_in(literal, directory);
}

static gboolean check_protected(const Checker *checker, const FileRule *rule)
{
    for (guint i = 0; i < checker->manifest->directory_rules->len; i++) {
        const DirectoryRule *directory = checker->manifest->directory_rules->pdata[i];
        if (rule->action == FILE_SKIP || !leads_into(rule->glob, directory->path))
            continue;
        g_autofree char *glob = schema_quote(rule->glob), *path = schema_quote(directory->path);
        return fault_at(checker, rule->line, rule->column,
                        "pattern %s writes into the directory %s, which %s (line %u)", glob, path,
                        directory->preserve ? "is preserved" : "may be emptied", directory->line);
    }
    return TRUE;
}

static gboolean check_nested(const Checker *checker)
{
    const GPtrArray *rules = checker->manifest->directory_rules;
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < rules->len; i++)
        g_hash_table_insert(paths, ((const DirectoryRule *)rules->pdata[i])->path, rules->pdata[i]);
    for (guint i = 0; i < rules->len; i++) {
        const DirectoryRule *rule = rules->pdata[i];
        g_autofree char *above = g_strdup(rule->path);
        for (char *slash; (slash = strrchr(above, '/'));) {
            *slash = '\0';
            const DirectoryRule *other = g_hash_table_lookup(paths, above);
            if (!other)
                continue;
            g_autofree char *inner = schema_quote(rule->path), *outer = schema_quote(other->path);
            return fault_at(checker, rule->line, rule->column, "directory %s lies in %s, which has rules on line %u",
                            inner, outer, other->line);
        }
    }
    return TRUE;
}

/* --- cleanup and privileged files ------------------------------------------------------------------------------- */

static const Node *item_of(const Node *list, guint i)
{
    return list && list->kind == NODE_LIST && i < list->items->len ? list->items->pdata[i] : list;
}

/* What is preserved is not removed by the same manifest. */
static gboolean check_removal(const Checker *checker, const char *pointer, const GPtrArray *globs, gboolean literal)
{
    const Manifest *manifest = checker->manifest;
    const Node *list = node_pointer(manifest->document, pointer);
    for (guint i = 0; i < globs->len; i++) {
        const char *glob = globs->pdata[i];
        const Node *node = item_of(list, i);
        if (!check_glob(checker, literal ? "directory" : "pattern", glob, node->line, node->column))
            return FALSE;
        for (guint j = 0; j < manifest->directory_rules->len; j++) {
            const DirectoryRule *rule = manifest->directory_rules->pdata[j];
            if (!rule->preserve || !(leads_into(glob, rule->path) || (literal && lies_in(rule->path, glob))))
                continue;
            g_autofree char *quoted = schema_quote(glob), *path = schema_quote(rule->path);
            return fault_at(checker, node->line, node->column,
                            "cleanup of %s contradicts the directory %s, which is preserved (line %u)", quoted, path,
                            rule->line);
        }
    }
    return TRUE;
}

static void strip_slashes(GPtrArray *paths)
{
    for (guint i = 0; i < paths->len; i++) {
        char *path = paths->pdata[i];
        paths->pdata[i] = without_slash(path);
        g_free(path);
    }
}

static gboolean check_privileged(const Checker *checker)
{
    const GPtrArray *globs = checker->manifest->privileged_files;
    const Node *list = node_get(checker->manifest->document, "privileged_files");
    for (guint i = 0; i < globs->len; i++) {
        const Node *node = item_of(list, i);
        if (!check_glob(checker, "pattern", globs->pdata[i], node->line, node->column))
            return FALSE;
    }
    return TRUE;
}

/* --- the outside ------------------------------------------------------------------------------------------------ */

static gboolean read_entries(const Checker *checker, const Node *map, GPtrArray *rules,
                             gboolean (*read)(const Checker *, const Entry *, GPtrArray *))
{
    for (guint i = 0; map && map->kind == NODE_MAP && i < map->items->len; i++)
        if (!read(checker, map->items->pdata[i], rules))
            return FALSE;
    return TRUE;
}

static gboolean check_is_map(const Checker *checker, const char *key, const Node *node, gboolean list)
{
    if (!node || node->kind == NODE_MAP || node_is_null(node) || (list && node->kind == NODE_LIST))
        return TRUE;
    return fault_at(checker, node->line, node->column, "'%s' must be a map of %s", key,
                    list ? "patterns, or a list of files" : "directories");
}

gboolean manifest_read_files(Manifest *manifest, const char *name, GError **error)
{
    const Checker checker = {.name = name, .manifest = manifest, .error = error};
    const Node *files = manifest->files;
    strip_slashes(manifest->cleanup.remove_directories);
    manifest->file_rules = g_ptr_array_new();
    manifest->directory_rules = g_ptr_array_new();
    if (!check_is_map(&checker, "files", files, TRUE) ||
        !check_is_map(&checker, "directories", manifest->directories, FALSE))
        return FALSE;
    if (files && files->kind == NODE_MAP && files->items->len > FILE_RULES_MAX)
        return fault_at(&checker, files->line, files->column, "'files' has %u rules, more than the %d that are read",
                        files->items->len, FILE_RULES_MAX);
    if (!read_entries(&checker, manifest->directories, manifest->directory_rules, read_directory) ||
        !read_entries(&checker, files, manifest->file_rules, read_rule) || !check_nested(&checker) ||
        !check_reached(&checker, manifest->file_rules))
        return FALSE;
    for (guint i = 0; i < manifest->file_rules->len; i++)
        if (!check_protected(&checker, manifest->file_rules->pdata[i]))
            return FALSE;
    return check_removal(&checker, "/cleanup/remove_files", manifest->cleanup.remove_files, FALSE) &&
           check_removal(&checker, "/cleanup/remove_directories", manifest->cleanup.remove_directories, TRUE) &&
           check_privileged(&checker);
}

void manifest_clear_files(Manifest *manifest)
{
    for (guint i = 0; manifest->file_rules && i < manifest->file_rules->len; i++) {
        FileRule *rule = manifest->file_rules->pdata[i];
        schema_clear(file_rule_keys, rule);
        g_free(rule->glob);
        g_free(rule);
    }
    for (guint i = 0; manifest->directory_rules && i < manifest->directory_rules->len; i++) {
        DirectoryRule *rule = manifest->directory_rules->pdata[i];
        schema_clear(directory_rule_keys, rule);
        g_free(rule->path);
        g_free(rule);
    }
    g_clear_pointer(&manifest->file_rules, g_ptr_array_unref);
    g_clear_pointer(&manifest->directory_rules, g_ptr_array_unref);
}

const FileRule *manifest_file_rule(const Manifest *manifest, const char *path)
{
    for (guint i = 0; i < manifest->file_rules->len; i++) {
        const FileRule *rule = manifest->file_rules->pdata[i];
        if (glob_matches(rule->glob, path))
            return rule;
    }
    return NULL;
}

const DirectoryRule *manifest_directory_rule(const Manifest *manifest, const char *path)
{
    for (guint i = 0; i < manifest->directory_rules->len; i++) {
        const DirectoryRule *rule = manifest->directory_rules->pdata[i];
        if (lies_in(path, rule->path))
            return rule;
    }
    return NULL;
}
