/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/sandbox.h"
#include "engine/claims.h"
#include "engine/job.h"
#include "engine/live.h"
#include "engine/lock.h"
#include "engine/observed.h"
#include "engine/offer.h"
#include "engine/unattended.h"
#include "engine/worker.h"
#include "parts/layout/layout.h"
#include "parts/service/service.h"
#include "parts/service/transient.h"

#include <string.h>
#include <unistd.h>

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *status_apps(const HostPlace *host, GError **error)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *directory = g_build_filename(host->etc, "apps", NULL);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *file;
    while (dir && (file = g_dir_read_name(dir)))
        if (g_str_has_suffix(file, ".toml"))
            g_ptr_array_add(names, g_strndup(file, strlen(file) - 5));
    g_ptr_array_sort(names, text_compare);
    return names;
}

static Node *claims_node(const Place *place, ClaimKind kind)
{
    Node *list = node_new_list();
    g_autoptr(GPtrArray) standing = claims(place, kind);
    for (guint i = 0; i < standing->len; i++) {
        const Claim *claim = g_ptr_array_index(standing, i);
        g_autofree char *since = clock_format(claim->since_s);
        Node *item = node_new_map();
        node_set_text(item, "by", claim->name);
        node_set_text(item, "reason", claim->reason);
        node_set_text(item, "since", since);
        node_append(list, item);
    }
    return list;
}

static Node *services_node(const Observed *observed)
{
    Node *list = node_new_list();
    for (guint i = 0; observed->manifest && i < observed->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(observed->manifest->services, i);
        ServiceState state = {0};
        g_autoptr(GError) error = NULL;
        Node *item = node_new_map();
        node_set_text(item, "name", service->name);
        if (service_find(service)->observe(&observed->part, service, &state, &error)) {
            node_set_bool(item, "active", state.active);
            node_set_text(item, "state", state.description ? state.description : state.active ? "active" : "inactive");
            node_set_int(item, "restarts", (gint64)state.restarts);
        } else {
            node_set_bool(item, "active", FALSE);
            node_set_text(item, "state", error->message);
        }
        service_state_clear(&state);
        node_append(list, item);
    }
    return list;
}

static Node *job_node(const JobRecord *record)
{
    g_autofree char *at = clock_format(record->ended_s > 0 ? record->ended_s : record->started_s);
    Node *node = node_new_map();
    node_set_text(node, "id", record->id);
    node_set_text(node, "kind", record->kind);
    node_set_text(node, "from", record->from);
    node_set_text(node, "to", record->to);
    node_set_text(node, "verdict", record->verdict);
    node_set_text(node, "at", at);
    node_set_text(node, "step", record->failed_step);
    node_set_text(node, "error", record->error);
    return node;
}

static void add_jobs(Node *status, const Observed *observed)
{
    if (!observed->journal)
        return;
    g_autoptr(GPtrArray) jobs = journal_jobs(observed->journal, observed->app, 1, NULL);
    if (jobs && jobs->len > 0)
        node_set(status, "last", job_node(g_ptr_array_index(jobs, 0)));
    g_autoptr(JobRecord) interrupted = worker_interrupted(observed->place, observed->journal, NULL);
    if (interrupted)
        node_set(status, "interrupted", job_node(interrupted));
    g_autoptr(LockHolder) holder = lock_holder(observed->place);
    if (holder && holder->alive) {
        g_autofree char *since = clock_format(holder->since_s);
        Node *node = node_new_map();
        node_set_text(node, "id", holder->job);
        node_set_text(node, "doing", holder->verb);
        node_set_text(node, "since", since);
        node_set_text(node, "by", holder->who);
        node_set(status, "job", node);
    }
}

static void add_stock(Node *status, const Observed *observed)
{
    Node *list = node_new_list();
    g_autoptr(GPtrArray) releases = observed->journal ? journal_releases(observed->journal, observed->app, NULL) : NULL;
    for (guint i = 0; releases && i < releases->len; i++)
        node_append(list,
                    node_new_scalar(SCALAR_STRING, ((const ReleaseRecord *)g_ptr_array_index(releases, i))->version));
    node_set(status, "releases", list);
    g_autoptr(GPtrArray) backups = observed->journal ? journal_backups(observed->journal, observed->app, NULL) : NULL;
    node_set_int(status, "backups", backups ? backups->len : 0);
    gint64 size_bytes = 0;
    for (guint i = 0; backups && i < backups->len; i++)
        size_bytes += ((const BackupRecord *)g_ptr_array_index(backups, i))->size_bytes;
    node_set_int(status, "backups_bytes", size_bytes);
}

