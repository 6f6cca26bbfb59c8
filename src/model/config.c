/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of the host and of the apps on it: one row a key. */
#include "model/config_inner.h"

#include "base/fault.h"
#include "model/auto.h"
#include "model/destinations.h"
#include "model/limits.h"
#include "model/mail.h"
#include "model/manifest_check.h"
#include "model/manifest_switch.h"

#include <string.h>

#define DAY_MS (24 * 60 * 60 * 1000)
#define OF(type, member) offsetof(type, member)
#define IN(part, member) (offsetof(AppConfig, part.member) - offsetof(AppConfig, part))

const char *const trust_names[] = {"tuf", "minisign", "checksum", "git", "none", NULL};
const char *const mode_names[] = {"manual", "dashboard", NULL};
const char *const verdict_names[] = {"updated", "rolled-back", "failed", "refused", "needs-help", NULL};

static const char *const notify_names[] = {"webhook", "mail", "command", "log", NULL};

/* clang-format off */
/* Whom children run as and whom liftlock believes is for the file alone: those rows have no variable. */
const Key host_config_keys[] = {
    {"allow_trust_none", KEY_BOOL, OF(HostConfig, allow_trust_none), "false", "whether an app may be installed without any trust"},
    {"max_release_size", KEY_SIZE, OF(HostConfig, max_release_bytes), "8GiB", "largest release, packed or unpacked", .min = 1, .max = G_MAXINT64, .env = "LIFTLOCK_MAX_RELEASE_SIZE"},
    {"max_file_size", KEY_SIZE, OF(HostConfig, max_file_bytes), "4GiB", "largest file of a release", .min = 1, .max = G_MAXINT64, .env = "LIFTLOCK_MAX_FILE_SIZE"},
    {"max_entries", KEY_INT, OF(HostConfig, max_entries), "1000000", "most files and directories of a release", .min = 1, .max = 100000000, .env = "LIFTLOCK_MAX_ENTRIES"},
    {"max_index_size", KEY_SIZE, OF(HostConfig, max_index_bytes), "1MiB", "largest list of releases", .min = 1024, .max = DOCUMENT_MAX_BYTES, .env = "LIFTLOCK_MAX_INDEX_SIZE"},
    {"space_margin", KEY_SIZE, OF(HostConfig, space_margin_bytes), "64MiB", "room that must stay free on each file system", .env = "LIFTLOCK_SPACE_MARGIN"},
    {"host_id", KEY_TEXT, OF(HostConfig, host_id), NULL, "what this host is told apart by in rollouts; default: /etc/machine-id", .env = "LIFTLOCK_HOST_ID"},
    {"proxy", KEY_TEXT, OF(HostConfig, proxy), NULL, "proxy of all transfers", .address = TRUE, .env = "LIFTLOCK_PROXY"},
    {"no_proxy", KEY_TEXT, OF(HostConfig, no_proxy), NULL, "hosts that are reached without it, with commas between", .env = "LIFTLOCK_NO_PROXY"},
    {"ca_file", KEY_ABSOLUTE, OF(HostConfig, ca_file), NULL, "certificates (PEM) that servers are believed by, in place of the system's"},
    {0},
};

static const Key app_keys[] = {
    {"root", KEY_ABSOLUTE, IN(app, root), NULL, "where the app lives; default: /opt/NAME"},
    {"layout", KEY_ENUM, IN(app, layout), "releases", "how releases lie there, as their manifests say", .words = layout_names},
    {"user", KEY_TEXT, IN(app, user), NULL, "user that the app runs as; default: its name"},
    {"group", KEY_TEXT, IN(app, group), NULL, "group that the app runs as; default: the user's"},
    {"manifest", KEY_PATH, IN(app, manifest), NULL, "the manifest's name in a release, where it is not one of ours"},
    {"privileged_hooks", KEY_BOOL, IN(app, privileged_hooks), "false", "whether hooks (pre_update, post_update, rollback) run as root, and an app may run as root"},
    {0},
};

