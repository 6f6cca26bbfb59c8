/* SPDX-License-Identifier: Apache-2.0 */
/* A release's manifest: one row a key. */
#include "model/manifest.h"

#include "base/fault.h"
#include "model/manifest_check.h"
#include "model/manifest_conditions.h"
#include "model/manifest_files.h"
#include "model/manifest_switch.h"
#include "model/version.h"

#define DAY_MS (24 * 60 * 60 * 1000)

/* Offset of a member; of a member of a struct inline in the manifest. */
#define OF(type, member) offsetof(type, member)
#define IN(part, member) (offsetof(Manifest, part.member) - offsetof(Manifest, part))

const char *const manifest_names[] = {"liftlock.yaml", "liftlock.json", "update-manifest.yaml", NULL};
const char *const layout_names[] = {"releases", "files", "binaries", "container", NULL};
const char *const data_class_names[] = {"state", "append", "cache", "config", NULL};

const char *const history_columns[] = {"version_from", "version_to", "status", "started_at", "finished_at",
                                       "error",        "kind",       "job",    NULL};

static const char *const start_names[] = {"before_commit", "after_commit", NULL};
static const char *const fence_names[] = {"stop", "file", "none", NULL};
static const char *const observe_names[] = {"return_if_safe", "hold", NULL};
static const char *const action_names[] = {"skip_update", "warn", "require_manual_intervention", NULL};
static const char *const strategy_names[] = {"full_backup", NULL};
static const char *const rollout_names[] = {"staged", NULL};
static const char *const trigger_names[] = {"health_check_fail", "service_start_fail", "critical_error", NULL};
static const char *const notification_names[] = {"webhook", "command", "log", NULL};

/* clang-format off */
static const Key check_keys[] = {
    {"name", KEY_TEXT, OF(Check, name), NULL, "what messages call it"},
    {"command", KEY_TEXT, OF(Check, command), NULL, "shell line, run in the release's tree as the app's user"},
    {"http", KEY_TEXT, OF(Check, http), NULL, "URL to ask"},
    {"method", KEY_TEXT, OF(Check, method), "GET", "method of the HTTP request"},
    {"tcp", KEY_TEXT, OF(Check, tcp), NULL, "HOST:PORT that must accept a connection"},
    {"unix", KEY_TEXT, OF(Check, unix_socket), NULL, "socket that must accept; with http: the one that carries it; {version} is replaced"},
    {"unit", KEY_TEXT, OF(Check, unit), NULL, "systemd unit that must be active without having restarted"},
    {"file", KEY_TEXT, OF(Check, file), NULL, "file whose content is the answer"},
    {"sql", KEY_TEXT, OF(Check, sql), NULL, "query whose first row is the answer, columns joined by '|'"},
    {"database", KEY_TEXT, OF(Check, database), NULL, "of sql: name of the data set to ask; default: the first of driver sqlite or postgres"},
    {"status", KEY_INT, OF(Check, status), "0", "HTTP status that is good; 0: any 2xx", .max = 599},
    {"json", KEY_TEXT, OF(Check, json), NULL, "JSON pointer to the value in the answer"},
    {"equals", KEY_VALUE, OF(Check, equals), NULL, "what the answer or the value pointed at must be; {version} is replaced"},
    {"expect", KEY_VALUE, OF(Check, expect), NULL, "text that the answer must contain; {version} is replaced"},
    {"exit", KEY_TEXT_MAP, OF(Check, exit), NULL, "exit status of the command -> ok, will_migrate, refuse or fail"},
    {"timeout", KEY_DURATION, OF(Check, timeout_ms), "30s", "longest time of one try", .min = 1, .max = DAY_MS},
    {"retry_count", KEY_INT, OF(Check, retry_count), "0", "further tries", .max = 1000},
    {"retry_delay", KEY_DURATION, OF(Check, retry_delay_ms), "1s", "time between tries", .max = DAY_MS},
    {0},
};

static const Key fingerprint_keys[] = {
    {"sql", KEY_TEXT, IN(schema.fingerprint, sql), NULL, "query whose answer changes when the schema does"},
    {"command", KEY_TEXT, IN(schema.fingerprint, command), NULL, "shell line whose output changes when the schema does"},
    {0},
};

