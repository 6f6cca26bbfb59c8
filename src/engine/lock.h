/* SPDX-License-Identifier: Apache-2.0 */
/* One job an app at a time. flock(2) on a file: the kernel releases it when the last holder dies, so no crash and no
 * reboot leaves it behind. Children that do the job's work inherit the descriptor: the lock lives while work lives. */
#pragma once

#include "model/place.h"

typedef struct LockHolder {
    gint64 pid;
    gint64 since_s;
    char *job;      /* id */
    char *verb;     /* "update to 2.1.0" */
    char *who;      /* user name */
    gboolean alive; /* the holder itself, not only children of it */
} LockHolder;
void lock_holder_free(LockHolder *holder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockHolder, lock_holder_free)

/* Takes the lock without waiting and writes who holds it: the descriptor, -1 on failure. Held by another: FAULT_BUSY,
 * "app: update to 2.1.0 is at work since 14:03:11 (job ..., process 812, started by ann)". */
int lock_take(const Place *place, const char *job, const char *verb, const char *who, GError **error);

/* Who holds it now, by observation; NULL: nobody. Takes no lock itself. In a pid namespace the kernel does not show
 * a lock whose taker is dead, though children may hold it: only a live holder is sure to be told. */
LockHolder *lock_holder(const Place *place);
