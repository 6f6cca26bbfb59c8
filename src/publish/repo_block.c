/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of releases. */
#include "publish/repo_block.h"

#include "base/fault.h"
#include "model/version.h"

#include <string.h>

#define KIND_RELEASE "release"
#define STAGES_MAX 20

static const char *const gates[] = {"breakpoint", "stop", NULL};

/* --- finding ------------------------------------------------------------------------------------------------ */

void repo_blocks(const Node *content, RepoBlockVisit visit, gpointer data)
{
    const Node *targets = node_get(content, "targets");
    for (guint i = 0; targets && targets->kind == NODE_MAP && i < targets->items->len; i++) {
        const Entry *entry = targets->items->pdata[i];
        Node *custom = (Node *)node_get(entry->value, "custom"); /* the content is the caller's to change */
        if (g_str_equal(node_get_text(custom, "kind", ""), KIND_RELEASE))
            visit(entry->key, custom, data);
    }
}

typedef struct Search {
    const char *version, *channel, *path;
    Node *found;
} Search;

static gboolean names_channel(const Node *block, const char *channel)
{
    const Node *list = node_get(block, "channels");
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++)
        if (g_strcmp0(((const Node *)list->items->pdata[i])->text, channel) == 0)
            return TRUE;
    return FALSE;
}

static void look(const char *path, Node *block, gpointer data)
{
    Search *search = data;
    const char *version = node_get_text(block, "version", "");
    gboolean fits =
        search->version ? version_compare(version, search->version) == 0 : names_channel(block, search->channel);
    if (fits && !search->found) {
        search->found = block;
        search->path = path;
    }
}

Node *repo_block_find(Node *content, const char *version, const char **path)
{
    Search search = {.version = version};
    repo_blocks(content, look, &search);
    if (path)
        *path = search.path;
    return search.found;
}

Node *repo_block_of_channel(Node *content, const char *channel)
{
    Search search = {.channel = channel};
    repo_blocks(content, look, &search);
    return search.found;
}

gboolean repo_block_is_withdrawn(const Node *block)
{
    return node_get(block, "withdrawn") != NULL;
}

static gboolean has_items(const Node *list)
{
    return list && list->kind == NODE_LIST && list->items->len > 0;
}

gboolean repo_block_is_named(const Node *block)
{
    return has_items(node_get(block, "channels"));
}

gboolean repo_block_was_named(const Node *block)
{
    return has_items(node_get(block, "former"));
}

/* --- changing ----------------------------------------------------------------------------------------------- */

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A list of channels of a block with or without one of them, in order. */
static void change_list(Node *block, const char *key, const char *channel, gboolean named)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const Node *before = node_get(block, key);
    for (guint i = 0; before && before->kind == NODE_LIST && i < before->items->len; i++) {
        const char *name = ((const Node *)before->items->pdata[i])->text;
        if (name && !g_str_equal(name, channel))
            g_ptr_array_add(names, g_strdup(name));
    }
    if (named)
        g_ptr_array_add(names, g_strdup(channel));
    g_ptr_array_sort(names, compare_texts);
    Node *list = node_new_list();
    for (guint i = 0; i < names->len; i++)
        node_append(list, node_new_scalar(SCALAR_STRING, names->pdata[i]));
    node_set(block, key, list);
}

static void change_channels(Node *block, const char *channel, gboolean named)
{
    change_list(block, "channels", channel, named);
    if (!named || node_get(block, "former"))
        change_list(block, "former", channel, !named);
}

void repo_block_set_channel(Node *content, const char *version, const char *channel)
{
    Node *before = repo_block_of_channel(content, channel), *block = repo_block_find(content, version, NULL);
    if (before)
        change_channels(before, channel, FALSE);
    if (block)
        change_channels(block, channel, TRUE);
}

/* --- rollouts ----------------------------------------------------------------------------------------------- */

static gboolean read_stage(const char *text, gint64 *percentage, gint64 *wait_ms)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    guint64 number = 0;
    gsize size = strlen(parts[0]);
    if (size && parts[0][size - 1] == '%')
        parts[0][size - 1] = '\0';
    *wait_ms = 0;
    if (!g_ascii_string_to_unsigned(parts[0], 10, 0, 100, &number, NULL) ||
        (parts[1] && !duration_parse(parts[1], wait_ms)))
        return FALSE;
    *percentage = (gint64)number;
    return *wait_ms >= 0;
}

