/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are units of systemd: started and stopped by its jobs, which are waited for, and believed only as far
 * as the unit's state and its cgroup say the same. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "parts/service/systemd_bus.h"
#include "parts/service/systemd_units.h"

#define END_TIMEOUT_MS (10 * 1000) /* for what even SIGKILL has to wait for */

static gboolean is(const char *text, const char *word)
{
    return g_str_equal(text, word);
}

static gboolean is_masked(const UnitFacts *facts)
{
    return is(facts->load_state, "masked") || g_str_has_prefix(facts->file_state, "masked");
}

static gboolean is_up(const UnitFacts *facts)
{
    return is(facts->active_state, "active") || is(facts->active_state, "reloading");
}

char *service_unit_name(const char *unit)
{
    static const char *const suffixes[] = {".service", ".socket", ".timer",     ".target", ".path",  ".mount",
                                           ".slice",   ".scope",  ".automount", ".swap",   ".device"};
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++)
        if (g_str_has_suffix(unit, suffixes[i]))
            return g_strdup(unit);
    return g_strconcat(unit, ".service", NULL);
}

/* Names go into paths of drop-ins and passes. */
gboolean service_check_unit_name(const char *unit, GError **error)
{
    gboolean good = *unit && *unit != '.' && *unit != '-' && strlen(unit) < 200;
    for (const char *at = unit; *at && good; at++)
        good = g_ascii_isalnum(*at) || strchr(":-_.@\\", *at) != NULL;
    return good || fault_set(error, FAULT_MANIFEST, "'%s' is no name of a unit", unit);
}

/* The unit's name, the manager and what it knows: where every call begins. */
typedef struct Unit {
    char *name;
    Manager *manager;
    UnitFacts facts;
} Unit;

