/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that take several apps: each has its turn, whatever becomes of the others. */
#pragma once

#include "cli/cli.h"

/* One app's turn: exit code, -1 with *error set; what it has to say in JSON goes into call->answer (empty before). */
typedef int (*AppTurn)(Call *call, const char *app, gpointer data, GError **error);

typedef enum {
    ANSWER_AS_ASKED, /* the one app that was named answers with a map, several with a list of maps */
    ANSWER_LIST,     /* always a list */
} AnswerShape;

/* For those that are named, each once and in that order, or for all of this host. Of several one's fault is said at
 * once and is in its place of the list as {app, error}; who had trouble is said again at the end. Returns the
 * worst exit code (10, something is newer, is the least), -1 with *error set. */
int for_apps(Call *call, AppTurn turn, gpointer data, AnswerShape shape, GError **error);

/* Whether the apps of this call are more than the one that was named. */
gboolean apps_are_several(const Call *call);
