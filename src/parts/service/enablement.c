/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a unit starts at boot, put back to what it was. */
#include <string.h>

#include "parts/service/systemd_bus.h"
#include "parts/service/systemd_units.h"

typedef struct Way {
    const char *enablement; /* what is wanted */
    const char *method;     /* what brings it about; NULL: the unit file itself decides */
    gboolean runtime;       /* until the next boot only */
} Way;

static const Way ways[] = {
    {"enabled", "EnableUnitFiles", FALSE},     {"enabled-runtime", "EnableUnitFiles", TRUE},
    {"disabled", "DisableUnitFiles", FALSE},   {"masked", "MaskUnitFiles", FALSE},
    {"masked-runtime", "MaskUnitFiles", TRUE},
};

static GVariant *parameters_of(const char *method, const char *unit, gboolean runtime)
{
    const char *const units[] = {unit, NULL};
    gboolean forces = g_str_equal(method, "EnableUnitFiles") || g_str_equal(method, "MaskUnitFiles");
    return forces ? g_variant_new("(^asbb)", units, runtime, TRUE) : g_variant_new("(^asb)", units, runtime);
}

static gboolean change(Manager *manager, const char *method, const char *unit, gboolean runtime, GError **error)
{
    const char *reply_type = g_str_equal(method, "EnableUnitFiles") ? "(ba(sss))" : "(a(sss))";
    return manager_call(manager, method, parameters_of(method, unit, runtime), reply_type, NULL, error);
}

/* What stands in the way of every other word: masks and links for this boot only. */
static gboolean clear_away(Manager *manager, const char *unit, const char *now, GError **error)
{
    if (g_str_has_prefix(now, "masked"))
        return change(manager, "UnmaskUnitFiles", unit, g_str_has_suffix(now, "-runtime"), error);
    if (g_str_equal(now, "enabled-runtime"))
        return change(manager, "DisableUnitFiles", unit, TRUE, error);
    return TRUE;
}

static gboolean restore(Manager *manager, const char *unit, const char *enablement, GError **error)
{
    g_auto(UnitFacts) facts = {0};
    if (!manager_unit_facts(manager, unit, &facts, error))
        return FALSE;
    if (!*enablement || g_str_equal(facts.file_state, enablement))
        return TRUE;
    if (!clear_away(manager, unit, facts.file_state, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++)
        if (g_str_equal(ways[i].enablement, enablement) &&
            !change(manager, ways[i].method, unit, ways[i].runtime, error))
            return FALSE;
    return manager_call(manager, "Reload", NULL, "()", NULL, error);
}

gboolean service_restore_enablement(const PartContext *context, const Service *service, const char *enablement,
                                    GError **error)
{
    if (!service->unit)
        return TRUE;
    g_autofree char *unit = service_unit_name(service->unit);
    if (!service_check_unit_name(unit, error))
        return FALSE;
    g_autoptr(Manager) manager = manager_connect(context->place, error);
    if (manager && restore(manager, unit, enablement ? enablement : "", error))
        return TRUE;
    return fault_prefix(error, "unit '%s'", unit);
}
