/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches: how a proxy leads users to the instance of one release or another. The proxy's own configuration is its
 * administrator's; in the place of the app's upstream it includes one file of ours, which holds one directive.
 */
#pragma once

#include "parts/part.h"

typedef struct SwitchDriver {
    const char *name, *summary;
    char *(*directive)(const char *socket); /* the file's line that leads to a unix socket; the caller frees */
    char *(*caveat)(void); /* why its reload may turn users away on this host; NULL: it does not. The caller frees */
} SwitchDriver;

extern const SwitchDriver *const switch_drivers[]; /* NULL-terminated; model/manifest_switch.h has their names */

/* What the administrator of this host should know of a proxy, or NULL. The caller frees. */
char *switch_caveat(const char *proxy);

/* Writes `file` ("system/web.caddy", below the app's root), readable by all and writable by nobody but us. A proxy that
 * reads it at any moment finds the old or the new text. FAULT_MANIFEST for a proxy that has no driver. */
gboolean switch_write(const Place *place, const char *proxy, const char *file, const char *socket, GError **error);

/* Takes it away; *removed says whether it was there. */
gboolean switch_remove(const Place *place, const char *file, gboolean *removed, GError **error);
