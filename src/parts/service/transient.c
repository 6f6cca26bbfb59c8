/* SPDX-License-Identifier: Apache-2.0 */
/* Transient units: of jobs, and the scopes that services started by a job are moved to. */
#include "parts/service/transient.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parts/service/cgroup.h"
#include "parts/service/systemd_bus.h"
#include "parts/service/systemd_units.h"

#define START_TIMEOUT_MS (30 * 1000)
#define FORGET_TIMEOUT_MS (5 * 1000)

gboolean service_manager_available(const Place *place)
{
    g_autoptr(Manager) manager = manager_connect(place, NULL);
    return manager != NULL;
}

static void add_text(GVariantBuilder *properties, const char *name, const char *text)
{
    g_variant_builder_add(properties, "(sv)", name, g_variant_new_string(text));
}

static void add_command(GVariantBuilder *properties, const char *const *argv)
{
    GVariantBuilder commands;
    g_variant_builder_init(&commands, G_VARIANT_TYPE("a(sasb)"));
    g_variant_builder_add(&commands, "(s^asb)", argv[0], argv, FALSE);
    g_variant_builder_add(properties, "(sv)", "ExecStart", g_variant_builder_end(&commands));
}

static void add_environment(GVariantBuilder *properties, const char *const *environment)
{
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();
    const char *root = g_getenv("LIFTLOCK_ROOT");
    if (root) {
        g_autofree char *entry = g_strconcat("LIFTLOCK_ROOT=", root, NULL);
        g_strv_builder_add(all, entry);
    }
    for (; environment && *environment; environment++)
        if (!root || !g_str_has_prefix(*environment, "LIFTLOCK_ROOT="))
            g_strv_builder_add(all, *environment);
    g_auto(GStrv) entries = g_strv_builder_end(all);
    g_variant_builder_add(properties, "(sv)", "Environment", g_variant_new_strv((const char *const *)entries, -1));
}

static GVariant *start_parameters(const char *unit, GVariantBuilder *properties)
{
    return g_variant_new("(ss@a(sv)@a(sa(sv)))", unit, "fail", g_variant_builder_end(properties),
                         g_variant_new_array(G_VARIANT_TYPE("(sa(sv))"), NULL, 0));
}

static GVariant *job_properties(const Manager *manager, const TransientUnit *unit)
{
    GVariantBuilder properties;
    g_variant_builder_init(&properties, G_VARIANT_TYPE("a(sv)"));
    add_text(&properties, "Description", unit->description ? unit->description : unit->name);
    add_text(&properties, "Type", "exec");
    add_text(&properties, "KillMode", "control-group");
    add_text(&properties, "CollectMode", "inactive-or-failed");
    add_text(&properties, "OOMPolicy", "continue"); /* a build that runs out of memory fails; the job goes on to undo */
    add_text(&properties, "StandardOutput", "null");
    add_text(&properties, "WorkingDirectory", unit->directory ? unit->directory : "/");
    if (!manager->user)
        add_text(&properties, "Slice", "system.slice");
    add_environment(&properties, unit->environment);
    add_command(&properties, unit->argv);
    return start_parameters(unit->name, &properties);
}

/* A unit whose processes were just ended is there until its manager has noticed, and forgets it. */
static gboolean name_is_free(Manager *manager, const char *name, GError **error)
{
    for (gint64 deadline_ms = clock_monotonic_ms() + FORGET_TIMEOUT_MS;; clock_sleep_ms(10)) {
        g_auto(UnitFacts) facts = {0};
        if (!manager_unit_facts(manager, name, &facts, error))
            return FALSE;
        if (!g_str_equal(facts.load_state, "loaded"))
            return TRUE;
        if (g_str_equal(facts.active_state, "active") || clock_monotonic_ms() >= deadline_ms)
            return fault_set(error, FAULT_BUSY, "unit '%s' exists already", name);
    }
}

gboolean service_start_transient(const Place *place, const TransientUnit *unit, GError **error)
{
    g_autoptr(Manager) manager = manager_connect(place, error);
    if (!manager || !service_check_unit_name(unit->name, error) || !name_is_free(manager, unit->name, error))
        return FALSE;
    g_autofree char *result = NULL;
    if (!manager_run_job(manager, "StartTransientUnit", job_properties(manager, unit), unit->name, START_TIMEOUT_MS,
                         &result, error))
        return fault_prefix(error, "unit '%s'", unit->name);
    if (!g_str_equal(result, "done") && !g_str_equal(result, "unknown"))
        return fault_set(error, FAULT_START, "unit '%s' did not start: %s", unit->name, result);
    return TRUE;
}

static GStrv groups_of(const Place *place, const char *unit)
{
    g_autoptr(Manager) manager = manager_connect(place, NULL);
    g_auto(UnitFacts) facts = {0};
    if (!manager || !manager_unit_facts(manager, unit, &facts, NULL))
        return g_new0(char *, 1);
    return manager_unit_groups(manager, unit, &facts);
}

GArray *service_unit_processes(const Place *place, const char *unit)
{
    g_auto(GStrv) groups = groups_of(place, unit);
    return groups_processes((const char *const *)groups);
}

gboolean service_kill_unit(const Place *place, const char *unit, gint64 timeout_ms, GError **error)
{
    g_auto(GStrv) groups = groups_of(place, unit);
    g_autofree char *left = NULL;
    if (service_empty_groups(groups, 0, timeout_ms, &left))
        return TRUE;
    return fault_set(error, FAULT_DRAIN, "unit '%s' does not end: process %s is left", unit, left);
}

/* --- scopes ----------------------------------------------------------------------------------------------------- */

gboolean service_needs_scope(void)
{
    g_autofree char *group = cgroup_own();
    return g_str_has_suffix(group, ".service");
}

gboolean service_scope_process(const Place *place, const Service *service, pid_t pid, GError **error)
{
    g_autoptr(Manager) manager = manager_connect(place, error);
    if (!manager)
        return fault_prefix(error, "service '%s'", service->name);
    g_autofree char *unit = g_strdup_printf("liftlock-%s-%s-%d.scope", place->app, service->name, (int)pid);
    g_autofree char *description = g_strdup_printf("liftlock: %s, service %s", place->app, service->name);
    guint32 pids[] = {(guint32)pid};
    GVariantBuilder properties;
    g_variant_builder_init(&properties, G_VARIANT_TYPE("a(sv)"));
    add_text(&properties, "Description", description);
    add_text(&properties, "CollectMode", "inactive-or-failed");
    g_variant_builder_add(&properties, "(sv)", "PIDs",
                          g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, pids, 1, sizeof pids[0]));
    g_autofree char *result = NULL;
    if (!manager_run_job(manager, "StartTransientUnit", start_parameters(unit, &properties), unit, START_TIMEOUT_MS,
                         &result, error))
        return fault_prefix(error, "service '%s'", service->name);
    if (!g_str_equal(result, "done"))
        return fault_set(error, FAULT_START, "service '%s': unit '%s' did not start: %s", service->name, unit, result);
    return TRUE;
}
