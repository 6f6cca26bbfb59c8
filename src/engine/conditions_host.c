/* SPDX-License-Identifier: Apache-2.0 */
/* How the host answers the words of an expression. */
#include "engine/conditions.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "parts/service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define COMMAND_TIMEOUT_MS 30000
#define COMMANDS_TIMEOUT_MS 120000 /* of all commands of a release's conditions together */

/* --- files ----------------------------------------------------------------------------------------------------- */

/* The part of an absolute path below the app's root; NULL: it lies elsewhere. Borrowed. */
static const char *below_root(const char *root, const char *path)
{
    gsize length = strlen(root);
    if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    path += length;
    return path + strspn(path, "/");
}

/* As the path would be without the link `current`, which no look beneath a directory follows. The caller frees. */
static char *without_current(const Place *place, const char *path)
{
    if (strcmp(path, "current") != 0 && !g_str_has_prefix(path, "current/"))
        return g_strdup(path);
    g_autofree char *target = g_file_read_link(place->current, NULL);
    return target ? g_strconcat(target, path + strlen("current"), NULL) : g_strdup(path);
}

static gboolean file_exists(const char *path, gpointer data, gboolean *answer, GError **error)
{
    const Conditions *conditions = data;
    const Place *place = conditions->part->place;
    g_autofree char *under = g_strconcat(conditions->host_root, path, NULL);
    const char *inside = *path != '/' ? path : below_root(place->root, path);
    if (!inside && !(inside = below_root(place->root, under))) {
        g_autofree char *quoted = schema_quote(path);
        return fault_set(error, FAULT_REQUIREMENT, "file_exists(%s): that is not below the app's root, %s", quoted,
                         place->root);
    }
    fs_fd int root = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *answer = FALSE;
    if (root < 0)
        return errno == ENOENT || fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", place->root);
    g_autofree char *plain = without_current(place, inside);
    *answer = *plain ? fs_exists(root, plain) : TRUE;
    return TRUE;
}

/* --- services -------------------------------------------------------------------------------------------------- */

static gboolean service_running(const char *name, gpointer data, gboolean *answer, GError **error)
{
    const Conditions *conditions = data;
    g_autofree char *unit = strchr(name, '.') ? g_strdup(name) : g_strconcat(name, ".service", NULL);
    const Service other = {.name = unit, .unit = unit};
    const Service *own = conditions->installed ? service_named(conditions->installed, name) : NULL;
    const Service *service = own ? own : &other;
    ServiceState state = {0};
    gboolean good = service_find(service)->observe(conditions->part, service, &state, error);
    *answer = good && state.active;
    service_state_clear(&state);
    return good || fault_prefix(error, "service_running('%s')", name);
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static gint64 time_left_ms(Conditions *conditions)
{
    gint64 now_ms = clock_monotonic_ms();
    if (conditions->deadline_ms == 0)
        conditions->deadline_ms = now_ms + COMMANDS_TIMEOUT_MS;
    return conditions->deadline_ms - now_ms;
}

static gboolean command(const char *line, gpointer data, gboolean *answer, GError **error)
{
    Conditions *conditions = data;
    const PartContext *part = conditions->part;
    g_autofree char *quoted = schema_quote(line);
    gint64 left_ms = time_left_ms(conditions);
    if (left_ms <= 0)
        return fault_set(error, FAULT_REQUIREMENT, "command(%s): the conditions of the release take longer than %d s",
                         quoted, COMMANDS_TIMEOUT_MS / 1000);
    g_autoptr(GPtrArray) environment = engine_environment(part->place, conditions->config);
    g_ptr_array_add(environment, NULL);
    const char *const nowhere[] = {NULL};
    const ProcessSpec spec = {
        .shell = line,
        .directory = g_file_test(part->place->current, G_FILE_TEST_IS_DIR) ? part->place->current : NULL,
        .environment = part->environment ? part->environment : (const char *const *)environment->pdata,
        .change_user = part->place->change_user,
        .uid = part->place->uid,
        .gid = part->place->gid,
        .timeout_ms = MIN(left_ms, COMMAND_TIMEOUT_MS),
        .keep_fds = &part->lock_fd,
        .n_keep_fds = part->lock_fd >= 0,
        .on_line = part->on_line,
        .on_line_data = part->on_line_data,
        .read_only = TRUE,
        .write_paths = nowhere,
    };
    ProcessOutcome outcome = {0};
    if (!process_run(&spec, &outcome, error))
        return fault_prefix(error, "command(%s)", quoted);
    *answer = outcome.exited && outcome.status == 0;
    if (outcome.exited)
        return TRUE;
    g_autofree char *how = process_describe(&outcome);
    return fault_set(error, FAULT_REQUIREMENT, "command(%s): %s", quoted, how);
}

/* --- values --- */

static gboolean env_var(const char *name, gpointer data, char **value, GError **error)
{
    const Conditions *conditions = data;
    g_autoptr(GPtrArray) environment = engine_environment(conditions->part->place, conditions->config);
    for (guint i = 0; i < environment->len; i++) {
        const char *variable = environment->pdata[i];
        gsize length = strlen(name);
        if (strncmp(variable, name, length) == 0 && variable[length] == '=')
            *value = g_strdup(variable + length + 1);
        if (*value)
            break;
    }
    return TRUE;
}

static gboolean variable(ExpressionVariable variable, gpointer data, char **value, GError **error)
{
    const Conditions *conditions = data;
    g_autofree char *id = NULL;
    switch (variable) {
    case VARIABLE_CURRENT_VERSION:
        *value = g_strdup(conditions->from);
        break;
    case VARIABLE_NEW_VERSION:
        *value = g_strdup(conditions->manifest->version);
        break;
    case VARIABLE_HOST:
        *value = g_strdup(g_get_host_name());
        break;
    case VARIABLE_GROUP:
        *value = g_strdup(conditions->config->policy.group);
        break;
    case VARIABLE_SERVER_ID:
        id = conditions_host_id(conditions->host_config);
        *value = g_strdup_printf("%u", rollout_place(id, conditions->config->name, conditions->manifest->version));
        break;
    }
    return TRUE;
}

const ExpressionHost conditions_host = {
    .file_exists = file_exists,
    .service_running = service_running,
    .command = command,
    .env_var = env_var,
    .variable = variable,
};
