/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running other programs, and seeing what runs.
 *
 * Every program gets a process group of its own, a clean environment (only what `environment` says plus PATH, LANG,
 * HOME, USER), /dev/null as standard input, no descriptor but those named, and a time limit after which the whole
 * group is ended. A supervisor process of ours, the reaper of the program's orphans, then ends all that was left
 * behind, also when the program ends by itself or we are killed; SIGTERM to it ends the run at once. No shell, unless
 * the publisher wrote a line.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef void (*ProcessLine)(const char *line, gpointer data); /* a line of output without its end, valid UTF-8 made */

typedef struct ProcessSpec {
    const char *const *argv;        /* NULL-terminated; or */
    const char *shell;              /* a publisher's line for /bin/sh -c */
    const char *directory;          /* working directory; NULL: "/" */
    const char *const *environment; /* "NAME=value", NULL-terminated; may be NULL */
    gboolean change_user;           /* to uid, gid and the user's groups; needs rights */
    uid_t uid;
    gid_t gid;
    gint64 timeout_ms;   /* 0: none */
    const int *keep_fds; /* descriptors to hand on under their own numbers */
    guint n_keep_fds;
    ProcessLine on_line; /* gets standard output and error, line by line (4 KiB a line at most) */
    gpointer on_line_data;
    GString *output;     /* if set, gets standard output (error goes to on_line) up to output_limit */
    gsize output_limit;  /* bytes; 0: 64 KiB */
    gboolean no_network; /* an empty network namespace where the kernel lets us; else see `isolated` */
    gboolean read_only;  /* Landlock: may write only below write_paths, /dev and a private temporary folder */
    const char *const *write_paths; /* NULL-terminated */
    /* In a mount namespace of its own, `stage_parent` holds just the directory `stage_from` (a path), under the name
     * `stage_as`: a release is built at the path that it will have. All three or none; else see `isolated`. */
    const char *stage_parent, *stage_from, *stage_as;
} ProcessSpec;

typedef struct ProcessOutcome {
    gboolean exited; /* FALSE: ended by a signal */
    int status;      /* exit status, or the signal's number */
    gboolean timed_out;
    gint64 duration_ms;
    gboolean isolated; /* no_network, read_only and the stage were really in force, as far as asked for */
} ProcessOutcome;

#define PROCESS_SUPERVISOR "liftlock-run" /* the name that a supervisor goes by */

/* Runs to the end. FALSE only if the program could not be run at all. */
gboolean process_run(const ProcessSpec *spec, ProcessOutcome *outcome, GError **error);

/* Starts without waiting: the pid, or -1. In a session of its own if `detached`; output goes to output_fd (-1:
 * /dev/null). */
pid_t process_start(const ProcessSpec *spec, gboolean detached, int output_fd, GError **error);

/* By somebody's SIGKILL (out of memory, an operator), not by our time limit: this says nothing of the program. */
gboolean process_was_killed(const ProcessOutcome *outcome);
/* One line for people: "exit status 3", "killed by signal 9 (Killed)", "no end after 30 s". The caller frees. */
char *process_describe(const ProcessOutcome *outcome);

/* Makes this process the reaper of all that its children leave behind (PR_SET_CHILD_SUBREAPER). */
void process_become_reaper(void);

typedef struct ProcessInfo {
    pid_t pid;
    guint64 start_time; /* clock ticks since boot, field 22 of /proc/PID/stat: tells a reused pid */
    char *name;         /* comm */
} ProcessInfo;
void process_info_free(ProcessInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessInfo, process_info_free)

/* All processes (of ProcessInfo *) whose environment holds exactly "NAME=value", but not ourselves. Processes whose
 * environment we may not read are left out. */
GPtrArray *process_find_by_environment(const char *name_and_value);

/* All processes that hold one of these regular files open (by device and inode; missing paths are ignored),
 * but not ourselves. */
GPtrArray *process_find_by_open_file(const char *const *paths);

/* Start time of a pid, 0 if there is none (zombies count as none). */
guint64 process_start_time(pid_t pid);

/* Ends the processes that `find` returns: SIGTERM, after grace_ms SIGKILL, and looks again until none is left or
 * timeout_ms is over. Returns TRUE when none is left; else *left (may be NULL) names one, "123 (python3)". */
typedef GPtrArray *(*ProcessFind)(gpointer data);
gboolean process_end_all(ProcessFind find, gpointer data, gint64 grace_ms, gint64 timeout_ms, char **left);

/* The directory of the running executable. The caller frees. */
char *process_own_directory(void);
