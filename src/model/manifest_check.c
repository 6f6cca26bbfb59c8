/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys of a manifest cannot say one by one: each check is one kind, names and places are told apart, and
 * everything that is named can be reached. */
#include "model/manifest_check.h"

#include "base/fault.h"
#include "model/config.h"
#include "model/version.h"

#include <string.h>

typedef struct Checker {
    const char *name;
    const Manifest *manifest;
    GError **error;
} Checker;

static gboolean fault_at(const Checker *checker, const Node *node, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean fault_at(const Checker *checker, const Node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return schema_fault(checker->error, FAULT_MANIFEST, checker->name, node ? node->line : 0, node ? node->column : 0,
                        "%s", text);
}

/* The value of a key for its place, or the map where the key is absent. */
static const Node *place_of(const Node *map, const char *key)
{
    const Node *value = node_get(map, key);
    return value ? value : map;
}

static const Node *item_of(const Node *list, guint i)
{
    return list && list->kind == NODE_LIST && i < list->items->len ? list->items->pdata[i] : NULL;
}

/* --- texts --------------------------------------------------------------------------------------------------- */

static gboolean is_printable(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        return FALSE;
    for (const char *p = text; *p; p = g_utf8_next_char(p))
        if (!g_unichar_isprint(g_utf8_get_char(p)))
            return FALSE;
    return TRUE;
}

gboolean url_is_plain(const char *url)
{
    const char *host = g_ascii_strncasecmp(url, "http://", 7) == 0    ? url + 7
                       : g_ascii_strncasecmp(url, "https://", 8) == 0 ? url + 8
                                                                      : NULL;
    if (!host || strchr(url, ' ') || strchr(url, '\\') || !is_printable(url))
        return FALSE;
    gsize length = strcspn(host, "/?#");
    return length > 0 && *host != ':' && !memchr(host, '@', length);
}

/* A name that shows in messages, file names and journal keys. */
static gboolean is_label(const char *text)
{
    return *text && strlen(text) <= 64 && *text != '.' && *text != '-' &&
           text[strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.@-")] == '\0';
}

/* systemd.unit(5): the characters of a unit name, and the types that an app may bring. */
gboolean unit_is_plain(const char *text)
{
    static const char *const types[] = {".service", ".socket", ".timer", ".path", ".target", NULL};
    const char *suffix = strrchr(text, '.');
    return suffix && suffix != text && *text != '-' && strlen(text) < 256 && g_strv_contains(types, suffix) &&
           text[strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS ":_.\\@-")] == '\0';
}

static gboolean is_host_and_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    guint64 port;
    return colon && colon != text && !strchr(text, ' ') && is_printable(text) &&
           g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL);
}

/* --- checks -------------------------------------------------------------------------------------------------- */

static gboolean check_one_kind(const Checker *checker, const Check *check, const Node *node)
{
    const struct {
        const char *name, *value;
    } kinds[] = {{"command", check->command},
                 {"http", check->http},
                 {"tcp", check->tcp},
                 {"unit", check->unit},
                 {"file", check->file},
                 {"sql", check->sql},
                 {"unix", check->http ? NULL : check->unix_socket}};
    const char *kind = NULL;
    g_autofree char *name = schema_quote(check->name);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].value && kind)
            return fault_at(checker, node, "check %s has both '%s' and '%s'; give one of them", name, kind,
                            kinds[i].name);
        if (kinds[i].value && !*kinds[i].value)
            return fault_at(checker, place_of(node, kinds[i].name), "'%s' is empty", kinds[i].name);
        kind = kinds[i].value ? kinds[i].name : kind;
    }
    return kind || fault_at(checker, node, "check %s needs one of command, http, tcp, unix, unit, file or sql", name);
}

static gboolean check_addresses(const Checker *checker, const Check *check, const Node *node)
{
    if (check->http && !url_is_plain(check->http)) {
        g_autofree char *url = schema_quote(check->http);
        return fault_at(checker, place_of(node, "http"), "'http' must be an http or https address, not %s", url);
    }
    if (check->tcp && !is_host_and_port(check->tcp)) {
        g_autofree char *address = schema_quote(check->tcp);
        return fault_at(checker, place_of(node, "tcp"), "'tcp' must be HOST:PORT, not %s", address);
    }
    if (check->unit && !unit_is_plain(check->unit)) {
        g_autofree char *unit = schema_quote(check->unit);
        return fault_at(checker, place_of(node, "unit"), "'unit' must be a unit such as app.service, not %s", unit);
    }
    return TRUE;
}

