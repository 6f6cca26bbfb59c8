/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that an index names, relative to its own (RFC 3986 section 5), with less freedom than the RFC gives. */
#pragma once

#include <glib.h>

/* Joins `reference` to `base`, an http or https URL without query. Relative ones stay on the base's scheme and host;
 * absolute ones are http or https, and never http where the base is https. FAULT_SOURCE. The caller frees. */
char *reference_join(const char *base, const char *reference, GError **error);

/* Whether two http or https URLs have scheme, host and port in common, so that what is secret to one may go to the
 * other. */
gboolean reference_same_place(const char *one, const char *other);
