/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/apps.h"

#include "base/fault.h"
#include "engine/status.h"

#include <string.h>

#define SOMETHING_IS_NEWER 10

gboolean apps_are_several(const Call *call)
{
    return call->arguments->len != 1;
}

static GPtrArray *apps_asked_for(const Call *call, GError **error)
{
    if (call->arguments->len == 0)
        return status_apps(call->host, error);
    GPtrArray *apps = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < call->arguments->len; i++) {
        const char *app = g_ptr_array_index(call->arguments, i);
        if (!g_ptr_array_find_with_equal_func(apps, app, g_str_equal, NULL))
            g_ptr_array_add(apps, g_strdup(app));
    }
    return apps;
}

static int worse_of(int a, int b)
{
    gboolean newer = a == SOMETHING_IS_NEWER || b == SOMETHING_IS_NEWER;
    int fault = MAX(a == SOMETHING_IS_NEWER ? 0 : a, b == SOMETHING_IS_NEWER ? 0 : b);
    return fault == 0 && newer ? SOMETHING_IS_NEWER : fault;
}

/* "cannot reach 10.0.0.1" is no help where five apps ask five servers. */
static void name_app(GError **error, const char *app)
{
    g_autofree char *text = fault_text(*error);
    g_autofree char *quoted = g_strdup_printf("'%s'", app), *file = g_strdup_printf("/%s.toml", app);
    gsize length = strlen(app);
    gboolean first = strncmp(text, app, length) == 0 && (text[length] == ':' || text[length] == ' ');
    if (!first && !strstr(text, quoted) && !strstr(text, file))
        fault_prefix(error, "%s", app);
}

static int fault_of_one(Call *call, const char *app, GError *fault)
{
    name_app(&fault, app);
    call_complain(fault);
    g_clear_pointer(&call->answer, node_free);
    call->answer = node_new_map();
    node_set_text(call->answer, "app", app);
    node_set(call->answer, "error", call_fault_node(fault));
    int code = fault_row(fault_code_of(fault))->exit_code;
    g_error_free(fault);
    return code;
}

static void say_who_did_not(const Call *call, guint n_apps, const GPtrArray *bad)
{
    if (n_apps < 2 || bad->len == 0)
        return;
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < bad->len; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", (const char *)g_ptr_array_index(bad, i));
    g_autofree char *text =
        g_strdup_printf("%s: trouble with %u of %u apps: %s", call->verb->name, bad->len, n_apps, names->str);
    cli_complain(text, NULL);
}

static int turns(Call *call, const GPtrArray *apps, AppTurn turn, gpointer data, Node *answers)
{
    g_autoptr(GPtrArray) bad = g_ptr_array_new();
    int worst = 0;
    for (guint i = 0; i < apps->len; i++) {
        char *app = g_ptr_array_index(apps, i);
        GError *fault = NULL;
        int code = turn(call, app, data, &fault);
        if (code < 0)
            code = fault_of_one(call, app, fault);
        if (call->answer)
            node_append(answers, g_steal_pointer(&call->answer));
        if (code != 0 && code != SOMETHING_IS_NEWER)
            g_ptr_array_add(bad, app);
        worst = worse_of(worst, code);
    }
    say_who_did_not(call, apps->len, bad);
    return worst;
}

int for_apps(Call *call, AppTurn turn, gpointer data, AnswerShape shape, GError **error)
{
    g_autoptr(GPtrArray) apps = apps_asked_for(call, error);
    if (!apps)
        return -1;
    Node *answers = node_new_list();
    int code = 0;
    if (apps->len == 0)
        call_say(call, "no app is installed");
    if (apps_are_several(call)) {
        code = turns(call, apps, turn, data, answers);
    } else {
        code = turn(call, g_ptr_array_index(apps, 0), data, error);
        if (shape == ANSWER_AS_ASKED || code < 0) {
            node_free(answers);
            return code;
        }
        if (call->answer)
            node_append(answers, g_steal_pointer(&call->answer));
    }
    call->answer = answers;
    return code;
}
