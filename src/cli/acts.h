/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that do one of several things: `repo add`, `backup list`. */
#pragma once

#include "cli/cli.h"

/* The act that the first argument names; NULL: there is none of that name, or the verb has no acts. */
const Act *act_find(const Verb *verb, const char *name);

/* What stands behind the verb in a line of usage: its arguments, or its acts. The caller frees. */
char *act_usage(const Verb *verb);

/* Sets call->act. FAULT_USAGE: there is no such act. */
gboolean act_choose(Call *call, GError **error);