static void add_stage(Node *stages, const char *name, gint64 percentage, gint64 wait_ms, const char *criteria)
{
    Node *stage = node_new_map();
    node_set_text(stage, "name", name);
    node_set_int(stage, "percentage", percentage);
    if (wait_ms) {
        g_autofree char *wait = duration_format(wait_ms);
        node_set_text(stage, "wait", wait);
    }
    if (criteria)
        node_set_text(stage, "criteria", criteria);
    node_append(stages, stage);
}

static void set_stages(Node *block, Node *stages)
{
    Node *rollout = node_new_map();
    node_set(rollout, "stages", stages);
    node_set(block, "rollout", rollout);
}

gboolean repo_block_set_rollout(Node *block, const char *const *texts, GError **error)
{
    g_autoptr(Node) stages = node_new_list();
    gint64 widest = -1;
    for (guint i = 0; texts[i]; i++) {
        gint64 percentage = 0, wait_ms = 0;
        if (!read_stage(texts[i], &percentage, &wait_ms)) {
            g_autofree char *quoted = schema_quote(texts[i]);
            fault_set(error, FAULT_USAGE, "%s is no stage of a rollout", quoted);
            return fault_hint(error,
                              "a stage is a percentage and how long after the one before it opens: 10 50:24h 100:3d");
        }
        if (percentage <= widest)
            return fault_set(error, FAULT_USAGE, "the stage '%s' takes no more hosts than the one before it", texts[i]);
        if (i >= STAGES_MAX)
            return fault_set(error, FAULT_USAGE, "a rollout has at most %d stages", STAGES_MAX);
        widest = percentage;
        g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT "%%", percentage);
        add_stage(stages, name, percentage, wait_ms, NULL);
    }
    set_stages(block, g_steal_pointer(&stages));
    return TRUE;
}

static void set_manifest_rollout(Node *block, const Manifest *manifest)
{
    const GPtrArray *given = manifest->rollout.stages;
    if (!given || given->len == 0)
        return;
    Node *stages = node_new_list();
    for (guint i = 0; i < given->len; i++) {
        const RolloutStage *stage = given->pdata[i];
        add_stage(stages, stage->name, stage->percentage, stage->wait_ms, stage->criteria);
    }
    set_stages(block, stages);
}

/* --- making ------------------------------------------------------------------------------------------------- */

static gboolean set_age(Node *node, const char *age, GError **error)
{
    gint64 age_ms = 0;
    if (!age)
        return TRUE;
    if (!duration_parse(age, &age_ms) || age_ms < 0) {
        g_autofree char *quoted = schema_quote(age);
        return fault_set(error, FAULT_USAGE, "--min-age must be a time such as 24h, not %s", quoted);
    }
    g_autofree char *text = duration_format(age_ms);
    node_set_text(node, "min_age", text);
    return TRUE;
}

static gboolean set_gate(Node *node, const char *kind, const char *message, GError **error)
{
    if (!kind)
        return !message || fault_set(error, FAULT_USAGE, "--reason has no meaning without --gate");
    if (!g_strv_contains(gates, kind)) {
        g_autofree char *quoted = schema_quote(kind);
        return fault_set(error, FAULT_USAGE, "--gate must be breakpoint or stop, not %s", quoted);
    }
    Node *gate = node_new_map();
    node_set_text(gate, "kind", kind);
    if (message)
        node_set_text(gate, "message", message);
    node_set(node, "gate", gate);
    return TRUE;
}

Node *repo_block_new(const RepoBlock *block, GError **error)
{
    const char *const texts[][2] = {
        {"kind", KIND_RELEASE},
        {"app", block->app},
        {"version", block->version},
        {"released", block->released},
        {"changelog", block->changelog ? block->changelog : block->manifest->changelog},
        {"severity", block->severity},
        {"description", block->manifest->description},
        {"tree", block->tree},
    };
    g_autoptr(Node) node = node_new_map();
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        if (texts[i][1])
            node_set_text(node, texts[i][0], texts[i][1]);
    Node *files = node_new_list();
    for (guint i = 0; block->files[i]; i++)
        node_append(files, node_new_scalar(SCALAR_STRING, block->files[i]));
    node_set(node, "files", files);
    node_set(node, "channels", node_new_list());
    if (block->unpacked_entries) {
        node_set_int(node, "unpacked_size", block->unpacked_bytes);
        node_set_int(node, "unpacked_entries", block->unpacked_entries);
    }
    set_manifest_rollout(node, block->manifest);
    if (!set_age(node, block->min_age, error) || !set_gate(node, block->gate, block->gate_message, error))
        return NULL;
    return g_steal_pointer(&node);
}
