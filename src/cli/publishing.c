/* SPDX-License-Identifier: Apache-2.0 */
/* release, keys: the publisher's side. */
#include "base/fault.h"
#include "cli/cli.h"

int verb_release(Call *call, GError **error)
{
    return fault_set(error, FAULT_USAGE, "later"), -1;
}

int verb_keys(Call *call, GError **error)
{
    return fault_set(error, FAULT_USAGE, "later"), -1;
}
