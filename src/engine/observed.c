/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/observed.h"

#include "base/fault.h"
#include "engine/job.h"
#include "parts/layout/layout.h"
#include "parts/service/service.h"

static void ignore_line(const char *line, gpointer data)
{
}

static gboolean look_at_host(Observed *observed, const HostPlace *host, GError **error)
{
    const LayoutDriver *layout = layout_find(LAYOUT_RELEASES, error);
    g_autoptr(GError) local = NULL;
    observed->version = layout->current(observed->place, &local);
    observed->journal = local ? NULL : journal_open(host, TRUE, &local);
    observed->record = observed->journal && !local ? journal_app(observed->journal, observed->app, &local) : NULL;
    g_autoptr(ReleaseRecord) release =
        observed->journal && observed->version && !local
            ? journal_release(observed->journal, observed->app, observed->version, &local)
            : NULL;
    if (release && !local) {
        observed->tree = g_strdup(release->tree);
        observed->manifest = manifest_from_records(release->manifest, &local);
    }
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    return !error || !*error;
}

Observed *observed_open(const HostPlace *host, const char *app, GError **error)
{
    g_autoptr(Observed) observed = g_new0(Observed, 1);
    observed->app = g_strdup(app);
    g_autoptr(GError) local = NULL;
    if (!(observed->config = engine_app_config(host, app, &local)) ||
        !(observed->place = engine_place(host, observed->config, &local)) || !look_at_host(observed, host, &local)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    observed->part = (PartContext){
        .place = observed->place, .lock_fd = -1, .on_line = ignore_line, .databases = observed->config->database};
    return g_steal_pointer(&observed);
}

void observed_free(Observed *observed)
{
    if (!observed)
        return;
    remote_session_close(observed->session);
    manifest_free(observed->manifest);
    app_record_free(observed->record);
    journal_close(observed->journal);
    place_free(observed->place);
    app_config_free(observed->config);
    g_free(observed->version);
    g_free(observed->tree);
    g_free(observed->app);
    g_free(observed);
}

static gboolean look_at_unit(const char *unit, gboolean *active, guint64 *restarts, gpointer data, GError **error)
{
    Observed *observed = data;
    Service service = {.name = (char *)unit, .unit = (char *)unit};
    ServiceState state = {0};
    if (!service_find(&service)->observe(&observed->part, &service, &state, error))
        return FALSE;
    *active = state.active;
    *restarts = state.restarts;
    service_state_clear(&state);
    return TRUE;
}

ProbeContext observed_probe_context(Observed *observed)
{
    return (ProbeContext){
        .part = observed->part,
        .directory = observed->place->current,
        .version = observed->version,
        .manifest = observed->manifest,
        .session = &observed->session,
        .unit_active = look_at_unit,
        .unit_data = observed,
    };
}
