/* SPDX-License-Identifier: Apache-2.0 */
/* An app as it is found on the host, opened for looking only. */
#pragma once

#include "engine/journal.h"
#include "model/config.h"
#include "parts/probe/probe.h"

typedef struct Observed {
    char *app;
    AppConfig *config;
    Place *place;
    Journal *journal;   /* read-only; NULL if there is none yet */
    AppRecord *record;  /* NULL if unknown to the journal */
    char *version;      /* live by observation; NULL */
    char *tree;         /* its recorded digest; NULL */
    Manifest *manifest; /* of it; NULL */
    PartContext part;
    RemoteSession *session;
} Observed;

Observed *observed_open(const HostPlace *host, const char *app, GError **error);
void observed_free(Observed *observed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Observed, observed_free)

/* For probes of the live release. */
ProbeContext observed_probe_context(Observed *observed);
