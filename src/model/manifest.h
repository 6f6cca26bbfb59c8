/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release's manifest: the publisher's instructions. Every key has one row in manifest.c; all but app and version
 * have defaults (app may be missing in documents of the older systems: the app's config names it then).
 */
#pragma once

#include "model/expression.h"
#include "model/schema.h"

typedef enum { LAYOUT_RELEASES, LAYOUT_FILES, LAYOUT_BINARIES, LAYOUT_CONTAINER } LayoutKind;
typedef enum { DATA_STATE, DATA_APPEND, DATA_CACHE, DATA_CONFIG } DataClass;
typedef enum { STARTS_BEFORE_COMMIT, STARTS_AFTER_COMMIT } ServiceStart;
typedef enum { FENCE_STOP, FENCE_FILE, FENCE_NONE } FenceMode;
typedef enum { OBSERVE_RETURN_IF_SAFE, OBSERVE_HOLD } ObserveFailure;

/* One check: of requirements.environment_checks, busy, trial, post_update_tests, identity. Exactly one of command,
 * http, tcp, unix, unit, file, sql is set. */
typedef struct Check {
    char *name;
    char *command;         /* a shell line, run in the release's tree as the app's user */
    char *http;            /* URL */
    char *method;          /* of http; default GET */
    char *tcp;             /* HOST:PORT */
    char *unix_socket;     /* key "unix": path; with http also the socket that carries it; {version} is replaced */
    char *unit;            /* unit that must be active without having restarted */
    char *file;            /* file whose content is the answer */
    char *sql;             /* query whose first row is the answer */
    char *database;        /* of sql: the data set to ask; NULL: the only one that speaks SQL */
    gint64 status;         /* of http; 0: any 2xx */
    char *json;            /* JSON pointer into the answer (leading "/" may be missing: "version") */
    char *equals;          /* what answer or pointed value must be; {version} is replaced */
    char *expect;          /* text that the answer must contain; {version} is replaced */
    GPtrArray *exit;       /* KeyPair: status -> ok | will_migrate | refuse | fail; empty: 0 ok, others fail */
    gint64 timeout_ms;     /* of one try; default 30s */
    gint64 retry_count;    /* further tries; default 0 */
    gint64 retry_delay_ms; /* default 1s */
} Check;

/* The kind of a check: "command", "http", "tcp", "unix", "unit", "file" or "sql"; NULL for one that was not given
 * (identity, probe.progress). */
const char *check_kind(const Check *check);

typedef struct SharedPath {
    char *path;
    int class_;
} SharedPath; /* path in the tree -> shared/path */

typedef struct DataSet {
    char *name;
    char *driver;   /* a backup driver: sqlite, files, postgres, command */
    int class_;     /* DataClass */
    char *path;     /* below the app's root, e.g. shared/app.db (sqlite, files) */
    char *url_from; /* where the app keeps the address of its database: FILE#KEY or FILE, below shared/ (postgres) */
    char *save, *restore, *fingerprint; /* driver command: shell lines; {file} is where the image goes or comes from */
    const Node *node;                   /* the whole map, for keys of later drivers */
    const char *migrations; /* table that keeps book of SQL migrations, borrowed; NULL: none. The engine fills it in */
} DataSet;

/* How users go over from one release to the next without a pause: a proxy sends them to another instance of the unit.
 * All but `socket` is the host's to overrule ([switch.NAME] of its configuration). */
typedef struct Switch {
    char
        *socket; /* where an instance listens; NULL: the service has no switch. {version} is replaced when it is read */
    char *proxy; /* a driver of parts/switch */
    char *file;  /* that the proxy's configuration includes: system/NAME; NULL: system/SERVICE.PROXY */
    char *unit;  /* the proxy's; NULL: PROXY.service */
    char *url;   /* where the proxy answers for the app's identity */
    gint64 drain_ms;
} Switch;

typedef struct Service {
    char *name;
    char *unit;         /* driver systemd; of a service with a switch the instance of this very release */
    char *template_;    /* what that is an instance of ("web@.service"); NULL without a switch */
    char *start, *stop; /* driver command: shell lines in `current`; without stop: SIGTERM */
    int starts;         /* ServiceStart */
    gint64 stop_timeout_ms, start_timeout_ms;
    GPtrArray *environment; /* KeyPair, driver command */
    Switch switch_;
} Service;

/* --- layout `files`: rules by glob ----------------------------------------------------------------------------- */

/* What becomes of a file of the release where there is one of that name already. */
typedef enum {
    FILE_REPLACE,        /* the new one takes its place, also of one that the user edited */
    FILE_SKIP,           /* what is there stays, and what is not there does not come */
    FILE_BACKUP_REPLACE, /* as replace; the old one is kept for the user */
    FILE_MERGE_TOML,     /* these three-way: user's file, default of the installed release, new default */
    FILE_MERGE_YAML,
    FILE_MERGE_JSON,
    FILE_MERGE_INI,
    FILE_MERGE_ENV,
    FILE_MERGE_TEXT,
} FileAction;

/* Who wins where both changed something; new keys always arrive. */
typedef enum {
    MERGE_RULE_PRESERVE_USER, /* the user; what the user left alone follows the release */
    MERGE_RULE_UPDATE_ONLY,   /* nothing that is there changes or goes: keys are only added */
    MERGE_RULE_REPLACE,       /* the release */
} FileMerge;

/* `name` is the path of a table in the document, its parts joined by ".": "database", "server.tls". The longest path
 * that leads to a key decides; where none does, the rule's merge_strategy. */
typedef struct MergeSection {
    char *name;
    int strategy; /* FileMerge */
} MergeSection;

/* One rule. The first in the manifest's order whose glob (model/glob.h) matches a path decides; a protected directory
 * comes before all rules. What no rule matches is replaced unless the user edited it, else it is a conflict. */
typedef struct FileRule {
    char *glob;          /* a good pattern, relative to the app's root */
    int action;          /* FileAction */
    int merge_strategy;  /* FileMerge, of the merges; default preserve_user */
    gboolean backup;     /* the file as it was is kept for the user; always so with backup_replace */
    GPtrArray *sections; /* MergeSection, of the merges of toml, yaml, json and ini; mostly empty */
    guint line, column;  /* of the glob in the manifest, for messages */
} FileRule;

/* One directory, and all below it. Protected (preserve without cleanup_old): nothing in it is written or removed.
 * Aged (cleanup_old): the same, but files last changed more than keep_days ago go when an update is done. Clearable
 * (preserve: false): it may be emptied when an update is done. No rule of `files` may lead into the first two. */
typedef struct DirectoryRule {
    char *path; /* literal, relative to the app's root; none lies in another */
    gboolean preserve, cleanup_old;
    gint64 keep_days;
    char *description;
    guint line, column;
} DirectoryRule;

/* --- the rest ---------------------------------------------------------------------------------------------------- */

typedef enum { CONDITION_SKIP_UPDATE, CONDITION_WARN, CONDITION_REQUIRE_MANUAL } ConditionAction;

typedef struct Conditional {
    char *condition; /* as it was written */
    int action;      /* ConditionAction */
    char *message;   /* NULL: none */
    GPtrArray *manual_steps;
    Expression *parsed; /* of the condition; never NULL after manifest_read */
} Conditional;

/* A stage opens `wait` after the one before it, the first one `wait` after the release was published. It takes the
 * hosts whose place (0 to 99, model/rollout.h) is below `percentage`, of those for which the criteria hold. */
typedef struct RolloutStage {
    char *name;
    gint64 percentage;
    char *criteria;     /* NULL: all hosts */
    gint64 wait_ms;     /* of `wait` or `wait_hours` */
    gint64 wait_hours;  /* as the older documents write it */
    Expression *parsed; /* of the criteria; NULL without */
} RolloutStage;

typedef struct VersionCommands {
    char *name;
    GPtrArray *commands;
} VersionCommands; /* migrations: "2.0.0": [..]; as KeyTexts */
typedef struct Notification {
    char *type;
    char *url;
    char *command;
    char *message;
} Notification;

typedef struct Manifest {
    char *app, *version, *released, *description, *changelog;
    int layout; /* LayoutKind */
    struct {
        gint64 version;
        char *runs_with;
        struct {
            char *sql;
            char *command;
        } fingerprint;
    } schema;
    struct {
        gint64 min_disk_space_mb;
        char *min_python_version;
        GPtrArray *required_commands, *required_services, *environment_checks /* Check */;
        GPtrArray *required_versions; /* KeyPair: program -> range of its versions */
    } requirements;
    GPtrArray *conditionals; /* Conditional */
    struct {
        char *strategy;
        GPtrArray *stages; /* RolloutStage, in order; empty: everybody at once */
    } rollout;
    GPtrArray *busy;  /* Check: passes when nothing is in flight */
    GPtrArray *build; /* shell lines */
    gint64 build_timeout_ms;
    GPtrArray *trial;    /* Check */
    GPtrArray *shared;   /* SharedPath */
    GPtrArray *data;     /* DataSet */
    GPtrArray *services; /* Service, in order of start; stopped in reverse */
    struct {
        int mode;
        char *file;
        gint64 max_ms;
        gint64 drain_ms;
        char *on, *off;
    } fence; /* on, off: hooks */
    struct {
        char *database, *path, *table;
    } sql; /* path NULL: none */
    struct {
        char *database, *table;
        GPtrArray *columns; /* KeyPair: ours -> the table's; empty: each is called as we call it */
        GPtrArray *words;   /* KeyPair: verdict -> what the table calls it */
    } history;              /* table NULL: none */
    GPtrArray *migrations;  /* VersionCommands */
    GPtrArray *down;        /* VersionCommands: each takes the one of the same version in `migrations` back */
    struct {
        gboolean at_start;
    } migrate;
    gint64 migrate_timeout_ms;
    struct {
        GPtrArray *pre_update, *post_update, *rollback;
        gint64 timeout_ms;
    } hooks;
    GPtrArray *post_update_tests; /* Check */
    Check identity;
    struct {
        gint64 deadline_ms, successes, interval_ms, settle_ms;
        Check progress;
    } probe; /* progress: while its answer changes, the deadline is renewed */
    struct {
        gint64 window_ms;
        int on_failure;
    } observe;
    struct {
        char *strategy;
        gint64 keep_backups, keep_releases;
        GPtrArray *auto_rollback_on;
    } rollback;
    struct {
        GPtrArray *remove_files, *remove_directories, *commands;
    } cleanup;
    struct {
        GPtrArray *on_success, *on_failure;
    } notifications; /* Notification */
    const Node *files, *directories;
    GPtrArray *file_rules; /* FileRule, in order, of `files` as a map; empty where it is a list (Pi-Kit) or absent */
    GPtrArray *directory_rules;  /* DirectoryRule, in order */
    GPtrArray *privileged_files; /* char *: globs of files that only the host's config may let in */
    const Node *post_install;    /* room of a later layout; refused with the reason */
    Node *document;              /* owned: what the borrowed nodes point into */
} Manifest;

extern const Key manifest_keys[];
/* Whether a table of the app's own can be reached by SQL: the set of this name, or without a name the first of driver
 * sqlite or postgres. Borrowed; NULL: there is none. */
const DataSet *manifest_database(const Manifest *manifest, const char *name);

/* The rule that decides about a path relative to the app's root; NULL: none matches. Borrowed. */
const FileRule *manifest_file_rule(const Manifest *manifest, const char *path);

/* The directory rule that the path lies in, or is; NULL: none. Borrowed. */
const DirectoryRule *manifest_directory_rule(const Manifest *manifest, const char *path);

extern const char *const file_action_names[]; /* words of FileAction */
extern const char *const merge_rule_names[];  /* words of FileMerge */
extern const char *const history_columns[];   /* what a row of history.table says, by default under these names */
extern const char *const layout_names[];      /* words of LayoutKind */
extern const char *const data_class_names[];  /* words of DataClass */
extern const char *const
    manifest_names[]; /* NULL-terminated, in order of preference: liftlock.yaml liftlock.json update-manifest.yaml */

/* Reads a parsed document; takes it in any case. `name` is for errors. Checks also what one key cannot say alone: each
 * check has exactly one kind, names are unique, services have unit or start, migrations have versions that this release
 * reaches ... (whether fence "none" is legal depends on what is installed: the plan decides.) Checks without a name are
 * named after their place, "trial 1"; services after their unit. FAULT_MANIFEST. */
Manifest *manifest_read(Node *document, const char *name, GError **error);
void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)

/* Migrations due between two versions (from < key <= to), in version order: GPtrArray of borrowed VersionCommands *.
 * from NULL (fresh install): none. The caller frees the array. */
GPtrArray *manifest_migrations_due(const Manifest *manifest, const char *from, const char *to);

/* What takes the migrations behind `to` back, newest first: of borrowed VersionCommands *, the caller frees the array.
 * NULL: for one of them nothing does. */
GPtrArray *manifest_down_due(const Manifest *manifest, const char *to);
