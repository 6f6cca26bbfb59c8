/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are on this host: paths only, no I/O. LIFTLOCK_ROOT=DIR puts all of it below DIR. */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct HostPlace {
    char *root;        /* "" or DIR, without a slash at the end */
    char *etc;         /* ROOT/etc/liftlock */
    char *var;         /* ROOT/var/lib/liftlock */
    char *run;         /* ROOT/run/liftlock */
    char *state_db;    /* VAR/state.db */
    gboolean own_root; /* LIFTLOCK_ROOT is set */
} HostPlace;

HostPlace *host_place_new(const char *liftlock_root); /* NULL: the system's own places */
void host_place_free(HostPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostPlace, host_place_free)

/* A directory of the release whose files lie in a folder of their own on this host (layout `files`). */
typedef struct PlaceAway {
    char *directory; /* below the tree */
    char *path;      /* absolute */
} PlaceAway;

typedef struct Place {
    char *app;
    char *root;    /* /opt/NAME: current, releases, shared, system, logs, .liftlock (the way back; root's alone) */
    char *store;   /* what holds `releases`, the link to the live one and the way back of both: ROOT */
    char *current; /* ROOT/current: where the live release is */
    char *releases, *shared, *system, *logs, *wayback;
    char *state;                                                   /* VAR/NAME */
    char *hold, *fence, *trust, *cache, *staging, *backups, *jobs; /* below state */
    char *inventories;                                             /* below state: of releases as they were published */
    char *lock;                                                    /* RUN/NAME.lock */
    char *work;      /* RUN/NAME.work: the lock that a job's children hold */
    char *pass;      /* RUN/NAME.pass/: a file per unit that may start although a hold stands; gone after a reboot */
    char *status;    /* RUN/NAME.json */
    char *config;    /* ETC/apps/NAME.toml */
    GPtrArray *away; /* PlaceAway; empty where all of a release lies in one place */
    char *user;      /* the app's user */
    uid_t uid;
    gid_t gid;
    gboolean change_user; /* we are root and the app's user is another */
} Place;

/* `app_root` NULL: /opt/NAME below the host's root; else it moves below LIFTLOCK_ROOT unless it lies there already. The
 * user's ids are the caller's to fill in. */
Place *place_new(const HostPlace *host, const char *app, const char *app_root);
void place_free(Place *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Place, place_free)

/* For an app whose files lie in its root itself: that is `current` and `shared`, and ROOT/.liftlock-store holds the
 * releases as they came, root's alone to write. */
void place_set_in_place(Place *place);

/* Sends a directory of the release elsewhere; `path` moves below LIFTLOCK_ROOT like the app's root. */
void place_send_away(Place *place, const HostPlace *host, const char *directory, const char *path);
PlaceAway *place_away_new(const char *directory, const char *path);
void place_away_free(gpointer away);

/* The rest of a path that is `directory` (".") or lies in it; NULL: it does not. Borrowed. */
const char *place_below(const char *path, const char *directory);

/* RELEASES/VERSION with "" / ".partial" / ".pending". The caller frees. */
char *place_release(const Place *place, const char *version, const char *suffix);
