/* SPDX-License-Identifier: Apache-2.0 */
/* Calls the service part from a shell: service_shim APP VERB UNIT [MORE]. Prints one line of what it saw; exits 1 with
 * the fault's text on standard error. tests/scenario/60-systemd-parts.sh drives it inside a real systemd. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "parts/service/service.h"
#include "parts/service/transient.h"

typedef struct Call {
    PartContext context;
    Service service;
    const ServiceDriver *driver;
    char **more; /* arguments after the unit, NULL-terminated */
} Call;

static gboolean do_observe(Call *call, GError **error)
{
    ServiceState state = {0};
    if (!call->driver->observe(&call->context, &call->service, &state, error))
        return FALSE;
    printf("known=%d active=%d enabled=%d masked=%d enablement=%s restarts=%d main=%d start=%d description=%s\n",
           state.known, state.active, state.enabled, state.masked, state.enablement, (int)state.restarts,
           (int)state.main_pid, state.main_start > 0, state.description);
    service_state_clear(&state);
    return TRUE;
}

static gboolean do_equip(Call *call, GError **error)
{
    return call->driver->equip(&call->context, &call->service, error);
}

static gboolean do_retire(Call *call, GError **error)
{
    return call->driver->retire(&call->context, &call->service, error);
}

static gboolean do_start(Call *call, GError **error)
{
    return call->driver->start(&call->context, &call->service, error);
}

static gboolean do_stop(Call *call, GError **error)
{
    return call->driver->stop(&call->context, &call->service, error);
}

static gboolean do_processes(Call *call, GError **error)
{
    g_autoptr(GArray) pids = call->driver->processes(&call->context, &call->service);
    printf("%u\n", pids->len);
    return TRUE;
}

static gboolean do_pass(Call *call, GError **error)
{
    g_autofree char *name = service_pass_name(&call->service);
    g_autofree char *path = g_build_filename(call->context.place->pass, name, NULL);
    g_mkdir_with_parents(call->context.place->pass, 0755);
    return g_file_set_contents(path, "", 0, error);
}

static gboolean do_restore(Call *call, GError **error)
{
    return service_restore_enablement(&call->context, &call->service, call->more[0], error);
}

static gboolean do_job(Call *call, GError **error)
{
    TransientUnit unit = {.name = call->service.unit, .description = "a job", .argv = (const char *const *)call->more};
    return service_start_transient(call->context.place, &unit, error);
}

static gboolean do_job_processes(Call *call, GError **error)
{
    g_autoptr(GArray) pids = service_unit_processes(call->context.place, call->service.unit);
    printf("%u\n", pids->len);
    return TRUE;
}

static gboolean do_job_kill(Call *call, GError **error)
{
    return service_kill_unit(call->context.place, call->service.unit, 5000, error);
}

/* A service by shell line. */
static gboolean do_line(Call *call, GError **error)
{
    call->service.start = call->more[0];
    call->service.name = call->service.unit;
    call->service.unit = NULL;
    return service_find(&call->service)->start(&call->context, &call->service, error);
}

static const struct {
    const char *name;
    gboolean (*call)(Call *call, GError **error);
} verbs[] = {
    {"observe", do_observe},   {"equip", do_equip},
    {"retire", do_retire},     {"start", do_start},
    {"stop", do_stop},         {"processes", do_processes},
    {"pass", do_pass},         {"restore", do_restore},
    {"job", do_job},           {"job-processes", do_job_processes},
    {"job-kill", do_job_kill}, {"line", do_line},
};

static int verb_run(Call *call, const char *name)
{
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (!g_str_equal(verbs[i].name, name))
            continue;
        if (verbs[i].call(call, &error))
            return 0;
        g_autofree char *text = fault_text(error);
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    return 2;
}

int main(int argc, char **argv)
{
    if (argc > 3 && g_str_equal(argv[1], "inner")) /* where nothing is installed, units wait by this program */
        return service_wait_hold_main(argc - 2, argv + 2);
    if (argc < 4)
        return 2;
    g_autoptr(HostPlace) host = host_place_new(g_getenv("LIFTLOCK_ROOT"));
    g_autoptr(Place) place = place_new(host, argv[1], NULL);
    place->uid = geteuid();
    place->gid = getegid();
    Call call = {
        .context = {.place = place, .lock_fd = -1},
        .service = {.name = (char *)"web", .unit = argv[3], .start_timeout_ms = 10 * 1000, .stop_timeout_ms = 2 * 1000},
        .driver = service_drivers[0],
        .more = argv + 4,
    };
    gint64 begin_ms = clock_monotonic_ms();
    int status = verb_run(&call, argv[2]);
    if (g_getenv("SHIM_TIME"))
        fprintf(stderr, "%s took %d ms\n", argv[2], (int)(clock_monotonic_ms() - begin_ms));
    return status;
}
