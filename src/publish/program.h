/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher's own programs, git(1) and sftp(1): they run as the publisher does, with the publisher's environment,
 * agents and terminal, for keys and passwords are theirs to ask for. (What a host runs goes through base/process.h.)
 */
#pragma once

#include <glib.h>

#define PROGRAM_OUTPUT_MAX (4 * 1024 * 1024) /* bytes of each stream that are kept; the rest is read and dropped */

typedef struct ProgramAnswer {
    int status;      /* exit status; -1: ended by a signal */
    char *output;    /* what it said on standard output, NUL-terminated; may hold NUL */
    gsize size;      /* of output */
    char *complaint; /* the line of standard error that says most; "" if there is none */
} ProgramAnswer;
void program_answer_clear(ProgramAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProgramAnswer, program_answer_clear)

/* Runs a program to its end; in English, with nothing to read. After limit_s it is ended. FALSE only if it could not be
 * started or did not end in time; else look at the status. */
gboolean program_run(const char *const *argv, const char *directory, gint64 limit_s, ProgramAnswer *answer,
                     GError **error);

/* git in a directory: its output without the last newline. NULL with FAULT_SYSTEM ("git tag: what it complained of")
 * unless it exits with 0. The caller frees. */
char *git_ask(const char *directory, GError **error, const char *command, ...) G_GNUC_NULL_TERMINATED;
