/* SPDX-License-Identifier: Apache-2.0 */
/* What a switch asks of units: that the proxy's reads its configuration anew, that the app's stays with its release. */
#include <string.h>

#include "parts/service/systemd_bus.h"
#include "parts/service/systemd_units.h"

gboolean service_reload_unit(const Place *place, const char *unit, gint64 timeout_ms, GError **error)
{
    g_autofree char *name = service_unit_name(unit), *result = NULL;
    g_autoptr(Manager) manager = manager_connect(place, error);
    g_auto(UnitFacts) facts = {0};
    if (!manager || !manager_unit_facts(manager, name, &facts, error))
        return fault_prefix(error, "unit '%s'", name);
    if (!g_str_equal(facts.active_state, "active") && !g_str_equal(facts.active_state, "reloading"))
        return fault_set(error, FAULT_SYSTEM, "unit '%s' does not run: %s", name, facts.active_state);
    g_autoptr(GError) why = NULL;
    if (!manager_run_job(manager, "ReloadUnit", g_variant_new("(ss)", name, "replace"), name, timeout_ms, &result,
                         &why))
        return fault_set(error, FAULT_SYSTEM, "unit '%s' does not reload: %s", name, why->message);
    if (g_str_equal(result, "done"))
        return TRUE;
    fault_set(error, FAULT_SYSTEM, "unit '%s' does not reload: %s", name, result);
    return fault_hint(error, "its output: journalctl %s%s", manager->user ? "--user -u " : "-u ", name);
}

/* --- where an instance runs ----------------------------------------------------------------------------------- */

static gboolean is_below(const char *text, const char *directory)
{
    gsize length = strlen(directory);
    const char *path = *text == '!' || *text == '-' ? text + 1 : text;
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static gboolean commands_name(GVariant *unit, const char *property, const char *directory)
{
    g_autoptr(GVariant) commands = g_variant_lookup_value(unit, property, G_VARIANT_TYPE("a(sasasttttuii)"));
    for (gsize i = 0; commands && i < g_variant_n_children(commands); i++) {
        const char *path;
        g_auto(GStrv) argv = NULL;
        g_variant_get_child(commands, i, "(&s^asasttttuii)", &path, &argv, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                            NULL);
        if (is_below(path, directory))
            return TRUE;
        for (char **word = argv; *word; word++)
            if (is_below(*word, directory))
                return TRUE;
    }
    return FALSE;
}

gboolean service_check_instance(const PartContext *context, const Service *service, GError **error)
{
    g_autoptr(Manager) manager = manager_connect(context->place, error);
    g_autoptr(GVariant) unit = manager ? manager_unit_properties(manager, service->unit, error) : NULL;
    if (!unit)
        return fault_prefix(error, "unit '%s'", service->unit);
    const char *current = context->place->current;
    g_autofree char *directory = NULL;
    gboolean moves = (g_variant_lookup(unit, "WorkingDirectory", "s", &directory) && is_below(directory, current)) ||
                     commands_name(unit, "ExecStartEx", current);
    if (!moves)
        return TRUE;
    fault_set(error, FAULT_REQUIREMENT, "unit '%s' runs out of %s, which changes under it", service->template_,
              current);
    return fault_hint(error, "%s/%%I is the directory of its own release", context->place->releases);
}
