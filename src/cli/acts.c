/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/acts.h"

#include "base/fault.h"

#include <string.h>

const Act *act_find(const Verb *verb, const char *name)
{
    for (const Act *act = verb->acts; act && act->name; act++)
        if (strcmp(act->name, name) == 0)
            return act;
    return NULL;
}

char *act_usage(const Verb *verb)
{
    if (!verb->acts)
        return g_strdup(verb->arguments);
    g_autoptr(GString) names = g_string_new(NULL);
    for (const Act *act = verb->acts; act->name; act++)
        g_string_append_printf(names, "%s%s", names->len ? "|" : "", act->name);
    return g_strdup_printf(verb->min_arguments == 0 ? "[%s ...]" : "%s ...", names->str);
}

gboolean act_choose(Call *call, GError **error)
{
    const Verb *verb = call->verb;
    if (!verb->acts || call->arguments->len == 0)
        return TRUE;
    const char *name = call->arguments->pdata[0];
    call->act = act_find(verb, name);
    if (call->act)
        return TRUE;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const Act *act = verb->acts; act->name; act++)
        g_ptr_array_add(names, (gpointer)act->name);
    g_ptr_array_add(names, NULL);
    const char *nearest = schema_nearest(name, (const char *const *)names->pdata);
    g_autofree char *usage = act_usage(verb);
    fault_set(error, FAULT_USAGE, nearest ? "%s: there is no '%s'; did you mean '%s'?" : "%s: there is no '%s'",
              verb->name, name, nearest);
    return fault_hint(error, "usage: liftlock %s %s", verb->name, usage);
}
