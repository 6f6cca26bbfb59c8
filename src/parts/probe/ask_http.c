/* SPDX-License-Identifier: Apache-2.0 */
/* The probe "http": a request by the child without rights, judged by status and answer. */
#include <string.h>

#include "base/clock.h"
#include "parts/probe/ask.h"

#define TIMEOUT_SLACK_MS 20

static gboolean http_applies(const Check *check)
{
    return check->http != NULL;
}

static gboolean is_about_the_app(const GError *error)
{
    enum fault_code code = fault_code_of(error);
    return code == FAULT_NETWORK || code == FAULT_SOURCE || code == FAULT_VERIFY;
}

/* By the child that is kept, if the caller keeps one. */
static gboolean request_send(const ProbeContext *context, const RemoteRequest *request, int *status, char **body,
                             GError **error)
{
    if (!context->session || request->as)
        return remote_request(request, status, body, error);
    if (!*context->session && !(*context->session = remote_session_open(error)))
        return FALSE;
    return remote_session_request(*context->session, request, status, body, error);
}

/* A transport failure, in a person's words. TRUE: it is a bad answer, not a failure to ask. */
static gboolean describe_failure(const Check *check, gint64 begin_ms, GError *why, ProbeResult *result, GError **error)
{
    if (!is_about_the_app(why)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autofree char *text = fault_text(why), *shown = part_printable(text), *limit = ask_time(check->timeout_ms);
    g_error_free(why);
    /* The child's clock ends the request a moment before ours would. */
    if (check->timeout_ms > 0 && clock_monotonic_ms() - begin_ms + TIMEOUT_SLACK_MS >= check->timeout_ms)
        return ask_problem(result, "no answer within %s", limit);
    return ask_problem(result, "%s", shown);
}

static gboolean status_is_good(const Check *check, int status)
{
    return check->status ? status == check->status : status >= 200 && status < 300;
}

static gboolean http_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    g_autofree char *socket = check->unix_socket ? ask_path(context, check->unix_socket) : NULL, *body = NULL;
    /* The app's socket is the app's to connect to. With root's rights a path of its own would lead us to any other, and
     * the child that asks elsewhere has too few. */
    const Place *place = context->part.place;
    const RemoteUser user = {place->uid, place->gid};
    RemoteRequest request = {
        .method = check->method ? check->method : "GET",
        .url = check->http,
        .unix_socket = socket,
        .as = socket && place->change_user ? &user : NULL,
        .timeout_ms = check->timeout_ms,
    };
    int status = 0;
    GError *why = NULL;
    gint64 begin_ms = clock_monotonic_ms();
    if (!request_send(context, &request, &status, &body, &why))
        return describe_failure(check, begin_ms, why, result, error);
    g_autofree char *text = g_strdup_printf("HTTP %d", status);
    if (!status_is_good(check, status)) {
        result->text = g_strdup(text);
        return check->status ? ask_problem(result, "HTTP %d, not %d", status, (int)check->status)
                             : ask_problem(result, "HTTP %d, not 2xx", status);
    }
    return ask_judge(context, check, body ? body : "", text, result, error);
}

const ProbeDriver ask_http = {
    .name = "http",
    .summary = "status and answer of an HTTP request, by TCP or a unix socket",
    .applies = http_applies,
    .ask = http_ask,
};