static const Key schema_keys[] = {
    {"version", KEY_INT, IN(schema, version), NULL, "number of the data's shape; rises with each change"},
    {"runs_with", KEY_RANGE, IN(schema, runs_with), NULL, "releases that can run with the data as this one leaves them"},
    {"fingerprint", KEY_TABLE, IN(schema, fingerprint), NULL, "how to tell the data's shape", .table = fingerprint_keys},
    {0},
};

static const Key requirements_keys[] = {
    {"min_disk_space_mb", KEY_INT, IN(requirements, min_disk_space_mb), "0", "free room beyond what the update needs, in MB", .max = 1000000000},
    {"min_python_version", KEY_VALUE, IN(requirements, min_python_version), NULL, "lowest version of python3 on this host"},
    {"required_commands", KEY_TEXTS, IN(requirements, required_commands), NULL, "programs that must be in the PATH"},
    {"required_versions", KEY_TEXT_MAP, IN(requirements, required_versions), NULL, "program -> range that the version must be in which 'PROGRAM --version' names"},
    {"required_services", KEY_TEXTS, IN(requirements, required_services), NULL, "services that must be active"},
    {"environment_checks", KEY_TABLES, IN(requirements, environment_checks), NULL, "checks that must pass before anything changes", .table = check_keys, .size = sizeof(Check)},
    {0},
};

static const Key conditional_keys[] = {
    {"condition", KEY_TEXT, OF(Conditional, condition), NULL, "expression that calls for the action", .required = TRUE},
    {"action", KEY_ENUM, OF(Conditional, action), NULL, "what to do when it holds", .required = TRUE, .words = action_names},
    {"message", KEY_TEXT, OF(Conditional, message), NULL, "what to tell the operator"},
    {"manual_steps", KEY_TEXTS, OF(Conditional, manual_steps), NULL, "what a person must do first"},
    {0},
};

static const Key stage_keys[] = {
    {"name", KEY_TEXT, OF(RolloutStage, name), NULL, "what messages call it; a host whose group is called so waits for it", .required = TRUE},
    {"percentage", KEY_INT, OF(RolloutStage, percentage), "100", "how many of a hundred hosts it takes, those of the stages before it too", .max = 100},
    {"criteria", KEY_TEXT, OF(RolloutStage, criteria), NULL, "expression that a host must meet as well"},
    {"wait", KEY_DURATION, OF(RolloutStage, wait_ms), "0", "time after the stage before it, or after publication", .max = (gint64)3650 * DAY_MS},
    {"wait_hours", KEY_INT, OF(RolloutStage, wait_hours), "0", "the same in hours", .max = 87600},
    {0},
};

static const Key rollout_keys[] = {
    {"strategy", KEY_TEXT, IN(rollout, strategy), "staged", "how it goes; there is only one way", .words = rollout_names},
    {"stages", KEY_TABLES, IN(rollout, stages), NULL, "which hosts take the release when", .table = stage_keys, .size = sizeof(RolloutStage)},
    {0},
};

static const Key shared_keys[] = {
    {"path", KEY_PATH, OF(SharedPath, path), NULL, "path in the tree that leads to shared/", .required = TRUE},
    {"class", KEY_ENUM, OF(SharedPath, class_), "state", "how it is saved and taken back", .words = data_class_names},
    {0},
};

static const Key data_keys[] = {
    {"name", KEY_TEXT, OF(DataSet, name), NULL, "what messages and backups call it", .required = TRUE},
    {"driver", KEY_TEXT, OF(DataSet, driver), NULL, "what saves and restores it: sqlite, files, postgres, command", .required = TRUE},
    {"class", KEY_ENUM, OF(DataSet, class_), "state", "how it is saved and taken back", .words = data_class_names},
    {"path", KEY_PATH, OF(DataSet, path), NULL, "where it is, below the app's root (sqlite, files)"},
    {"url_from", KEY_PATH, OF(DataSet, url_from), NULL, "where the app keeps the address of the database: FILE#KEY or FILE, below shared/ (postgres)"},
    {"save", KEY_TEXT, OF(DataSet, save), NULL, "shell line that writes an image to {file} (command)"},
    {"restore", KEY_TEXT, OF(DataSet, restore), NULL, "shell line that reads an image from {file} (command)"},
    {"fingerprint", KEY_TEXT, OF(DataSet, fingerprint), NULL, "what changes when the schema does: a shell line (command), a query (sqlite, postgres)"},
    {"*", KEY_NODE, OF(DataSet, node), NULL, "keys of the driver"},
    {0},
};

