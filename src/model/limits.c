/* SPDX-License-Identifier: Apache-2.0 */
/* Types, sizes and privileges of a release's files, by the app's config on this host. */
#include "model/limits.h"

#include "base/fault.h"
#include "model/glob.h"

#include <string.h>

/* ".py" of "src/a.py", ".env" of ".env", "" of "Makefile". Borrowed. */
static const char *type_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return dot ? dot : "";
}

static gboolean is_allowed_type(const AppConfig *config, const char *path)
{
    const GPtrArray *types = config->security.allowed_file_types;
    const char *own[] = {config->app.manifest, NULL};
    if (types->len == 0 || g_strv_contains(config->app.manifest ? own : (const char **)manifest_names, path))
        return TRUE;
    for (guint i = 0; i < types->len; i++)
        if (g_ascii_strcasecmp(types->pdata[i], type_of(path)) == 0)
            return TRUE;
    return FALSE;
}

gboolean limits_allow_file(const AppConfig *config, const char *path, guint64 size_bytes, GError **error)
{
    g_autofree char *shown = schema_quote(path);
    if (!is_allowed_type(config, path)) {
        const char *type = type_of(path);
        g_autofree char *quoted = schema_quote(type);
        fault_set(error, FAULT_POLICY, "%s: files %s%s are not allowed on this host", shown,
                  *type ? "of the type " : "without a type", *type ? quoted : "");
        return fault_hint(error, "'allowed_file_types' in [security] of the app's config names what is");
    }
    if (config->security.max_file_bytes == 0 || size_bytes <= (guint64)config->security.max_file_bytes)
        return TRUE;
    g_autofree char *limit = size_format(config->security.max_file_bytes);
    return fault_set(error, FAULT_POLICY, "%s has %" G_GUINT64_FORMAT " bytes, this host allows %s a file", shown,
                     size_bytes, limit);
}

static gboolean any_matches(const GPtrArray *globs, const char *path)
{
    for (guint i = 0; i < globs->len; i++)
        if (glob_matches(globs->pdata[i], path))
            return TRUE;
    return FALSE;
}

FilePrivilege limits_privilege(const AppConfig *config, const Manifest *manifest, const char *path)
{
    if (any_matches(config->security.privileged_files, path))
        return PRIVILEGE_GRANTED;
    return any_matches(manifest->privileged_files, path) ? PRIVILEGE_WITHHELD : PRIVILEGE_NONE;
}

void limits_note_withheld(const AppConfig *config, const Manifest *manifest, GPtrArray *notes)
{
    for (guint i = 0; i < manifest->privileged_files->len; i++) {
        const char *glob = manifest->privileged_files->pdata[i];
        gboolean named = FALSE;
        for (guint j = 0; !named && j < config->security.privileged_files->len; j++)
            named = glob_covers(config->security.privileged_files->pdata[j], glob);
        g_autofree char *quoted = schema_quote(glob);
        if (!named)
            g_ptr_array_add(notes, g_strdup_printf("the privileged %s does not come: 'privileged_files' in [security] "
                                                   "of the app's config does not name it",
                                                   quoted));
    }
}

void limits_tighten(HostConfig *host, const AppConfig *config)
{
    if (config->security.max_file_bytes > 0)
        host->max_file_bytes = MIN(host->max_file_bytes, config->security.max_file_bytes);
    if (config->security.max_release_bytes > 0)
        host->max_release_bytes = MIN(host->max_release_bytes, config->security.max_release_bytes);
}

/* --- the config ----------------------------------------------------------------------------------------------- */

static gboolean is_type(const char *text)
{
    return !*text || (*text == '.' && text[1] && !strpbrk(text, "/*?[ ") && !strchr(text + 1, '.'));
}

/* Of ours there is one set of values, and what a program is loaded with is not for a list of settings. */
static gboolean is_variable(const char *name)
{
    return *name && !g_ascii_isdigit(*name) && !g_str_has_prefix(name, "LIFTLOCK_") && !g_str_has_prefix(name, "LD_") &&
           name[strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_")] == '\0';
}

char *limits_config_problem(const AppConfig *config, const char **pointer)
{
    *pointer = "/security/allowed_file_types";
    for (guint i = 0; i < config->security.allowed_file_types->len; i++) {
        g_autofree char *quoted = schema_quote(config->security.allowed_file_types->pdata[i]);
        if (!is_type(config->security.allowed_file_types->pdata[i]))
            return g_strdup_printf("'allowed_file_types' must list types such as .py, not %s", quoted);
    }
    *pointer = "/security/privileged_files";
    for (guint i = 0; i < config->security.privileged_files->len; i++) {
        const char *problem = glob_problem(config->security.privileged_files->pdata[i]);
        g_autofree char *quoted = schema_quote(config->security.privileged_files->pdata[i]);
        if (problem)
            return g_strdup_printf("the pattern %s in 'privileged_files' %s", quoted, problem);
    }
    *pointer = "/environment";
    for (guint i = 0; i < config->environment->len; i++) {
        g_autofree char *quoted = schema_quote(((const KeyPair *)config->environment->pdata[i])->name);
        if (!is_variable(((const KeyPair *)config->environment->pdata[i])->name))
            return g_strdup_printf("a name below 'environment' must be that of a variable, not of ours (LIFTLOCK_) or "
                                   "of the linker (LD_), not %s",
                                   quoted);
    }
    *pointer = "/policy/group";
    const char *group = config->policy.group;
    if (!group || (*group && strlen(group) <= 64 && g_str_is_ascii(group) && !strpbrk(group, " \t\n\"'\\")))
        return NULL;
    g_autofree char *quoted = schema_quote(group);
    return g_strdup_printf("'group' must be a word of at most 64 letters, not %s", quoted);
}
