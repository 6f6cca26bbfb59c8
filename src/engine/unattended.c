/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/unattended.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/claims.h"
#include "model/auto.h"
#include "parts/service/timer.h"
#include "parts/service/transient.h"

#include <string.h>
#include <unistd.h>

#define RECORD "auto.json"
#define RECORD_LIMIT (64 * 1024)

/* --- what is remembered --- */

void run_free(Run *run)
{
    if (!run)
        return;
    g_free(run->result);
    g_free(run->text);
    g_free(run);
}

Run *unattended_last(const Place *place)
{
    g_autofree char *path = g_build_filename(place->state, RECORD, NULL), *bytes = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &bytes, &size, NULL) || size > RECORD_LIMIT)
        return NULL;
    g_autoptr(Node) node = document_parse(DOCUMENT_JSON, bytes, size, RECORD, FAULT_STATE, NULL);
    gint64 at_s = 0;
    if (!node || !clock_parse(node_get_text(node, "at", ""), &at_s) || !node_get_text(node, "result", NULL))
        return NULL;
    Run *run = g_new0(Run, 1);
    *run = (Run){at_s, g_strdup(node_get_text(node, "result", "")), g_strdup(node_get_text(node, "text", NULL))};
    return run;
}

static Node *run_node(const Run *run)
{
    Node *node = node_new_map();
    g_autofree char *at = clock_format(run->at_s);
    node_set_text(node, "at", at);
    node_set_text(node, "result", run->result);
    node_set_text(node, "text", run->text);
    return node;
}

gboolean unattended_remember(const Place *place, const Run *run, GError **error)
{
    g_autoptr(Node) node = run_node(run);
    g_autofree char *json = node_to_json(node, 0);
    if (!fs_make_path(place->state, 0755, error))
        return FALSE;
    fs_fd int fd = fs_open_dir(place->state, error);
    return fd >= 0 && fs_write_atomic(fd, RECORD, json, strlen(json), 0644, error);
}

gboolean run_is_bad(const Run *run)
{
    static const char *const good[] = {"updated", "up-to-date", "waiting", NULL};
    return !g_strv_contains(good, run->result);
}

/* --- whether it may run --- */

static char *outside_window(const AppConfig *config, gint64 now_s)
{
    Window window;
    if (!auto_window(config, &window) || window_is_open(&window, now_s))
        return NULL;
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(now_s);
    g_autofree char *time = g_date_time_format(now, "%H:%M");
    return g_strdup_printf("it is %s here, and its window is %s", time, config->auto_.window);
}

static char *in_maintenance(const Place *place)
{
    g_autoptr(GPtrArray) standing = claims(place, CLAIM_FENCE);
    for (guint i = 0; i < standing->len; i++) {
        const Claim *claim = g_ptr_array_index(standing, i);
        if (strcmp(claim->name, "operator") == 0)
            return g_strdup_printf("it is in maintenance: %s", claim->reason);
    }
    return NULL;
}

static char *had_its_turn(const Place *place, const AppConfig *config, gint64 now_s)
{
    Window window;
    const Window *its = auto_window(config, &window) ? &window : NULL;
    g_autoptr(Run) last = unattended_last(place);
    if (!last || strcmp(last->result, "postponed") == 0 || window_day(its, last->at_s) != window_day(its, now_s))
        return NULL;
    g_autofree char *at = clock_format(last->at_s);
    return g_strdup_printf("it had its turn today, at %s: %s", at, last->result);
}

char *unattended_not_now(const Place *place, const AppConfig *config, gint64 now_s, gboolean forced)
{
    char *why = outside_window(config, now_s);
    if (!why)
        why = in_maintenance(place);
    if (!why && !forced)
        why = had_its_turn(place, config, now_s);
    return why;
}

/* --- the timer --- */

typedef struct Order {
    TimerOrder timer;
    char *name, *description, *calendar;
    const char *arguments[4];
    GPtrArray *writable; /* const char *, borrowed */
} Order;

static void order_free(Order *order)
{
    g_free(order->name);
    g_free(order->description);
    g_free(order->calendar);
    g_ptr_array_unref(order->writable);
    g_free(order);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Order, order_free)