static gboolean check_exits(const Checker *checker, const Check *check, const Node *node)
{
    static const char *const answers[] = {"ok", "will_migrate", "refuse", "fail", NULL};
    const Node *exits = node_get(node, "exit");
    for (guint i = 0; i < check->exit->len; i++) {
        const KeyPair *pair = check->exit->pdata[i];
        const Entry *entry = exits->items->pdata[i];
        g_autofree char *status = schema_quote(pair->name), *answer = schema_quote(pair->value);
        if (!g_ascii_string_to_unsigned(pair->name, 10, 0, 255, NULL, NULL))
            return schema_fault(checker->error, FAULT_MANIFEST, checker->name, entry->line, entry->column,
                                "an exit status must be a number from 0 to 255, not %s", status);
        if (!g_strv_contains(answers, pair->value))
            return fault_at(checker, entry->value, "%s in 'exit' must be ok, will_migrate, refuse or fail, not %s",
                            status, answer);
    }
    return TRUE;
}

/* What speaks SQL. */
static gboolean check_database(const Checker *checker, const char *key, const char *name, const Node *node)
{
    if (manifest_database(checker->manifest, name))
        return TRUE;
    g_autofree char *quoted = name ? schema_quote(name) : NULL;
    return fault_at(checker, place_of(node, "database"), "'%s' needs data of the driver sqlite or postgres%s%s", key,
                    name ? ": none is called " : "", name ? quoted : "");
}

/* Keys that would be silently without effect. */
static gboolean check_idle_keys(const Checker *checker, const Check *check, const Node *node)
{
    static const struct {
        const char *key, *kind;
    } needs[] = {{"method", "http"}, {"status", "http"}, {"exit", "command"}, {"database", "sql"}};
    const char *kind = check_kind(check);
    for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
        if (node_get(node, needs[i].key) && strcmp(kind, needs[i].kind) != 0)
            return fault_at(checker, place_of(node, needs[i].key), "'%s' has no meaning without '%s'", needs[i].key,
                            needs[i].kind);
    return TRUE;
}

static gboolean check_check(const Checker *checker, const Check *check, const Node *node)
{
    return check_one_kind(checker, check, node) && check_addresses(checker, check, node) &&
           check_exits(checker, check, node) && check_idle_keys(checker, check, node) &&
           (!check->sql || check_database(checker, "sql", check->database, node));
}

