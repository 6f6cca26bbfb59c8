/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "engine/status_file.h"
#include "model/limits.h"
#include "parts/service/service.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

HostConfig *engine_host_config(const HostPlace *host, GError **error)
{
    g_autofree char *path = g_build_filename(host->etc, "liftlock.toml", NULL);
    g_autoptr(GError) local = NULL;
    Node *document = document_read_file(path, FAULT_CONFIG, &local);
    if (!document && !g_error_matches(local, FAULT, FAULT_ABSENT)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    /* A job with rights reads nothing from its caller's environment. */
    return host_config_read(document ? document : node_new_map(), path, geteuid() != 0, error);
}

AppConfig *engine_app_config(const HostPlace *host, const char *app, GError **error)
{
    if (!app_name_is_valid(app)) {
        fault_set(error, FAULT_USAGE, "'%s' is not an app's name", app);
        return NULL;
    }
    g_autofree char *file = g_strconcat(app, ".toml", NULL);
    g_autofree char *path = g_build_filename(host->etc, "apps", file, NULL);
    g_autoptr(GError) local = NULL;
    Node *document = document_read_file(path, FAULT_CONFIG, &local);
    if (document)
        return app_config_read(document, app, path, error);
    if (!g_error_matches(local, FAULT, FAULT_ABSENT)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    fault_set(error, FAULT_ABSENT, "there is no app '%s'", app);
    fault_hint(error, "'liftlock status' lists the apps; 'liftlock install' adds one");
    return NULL;
}

/* With a root of one's own the caller owns it all; but a publisher's lines run as root only where the host says so. */
static gboolean caller_ids(Place *place, const AppConfig *config, GError **error)
{
    place->uid = getuid();
    place->gid = getgid();
    struct passwd *self = getpwuid(place->uid);
    place->user = g_strdup(self ? self->pw_name : "?");
    if (place->uid != 0 || config->app.privileged_hooks)
        return TRUE;
    fault_set(error, FAULT_CONFIG, "%s: without a user its programs would run as root", place->app);
    return fault_hint(error, "name one: --user at install, or 'user' in [app] of %s", place->config);
}

static gboolean user_ids(Place *place, const AppConfig *config, const char *user, GError **error)
{
    if (!user)
        return caller_ids(place, config, error);
    struct passwd *entry = getpwnam(user);
    if (!entry) {
        fault_set(error, FAULT_CONFIG, "%s: the user '%s' does not exist", place->app, user);
        return fault_hint(error, "useradd --system --home-dir %s --shell /usr/sbin/nologin %s", place->root, user);
    }
    if (geteuid() != 0 && entry->pw_uid != getuid()) {
        fault_set(error, FAULT_RIGHTS, "%s runs as the user '%s'", place->app, user);
        return fault_hint(error, "run the same command with sudo");
    }
    struct group *group = config->app.group ? getgrnam(config->app.group) : NULL;
    if (config->app.group && !group)
        return fault_set(error, FAULT_CONFIG, "%s: the group '%s' does not exist", place->app, config->app.group);
    place->user = g_strdup(user);
    place->uid = entry->pw_uid;
    place->gid = group ? group->gr_gid : entry->pw_gid;
    place->change_user = geteuid() == 0 && entry->pw_uid != 0;
    return TRUE;
}

Place *engine_place(const HostPlace *host, const AppConfig *config, GError **error)
{
    g_autoptr(Place) place = place_new(host, config->name, config->app.root);
    if (config->app.layout == LAYOUT_FILES)
        place_set_in_place(place);
    for (guint i = 0; i < config->destinations->len; i++) {
        const KeyPair *pair = g_ptr_array_index(config->destinations, i);
        place_send_away(place, host, pair->name, pair->value);
    }
    const char *user = config->app.user;
    if (!user && !host->own_root)
        user = config->name;
    return user_ids(place, config, user, error) ? g_steal_pointer(&place) : NULL;
}

/* --- facts --- */

const char *job_fact(Job *job, const char *key)
{
    return g_hash_table_lookup(job->fact_table, key);
}

typedef gboolean (*FactWrite)(Journal *journal, const char *job, const char *key, const char *value, GError **error);

static gboolean fact_write(Job *job, const char *key, const char *value, FactWrite write_it, GError **error)
{
    if (g_strcmp0(job_fact(job, key), value) == 0)
        return TRUE;
    g_hash_table_insert(job->fact_table, g_strdup(key), g_strdup(value));
    Node *fields = node_new_map();
    node_set_text(fields, "key", key);
    node_set_text(fields, "value", value);
    job_log_write(job->log, "fact", fields, FALSE);
    if (!job->journal)
        return TRUE;
    /* Rule 2: on the way back a note that cannot be written (a full disk) stops nothing. */
    return write_it(job->journal, job->id, key, value, job->going_back ? NULL : error) || job->going_back;
}

gboolean job_fact_set(Job *job, const char *key, const char *value, GError **error)
{
    return fact_write(job, key, value, journal_fact_set, error);
}

gboolean job_fact_note(Job *job, const char *key, const char *value, GError **error)
{
    return fact_write(job, key, value, journal_fact_note, error);
}

static Job *job_of_facts(Facts *facts)
{
    return (Job *)((char *)facts - G_STRUCT_OFFSET(Job, facts));
}

static const char *facts_get(Facts *facts, const char *key)
{
    return job_fact(job_of_facts(facts), key);
}

static gboolean facts_set(Facts *facts, const char *key, const char *value, GError **error)
{
    return job_fact_set(job_of_facts(facts), key, value, error);
}

/* --- what programs of the release are told --- */

static void environment_add(GPtrArray *environment, const char *name, const char *value)
{
    if (value)
        g_ptr_array_add(environment, g_strconcat(name, "=", value, NULL));
}

GPtrArray *engine_environment(const Place *place, const AppConfig *config)
{
    GPtrArray *environment = g_ptr_array_new_with_free_func(g_free);
    environment_add(environment, "LIFTLOCK_APP", place->app);
    environment_add(environment, "LIFTLOCK_APP_ROOT", place->root);
    environment_add(environment, "LIFTLOCK_SHARED", place->shared);
    for (guint i = 0; i < config->environment->len; i++) {
        const KeyPair *pair = g_ptr_array_index(config->environment, i);
        environment_add(environment, pair->name, pair->value);
    }
    return environment;
}

static GPtrArray *environment_new(const Job *job, gboolean with_job)
{
    GPtrArray *environment = engine_environment(job->place, job->config);
    if (with_job) {
        g_autofree char *attempt = g_strdup_printf("%" G_GINT64_FORMAT, job->plan->attempt);
        environment_add(environment, "LIFTLOCK_VERSION", job->plan->to);
        environment_add(environment, "LIFTLOCK_FROM", job->plan->from ? job->plan->from : job->plan->data_from);
        environment_add(environment, "LIFTLOCK_ATTEMPT", attempt);
        environment_add(environment, "LIFTLOCK_JOB",
                        job->id); /* also how recovery finds what a dead job left running */
    }
    g_ptr_array_add(environment, NULL);
    return environment;
}

static void log_line(const char *line, gpointer data)
{
    Job *job = data;
    job_log_output(job->log, line);
}

static void log_progress(guint64 done, guint64 total, gpointer data)
{
    Job *job = data;
    Node *fields = node_new_map();
    node_set_int(fields, "done", (gint64)done);
    node_set_int(fields, "total", (gint64)total);
    job_log_write(job->log, "progress", fields, FALSE);
    status_file_write(job, NULL, "progress", done, total, NULL);
}

static void contexts_fill(Job *job)
{
    job->environment = environment_new(job, TRUE);
    job->service_environment = environment_new(job, FALSE);
    job->part = (PartContext){
        .place = job->place,
        .job = job->id,
        .facts = &job->facts,
        .environment = (const char *const *)job->environment->pdata,
        .lock_fd = job->lock_fd,
        .on_line = log_line,
        .on_line_data = job,
        .on_progress = log_progress,
        .databases = job->config->database,
    };
    job->service = job->part;
    job->service.environment = (const char *const *)job->service_environment->pdata;
    job->service.lock_fd = -1;
}

/* --- the data that a job must be able to put back --- */

static gboolean sets_have(const GPtrArray *sets, const char *path)
{
    for (guint i = 0; i < sets->len; i++)
        if (g_strcmp0(((const DataSet *)g_ptr_array_index(sets, i))->path, path) == 0)
            return TRUE;
    return FALSE;
}

/* One database under two names would be copied twice, and only the second copy be found. */
static gboolean sets_have_database(const GPtrArray *sets, const DataSet *set)
{
    for (guint i = 0; set->url_from && i < sets->len; i++) {
        const DataSet *other = g_ptr_array_index(sets, i);
        if (other->url_from && (g_str_equal(other->url_from, set->url_from) || g_str_equal(other->name, set->name)))
            return TRUE;
    }
    return FALSE;
}

static gboolean class_goes_back(int class_)
{
    return class_ == DATA_STATE || class_ == DATA_CONFIG; /* append only grows, a cache can be lost */
}

/* The publisher's question about the shape of the data, where the set has none of its own. */
static void fingerprint_from_schema(DataSet *set, const Manifest *manifest)
{
    if (!set->fingerprint && (g_strcmp0(set->driver, "sqlite") == 0 || set->url_from))
        set->fingerprint = g_strdup(manifest->schema.fingerprint.sql);
    if (manifest->sql.path && set == manifest_database(manifest, manifest->sql.database))
        set->migrations = manifest->sql.table;
}

/* Names of sets become names of files (backup.h), so what is no letter or digit gives way; a digest then keeps two
 * paths apart that would look alike. */
static char *shared_set_name(const char *path)
{
    enum { SHOWN = 40, DIGEST = 8 };
    g_autofree char *plain = g_strndup(path, SHOWN);
    g_strcanon(plain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", '_');
    if (strcmp(plain, path) == 0)
        return g_strconcat("shared-", plain, NULL);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);
    return g_strdup_printf("shared-%s-%.*s", plain, DIGEST, digest);
}

void data_sets_add(GPtrArray *sets, GPtrArray *own, const Manifest *manifest)
{
    for (guint i = 0; i < manifest->data->len; i++) {
        DataSet *set = g_ptr_array_index(manifest->data, i);
        fingerprint_from_schema(set, manifest);
        if (class_goes_back(set->class_) && !(set->path && sets_have(sets, set->path)) &&
            !sets_have_database(sets, set))
            g_ptr_array_add(sets, set);
    }
    for (guint i = 0; i < manifest->shared->len; i++) {
        const SharedPath *shared = g_ptr_array_index(manifest->shared, i);
        g_autofree char *path = g_build_filename("shared", shared->path, NULL);
        if (!class_goes_back(shared->class_) || sets_have(sets, path))
            continue;
        DataSet *set = g_new0(DataSet, 1);
        set->name = shared_set_name(shared->path);
        set->driver = g_strdup("files");
        set->class_ = shared->class_;
        set->path = g_steal_pointer(&path);
        g_ptr_array_add(own, set);
        g_ptr_array_add(sets, set);
    }
}

static void own_set_free(gpointer data)
{
    DataSet *set = data;
    g_free(set->name);
    g_free(set->driver);
    g_free(set->path);
    g_free(set);
}

GPtrArray *data_sets_own_new(void)
{
    return g_ptr_array_new_with_free_func(own_set_free);
}

/* --- opening --- */

static Manifest *manifest_of_version(Job *job, const char *version, GError **error)
{
    g_autoptr(ReleaseRecord) record = journal_release(job->journal, job->plan->app, version, error);
    if (record)
        return manifest_from_records(record->manifest, error);
    if (error && !*error)
        fault_set(error, FAULT_STATE, "%s: nothing is recorded about release %s", job->plan->app, version);
    return NULL;
}

static gboolean manifests_load(Job *job, GError **error)
{
    if (job->plan->from && !(job->installed = manifest_of_version(job, job->plan->from, error)))
        return FALSE;
    g_autofree char *path = g_build_filename(job->directory, "manifest", NULL);
    g_autofree char *records = NULL;
    if (g_file_get_contents(path, &records, NULL, NULL))
        job->manifest = manifest_from_records(records, error);
    else
        job->manifest = manifest_of_version(job, job->plan->to ? job->plan->to : job->plan->from, error);
    if (!job->manifest)
        return FALSE;
    job->sets = g_ptr_array_new();
    job->own_sets = data_sets_own_new();
    if (job->installed)
        data_sets_add(job->sets, job->own_sets, job->installed);
    data_sets_add(job->sets, job->own_sets, job->manifest);
    return TRUE;
}

AppConfig *engine_job_config(const HostPlace *host, const char *app, const char *id, GError **error)
{
    g_autofree char *path = g_build_filename(host->var, app, "jobs", id, "config.toml", NULL);
    Node *document = document_read_file(path, FAULT_CONFIG, error);
    return document ? app_config_read(document, app, path, error) : NULL;
}

static gboolean plan_load(Job *job, GError **error)
{
    g_autoptr(JobRecord) record = journal_job(job->journal, job->id, error);
    if (!record)
        return error && *error ? FALSE : fault_set(error, FAULT_ABSENT, "there is no job %s", job->id);
    g_autoptr(Node) node =
        document_parse(DOCUMENT_JSON, record->plan, strlen(record->plan), "plan", FAULT_STATE, error);
    job->plan = node ? plan_from_node(node, error) : NULL;
    job->fact_table = job->plan ? journal_facts(job->journal, job->id, error) : NULL;
    return job->fact_table != NULL;
}

static Job *job_load(HostPlace *host, const char *app, const char *id, int lock_fd, GError **error)
{
    g_autoptr(Job) job = g_new0(Job, 1);
    job->host = host;
    job->lock_fd = lock_fd;
    job->id = g_strdup(id);
    job->directory = g_build_filename(host->var, app, "jobs", id, NULL);
    job->facts = (Facts){facts_get, facts_set};
    if (!(job->host_config = engine_host_config(host, error)) ||
        !(job->config = engine_job_config(host, app, id, error)))
        return NULL;
    limits_tighten(job->host_config, job->config);
    if (!(job->place = engine_place(host, job->config, error)) || !(job->journal = journal_open(host, FALSE, error)) ||
        !plan_load(job, error) || !manifests_load(job, error) ||
        !(job->layout = layout_find(job->manifest->layout, error)))
        return NULL;
    contexts_fill(job);
    return g_steal_pointer(&job);
}

Job *job_open(HostPlace *host, const char *app, const char *id, int lock_fd, GError **error)
{
    g_autoptr(Job) job = job_load(host, app, id, lock_fd, error);
    return job && (job->log = job_log_open(job->directory, error)) ? g_steal_pointer(&job) : NULL;
}

Job *job_open_apart(HostPlace *host, const char *app, const char *id, GError **error)
{
    Job *job = job_load(host, app, id, -1, error);
    if (!job)
        return NULL;
    g_clear_pointer(&job->journal, journal_close);
    job->log = job_log_spoken();
    return job;
}

void job_close(Job *job)
{
    if (!job)
        return;
    remote_session_close(job->session);
    job_log_close(job->log);
    g_clear_pointer(&job->environment, g_ptr_array_unref);
    g_clear_pointer(&job->service_environment, g_ptr_array_unref);
    g_clear_pointer(&job->sets, g_ptr_array_unref);
    g_clear_pointer(&job->own_sets, g_ptr_array_unref);
    g_clear_pointer(&job->fact_table, g_hash_table_unref);
    manifest_free(job->manifest);
    manifest_free(job->installed);
    plan_free(job->plan);
    journal_close(job->journal);
    place_free(job->place);
    app_config_free(job->config);
    host_config_free(job->host_config);
    g_free(job->id);
    g_free(job->directory);
    g_free(job);
}

char *job_tree(const Job *job, const char *version)
{
    return job->layout->in_place ? g_strdup(job->place->root) : place_release(job->place, version, "");
}

gboolean job_run_hooks(Job *job, const char *name, const GPtrArray *lines, const char *directory, gint64 timeout_ms,
                       GError **error)
{
    Place place = *job->place;
    PartContext context = job->part;
    place.change_user = place.change_user && !job->config->app.privileged_hooks;
    context.place = &place;
    for (guint i = 0; i < lines->len; i++) {
        g_autofree char *title = g_strdup_printf("%s hook '%s'", name, (const char *)g_ptr_array_index(lines, i));
        if (!part_run_line(&context, title, g_ptr_array_index(lines, i), directory, timeout_ms, FAULT_HOOK, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean look_at_unit(const char *unit, gboolean *active, guint64 *restarts, gpointer data, GError **error)
{
    Job *job = data;
    Service service = {.name = (char *)unit, .unit = (char *)unit};
    ServiceState state = {0};
    if (!service_find(&service)->observe(&job->service, &service, &state, error))
        return FALSE;
    *active = state.active;
    *restarts = state.restarts;
    service_state_clear(&state);
    return TRUE;
}

ProbeContext job_probe_context(Job *job, const char *version)
{
    ProbeContext context = {
        .part = job->part,
        .directory = job->place->current,
        .version = version,
        .manifest = job->installed && g_strcmp0(version, job->installed->version) == 0 ? job->installed : job->manifest,
        .session = &job->session,
        .unit_active = look_at_unit,
        .unit_data = job,
    };
    return context;
}

void job_say(Job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    job_log_text(job->log, "note", text);
}

const Service *service_named(const Manifest *manifest, const char *name)
{
    for (guint i = 0; manifest && i < manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(manifest->services, i);
        if (strcmp(service->name, name) == 0)
            return service;
    }
    return NULL;
}