static const Key trust_keys[] = {
    {"level", KEY_ENUM, IN(trust, level), NULL, "what proves that a release is the publisher's", .required = TRUE, .words = trust_names},
    {"key", KEY_TEXT, IN(trust, key), NULL, "the publisher's public key"},
    {"root", KEY_ABSOLUTE, IN(trust, root), NULL, "level tuf: file with the root metadata that trust begins with"},
    {"allowed_signers", KEY_ABSOLUTE, IN(trust, allowed_signers), NULL, "level git: file of the ssh keys that may sign, as ssh-keygen(1) describes it"},
    {"keyring", KEY_ABSOLUTE, IN(trust, keyring), NULL, "level git: file of the OpenPGP keys that may sign, as 'gpg --export' writes it"},
    {0},
};

static const Key policy_keys[] = {
    {"mode", KEY_ENUM, IN(policy, mode), "manual", "manual: the operator may override; dashboard: policy decides", .words = mode_names},
    {"min_age", KEY_DURATION, IN(policy, min_age_ms), "0", "how old a release must be before it is taken", .max = (gint64)3650 * DAY_MS},
    {"min_age_of", KEY_TEXT_MAP, IN(policy, min_age_of), NULL, "the same by severity, as {security = \"2h\", normal = \"7d\"}; default: nothing for security and critical"},
    {"pin", KEY_RANGE, IN(policy, pin), NULL, "version or range to stay in"},
    {"group", KEY_TEXT, IN(policy, group), NULL, "this host's group in rollouts: the name of a stage, canary or stable"},
    {"keep_releases", KEY_INT, IN(policy, keep_releases), NULL, "releases to keep on disk; default: as the manifest says", .min = 2, .max = 1000},
    {"keep_backups", KEY_INT, IN(policy, keep_backups), NULL, "backups to keep; default: as the manifest says", .max = 1000},
    {"rehearse", KEY_BOOL, IN(policy, rehearse), "false", "every update is rehearsed first, as by --rehearse"},
    {"max_download", KEY_SIZE, IN(policy, max_download_bytes), "0", "no update takes a larger download; 0: any size"},
    {"max_attempts", KEY_INT, IN(policy, max_attempts), "3", "attempts before a job waits for the operator", .min = 1, .max = 100},
    {0},
};

static const Key auto_keys[] = {
    {"calendar", KEY_TEXT, IN(auto_, calendar), NULL, "when the timer begins, as systemd.time(7) has it; default: when the window opens, or at 06:00"},
    {"random_delay", KEY_DURATION, IN(auto_, random_delay_ms), "30m", "it begins up to so much later, but within half of the window", .max = DAY_MS},
    {"window", KEY_TEXT, IN(auto_, window), NULL, "span of the day in which the app may be updated unattended, such as 22:00-05:00, on the host's own clock"},
    {0},
};

static const Key backups_keys[] = {
    {"encrypt_to", KEY_TEXT, IN(backups, encrypt_to), NULL, "public key of age(1), age1...: backups can be read with its private key only, which need not be on this host"},
    {0},
};

static const Key security_keys[] = {
    {"allowed_file_types", KEY_TEXTS, IN(security, allowed_file_types), NULL, "types that files of a release may have, such as .py; \"\" are files without one; default: all"},
    {"max_file_size", KEY_SIZE, IN(security, max_file_bytes), NULL, "largest file of a release; default: the host's", .min = 1, .max = G_MAXINT64},
    {"max_release_size", KEY_SIZE, IN(security, max_release_bytes), NULL, "largest release, packed or unpacked; default: the host's", .min = 1, .max = G_MAXINT64},
    {"privileged_files", KEY_TEXTS, IN(security, privileged_files), NULL, "globs of files that are written as root's own; what a release calls privileged comes only so"},
    {0},
};