static void unit_clear(Unit *unit)
{
    unit_facts_clear(&unit->facts);
    g_clear_pointer(&unit->manager, manager_free);
    g_clear_pointer(&unit->name, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Unit, unit_clear)

static gboolean unit_look(Unit *unit, GError **error)
{
    unit_facts_clear(&unit->facts);
    if (manager_unit_facts(unit->manager, unit->name, &unit->facts, error))
        return TRUE;
    return fault_prefix(error, "unit '%s'", unit->name);
}

static gboolean unit_open(const PartContext *context, const Service *service, Unit *unit, GError **error)
{
    unit->name = service_unit_name(service->unit);
    if (!service_check_unit_name(unit->name, error))
        return FALSE;
    unit->manager = manager_connect(context->place, error);
    if (unit->manager)
        return unit_look(unit, error);
    return fault_prefix(error, "unit '%s'", unit->name);
}

/* --- observe ---------------------------------------------------------------------------------------------------- */

/* "exit-code (status 3)", "signal (Segmentation fault)", "timeout" */
static char *describe_result(const UnitFacts *facts)
{
    if (facts->exec_code == CLD_EXITED && is(facts->result, "exit-code"))
        return g_strdup_printf("exit-code (status %d)", facts->exec_status);
    if (facts->exec_code == CLD_KILLED || facts->exec_code == CLD_DUMPED)
        return g_strdup_printf("%s (%s)", facts->result, strsignal(facts->exec_status));
    return g_strdup(facts->result);
}

static char *describe_state(const UnitFacts *facts)
{
    if (!is(facts->load_state, "loaded"))
        return g_strdup(facts->load_state);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s (%s)", facts->active_state, facts->sub_state);
    if (*facts->result && !is(facts->result, "success")) {
        g_autofree char *result = describe_result(facts);
        g_string_append_printf(text, ", %s", result);
    }
    if (facts->since_s > 0) {
        g_autofree char *since = clock_format(facts->since_s);
        g_string_append_printf(text, " since %s", since);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean socket_listens(Unit *unit)
{
    for (char **trigger = unit->facts.triggered_by; *trigger; trigger++) {
        g_auto(UnitFacts) facts = {0};
        if (g_str_has_suffix(*trigger, ".socket") && manager_unit_facts(unit->manager, *trigger, &facts, NULL) &&
            is_up(&facts))
            return TRUE;
    }
    return FALSE;
}

static gboolean is_at_rest(Unit *unit)
{
    const UnitFacts *facts = &unit->facts;
    return is_masked(facts) || (is(facts->load_state, "loaded") && is(facts->active_state, "inactive") &&
                                is(facts->result, "success") && facts->job == 0 && !socket_listens(unit));
}

static gboolean systemd_observe(const PartContext *context, const Service *service, ServiceState *state, GError **error)
{
    g_auto(Unit) unit = {0};
    if (!unit_open(context, service, &unit, error))
        return FALSE;
    const UnitFacts *facts = &unit.facts;
    *state = (ServiceState){
        .known = is(facts->load_state, "loaded") || is_masked(facts),
        .active = is_up(facts) || (is(facts->active_state, "inactive") && socket_listens(&unit)),
        .enabled = is(facts->file_state, "enabled") || is(facts->file_state, "enabled-runtime"),
        .masked = is_masked(facts),
        .at_rest = is_at_rest(&unit),
        .enablement = g_strdup(facts->file_state),
        .restarts = facts->restarts,
        .main_pid = (pid_t)facts->main_pid,
        .main_start = facts->main_pid ? process_start_time((pid_t)facts->main_pid) : 0,
        .description = describe_state(facts),
    };
    return TRUE;
}

/* --- start ------------------------------------------------------------------------------------------------------ */

static gboolean is_startable(const Unit *unit, GError **error)
{
    if (is_masked(&unit->facts))
        return fault_set(error, FAULT_START, "unit '%s' is masked", unit->name);
    if (!is(unit->facts.load_state, "loaded"))
        return fault_set(error, FAULT_START, "unit '%s' is not known to systemd: %s", unit->name,
                         unit->facts.load_state);
    return TRUE;
}

/* It is not there, and nothing failed. systemd forgets a unit that nobody refers to as soon as it is inactive, and then
 * whether its conditions were met. */
static gboolean judge_absence(const Unit *unit, GError **error)
{
    const UnitFacts *facts = &unit->facts;
    if (facts->condition_checked && !facts->condition_result)
        return fault_set(error, FAULT_START, "unit '%s' did not start: a condition of it is not met", unit->name);
    if (is(facts->type, "oneshot"))
        return TRUE;
    return fault_set(error, FAULT_START, "unit '%s' did not start: it %s", unit->name,
                     facts->condition_checked ? "ended at once" : "ended at once, or a condition of it is not met");
}

/* After the job: "done" is also what systemd says of a start that a condition stopped, or of a program that ended
 * since. */
static gboolean judge_start(const Unit *unit, const char *result, GError **error)
{
    const UnitFacts *facts = &unit->facts;
    if (is_up(facts))
        return TRUE;
    gboolean done = is(result, "done") || is(result, "unknown");
    if (done && is(facts->active_state, "inactive") && is(facts->result, "success"))
        return judge_absence(unit, error);
    g_autofree char *why = is(facts->result, "success") ? g_strdup(result) : describe_result(facts);
    fault_set(error, FAULT_START, "unit '%s' did not start: %s", unit->name, why);
    return fault_hint(error, "its output: journalctl %s%s", unit->manager->user ? "--user -u " : "-u ", unit->name);
}

/* A socket gives up on a service that ends at once too often, and then this one would start without it. */
static void mend_sockets(const Service *service, Unit *unit)
{
    for (char **trigger = unit->facts.triggered_by; *trigger; trigger++) {
        g_auto(UnitFacts) facts = {0};
        if (!g_str_has_suffix(*trigger, ".socket") || !manager_unit_facts(unit->manager, *trigger, &facts, NULL) ||
            !is(facts.active_state, "failed"))
            continue;
        manager_call(unit->manager, "ResetFailedUnit", g_variant_new("(s)", *trigger), "()", NULL, NULL);
        manager_run_job(unit->manager, "StartUnit", g_variant_new("(ss)", *trigger, "replace"), *trigger,
                        service_start_limit_ms(service), NULL, NULL);
    }
}

static void let_once(gpointer once)
{
    const char *path = once;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0)
        close(fd);
}

/* A release that ends at once would be started again and again by the connections that wait, until its socket gives up
 * and turns users away. So where starts wait, the pass is exchanged for one that the first of them uses up; and it is
 * given when ours is queued, so that ours is among those that it lets through. NULL: the pass stays as it is. */
static char *exchange_pass(const PartContext *context, const Service *service)
{
    g_autofree char *name = service_pass_name(service);
    g_autofree char *pass = g_build_filename(context->place->pass, name, NULL);
    if (!systemd_waits(context->place, service) || unlink(pass) != 0)
        return NULL;
    return g_strconcat(pass, WAIT_HOLD_ONCE, NULL);
}

static gboolean systemd_start(const PartContext *context, const Service *service, GError **error)
{
    g_auto(Unit) unit = {0};
    if (!service_check_hold(context->place, service, error))
        return FALSE;
    g_autofree char *once = exchange_pass(context, service); /* before anybody is asked anything, which takes time */
    if (!unit_open(context, service, &unit, error) || !is_startable(&unit, error))
        return FALSE;
    if (is_up(&unit.facts))
        return TRUE;
    /* Forgets failures, so that a limit on starts that the failed version used up does not stop the old one. */
    manager_call(unit.manager, "ResetFailedUnit", g_variant_new("(s)", unit.name), "()", NULL, NULL);
    mend_sockets(service, &unit);
    g_autofree char *result = NULL;
    gboolean ran =
        manager_run_job_with(unit.manager, "StartUnit", g_variant_new("(ss)", unit.name, "replace"), unit.name,
                             service_start_limit_ms(service), once ? let_once : NULL, once, &result, error);
    if (once)
        unlink(once);
    return ran && unit_look(&unit, error) && judge_start(&unit, result, error);
}

/* --- stop ------------------------------------------------------------------------------------------------------- */

static GPtrArray *find_in_groups(gpointer groups)
{
    g_autoptr(GArray) pids = groups_processes(groups);
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)process_info_free);
    for (guint i = 0; i < pids->len; i++) {
        pid_t pid = g_array_index(pids, pid_t, i);
        guint64 start_time = process_start_time(pid);
        if (pid == getpid() || start_time == 0)
            continue;
        ProcessInfo *info = g_new0(ProcessInfo, 1);
        info->pid = pid;
        info->start_time = start_time;
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
        if (g_file_get_contents(path, &info->name, NULL, NULL))
            g_strchomp(info->name);
        else
            info->name = g_strdup("?");
        g_ptr_array_add(found, info);
    }
    return found;
}

