/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at what runs. An outcome is reported only if it was observed here. */
#include "engine/live.h"

#include "base/clock.h"
#include "base/fault.h"
#include "parts/service/service.h"

#include <string.h>

#define LOOK_AGAIN_MS 100

gboolean live_has_identity(const Manifest *manifest)
{
    const Check *identity = &manifest->identity;
    return identity->command || identity->http || identity->file || identity->tcp || identity->unix_socket;
}

/* A process that was there before the job, still answering, must not pass for the new one. */
static gboolean is_old_process(Job *job, const Service *service, const ServiceState *state)
{
    g_autofree char *key = live_key(service, "process");
    g_autofree char *which = g_strdup_printf("%d:%" G_GUINT64_FORMAT, (int)state->main_pid, state->main_start);
    return state->main_pid != 0 && g_strcmp0(job_fact(job, key), which) == 0;
}

static gboolean look_at_service(Job *job, const Service *service, GError **error)
{
    ServiceState state = {0};
    if (!service_find(service)->observe(&job->service, service, &state, error))
        return FALSE;
    gboolean good = FALSE;
    if (!state.active)
        fault_set(error, state.killed ? FAULT_SYSTEM : FAULT_START, "service '%s' does not run: %s", service->name,
                  state.description ? state.description : "gone");
    else if (state.restarts > 0)
        fault_set(error, FAULT_START, "service '%s' restarted %" G_GUINT64_FORMAT " times", service->name,
                  state.restarts);
    else if (is_old_process(job, service, &state))
        fault_set(error, FAULT_PROBE, "service '%s' is still the process from before", service->name);
    else
        good = TRUE;
    service_state_clear(&state);
    return good;
}

static gboolean look_at_identity(Job *job, GError **error)
{
    if (!live_has_identity(job->manifest))
        return TRUE;
    ProbeContext context = job_probe_context(job, job->plan->to);
    g_autofree char *identity = probe_identity(&context, &job->manifest->identity, error);
    if (!identity)
        return FALSE;
    if (version_compare(identity, job->plan->to) == 0)
        return TRUE;
    return fault_set(error, FAULT_PROBE, "what runs says that it is %s, not %s", identity, job->plan->to);
}

gboolean live_look(Job *job, gboolean all_services, GError **error)
{
    gboolean speaks = TRUE; /* what was put to rest again is not asked who it is */
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (!(all_services ? live_rests(job, service) : live_is_masked(job, service)) &&
            (all_services || service->starts == STARTS_BEFORE_COMMIT) && !look_at_service(job, service, error))
            return FALSE;
        speaks = speaks && !(all_services && service->starts == STARTS_BEFORE_COMMIT && live_rests(job, service));
    }
    return !speaks || look_at_identity(job, error);
}

static gboolean recorded_run(Job *job, GError **error)
{
    for (guint i = 0; i < job->installed->services->len; i++) {
        const Service *service = g_ptr_array_index(job->installed->services, i);
        g_autofree char *active = live_key(service, "active");
        ServiceState state = {0};
        if (g_strcmp0(job_fact(job, active), "yes") != 0)
            continue;
        if (!service_find(service)->observe(&job->service, service, &state, error))
            return FALSE;
        gboolean runs = state.active;
        service_state_clear(&state);
        if (!runs)
            return fault_set(error, FAULT_START, "service '%s' of the old release does not run", service->name);
    }
    return TRUE;
}

/* What said nothing before need not say anything now. */
static gboolean speaks_as_before(Job *job, const char *baseline, GError **error)
{
    ProbeContext context = job_probe_context(job, job->plan->from);
    g_autofree char *identity = probe_identity(&context, &job->installed->identity, error);
    if (!identity)
        return FALSE;
    return *baseline == '\0' || strcmp(identity, baseline) == 0 ||
           fault_set(error, FAULT_PROBE, "the old release says that it is %s, not %s as before", identity, baseline);
}

/* A service manager starts again what ended; without one it stays as it is, and the caller starts it once more. */
#define STARTED_AGAIN_MS 3000

