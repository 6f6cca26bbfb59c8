/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit runs, asked of the manager. */
#include "parts/service/script.h"

#include <pwd.h>
#include <string.h>

#include "parts/service/drivers.h"
#include "parts/service/systemd_bus.h"

#define ACTIVATE "/usr/bin/systemd-socket-activate"

static gboolean refuse(const Service *service, GError **error, const char *why)
{
    return fault_set(error, FAULT_REQUIREMENT, "service '%s' cannot be rehearsed: %s", service->name, why);
}

/* It runs as the app's user there; a unit of somebody else's would be another thing. */
static gboolean is_of_user(const Place *place, GVariant *unit)
{
    g_autofree char *user = NULL;
    if (!g_variant_lookup(unit, "User", "s", &user) || !*user)
        return place->uid == geteuid();
    char *end;
    guint64 number = g_ascii_strtoull(user, &end, 10);
    struct passwd *entry = *end == '\0' ? NULL : getpwnam(user);
    return entry ? entry->pw_uid == place->uid : *end == '\0' && number == place->uid;
}

/* --- environment --- */

static void add_plain(GVariant *unit, GPtrArray *environment)
{
    g_auto(GStrv) entries = NULL;
    if (!g_variant_lookup(unit, "Environment", "^as", &entries))
        return;
    for (char **entry = entries; *entry; entry++)
        g_ptr_array_add(environment, g_strdup(*entry));
}

/* They are read where they are played: a rehearsal may show other ones there. */
static void add_files(GVariant *unit, GPtrArray *files)
{
    g_autoptr(GVariant) all = g_variant_lookup_value(unit, "EnvironmentFiles", G_VARIANT_TYPE("a(sb)"));
    for (gsize i = 0; all && i < g_variant_n_children(all); i++) {
        const char *path;
        gboolean may_be_missing;
        g_variant_get_child(all, i, "(&sb)", &path, &may_be_missing);
        g_ptr_array_add(files, g_strconcat(may_be_missing ? "-" : "", path, NULL));
    }
}

/* --- commands --- */

static void append_words(GString *line, const char *path, char *const *argv)
{
    g_autofree char *program = g_shell_quote(path);
    g_string_append(line, program);
    for (guint i = 1; argv[0] && argv[i]; i++) {
        g_autofree char *word = service_script_word(argv[i]);
        g_string_append_printf(line, " %s", word);
    }
}

/* "+", "!" and "!!" before a command: it would have rights there that it has not here. */
static gboolean is_privileged(char *const *flags)
{
    return g_strv_contains((const char *const *)flags, "privileged") ||
           g_strv_contains((const char *const *)flags, "no-setuid") ||
           g_strv_contains((const char *const *)flags, "ambient");
}

/* Each command of ExecStartPre or ExecStart with `before` in front; the former are followed by what comes after them.
 * Returns how many there are, -1 if one of them cannot be played. */
static int append_commands(GVariant *unit, const char *property, const char *before, GString *line)
{
    g_autoptr(GVariant) commands = g_variant_lookup_value(unit, property, G_VARIANT_TYPE("a(sasasttttuii)"));
    gsize n = commands ? g_variant_n_children(commands) : 0;
    for (gsize i = 0; i < n; i++) {
        const char *path;
        g_auto(GStrv) argv = NULL, flags = NULL;
        g_variant_get_child(commands, i, "(&s^as^asttttuii)", &path, &argv, &flags, NULL, NULL, NULL, NULL, NULL, NULL,
                            NULL);
        if (is_privileged(flags))
            return -1;
        g_string_append(line, before);
        append_words(line, path, argv);
        if (!*before)
            g_string_append(line, g_strv_contains((const char *const *)flags, "ignore-failure") ? "; " : " && ");
    }
    return (int)n;
}

static void append_directory(GVariant *unit, GString *line)
{
    g_autofree char *directory = NULL;
    if (!g_variant_lookup(unit, "WorkingDirectory", "s", &directory) || !*directory)
        return;
    const char *path = *directory == '!' ? directory + 1 : directory; /* '!': may be missing */
    g_autofree char *quoted = g_shell_quote(path);
    g_string_append_printf(line, "cd %s %s ", quoted, *directory == '!' ? "2>/dev/null;" : "&&");
}