static gboolean is_error(const JobRecord *job)
{
    return !job->open && job->verdict && strcmp(job->verdict, "updated") != 0;
}

Node *status_errors(Journal *journal, const char *app)
{
    enum { JOBS = 200, DAY_S = 24 * 3600 };
    gint64 since_s = clock_now_s() - DAY_S;
    Node *list = node_new_list();
    g_autoptr(GPtrArray) jobs = journal ? journal_jobs(journal, app, JOBS, NULL) : NULL;
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *job = g_ptr_array_index(jobs, i);
        if (is_error(job) && job->ended_s >= since_s)
            node_append(list, job_node(job));
    }
    return list;
}

/* What the newest job that had to do with it observed: it had the rights, and the kernel, that count. */
static char *newest_fact(const Observed *observed, const char *fact)
{
    enum { JOBS = 20 };
    g_autoptr(GPtrArray) jobs = observed->journal ? journal_jobs(observed->journal, observed->app, JOBS, NULL) : NULL;
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *job = g_ptr_array_index(jobs, i);
        g_autoptr(GHashTable) facts = journal_facts(observed->journal, job->id, NULL);
        const char *found = facts ? g_hash_table_lookup(facts, fact) : NULL;
        if (found)
            return g_strdup(found);
    }
    return NULL;
}

static gboolean was_observed(const Observed *observed, const char *fact, const char *value)
{
    g_autofree char *found = newest_fact(observed, fact);
    return g_strcmp0(found, value) == 0;
}

/* Every guarantee that falls away in this setting, by name. */
static void add_weaker(Node *status, const HostPlace *host, const Observed *observed)
{
    static const char *const levels[] = {"tuf", "minisign", "checksum", "git", "none"};
    Node *list = node_new_list();
    const struct {
        gboolean holds_not;
        const char *text;
    } rows[] = {
        {observed->config->trust.level == TRUST_NONE, "trust none: nobody vouches for what the source serves"},
        {observed->config->trust.level == TRUST_CHECKSUM,
         "trust checksum: the digest comes from the same place as the release"},
        {!sandbox_available(),
         "no Landlock: downloads are parsed by a process that could read other files of its user"},
        {geteuid() != 0 && host->own_root, "no root: sealed releases could be changed by their own user"},
        {!service_manager_available(observed->place),
         "no systemd: services do not start at boot, and no unit is held after one"},
        {observed->manifest && !live_has_identity(observed->manifest),
         "no identity: the running process cannot say which version it is"},
        {was_observed(observed, FACT_BUILD_ISOLATED, "no"),
         "no mount namespaces: builds are beside the live app, which is not frozen for them"},
        {was_observed(observed, FACT_TRIAL_ISOLATED, "no"), "no isolation: trials are not kept from network and data"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].holds_not)
            node_append(list, node_new_scalar(SCALAR_STRING, rows[i].text));
    g_autofree char *said = newest_fact(observed, FACT_DATA_WEAKER);
    g_auto(GStrv) lines = g_strsplit(said ? said : "", "\n", -1);
    for (char **line = lines; *line; line++)
        node_append(list, node_new_scalar(SCALAR_STRING, *line));
    node_set_text(status, "trust", levels[observed->config->trust.level]);
    node_set(status, "weaker", list);
}

Node *status_of(const HostPlace *host, const char *app, GError **error)
{
    g_autoptr(Observed) observed = observed_open(host, app, error);
    if (!observed)
        return NULL;
    Node *status = node_new_map();
    node_set_text(status, "app", app);
    node_set_text(status, "version", observed->version);
    offer_tell(status, observed->place, observed->version, OFFER_FOR_OPERATORS);
    node_set_text(status, "pin", observed->record ? observed->record->pin : NULL);
    node_set_text(status, "source",
                  observed->config->source.url ? observed->config->source.url : observed->config->source.path);
    node_set(status, "services", services_node(observed));
    node_set(status, "fence", claims_node(observed->place, CLAIM_FENCE));
    node_set(status, "hold", claims_node(observed->place, CLAIM_HOLD));
    add_jobs(status, observed);
    add_stock(status, observed);
    node_set(status, "errors", status_errors(observed->journal, app));
    node_set(status, "auto", unattended_node(host, observed->place, observed->config));
    add_weaker(status, host, observed);
    return status;
}
