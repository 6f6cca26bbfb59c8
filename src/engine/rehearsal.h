/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rehearsal: the dump restored, the migrations run and the new release started and probed, in a scene
 * (base/scene.h) at their own paths and ports, while the app goes on serving. What a failed one changes is thrown away.
 */
#pragma once

#include "engine/job.h"

/* What speaks against a rehearsal of these data, as objections. */
void rehearsal_object(const GPtrArray *sets, GPtrArray *objections);

/* In the scratch: [{name, start, environment, files, directories: [...]}] for each service that is a unit. */
#define REHEARSAL_SCRIPTS "scripts.json"

/* How long the newest rehearsal of a release took between its data at rest and its proof; -1: none is known. */
gint64 rehearsal_known_ms(Journal *journal, const char *app, const char *release_key);

/* The inner program `liftlock inner rehearse APP JOB SCRATCH`: plays it and prints one line of JSON,
 * {ok, restore_ms, migrate_ms, start_ms} or {ok: false, code, text, hint}. Returns 0 if it could tell. */
int rehearsal_main(int argc, char **argv);
