/* SPDX-License-Identifier: Apache-2.0 */
/* Options as a table; each verb names those that it takes. */
#pragma once

#include "cli/cli.h"

typedef struct OptionRow {
    const char *name;
    char letter;
    GOptionArg type;
    gsize offset;
    const char *argument; /* shown in help; NULL for flags */
    const char *summary;
} OptionRow;

extern const OptionRow option_rows[];
extern const guint n_option_rows;

gboolean option_is_of(const OptionRow *row, const Verb *verb);

/* Parses what follows the verb into call->options and call->arguments. FAULT_USAGE. */
gboolean options_parse(Call *call, int argc, char **argv, GError **error);

/* FAULT_USAGE if an option was given that the verb has, but not this act of it: who says --dry-run must not find that
 * something was done. `names` are those of the act, blank-separated. */
gboolean options_only(const Call *call, const char *names, const char *act, GError **error);
void options_clear(Options *options);
