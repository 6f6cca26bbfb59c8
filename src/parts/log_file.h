/* SPDX-License-Identifier: Apache-2.0 */
/* Log files in an app's logs/: a folder that the app's user may own, and that we write to with rights. */
#pragma once

#include "model/place.h"

/* Opens (or makes, for the app's user to read) place->logs/NAME for appending. No link is followed, neither symbolic
 * nor hard, and only a regular file will do: whatever the app's user planted there, nothing else is written to. -1 on
 * failure. */
int log_file_open(const Place *place, const char *name, GError **error);
