/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine hands to every part: where it works, for whom, and where its notes go. */
#pragma once

#include "model/config.h"
#include "model/place.h"

/* Notes that outlive a crash. A part writes one before it acts on what the note says (rule 1: begun is journalled
 * first), and after a crash reads it back to find what it had in hand. Keys are the part's own: "main.inode". */
typedef struct Facts Facts;
struct Facts {
    const char *(*get)(Facts *facts, const char *key); /* NULL: never set. Borrowed until the next set */
    gboolean (*set)(Facts *facts, const char *key, const char *value, GError **error); /* durable when it returns */
};

typedef struct PartContext {
    const Place *place;
    const char *job; /* job id; NULL outside a job */
    Facts *facts;    /* NULL outside a job */
    const char *const
        *environment; /* for programs of the release: LIFTLOCK_APP, LIFTLOCK_VERSION, LIFTLOCK_FROM, LIFTLOCK_JOB ... */
    int lock_fd;      /* of the work, not of the app: handed on to children whose life counts as the job's; -1 */
    void (*on_line)(const char *line, gpointer data); /* output of programs: goes to the job's log */
    gpointer on_line_data;
    void (*on_progress)(guint64 done, guint64 total, gpointer data); /* may be NULL */
    const GPtrArray *databases; /* DatabaseConfig, of the app's config; may be NULL */
    gboolean in_scene;          /* a rehearsal: whatever is started ends with the scene */
    const char *kin;            /* version whose sealed files the staged tree may share (layout/kin.h); NULL */
    gboolean no_new_facts;      /* on the way back: facts may be read, but a failed write must not stop anything */
} PartContext;

/* In a scene: facts with the address of the live data and of those that stand in for them, where the address is a text
 * that other places may hold too (an environment). */
#define PART_SCENE_OLD "scene.old"
#define PART_SCENE_NEW "scene.new"

/* Runs a publisher's shell line as the app's user, in `directory`, and turns everything but exit status 0 into a fault
 * of `code`: "NAME: exit status 3", with the last line of its output as hint. Its output goes to on_line. */
gboolean part_run_line(const PartContext *context, const char *name, const char *line, const char *directory,
                       gint64 timeout_ms, int code, GError **error);

/* The same; returns what it wrote to standard output, trimmed. NULL on failure. The caller frees. */
char *part_run_output(const PartContext *context, const char *name, const char *line, const char *directory,
                      gint64 timeout_ms, int code, GError **error);

/* Text for people: printable, on one line, at most 200 characters. The caller frees. */
char *part_printable(const char *text);

/* Opens the app's root. When we act for another user: FAULT_CONFIG if that user could put something else in its place,
 * or into it, because then every name below it would be theirs to redirect. -1 on failure. */
int part_open_root(const Place *place, GError **error);
/* The same for another folder that holds files of the app. */
int part_open_folder(const Place *place, const char *path, GError **error);
