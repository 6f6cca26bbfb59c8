/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up rights for good. Called by the children without rights as the first thing they do. */
#pragma once

#include <glib.h>

typedef struct SandboxRules {
    const char *const *read_paths;  /* NULL-terminated: may be read and listed below; others not */
    const char *const *write_paths; /* may also be written below */
    const int *write_fds;           /* directory descriptors below which may be written */
    guint n_write_fds;
    gboolean allow_exec; /* execute files below read_paths */
} SandboxRules;

/* no_new_privs, no core dumps, and Landlock (kernel >= 5.13). *confined says whether Landlock is in force; without it
 * only the change of user protects, and `status` says so. */
gboolean sandbox_enter(const SandboxRules *rules, gboolean *confined, GError **error);

/* Whether this kernel has Landlock. */
gboolean sandbox_available(void);
