/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: questions to the app whose answers decide. All of Check's kinds: http, tcp, unix, command, unit, file,
 * sql. */
#pragma once

#include "base/remote.h"
#include "parts/part.h"

typedef enum { ANSWER_OK, ANSWER_WILL_MIGRATE, ANSWER_REFUSE, ANSWER_FAIL } ProbeAnswer;

typedef struct ProbeContext {
    PartContext part;
    const char *directory;    /* of commands: the release's tree */
    const char *version;      /* for {version} */
    const Manifest *manifest; /* that the checks are of: it says which databases there are */
    RemoteSession **session;  /* opened at the first need and kept; the caller closes. NULL: one child per question */
    /* trial: */
    gboolean isolated;                                /* no network, data read-only */
    const char *stage_parent, *stage_from, *stage_as; /* see process.h */
    /* How a unit is looked at (the engine hands in the service part's eyes): NULL where there are no units. */
    gboolean (*unit_active)(const char *unit, gboolean *active, guint64 *restarts, gpointer data, GError **error);
    gpointer unit_data;
} ProbeContext;

typedef struct ProbeResult {
    ProbeAnswer answer;
    char *text;    /* what was answered: the pointed value, the output's first line, "HTTP 200"; at most 200 characters,
                      printable */
    char *problem; /* why it is not OK: "HTTP 503, not 2xx"; NULL if OK */
    gint64 duration_ms;
    gboolean exposed; /* isolation was asked for, and was not wholly in force */
} ProbeResult;
void probe_result_clear(ProbeResult *result);

typedef struct ProbeDriver {
    const char *name, *summary; /* the Check's key: "http" */
    gboolean (*applies)(const Check *check);
    gboolean (*ask)(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error);
} ProbeDriver;

extern const ProbeDriver *const probe_drivers[];

/* Asks once. FALSE only if asking itself was impossible (no such driver, no child); a bad answer is a result. */
gboolean probe_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error);

/* Asks with the check's own retries. */
gboolean probe_ask_patiently(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error);

/* Version that the running process says it is: the answer's text of an identity check, trimmed, without an optional
 * "v". NULL on failure. */
char *probe_identity(const ProbeContext *context, const Check *check, GError **error);
