/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts: how a release goes live, and how it comes back. */
#pragma once

#include "parts/part.h"

/* A change of an app in place, as the plan has it. */
typedef struct LayoutChange {
    const char *from, *to;       /* versions on disk; NULL: nothing was there, nothing is to be */
    const Manifest *manifest;    /* whose rules decide: of `to`, else of `from` */
    gboolean take_release;       /* override: where nobody says who wins, the release does; the user's is kept */
    const GPtrArray *privileged; /* char *: globs of privileged files that this host lets in; NULL: none */
} LayoutChange;

typedef enum { LAYOUT_ADDS, LAYOUT_REPLACES, LAYOUT_MERGES, LAYOUT_REMOVES, LAYOUT_N_DEEDS } LayoutDeed;

typedef struct LayoutConflict {
    char *text;
    const char *hint; /* static */
} LayoutConflict;

/* What comes of it, for people: char *, owned. */
typedef struct LayoutReport {
    GPtrArray *notes;
    GPtrArray *conflicts;    /* LayoutConflict: nothing may change as long as there is one */
    GPtrArray *diffs;        /* of what the user edited, several lines each, as of diff -u; NULL: not wanted. They show
                              * values, which may be secret: for the terminal of whoever asks, never for logs or JSON */
    guint n[LAYOUT_N_DEEDS]; /* files */
} LayoutReport;

#define LAYOUT_STUCK_HINT "move it away, or have the release mended"
#define LAYOUT_CONFLICT_HINT                                                                                           \
    "settle it by hand, or say --take-release: the release's file comes, and yours is kept beside it"

void layout_report_init(LayoutReport *report, gboolean diffs);
void layout_report_clear(LayoutReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LayoutReport, layout_report_clear)

/* "3 added, 1 merged"; NULL: nothing changes. The caller frees. */
char *layout_report_sum(const LayoutReport *report);

/* What of an app in place is not as its release brought it, and what else its user should know of. */
typedef enum {
    LAYOUT_EDITED,
    LAYOUT_MISSING,
    LAYOUT_IN_THE_WAY, /* something of another kind lies there */
    LAYOUT_LEFT_ALONE, /* by a rule: never compared */
    LAYOUT_KEPT_COPY,  /* of a user's file that gave way */
    LAYOUT_N_STATES
} LayoutState;
extern const char *const layout_state_names[]; /* "edited", ... NULL-terminated */
typedef void (*LayoutTell)(LayoutState state, const char *path, gpointer data);

typedef struct LayoutDriver {
    const char *name, *summary;

    /* The release's files lie in the app's root itself: what runs after the switch runs there. */
    gboolean in_place;
    /* In place, before the fence: holds what lies there against both releases, decides by the rules, and prepares
     * beside it what is to come, so that the switch takes renames only. Nothing that the app sees changes. Idempotent.
     * NULL: nothing needs arranging. */
    gboolean (*arrange)(const PartContext *context, const LayoutChange *change, LayoutReport *report, GError **error);

    /* What `arrange` would decide, before there is a job. `tree`: the new release as it was unpacked into a place of
     * its own (a single leading directory is lifted), -1: it lies complete on this host. Changes nothing else. */
    gboolean (*foresee)(const PartContext *context, const LayoutChange *change, int tree, LayoutReport *report,
                        GError **error);

    /* In place: tells of each path of the live release that is not as it came. Reads what lies there; NULL: nothing
     * lies in place. */
    gboolean (*examine)(const PartContext *context, const char *version, const Manifest *manifest, LayoutTell tell,
                        gpointer data, GError **error);

    /* The version that is live by observation, NULL if none is (then *error is unset). The caller frees. */
    char *(*current)(const Place *place, GError **error);
    /* Versions that are complete on disk, in no order: GPtrArray of char *. */
    GPtrArray *(*present)(const Place *place, GError **error);

    /* An empty place for the release's tree; anything half-made of an earlier try is removed. Returns its descriptor;
     * -1 on failure. */
    int (*prepare)(const PartContext *context, const char *version, GError **error);
    /* After unpacking, when the child that did it is gone: lifts a single leading directory, puts links to shared/ in
     * place (what the release ships at a shared path seeds shared/ once, and only if it is not there; where it ships
     * nothing a directory is made, but no file: a path counts as a file if its class is config, if its name has an
     * extension, or if it holds a SQLite data set), and gives the tree to the app's user. */
    gboolean (*furnish)(const PartContext *context, const Manifest *manifest, const char *version, GError **error);
    /* Where build and trial work, and what they see it as: *path on disk now, *shown_as its final path. The caller
     * frees both. */
    void (*staged)(const Place *place, const char *version, char **path, char **shown_as);
    /* Takes write rights away (owner root when we are root; the app's group then reads what its user could), digests,
     * syncs, renames to .pending. The caller has seen to it that no process of the build is left. */
    gboolean (*seal)(const PartContext *context, const char *version, char **tree_digest, GError **error);
    /* Undo of prepare to before seal. Idempotent. */
    gboolean (*drop_staged)(const PartContext *context, const char *version, GError **error);
    /* TRUE if the version on disk (pending or final) has this digest and is sealed. A fault says what differs. */
    gboolean (*verify)(const Place *place, const char *version, const char *tree_digest, GError **error);
    /* The name says it from here on: sealed, tried, complete. pending becomes final; nobody points at it yet.
     * Idempotent. */
    gboolean (*promote)(const PartContext *context, const char *version, GError **error);
    /* Makes it live: pending becomes final, then one switch, durable when it returns. In place: what was arranged, all
     * of it; version NULL: the release's files are taken away. Idempotent. */
    gboolean (*activate)(const PartContext *context, const char *version, GError **error);
    /* Before the fence: readies what `revert` to `back` needs, so that going back takes no room. NULL: nothing was
     * live, or the way back is no longer needed: what was readied is removed. Idempotent. */
    gboolean (*prepare_revert)(const PartContext *context, const char *back, GError **error);
    /* Puts `back` live again (NULL: nothing was live: the switch is removed). Needs no new room after prepare_revert.
     * Idempotent. */
    gboolean (*revert)(const PartContext *context, const char *back, GError **error);
    /* Removes a version that is not live; absent is good. */
    gboolean (*remove)(const Place *place, const char *version, GError **error);
} LayoutDriver;

/* An empty place to unpack a release into, `name` in the directory, which is ours alone; -1 on failure. */
int layout_scratch(int directory, const char *name, GError **error);

/* The inner program that merges configuration files as the app's user: `liftlock inner merge FD`. */
int layout_merge_main(int argc, char **argv);

extern const LayoutDriver *const layout_drivers[]; /* NULL-terminated */
const LayoutDriver *layout_find(LayoutKind kind,
                                GError **error); /* FAULT_MANIFEST: "layout 'files' is not supported yet" */
