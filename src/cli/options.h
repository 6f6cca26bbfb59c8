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

gboolean option_is_of(const OptionRow *row, const Verb *verb); /* or of one of its acts */
gboolean option_is_of_act(const OptionRow *row, const Act *act);

/* Parses what follows the verb into call->options, call->arguments and call->act. FAULT_USAGE. */
gboolean options_parse(Call *call, int argc, char **argv, GError **error);

void options_clear(Options *options);
