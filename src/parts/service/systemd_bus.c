/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, calls and jobs of a systemd manager. */
#include "parts/service/systemd_bus.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "parts/service/cgroup.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define CALL_TIMEOUT_MS (30 * 1000)
#define RELOOK_MS 500 /* how often a job is looked for in case its signal was lost */

/* --- connecting ------------------------------------------------------------------------------------------------ */

char *manager_host_root(const Place *place)
{
    g_autofree char *tail = g_strdup_printf("/etc/liftlock/apps/%s.toml", place->app);
    if (!g_str_has_suffix(place->config, tail))
        return g_strdup("");
    return g_strndup(place->config, strlen(place->config) - strlen(tail));
}

static char *user_private_socket(void)
{
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    return runtime && g_path_is_absolute(runtime) ? g_build_filename(runtime, "systemd", "private", NULL) : NULL;
}

gboolean manager_is_user(const Place *place)
{
    if (geteuid() != 0)
        return TRUE;
    /* A root job reads nothing from its caller's environment, but with LIFTLOCK_ROOT it is the caller's own doing. */
    g_autofree char *host_root = manager_host_root(place), *socket = user_private_socket();
    return host_root[0] && socket && g_file_test(socket, G_FILE_TEST_EXISTS);
}

/* systemd reads what comes right behind the end of authentication (GDBus does not wait there) and then forgets about it
 * until more arrives. Pings are sent until one is answered: from then on both are in step. */
static gboolean fall_into_step(GDBusConnection *connection, GError **error)
{
    for (int limit_ms = 1;; limit_ms *= 2) {
        g_autoptr(GError) why = NULL;
        g_autoptr(GVariant) answer =
            g_dbus_connection_call_sync(connection, NULL, "/", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                                        G_DBUS_CALL_FLAGS_NONE, limit_ms, NULL, &why);
        if (answer)
            return TRUE;
        if (!g_error_matches(why, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) || limit_ms > CALL_TIMEOUT_MS) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

static GDBusConnection *connect_private(const char *socket, GError **error)
{
    g_autofree char *escaped = g_dbus_address_escape_value(socket);
    g_autofree char *address = g_strconcat("unix:path=", escaped, NULL);
    g_autoptr(GDBusConnection) connection = g_dbus_connection_new_for_address_sync(
        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, error);
    return connection && fall_into_step(connection, error) ? g_steal_pointer(&connection) : NULL;
}

static GDBusConnection *connect_bus(gboolean user, GError **error)
{
    g_autofree char *address = NULL;
    if (!user) { /* not from the environment */
        address = g_strdup("unix:path=/run/dbus/system_bus_socket");
    } else if (!(address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SESSION, NULL, error))) {
        return NULL;
    }
    return g_dbus_connection_new_for_address_sync(
        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        NULL, error);
}

/* Without a socket there is no manager: GDBus would start a bus of its own (autolaunch) if asked. */
static gboolean bus_exists(gboolean user)
{
    if (!user)
        return g_file_test("/run/dbus/system_bus_socket", G_FILE_TEST_EXISTS);
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    g_autofree char *socket = runtime ? g_build_filename(runtime, "bus", NULL) : NULL;
    return g_getenv("DBUS_SESSION_BUS_ADDRESS") || (socket && g_file_test(socket, G_FILE_TEST_EXISTS));
}

static gboolean manager_open(Manager *manager, GError **error)
{
    g_autofree char *socket = manager->user ? user_private_socket() : g_strdup("/run/systemd/private");
    g_autoptr(GError) why = NULL;
    manager->destination = NULL;
    if (socket && g_file_test(socket, G_FILE_TEST_EXISTS) && (manager->connection = connect_private(socket, &why)))
        return TRUE;
    g_clear_error(&why);
    if (!bus_exists(manager->user))
        return fault_set(error, FAULT_REQUIREMENT, "systemd does not answer: no manager of %s runs here",
                         manager->user ? "this user" : "the system");
    manager->connection = connect_bus(manager->user, &why);
    manager->destination = SYSTEMD_NAME;
    if (!manager->connection)
        return fault_set(error, FAULT_REQUIREMENT, "systemd does not answer: %s", why->message);
    return manager_call(manager, "Subscribe", NULL, "()", NULL, error);
}

Manager *manager_connect(const Place *place, GError **error)
{
    g_autoptr(Manager) manager = g_new0(Manager, 1);
    manager->user = manager_is_user(place);
    manager->loop = g_main_context_new();
    return manager_open(manager, error) ? g_steal_pointer(&manager) : NULL;
}

static void manager_close(Manager *manager)
{
    if (!manager->connection)
        return;
    g_dbus_connection_close_sync(manager->connection, NULL, NULL);
    g_clear_object(&manager->connection);
}

void manager_free(Manager *manager)
{
    manager_close(manager);
    g_main_context_unref(manager->loop);
    g_free(manager);
}

/* --- calling ---------------------------------------------------------------------------------------------------- */

/* The manager's own no is about the unit. That it cannot be reached, or does not answer, is about the host. */
static enum fault_code judge_call(const GError *why)
{
    static const GDBusError nobody[] = {
        G_DBUS_ERROR_NO_REPLY,        G_DBUS_ERROR_DISCONNECTED,    G_DBUS_ERROR_TIMEOUT,
        G_DBUS_ERROR_TIMED_OUT,       G_DBUS_ERROR_NO_SERVER,       G_DBUS_ERROR_NO_MEMORY,
        G_DBUS_ERROR_LIMITS_EXCEEDED, G_DBUS_ERROR_SERVICE_UNKNOWN, G_DBUS_ERROR_NAME_HAS_NO_OWNER};
    for (gsize i = 0; i < G_N_ELEMENTS(nobody); i++)
        if (g_error_matches(why, G_DBUS_ERROR, nobody[i]))
            return FAULT_SYSTEM;
    return g_dbus_error_is_remote_error(why) ? FAULT_START : FAULT_SYSTEM;
}

static gboolean bus_call(Manager *manager, const char *path, const char *interface, const char *method,
                         GVariant *parameters, const char *reply_type, GVariant **reply, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GVariant) answer =
        g_dbus_connection_call_sync(manager->connection, manager->destination, path, interface, method, parameters,
                                    G_VARIANT_TYPE(reply_type), G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, &why);
    if (!answer) {
        enum fault_code code = judge_call(why);
        g_dbus_error_strip_remote_error(why);
        return fault_set(error, code, "systemd: %s", why->message);
    }
    if (reply)
        *reply = g_steal_pointer(&answer);
    return TRUE;
}

