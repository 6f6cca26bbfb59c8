/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/service/timer.h"

#include <string.h>

#include "base/fault.h"
#include "base/fs.h"
#include "parts/service/systemd_bus.h"
#include "parts/service/unit_file.h"

#define START_TIMEOUT_MS (30 * 1000)

static const char header[] = "# Written by liftlock; 'liftlock auto' writes it again and takes it away.\n";

/* Only what the verb itself does: the job that it starts is a unit of its own, with the rights that a job needs. It
 * drops rights for its children (setuid, chown), looks at the app's processes (ptrace) and may end what it started. The
 * release's own checks and the operator's commands that tell of a failure run in here too, and must find what they find
 * elsewhere: so the same /tmp, places to write to outside the system's own, and no ban on generated code.
 * RestrictSUIDSGID= would take openat2(2) away, PrivateDevices= the TPM, which systemd-creds(1) asks for a credential
 * that is bound to it. */
static const char hardening[] =
    "NoNewPrivileges=yes\n"
    "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID "
    "CAP_SYS_PTRACE\n"
    "ProtectSystem=full\n"
    "ProtectHome=read-only\n"
    "DevicePolicy=closed\n"
    "DeviceAllow=/dev/tpmrm0 rw\n"
    "ProtectClock=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectHostname=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectKernelModules=yes\n"
    "ProtectKernelTunables=yes\n"
    "LockPersonality=yes\n"
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
    "RestrictNamespaces=yes\n"
    "RestrictRealtime=yes\n"
    "SystemCallArchitectures=native\n"
    "SystemCallFilter=~@clock @cpu-emulation @module @mount @obsolete @raw-io @reboot @swap\n"
    "SystemCallErrorNumber=EPERM\n"
    "UMask=0022\n";

/* --- the files --- */

static char *command_text(const TimerOrder *order, GError **error)
{
    g_autofree char *program = unit_program(), *quoted = NULL;
    if (!program) {
        fault_set(error, FAULT_SYSTEM, "cannot find the liftlock program itself");
        return NULL;
    }
    if (!unit_quote(program, TRUE, &quoted, error))
        return NULL;
    g_autofree char *words = g_strjoinv(" ", (char **)order->arguments);
    return g_strconcat(quoted, " ", words, NULL);
}

