/* SPDX-License-Identifier: Apache-2.0 */
/* inspect and health: a closer look than status takes. */
#include "engine/status.h"

#include "base/fault.h"
#include "engine/catalog.h"
#include "engine/claims.h"
#include "engine/live.h"
#include "engine/observed.h"
#include "engine/unattended.h"
#include "engine/worker.h"
#include "model/version.h"
#include "parts/layout/layout.h"
#include "parts/service/service.h"

#include <string.h>

/* --- health --- */

static gboolean add_check(Node *checks, const char *name, gboolean good, const char *text)
{
    Node *item = node_new_map();
    node_set_text(item, "name", name);
    node_set_bool(item, "ok", good);
    node_set_text(item, "text", text);
    node_append(checks, item);
    return good;
}

static gboolean check_services(Observed *observed, Node *checks)
{
    gboolean healthy = TRUE;
    for (guint i = 0; i < observed->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(observed->manifest->services, i);
        ServiceState state = {0};
        g_autoptr(GError) error = NULL;
        gboolean known = service_find(service)->observe(&observed->part, service, &state, &error);
        g_autofree char *name = g_strdup_printf("service %s", service->name);
        healthy &= add_check(checks, name, known && state.active, known ? state.description : error->message);
        service_state_clear(&state);
    }
    return healthy;
}

static gboolean check_identity(Observed *observed, Node *checks)
{
    if (!live_has_identity(observed->manifest))
        return TRUE;
    ProbeContext context = observed_probe_context(observed);
    g_autoptr(GError) error = NULL;
    g_autofree char *identity = probe_identity(&context, &observed->manifest->identity, &error);
    return add_check(checks, "identity", identity && version_compare(identity, observed->version) == 0,
                     identity ? identity : error->message);
}

static gboolean check_tests(Observed *observed, Node *checks)
{
    gboolean healthy = TRUE;
    ProbeContext context = observed_probe_context(observed);
    for (guint i = 0; i < observed->manifest->post_update_tests->len; i++) {
        const Check *check = g_ptr_array_index(observed->manifest->post_update_tests, i);
        ProbeResult result = {0};
        g_autoptr(GError) error = NULL;
        gboolean asked = probe_ask(&context, check, &result, &error);
        gboolean good = asked && result.answer == ANSWER_OK;
        healthy &= add_check(checks, check->name, good, !asked ? error->message : good ? result.text : result.problem);
        probe_result_clear(&result);
    }
    return healthy;
}

Node *health_of(const HostPlace *host, const char *app, GError **error)
{
    g_autoptr(Observed) observed = observed_open(host, app, error);
    if (!observed)
        return NULL;
    Node *checks = node_new_list();
    gboolean healthy = FALSE;
    if (observed->manifest) {
        healthy = check_services(observed, checks);
        healthy &= check_identity(observed, checks);
        healthy &= check_tests(observed, checks);
    } else
        add_check(checks, "installed", FALSE, "nothing is installed");
    Node *node = node_new_map();
    node_set_text(node, "app", app);
    node_set_text(node, "version", observed->version);
    node_set_bool(node, "healthy", healthy);
    node_set(node, "checks", checks);
    return node;
}

/* --- inspect --- */

typedef enum { CONDITION_OK, CONDITION_DEGRADED, CONDITION_BROKEN } Condition;

static void add_issue(Node *issues, Condition *worst, Condition condition, const char *text, const char *advice)
{
    static const char *const severities[] = {"info", "warning", "error"};
    Node *item = node_new_map();
    node_set_text(item, "severity", severities[condition]);
    node_set_text(item, "text", text);
    node_set_text(item, "advice", advice);
    node_append(issues, item);
    *worst = MAX(*worst, condition);
}

static void inspect_tree(Observed *observed, Node *issues, Condition *worst)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *advice =
        g_strdup_printf("'liftlock rollback %s --to VERSION' goes to a release that is recorded", observed->app);
    const LayoutDriver *layout = observed->manifest ? layout_find(observed->manifest->layout, &error) : NULL;
    if (!observed->version)
        add_issue(issues, worst, CONDITION_BROKEN, "nothing is live", "install a release with 'liftlock update'");
    else if (!observed->tree)
        add_issue(issues, worst, CONDITION_BROKEN, "nothing is recorded about the live release", advice);
    else if (!layout || !layout->verify(observed->place, observed->version, observed->tree, &error))
        add_issue(issues, worst, CONDITION_DEGRADED, error->message,
                  "somebody changed the release's files; 'liftlock update' or 'liftlock rollback' replaces them");
}