gboolean manager_call(Manager *manager, const char *method, GVariant *parameters, const char *reply_type,
                      GVariant **reply, GError **error)
{
    return bus_call(manager, SYSTEMD_PATH, MANAGER_INTERFACE, method, parameters, reply_type, reply, error);
}

static GVariant *property(Manager *manager, const char *path, const char *interface, const char *name, GError **error)
{
    g_autoptr(GVariant) reply = NULL;
    if (!bus_call(manager, path, "org.freedesktop.DBus.Properties", "Get", g_variant_new("(ss)", interface, name),
                  "(v)", &reply, error))
        return NULL;
    GVariant *value;
    g_variant_get(reply, "(v)", &value);
    return value;
}

gboolean manager_stands(Manager *manager, GError **error)
{
    g_autoptr(GVariant) value = property(manager, SYSTEMD_PATH, MANAGER_INTERFACE, "SystemState", error);
    if (!value)
        return FALSE;
    gboolean ends = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
                    g_str_equal(g_variant_get_string(value, NULL), "stopping");
    return !ends ||
           fault_set(error, FAULT_SYSTEM,
                     manager->user ? "this user's services are being shut down" : "this host is being shut down");
}

/* --- jobs ------------------------------------------------------------------------------------------------------- */

typedef struct Ended {
    GHashTable *results; /* job path -> result, of all jobs that ended while we look */
} Ended;

static void on_job_removed(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                           const char *signal, GVariant *parameters, gpointer data)
{
    Ended *ended = data;
    const char *job, *unit, *result;
    guint32 id;
    if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(uoss)")))
        return;
    g_variant_get(parameters, "(u&o&s&s)", &id, &job, &unit, &result);
    g_hash_table_insert(ended->results, g_strdup(job), g_strdup(result));
}

/* A manager that is re-executed drops its private connections. */
static gboolean manager_reopen(Manager *manager)
{
    if (!g_dbus_connection_is_closed(manager->connection))
        return TRUE;
    manager_close(manager);
    return manager_open(manager, NULL);
}

static gboolean job_is_pending(Manager *manager, const char *job)
{
    g_autoptr(GVariant) state = property(manager, job, "org.freedesktop.systemd1.Job", "State", NULL);
    return state != NULL;
}

static gboolean on_tick(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_CONTINUE;
}

