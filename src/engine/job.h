/* SPDX-License-Identifier: Apache-2.0 */
/* A job: one execution of a plan, with all that its steps need. Rebuilt after a crash from plan and journal alone. */
#pragma once

#include "engine/catalog.h"
#include "engine/joblog.h"
#include "parts/layout/layout.h"
#include "parts/probe/probe.h"

typedef struct Job {
    HostPlace *host;
    HostConfig *host_config;
    AppConfig *config;
    Place *place;
    Journal *journal;
    char *id, *directory; /* JOBS/ID */
    Plan *plan;
    Manifest *manifest;  /* of the release that the job goes to; of the installed one where it goes nowhere */
    Manifest *installed; /* of the release that the job comes from; NULL on install */
    GPtrArray *sets;     /* DataSet, borrowed or own: all data that the job must be able to put back */
    GPtrArray *own_sets; /* those made here from shared paths */
    const LayoutDriver *layout;
    JobLog *log;
    int lock_fd; /* of the work: see lock_work */
    GHashTable *fact_table;
    Facts facts;
    GPtrArray *environment, *service_environment;
    PartContext part;    /* for programs whose life counts as the job's */
    PartContext service; /* for services: they outlive the job */
    RemoteSession *session;
    gint64 switched_ms; /* when this process led users to the new release; 0: another one did, or nobody */
    gboolean going_back;
    gboolean unconcluded;   /* the journal does not take the verdict: the job stays open */
    gboolean return_wanted; /* observe asks for a return job after this one */
} Job;

/* Opens a job whose row and directory exist. Takes no lock; `lock_fd` is what lock_work gave, the caller's to close. */
Job *job_open(HostPlace *host, const char *app, const char *id, int lock_fd, GError **error);
/* For a rehearsal: what is known of it, without the journal and the log. Takes host. */
Job *job_open_apart(HostPlace *host, const char *app, const char *id, GError **error);
void job_close(Job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Job, job_close)

/* Notes of the job, durable when they return. */
const char *job_fact(Job *job, const char *key);
gboolean job_fact_note(Job *job, const char *key, const char *value, GError **error); /* durable with the next one */
gboolean job_fact_set(Job *job, const char *key, const char *value, GError **error);

/* Facts for status: whether what a build or a trial was to be kept from was really out of its reach, "yes" or "no". */
#define FACT_BUILD_ISOLATED "isolated.build"
#define FACT_TRIAL_ISOLATED "isolated.trial"
/* And what the data's own servers do not guarantee, a line each. */
#define FACT_DATA_WEAKER "weaker.data"

/* Where commands of a release run: its final directory; in place the app's root, whoever is live there. The caller
 * frees. */
char *job_tree(const Job *job, const char *version);

/* Runs the lines of a hook one after the other: as the app's user, or as root where the host's configuration lets the
 * publisher's hooks (privileged_hooks). `name`: "pre_update". FAULT_HOOK. */
gboolean job_run_hooks(Job *job, const char *name, const GPtrArray *lines, const char *directory, gint64 timeout_ms,
                       GError **error);

/* A context for probes that look at `version` running from `current`. */
ProbeContext job_probe_context(Job *job, const char *version);

/* A line in the log, for people. */
void job_say(Job *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Adds the data of a manifest that go back with it, those in shared paths too, to `sets`. What is made for it belongs
 * to `own`, an array of data_sets_own_new, and lives as long as that. */
GPtrArray *data_sets_own_new(void);
void data_sets_add(GPtrArray *sets, GPtrArray *own, const Manifest *manifest);

/* The service of a manifest's list that has this name, or NULL. */
const Service *service_named(const Manifest *manifest, const char *name);

/* What every program of the app is told ("NAME=value", without a NULL at the end): where it is, and what the host's
 * config says in [environment]. The caller frees. */
GPtrArray *engine_environment(const Place *place, const AppConfig *config);

/* Loading what both jobs and verbs need. */
HostConfig *engine_host_config(const HostPlace *host, GError **error);
AppConfig *engine_app_config(const HostPlace *host, const char *app,
                             GError **error); /* FAULT_ABSENT: "there is no app 'x'" */
/* The configuration that a job's plan was made with: a copy lies in the job's directory. */
AppConfig *engine_job_config(const HostPlace *host, const char *app, const char *id, GError **error);
Place *engine_place(const HostPlace *host, const AppConfig *config, GError **error); /* with the user's ids filled in */
