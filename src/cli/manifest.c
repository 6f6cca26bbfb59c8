/* SPDX-License-Identifier: Apache-2.0 */
/* manifest check|requirements|conditions|rollout: is it right, and what would it mean on this host? */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/conditions.h"
#include "engine/preconditions.h"
#include "parts/probe/probe.h"

#include <string.h>
#include <unistd.h>

/* A manifest, and the app of this host that it would be for. */
typedef struct Subject {
    const char *path;
    Manifest *manifest;
    HostConfig *host_config;
    AppConfig *config; /* of an app that this host does not know: defaults */
    Place *place;
    char *current; /* live version; NULL */
    PartContext part;
} Subject;

static void subject_clear(Subject *subject)
{
    manifest_free(subject->manifest);
    host_config_free(subject->host_config);
    app_config_free(subject->config);
    place_free(subject->place);
    g_free(subject->current);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

static gboolean subject_read(Subject *subject, const char *path, GError **error)
{
    Node *document = document_read_file(path, FAULT_CONFIG, error);
    subject->path = path;
    subject->manifest = document ? manifest_read(document, path, error) : NULL;
    return subject->manifest != NULL;
}

/* An app that is not installed here runs nothing as root: who publishes looks as an ordinary user. */
static gboolean unknown_app(Subject *subject, const HostPlace *host, const char *app, GError **error)
{
    static const char text[] = "[source]\ntype = \"folder\"\npath = \"/\"\n[trust]\nlevel = \"none\"\n";
    if (geteuid() == 0) {
        fault_set(error, FAULT_USAGE, "there is no app '%s' on this host: its programs would be asked as root", app);
        return fault_hint(error,
                          "do it as an ordinary user, or name an app that is installed: 'manifest ... FILE APP'");
    }
    Node *document = document_parse(DOCUMENT_TOML, text, strlen(text), app, FAULT_CONFIG, error);
    subject->config = document ? app_config_read(document, app, app, error) : NULL;
    return subject->config && (subject->place = engine_place(host, subject->config, error));
}

static gboolean known_app(Subject *subject, const HostPlace *host, GError **error)
{
    g_autoptr(GError) local = NULL;
    subject->place = engine_place(host, subject->config, error);
    const LayoutDriver *layout = subject->place ? layout_find(LAYOUT_RELEASES, error) : NULL;
    subject->current = layout ? layout->current(subject->place, &local) : NULL;
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    return layout && !local;
}

static gboolean subject_place(Subject *subject, const Call *call, GError **error)
{
    const char *app = call->arguments->len > 2 ? g_ptr_array_index(call->arguments, 2) : subject->manifest->app;
    g_autoptr(GError) local = NULL;
    if (!app)
        return fault_set(error, FAULT_USAGE, "%s names no app: say for which", subject->path) ||
               fault_hint(error, "usage: liftlock manifest %s", call->verb->arguments);
    if (subject->manifest->app && strcmp(app, subject->manifest->app) != 0)
        return fault_set(error, FAULT_USAGE, "%s is of the app '%s', not of '%s'", subject->path,
                         subject->manifest->app, app);
    if (!(subject->host_config = engine_host_config(call->host, error)))
        return FALSE;
    subject->config = engine_app_config(call->host, app, &local);
    if (!subject->config && !g_error_matches(local, FAULT, FAULT_ABSENT)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (!(subject->config ? known_app(subject, call->host, error) : unknown_app(subject, call->host, app, error)))
        return FALSE;
    subject->part = (PartContext){.place = subject->place, .lock_fd = -1, .databases = subject->config->database};
    return TRUE;
}

static Conditions conditions_of(const Subject *subject, const Call *call)
{
    return (Conditions){
        .part = &subject->part,
        .host_config = subject->host_config,
        .config = subject->config,
        .manifest = subject->manifest,
        .from = subject->current,
        .host_root = call->host->root,
    };
}

static Node *answer_of(const Subject *subject)
{
    Node *node = node_new_map();
    node_set_text(node, "app", subject->config->name);
    node_set_text(node, "version", subject->manifest->version);
    return node;
}

/* --- check -------------------------------------------------------------------------------------------------------- */

static int manifest_verb_check(Call *call, Subject *subject, GError **error)
{
    const Manifest *manifest = subject->manifest;
    call_say(call, "%s: good (%s %s)", subject->path, manifest->app ? manifest->app : "no app named",
             manifest->version);
    return 0;
}

/* --- requirements ------------------------------------------------------------------------------------------------- */

static void ask_room(const Subject *subject, GPtrArray *objections)
{
    guint64 needed = (guint64)subject->manifest->requirements.min_disk_space_mb * 1000000;
    FsRoom room;
    g_autoptr(GError) error = NULL;
    if (!fs_room(subject->place->root, &room, &error))
        objection_add(objections, FAULT_SPACE, NULL, NULL, "%s", error->message);
    else if (room.free_bytes < needed)
        objection_add(objections, FAULT_SPACE, NULL, NULL,
                      "the release requires %" G_GINT64_FORMAT " MB, and %" G_GUINT64_FORMAT " MB are free at %s",
                      subject->manifest->requirements.min_disk_space_mb, room.free_bytes / 1000000,
                      subject->place->root);
}

/* The release's own scripts are asked where the manifest lies: in its tree. */
static void ask_environment(const Subject *subject, GPtrArray *objections)
{
    g_autofree char *full = g_canonicalize_filename(subject->path, NULL), *tree = g_path_get_dirname(full);
    const GPtrArray *checks = subject->manifest->requirements.environment_checks;
    for (guint i = 0; i < checks->len; i++) {
        const Check *check = checks->pdata[i];
        const ProbeContext context = {.part = subject->part,
                                      .directory = tree,
                                      .version = subject->manifest->version,
                                      .manifest = subject->manifest};
        ProbeResult result = {0};
        g_autoptr(GError) error = NULL;
        gboolean asked = probe_ask_patiently(&context, check, &result, &error);
        if (!asked || result.answer != ANSWER_OK)
            objection_add(objections, FAULT_REQUIREMENT, NULL, NULL, "the release requires '%s': %s", check->name,
                          !asked           ? error->message
                          : result.problem ? result.problem
                                           : "not ok");
        probe_result_clear(&result);
    }
}

static int manifest_verb_requirements(Call *call, Subject *subject, GError **error)
{
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    preconditions_check(&subject->part, subject->manifest, NULL, objections);
    ask_room(subject, objections);
    ask_environment(subject, objections);
    call_say(call, "%s %s: this host %s its requirements", subject->config->name, subject->manifest->version,
             objections->len ? "does not meet" : "meets");
    Node *missing = node_new_list();
    for (guint i = 0; i < objections->len; i++) {
        const Objection *objection = objections->pdata[i];
        call_say(call, "  AGAINST    %s", objection->text);
        node_append(missing, node_new_scalar(SCALAR_STRING, objection->text));
    }
    call->answer = answer_of(subject);
    node_set_bool(call->answer, "met", objections->len == 0);
    node_set(call->answer, "missing", missing);
    return objections->len == 0 ? 0 : 3;
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

static int show_condition(Call *call, Conditions *conditions, const Conditional *conditional, Node *list)
{
    static const char *const actions[] = {"skip_update", "warn", "require_manual_intervention"};
    gboolean holds = FALSE;
    g_autoptr(GPtrArray) asked = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    gboolean told = expression_holds(conditional->parsed, &conditions_host, conditions, &holds, asked, &error);
    call_say(call, "  %-8s %s: %s", told ? holds ? "holds" : "not" : "unknown", actions[conditional->action],
             conditional->condition);
    for (guint i = 0; i < asked->len; i++)
        call_say(call, "             %s", (char *)asked->pdata[i]);
    if (!told)
        call_say(call, "             %s", error->message);
    Node *node = node_new_map();
    node_set_text(node, "condition", conditional->condition);
    node_set_text(node, "action", actions[conditional->action]);
    node_set_text(node, "holds", told ? holds ? "yes" : "no" : "unknown");
    node_append(list, node);
    return conditional->action != CONDITION_WARN && (holds || !told) ? 3 : 0;
}

static int manifest_verb_conditions(Call *call, Subject *subject, GError **error)
{
    Conditions conditions = conditions_of(subject, call);
    const GPtrArray *conditionals = subject->manifest->conditionals;
    Node *list = node_new_list();
    int code = 0;
    call_say(call, "%s %s: %u conditions", subject->config->name, subject->manifest->version, conditionals->len);
    for (guint i = 0; i < conditionals->len; i++)
        code = MAX(code, show_condition(call, &conditions, conditionals->pdata[i], list));
    call->answer = answer_of(subject);
    node_set(call->answer, "conditions", list);
    return code;
}

/* --- rollout ------------------------------------------------------------------------------------------------------ */

static void show_stage(Call *call, const Subject *subject, guint index, const RolloutChoice *choice, Node *list)
{
    const RolloutStage *stage = subject->manifest->rollout.stages->pdata[index];
    const RolloutFacts facts = {.released = subject->manifest->released};
    gint64 opens_s = 0, now_s = clock_now_s();
    gboolean dated = rollout_opens(subject->manifest, &facts, index, &opens_s);
    g_autofree char *when =
        dated && opens_s > 0 ? clock_format(opens_s) : g_strdup(dated ? "at once" : "nobody knows when");
    g_autofree char *span = clock_span(MAX(opens_s - now_s, 0), FALSE);
    g_autofree char *state = !dated             ? g_strdup("")
                             : opens_s <= now_s ? g_strdup(" (open)")
                                                : g_strdup_printf(" (in %s)", span);
    call_say(call, "  %-10s %3" G_GINT64_FORMAT " %%  opens %s%s%s%s%s", stage->name, stage->percentage, when, state,
             stage->criteria ? ", if " : "", stage->criteria ? stage->criteria : "",
             stage == choice->stage ? "  <- this host" : "");
    Node *node = node_new_map();
    node_set_text(node, "name", stage->name);
    node_set_int(node, "percentage", stage->percentage);
    node_set_text(node, "opens", dated ? when : NULL);
    node_set_bool(node, "open", dated && opens_s <= now_s);
    node_set_bool(node, "this_host", stage == choice->stage);
    node_append(list, node);
}

static int manifest_verb_rollout(Call *call, Subject *subject, GError **error)
{
    static const char *const states[] = {"open", "waits", "undated", "nobody"};
    Conditions conditions = conditions_of(subject, call);
    const char *group = subject->config->policy.group, *released = subject->manifest->released;
    g_auto(RolloutChoice) choice = {0};
    if (!conditions_rollout(&conditions, &choice, error))
        return -1;
    call_say(call, "%s %s: published %s, this host has place %u of 0 to 99%s%s", subject->config->name,
             subject->manifest->version, released ? released : "without a date", choice.place,
             group ? " and is of the group " : "", group ? group : "");
    Node *stages = node_new_list();
    for (guint i = 0; i < subject->manifest->rollout.stages->len; i++)
        show_stage(call, subject, i, &choice, stages);
    call_say(call, "%s", choice.text);
    call->answer = answer_of(subject);
    node_set_int(call->answer, "place", choice.place);
    node_set_text(call->answer, "group", group);
    node_set_text(call->answer, "state", states[choice.state]);
    node_set_text(call->answer, "text", choice.text);
    node_set(call->answer, "stages", stages);
    return choice.state == ROLLOUT_OPEN ? 0 : 3;
}

/* ------------------------------------------------------------------------------------------------------------------ */

typedef int (*ManifestAct)(Call *call, Subject *subject, GError **error);

static int with_subject(Call *call, gboolean on_host, ManifestAct run, GError **error)
{
    g_auto(Subject) subject = {0};
    if (!subject_read(&subject, call->arguments->pdata[1], error) || (on_host && !subject_place(&subject, call, error)))
        return -1;
    return run(call, &subject, error);
}

static int act_check(Call *call, GError **error)
{
    return with_subject(call, FALSE, manifest_verb_check, error);
}

static int act_requirements(Call *call, GError **error)
{
    return with_subject(call, TRUE, manifest_verb_requirements, error);
}

static int act_conditions(Call *call, GError **error)
{
    return with_subject(call, TRUE, manifest_verb_conditions, error);
}

static int act_rollout(Call *call, GError **error)
{
    return with_subject(call, TRUE, manifest_verb_rollout, error);
}

const Act manifest_acts[] = {
    {"check", "FILE [APP]", "whether it is sound", act_check, 2, 3, ""},
    {"requirements", "FILE [APP]", "what this host lacks", act_requirements, 2, 3, ""},
    {"conditions", "FILE [APP]", "which of its conditions hold here", act_conditions, 2, 3, ""},
    {"rollout", "FILE [APP]", "when this host takes the release", act_rollout, 2, 3, ""},
    {NULL},
};
