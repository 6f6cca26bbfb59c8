/* SPDX-License-Identifier: Apache-2.0 */
/* The table of probe drivers, and how answers are judged. */
#include "parts/probe/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "model/version.h"
#include "parts/probe/ask.h"

/* http before unix: with both, the socket carries the request. */
const ProbeDriver *const probe_drivers[] = {&ask_http, &ask_tcp,  &ask_unix, &ask_command,
                                            &ask_unit, &ask_file, &ask_sql,  NULL};

void probe_result_clear(ProbeResult *result)
{
    g_free(result->text);
    g_free(result->problem);
    *result = (ProbeResult){0};
}

char *ask_time(gint64 duration_ms)
{
    if (duration_ms % 1000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT " s", duration_ms / 1000);
    return g_strdup_printf("%" G_GINT64_FORMAT " ms", duration_ms);
}

gboolean ask_problem(ProbeResult *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_free(result->problem);
    result->problem = g_strdup_vprintf(format, args);
    va_end(args);
    result->answer = ANSWER_FAIL;
    return TRUE;
}

/* --- judging ---------------------------------------------------------------------------------------------------- */

static char *with_version(const ProbeContext *context, const char *text)
{
    g_autoptr(GString) filled = g_string_new(text);
    g_autofree char *version = context->version ? version_without_commit(context->version) : g_strdup("");
    g_string_replace(filled, "{version}", version, 0);
    return g_string_free(g_steal_pointer(&filled), FALSE);
}

/* The answer came from the app, perhaps over a network: it is parsed by the child without rights. */
static Node *parse_answer(const char *answer, GError **error)
{
    fs_fd int fd = memfd_create("answer", MFD_CLOEXEC);
    gsize size = strlen(answer);
    if (fd < 0 || write(fd, answer, size) != (gssize)size || lseek(fd, 0, SEEK_SET) != 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "hand on an answer");
        return NULL;
    }
    return remote_parse(DOCUMENT_JSON, fd, "answer", FAULT_PROBE, error);
}

static char *pointer_of(const Check *check)
{
    gboolean whole = *check->json == '/' || *check->json == '\0';
    return g_strconcat(whole ? "" : "/", check->json, NULL);
}

static char *value_text(const Node *value)
{
    if (value->kind != NODE_SCALAR)
        return node_to_json(value, 0);
    return g_strdup(value->type == SCALAR_NULL ? "null" : value->text);
}

/* The value that json points at. NULL with a problem in the result, or with *error. */
static char *pointed_value(const Check *check, const char *answer, ProbeResult *result, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(Node) document = parse_answer(answer, &why);
    if (!document && fault_code_of(why) == FAULT_PROBE) {
        g_autofree char *text = fault_text(why);
        g_autofree char *shown = part_printable(text);
        ask_problem(result, "answer is not JSON: %s", shown);
        return NULL;
    }
    if (!document) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    g_autofree char *pointer = pointer_of(check);
    const Node *value = node_pointer(document, pointer);
    if (!value) {
        ask_problem(result, "answer has no %s", pointer);
        return NULL;
    }
    return value_text(value);
}

static void judge_value(const ProbeContext *context, const Check *check, const char *value, ProbeResult *result)
{
    g_autofree char *shown = part_printable(value);
    if (check->equals) {
        g_autofree char *wanted = with_version(context, check->equals),
                        *pointer = check->json ? pointer_of(check) : NULL;
        if (strcmp(value, wanted) != 0)
            ask_problem(result, "%s is '%s', not '%s'", pointer && *pointer ? pointer : "answer", shown, wanted);
    }
    if (!result->problem && check->expect) {
        g_autofree char *wanted = with_version(context, check->expect);
        if (!strstr(value, wanted))
            ask_problem(result, "answer '%s' does not contain '%s'", shown, wanted);
    }
}

gboolean ask_judge(const ProbeContext *context, const Check *check, const char *answer, const char *text,
                   ProbeResult *result, GError **error)
{
    g_autoptr(GError) why = NULL;
    gboolean looked_at = check->json || check->equals || check->expect;
    g_autofree char *value = check->json ? pointed_value(check, answer, result, &why) : g_strdup(answer);
    if (why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (value) {
        g_strstrip(value);
        judge_value(context, check, value, result);
    }
    g_autofree char *first_line = value && looked_at ? g_strndup(value, strcspn(value, "\r\n")) : g_strdup(text);
    g_free(result->text);
    result->text = part_printable(first_line);
    return TRUE;
}

char *ask_path(const ProbeContext *context, const char *path)
{
    g_autofree char *filled = with_version(context, path);
    return g_path_is_absolute(filled) ? g_steal_pointer(&filled)
                                      : g_build_filename(context->part.place->root, filled, NULL);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

gboolean probe_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    *result = (ProbeResult){.answer = ANSWER_OK};
    for (guint i = 0; probe_drivers[i]; i++) {
        if (!probe_drivers[i]->applies(check))
            continue;
        gint64 begin_ms = clock_monotonic_ms();
        if (!probe_drivers[i]->ask(context, check, result, error)) {
            probe_result_clear(result);
            return fault_prefix(error, "check '%s'", check->name ? check->name : probe_drivers[i]->name);
        }
        result->duration_ms = clock_monotonic_ms() - begin_ms;
        return TRUE;
    }
    return fault_set(error, FAULT_MANIFEST, "check '%s' asks nothing", check->name ? check->name : "");
}

gboolean probe_ask_patiently(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    for (gint64 left = check->retry_count;; left--) {
        if (!probe_ask(context, check, result, error))
            return FALSE;
        if (result->answer != ANSWER_FAIL || left <= 0)
            return TRUE;
        probe_result_clear(result);
        clock_sleep_ms(check->retry_delay_ms);
    }
}

char *probe_identity(const ProbeContext *context, const Check *check, GError **error)
{
    Check identity = *check;
    if (!identity.json && !identity.equals && !identity.expect)
        identity.expect = (char *)""; /* all of the answer is looked at */
    ProbeResult result = {0};
    if (!probe_ask_patiently(context, &identity, &result, error))
        return NULL;
    g_autofree char *text = g_strstrip(g_strdup(result.text ? result.text : "")), *problem = g_strdup(result.problem);
    probe_result_clear(&result);
    if (problem)
        fault_set(error, FAULT_PROBE, "identity: %s", problem);
    else if (!*text)
        fault_set(error, FAULT_PROBE, "identity: the answer is empty");
    else
        return g_strdup((text[0] == 'v' || text[0] == 'V') && g_ascii_isdigit(text[1]) ? text + 1 : text);
    return NULL;
}
