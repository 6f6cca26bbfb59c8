/* SPDX-License-Identifier: Apache-2.0 */
/* Between process.c and process_child.c: all that the side after fork needs, made ready before it. */
#pragma once

#include "base/process.h"

typedef struct ProcessLaunch {
    char **argv, **environment;
    char **candidates; /* paths to try, in the order of PATH */
    char *directory, *directory_unstaged;
    gboolean change_user;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    int n_groups;
    int *keep_fds; /* sorted, unique, above 2 */
    guint n_keep_fds;
    int null_fd, output_fd, error_fd; /* what becomes standard input, output and error */
    int report_fd;                    /* gets ProcessReports until exec closes it */
    gboolean session;                 /* a session of its own, not only a group */
    gboolean no_new_privs, no_network, read_only;
    char **write_paths;
    char *stage_parent, *stage_from, *stage_target;
    char user_map[64], group_map[64];
    guint n_fds; /* how many there can be */
} ProcessLaunch;

typedef enum { REPORT_RUN, REPORT_ENTER, REPORT_USER, REPORT_SETUP, REPORT_ISOLATED } ProcessReportKind;
typedef struct ProcessReport {
    int kind;  /* of ProcessReportKind; the last only tells */
    int value; /* errno, or whether it is isolated */
} ProcessReport;

/* Makes a launch ready; `extra` are more "NAME=value" (NULL-terminated, may be NULL), which win. Never fails for want
 * of rights: that shows after fork. */
void process_launch_init(ProcessLaunch *launch, const ProcessSpec *spec, const char *const *extra);
void process_launch_clear(ProcessLaunch *launch);

/* After fork: becomes the program. Never returns. */
void process_launch_exec(const ProcessLaunch *launch) __attribute__((noreturn));

/* After fork: closes all descriptors above 2 but the launch's and `also` (-1: none). */
void process_launch_close_fds(const ProcessLaunch *launch, int also);

/* After fork, in a supervisor: runs the launch as its child, ends it at the time limit (0: none) and then all that it
 * left behind, writes one ProcessVerdict to verdict_fd and exits. */
typedef struct ProcessVerdict {
    int wait_status;
    int timed_out;
} ProcessVerdict;
void process_supervise(const ProcessLaunch *launch, gint64 timeout_ms, int verdict_fd) __attribute__((noreturn));

/* After fork, once: puts the namespaces, mounts and Landlock in force. FALSE if any of them is not; nothing of the
 * stage remains then. */
gboolean process_isolate(const ProcessLaunch *launch, gboolean *staged);
