/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a wish to a plan: looks at host, source and journal, asks the pure model, and changes nothing but liftlock's own
 * cache. Everything that speaks against the change ends up in plan->objections; a fault means that no plan could be
 * made.
 */
#pragma once

#include "engine/catalog.h"
#include "engine/worker.h"

typedef struct Planner {
    const HostPlace *host; /* borrowed */
    HostConfig *host_config;
    AppConfig *config;
    char *config_text;
    Place *place;
    Journal *journal;
    char *current;         /* live version by observation; NULL */
    Manifest *installed;   /* its manifest; NULL */
    ReleaseRecord *record; /* its record; NULL */
    AppRecord *app;        /* NULL before the first install */
    Catalog *catalog;      /* after planner_check or planner_update */
    Manifest *manifest;    /* of the target */
    char *manifest_records;
    GPtrArray *passed_over;  /* Objection: why planner_update takes none of the newer releases; NULL */
    GPtrArray *differences;  /* char *: of edited files, after a look at them; see LayoutReport.diffs. NULL */
    RemoteProgress progress; /* for a download that planning needs; may be NULL */
    gpointer progress_data;
} Planner;

/* For an app that the host knows. FAULT_ABSENT: "there is no app 'x'". */
Planner *planner_open(const HostPlace *host, const char *app, GError **error);
/* For one that it does not know yet: the configuration that install would write. */
Planner *planner_open_new(const HostPlace *host, const char *app, const char *config_text, GError **error);
void planner_free(Planner *planner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planner, planner_free)

typedef struct PlanWish {
    const char *to;            /* NULL: what policy offers */
    gboolean force;            /* override what may be overridden; recorded */
    gboolean purge;            /* uninstall */
    const char *data_from;     /* install: version of the data that lie there, by the operator's word; NULL */
    const char *backup;        /* restore: id; NULL: the newest */
    const char *identity;      /* restore, rollback: file of the private key of an encrypted backup, absolute; NULL */
    gint64 max_download_bytes; /* 0: what the configuration says */
    gboolean rehearse;         /* update: rehearse it first */
    gboolean take_release;     /* in place: where nobody says who wins, the release does */
    gboolean foresee;          /* in place: fetch the release and see what becomes of the files; nothing is run */
    gboolean again;            /* update to the version that is installed already */
} PlanWish;

/* What the source offers: *offer (borrowed) is NULL when up to date. objections explain why newer ones are passed over.
 */
gboolean planner_check(Planner *planner, const Release **offer, GPtrArray *objections, GError **error);

/* NULL without an error: nothing to do, the app is up to date, or policy lets it go nowhere (planner->passed_over). */
Plan *planner_update(Planner *planner, const PlanWish *wish, GError **error);
Plan *planner_rollback(Planner *planner, const PlanWish *wish, GError **error);
Plan *planner_restore(Planner *planner, const PlanWish *wish, GError **error);
/* restart, backup, uninstall */
Plan *planner_simple(Planner *planner, PlanKind kind, const PlanWish *wish, GError **error);

/* Objections that --force may override become records of the override, if it was said. */
void plan_override(Plan *plan, const PlanWish *wish);

/* First objection of a plan as a fault; TRUE if there is none. */
gboolean plan_is_clear(const Plan *plan, GError **error);
