/* SPDX-License-Identifier: Apache-2.0 */
/* What the acts of `release` share. */
#pragma once

#include "cli/cli.h"

int release_by_http(Call *call, GError **error);

/* Asks on the terminal what to release and how, shows it, and does it once it was confirmed. */
int release_ask(Call *call, GError **error);
