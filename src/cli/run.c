/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/fault.h"
#include "base/fs.h"
#include "cli/progress.h"
#include "engine/lock.h"
#include "engine/steps.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* --- the plan --- */

static const char *way_back(const Plan *plan)
{
    if (!plan->from)
        return "everything that the install made is taken away again";
    if (plan->data == DATA_KEEP)
        return "the release that runs now stays on disk; data are not touched";
    static const char *const by_copy[] = {
        [COPY_ALWAYS] = "the release that runs now stays on disk; data go back to their copy by rename",
        [COPY_IF_SQL_IS_DUE] =
            "the release that runs now stays on disk; data go back to their copy by rename, if an SQL file is due",
        [COPY_NEVER] = "the release that runs now stays on disk; nothing of the new one changes the shape of the data",
    };
    return by_copy[plan->copy];
}

/* Values of the app's configuration are for whoever asks, on the terminal, and stay out of JSON. */
static void show_differences(Call *call, const Planner *planner)
{
    for (guint i = 0; !call->options.json && planner->differences && i < planner->differences->len; i++) {
        g_auto(GStrv) lines = g_strsplit(planner->differences->pdata[i], "\n", -1);
        for (char **line = lines; line[0] && line[1]; line++)
            call_say(call, "    %s", *line);
    }
}

void run_show_plan(Call *call, const Planner *planner, const Plan *plan)
{
    g_autofree char *digest = plan_digest(plan);
    Node *node = plan_to_node(plan);
    node_set_text(node, "digest", digest);
    node_set_text(node, "way_back", way_back(plan));
    node_free(call->answer);
    call->answer = node;
    call_say(call, "%s: %s %s%s%s", plan->app, plan_kind_name(plan->kind), plan->from ? plan->from : "",
             plan->from && plan->to ? " → " : "", plan->to ? plan->to : "");
    if (plan->download_bytes > 0) {
        static const char *const words[WAY_N] = {"", ", a delta", ", what is lacking of its pack"};
        g_autofree char *size = g_format_size((guint64)MAX(plan->download_bytes - plan->cached_bytes, 0));
        call_say(call, "  download   %s%s", size, words[plan->way]);
    }
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < n_steps; i++)
        if (step_is_of(&steps[i], plan))
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", steps[i].name);
    call_say(call, "  steps      %s", names->str);
    g_string_free(names, TRUE);
    for (guint i = 0; i < plan->migrations->len; i++)
        call_say(call, "  %s  %s", plan->data == DATA_DOWN ? "take back" : "migration",
                 (char *)g_ptr_array_index(plan->migrations, i));
    if (plan->fence_expected_ms > 0)
        call_say(call, "  kept out   about %.1f s, as it was seen here before", (double)plan->fence_expected_ms / 1000);
    call_say(call, "  way back   %s", way_back(plan));
    if (plan->loss)
        call_say(call, "  LOSES      %s", plan->loss);
    for (guint i = 0; i < plan->notes->len; i++)
        call_say(call, "  note       %s", (char *)g_ptr_array_index(plan->notes, i));
    for (guint i = 0; i < plan->manual_steps->len; i++)
        call_say(call, "  by hand    %u. %s", i + 1, (char *)g_ptr_array_index(plan->manual_steps, i));
    for (guint i = 0; i < plan->overrides->len; i++)
        call_say(call, "  override   %s", (char *)g_ptr_array_index(plan->overrides, i));
    for (guint i = 0; i < plan->objections->len; i++) {
        const Objection *objection = g_ptr_array_index(plan->objections, i);
        call_say(call, "  AGAINST    %s", objection->text);
        if (objection->hint)
            call_say(call, "             %s", objection->hint);
    }
    show_differences(call, planner);
    call_say(call, "  digest     %s", digest);
}

/* --- the end --- */

static const char *past_of(const char *kind)
{
    static const char *const words[PLAN_N_KINDS] = {
        [PLAN_INSTALL] = "is installed",
        [PLAN_UPDATE] = "is live",
        [PLAN_ROLLBACK] = "is live again",
        [PLAN_RETURN] = "is live again",
        [PLAN_RESTORE] = "runs on the restored data",
        [PLAN_RESTART] = "runs again",
        [PLAN_BACKUP] = "is backed up",
        [PLAN_UNINSTALL] = "is uninstalled",
    };
    for (int i = 0; i < PLAN_N_KINDS; i++)
        if (strcmp(plan_kind_name((PlanKind)i), kind) == 0)
            return words[i];
    return "is done";
}

static void answer_job(Call *call, const JobRecord *record)
{
    Node *node = node_new_map();
    node_set_text(node, "app", record->app);
    node_set_text(node, "job", record->id);
    node_set_text(node, "kind", record->kind);
    node_set_text(node, "from", record->from);
    node_set_text(node, "to", record->to);
    node_set_text(node, "verdict", record->verdict);
    node_set_text(node, "step", record->failed_step);
    node_set_text(node, "code", record->code);
    node_set_text(node, "error", record->error);
    node_set_text(node, "hint", record->hint);
    node_free(call->answer);
    call->answer = node;
}

