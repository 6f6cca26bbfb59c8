/* SPDX-License-Identifier: Apache-2.0 */
/* Telling people and the app's own log how a job ended. Never fails a job. */
#pragma once

#include "engine/job.h"

void notices_send(Job *job, const char *verdict, const GError *cause);