static void take_state(LayoutState state, const char *path, gpointer data)
{
    g_autofree char *shown = part_printable(path);
    node_append((Node *)node_get(data, layout_state_names[state]), node_new_scalar(SCALAR_STRING, shown));
}

/* "a and 2 more are SUCH"; NULL: none. The caller frees. */
static char *first_of(const Node *files, LayoutState state, const char *such)
{
    const GPtrArray *list = node_get(files, layout_state_names[state])->items;
    if (list->len == 0)
        return NULL;
    const char *path = ((const Node *)g_ptr_array_index(list, 0))->text;
    return list->len == 1 ? g_strdup_printf("%s is %s", path, such)
                          : g_strdup_printf("%s and %u more are %s", path, list->len - 1, such);
}

/* In place: what a user made of the release's files is his good right; what is not there may be a mishap. */
static void inspect_files(Observed *observed, Node *node, Node *issues, Condition *worst)
{
    const LayoutDriver *layout = observed->manifest ? layout_find(observed->manifest->layout, NULL) : NULL;
    g_autoptr(GError) error = NULL;
    if (!layout || !layout->examine || !observed->version)
        return;
    Node *files = node_new_map();
    node_set(node, "files", files);
    for (int i = 0; i < LAYOUT_N_STATES; i++)
        node_set(files, layout_state_names[i], node_new_list());
    if (!layout->examine(&observed->part, observed->version, observed->manifest, take_state, files, &error)) {
        g_autofree char *text = fault_text(error);
        add_issue(issues, worst, CONDITION_DEGRADED, text, "its files in place could not be looked at");
        return;
    }
    g_autofree char *missing = first_of(files, LAYOUT_MISSING, "part of the release, and not there");
    g_autofree char *barred = first_of(files, LAYOUT_IN_THE_WAY, "of another kind than in the release");
    g_autofree char *advice = g_strdup_printf(
        "'liftlock update %s --again --take-release' brings it; what you edited is then kept beside", observed->app);
    if (missing)
        add_issue(issues, worst, CONDITION_OK, missing, advice);
    if (barred)
        add_issue(issues, worst, CONDITION_DEGRADED, barred, "move it away; the next update stops there otherwise");
}

/* Whoever wants to go back is to hear of a damaged release today, not then. */
static void inspect_ways_back(Observed *observed, Node *issues, Condition *worst)
{
    g_autoptr(GPtrArray) records = observed->journal ? journal_releases(observed->journal, observed->app, NULL) : NULL;
    for (guint i = 0; records && i < records->len; i++) {
        const ReleaseRecord *record = g_ptr_array_index(records, i);
        if (g_strcmp0(record->version, observed->version) == 0 ||
            !journal_was_live(observed->journal, observed->app, record->version))
            continue;
        g_autoptr(GError) error = NULL;
        g_autoptr(Manifest) manifest = manifest_from_records(record->manifest, &error);
        const LayoutDriver *layout = manifest ? layout_find(manifest->layout, &error) : NULL;
        if (layout && layout->verify(observed->place, record->version, record->tree, &error))
            continue;
        g_autofree char *what = fault_text(error);
        g_autofree char *text = g_strdup_printf("a way back is damaged: %s", what);
        add_issue(issues, worst, CONDITION_DEGRADED, text,
                  "'liftlock rollback' will not go there until its files are as they were");
    }
}

static void inspect_jobs(Observed *observed, Node *issues, Condition *worst)
{
    if (!observed->journal)
        return;
    g_autoptr(JobRecord) interrupted = worker_interrupted(observed->place, observed->journal, NULL);
    if (interrupted) {
        g_autofree char *text = g_strdup_printf("job %s (%s) was interrupted", interrupted->id, interrupted->kind);
        add_issue(issues, worst, CONDITION_BROKEN, text, "run 'liftlock recover'");
    }
    g_autoptr(GPtrArray) jobs = journal_jobs(observed->journal, observed->app, 1, NULL);
    const JobRecord *last = jobs && jobs->len > 0 ? g_ptr_array_index(jobs, 0) : NULL;
    if (last && !last->open && g_strcmp0(last->verdict, "needs-help") == 0)
        add_issue(issues, worst, CONDITION_DEGRADED, last->error ? last->error : "the last job needs help", last->hint);
}

