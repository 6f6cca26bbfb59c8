/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest's `cleanup`: what goes when a release has been observed healthy. */
#pragma once

#include "engine/job.h"

/*
 * Removes what the manifest names, then runs its commands as the app's user. Names are relative to the app's root with
 * layout `files`, else to shared/: a release's tree is sealed. A pattern of remove_files without "/" counts at any
 * depth; it takes files and links (never what a link leads to), and of directories those that are empty then.
 * remove_directories takes whole directories. Neither takes data (`data`, and `shared` but for caches), what
 * `directories` preserves, or what is liftlock's own. Nothing is an error here: what could not be done is said in the
 * log, and what was begun before a crash may be done again.
 */
void cleanup_run(Job *job);