static int say_end(Call *call, const JobRecord *record)
{
    answer_job(call, record);
    Verdict verdict = VERDICT_NEEDS_HELP;
    verdict_from_name(record->verdict, &verdict);
    gboolean is_return = strcmp(record->kind, "return") == 0;
    g_autofree char *step_error = g_strdup_printf("%s: %s", record->failed_step, record->error);
    gboolean was_live = is_return ? verdict != VERDICT_UPDATED
                                  : verdict == VERDICT_FAILED && g_strcmp0(record->failed_step, "observe") == 0;
    if (was_live) { /* what did not stay healthy is what runs */
        fprintf(stderr, "liftlock: %s\n", record->error ? record->error : "the job needs help");
        call_say(call, "%s stays on %s, which did not stay healthy: the return to %s failed", record->app,
                 is_return ? record->from : record->to, is_return ? record->to : record->from);
        if (record->hint)
            fprintf(stderr, "  %s\n", record->hint);
        return 5;
    }
    switch (verdict) {
    case VERDICT_UPDATED:
        if (is_return)
            call_say(call, "%s is back on %s: %s did not stay healthy", record->app, record->to, record->from);
        else
            call_say(call, "%s %s%s%s", record->app, record->to ? record->to : "", record->to ? " " : "",
                     past_of(record->kind));
        return is_return ? 4 : 0;
    case VERDICT_ROLLED_BACK:
        cli_complain(step_error, NULL);
        if (record->from)
            call_say(call, "%s is back on %s, with its data", record->app, record->from);
        else
            call_say(call, "%s is not installed; nothing of the attempt is live", record->app);
        break;
    case VERDICT_FAILED:
    case VERDICT_REFUSED:
        cli_complain(record->error, NULL);
        if (record->from)
            call_say(call, "nothing has changed: %s %s runs as before", record->app, record->from);
        break;
    default:
        cli_complain(record->error ? record->error : "the job needs help", NULL);
    }
    g_autofree char *hint = record->hint ? cli_line(record->hint) : NULL;
    if (hint)
        fprintf(stderr, "  %s\n", hint);
    return verdict_exit_code(verdict, record->code);
}

static const char *who_asks(void)
{
    struct passwd *self = getpwuid(getuid());
    return self ? self->pw_name : "?";
}

static int follow(Call *call, const HostPlace *host, const Place *place, Journal *journal, const char *id,
                  GError **error)
{
    g_autoptr(Progress) progress = progress_new(call->people);
    g_autoptr(JobRecord) record = worker_follow(host, place, journal, id, progress_line, progress, error);
    return record ? say_end(call, record) : -1;
}

int run_recovery(Call *call, const HostPlace *host, const Place *place, Journal *journal, const JobRecord *job,
                 GError **error)
{
    call_say(call, "%s: job %s (%s) was interrupted; bringing it to its end", place->app, job->id, job->kind);
    if (!worker_start(host, place, job->id, WORKER_RECOVER, error))
        return -1;
    return follow(call, host, place, journal, job->id, error);
}

static gboolean is_alone(const Place *place, GError **error)
{
    g_autoptr(LockHolder) holder = lock_holder(place);
    if (!holder || !holder->alive) /* what a dead one left behind is for recovery */
        return TRUE;
    fs_fd int fd = lock_take(place, "-", "planning", "-", error);
    return fd >= 0;
}

gboolean run_recover_first(Call *call, const HostPlace *host, const Place *place, Journal *journal, GError **error)
{
    if (!is_alone(place, error))
        return FALSE;
    g_autoptr(GError) local = NULL;
    g_autoptr(JobRecord) job = worker_interrupted(place, journal, &local);
    if (!job) {
        if (local)
            g_propagate_error(error, g_steal_pointer(&local));
        return !error || !*error;
    }
    int code = run_recovery(call, host, place, journal, job, error);
    if (code == 5)
        return fault_set(error, FAULT_STATE, "%s: the interrupted job %s needs help first", place->app, job->id);
    return code >= 0;
}

int run_plan(Call *call, Planner *planner, const Plan *plan, GError **error)
{
    JobOrder order = {
        .plan = plan,
        .config_text = planner->config_text,
        .manifest_records = planner->manifest_records,
        .requested_by = who_asks(),
    };
    g_autofree char *id = job_create(planner->host, planner->place, planner->journal, &order, error);
    if (!id || !worker_start(planner->host, planner->place, id, WORKER_RUN, error))
        return -1;
    if (call->options.detach) {
        Node *node = node_new_map();
        node_set_text(node, "app", plan->app);
        node_set_text(node, "job", id);
        node_free(call->answer);
        call->answer = node;
        call_say(call, "%s", id);
        return 0;
    }
    return follow(call, planner->host, planner->place, planner->journal, id, error);
}