static const Key switch_keys[] = {
    {"socket", KEY_ABSOLUTE, OF(Switch, socket), NULL, "socket that an instance listens on, with {version} in its path", .required = TRUE},
    {"proxy", KEY_TEXT, OF(Switch, proxy), "caddy", "what sends users there", .words = proxy_names},
    {"file", KEY_PATH, OF(Switch, file), NULL, "what its configuration includes: system/NAME; default: system/SERVICE.PROXY"},
    {"unit", KEY_TEXT, OF(Switch, unit), NULL, "its unit, which is reloaded; default: PROXY.service"},
    {"url", KEY_TEXT, OF(Switch, url), NULL, "address at which it answers for the app's identity"},
    {"drain", KEY_DURATION, OF(Switch, drain_ms), "10s", "time that the old instance has left for what it has begun", .max = 3600 * 1000},
    {0},
};

static const Key service_keys[] = {
    {"name", KEY_TEXT, OF(Service, name), NULL, "what messages call it; default: the unit without its suffix"},
    {"unit", KEY_TEXT, OF(Service, unit), NULL, "systemd unit; with a switch a template, app@.service"},
    {"start", KEY_TEXT, OF(Service, start), NULL, "shell line that runs it, where there is no unit"},
    {"stop", KEY_TEXT, OF(Service, stop), NULL, "shell line that stops it; default: SIGTERM"},
    {"starts", KEY_ENUM, OF(Service, starts), "before_commit", "whether the probe needs it", .words = start_names},
    {"stop_timeout", KEY_DURATION, OF(Service, stop_timeout_ms), "90s", "longest time to stop", .min = 1, .max = DAY_MS},
    {"start_timeout", KEY_DURATION, OF(Service, start_timeout_ms), "90s", "longest time to start", .min = 1, .max = DAY_MS},
    {"environment", KEY_TEXT_MAP, OF(Service, environment), NULL, "environment variables of 'start'"},
    {"switch", KEY_TABLE, OF(Service, switch_), NULL, "how a proxy leads users to the new release while the old one still runs", .table = switch_keys},
    {0},
};

static const Key fence_keys[] = {
    {"mode", KEY_ENUM, IN(fence, mode), "stop", "how users' writes are kept out", .words = fence_names},
    {"file", KEY_PATH, IN(fence, file), NULL, "maintenance file, below the app's root"},
    {"max", KEY_DURATION, IN(fence, max_ms), "5m", "longest time that users may be kept out", .min = 1000, .max = 7 * DAY_MS},
    {"drain", KEY_DURATION, IN(fence, drain_ms), "0", "time for requests under way after the fence is up", .max = DAY_MS},
    {"on", KEY_TEXT, IN(fence, on), NULL, "shell line that begins maintenance"},
    {"off", KEY_TEXT, IN(fence, off), NULL, "shell line that ends maintenance"},
    {0},
};

static const Key sql_keys[] = {
    {"database", KEY_TEXT, IN(sql, database), NULL, "name of the data set that they are for; default: the first of driver sqlite or postgres"},
    {"path", KEY_TEXT, IN(sql, path), NULL, "which files of the release, in the order of their names: \"migrations/*.sql\"", .required = TRUE},
    {"table", KEY_TEXT, IN(sql, table), "liftlock_migrations", "table that keeps book of them"},
    {0},
};

static const Key migrate_keys[] = {
    {"at_start", KEY_BOOL, IN(migrate, at_start), "true", "whether the release may change the shape of its data by itself, when it starts; false: only 'migrations' and 'sql' do"},
    {0},
};

