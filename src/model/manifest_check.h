/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys of a manifest cannot say one by one. */
#pragma once

#include "model/manifest.h"

/* Gives names to checks and services that have none. */
void manifest_fill_names(Manifest *manifest);

/* Checks what needs more than one key; FAULT_MANIFEST at the place of what is wrong. */
gboolean manifest_check(const Manifest *manifest, const char *name, GError **error);

/* "http://..." or "https://..." with a host, no user or password, nothing that does not show. */
gboolean url_is_plain(const char *url);

/* The name of a unit of a type that an app may bring. */
gboolean unit_is_plain(const char *text);
