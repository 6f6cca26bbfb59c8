/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rollout, decided on one host without a server that counts: each host has a place in each release's rollout, drawn
 * from its own id and the release, and a stage takes the places below its percentage. So the place is the same however
 * often it is asked, a host that is in stays in as the percentage grows, and the first of one release are not the first
 * of the next. Time is that of the release's publication and of this host's clock: a wait is a number of seconds, which
 * no time zone and no change to summer time makes longer or shorter.
 */
#pragma once

#include "model/manifest.h"

#define ROLLOUT_PLACES 100

/* 0 to 99, evenly: from SHA-256 over host, app and version, none of which can be learnt from it. */
guint rollout_place(const char *host_id, const char *app, const char *version);

typedef struct RolloutFacts {
    const char *host_id, *app;
    const char *group;    /* of the host's config; NULL. The name of a stage: waits for that one, whatever its place.
                             "canary" (where no stage is called so): the first; "stable": none before the last */
    const char *released; /* RFC 3339 or a date; NULL: unknown. The source's word goes before the manifest's */
    gint64 now_s;
} RolloutFacts;

typedef enum {
    ROLLOUT_OPEN,    /* this host may take the release */
    ROLLOUT_WAITS,   /* its stage opens later: opens_s, or its publication lies in the future */
    ROLLOUT_UNDATED, /* its stage waits, and nobody says since when */
    ROLLOUT_NOBODY,  /* no stage takes this host */
} RolloutState;

typedef struct RolloutChoice {
    RolloutState state;
    const RolloutStage *stage; /* the first that takes this host; NULL: none. Borrowed */
    guint place;
    gint64 opens_s; /* of that stage; 0: unknown */
    char *text;     /* what it comes to, for people: a line that names the version */
} RolloutChoice;
void rollout_choice_clear(RolloutChoice *choice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RolloutChoice, rollout_choice_clear)

/* When stage `index` opens; FALSE: nobody knows. A stage without any wait before it opens with the publication, and of
 * a release without date at once: *opens_s is then 0. */
gboolean rollout_opens(const Manifest *manifest, const RolloutFacts *facts, guint index, gint64 *opens_s);

/* Decides. `host` and `data` answer criteria (server_id with rollout_place), which are asked only up to the first stage
 * that takes the host. FALSE with *error: the host could not be asked. */
gboolean rollout_choose(const Manifest *manifest, const RolloutFacts *facts, const ExpressionHost *host, gpointer data,
                        RolloutChoice *choice, GError **error);
