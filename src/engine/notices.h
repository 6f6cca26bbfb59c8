/* SPDX-License-Identifier: Apache-2.0 */
/* Telling people and the app's own log how a job ended. Never fails a job. */
#pragma once

#include "engine/job.h"
#include "parts/notify/notify.h"

/* The host's own notifications, where there is no job. What goes wrong with one goes to part->on_line. */
void notices_tell(const PartContext *part, const AppConfig *config, const NotifyFacts *facts);

void notices_send(Job *job, const char *verdict, const GError *cause);