static const Key notify_keys[] = {
    {"type", KEY_TEXT, OF(NotifyConfig, type), NULL, "how to tell", .required = TRUE, .words = notify_names},
    {"url", KEY_TEXT, OF(NotifyConfig, url), NULL, "where the webhook is", .secret = TRUE},
    {"url_file", KEY_ABSOLUTE, OF(NotifyConfig, url_file), NULL, "file that holds the webhook's address, where it is a secret"},
    {"server", KEY_TEXT, OF(NotifyConfig, server), NULL, "mail: the server, HOST or HOST:PORT"},
    {"encryption", KEY_ENUM, OF(NotifyConfig, encryption), "starttls", "mail: starttls (port 587), tls (465) or none (25); never less than it says", .words = mail_encryption_names},
    {"user", KEY_TEXT, OF(NotifyConfig, user), NULL, "mail: who we are to the server"},
    {"password_file", KEY_ABSOLUTE, OF(NotifyConfig, password_file), NULL, "mail: file of root's alone whose first line is the password"},
    {"from", KEY_TEXT, OF(NotifyConfig, from), NULL, "mail: sender's address; default: liftlock@HOST"},
    {"to", KEY_TEXTS, OF(NotifyConfig, to), NULL, "mail: recipients' addresses"},
    {"ca_file", KEY_ABSOLUTE, OF(NotifyConfig, ca_file), NULL, "mail: PEM certificates that the server's must lead to; default: the system's"},
    {"command", KEY_TEXT, OF(NotifyConfig, command), NULL, "shell line that gets the message on its standard input"},
    {"on", KEY_TEXTS, OF(NotifyConfig, on), NULL, "verdicts to tell of; default: all", .words = verdict_names},
    {"message", KEY_TEXT, OF(NotifyConfig, message), NULL, "text; {app} {version} {from} {error} {host} {verdict} are replaced"},
    {"timeout", KEY_DURATION, OF(NotifyConfig, timeout_ms), "10s", "longest time of one try", .min = 1, .max = 600000},
    {"retry_count", KEY_INT, OF(NotifyConfig, retry_count), "2", "further tries", .max = 100},
    {0},
};

static const Key database_keys[] = {
    {"admin_user", KEY_TEXT, OF(DatabaseConfig, admin_user), NULL, "account of this host that may copy and rename the database, as the role of its name"},
    {"admin_url_file", KEY_ABSOLUTE, OF(DatabaseConfig, admin_url_file), NULL, "file of root's alone with the address of a role that may"},
    {0},
};

static const Key switch_keys[] = {
    {"proxy", KEY_TEXT, OF(SwitchConfig, proxy), NULL, "what sends users to a release; default: as the manifest says", .words = proxy_names},
    {"unit", KEY_TEXT, OF(SwitchConfig, unit), NULL, "its unit, which is reloaded; default: PROXY.service"},
    {"url", KEY_TEXT, OF(SwitchConfig, url), NULL, "address at which it answers for the app's identity; default: as the manifest says"},
    {0},
};

static const Key observe_keys[] = {
    {"window", KEY_DURATION, IN(observe, window_ms), NULL, "time that a release is watched; default: as the manifest says", .max = (gint64)7 * DAY_MS},
    {0},
};

