/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fence and hold as durable sets of named claims (rule 4): a file per claim below place->fence and place->hold. The
 * fence is up while any claim stands, so that the end of a job never lifts the operator's maintenance.
 */
#pragma once

#include "model/place.h"

typedef enum { CLAIM_FENCE, CLAIM_HOLD } ClaimKind;

typedef struct Claim {
    char *name; /* "operator", "job-..." */
    char *reason;
    gint64 since_s, until_s; /* until 0: open end */
} Claim;
void claim_free(Claim *claim);

/* Durable when it returns; setting it again is good. */
gboolean claim_set(const Place *place, ClaimKind kind, const char *name, const char *reason, gint64 until_s,
                   GError **error);
/* Absent is good. Needs no room. */
gboolean claim_lift(const Place *place, ClaimKind kind, const char *name, GError **error);
GPtrArray *claims(const Place *place, ClaimKind kind); /* Claim, by name; empty if there are none */

/* The app's maintenance file (below the app's root), there while the fence is up: JSON with reason, since, until.
 * Brings it in line with the claims. `file` NULL: the app has none. */
gboolean fence_file_update(const Place *place, const char *file, GError **error);

/* Passes: a unit that may start although a hold stands. Below /run, so that they are gone after a reboot. */
gboolean pass_set(const Place *place, const char *unit, GError **error);
gboolean passes_clear(const Place *place, GError **error);
