/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a release is for this host, now: its conditionals and its rollout, asked of the host. Everything is asked as
 * the app's user or below the app's root, and nothing is changed: commands may write to a temporary folder alone.
 */
#pragma once

#include "engine/job.h"
#include "model/rollout.h"

typedef struct Conditions {
    const PartContext *part;
    const HostConfig *host_config;
    const AppConfig *config;
    const Manifest *manifest;  /* of the release */
    const Manifest *installed; /* NULL: nothing */
    const char *from;          /* installed version; NULL */
    const char *host_root;     /* what LIFTLOCK_ROOT puts in front of every path; "" */
    const char *released;      /* what the source says of its publication; NULL: the manifest's word */
    gint64 deadline_ms;        /* monotonic; set by the first command: all of them together get so much time */
} Conditions;

/* What the release says to do on this host. An objection for each condition that holds, or cannot be told: those that
 * skip the release for now go to `not_now`, those that want a person to `objections`; warnings to `notes`, and what the
 * person is to do to `steps` (char *). In mode dashboard none can be overridden, in mode manual --force does. */
void conditions_object(Conditions *conditions, GPtrArray *objections, GPtrArray *not_now, GPtrArray *notes,
                       GPtrArray *steps);

/* Where this host stands in the release's rollout. FALSE with *error: a criterion could not be asked. */
gboolean conditions_rollout(Conditions *conditions, RolloutChoice *choice, GError **error);

/* An objection if the rollout does not take this host, or not yet. */
void conditions_object_to_rollout(Conditions *conditions, GPtrArray *not_now);

/* What a rollout draws this host's place from: the config's word, the machine's id, else its name. The caller frees. */
char *conditions_host_id(const HostConfig *config);

/* Answers for the words of an expression; data is a Conditions. */
extern const ExpressionHost conditions_host;