const Key app_config_keys[] = {
    {"app", KEY_TABLE, OF(AppConfig, app), NULL, "the app on this host", .table = app_keys},
    {"source", KEY_TABLE, OF(AppConfig, source), NULL, "where releases come from", .required = TRUE, .table = config_source_keys},
    {"trust", KEY_TABLE, OF(AppConfig, trust), NULL, "what proves that they are the publisher's", .required = TRUE, .table = trust_keys},
    {"policy", KEY_TABLE, OF(AppConfig, policy), NULL, "which release may follow which, when", .table = policy_keys},
    {"auto", KEY_TABLE, OF(AppConfig, auto_), NULL, "when the app is updated unattended", .table = auto_keys},
    {"backups", KEY_TABLE, OF(AppConfig, backups), NULL, "how backups are kept", .table = backups_keys},
    {"security", KEY_TABLE, OF(AppConfig, security), NULL, "what of a release may come to this host", .table = security_keys},
    {"destinations", KEY_TEXT_MAP, OF(AppConfig, destinations), NULL, "directories of the release that lie in a folder of their own here (layout files)"},
    {"environment", KEY_TEXT_MAP, OF(AppConfig, environment), NULL, "variables for programs of the app, and for env_var in conditions"},
    {"notify", KEY_TABLE_MAP, OF(AppConfig, notify), NULL, "whom to tell", .table = notify_keys, .size = sizeof(NotifyConfig)},
    {"database", KEY_TABLE_MAP, OF(AppConfig, database), NULL, "who may copy and rename the app's databases", .table = database_keys, .size = sizeof(DatabaseConfig)},
    {"switch", KEY_TABLE_MAP, OF(AppConfig, switch_), NULL, "how users reach the app's services that are switched", .table = switch_keys, .size = sizeof(SwitchConfig)},
    {"observe", KEY_TABLE, OF(AppConfig, observe), NULL, "what is watched after commit", .table = observe_keys},
    {0},
};
/* clang-format on */

/* --- the host ------------------------------------------------------------------------------------------------ */

HostConfig *host_config_read(Node *document, const char *path, gboolean environment, GError **error)
{
    g_autoptr(HostConfig) config = g_new0(HostConfig, 1);
    config->document = document;
    if (environment && !schema_environment(host_config_keys, document, FAULT_CONFIG, error))
        return NULL;
    if (!schema_read(host_config_keys, document, path, FAULT_CONFIG, config, error))
        return NULL;
    return g_steal_pointer(&config);
}

void host_config_free(HostConfig *config)
{
    if (!config)
        return;
    schema_clear(host_config_keys, config);
    node_free(config->document);
    g_free(config);
}

/* --- an app -------------------------------------------------------------------------------------------------- */

gboolean config_fault_at(const ConfigChecker *checker, const char *pointer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *at = g_strdup(pointer);
    const Node *node = NULL;
    while (!(node = node_pointer(checker->document, at)) && *at)
        *strrchr(at, '/') = '\0';
    return schema_fault(checker->error, FAULT_CONFIG, checker->path, node ? node->line : 0, node ? node->column : 0,
                        "%s", text);
}

gboolean app_name_is_valid(const char *name)
{
    static const char first[] = G_CSET_a_2_z G_CSET_DIGITS;
    static const char rest[] = G_CSET_a_2_z G_CSET_DIGITS "_-";
    if (!name || !*name || !strchr(first, *name) || strcmp(name, "liftlock") == 0)
        return FALSE;
    gsize length = strspn(name, rest);
    return length <= 32 && name[length] == '\0';
}

/* useradd(8)'s names. Numbers are refused: "0" is root as well. */
static gboolean is_account(const char *name)
{
    gsize length = strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.-");
    return (g_ascii_isalpha(*name) || *name == '_') && length <= 32 && name[length] == '\0';
}

static gboolean check_app(const ConfigChecker *checker, const AppConfig *config)
{
    const struct {
        const char *pointer, *value;
    } accounts[] = {{"/app/user", config->app.user}, {"/app/group", config->app.group}};
    for (gsize i = 0; i < G_N_ELEMENTS(accounts); i++)
        if (accounts[i].value && !is_account(accounts[i].value)) {
            g_autofree char *quoted = schema_quote(accounts[i].value);
            return config_fault_at(checker, accounts[i].pointer, "'%s' must be a name of a %s, not %s",
                                   accounts[i].pointer + strlen("/app/"), accounts[i].pointer + strlen("/app/"),
                                   quoted);
        }
    if (config->app.root && strcmp(config->app.root, "/") == 0)
        return config_fault_at(checker, "/app/root", "'root' must be a directory of the app's own, not '/'");
    if (g_strcmp0(config->app.user, "root") == 0 && !config->app.privileged_hooks)
        return config_fault_at(checker, "/app/user", "'user' is root, but 'privileged_hooks' is not true") ||
               fault_hint(checker->error, "the publisher's shell lines would run as root; give the app a user of its "
                                          "own, or allow it on purpose");
    return TRUE;
}

