/* SPDX-License-Identifier: Apache-2.0 */
/* Which release may follow which, when, for whom. Pure: facts in, decision and reasons out. */
#pragma once

#include "model/config.h"
#include "model/index.h"

/* Something that speaks against a change. Those that may be overridden by the operator say by which option. */
typedef struct Objection {
    int code;             /* fault_code */
    char *text;           /* lower case, no full stop */
    char *hint;           /* NULL */
    const char *override; /* "--force", "--to", or NULL: cannot be overridden */
} Objection;
void objection_free(Objection *objection);
void objection_add(GPtrArray *objections, int code, const char *override, const char *hint, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

/* A release that failed on this host. */
typedef struct Rejection {
    char *release; /* sha256 of its archive, or version */
    char *reason;
    gint64 at_s; /* 0: unknown */
} Rejection;
void rejection_free(Rejection *rejection);

typedef struct PolicyFacts {
    const char *installed;     /* version, or NULL */
    const char *floor;         /* highest version that ever ran healthy here: a downgrade below it is refused */
    const char *pin;           /* version or range to stay in, or NULL */
    const GPtrArray *skipped;  /* char *: versions that the operator skips */
    const GPtrArray *rejected; /* Rejection */
    gint64 now_s;
} PolicyFacts;

typedef struct PolicyChoice {
    const Release *release; /* borrowed; NULL: nothing suits */
    gboolean up_to_date;    /* the installed one is what policy would choose */
} PolicyChoice;

/*
 * Three outcomes: release set and not up_to_date: go there (with what speaks against it, only if `to` was given);
 * up_to_date: nothing to do (release may then be NULL if the source no longer lists what is installed); where newer
 * releases are listed but none may be taken, release is NULL and the objections say why;
 * release NULL and not up_to_date: refused, and the objections say why.
 * Objections whose override is "--to" are not raised when the operator named the version with --to. In mode dashboard
 * policy decides: no objection has an override.
 */

/* Chooses: `to` NULL: newest release of the channel that is allowed (older than min_age, not withdrawn, rejected,
 * skipped, outside the pin); falls back to the newest allowed one below the channel's if that is newer than the
 * installed one. `to` given: exactly it, with objections for all that speaks against it. */
void policy_choose(const ReleaseIndex *index, const AppConfig *config, const PolicyFacts *facts, const char *to,
                   PolicyChoice *choice, GPtrArray *objections);
