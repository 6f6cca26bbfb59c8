/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups that only the owner of a private key can read: age files (the format age-encryption.org/v1), made and read by
 * age(1), so that its owner can open them without us. Beside NAME.age or NAME.tar.age lies NAME.encrypted, its SHA-256,
 * written last: where that is, the plain NAME is of no more use. NAME.sha256 and NAME.driver stay.
 */
#pragma once

#include "engine/job.h"

/* What speaks against a plan that makes a backup or, with `backup` (NULL: none), puts one back. `identity`: file of the
 * private key, or NULL. */
void encryption_object(const AppConfig *config, const Place *place, const char *backup, const char *identity,
                       GPtrArray *objections);

/* Whether a data set of the backup is encrypted and not here in plain as well. */
gboolean encryption_hides(const Place *place, const char *id);

/* Leaves no plain data in the backup `id`. Idempotent, and copes with half of itself. FAULT_BACKUP, FAULT_SPACE. */
gboolean encryption_close(const PartContext *context, const AppConfig *config, const char *id, GError **error);

/* Reads the encrypted sets in full against their digests, and with an identity (else NULL) writes them in plain into
 * the directory `into`, which is the backup's own or gets the notes beside them too. FAULT_BACKUP. */
gboolean encryption_open(const PartContext *context, const char *id, const char *identity, const char *into,
                         GError **error);