static GSource *tick_every(GMainContext *loop, guint interval_ms, gboolean *ticked)
{
    GSource *source = g_timeout_source_new(interval_ms);
    g_source_set_callback(source, on_tick, ticked, NULL);
    g_source_attach(source, loop);
    return source;
}

/* The result of a job, or NULL at the deadline. */
static char *job_wait(Manager *manager, Ended *ended, const char *job, gint64 timeout_ms)
{
    gint64 deadline_ms = clock_monotonic_ms() + timeout_ms;
    gboolean ticked = FALSE;
    GSource *tick = tick_every(manager->loop, (guint)CLAMP(timeout_ms, 1, RELOOK_MS), &ticked);
    char *result = NULL;
    while (!result && clock_monotonic_ms() < deadline_ms) {
        g_main_context_iteration(manager->loop, TRUE);
        result = g_strdup(g_hash_table_lookup(ended->results, job));
        if (result || !ticked)
            continue;
        ticked = FALSE;
        if (manager_reopen(manager) && !job_is_pending(manager, job)) {
            while (g_main_context_iteration(manager->loop, FALSE)) /* the signal may have come just now */
                ;
            const char *known = g_hash_table_lookup(ended->results, job);
            result = g_strdup(known ? known : "unknown");
        }
    }
    g_source_destroy(tick);
    g_source_unref(tick);
    return result;
}

gboolean manager_run_job(Manager *manager, const char *method, GVariant *parameters, const char *unit,
                         gint64 timeout_ms, char **result, GError **error)
{
    return manager_run_job_with(manager, method, parameters, unit, timeout_ms, NULL, NULL, result, error);
}

gboolean manager_run_job_with(Manager *manager, const char *method, GVariant *parameters, const char *unit,
                              gint64 timeout_ms, void (*queued)(gpointer), gpointer data, char **result, GError **error)
{
    g_autoptr(GHashTable) results = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Ended ended = {results};
    g_autoptr(GDBusConnection) connection = g_object_ref(manager->connection);
    g_main_context_push_thread_default(manager->loop);
    guint subscription =
        g_dbus_connection_signal_subscribe(connection, manager->destination, MANAGER_INTERFACE, "JobRemoved",
                                           SYSTEMD_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, &ended, NULL);
    g_autoptr(GVariant) reply = NULL;
    g_autofree char *word = NULL;
    gboolean called = manager_call(manager, method, parameters, "(o)", &reply, error);
    if (called) {
        const char *job;
        g_variant_get(reply, "(&o)", &job);
        if (queued)
            queued(data);
        word = job_wait(manager, &ended, job, timeout_ms);
        if (!word)
            fault_set(error, FAULT_START, "unit '%s': no end of its job after %" G_GINT64_FORMAT " s", unit,
                      timeout_ms / 1000);
    }
    g_dbus_connection_signal_unsubscribe(connection, subscription);
    while (
        g_main_context_iteration(manager->loop, FALSE)) /* what unsubscribing left to be freed, while `ended` lives */
        ;
    g_main_context_pop_thread_default(manager->loop);
    if (!word)
        return FALSE;
    if (result)
        *result = g_steal_pointer(&word);
    return TRUE;
}

/* --- units ------------------------------------------------------------------------------------------------------ */

static char *unit_path(Manager *manager, const char *unit, GError **error)
{
    g_autoptr(GVariant) reply = NULL;
    if (!manager_call(manager, "LoadUnit", g_variant_new("(s)", unit), "(o)", &reply, error))
        return NULL;
    char *path;
    g_variant_get(reply, "(o)", &path);
    return path;
}

static GVariant *properties(Manager *manager, const char *path, const char *interface, GError **error)
{
    g_autoptr(GVariant) reply = NULL;
    if (!bus_call(manager, path, "org.freedesktop.DBus.Properties", "GetAll", g_variant_new("(s)", interface),
                  "(a{sv})", &reply, error))
        return NULL;
    return g_variant_get_child_value(reply, 0);
}

static char *take_text(GVariant *all, const char *name)
{
    char *text = NULL;
    return g_variant_lookup(all, name, "s", &text) ? text : g_strdup("");
}

