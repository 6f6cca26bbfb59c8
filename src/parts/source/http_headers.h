/* SPDX-License-Identifier: Apache-2.0 */
/* Headers with secrets, from files of the operator's. */
#pragma once

#include "model/place.h"

/* Adds the "Name: value" lines of a file (or credential: secret.h) to `headers` (of char *; the array frees them).
 * Blank lines and lines that begin with "#" do not count. FAULT_CONFIG, in words that never repeat a value; also if
 * others may read or change the file. */
gboolean http_headers_read(const Place *place, const char *path, GPtrArray *headers, GError **error);
