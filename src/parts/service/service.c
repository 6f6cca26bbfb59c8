/* SPDX-License-Identifier: Apache-2.0 */
/* The table of service drivers, and what a hold means to all of them. */
#include "parts/service/service.h"

#include <errno.h>
#include <unistd.h>

#include "parts/service/drivers.h"

const ServiceDriver *const service_drivers[] = {&service_systemd, &service_command, NULL};

const ServiceDriver *service_find(const Service *service)
{
    return service->unit ? &service_systemd : &service_command;
}

void service_state_clear(ServiceState *state)
{
    g_free(state->enablement);
    g_free(state->description);
    *state = (ServiceState){0};
}

char *service_pass_name(const Service *service)
{
    return service->unit ? service_unit_name(service->unit) : g_strdup(service->name);
}

char *service_held_by(const Place *place, const Service *service)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(place->hold, 0, &error);
    if (!dir) /* what cannot be read may hold claims */
        return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? NULL : g_strdup("a hold that cannot be read");
    g_autofree char *first = NULL;
    for (const char *name; (name = g_dir_read_name(dir));)
        if (!first || strcmp(name, first) < 0) {
            g_free(first);
            first = g_strdup(name);
        }
    if (!first)
        return NULL;
    g_autofree char *pass_name = service_pass_name(service);
    g_autofree char *pass = g_build_filename(place->pass, pass_name, NULL);
    return access(pass, F_OK) == 0 ? NULL : g_steal_pointer(&first);
}

gboolean service_check_hold(const Place *place, const Service *service, GError **error)
{
    g_autofree char *holder = service_held_by(place, service);
    if (!holder)
        return TRUE;
    return fault_set(error, FAULT_START, "service '%s' is held by '%s'", service->name, holder);
}

gint64 service_start_limit_ms(const Service *service)
{
    return service->start_timeout_ms > 0 ? service->start_timeout_ms : 90 * 1000;
}

gint64 service_stop_limit_ms(const Service *service)
{
    return service->stop_timeout_ms > 0 ? service->stop_timeout_ms : 30 * 1000;
}