static void inspect_claims(Observed *observed, Node *issues, Condition *worst)
{
    g_autoptr(GPtrArray) fence = claims(observed->place, CLAIM_FENCE);
    g_autoptr(GPtrArray) hold = claims(observed->place, CLAIM_HOLD);
    g_autofree char *advice = g_strdup_printf("'liftlock maintenance %s off' ends it if it is yours", observed->app);
    if (hold->len > 0)
        add_issue(issues, worst, CONDITION_BROKEN, "a hold stands: no service of the app may start",
                  "run 'liftlock recover'");
    else if (fence->len > 0)
        add_issue(issues, worst, CONDITION_DEGRADED, "the app is in maintenance", advice);
}

/* That nobody watches must not mean that nobody hears of it. */
static void inspect_unattended(const HostPlace *host, Observed *observed, Node *node, Node *issues, Condition *worst)
{
    Node *state = unattended_node(host, observed->place, observed->config);
    g_autoptr(Run) last = unattended_last(observed->place);
    gboolean on = strcmp(node_get_text(state, "timer", ""), "on") == 0;
    g_autofree char *advice = g_strdup_printf("'liftlock auto %s on' writes it again", observed->app);
    node_set(node, "auto", state);
    if (on && !node_get_bool(state, "as_configured", FALSE))
        add_issue(issues, worst, CONDITION_DEGRADED, "the timer of unattended updates is not as [auto] says", advice);
    if (on && !node_get_bool(state, "at_boot", FALSE))
        add_issue(issues, worst, CONDITION_DEGRADED, "the timer of unattended updates does not begin at boot", advice);
    if (!last || !run_is_bad(last))
        return;
    g_autofree char *text =
        g_strdup_printf("the last unattended update was %s: %s", last->result, last->text ? last->text : "?");
    add_issue(issues, worst, CONDITION_DEGRADED, text, "'liftlock plan' shows what stands in its way");
}

static void inspect_errors(Observed *observed, Node *node, Node *issues, Condition *worst)
{
    Node *errors = status_errors(observed->journal, observed->app);
    node_set(node, "errors", errors);
    if (errors->items->len == 0)
        return;
    const Node *newest = g_ptr_array_index(errors->items, 0);
    g_autofree char *text =
        g_strdup_printf("%u of the last day's jobs did not end well; the newest: %s", errors->items->len,
                        node_get_text(newest, "error", node_get_text(newest, "verdict", "?")));
    add_issue(issues, worst, CONDITION_OK, text, "'liftlock history' lists them, 'liftlock logs' has what they wrote");
}

Node *inspect_app(const HostPlace *host, const char *app, GError **error)
{
    static const char *const names[] = {"OK", "DEGRADED", "BROKEN"};
    g_autoptr(Observed) observed = observed_open(host, app, error);
    g_autoptr(Node) health = observed ? health_of(host, app, error) : NULL;
    if (!health)
        return NULL;
    Node *issues = node_new_list();
    Condition worst = CONDITION_OK;
    inspect_jobs(observed, issues, &worst);
    inspect_claims(observed, issues, &worst);
    inspect_tree(observed, issues, &worst);
    inspect_ways_back(observed, issues, &worst);
    const Node *checks = node_get(health, "checks");
    for (guint i = 0; i < checks->items->len; i++) {
        const Node *check = g_ptr_array_index(checks->items, i);
        if (node_get_bool(check, "ok", FALSE))
            continue;
        g_autofree char *text =
            g_strdup_printf("%s: %s", node_get_text(check, "name", "?"), node_get_text(check, "text", "not ok"));
        add_issue(issues, &worst, CONDITION_BROKEN, text, "read the app's log; 'liftlock rollback' goes back");
    }
    Node *node = node_new_map();
    node_set_text(node, "app", app);
    node_set_text(node, "version", observed->version);
    inspect_files(observed, node, issues, &worst);
    inspect_unattended(host, observed, node, issues, &worst);
    inspect_errors(observed, node, issues, &worst);
    node_set_text(node, "condition", names[worst]);
    node_set(node, "issues", issues);
    return node;
}