/* --- what it waits on and where it puts things --- */

static void add_directory(GPtrArray *directories, const char *path)
{
    if (g_str_has_prefix(path, "/run/") && path[strlen("/run/")] && g_file_test(path, G_FILE_TEST_IS_DIR))
        g_ptr_array_add(directories, g_strdup(path));
}

static void add_runtime(GVariant *unit, GPtrArray *directories)
{
    g_auto(GStrv) names = NULL;
    if (!g_variant_lookup(unit, "RuntimeDirectory", "^as", &names))
        return;
    for (char **name = names; *name; name++) {
        g_autofree char *path = g_build_filename("/run", *name, NULL);
        add_directory(directories, path);
    }
}

/* A socket that waits for the first connection, as the manager's would: systemd-socket-activate(1). */
static gboolean append_sockets(const Service *service, Manager *manager, const UnitFacts *facts, ServiceScript *script,
                               GString *prefix, GError **error)
{
    for (char **unit = facts->triggered_by; *unit; unit++) {
        if (!g_str_has_suffix(*unit, ".socket"))
            continue;
        g_autoptr(GVariant) socket = manager_unit_properties(manager, *unit, error);
        g_autoptr(GVariant) list = socket ? g_variant_lookup_value(socket, "Listen", G_VARIANT_TYPE("a(ss)")) : NULL;
        if (!socket)
            return FALSE;
        for (gsize i = 0; list && i < g_variant_n_children(list); i++) {
            const char *kind, *address;
            g_variant_get_child(list, i, "(&s&s)", &kind, &address);
            if (strcmp(kind, "Stream") != 0)
                return refuse(service, error, "its socket is no stream");
            g_autofree char *quoted = g_shell_quote(address);
            g_string_append_printf(prefix, " -l %s", quoted);
            g_autofree char *above = g_path_get_dirname(address);
            add_directory(script->directories, above);
        }
    }
    return TRUE;
}

/* It hands on nothing that it is not told to. */
#define ALL_NAMES " $(env | sed -n 's/^\\([A-Za-z_][A-Za-z_0-9]*\\)=.*/-E \\1/p') "

static gboolean write_line(const Service *service, Manager *manager, const UnitFacts *facts, GVariant *unit,
                           ServiceScript *script, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(GString) prefix = g_string_new(NULL);
    if (!append_sockets(service, manager, facts, script, prefix, error))
        return FALSE;
    if (prefix->len > 0) {
        g_string_prepend(prefix, "exec " ACTIVATE);
        g_string_append(prefix, ALL_NAMES);
    }
    append_directory(unit, line);
    if (append_commands(unit, "ExecStartPreEx", "", line) < 0)
        return refuse(service, error, "its ExecStartPre runs with more rights than the app");
    if (append_commands(unit, "ExecStartEx", prefix->len > 0 ? prefix->str : "exec ", line) != 1)
        return refuse(service, error, "its unit has not exactly one ExecStart that runs as the app's user");
    script->start = g_strdup(line->str);
    return TRUE;
}

gboolean service_script_read(const PartContext *context, const Service *service, ServiceScript *script, GError **error)
{
    *script = (ServiceScript){.environment = g_ptr_array_new_with_free_func(g_free),
                              .files = g_ptr_array_new_with_free_func(g_free),
                              .directories = g_ptr_array_new_with_free_func(g_free)};
    g_autofree char *name = service_unit_name(service->unit);
    g_autoptr(Manager) manager = manager_connect(context->place, error);
    g_auto(UnitFacts) facts = {0};
    if (!manager || !manager_unit_facts(manager, name, &facts, error))
        return FALSE;
    if (!g_str_has_suffix(name, ".service")) /* a socket comes with its service, a timer or a target is not played */
        return TRUE;
    g_autoptr(GVariant) unit = manager_unit_properties(manager, name, error);
    if (!unit)
        return FALSE;
    if (!is_of_user(context->place, unit))
        return refuse(service, error, "its unit runs as another user than the app's");
    add_plain(unit, script->environment);
    add_runtime(unit, script->directories);
    add_files(unit, script->files);
    return write_line(service, manager, &facts, unit, script, error);
}
