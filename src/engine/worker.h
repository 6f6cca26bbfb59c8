/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door (design section 2): a job is a process of its own, started from a copy of the executable that planned
 * it, as a transient unit where there is systemd and in a session of its own elsewhere. Whoever asked may go away.
 */
#pragma once

#include "engine/journal.h"
#include "engine/transaction.h"
#include "model/config.h"

typedef struct JobOrder {
    const Plan *plan;
    const char *config_text;      /* the app's configuration that the plan was made with */
    const char *manifest_records; /* of the target release; NULL: the recorded one */
    const char *requested_by;
    const char *replaces; /* id of the app's open job that ends in the moment in which this one begins; NULL */
} JobOrder;

/* Writes the job down: directory, plan, executable. Returns its id (the caller frees). An open job of the app is
 * FAULT_BUSY. */
char *job_create(const HostPlace *host, const Place *place, Journal *journal, const JobOrder *order, GError **error);

typedef enum { WORKER_RUN, WORKER_RECOVER } WorkerMode;

/* Starts the job's process and returns. */
gboolean worker_start(const HostPlace *host, const Place *place, const char *id, WorkerMode mode, GError **error);

/* The job's process itself: `liftlock inner job APP ID run|recover`. Returns an exit status. */
int worker_main(int argc, char **argv);

/* Follows a job until it is over: every line of its log goes to on_line. Its end: the job's record (the caller frees),
 * or NULL: it died (FAULT_INTERRUPTED) or cannot be followed. Goes on to a return job that it triggers; *last_id (may
 * be NULL) then names that one. */
typedef void (*WorkerLine)(const Node *line, gpointer data);
JobRecord *worker_follow(const HostPlace *host, const Place *place, Journal *journal, const char *id,
                         WorkerLine on_line, gpointer data, GError **error);

/* An open job of the app that nobody works on any more; NULL if there is none. */
JobRecord *worker_interrupted(const Place *place, Journal *journal, GError **error);