gboolean live_prove_old(Job *job, GError **error)
{
    if (!job->installed)
        return TRUE;
    const char *baseline = job_fact(job, "baseline.identity");
    gint64 begun = clock_monotonic_ms(), seen = begun, now = begun; /* seen: all of them run */
    for (;; now = clock_monotonic_ms()) {
        g_autoptr(GError) local = NULL;
        gboolean runs = recorded_run(job, &local);
        seen = runs ? now : seen;
        if (runs && (!baseline || speaks_as_before(job, baseline, &local)))
            return TRUE;
        /* As much time as when it went live. */
        if (now - begun >= job->installed->probe.deadline_ms || now - seen >= STARTED_AGAIN_MS) {
            /* It was ill before, or what it needs was: it has had the time of a start, and runs. */
            if (runs && *baseline == '\0')
                return TRUE;
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
}

/* The release's own tests, with the patience that they ask for. */
static gboolean ask_tests(Job *job, GError **error)
{
    ProbeContext context = job_probe_context(job, job->plan->to);
    for (guint i = 0; i < job->manifest->post_update_tests->len; i++) {
        const Check *check = g_ptr_array_index(job->manifest->post_update_tests, i);
        ProbeResult result = {0};
        if (!probe_ask_patiently(&context, check, &result, error))
            return FALSE;
        gboolean good = result.answer == ANSWER_OK;
        if (!good)
            fault_set(error, FAULT_PROBE, "test '%s' of %s %s: %s", check->name, job->plan->app, job->plan->to,
                      result.problem ? result.problem : "not ok");
        probe_result_clear(&result);
        if (!good)
            return FALSE;
    }
    return TRUE;
}

static gboolean has_progress_check(const Manifest *manifest)
{
    const Check *check = &manifest->probe.progress;
    return check->command || check->http || check->file;
}

/* While the app reports that it gets on (a migration at its start), it is given more time. */
static gboolean made_progress(Job *job, char **last)
{
    if (!has_progress_check(job->manifest))
        return FALSE;
    ProbeContext context = job_probe_context(job, job->plan->to);
    ProbeResult result = {0};
    gboolean moved = probe_ask(&context, &job->manifest->probe.progress, &result, NULL) && result.answer == ANSWER_OK &&
                     result.text && g_strcmp0(result.text, *last) != 0;
    if (moved) {
        g_free(*last);
        *last = g_strdup(result.text);
        job_say(job, "the app reports: %s", *last);
    }
    probe_result_clear(&result);
    return moved;
}

static gint64 pause_ms(const Manifest *manifest, gboolean was_good)
{
    return was_good ? manifest->probe.interval_ms : MIN(manifest->probe.interval_ms, LOOK_AGAIN_MS);
}

static gboolean was_killed(Job *job)
{
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        ServiceState state = {0};
        gboolean killed = service->starts == STARTS_BEFORE_COMMIT &&
                          service_find(service)->observe(&job->service, service, &state, NULL) && state.killed;
        service_state_clear(&state);
        if (killed)
            return TRUE;
    }
    return FALSE;
}

gboolean live_prove_new(Job *job, GError **error)
{
    const Manifest *manifest = job->manifest;
    gint64 deadline = clock_monotonic_ms() + manifest->probe.deadline_ms;
    g_autofree char *progress = NULL;
    for (gint64 successes = 0; successes < MAX(manifest->probe.successes, 1);) {
        g_autoptr(GError) local = NULL;
        gboolean good = live_look(job, FALSE, &local);
        successes = good ? successes + 1 : 0;
        if (good && successes >= MAX(manifest->probe.successes, 1))
            break;
        if (made_progress(job, &progress))
            deadline = clock_monotonic_ms() + manifest->probe.deadline_ms;
        /* A service that ended will not come back by being looked at. */
        if (!good &&
            (clock_monotonic_ms() >= deadline || g_error_matches(local, FAULT, FAULT_START) || was_killed(job))) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        clock_sleep_ms(pause_ms(manifest, good));
    }
    if (!ask_tests(job, error))
        return FALSE;
    if (manifest->probe.settle_ms > 0) {
        clock_sleep_ms(manifest->probe.settle_ms);
        return live_look(job, FALSE, error);
    }
    return TRUE;
}
