/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of `release`. */
#pragma once

#include "cli/cli.h"

typedef struct ReleaseKind {
    const char *name, *summary;
    int (*run)(Call *call, GError **error); /* as a verb; the kind is the first argument */
    guint max_arguments;
    const char *options; /* that mean nothing to it are refused */
} ReleaseKind;

extern const ReleaseKind release_kinds[];
extern const guint n_release_kinds;

const ReleaseKind *release_kind(const char *name); /* NULL: there is none */

int release_by_http(Call *call, GError **error);

/* Asks on the terminal what to release and how, shows it, and does it once it was confirmed. */
int release_ask(Call *call, GError **error);