/* "ReadWritePaths="-/a" "-/b c"" */
static char *writable_text(const TimerOrder *order, GError **error)
{
    g_autoptr(GString) text = g_string_new("ReadWritePaths=");
    for (const char *const *path = order->writable; path && *path; path++) {
        g_autofree char *quoted = NULL;
        if (!unit_quote(*path, FALSE, &quoted, error))
            return NULL;
        g_string_append_printf(text, "%s\"-%s\"", path == order->writable ? "" : " ", quoted);
    }
    g_string_append_c(text, '\n');
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *service_text(const Place *place, const TimerOrder *order, GError **error)
{
    g_autofree char *command = command_text(order, error), *root = NULL;
    g_autofree char *writable = command ? writable_text(order, error) : NULL;
    if (!writable || (order->host_root && !unit_quote(order->host_root, FALSE, &root, error)))
        return NULL;
    gboolean system = !manager_is_user(place);
    /* What is caught up at boot begins when the app has: it is found as it is to be again. */
    g_autofree char *environment = root ? g_strdup_printf("Environment=\"LIFTLOCK_ROOT=%s\"\n", root) : g_strdup("");
    return g_strdup_printf(
        "%s[Unit]\nDescription=%s\n%s"
        "[Service]\nType=oneshot\nExecStart=%s\n%sTimeoutStartSec=infinity\nStandardInput=null\n%s%s",
        header, order->description,
        system ? "Wants=network-online.target\n"
                 "After=network-online.target time-sync.target multi-user.target\n"
               : "",
        command, environment, system ? hardening : "NoNewPrivileges=yes\n", system ? writable : "");
}

static char *timer_text(const TimerOrder *order)
{
    return g_strdup_printf("%s[Unit]\nDescription=%s\n[Timer]\nOnCalendar=%s\nPersistent=true\nAccuracySec=1s\n"
                           "RandomizedDelaySec=%" G_GINT64_FORMAT "\n[Install]\nWantedBy=timers.target\n",
                           header, order->description, order->calendar, order->delay_ms / 1000);
}

typedef struct Pair {
    char *service, *timer; /* names */
    int dirfd;             /* -1: there is no such directory */
    char *directory;
} Pair;

static void pair_clear(Pair *pair)
{
    g_free(pair->service);
    g_free(pair->timer);
    g_free(pair->directory);
    fs_fd_clear(&pair->dirfd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

static Pair pair_of(const Place *place, const char *name)
{
    Pair pair = {g_strconcat(name, ".service", NULL), g_strconcat(name, ".timer", NULL), -1, unit_directory(place)};
    if (g_file_test(pair.directory, G_FILE_TEST_IS_DIR))
        pair.dirfd = fs_open_dir(pair.directory, NULL);
    return pair;
}

/* Whether a file is there and not ours. */
static gboolean is_foreign(const Pair *pair, const char *name)
{
    if (pair->dirfd < 0 || !fs_exists(pair->dirfd, name))
        return FALSE;
    g_autofree char *text = fs_read(pair->dirfd, name, 64 * 1024, NULL, NULL);
    return !text || !g_str_has_prefix(text, header);
}

static gboolean check_ours(const Pair *pair, GError **error)
{
    const char *const names[] = {pair->service, pair->timer};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (is_foreign(pair, names[i])) {
            fault_set(error, FAULT_STATE, "'%s/%s' was not written by liftlock", pair->directory, names[i]);
            return fault_hint(error, "move it away, then try again");
        }
    return TRUE;
}

static gboolean write_pair(const Place *place, Pair *pair, const TimerOrder *order, GError **error)
{
    g_autofree char *service = service_text(place, order, error), *timer = timer_text(order);
    gboolean changed = FALSE;
    if (!service || !fs_make_path(pair->directory, 0755, error))
        return FALSE;
    fs_fd_clear(&pair->dirfd);
    pair->dirfd = fs_open_dir(pair->directory, error);
    return pair->dirfd >= 0 && unit_file_bring(pair->dirfd, pair->service, service, &changed, error) &&
           unit_file_bring(pair->dirfd, pair->timer, timer, &changed, error);
}

static gboolean remove_pair(Pair *pair, gboolean *had, GError **error)
{
    return pair->dirfd < 0 || (unit_file_bring(pair->dirfd, pair->timer, NULL, had, error) &&
                               unit_file_bring(pair->dirfd, pair->service, NULL, had, error));
}

/* --- systemd --- */

static gboolean reload(Manager *manager, GError **error)
{
    return manager_call(manager, "Reload", NULL, "()", NULL, error);
}

static gboolean enable(Manager *manager, const char *timer, gboolean on, GError **error)
{
    const char *const units[] = {timer, NULL};
    return on ? manager_call(manager, "EnableUnitFiles", g_variant_new("(^asbb)", units, FALSE, TRUE), "(ba(sss))",
                             NULL, error)
              : manager_call(manager, "DisableUnitFiles", g_variant_new("(^asb)", units, FALSE), "(a(sss))", NULL,
                             error);
}

static gboolean run(Manager *manager, const char *method, const char *timer, GError **error)
{
    g_autofree char *result = NULL;
    if (!manager_run_job(manager, method, g_variant_new("(ss)", timer, "replace"), timer, START_TIMEOUT_MS, &result,
                         error))
        return FALSE;
    return g_str_equal(result, "done") || fault_set(error, FAULT_START, "unit '%s' did not %s: %s", timer,
                                                    g_str_equal(method, "StopUnit") ? "stop" : "start", result);
}

/* systemd only warns of a time that it does not understand, and a timer without any is refused when it is loaded. */
static gboolean check_loaded(Manager *manager, const Pair *pair, const TimerOrder *order, GError **error)
{
    g_auto(UnitFacts) facts = {0};
    if (!manager_unit_facts(manager, pair->timer, &facts, error))
        return FALSE;
    if (g_str_equal(facts.load_state, "bad-setting")) {
        fault_set(error, FAULT_CONFIG, "systemd does not understand the calendar '%s'", order->calendar);
        return fault_hint(error, "'systemd-analyze calendar' says what it takes; the key is [auto] calendar");
    }
    return g_str_equal(facts.load_state, "loaded") ||
           fault_set(error, FAULT_START, "unit '%s' is %s", pair->timer, facts.load_state);
}

static gboolean bring_up(Manager *manager, const Pair *pair, const TimerOrder *order, GError **error)
{
    return reload(manager, error) && check_loaded(manager, pair, order, error) &&
           enable(manager, pair->timer, TRUE, error) && reload(manager, error) &&
           run(manager, "RestartUnit", pair->timer, error);
}

gboolean service_timer_on(const Place *place, const TimerOrder *order, GError **error)
{
    g_autoptr(Manager) manager = manager_connect(place, error);
    g_auto(Pair) pair = pair_of(place, order->name);
    if (!manager || !check_ours(&pair, error))
        return FALSE;
    if (write_pair(place, &pair, order, error) && bring_up(manager, &pair, order, error))
        return TRUE;
    /* The first fault is the one that helps. */
    gboolean had;
    enable(manager, pair.timer, FALSE, NULL);
    remove_pair(&pair, &had, NULL);
    reload(manager, NULL);
    return FALSE;
}

/* What a timer remembers of its last time would make it catch up at once when it is switched on again next year. */
static void forget_stamp(Manager *manager, const char *timer)
{
    static const char *const what[] = {"state", NULL};
    manager_call(manager, "CleanUnit", g_variant_new("(s^as)", timer, what), "()", NULL, NULL);
}

gboolean service_timer_off(const Place *place, const char *name, gboolean *had, GError **error)
{
    g_autoptr(Manager) manager = manager_connect(place, NULL);
    g_auto(Pair) pair = pair_of(place, name);
    *had = FALSE;
    if (!check_ours(&pair, error))
        return FALSE;
    g_auto(UnitFacts) facts = {0};
    if (manager && manager_unit_facts(manager, pair.timer, &facts, NULL) &&
        !g_str_equal(facts.load_state, "not-found")) {
        *had = TRUE;
        gboolean active = !g_str_equal(facts.active_state, "inactive") && !g_str_equal(facts.active_state, "failed");
        if (!enable(manager, pair.timer, FALSE, error) || (active && !run(manager, "StopUnit", pair.timer, error)))
            return FALSE;
        forget_stamp(manager, pair.timer);
    }
    return remove_pair(&pair, had, error) && (!manager || reload(manager, error));
}

/* --- looking --- */

static gint64 time_of(GVariant *properties, const char *name)
{
    guint64 time_us = 0;
    g_variant_lookup(properties, name, "t", &time_us);
    return time_us == G_MAXUINT64 ? 0 : (gint64)(time_us / G_USEC_PER_SEC);
}

static gboolean file_says(const Pair *pair, const char *name, const char *text)
{
    g_autofree char *now = pair->dirfd >= 0 ? fs_read(pair->dirfd, name, 64 * 1024, NULL, NULL) : NULL;
    return text && g_strcmp0(now, text) == 0;
}

static void look_at_units(Manager *manager, const Pair *pair, TimerState *state)
{
    g_auto(UnitFacts) timer = {0}, service = {0};
    if (!manager_unit_facts(manager, pair->timer, &timer, NULL) || g_str_equal(timer.load_state, "not-found"))
        return;
    state->enabled = g_str_equal(timer.file_state, "enabled");
    state->active = g_str_equal(timer.active_state, "active");
    g_autoptr(GVariant) properties = manager_unit_properties(manager, pair->timer, NULL);
    state->last_s = properties ? time_of(properties, "LastTriggerUSec") : 0;
    state->next_s = properties ? time_of(properties, "NextElapseUSecRealtime") : 0;
    if (state->last_s > 0 && manager_unit_facts(manager, pair->service, &service, NULL))
        state->result = g_strdup(service.result);
}

void service_timer_look(const Place *place, const TimerOrder *order, TimerState *state)
{
    *state = (TimerState){0};
    g_autoptr(Manager) manager = manager_connect(place, NULL);
    g_auto(Pair) pair = pair_of(place, order->name);
    g_autofree char *service = service_text(place, order, NULL), *timer = timer_text(order);
    state->as_ordered = file_says(&pair, pair.service, service) && file_says(&pair, pair.timer, timer);
    state->reachable = manager != NULL;
    if (manager)
        look_at_units(manager, &pair, state);
}

void timer_state_clear(TimerState *state)
{
    g_free(state->result);
    *state = (TimerState){0};
}
