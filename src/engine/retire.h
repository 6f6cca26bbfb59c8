/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting: what no way back needs, or a whole app. */
#pragma once

#include "engine/job.h"

/* Catalog, backups, kept failed data, archives and job folders beyond what the config keeps. */
gboolean retire_surplus(Job *job, GError **error);

/* An uninstalled app: drop-ins, releases, configuration and records; with plan->purge its data, backups and jobs too.
 */
gboolean retire_app(Job *job, GError **error);
