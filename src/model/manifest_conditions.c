/* SPDX-License-Identifier: Apache-2.0 */
/* Conditionals, rollout and required versions: read, and held against themselves. */
#include "model/manifest_conditions.h"

#include "base/clock.h"
#include "base/fault.h"
#include "model/version.h"

#include <string.h>

#define HOUR_MS (60 * 60 * 1000)

typedef struct Checker {
    const char *name;
    GError **error;
} Checker;

static gboolean fault_at(const Checker *checker, const Node *node, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean fault_at(const Checker *checker, const Node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return schema_fault(checker->error, FAULT_MANIFEST, checker->name, node ? node->line : 0, node ? node->column : 0,
                        "%s", text);
}

static const Node *place_of(const Node *map, const char *key)
{
    const Node *value = node_get(map, key);
    return value ? value : map;
}

static Expression *read_expression(const Checker *checker, const Node *map, const char *key, const char *text,
                                   ExpressionUse use)
{
    guint offset = 0;
    g_autofree char *problem = NULL;
    Expression *expression = expression_parse(text, use, &offset, &problem);
    if (!expression)
        fault_at(checker, place_of(map, key), "'%s', character %u: %s", key, offset + 1, problem);
    return expression;
}

/* --- conditionals --------------------------------------------------------------------------------------------- */

static gboolean read_conditional(const Checker *checker, Conditional *conditional, const Node *node)
{
    conditional->parsed = read_expression(checker, node, "condition", conditional->condition, EXPRESSION_CONDITION);
    if (!conditional->parsed)
        return FALSE;
    gboolean manual = conditional->action == CONDITION_REQUIRE_MANUAL;
    if (!manual && conditional->manual_steps->len > 0)
        return fault_at(checker, place_of(node, "manual_steps"),
                        "'manual_steps' has no meaning without the action 'require_manual_intervention'");
    gboolean said = conditional->message && *conditional->message;
    if (!said && (conditional->action == CONDITION_WARN || (manual && conditional->manual_steps->len == 0)))
        return fault_at(checker, node,
                        manual ? "somebody is to act, but neither 'message' nor 'manual_steps' says how"
                               : "the action 'warn' needs a 'message'");
    return TRUE;
}

static gboolean read_conditionals(const Checker *checker, Manifest *manifest)
{
    const Node *list = node_get(manifest->document, "conditionals");
    if (manifest->conditionals->len > CONDITIONALS_MAX)
        return fault_at(checker, list, "there are %u conditionals, more than the %d that are asked",
                        manifest->conditionals->len, CONDITIONALS_MAX);
    for (guint i = 0; i < manifest->conditionals->len; i++)
        if (!read_conditional(checker, manifest->conditionals->pdata[i], list->items->pdata[i]))
            return FALSE;
    return TRUE;
}

/* --- rollout -------------------------------------------------------------------------------------------------- */

static gboolean read_stage(const Checker *checker, RolloutStage *stage, const Node *node)
{
    if (!*stage->name || strlen(stage->name) > 64) {
        g_autofree char *quoted = schema_quote(stage->name);
        return fault_at(checker, place_of(node, "name"), "'name' must have 1 to 64 bytes, not %s", quoted);
    }
    if (node_get(node, "wait") && node_get(node, "wait_hours"))
        return fault_at(checker, place_of(node, "wait_hours"),
                        "'wait_hours' is another name of 'wait'; give one of them");
    if (stage->wait_hours > 0)
        stage->wait_ms = stage->wait_hours * HOUR_MS;
    if (stage->criteria)
        stage->parsed = read_expression(checker, node, "criteria", stage->criteria, EXPRESSION_CRITERIA);
    return !stage->criteria || stage->parsed;
}

/* A stage is all hosts of those before it and more: one that takes fewer would take the release away again. */
static gboolean check_growth(const Checker *checker, const Manifest *manifest, const Node *list)
{
    const RolloutStage *widest = NULL;
    for (guint i = 0; i < manifest->rollout.stages->len; i++) {
        const RolloutStage *stage = manifest->rollout.stages->pdata[i];
        if (stage->criteria)
            continue;
        if (widest && stage->percentage < widest->percentage)
            return fault_at(checker, place_of(list->items->pdata[i], "percentage"),
                            "stage '%s' takes fewer hosts than '%s' before it", stage->name, widest->name);
        widest = stage;
    }
    return TRUE;
}

/* A date that nobody can read would let nobody wait. What has none may get one from the index. */
static gboolean check_date(const Checker *checker, const Manifest *manifest)
{
    gint64 time_s;
    if (!manifest->released || manifest->rollout.stages->len == 0 || clock_parse(manifest->released, &time_s))
        return TRUE;
    const Node *node = node_get(manifest->document, "released");
    g_autofree char *quoted = schema_quote(manifest->released);
    return fault_at(checker, node ? node : node_get(manifest->document, "release_date"),
                    "a rollout needs a date of publication such as 2026-11-20 or 2026-11-20T06:00:00+01:00, not %s",
                    quoted);
}

static gboolean read_rollout(const Checker *checker, Manifest *manifest)
{
    const GPtrArray *stages = manifest->rollout.stages;
    const Node *list = node_pointer(manifest->document, "/rollout/stages");
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    if (stages->len > STAGES_MAX)
        return fault_at(checker, list, "there are %u stages, more than %d", stages->len, STAGES_MAX);
    for (guint i = 0; i < stages->len; i++) {
        RolloutStage *stage = stages->pdata[i];
        const Node *node = list->items->pdata[i];
        if (!read_stage(checker, stage, node))
            return FALSE;
        if (!g_hash_table_add(names, stage->name)) {
            g_autofree char *quoted = schema_quote(stage->name);
            return fault_at(checker, place_of(node, "name"), "two stages are named %s", quoted);
        }
    }
    return check_growth(checker, manifest, list) && check_date(checker, manifest);
}

/* --- required versions ---------------------------------------------------------------------------------------- */

/* It is run, so it must be the name of a program and nothing else. */
static gboolean is_program(const char *name)
{
    return *name && *name != '-' && *name != '.' && strlen(name) <= 64 &&
           name[strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.+-")] == '\0';
}

static gboolean check_versions(const Checker *checker, const Manifest *manifest)
{
    const GPtrArray *pairs = manifest->requirements.required_versions;
    const Node *map = node_pointer(manifest->document, "/requirements/required_versions");
    for (guint i = 0; i < pairs->len; i++) {
        const KeyPair *pair = pairs->pdata[i];
        const Entry *entry = map->items->pdata[i];
        const Node place = {.line = entry->line, .column = entry->column};
        g_autofree char *name = schema_quote(pair->name), *range = schema_quote(pair->value);
        if (!is_program(pair->name))
            return fault_at(checker, &place, "'required_versions' must name programs, not %s", name);
        if (!version_range_is_valid(pair->value))
            return fault_at(checker, entry->value,
                            "%s in 'required_versions' must be a range such as \">=3.8 <4\", not %s", name, range);
    }
    return TRUE;
}

/* --- the outside ---------------------------------------------------------------------------------------------- */

gboolean manifest_read_conditions(Manifest *manifest, const char *name, GError **error)
{
    const Checker checker = {.name = name, .error = error};
    return read_conditionals(&checker, manifest) && read_rollout(&checker, manifest) &&
           check_versions(&checker, manifest);
}

void manifest_clear_conditions(Manifest *manifest)
{
    for (guint i = 0; manifest->conditionals && i < manifest->conditionals->len; i++)
        g_clear_pointer(&((Conditional *)manifest->conditionals->pdata[i])->parsed, expression_free);
    for (guint i = 0; manifest->rollout.stages && i < manifest->rollout.stages->len; i++)
        g_clear_pointer(&((RolloutStage *)manifest->rollout.stages->pdata[i])->parsed, expression_free);
}
