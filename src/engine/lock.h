/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job an app at a time. flock(2) on two files: the kernel releases a lock when its last holder dies, so no crash
 * and no reboot leaves one behind.
 *
 * The lock is the worker's alone. What runs for the job, the app's own code among it, inherits a descriptor of the
 * second file, the lock of the work: it lives while work lives, and whoever takes over from a dead worker waits for its
 * end. A child that lets go of it, or hands it on, reaches neither the first lock nor what is written there.
 */
#pragma once

#include "model/place.h"

typedef struct LockHolder {
    gint64 pid;
    gint64 since_s;
    char *job;      /* id */
    char *verb;     /* "update to 2.1.0" */
    char *who;      /* user name */
    gboolean alive; /* the process that wrote itself down */
} LockHolder;
void lock_holder_free(LockHolder *holder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockHolder, lock_holder_free)

/* Takes the lock without waiting and writes who holds it: the descriptor, -1 on failure. Held by another: FAULT_BUSY,
 * "app: update to 2.1.0 is at work since 14:03:11 (job ..., process 812, started by ann)". */
int lock_take(const Place *place, const char *job, const char *verb, const char *who, GError **error);

/* With the lock held: waits until nothing of an earlier job is at work, then a descriptor, good for reading alone, to
 * hand to what runs for this one; -1 on failure. FAULT_BUSY names a process that is still at work after timeout_ms. */
int lock_work(const Place *place, gint64 timeout_ms, GError **error);

/* Who holds the lock now, by observation; NULL: nobody who has written himself down and lives. Takes no lock itself. */
LockHolder *lock_holder(const Place *place);
