/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: telling somebody. Time-limited, retried; a failure is reported and never fails a job. */
#pragma once

#include "model/config.h"
#include "parts/part.h"

typedef struct NotifyFacts {
    const char *app, *version, *from, *verdict, *error, *host, *job;
} NotifyFacts;

typedef struct NotifyDriver {
    const char *name, *summary;
    const Key *keys;
    gboolean (*send)(const PartContext *context, const NotifyConfig *config, const char *message,
                     const NotifyFacts *facts, GError **error);
} NotifyDriver;

extern const NotifyDriver *const notify_drivers[];

/* Fills in {app} {version} {from} {error} {host} {verdict} {job}; other braces stay. The caller frees. */
char *notify_expand(const char *template_text, const NotifyFacts *facts);

/* Sends one, if config->on asks for this verdict; tries again as often as it says where that may help. The webhook's
 * address never shows up in the error, but for its host. */
gboolean notify_send(const PartContext *context, const NotifyConfig *config, const NotifyFacts *facts, GError **error);
