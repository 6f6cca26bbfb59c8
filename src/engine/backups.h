/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup holds. Its directory says it: for each data set NAME.sha256, the digest that the driver wrote, and
 * NAME.driver, who wrote it. So it is known without the journal, also after that was rebuilt.
 */
#pragma once

#include "engine/journal.h"

/* Names of the data sets in a backup, in bytewise order; empty if it is gone. The caller frees. */
GPtrArray *backup_sets(const Place *place, const char *id);
gboolean backup_has(const Place *place, const char *id, const char *set);

/* Notes in the backup's directory which driver wrote a set. */
gboolean backup_note_driver(int directory, const DataSet *set, GError **error);

/*
 * What restoring a backup does to `sets`, for a host that runs `target` afterwards. An objection for each set that the
 * target declares and the backup lacks, or holds from another driver; a note (char *) for each that stays as it is,
 * because the backup has none and the target does not know it, and for each in the backup that nobody declares.
 */
void backup_compare(const Place *place, const char *id, const GPtrArray *sets, const Manifest *target,
                    GPtrArray *objections, GPtrArray *notes);
