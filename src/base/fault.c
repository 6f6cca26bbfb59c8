/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#include <errno.h>
#include <string.h>

G_DEFINE_QUARK(liftlock - fault, fault)

/* name, exit code, HTTP status, retry, blames, playbook */
static const struct fault_row rows[FAULT_N_CODES] = {
    [FAULT_USAGE] = {"usage", 2, 400, FALSE, BLAMES_CALLER, "correct the command; every verb has --help"},
    [FAULT_CONFIG] = {"config", 2, 500, FALSE, BLAMES_CALLER,
                      "correct the file at the place named, then run 'liftlock config check'"},
    [FAULT_RIGHTS] = {"rights", 2, 403, FALSE, BLAMES_CALLER, "run the command as the user named"},
    [FAULT_MANIFEST] = {"manifest", 1, 502, FALSE, BLAMES_RELEASE,
                        "tell the publisher; the next good release installs as usual"},
    [FAULT_SOURCE] = {"source", 1, 502, TRUE, BLAMES_SOURCE, "check the source's address; tell the publisher"},
    [FAULT_NETWORK] = {"network", 1, 503, TRUE, BLAMES_SOURCE,
                       "check network, proxy and address; the download resumes where it stopped"},
    [FAULT_VERIFY] = {"verify", 1, 502, FALSE, BLAMES_SOURCE,
                      "do not install it by other means; ask the publisher whether the key changed"},
    [FAULT_ARCHIVE] = {"archive", 1, 502, FALSE, BLAMES_RELEASE, "tell the publisher; nothing of it was installed"},
    [FAULT_POLICY] = {"policy", 3, 409, FALSE, BLAMES_NOBODY,
                      "choose another version, or change the policy on purpose"},
    [FAULT_REQUIREMENT] = {"requirement", 3, 409, FALSE, BLAMES_HOST, "provide what is missing, then try again"},
    [FAULT_BUSY] = {"busy", 3, 423, TRUE, BLAMES_NOBODY, "wait for the other work to end, then try again"},
    [FAULT_SPACE] = {"space", 1, 507, TRUE, BLAMES_HOST, "free room on the file system named, then try again"},
    [FAULT_BUILD] = {"build", 1, 502, FALSE, BLAMES_RELEASE, "read the job's log; tell the publisher"},
    [FAULT_TRIAL] = {"trial", 1, 502, FALSE, BLAMES_RELEASE, "read the job's log; tell the publisher"},
    [FAULT_INCOMPATIBLE] = {"incompatible", 3, 409, FALSE, BLAMES_RELEASE,
                            "read what the release says; another version may fit"},
    [FAULT_HOOK] = {"hook", 1, 502, FALSE, BLAMES_RELEASE, "read the job's log; tell the publisher"},
    [FAULT_DRAIN] = {"drain", 1, 500, TRUE, BLAMES_HOST, "end the process named, then try again"},
    [FAULT_BACKUP] = {"backup", 1, 500, TRUE, BLAMES_HOST, "check the data and the disk named, then try again"},
    [FAULT_MIGRATE] = {"migrate", 1, 502, FALSE, BLAMES_RELEASE, "read the job's log; tell the publisher"},
    [FAULT_START] = {"start", 1, 502, FALSE, BLAMES_RELEASE, "read the service's log"},
    [FAULT_PROBE] = {"probe", 1, 502, FALSE, BLAMES_RELEASE, "read the service's log"},
    [FAULT_INTERRUPTED] = {"interrupted", 1, 500, TRUE, BLAMES_NOBODY, "run 'liftlock recover'"},
    [FAULT_STATE] = {"state", 5, 500, FALSE, BLAMES_HOST, "run 'liftlock recover'"},
    [FAULT_SYSTEM] = {"system", 1, 500, TRUE, BLAMES_HOST, "check the host; the text names what it refused"},
    [FAULT_ABSENT] = {"absent", 2, 404, FALSE, BLAMES_CALLER, "see 'liftlock status' for what there is"},
};

const struct fault_row *fault_row(enum fault_code code)
{
    return &rows[(unsigned)code < FAULT_N_CODES ? code : FAULT_SYSTEM];
}

enum fault_code fault_code_of(const GError *error)
{
    return error && error->domain == FAULT ? (enum fault_code)error->code : FAULT_SYSTEM;
}

gboolean fault_set(GError **error, enum fault_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, FAULT, (int)code, text);
    return FALSE;
}

gboolean fault_errno(GError **error, enum fault_code code, int errno_value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *why = g_strdup(g_strerror(errno_value));
    why[0] = g_ascii_tolower(why[0]);
    if (code == FAULT_SYSTEM && (errno_value == ENOSPC || errno_value == EDQUOT))
        code = FAULT_SPACE;
    return fault_set(error, code, "%s: %s", what, why);
}

gboolean fault_hint(GError **error, const char *format, ...)
{
    if (!error || !*error)
        return FALSE;
    va_list args;
    va_start(args, format);
    g_autofree char *hint = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = fault_text(*error);
    g_free((*error)->message);
    (*error)->message = g_strconcat(text, "\n", hint, NULL);
    return FALSE;
}

gboolean fault_prefix(GError **error, const char *format, ...)
{
    if (!error || !*error)
        return FALSE;
    va_list args;
    va_start(args, format);
    g_autofree char *prefix = g_strdup_vprintf(format, args);
    va_end(args);
    char *message = g_strconcat(prefix, ": ", (*error)->message, NULL);
    g_free((*error)->message);
    (*error)->message = message;
    return FALSE;
}

char *fault_text(const GError *error)
{
    const char *end = strchr(error->message, '\n');
    return end ? g_strndup(error->message, (gsize)(end - error->message)) : g_strdup(error->message);
}

char *fault_hint_of(const GError *error)
{
    const char *end = strchr(error->message, '\n');
    return end ? g_strdup(end + 1) : NULL;
}