static const Key history_keys[] = {
    {"database", KEY_TEXT, IN(history, database), NULL, "name of the data set that has the table; default: the first of driver sqlite or postgres"},
    {"table", KEY_TEXT, IN(history, table), NULL, "table of the app's that gets a row for each change of version; made if there is none", .required = TRUE},
    {"columns", KEY_TEXT_MAP, IN(history, columns), NULL, "version_from, version_to, status, started_at, finished_at, error, kind, job -> the table's column; default: the first six, under these names"},
    {"words", KEY_TEXT_MAP, IN(history, words), NULL, "updated, rolled-back, failed -> what the table calls it in 'status'"},
    {0},
};

static const Key hooks_keys[] = {
    {"pre_update", KEY_TEXTS, IN(hooks, pre_update), NULL, "shell lines before the app is stopped"},
    {"post_update", KEY_TEXTS, IN(hooks, post_update), NULL, "shell lines after the new release is live"},
    {"rollback", KEY_TEXTS, IN(hooks, rollback), NULL, "shell lines after the way back"},
    {"timeout", KEY_DURATION, IN(hooks, timeout_ms), "10m", "longest time of one line", .min = 1, .max = DAY_MS},
    {0},
};

static const Key probe_keys[] = {
    {"deadline", KEY_DURATION, IN(probe, deadline_ms), "60s", "longest time until the new release is healthy", .min = 1, .max = DAY_MS},
    {"successes", KEY_INT, IN(probe, successes), "3", "good answers in a row that prove it", .min = 1, .max = 1000},
    {"interval", KEY_DURATION, IN(probe, interval_ms), "500ms", "time between questions", .max = DAY_MS},
    {"settle", KEY_DURATION, IN(probe, settle_ms), "5s", "time that it must run without a restart", .max = DAY_MS},
    {"progress", KEY_TABLE, IN(probe, progress), NULL, "while its answer changes, the deadline is renewed", .table = check_keys},
    {0},
};

static const Key observe_keys[] = {
    {"window", KEY_DURATION, IN(observe, window_ms), "30s", "time that the release is watched after commit", .max = 7 * DAY_MS},
    {"on_failure", KEY_ENUM, IN(observe, on_failure), "return_if_safe", "what to do when it fails then", .words = observe_names},
    {0},
};

static const Key rollback_keys[] = {
    {"strategy", KEY_TEXT, IN(rollback, strategy), "full_backup", "accepted from older manifests; the data always have a way back", .words = strategy_names},
    {"keep_backups", KEY_INT, IN(rollback, keep_backups), "5", "backups to keep", .max = 1000},
    {"keep_releases", KEY_INT, IN(rollback, keep_releases), "3", "releases to keep on disk", .min = 2, .max = 1000},
    {"auto_rollback_on", KEY_TEXTS, IN(rollback, auto_rollback_on), NULL, "accepted from older manifests; whatever it lists, every failure before commit goes back", .words = trigger_names},
    {0},
};

static const Key cleanup_keys[] = {
    {"remove_files", KEY_TEXTS, IN(cleanup, remove_files), NULL, "globs of files to remove after an update"},
    {"remove_directories", KEY_TEXTS, IN(cleanup, remove_directories), NULL, "directories to remove after an update"},
    {"commands", KEY_TEXTS, IN(cleanup, commands), NULL, "shell lines after an update"},
    {0},
};

static const Key notification_keys[] = {
    {"type", KEY_TEXT, OF(Notification, type), NULL, "how to tell", .required = TRUE, .words = notification_names},
    {"url", KEY_TEXT, OF(Notification, url), NULL, "where the webhook is"},
    {"command", KEY_TEXT, OF(Notification, command), NULL, "shell line that gets the message on its standard input"},
    {"message", KEY_TEXT, OF(Notification, message), NULL, "text; {app} {version} {from} {error} {host} {verdict} are replaced"},
    {0},
};

static const Key notifications_keys[] = {
    {"on_success", KEY_TABLES, IN(notifications, on_success), NULL, "whom to tell of an update", .table = notification_keys, .size = sizeof(Notification)},
    {"on_failure", KEY_TABLES, IN(notifications, on_failure), NULL, "whom to tell of a failure", .table = notification_keys, .size = sizeof(Notification)},
    {0},
};

