/* SPDX-License-Identifier: Apache-2.0 */
/* Merging: the table of languages, and the guard that makes losslessness a mechanism. */
#include "merge/merge_inner.h"

#include "base/fault.h"

#include <string.h>

/* --- tables ------------------------------------------------------------------------------------------------------- */

static const MergeLanguage languages[] = {
    {"env", ".env .env.* *.env", merge_read_env, SHIFT_NONE},
    {"ini", "*.ini *.cfg", merge_read_ini, SHIFT_ALL, .any_case = TRUE},
    {"toml", "*.toml", merge_read_toml, SHIFT_FIRST, .comments = "#"},
    {"json", "*.json *.jsonc", merge_read_json, SHIFT_ALL, .comments = "// /*"},
    {"yaml", "*.yaml *.yml", merge_read_yaml, SHIFT_ALL, .comments = "#", .last_newline_counts = TRUE,
     .confirm = merge_confirm_yaml},
    {"text", "*"},
};

static const char *const act_names[MERGE_N_ACTS] = {
    [MERGE_ADDED] = "added", [MERGE_UPDATED] = "updated",       [MERGE_REMOVED] = "removed",
    [MERGE_KEPT] = "kept",   [MERGE_OVERRIDDEN] = "overridden", [MERGE_CONFLICT] = "conflict"};

static const char *const strategy_names[] = {
    [MERGE_PRESERVE_USER] = "preserve_user", [MERGE_UPDATE_ONLY] = "update_only", [MERGE_REPLACE] = "replace"};

const MergeLanguage *merge_language(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(languages); i++) {
        if (strcmp(languages[i].name, name) == 0)
            return &languages[i];
    }
    return NULL;
}

static gboolean fits(const MergeLanguage *language, const char *name)
{
    g_auto(GStrv) patterns = g_strsplit(language->patterns, " ", -1);
    for (char **pattern = patterns; *pattern; pattern++) {
        if (g_pattern_match_simple(*pattern, name))
            return TRUE;
    }
    return FALSE;
}

const MergeLanguage *merge_language_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    for (gsize i = 0; i < G_N_ELEMENTS(languages); i++) {
        if (fits(&languages[i], slash ? slash + 1 : path))
            return &languages[i];
    }
    return &languages[G_N_ELEMENTS(languages) - 1];
}

const char *merge_language_name(const MergeLanguage *language)
{
    return language->name;
}

char **merge_language_names(void)
{
    char **names = g_new0(char *, G_N_ELEMENTS(languages) + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(languages); i++)
        names[i] = g_strdup(languages[i].name);
    return names;
}

