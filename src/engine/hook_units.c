/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hook_units.h"

#include "engine/claims.h"
#include "parts/service/service.h"
#include "parts/service/transient.h"

#include <string.h>

static gboolean is_known(const GPtrArray *units, const char *unit)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)units, unit, g_str_equal, NULL);
}

static void add(GPtrArray *units, const char *word)
{
    g_autofree char *unit = strchr(word, '.') ? g_strdup(word) : g_strconcat(word, ".service", NULL);
    if (!is_known(units, unit) && word[strspn(word, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._@:-")] == '\0')
        g_ptr_array_add(units, g_steal_pointer(&unit));
}

/* The words behind "systemctl stop" and the like, as far as the command goes. No shell is understood: what is quoted or
 * computed is not found. */
static void read_line(GPtrArray *units, const char *line)
{
    static const char *const verbs[] = {"stop", "start", "restart", "try-restart", "reload-or-restart", NULL};
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    enum { ELSEWHERE, COMMAND, UNITS } at = ELSEWHERE;
    for (guint i = 0; words[i]; i++) {
        if (!*words[i] || (at != ELSEWHERE && words[i][0] == '-'))
            continue;
        g_autofree char *name = g_path_get_basename(words[i]);
        if (strcmp(name, "systemctl") == 0)
            at = COMMAND;
        else if (strpbrk(words[i], ";&|<>"))
            at = ELSEWHERE;
        else if (at == COMMAND)
            at = g_strv_contains(verbs, words[i]) ? UNITS : ELSEWHERE;
        else if (at == UNITS)
            add(units, words[i]);
    }
}

static void read_manifest(GPtrArray *units, const Manifest *manifest)
{
    const GPtrArray *const lists[] = {manifest->hooks.pre_update, manifest->hooks.post_update,
                                      manifest->hooks.rollback};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        for (guint j = 0; j < lists[i]->len; j++)
            read_line(units, lists[i]->pdata[j]);
}

/* Their full names, of both releases: char *, the caller frees. Declared services are not among them. */
static GPtrArray *units_of(const Job *job)
{
    GPtrArray *units = g_ptr_array_new_with_free_func(g_free);
    const Manifest *const manifests[] = {job->manifest, job->installed};
    for (guint i = 0; i < G_N_ELEMENTS(manifests); i++)
        if (manifests[i])
            read_manifest(units, manifests[i]);
    for (guint i = units->len; i > 0; i--)
        for (guint j = 0; j < G_N_ELEMENTS(manifests); j++)
            for (guint k = 0; manifests[j] && k < manifests[j]->services->len; k++)
                if (g_strcmp0(((const Service *)manifests[j]->services->pdata[k])->unit, units->pdata[i - 1]) == 0) {
                    g_ptr_array_remove_index(units, i - 1);
                    j = G_N_ELEMENTS(manifests) - 1;
                    break;
                }
    return units;
}

static Service service_of(const char *unit)
{
    enum { PATIENCE_MS = 90000 };
    return (Service){
        .name = (char *)unit, .unit = (char *)unit, .start_timeout_ms = PATIENCE_MS, .stop_timeout_ms = PATIENCE_MS};
}

static gboolean is_active(Job *job, const char *unit)
{
    const Service service = service_of(unit);
    ServiceState state = {0};
    gboolean active = service_find(&service)->observe(&job->service, &service, &state, NULL) && state.active;
    service_state_clear(&state);
    return active;
}

static char *fact_of(const char *unit)
{
    return g_strconcat("hook-unit.", unit, NULL);
}

gboolean hook_units_record(Job *job, GError **error)
{
    if (!job->installed || !service_manager_available(job->place))
        return TRUE;
    g_autoptr(GPtrArray) units = units_of(job);
    for (guint i = 0; i < units->len; i++) {
        g_autofree char *key = fact_of(units->pdata[i]);
        if (!job_fact_note(job, key, is_active(job, units->pdata[i]) ? "active" : "", error))
            return FALSE;
    }
    return TRUE;
}

gboolean hook_units_stop(Job *job, GError **error)
{
    g_autoptr(GPtrArray) units = units_of(job);
    for (guint i = 0; i < units->len; i++) {
        g_autofree char *key = fact_of(units->pdata[i]);
        const Service service = service_of(units->pdata[i]);
        if (job_fact(job, key) && is_active(job, units->pdata[i]) &&
            !service_find(&service)->stop(&job->service, &service, error))
            return FALSE;
    }
    return TRUE;
}

gboolean hook_units_start(Job *job, GError **error)
{
    g_autoptr(GPtrArray) units = units_of(job);
    for (guint i = 0; i < units->len; i++) {
        g_autofree char *key = fact_of(units->pdata[i]);
        const Service service = service_of(units->pdata[i]);
        g_autofree char *pass = service_pass_name(&service);
        if (g_strcmp0(job_fact(job, key), "active") == 0 && !is_active(job, units->pdata[i]) &&
            (!pass_set(job->place, pass, error) || !service_find(&service)->start(&job->service, &service, error)))
            return FALSE;
    }
    return TRUE;
}
