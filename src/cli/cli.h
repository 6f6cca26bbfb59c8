/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: a table of verbs, a table of options, and what every verb shares. */
#pragma once

#include "engine/planner.h"

#include <stdio.h>

/* One field per option; the rows are in options.c. */
typedef struct Options {
    gboolean json, yes, force, dry_run, detach, follow, purge, privileged_hooks, take_release, check_only, exit_code,
        help, again, rehearse, no_passphrase, unsigned_index, all, wait, sign, unattended;
    char *to, *plan, *name, *key, *root, *checksum, *trust, *channel, *user, *app_root, *job, *out, *reason, *changelog,
        *severity, *withdraw, *passphrase_file;
    char *data_from, *identity;
    char *database, *dir, *url_from;
    char *message, *remote, *host_key, *ssh_key;
    char *min_age, *gate, *max_download, *deltas;
    char **keys, **key_command, **root_key, **add, **drop; /* NULL-terminated; NULL: not given */
    gboolean rsync_list;
    int limit, threshold, keep;
} Options;

typedef struct Call {
    const struct Verb *verb;
    const struct Act *act; /* of a verb that has several; NULL: none was named */
    HostPlace *host;
    Options options;
    GPtrArray *arguments; /* char *, without verb and options */
    FILE *people;         /* where text for people goes: stdout, or stderr with --json */
    Node *answer;         /* with --json: printed to stdout at the end */
} Call;

typedef enum {
    NEEDS_APP = 1 << 0,    /* first argument is an app's name */
    TAKES_APP = 1 << 1,    /* may be */
    CHANGES_HOST = 1 << 2, /* needs root where liftlock's own places are root's */
    HIDDEN = 1 << 3,
} VerbFlags;

/* What a verb of several acts does if its first argument is this name. */
typedef struct Act {
    const char *name, *arguments, *summary; /* arguments: what follows the name */
    int (*run)(Call *call, GError **error); /* exit code; -1 with *error set: that of the error */
    guint min_arguments, max_arguments;     /* the name is one of them */
    const char *options;                    /* names of the options that it takes, blank-separated */
} Act;

typedef struct Verb {
    const char *name, *arguments, *summary; /* arguments: NULL if it has acts */
    int (*run)(Call *call, GError **error); /* as above; NULL: the act's, which must then be named */
    const char *options;                    /* as above; NULL if it has acts */
    guint flags;
    guint min_arguments, max_arguments;
    const char *details; /* for --help; NULL */
    const Act *acts;     /* up to a row without a name; NULL: it has none */
} Verb;

extern const Verb verbs[];
extern const guint n_verbs;

int cli_main(int argc, char **argv);

/* First argument, or NULL. */
const char *call_app(const Call *call);
/* The file of --identity as a path that a job finds too; NULL: none. The caller frees. */
char *call_identity(const Call *call);
/* Text for a terminal, on one line. Errors, notes and hooks' output quote what others wrote: nothing of it may be
 * obeyed. The caller frees. */
char *cli_line(const char *text);
void cli_complain(const char *text, const char *hint); /* on standard error; `hint` may be NULL */

/* A fault on standard error, with its hint. */
void call_complain(const GError *error);
/* The same for JSON: {kind, message, hint, code}. The caller frees. */
Node *call_fault_node(const GError *error);
void call_say(const Call *call, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Asks on the terminal; with --yes TRUE at once. Without a terminal FAULT_USAGE with the hint to say --yes. */
gboolean call_confirm(const Call *call, const char *question, GError **error);

/* Verb implementations, by file. */
extern const Act backup_acts[], config_acts[], keys_acts[], manifest_acts[], migration_acts[], release_acts[],
    repo_acts[];
int verb_install(Call *call, GError **error);
int verb_check(Call *call, GError **error);
int verb_plan(Call *call, GError **error);
int verb_update(Call *call, GError **error);
int verb_rollback(Call *call, GError **error);
int verb_recover(Call *call, GError **error);
int verb_status(Call *call, GError **error);
int verb_inspect(Call *call, GError **error);
int verb_health(Call *call, GError **error);
int verb_history(Call *call, GError **error);
int verb_logs(Call *call, GError **error);
int verb_auto(Call *call, GError **error);
int verb_restart(Call *call, GError **error);
int verb_maintenance(Call *call, GError **error);
int verb_pin(Call *call, GError **error);
int verb_unpin(Call *call, GError **error);
int verb_skip(Call *call, GError **error);
int verb_allow(Call *call, GError **error);
int verb_uninstall(Call *call, GError **error);
int verb_release(Call *call, GError **error);
int verb_repo(Call *call, GError **error);
int verb_reference(Call *call, GError **error);