/* Each type needs one thing, and what another type needs would be without effect. */
static gboolean check_notify(const ConfigChecker *checker, const NotifyConfig *notify)
{
    gboolean webhook = strcmp(notify->type, "webhook") == 0, command = strcmp(notify->type, "command") == 0;
    g_autofree char *table = g_strdup_printf("/notify/%s", notify->name);
    g_autofree char *name = schema_quote(notify->name);
    if (webhook && !notify->url == !notify->url_file)
        return config_fault_at(checker, table, "notify %s needs either 'url' or 'url_file'", name);
    if (webhook && notify->url && !url_is_plain(notify->url))
        return config_fault_at(checker, table, "'url' of notify %s must be an http or https address", name);
    if (!webhook && (notify->url || notify->url_file))
        return config_fault_at(checker, table, "'%s' has no meaning for notify %s of type '%s'",
                               notify->url ? "url" : "url_file", name, notify->type);
    if (command && !notify->command)
        return config_fault_at(checker, table, "notify %s needs 'command'", name);
    if (!command && notify->command)
        return config_fault_at(checker, table, "'command' has no meaning for notify %s of type '%s'", name,
                               notify->type);
    const char *key = NULL;
    g_autofree char *problem = mail_config_problem(notify, &key);
    g_autofree char *at = key ? g_strdup_printf("%s/%s", table, key) : g_strdup(table);
    if (problem)
        return config_fault_at(checker, at, "%s", problem);
    g_autofree char *on = g_strconcat(table, "/on", NULL);
    if (notify->on->len == 0 && node_pointer(checker->document, on))
        return config_fault_at(checker, on, "'on' of notify %s is empty", name) ||
               fault_hint(checker->error, "leave 'on' out to be told of all, or remove [notify.%s]", notify->name);
    return TRUE;
}

static gboolean check_notifies(const ConfigChecker *checker, const AppConfig *config)
{
    for (guint i = 0; i < config->notify->len; i++) {
        NotifyConfig *notify = config->notify->pdata[i];
        if (!app_name_is_valid(notify->name)) {
            g_autofree char *quoted = schema_quote(notify->name);
            return config_fault_at(checker, "/notify",
                                   "a name below 'notify' must be at most 32 of a-z, 0-9, '_' and '-', not %s", quoted);
        }
        gboolean tells_of_all = notify->on->len == 0; /* an empty list has been refused */
        if (!check_notify(checker, notify))
            return FALSE;
        for (guint j = 0; tells_of_all && verdict_names[j]; j++)
            g_ptr_array_add(notify->on, g_strdup(verdict_names[j]));
    }
    return TRUE;
}

/* Bech32 (BIP 173): what age-keygen(1) prints. Its checksum is left to age. */
static gboolean check_backups(const ConfigChecker *checker, const AppConfig *config)
{
    static const char prefix[] = "age1", charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    enum { LENGTH = 62 };
    const char *key = config->backups.encrypt_to;
    if (!key || (strlen(key) == LENGTH && g_str_has_prefix(key, prefix) &&
                 strspn(key + strlen(prefix), charset) == LENGTH - strlen(prefix)))
        return TRUE;
    g_autofree char *quoted = schema_quote(key);
    gboolean is_private = g_ascii_strncasecmp(key, "AGE-SECRET-KEY-", strlen("AGE-SECRET-KEY-")) == 0;
    return config_fault_at(checker, "/backups/encrypt_to",
                           "'encrypt_to' must be a public key of age (age1 and 58 more), not %s",
                           is_private ? "a private one" : quoted);
}