const Key manifest_keys[] = {
    {"app", KEY_TEXT, OF(Manifest, app), NULL, "name of the app"},
    {"version", KEY_VERSION, OF(Manifest, version), NULL, "version of this release", .required = TRUE},
    {"released", KEY_VALUE, OF(Manifest, released), NULL, "day or time of publication"},
    {"release_date", KEY_VALUE, OF(Manifest, released), NULL, "another name of 'released'"},
    {"description", KEY_TEXT, OF(Manifest, description), NULL, "one line about the release"},
    {"changelog", KEY_TEXT, OF(Manifest, changelog), NULL, "URL of what changed"},
    {"layout", KEY_ENUM, OF(Manifest, layout), "releases", "how the release goes live", .words = layout_names},
    {"schema", KEY_TABLE, OF(Manifest, schema), NULL, "the data's shape", .table = schema_keys},
    {"requirements", KEY_TABLE, OF(Manifest, requirements), NULL, "what the host must have", .table = requirements_keys},
    {"conditionals", KEY_TABLES, OF(Manifest, conditionals), NULL, "when not to update, or not alone", .table = conditional_keys, .size = sizeof(Conditional)},
    {"rollout", KEY_TABLE, OF(Manifest, rollout), NULL, "which hosts take the release when", .table = rollout_keys},
    {"busy", KEY_TABLES, OF(Manifest, busy), NULL, "checks that pass when nothing is in flight", .table = check_keys, .size = sizeof(Check)},
    {"build", KEY_TEXTS, OF(Manifest, build), NULL, "shell lines in the staged tree, as the app's user"},
    {"build_timeout", KEY_DURATION, OF(Manifest, build_timeout_ms), "30m", "longest time of one line of 'build'", .min = 1, .max = DAY_MS},
    {"trial", KEY_TABLES, OF(Manifest, trial), NULL, "checks of the staged tree, without network, data read-only", .table = check_keys, .size = sizeof(Check)},
    {"shared", KEY_TABLES, OF(Manifest, shared), NULL, "paths that outlive a release", .table = shared_keys, .size = sizeof(SharedPath)},
    {"data", KEY_TABLES, OF(Manifest, data), NULL, "data that belong to the code", .table = data_keys, .size = sizeof(DataSet)},
    {"services", KEY_TABLES, OF(Manifest, services), NULL, "what runs, in order of start", .table = service_keys, .size = sizeof(Service)},
    {"fence", KEY_TABLE, OF(Manifest, fence), NULL, "how users' writes are kept out", .table = fence_keys},
    {"sql", KEY_TABLE, OF(Manifest, sql), NULL, "SQL migrations: files of the release, each run once", .table = sql_keys},
    {"history", KEY_TABLE, OF(Manifest, history), NULL, "the app's own table about its updates", .table = history_keys},
    {"migrations", KEY_TEXTS_MAP, OF(Manifest, migrations), NULL, "shell lines by the version that needs them", .size = sizeof(VersionCommands)},
    {"down", KEY_TEXTS_MAP, OF(Manifest, down), NULL, "shell lines that take back the migration of a version, when an older release comes back", .size = sizeof(VersionCommands)},
    {"migrate", KEY_TABLE, OF(Manifest, migrate), NULL, "what else migrates", .table = migrate_keys},
    {"migrate_timeout", KEY_DURATION, OF(Manifest, migrate_timeout_ms), "30m", "longest time of one line of 'migrations' and 'down'", .min = 1, .max = 7 * DAY_MS},
    {"hooks", KEY_TABLE, OF(Manifest, hooks), NULL, "shell lines of the publisher", .table = hooks_keys},
    {"post_update_tests", KEY_TABLES, OF(Manifest, post_update_tests), NULL, "checks of the running release, before commit", .table = check_keys, .size = sizeof(Check)},
    {"identity", KEY_TABLE, OF(Manifest, identity), NULL, "asks the running process for its version", .table = check_keys},
    {"probe", KEY_TABLE, OF(Manifest, probe), NULL, "how health is proven", .table = probe_keys},
    {"observe", KEY_TABLE, OF(Manifest, observe), NULL, "what is watched after commit", .table = observe_keys},
    {"rollback", KEY_TABLE, OF(Manifest, rollback), NULL, "how many ways back are kept", .table = rollback_keys},
    {"cleanup", KEY_TABLE, OF(Manifest, cleanup), NULL, "what goes when the update is done", .table = cleanup_keys},
    {"notifications", KEY_TABLE, OF(Manifest, notifications), NULL, "whom the publisher tells", .table = notifications_keys},
    {"files", KEY_NODE, OF(Manifest, files), NULL, "rules by glob (layout files), or the list of files"},
    {"directories", KEY_NODE, OF(Manifest, directories), NULL, "rules by directory (layout files)"},
    {"privileged_files", KEY_TEXTS, OF(Manifest, privileged_files), NULL, "globs of files that are written only if the host's config names them"},
    {"post_install", KEY_NODE, OF(Manifest, post_install), NULL, "shell lines after the files are in place (layout files)"},
    {0},
};
/* clang-format on */

