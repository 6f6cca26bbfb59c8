/* SPDX-License-Identifier: Apache-2.0 */
/* The state-changing system calls: which they are, what they act on, and which errors a disk can make of them. */
#pragma once

#include <glib.h>
#include <linux/filter.h>
#include <sys/types.h>

typedef enum {
    FAILS_NEVER, /* no disk is asked: processes, signals, sockets */
    FAILS_DISK,  /* a broken disk says EIO; a full one does not mind */
    FAILS_SPACE, /* a full disk says ENOSPC as well */
} CallFails;

typedef struct Call Call; /* one row of the table */

/* The row of a system call that the process `tid` is about to make; NULL if it changes no state: an open without
 * O_CREAT, a new thread, a wakeup of an eventfd. */
const Call *call_match(pid_t tid, guint64 number, const guint64 arguments[6]);

const char *call_name(const Call *call);

/* What the call acts on, for people: a path, "old -> new", an address. Never NULL; free with g_free. */
char *call_target(const Call *call, pid_t tid, const guint64 arguments[6]);

/* How this call on this target may fail. A pipe is never full, /proc neither; opening a file that is there needs no
 * space. */
CallFails call_fails(const Call *call, pid_t tid, const guint64 arguments[6]);

/* Whether it is a pause. */
gboolean call_sleeps(guint64 number);

/* A seccomp filter that stops (SECCOMP_RET_TRACE) at the calls of the table, and at pauses if `sleeps`, and lets all
 * others through at full speed. An array of struct sock_filter; free with g_array_unref. */
GArray *call_filter(gboolean sleeps);