gboolean merge_strategy_of(const char *name, MergeStrategy *strategy)
{
    for (gsize i = 0; i < G_N_ELEMENTS(strategy_names); i++) {
        if (strcmp(strategy_names[i], name) == 0) {
            *strategy = (MergeStrategy)i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *merge_strategy_name(MergeStrategy strategy)
{
    return strategy_names[strategy];
}

const char *merge_act_name(MergeAct act)
{
    return act_names[act];
}

/* --- results ------------------------------------------------------------------------------------------------------ */

static void note_free(gpointer data)
{
    MergeNote *note = data;
    g_free(note->path);
    g_free(note->reason);
    g_free(note);
}

void merge_result_free(MergeResult *result)
{
    if (!result)
        return;
    g_free(result->bytes);
    g_ptr_array_unref(result->notes);
    g_free(result);
}

char *merge_note_show(const MergeNote *note, const char *file)
{
    GString *line = g_string_new(file);
    if (note->line)
        g_string_append_printf(line, ":%u", note->line);
    g_string_append_printf(line, ": %s", act_names[note->act]);
    if (note->path && *note->path)
        g_string_append_printf(line, ": %s", note->path);
    if (note->reason)
        g_string_append_printf(line, ": %s", note->reason);
    return g_string_free(line, FALSE);
}

static MergeResult *result_new(const MergeText *user, char *bytes, gsize size, GPtrArray *notes)
{
    MergeResult *result = g_new0(MergeResult, 1);
    result->bytes = bytes;
    result->size = size;
    result->notes = g_ptr_array_ref(notes);
    result->changed = size != user->size || memcmp(bytes, user->bytes, size) != 0;
    for (guint i = 0; i < notes->len; i++)
        result->n_conflicts += ((const MergeNote *)g_ptr_array_index(notes, i))->act == MERGE_CONFLICT;
    return result;
}

/* --- the guard ---------------------------------------------------------------------------------------------------- */

/* The output, read again, means exactly what was intended. */
static gboolean check_output(Merge *merge, const char *bytes, gsize size, GError **error)
{
    const MergeRequest *request = merge->request;
    g_autofree char *intended = merge_intended(merge);
    g_autoptr(GError) why = NULL;
    MergeText text = {.bytes = bytes, .size = size, .name = "the merged text", .fault_code = FAULT_STATE};
    g_autoptr(MergeDoc) doc = merge_doc_read(request->language, &text, &why);
    gboolean good = doc && strcmp(merge_item_value(doc->root), intended) == 0;
    if (good && (!request->language->confirm || request->language->confirm(merge->user, doc, intended)))
        return TRUE;
    fault_set(error, FAULT_STATE, "%s: merging it would not give what was intended%s%s", request->user.name,
              why ? ": " : "", why ? why->message : "");
    return fault_hint(error, "merge it by hand, then try again");
}

/* --- merging ------------------------------------------------------------------------------------------------------ */

static gboolean same_bytes(const MergeText *a, const MergeText *b)
{
    return a->bytes && b->bytes && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static int path_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return strcmp(a, b);
}

static GTree *rules_new(const MergeRequest *request)
{
    if (!request->n_rules)
        return NULL;
    GTree *rules = g_tree_new_full(path_compare, NULL, NULL, NULL);
    for (gsize i = 0; i < request->n_rules; i++)
        g_tree_replace(rules, (gpointer)request->rules[i].path, GUINT_TO_POINTER(request->rules[i].strategy + 1));
    return rules;
}

static MergeResult *merge_documents(Merge *merge, GError **error)
{
    const MergeRequest *request = merge->request;
    merge_decide(merge);
    gsize size = request->release.size;
    g_autofree char *bytes = NULL;
    if (merge->verbatim) {
        bytes = g_malloc(size + 1);
        memcpy(bytes, request->release.bytes, size);
        bytes[size] = 0;
    } else {
        bytes = merge_write(request->language, merge->base, merge->user, merge->release, &size);
        if (!check_output(merge, bytes, size, error))
            return NULL;
    }
    return result_new(&request->user, g_steal_pointer(&bytes), size, merge->notes);
}

/* The whole file follows the release: nobody has written in it, or nobody shall have. */
static gboolean is_verbatim(const MergeRequest *request)
{
    if (request->n_rules && request->language->read)
        return FALSE;
    return request->strategy == MERGE_REPLACE ||
           (request->strategy == MERGE_PRESERVE_USER && same_bytes(&request->user, &request->base));
}

static MergeResult *merge_text(const MergeRequest *request, GPtrArray *notes, GError **error)
{
    gsize size;
    char *bytes = merge_lines_of_texts(request, is_verbatim(request), notes, &size, error);
    return bytes ? result_new(&request->user, bytes, size, notes) : NULL;
}

MergeResult *merge_texts(const MergeRequest *request, GError **error)
{
    const MergeLanguage *language = request->language;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(note_free);
    if (!language->read)
        return merge_text(request, notes, error);
    g_autoptr(MergeDoc) user = merge_doc_read(language, &request->user, error);
    g_autoptr(MergeDoc) base = user && request->base.bytes ? merge_doc_read(language, &request->base, error) : NULL;
    if (!user || (request->base.bytes && !base))
        return NULL;
    g_autoptr(MergeDoc) release = merge_doc_read(language, &request->release, error);
    if (!release)
        return NULL;
    Merge merge = {.request = request, .base = base, .user = user, .release = release, .notes = notes};
    merge.verbatim = is_verbatim(request);
    merge.rules = rules_new(request);
    MergeResult *result = merge_documents(&merge, error);
    g_clear_pointer(&merge.rules, g_tree_unref);
    return result;
}