Manifest *manifest_read(Node *document, const char *name, GError **error)
{
    g_autoptr(Manifest) manifest = g_new0(Manifest, 1);
    manifest->document = document;
    if (!schema_read(manifest_keys, document, name, FAULT_MANIFEST, manifest, error))
        return NULL;
    manifest_fill_names(manifest);
    if (!manifest_check(manifest, name, error) || !manifest_check_switches(manifest, name, error) ||
        !manifest_read_files(manifest, name, error) || !manifest_read_conditions(manifest, name, error))
        return NULL;
    if (!node_get(document, "layout") && (manifest->file_rules->len > 0 || manifest->directory_rules->len > 0))
        manifest->layout = LAYOUT_FILES; /* rules for files in place say it, too */
    manifest_fill_instances(manifest);
    return g_steal_pointer(&manifest);
}

void manifest_free(Manifest *manifest)
{
    if (!manifest)
        return;
    for (guint i = 0; manifest->services && i < manifest->services->len; i++)
        g_clear_pointer(&((Service *)manifest->services->pdata[i])->template_, g_free);
    manifest_clear_files(manifest);
    manifest_clear_conditions(manifest);
    schema_clear(manifest_keys, manifest);
    node_free(manifest->document);
    g_free(manifest);
}

const char *check_kind(const Check *check)
{
    return check->command       ? "command"
           : check->http        ? "http"
           : check->tcp         ? "tcp"
           : check->unix_socket ? "unix"
           : check->unit        ? "unit"
           : check->file        ? "file"
           : check->sql         ? "sql"
                                : NULL;
}

const DataSet *manifest_database(const Manifest *manifest, const char *name)
{
    for (guint i = 0; i < manifest->data->len; i++) {
        const DataSet *set = manifest->data->pdata[i];
        gboolean takes_sql = g_str_equal(set->driver, "sqlite") || g_str_equal(set->driver, "postgres");
        if (takes_sql && (!name || g_str_equal(set->name, name)))
            return set;
    }
    return NULL;
}

static int compare_by_version(gconstpointer a, gconstpointer b)
{
    return version_compare((*(const VersionCommands *const *)a)->name, (*(const VersionCommands *const *)b)->name);
}

static GPtrArray *between(const GPtrArray *all, const char *from, const char *to)
{
    GPtrArray *due = g_ptr_array_new();
    for (guint i = 0; from && i < all->len; i++) {
        VersionCommands *commands = all->pdata[i];
        if (version_compare(from, commands->name) < 0 && version_compare(commands->name, to) <= 0)
            g_ptr_array_add(due, commands);
    }
    g_ptr_array_sort(due, compare_by_version);
    return due;
}

GPtrArray *manifest_migrations_due(const Manifest *manifest, const char *from, const char *to)
{
    return between(manifest->migrations, from, to);
}

GPtrArray *manifest_down_due(const Manifest *manifest, const char *to)
{
    g_autoptr(GPtrArray) up = between(manifest->migrations, to, manifest->version);
    g_autoptr(GPtrArray) down = between(manifest->down, to, manifest->version);
    GPtrArray *due = g_ptr_array_new();
    for (guint i = up->len; i > 0; i--) {
        const VersionCommands *commands = up->pdata[i - 1];
        for (guint j = 0; j < down->len; j++)
            if (version_compare(((VersionCommands *)down->pdata[j])->name, commands->name) == 0)
                g_ptr_array_add(due, down->pdata[j]);
    }
    if (due->len != up->len)
        g_clear_pointer(&due, g_ptr_array_unref);
    return due;
}
