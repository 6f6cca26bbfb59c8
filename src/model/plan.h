/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: one intended change, with everything that speaks against it, its cost and its way back. Pure values; written
 * into the job and read back from it, so that a crashed job goes on from nothing but its plan and its journal.
 */
#pragma once

#include "model/policy.h"

typedef enum {
    PLAN_INSTALL,
    PLAN_UPDATE,
    PLAN_ROLLBACK,
    PLAN_RETURN,
    PLAN_RESTORE,
    PLAN_RESTART,
    PLAN_BACKUP,
    PLAN_UNINSTALL,
    PLAN_N_KINDS
} PlanKind;

/* What a job does to data when it goes to a release (rule 9 of the design). */
typedef enum { DATA_MIGRATE, DATA_KEEP, DATA_RESTORE, DATA_DOWN } PlanData;

/* Whether an update takes the copy of the data that they go back to: not where nothing of the release changes them. */
typedef enum { COPY_ALWAYS, COPY_IF_SQL_IS_DUE, COPY_NEVER } PlanCopy;

/* How a release's tree comes here: by what leads to it from the installed one, by what that one lacks of its pack, or
 * whole. */
typedef enum { WAY_ARCHIVE, WAY_DELTA, WAY_FRAMES, WAY_N } PlanWay;

typedef struct PlanFile {
    char *url, *sha256; /* resolved; NULL: there is none */
    gint64 bytes;
} PlanFile;

typedef struct Plan {
    PlanKind kind;
    char *app;
    char *from;                /* installed version; NULL */
    char *from_digest;         /* tree digest of it; NULL */
    char *to;                  /* target version (= from for restart, backup, restore); NULL: uninstall */
    char *to_sha256;           /* archive digest; NULL where nothing is fetched */
    char *to_tree;             /* tree digest where the target is on disk already; NULL */
    char *url, *signature_url; /* resolved; NULL where nothing is fetched */
    char *manifest_sha256;     /* of the manifest that the plan was made with */
    gint64 archive_bytes;      /* 0: unknown or none */
    char *tree;                /* digest of the release's tree as it was published; NULL: not said */
    PlanWay way;               /* the one that costs least; the others are for when it leads nowhere */
    PlanFile delta, table, pack;
    gint64 download_bytes; /* of that way; 0: unknown or none */
    gint64 cached_bytes;   /* of it already here */
    gint64 max_download;   /* bytes; more is not fetched. 0: no limit */
    PlanData data;
    PlanCopy copy;
    char *data_from;          /* install: version of the data that lie there already; NULL: none */
    char *backup;             /* id of the backup to restore; NULL */
    char *identity;           /* file of the private key that opens `backup`; NULL */
    char *loss;               /* what going back loses, for people; NULL: nothing */
    GPtrArray *notes;         /* char *: what else a person should know */
    GPtrArray *manual_steps;  /* char *: what the release wants a person to do first, in order */
    GPtrArray *migrations;    /* char *: versions whose migrations run, or are taken back, in order */
    GPtrArray *objections;    /* Objection */
    GPtrArray *overrides;     /* char *: recorded overrides, "--force: ..." */
    gint64 fence_expected_ms; /* from earlier jobs; 0: unknown */
    gboolean purge;           /* uninstall: data too */
    gboolean take_release;    /* in place: where nobody says who wins, the release's file comes, the user's is kept */
    gboolean rehearse;        /* update: first on restored data, in isolation */
    gint64 attempt;           /* 1.. */
} Plan;

Plan *plan_new(PlanKind kind, const char *app);
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* What attempts and rejections of the target are counted by: its archive's digest, else its version. Borrowed; NULL:
 * none. */
const char *plan_release_key(const Plan *plan);

const char *plan_kind_name(PlanKind kind); /* "install", "update" ... */

Node *plan_to_node(const Plan *plan); /* the caller frees */
Plan *plan_from_node(const Node *node, GError **error);

/* SHA-256 over what the plan will do (not attempt, costs or objections): what `update --plan DIGEST` names. The caller
 * frees. */
char *plan_digest(const Plan *plan);
