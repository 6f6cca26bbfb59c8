/* SPDX-License-Identifier: Apache-2.0 */
/* install: from a source's address to a running app. There is no silent trust on first use. */
#include "cli/run.h"

#include "base/digest.h"
#include "base/fault.h"
#include "model/version.h"

#include <string.h>
#include <unistd.h>

static void toml_add(GString *text, const char *key, const char *value)
{
    if (!value)
        return;
    g_string_append_printf(text, "%s = \"", key);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *c);
    }
    g_string_append(text, "\"\n");
}

static const char *trust_level(const Options *options)
{
    if (options->key)
        return "minisign";
    if (options->root)
        return "tuf";
    return options->checksum ? "checksum" : options->trust;
}

/* `layout`: as the release's manifest says. */
static char *config_text(const Call *call, const char *source, int layout)
{
    const Options *options = &call->options;
    gboolean remote = g_str_has_prefix(source, "http://") || g_str_has_prefix(source, "https://");
    GString *text = g_string_new("# written by 'liftlock install'\n[app]\n");
    toml_add(text, "root", options->app_root);
    if (layout != LAYOUT_RELEASES)
        toml_add(text, "layout", layout_names[layout]);
    toml_add(text, "user", options->user);
    if (options->privileged_hooks || g_strcmp0(options->user, "root") == 0)
        g_string_append(text, "privileged_hooks = true\n");
    g_string_append(text, "\n[source]\n");
    g_autofree char *absolute = remote ? NULL : g_canonicalize_filename(source, NULL);
    toml_add(text, "type", options->root ? "repository" : remote ? "http" : "folder");
    toml_add(text, remote ? "url" : "path", remote ? source : absolute);
    toml_add(text, "channel", options->channel);
    g_string_append(text, "\n[trust]\n");
    toml_add(text, "level", trust_level(options));
    toml_add(text, "key", options->key);
    g_autofree char *root = options->root ? g_canonicalize_filename(options->root, NULL) : NULL;
    toml_add(text, "root", root);
    return g_string_free(text, FALSE);
}

static gboolean options_check(const Call *call, GError **error)
{
    const Options *options = &call->options;
    if (options->checksum && !digest_is_valid(options->checksum))
        return fault_set(error, FAULT_USAGE, "install: '%s' is not a SHA-256 (64 digits 0-9 a-f)", options->checksum);
    if (options->data_from && !version_is_valid(options->data_from))
        return fault_set(error, FAULT_USAGE, "install: '%s' is not a version", options->data_from);
    if ((options->key != NULL) + (options->root != NULL) + (options->checksum != NULL) + (options->trust != NULL) > 1)
        return fault_set(error, FAULT_USAGE, "install: --key, --root, --checksum and --trust exclude one another");
    if (options->trust && strcmp(options->trust, "none") != 0) {
        fault_set(error, FAULT_USAGE, "install: --trust takes only 'none'");
        return fault_hint(error, "for more than none, name --key, --root or --checksum");
    }
    return TRUE;
}

/* The publisher's name is part of what is signed; a guess from the address may miss it. */
static void hint_at_name(const Call *call, GError **error)
{
    if (!call->options.name && error && g_error_matches(*error, FAULT, FAULT_VERIFY))
        fault_hint(error, "say --name with the name that the publisher gives the app");
}

/* Without a word on trust: say what is there, and stop. */
static int say_what_is_there(Call *call, const char *name, const char *source, GError **error)
{
    g_free(call->options.trust);
    call->options.trust = g_strdup("checksum");
    g_autofree char *text = config_text(call, source, LAYOUT_RELEASES);
    g_autoptr(Planner) planner = planner_open_new(call->host, name, text, error);
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    const Release *offer = NULL;
    if (!planner || !planner_check(planner, &offer, objections, error)) {
        hint_at_name(call, error);
        return -1;
    }
    call_say(call, "found at %s, by nobody's word:", source);
    call_say(call, "  app       %s", planner->catalog->index->app ? planner->catalog->index->app : "(not said)");
    call_say(call, "  version   %s", offer ? offer->version : "(none offered)");
    if (offer && offer->sha256)
        call_say(call, "  sha256    %s", offer->sha256);
    fault_set(error, FAULT_USAGE, "install: nothing says whom to trust");
    fault_hint(error, "name the publisher's key (--key RW...) or root (--root FILE), or compare the digest with a "
                      "trusted place and say "
                      "--checksum, or say --trust none");
    return -1;
}

