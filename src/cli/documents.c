/* SPDX-License-Identifier: Apache-2.0 */
/* config check|show: is it right, and what does it mean? */
#include "cli/cli.h"

#include "base/fault.h"
#include "engine/job.h"
#include "engine/status.h"

#include <string.h>

/* --- config --- */

static int config_check(Call *call, const char *app, GError **error)
{
    g_autoptr(HostConfig) host = engine_host_config(call->host, error);
    g_autoptr(GPtrArray) apps = host ? (app ? g_ptr_array_new() : status_apps(call->host, error)) : NULL;
    if (!apps)
        return -1;
    if (app)
        g_ptr_array_add(apps, (gpointer)app);
    int code = 0;
    for (guint i = 0; i < apps->len; i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(AppConfig) config = engine_app_config(call->host, g_ptr_array_index(apps, i), &local);
        g_autoptr(Place) place = config ? engine_place(call->host, config, &local) : NULL;
        if (place) {
            call_say(call, "%s: good", place->config);
            continue;
        }
        if (app) {
            g_propagate_error(error, g_steal_pointer(&local));
            return -1;
        }
        call_complain(local);
        code = 2;
    }
    if (code == 0)
        call_say(call, "configuration is good");
    return code;
}

static void show_values(Call *call, const Node *node, const char *prefix)
{
    for (guint i = 0; i < node->items->len; i++) {
        const Entry *entry = node->kind == NODE_MAP ? g_ptr_array_index(node->items, i) : NULL;
        const Node *value = entry ? entry->value : g_ptr_array_index(node->items, i);
        g_autofree char *path = entry ? g_strdup_printf("%s%s%s", prefix, *prefix ? "." : "", entry->key)
                                      : g_strdup_printf("%s[%u]", prefix, i);
        const Node *origin = node_get(value, "origin");
        if (origin)
            call_say(call, "%-28s %-40s %s", path, node_get_text(value, "value", ""), origin->text);
        else if (value->kind != NODE_SCALAR)
            show_values(call, value, path);
    }
}

static int config_show(Call *call, const char *app, GError **error)
{
    if (!app) {
        g_autoptr(HostConfig) host = engine_host_config(call->host, error);
        g_autofree char *path = g_build_filename(call->host->etc, "liftlock.toml", NULL);
        if (!host)
            return -1;
        call->answer = schema_show(host_config_keys, host->document, path, host);
    } else {
        g_autoptr(AppConfig) config = engine_app_config(call->host, app, error);
        g_autoptr(Place) place = config ? place_new(call->host, app, NULL) : NULL;
        if (!config)
            return -1;
        call->answer = schema_show(app_config_keys, config->document, place->config, config);
    }
    show_values(call, call->answer, "");
    return 0;
}

static const char *app_of(const Call *call)
{
    return call->arguments->len > 1 ? call->arguments->pdata[1] : NULL;
}

static int act_check(Call *call, GError **error)
{
    return config_check(call, app_of(call), error);
}

static int act_show(Call *call, GError **error)
{
    return config_show(call, app_of(call), error);
}

const Act config_acts[] = {
    {"check", "[APP]", "whether the configuration of an app, or all of it, is good", act_check, 1, 2, ""},
    {"show", "[APP]", "each value of an app's configuration, or the host's, and where it comes from", act_show, 1, 2,
     ""},
    {NULL},
};
