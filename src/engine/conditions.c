/* SPDX-License-Identifier: Apache-2.0 */
/* What a release's conditions come to on this host: objections, notes, and what a person is to do. */
#include "engine/conditions.h"

#include "base/clock.h"
#include "base/fault.h"
#include "model/policy.h"

#include <string.h>

/* In mode dashboard policy decides, and nobody overrides it. */
static const char *by_operator(const Conditions *conditions)
{
    return conditions->config->policy.mode == MODE_MANUAL ? "--force" : NULL;
}

static char *hint_for_person(const Conditions *conditions, const Conditional *conditional)
{
    const char *last = by_operator(conditions) ? "update with --force" : "let its operator update in mode manual";
    if (conditional->manual_steps->len == 0)
        return g_strdup_printf("when that is done, %s", last);
    GString *hint = g_string_new("first: ");
    for (guint i = 0; i < conditional->manual_steps->len; i++)
        g_string_append_printf(hint, "%s%s", i ? "; " : "", (const char *)conditional->manual_steps->pdata[i]);
    g_string_append_printf(hint, "; then %s", last);
    return g_string_free(hint, FALSE);
}

/* A condition that nobody can tell counts as one that holds: the publisher meant to keep this host from something. */
static void object_to_unknown(const Conditions *conditions, const Conditional *conditional, const GError *fault,
                              GPtrArray *objections, GPtrArray *notes)
{
    g_autofree char *quoted = schema_quote(conditional->condition), *why = fault_text(fault);
    g_autofree char *hint = fault_hint_of(fault);
    if (conditional->action == CONDITION_WARN)
        g_ptr_array_add(notes, g_strdup_printf("cannot tell whether %s holds (%s); if it does: %s", quoted, why,
                                               conditional->message));
    else
        objection_add(objections, FAULT_REQUIREMENT, by_operator(conditions), hint,
                      "cannot tell whether the condition %s of the release holds: %s", quoted, why);
}

static void object_one(const Conditions *conditions, const Conditional *conditional, GPtrArray *objections,
                       GPtrArray *not_now, GPtrArray *notes, GPtrArray *steps)
{
    const char *version = conditions->manifest->version, *said = conditional->message;
    g_autofree char *quoted = schema_quote(conditional->condition);
    gboolean silent = !said || !*said;
    switch ((ConditionAction)conditional->action) {
    case CONDITION_SKIP_UPDATE: {
        g_autofree char *hint = g_strdup_printf("the release says so while %s holds", quoted);
        objection_add(not_now, FAULT_POLICY, by_operator(conditions), hint, "%s is not for this host now%s%s", version,
                      silent ? "" : ": ", silent ? "" : said);
        break;
    }
    case CONDITION_WARN:
        g_ptr_array_add(notes, g_strdup(said));
        break;
    case CONDITION_REQUIRE_MANUAL: {
        g_autofree char *hint = hint_for_person(conditions, conditional);
        objection_add(objections, FAULT_POLICY, by_operator(conditions), hint, "%s wants a person first%s%s", version,
                      silent ? "" : ": ", silent ? "" : said);
        for (guint i = 0; i < conditional->manual_steps->len; i++)
            g_ptr_array_add(steps, g_strdup(conditional->manual_steps->pdata[i]));
    }
    }
}

void conditions_object(Conditions *conditions, GPtrArray *objections, GPtrArray *not_now, GPtrArray *notes,
                       GPtrArray *steps)
{
    const GPtrArray *conditionals = conditions->manifest->conditionals;
    for (guint i = 0; i < conditionals->len; i++) {
        const Conditional *conditional = conditionals->pdata[i];
        gboolean holds = FALSE;
        g_autoptr(GError) error = NULL;
        if (!expression_holds(conditional->parsed, &conditions_host, conditions, &holds, NULL, &error))
            object_to_unknown(conditions, conditional, error, objections, notes);
        else if (holds)
            object_one(conditions, conditional, objections, not_now, notes, steps);
    }
}

/* --- rollout -------------------------------------------------------------------------------------------------- */

char *conditions_host_id(const HostConfig *config)
{
    g_autofree char *id = NULL;
    if (config->host_id && *config->host_id)
        return g_strdup(config->host_id);
    if (g_file_get_contents("/etc/machine-id", &id, NULL, NULL) && strlen(g_strstrip(id)) == 32)
        return g_steal_pointer(&id);
    return g_strdup(g_get_host_name());
}

gboolean conditions_rollout(Conditions *conditions, RolloutChoice *choice, GError **error)
{
    g_autofree char *id = conditions_host_id(conditions->host_config);
    const RolloutFacts facts = {
        .host_id = id,
        .app = conditions->config->name,
        .group = conditions->config->policy.group,
        .released = conditions->released,
        .now_s = clock_now_s(),
    };
    return rollout_choose(conditions->manifest, &facts, &conditions_host, conditions, choice, error);
}

void conditions_object_to_rollout(Conditions *conditions, GPtrArray *not_now)
{
    g_auto(RolloutChoice) choice = {0};
    g_autoptr(GError) error = NULL;
    if (!conditions_rollout(conditions, &choice, &error)) {
        g_autofree char *why = fault_text(error);
        objection_add(not_now, FAULT_REQUIREMENT, by_operator(conditions), NULL,
                      "cannot tell whether the rollout of %s takes this host: %s", conditions->manifest->version, why);
    } else if (choice.state != ROLLOUT_OPEN)
        objection_add(not_now, FAULT_POLICY, by_operator(conditions), NULL, "%s", choice.text);
}