gboolean service_empty_groups(char **groups, gint64 grace_ms, gint64 timeout_ms, char **left)
{
    g_autoptr(GPtrArray) now = find_in_groups(groups);
    return now->len == 0 || process_end_all(find_in_groups, groups, grace_ms, timeout_ms, left);
}

/* A start that waits for the hold to go (see systemd_hold.c) is left to wait: it runs nothing of the app, and taking
 * its job away would lose the connection that a user has waiting in the socket. */
static gboolean waits_for_hold(const PartContext *context, const Service *service, const Unit *unit)
{
    g_autofree char *holder = service_held_by(context->place, service);
    return holder && unit->facts.job != 0 && !is_up(&unit->facts) && is(unit->facts.active_state, "inactive");
}

static gboolean stop_by_job(const Service *service, Unit *unit, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (manager_run_job(unit->manager, "StopUnit", g_variant_new("(ss)", unit->name, "replace"), unit->name,
                        service_stop_limit_ms(service), NULL, &why))
        return TRUE;
    /* The limit is over, or systemd refused: from here on nobody is asked. */
    manager_call(unit->manager, "KillUnit", g_variant_new("(ssi)", unit->name, "all", SIGKILL), "()", NULL, NULL);
    if (manager_run_job(unit->manager, "StopUnit", g_variant_new("(ss)", unit->name, "replace"), unit->name,
                        END_TIMEOUT_MS, NULL, NULL))
        return TRUE;
    g_autofree char *text = fault_text(why);
    return fault_set(error, FAULT_DRAIN, "unit '%s' does not stop: %s", unit->name, text);
}

static gboolean systemd_stop(const PartContext *context, const Service *service, GError **error)
{
    g_auto(Unit) unit = {0};
    if (!unit_open(context, service, &unit, error))
        return FALSE;
    g_auto(GStrv) groups = manager_unit_groups(unit.manager, unit.name, &unit.facts);
    gboolean at_rest =
        unit.facts.job == 0 && (is(unit.facts.active_state, "inactive") || is(unit.facts.active_state, "failed"));
    if (!at_rest && !waits_for_hold(context, service, &unit) && !stop_by_job(service, &unit, error))
        return FALSE;
    g_autofree char *left = NULL;
    if (!service_empty_groups(groups, 1000, END_TIMEOUT_MS, &left))
        return fault_set(error, FAULT_DRAIN, "unit '%s' does not end: process %s is left", unit.name, left);
    if (!unit_look(&unit, error))
        return FALSE;
    if (is_up(&unit.facts))
        return fault_set(error, FAULT_DRAIN, "unit '%s' is active again: something starts it", unit.name);
    return TRUE;
}

static GArray *systemd_processes(const PartContext *context, const Service *service)
{
    g_auto(Unit) unit = {0};
    if (!unit_open(context, service, &unit, NULL))
        return g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_auto(GStrv) groups = manager_unit_groups(unit.manager, unit.name, &unit.facts);
    return groups_processes((const char *const *)groups);
}

static gboolean systemd_stands(const PartContext *context, const Service *service, GError **error)
{
    g_autoptr(Manager) manager = manager_connect(context->place, error);
    return manager && manager_stands(manager, error);
}

const ServiceDriver service_systemd = {
    .name = "systemd",
    .summary = "units of systemd, asked over D-Bus",
    .observe = systemd_observe,
    .equip = systemd_equip,
    .retire = systemd_retire,
    .start = systemd_start,
    .stop = systemd_stop,
    .processes = systemd_processes,
    .stands = systemd_stands,
};
