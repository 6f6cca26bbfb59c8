/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the tables. */
#pragma once

#include "cli/cli.h"

int help_all(gboolean was_misuse);
int help_verb(const Verb *verb, const Act *act);   /* act: NULL: of the verb as a whole */
int help_named(const char *name, const char *act); /* act: NULL */