static gboolean checksum_fits(const Call *call, const Plan *plan, GError **error)
{
    if (!call->options.checksum || g_strcmp0(call->options.checksum, plan->to_sha256) == 0)
        return TRUE;
    fault_set(error, FAULT_VERIFY, "%s %s: the source offers an archive with the digest %s, not the one that you named",
              plan->app, plan->to, plan->to_sha256 ? plan->to_sha256 : "(none)");
    return FALSE;
}

static gboolean is_new(const Call *call, const Planner *planner, GError **error)
{
    if (access(planner->place->config, F_OK) != 0)
        return TRUE;
    fault_set(error, FAULT_USAGE, "install: there is an app '%s' already", planner->config->name);
    return fault_hint(error, "'liftlock update %s' brings it up to date", planner->config->name);
}

/* A source that takes more than an address: the configuration itself, as it will lie in /etc/liftlock/apps. */
static gboolean is_config(const char *source)
{
    return g_str_has_suffix(source, ".toml") && !strstr(source, "://");
}

static char *config_of(const Call *call, const char *source, int layout, GError **error)
{
    const Options *options = &call->options;
    g_autofree char *text = NULL;
    if (!is_config(source))
        return config_text(call, source, layout);
    if (options->key || options->root || options->checksum || options->trust || options->app_root || options->user ||
        options->channel) {
        fault_set(error, FAULT_USAGE, "install: %s says where the app comes from and whom to trust; options do not",
                  source);
        return NULL;
    }
    g_autoptr(GError) local = NULL;
    if (!g_file_get_contents(source, &text, NULL, &local))
        fault_set(error, FAULT_USAGE, "install: %s", local->message);
    return g_steal_pointer(&text);
}

static char *name_from(const char *source)
{
    g_autofree char *plain = is_config(source) ? g_strndup(source, strlen(source) - strlen(".toml")) : g_strdup(source);
    while (g_str_has_suffix(plain, "/"))
        plain[strlen(plain) - 1] = '\0';
    char *name = g_path_get_basename(plain);
    for (char *c = name; *c; c++)
        *c = g_ascii_tolower(*c);
    return name;
}

/* Plan and planner, as the app's configuration would have it. */
static Plan *plan_as(Call *call, const char *name, const char *source, int layout, Planner **planner, GError **error)
{
    g_autofree char *text = config_of(call, source, layout, error);
    g_clear_pointer(planner, planner_free);
    if (!text)
        return NULL;
    *planner = planner_open_new(call->host, name, text, error);
    if (!*planner || !is_new(call, *planner, error) ||
        !run_recover_first(call, call->host, (*planner)->place, (*planner)->journal, error))
        return NULL;
    PlanWish wish = {.to = call->options.to,
                     .data_from = call->options.data_from,
                     .force = call->options.force,
                     .take_release = call->options.take_release,
                     .foresee = call->options.dry_run};
    Plan *plan = planner_update(*planner, &wish, error);
    if (!plan && !(error && *error))
        fault_set(error, FAULT_SOURCE, "%s: the source offers nothing on channel '%s'", name,
                  (*planner)->config->source.channel);
    return plan;
}

int verb_install(Call *call, GError **error)
{
    const char *source = call_app(call);
    g_autofree char *name = call->options.name ? g_strdup(call->options.name) : name_from(source);
    if (!options_check(call, error))
        return -1;
    if (!app_name_is_valid(name)) {
        fault_set(error, FAULT_USAGE, "install: '%s' is not a name for an app", name);
        fault_hint(error, "say --name with a-z, 0-9, _ and -, at most 32");
        return -1;
    }
    if (!trust_level(&call->options) && !is_config(source))
        return say_what_is_there(call, name, source, error);
    g_autoptr(Planner) planner = NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(Plan) plan = plan_as(call, name, source, LAYOUT_RELEASES, &planner, &local);
    if (plan && !is_config(source) && planner->manifest &&
        planner->manifest->layout == LAYOUT_FILES) { /* where things are depends on it */
        g_clear_pointer(&plan, plan_free);
        plan = plan_as(call, name, source, LAYOUT_FILES, &planner, &local);
    }
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        hint_at_name(call, error);
        return -1;
    }
    if (call->options.dry_run) {
        run_show_plan(call, planner, plan);
        return plan->objections->len > 0 ? 3 : 0;
    }
    if (!checksum_fits(call, plan, error) || !plan_is_clear(plan, error))
        return -1;
    call_say(call, "%s: install %s", plan->app, plan->to);
    return run_plan(call, planner, plan, error);
}
