/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operations of liftlock-transfer share: a scratch directory, which is the only place that they and the
 * programs they run may write to, and programs that are watched.
 */
#pragma once

#include "libexec/child.h"

#include <stdio.h>
#include <sys/types.h>

typedef struct Transfer {
    const Node *request;
    const int *fds;      /* of the request; 0 is the scratch directory */
    const char *scratch; /* its path; also where we are */
    const char *shown;   /* the source, for errors: "ssh://git@example.org/app.git" */
    gint64 stall_ms;     /* without a byte from anywhere */
    gint64 end_ms;       /* CLOCK_MONOTONIC */
    guint64 limit_bytes; /* of any file that is written */
} Transfer;

/* Makes a private file of the scratch directory. */
gboolean transfer_write(const char *name, const char *text, GError **error);

/* Bytes of a program's standard output; FALSE with *error set ends it. */
typedef gboolean (*TransferSink)(const char *bytes, gsize size, gpointer data, GError **error);

typedef struct TransferRun {
    const char *const *argv;
    const char *const *environment;
    int output_fd;     /* -1: to `sink`, or nowhere */
    TransferSink sink; /* may be NULL */
    gpointer data;
    GString *complaints; /* gets the end of what it said on standard error */
} TransferRun;

/* Runs it to its end: *status as from waitpid. Faults: FAULT_NETWORK for one that stands still or takes too long. */
gboolean transfer_run(const Transfer *transfer, const TransferRun *run, int *status, GError **error);

/* Starts one whose input and output are ours (`in`, `out`, `complaints`: descriptors of it). -1 on failure. */
pid_t transfer_start(const Transfer *transfer, const TransferRun *run, int *in, int *out, int *complaints,
                     GError **error);

gint64 transfer_now_ms(void);

/* Writes key, known_hosts and ssh_config. TRUE without a key in the request, too. */
gboolean transfer_ssh_settings(const Transfer *transfer, GError **error);

/* What ssh or git meant by its complaints, as a fault. FALSE. */
gboolean transfer_complain(const Transfer *transfer, const char *program, const GString *complaints, GError **error);

/* The operations. Each answers with a map (the caller frees), or NULL with *error set. */
Node *transfer_git_refs(const Transfer *transfer, GError **error);
Node *transfer_git_archive(const Transfer *transfer, GError **error);
Node *transfer_git_holds(const Transfer *transfer, GError **error);
Node *transfer_sftp(const Transfer *transfer, GError **error);