static gboolean check_checks(const Checker *checker, const GPtrArray *checks, const Node *list)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < checks->len; i++) {
        const Check *check = checks->pdata[i];
        const Node *node = item_of(list, i);
        g_autofree char *name = schema_quote(check->name);
        if (!is_printable(check->name))
            return fault_at(checker, place_of(node, "name"), "'name' must be printable, not %s", name);
        if (!g_hash_table_add(names, check->name))
            return fault_at(checker, place_of(node, "name"), "two checks are named %s", name);
        if (!check_check(checker, check, node))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_all_checks(const Checker *checker, const Manifest *manifest)
{
    const Node *document = manifest->document;
    const Node *identity = node_get(document, "identity"), *progress = node_pointer(document, "/probe/progress");
    return check_checks(checker, manifest->requirements.environment_checks,
                        node_pointer(document, "/requirements/environment_checks")) &&
           check_checks(checker, manifest->busy, node_get(document, "busy")) &&
           check_checks(checker, manifest->trial, node_get(document, "trial")) &&
           check_checks(checker, manifest->post_update_tests, node_get(document, "post_update_tests")) &&
           (!identity || identity->kind != NODE_MAP || check_check(checker, &manifest->identity, identity)) &&
           (!progress || progress->kind != NODE_MAP || check_check(checker, &manifest->probe.progress, progress));
}

/* --- services ------------------------------------------------------------------------------------------------ */

static gboolean check_service_kind(const Checker *checker, const Service *service, const Node *node)
{
    g_autofree char *name = schema_quote(service->name);
    if (!service->unit == !service->start)
        return fault_at(checker, node, "service %s needs either 'unit' or 'start'", name);
    if (service->unit && !unit_is_plain(service->unit)) {
        g_autofree char *unit = schema_quote(service->unit);
        return fault_at(checker, place_of(node, "unit"), "'unit' must be a unit such as app.service, not %s", unit);
    }
    if (service->unit && service->stop)
        return fault_at(checker, place_of(node, "stop"), "'stop' has no meaning without 'start'");
    if (service->unit && service->environment->len > 0)
        return fault_at(checker, place_of(node, "environment"), "'environment' has no meaning without 'start'");
    for (guint i = 0; i < service->environment->len; i++) {
        const char *variable = ((const KeyPair *)service->environment->pdata[i])->name;
        if (!*variable || g_ascii_isdigit(*variable) ||
            variable[strspn(variable, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_")]) {
            g_autofree char *quoted = schema_quote(variable);
            return fault_at(checker, place_of(node, "environment"), "%s is not a name of an environment variable",
                            quoted);
        }
    }
    return TRUE;
}

static gboolean check_services(const Checker *checker, const Manifest *manifest)
{
    const Node *list = node_get(manifest->document, "services");
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) units = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < manifest->services->len; i++) {
        const Service *service = manifest->services->pdata[i];
        const Node *node = item_of(list, i);
        if (!check_service_kind(checker, service, node))
            return FALSE;
        if (!is_label(service->name)) {
            g_autofree char *quoted = schema_quote(service->name);
            return fault_at(checker, place_of(node, "name"),
                            "'name' must be at most 64 letters, digits or '_.@-', not %s", quoted);
        }
        if (!g_hash_table_add(names, service->name))
            return fault_at(checker, place_of(node, "name"), "two services are named '%s'", service->name);
        if (service->unit && !g_hash_table_add(units, service->unit))
            return fault_at(checker, place_of(node, "unit"), "two services have the unit '%s'", service->unit);
    }
    return TRUE;
}

/* --- data and shared paths ----------------------------------------------------------------------------------- */

static gboolean lies_in(const char *path, const char *directory)
{
    gsize length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* The first earlier path that holds `path` or lies in it: two owners of one file could not both put it back. */
static const char *overlap(const GPtrArray *paths, const char *path)
{
    for (guint i = 0; i < paths->len; i++)
        if (lies_in(path, paths->pdata[i]) || lies_in(paths->pdata[i], path))
            return paths->pdata[i];
    return NULL;
}

static gboolean check_shared(const Checker *checker, const Manifest *manifest)
{
    const Node *list = node_get(manifest->document, "shared");
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    for (guint i = 0; i < manifest->shared->len; i++) {
        const SharedPath *shared = manifest->shared->pdata[i];
        const char *other = overlap(paths, shared->path);
        if (other) {
            g_autofree char *a = schema_quote(shared->path), *b = schema_quote(other);
            return fault_at(checker, place_of(item_of(list, i), "path"), "shared paths %s and %s overlap", b, a);
        }
        g_ptr_array_add(paths, shared->path);
    }
    return TRUE;
}

static gboolean check_data_path(const Checker *checker, const DataSet *set, const Node *node)
{
    static const char *const ours[] = {"current", "releases", "system", "logs", ".liftlock", NULL};
    for (guint i = 0; set->path && ours[i]; i++)
        if (lies_in(set->path, ours[i])) {
            g_autofree char *path = schema_quote(set->path);
            return fault_at(checker, place_of(node, "path"), "data '%s' cannot be kept in %s; use 'shared/'", set->name,
                            path);
        }
    return TRUE;
}

/* FILE#KEY. The file is the operator's: of shared/, and nowhere above it. */
static gboolean check_data_url(const Checker *checker, const DataSet *set, const Node *node)
{
    if (!set->url_from)
        return fault_at(checker, node, "data '%s' needs 'url_from'", set->name);
    const char *hash = strchr(set->url_from, '#'), *key = hash ? hash + 1 : "KEY";
    g_autofree char *file = hash ? g_strndup(set->url_from, (gsize)(hash - set->url_from)) : g_strdup(set->url_from);
    gboolean good_key = *key && key[strspn(key, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_")] == '\0';
    g_autofree char *last = g_path_get_basename(file);
    if (good_key && *file && !g_str_has_suffix(file, "/") && strcmp(last, ".") != 0 && strcmp(last, "..") != 0)
        return TRUE;
    g_autofree char *quoted = schema_quote(set->url_from);
    return fault_at(checker, place_of(node, "url_from"), "'url_from' must be a file below shared/, or FILE#KEY, not %s",
                    quoted);
}

static gboolean check_data_driver(const Checker *checker, const DataSet *set, const Node *node)
{
    gboolean by_path = strcmp(set->driver, "sqlite") == 0 || strcmp(set->driver, "files") == 0;
    if (by_path && !set->path)
        return fault_at(checker, node, "data '%s' needs 'path'", set->name);
    if (strcmp(set->driver, "command") == 0 && (!set->save || !set->restore))
        return fault_at(checker, node, "data '%s' needs '%s'", set->name, set->save ? "restore" : "save");
    return strcmp(set->driver, "postgres") != 0 || check_data_url(checker, set, node);
}

/* The drivers of parts/backup know no other keys; those of later drivers are theirs to check. */
static gboolean check_data_keys(const Checker *checker, const DataSet *set)
{
    static const char *const known[] = {"name", "driver",  "class",       "path", "url_from",
                                        "save", "restore", "fingerprint", NULL};
    static const char *const simple[] = {"sqlite", "files", "postgres", "command", NULL};
    for (guint i = 0; g_strv_contains(simple, set->driver) && i < set->node->items->len; i++) {
        const Entry *entry = set->node->items->pdata[i];
        if (g_strv_contains(known, entry->key))
            continue;
        const char *nearest = schema_nearest(entry->key, known);
        g_autofree char *quoted = schema_quote(entry->key);
        g_autofree char *hint = nearest ? g_strdup_printf("; did you mean '%s'?", nearest) : g_strdup("");
        return schema_fault(checker->error, FAULT_MANIFEST, checker->name, entry->line, entry->column,
                            "unknown key %s%s", quoted, hint);
    }
    return TRUE;
}

static gboolean check_data(const Checker *checker, const Manifest *manifest)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    for (guint i = 0; i < manifest->data->len; i++) {
        const DataSet *set = manifest->data->pdata[i];
        if (!is_label(set->name)) {
            g_autofree char *quoted = schema_quote(set->name);
            return fault_at(checker, place_of(set->node, "name"),
                            "'name' must be at most 64 letters, digits or '_.@-', not %s", quoted);
        }
        if (!g_hash_table_add(names, set->name))
            return fault_at(checker, place_of(set->node, "name"), "two data sets are named '%s'", set->name);
        if (!check_data_keys(checker, set) || !check_data_driver(checker, set, set->node) ||
            !check_data_path(checker, set, set->node))
            return FALSE;
        const char *other = set->path ? overlap(paths, set->path) : NULL;
        if (other) {
            g_autofree char *a = schema_quote(set->path), *b = schema_quote(other);
            return fault_at(checker, place_of(set->node, "path"), "data paths %s and %s overlap", b, a);
        }
        if (set->path)
            g_ptr_array_add(paths, set->path);
    }
    return TRUE;
}

/* --- the rest ------------------------------------------------------------------------------------------------ */

static gboolean check_migrations(const Checker *checker, const Manifest *manifest)
{
    const Node *map = node_get(manifest->document, "migrations");
    for (guint i = 0; i < manifest->migrations->len; i++) {
        const VersionCommands *commands = manifest->migrations->pdata[i];
        const Entry *entry = map->items->pdata[i];
        const Node place = {.line = entry->line, .column = entry->column};
        g_autofree char *version = schema_quote(commands->name);
        if (!version_is_ordered(commands->name))
            return fault_at(checker, &place, "a migration must be named after a version such as 2.1.0, not %s",
                            version);
        if (!version_is_ordered(manifest->version))
            return fault_at(checker, &place, "migrations need a release whose version has an order, not '%s'",
                            manifest->version);
        if (version_compare(commands->name, manifest->version) > 0)
            return fault_at(checker, &place, "migration %s is newer than this release, %s, and would never run",
                            version, manifest->version);
        for (guint j = 0; j < i; j++) {
            const VersionCommands *other = manifest->migrations->pdata[j];
            if (version_compare(other->name, commands->name) == 0)
                return fault_at(checker, &place, "migrations '%s' and %s are of one version", other->name, version);
        }
    }
    return TRUE;
}

static gboolean check_down(const Checker *checker, const Manifest *manifest)
{
    const Node *map = node_get(manifest->document, "down");
    for (guint i = 0; i < manifest->down->len; i++) {
        const VersionCommands *commands = manifest->down->pdata[i];
        const Entry *entry = map->items->pdata[i];
        const Node place = {.line = entry->line, .column = entry->column};
        gboolean found = FALSE;
        for (guint j = 0; j < manifest->migrations->len && version_is_ordered(commands->name); j++) {
            const VersionCommands *up = manifest->migrations->pdata[j];
            found = found || version_compare(up->name, commands->name) == 0;
        }
        g_autofree char *version = schema_quote(commands->name);
        if (!found)
            return fault_at(checker, &place, "'down' takes back %s, but 'migrations' has nothing of that version",
                            version);
        for (guint j = 0; j < i; j++) {
            const VersionCommands *other = manifest->down->pdata[j];
            if (version_compare(other->name, commands->name) == 0)
                return fault_at(checker, &place, "'down' has '%s' and %s, which are one version", other->name, version);
        }
    }
    return TRUE;
}

static gboolean check_notifications(const Checker *checker, const GPtrArray *notifications, const Node *list)
{
    for (guint i = 0; i < notifications->len; i++) {
        const Notification *notification = notifications->pdata[i];
        const Node *node = item_of(list, i);
        gboolean webhook = strcmp(notification->type, "webhook") == 0;
        gboolean command = strcmp(notification->type, "command") == 0;
        if ((webhook && !notification->url) || (command && !notification->command))
            return fault_at(checker, node, "a notification of type '%s' needs '%s'", notification->type,
                            webhook ? "url" : "command");
        if (webhook && !url_is_plain(notification->url))
            return fault_at(checker, place_of(node, "url"), "'url' must be an http or https address");
    }
    return TRUE;
}

static gboolean is_table_name(const char *name)
{
    static const char first[] = G_CSET_a_2_z G_CSET_A_2_Z "_", others[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_";
    for (int parts = 1;; parts++) {
        gsize size = strspn(name, others);
        if (size == 0 || size > 60 || !strchr(first, *name))
            return FALSE;
        if (name[size] == '\0')
            return TRUE;
        if (name[size] != '.' || parts == 2)
            return FALSE;
        name += size + 1;
    }
}

/* Below the release's tree, and a pattern only in the last place: the order of their names must be one order. */
static gboolean is_sql_path(const char *path)
{
    g_autofree char *above = g_path_get_dirname(path);
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part; part++)
        if (!**part || strcmp(*part, ".") == 0 || strcmp(*part, "..") == 0)
            return FALSE;
    return strpbrk(above, "*?[") == NULL && !strstr(path, "**");
}

static gboolean check_sql(const Checker *checker, const Manifest *manifest)
{
    const Node *node = node_get(manifest->document, "sql");
    if (!manifest->sql.path)
        return TRUE;
    if (!is_sql_path(manifest->sql.path)) {
        g_autofree char *path = schema_quote(manifest->sql.path);
        return fault_at(checker, place_of(node, "path"),
                        "'path' must be a pattern for files of one folder such as \"migrations/*.sql\", not %s", path);
    }
    if (!is_table_name(manifest->sql.table)) {
        g_autofree char *table = schema_quote(manifest->sql.table);
        return fault_at(checker, place_of(node, "table"), "'table' must be a plain name or SCHEMA.NAME, not %s", table);
    }
    return check_database(checker, "sql", manifest->sql.database, node);
}

static gboolean check_history_pairs(const Checker *checker, const GPtrArray *pairs, const Node *map,
                                    const char *const *known, const char *what)
{
    for (guint i = 0; i < pairs->len; i++) {
        const KeyPair *pair = pairs->pdata[i];
        const Entry *entry = map->items->pdata[i];
        g_autofree char *name = schema_quote(pair->name), *value = schema_quote(pair->value);
        g_autofree char *words = g_strjoinv(", ", (char **)known);
        if (!g_strv_contains(known, pair->name))
            return schema_fault(checker->error, FAULT_MANIFEST, checker->name, entry->line, entry->column,
                                "%s is no %s of the history; there are %s", name, what, words);
        if (known == history_columns && (!is_table_name(pair->value) || strchr(pair->value, '.')))
            return fault_at(checker, entry->value, "a column must have a plain name, not %s", value);
    }
    return TRUE;
}

static gboolean check_history(const Checker *checker, const Manifest *manifest)
{
    static const char *const verdicts[] = {"updated", "rolled-back", "failed", NULL};
    const Node *node = node_get(manifest->document, "history");
    if (!manifest->history.table)
        return TRUE;
    if (!is_table_name(manifest->history.table) || strchr(manifest->history.table, '.')) {
        g_autofree char *table = schema_quote(manifest->history.table);
        return fault_at(checker, place_of(node, "table"), "'table' must be a plain name, not %s", table);
    }
    return check_history_pairs(checker, manifest->history.columns, node_get(node, "columns"), history_columns,
                               "column") &&
           check_history_pairs(checker, manifest->history.words, node_get(node, "words"), verdicts, "verdict") &&
           check_database(checker, "history", manifest->history.database, node);
}

static gboolean check_head(const Checker *checker, const Manifest *manifest)
{
    const Node *document = manifest->document;
    if (manifest->app && !app_name_is_valid(manifest->app)) {
        g_autofree char *app = schema_quote(manifest->app);
        return fault_at(checker, place_of(document, "app"), "'app' must be at most 32 of a-z, 0-9, '_' and '-', not %s",
                        app);
    }
    const char *python = manifest->requirements.min_python_version;
    if (python && !version_is_ordered(python)) {
        g_autofree char *quoted = schema_quote(python);
        return fault_at(checker, node_pointer(document, "/requirements/min_python_version"),
                        "'min_python_version' must be a version such as 3.8, not %s", quoted);
    }
    if (manifest->schema.fingerprint.sql && manifest->schema.fingerprint.command)
        return fault_at(checker, node_pointer(document, "/schema/fingerprint"),
                        "'fingerprint' has both 'sql' and 'command'; give one of them");
    if (manifest->fence.mode == FENCE_FILE && !manifest->fence.file)
        return fault_at(checker, node_get(document, "fence"), "fence mode 'file' needs 'file'");
    return TRUE;
}

gboolean manifest_check(const Manifest *manifest, const char *name, GError **error)
{
    const Checker checker = {.name = name, .manifest = manifest, .error = error};
    const Node *document = manifest->document;
    return check_head(&checker, manifest) && check_all_checks(&checker, manifest) &&
           check_services(&checker, manifest) && check_shared(&checker, manifest) && check_data(&checker, manifest) &&
           check_migrations(&checker, manifest) && check_down(&checker, manifest) && check_sql(&checker, manifest) &&
           check_history(&checker, manifest) &&
           check_notifications(&checker, manifest->notifications.on_success,
                               node_pointer(document, "/notifications/on_success")) &&
           check_notifications(&checker, manifest->notifications.on_failure,
                               node_pointer(document, "/notifications/on_failure"));
}

static void name_checks(const GPtrArray *checks, const char *list)
{
    for (guint i = 0; i < checks->len; i++) {
        Check *check = checks->pdata[i];
        if (!check->name || !*check->name) {
            g_free(check->name);
            check->name = g_strdup_printf("%s %u", list, i + 1);
        }
    }
}

static void name_check(Check *check, const char *name)
{
    if (!check->name || !*check->name) {
        g_free(check->name);
        check->name = g_strdup(name);
    }
}

void manifest_fill_names(Manifest *manifest)
{
    name_checks(manifest->requirements.environment_checks, "environment check");
    name_checks(manifest->busy, "busy");
    name_checks(manifest->trial, "trial");
    name_checks(manifest->post_update_tests, "test");
    name_check(&manifest->identity, "identity");
    name_check(&manifest->probe.progress, "progress");
    for (guint i = 0; i < manifest->services->len; i++) {
        Service *service = manifest->services->pdata[i];
        if (service->name)
            continue;
        const char *suffix = service->unit ? strstr(service->unit, "@.") : NULL;
        if (service->unit && !suffix)
            suffix = strrchr(service->unit, '.');
        service->name =
            suffix ? g_strndup(service->unit, (gsize)(suffix - service->unit)) : g_strdup_printf("service-%u", i + 1);
    }
}