static Order *order_new(const HostPlace *host, const Place *place, const AppConfig *config)
{
    Order *order = g_new0(Order, 1);
    *order = (Order){
        .name = g_strconcat("liftlock-auto-", place->app, NULL),
        .description = g_strdup_printf("liftlock: update of %s, unattended", place->app),
        .calendar = auto_calendar(config),
        .arguments = {"update", place->app, "--unattended", NULL},
        .writable = g_ptr_array_new(),
    };
    g_ptr_array_add(order->writable, place->root);
    for (guint i = 0; i < place->away->len; i++)
        g_ptr_array_add(order->writable, ((const PlaceAway *)place->away->pdata[i])->path);
    g_ptr_array_add(order->writable, NULL);
    order->timer = (TimerOrder){
        .name = order->name,
        .description = order->description,
        .arguments = order->arguments,
        .calendar = order->calendar,
        .delay_ms = auto_delay_ms(config),
        .writable = (const char *const *)order->writable->pdata,
        .host_root = host->own_root ? host->root : NULL,
    };
    return order;
}

/* What crontab(5) is told where there is no systemd. */
static gboolean say_cron(const HostPlace *host, const Place *place, const AppConfig *config, gboolean on,
                         GError **error)
{
    fault_set(error, FAULT_REQUIREMENT, "%s: no systemd answers on this host, whose timer it would be", place->app);
    g_autofree char *time = auto_cron_time(config);
    g_autofree char *root = host->own_root ? g_shell_quote(host->root) : NULL;
    g_autofree char *command = g_strdup_printf("%s%s%sliftlock update %s --unattended", root ? "LIFTLOCK_ROOT=" : "",
                                               root ? root : "", root ? " " : "", place->app);
    if (!on)
        return fault_hint(error, "take '%s' out of the crontab", command);
    return fault_hint(error, time ? "add this line to the crontab: %s %s" : "add to the crontab, at your times: %s%s",
                      time ? time : "", command);
}

gboolean unattended_on(const HostPlace *host, const Place *place, const AppConfig *config, GError **error)
{
    if (!service_manager_available(place))
        return say_cron(host, place, config, TRUE, error);
    g_autoptr(Order) order = order_new(host, place, config);
    return service_timer_on(place, &order->timer, error);
}

gboolean unattended_off(const HostPlace *host, const Place *place, const AppConfig *config, gboolean *had,
                        GError **error)
{
    if (!service_manager_available(place))
        return say_cron(host, place, config, FALSE, error);
    g_autofree char *name = g_strconcat("liftlock-auto-", place->app, NULL);
    return service_timer_off(place, name, had, error);
}

gboolean unattended_retire(const Place *place, GError **error)
{
    g_autofree char *name = g_strconcat("liftlock-auto-", place->app, NULL);
    g_autofree char *record = g_build_filename(place->state, RECORD, NULL);
    gboolean had = FALSE;
    unlink(record);
    return service_timer_off(place, name, &had, error);
}

static const char *timer_word(const TimerState *state)
{
    if (!state->reachable)
        return "unknown";
    return state->active ? "on" : "off";
}

Node *unattended_node(const HostPlace *host, const Place *place, const AppConfig *config)
{
    g_autoptr(Order) order = order_new(host, place, config);
    g_auto(TimerState) state = {0};
    g_autoptr(Run) last = unattended_last(place);
    service_timer_look(place, &order->timer, &state);
    Node *node = node_new_map();
    g_autofree char *next = state.active && state.next_s > 0 ? clock_format(state.next_s) : NULL;
    node_set_text(node, "timer", timer_word(&state));
    node_set_bool(node, "at_boot", state.enabled);
    node_set_bool(node, "as_configured", state.as_ordered);
    node_set_text(node, "calendar", order->calendar);
    node_set_text(node, "window", config->auto_.window);
    node_set_text(node, "next", next);
    node_set_text(node, "unit_result", state.result);
    if (last)
        node_set(node, "last", run_node(last));
    else
        node_set_text(node, "last", NULL);
    return node;
}