static gboolean check_databases(const ConfigChecker *checker, const AppConfig *config)
{
    for (guint i = 0; i < config->database->len; i++) {
        const DatabaseConfig *database = config->database->pdata[i];
        g_autofree char *table = g_strdup_printf("/database/%s", database->name);
        g_autofree char *name = schema_quote(database->name);
        if (!database->admin_user == !database->admin_url_file)
            return config_fault_at(checker, table, "database %s needs either 'admin_user' or 'admin_url_file'", name);
        if (!database->admin_user || (is_account(database->admin_user) && strcmp(database->admin_user, "root") != 0))
            continue;
        g_autofree char *at = g_strconcat(table, "/admin_user", NULL), *quoted = schema_quote(database->admin_user);
        return config_fault_at(checker, at, "'admin_user' must be a name of a user other than root, not %s", quoted);
    }
    return TRUE;
}

static gboolean check_switches(const ConfigChecker *checker, const AppConfig *config)
{
    for (guint i = 0; i < config->switch_->len; i++) {
        const SwitchConfig *item = config->switch_->pdata[i];
        g_autofree char *unit_at = g_strdup_printf("/switch/%s/unit", item->name);
        g_autofree char *url_at = g_strdup_printf("/switch/%s/url", item->name);
        g_autofree char *unit = item->unit ? schema_quote(item->unit) : NULL;
        if (item->unit && !unit_is_plain(item->unit))
            return config_fault_at(checker, unit_at, "'unit' must be a unit such as caddy.service, not %s", unit);
        if (item->url && !url_is_plain(item->url))
            return config_fault_at(checker, url_at, "'url' must be an http or https address");
    }
    return TRUE;
}

static gboolean check_limits(const ConfigChecker *checker, const AppConfig *config)
{
    const char *pointer = NULL;
    g_autofree char *problem = limits_config_problem(config, &pointer);
    return !problem || config_fault_at(checker, pointer, "%s", problem);
}

static gboolean check_destinations(const ConfigChecker *checker, const AppConfig *config)
{
    g_autofree char *problem = destinations_problem(config);
    return !problem || config_fault_at(checker, "/destinations", "%s", problem);
}

static gboolean check_auto(const ConfigChecker *checker, const AppConfig *config)
{
    const char *pointer = NULL;
    g_autofree char *problem = auto_config_problem(config, &pointer);
    return !problem || config_fault_at(checker, pointer, "%s", problem);
}

/* Numbers that the manifest gives where the operator does not. */
static void defer_to_manifest(AppConfig *config)
{
    const struct {
        const char *pointer;
        gint64 *value;
    } deferred[] = {{"/policy/keep_releases", &config->policy.keep_releases},
                    {"/policy/keep_backups", &config->policy.keep_backups},
                    {"/observe/window", &config->observe.window_ms}};
    for (gsize i = 0; i < G_N_ELEMENTS(deferred); i++)
        if (!node_pointer(config->document, deferred[i].pointer))
            *deferred[i].value = -1;
}

AppConfig *app_config_read(Node *document, const char *name, const char *path, GError **error)
{
    g_autoptr(AppConfig) config = g_new0(AppConfig, 1);
    config->document = document;
    config->name = g_strdup(name);
    if (!app_name_is_valid(name)) {
        g_autofree char *quoted = schema_quote(name);
        fault_set(error, FAULT_CONFIG, "%s: %s is no name of an app", path, quoted);
        fault_hint(error, "names are at most 32 of a-z, 0-9, '_' and '-', and begin with a letter or digit");
        return NULL;
    }
    if (!schema_read(app_config_keys, document, path, FAULT_CONFIG, config, error))
        return NULL;
    const ConfigChecker checker = {.path = path, .document = document, .error = error};
    if (!check_app(&checker, config) || !config_source_check(&checker, config) ||
        !config_trust_check(&checker, config) || !check_backups(&checker, config) ||
        !check_notifies(&checker, config) || !check_databases(&checker, config) || !check_switches(&checker, config) ||
        !check_limits(&checker, config) || !check_destinations(&checker, config) || !check_auto(&checker, config))
        return NULL;
    defer_to_manifest(config);
    return g_steal_pointer(&config);
}

void app_config_free(AppConfig *config)
{
    if (!config)
        return;
    schema_clear(app_config_keys, config);
    g_free(config->name);
    node_free(config->document);
    g_free(config);
}
