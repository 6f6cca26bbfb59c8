/* SPDX-License-Identifier: Apache-2.0 */
/* What processes of liftlock that died left lying about: nothing looks for it, it only takes room. */
#pragma once

#include "engine/journal.h"
#include "model/manifest.h"

/*
 * Removes what is provably nobody's: temporary files of dead processes beside `current`, in the cache, beside the app's
 * configuration and the fence file; folders of jobs that never came to be; and, beside the data, what closed jobs of
 * the app kept there. For settle: with the app's lock held, after a verdict observed healthy. `sets`: DataSet;
 * `fence_file` may be NULL. Idempotent; a failure leaves the rest for the next time.
 */
gboolean leftovers_prune(Journal *journal, const Place *place, const GPtrArray *sets, const char *fence_file,
                         GError **error);