/* Conditions that need only one of their kind to hold ("|") would let a start through beside ours. */
static gboolean has_foreign_triggers(GVariant *all)
{
    g_autoptr(GVariant) conditions = g_variant_lookup_value(all, "Conditions", G_VARIANT_TYPE("a(sbbsi)"));
    if (!conditions)
        return FALSE;
    GVariantIter iter;
    const char *type, *parameter;
    gboolean trigger, negate;
    gint32 state;
    g_variant_iter_init(&iter, conditions);
    while (g_variant_iter_next(&iter, "(&sbb&si)", &type, &trigger, &negate, &parameter, &state))
        if (trigger && !strstr(parameter, "/liftlock/"))
            return TRUE;
    return FALSE;
}

static void read_unit(GVariant *all, UnitFacts *facts)
{
    facts->load_state = take_text(all, "LoadState");
    facts->active_state = take_text(all, "ActiveState");
    facts->sub_state = take_text(all, "SubState");
    facts->file_state = take_text(all, "UnitFileState");
    if (!g_variant_lookup(all, "TriggeredBy", "^as", &facts->triggered_by))
        facts->triggered_by = g_new0(char *, 1);
    g_variant_lookup(all, "ConditionResult", "b", &facts->condition_result);
    guint64 checked_us = 0;
    facts->condition_checked = g_variant_lookup(all, "ConditionTimestamp", "t", &checked_us) && checked_us > 0;
    g_variant_lookup(all, "Job", "(uo)", &facts->job, NULL);
    guint64 since_us = 0;
    if (g_variant_lookup(all, "StateChangeTimestamp", "t", &since_us))
        facts->since_s = (gint64)(since_us / G_USEC_PER_SEC);
    facts->foreign_triggers = has_foreign_triggers(all);
}

static void read_service(GVariant *all, UnitFacts *facts)
{
    facts->result = take_text(all, "Result");
    facts->control_group = take_text(all, "ControlGroup");
    facts->slice = take_text(all, "Slice");
    facts->type = take_text(all, "Type");
    g_variant_lookup(all, "NRestarts", "u", &facts->restarts);
    g_variant_lookup(all, "MainPID", "u", &facts->main_pid);
    g_variant_lookup(all, "ExecMainStatus", "i", &facts->exec_status);
    g_variant_lookup(all, "ExecMainCode", "i", &facts->exec_code);
}

/* The interface of a unit's type: "web.service" -> "org.freedesktop.systemd1.Service". */
static char *type_interface(const char *unit)
{
    const char *suffix = strrchr(unit, '.');
    g_autofree char *type = g_strdup(suffix ? suffix + 1 : "service");
    type[0] = g_ascii_toupper(type[0]);
    return g_strconcat(SYSTEMD_NAME ".", type, NULL);
}

GVariant *manager_unit_properties(Manager *manager, const char *unit, GError **error)
{
    g_autofree char *path = unit_path(manager, unit, error);
    g_autofree char *interface = type_interface(unit);
    return path ? properties(manager, path, interface, error) : NULL;
}

gboolean manager_unit_facts(Manager *manager, const char *unit, UnitFacts *facts, GError **error)
{
    g_autofree char *path = unit_path(manager, unit, error);
    if (!path)
        return FALSE;
    g_autofree char *interface = type_interface(unit);
    g_autoptr(GVariant) general = properties(manager, path, UNIT_INTERFACE, error);
    g_autoptr(GVariant) own = general ? properties(manager, path, interface, error) : NULL;
    if (!own)
        return FALSE;
    *facts = (UnitFacts){0};
    read_unit(general, facts);
    read_service(own, facts);
    return TRUE;
}

void unit_facts_clear(UnitFacts *facts)
{
    char *texts[] = {facts->load_state, facts->active_state,  facts->sub_state, facts->file_state,
                     facts->result,     facts->control_group, facts->slice,     facts->type};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(facts->triggered_by);
    *facts = (UnitFacts){0};
}

GStrv manager_unit_groups(Manager *manager, const char *unit, const UnitFacts *facts)
{
    g_autoptr(GStrvBuilder) groups = g_strv_builder_new();
    if (*facts->control_group)
        g_strv_builder_add(groups, facts->control_group);
    g_auto(UnitFacts) slice = {0};
    if (*facts->slice && manager_unit_facts(manager, facts->slice, &slice, NULL) && *slice.control_group) {
        g_autofree char *group = g_strconcat(slice.control_group, "/", unit, NULL);
        if (!g_str_equal(group, facts->control_group))
            g_strv_builder_add(groups, group);
    }
    return g_strv_builder_end(groups);
}

GArray *groups_processes(const char *const *groups)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    for (; groups && *groups; groups++)
        cgroup_add_processes(*groups, pids);
    return pids;
}
