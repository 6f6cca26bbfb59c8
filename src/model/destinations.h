/* SPDX-License-Identifier: Apache-2.0 */
/* [destinations] of an app's config: which directories of the release lie in folders of their own on this host. */
#pragma once

#include "model/config.h"

/* What one key cannot say alone; NULL: good, else the text of the fault (the caller frees). */
char *destinations_problem(const AppConfig *config);
