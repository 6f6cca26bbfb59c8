/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: /etc/liftlock/liftlock.toml (the host) and /etc/liftlock/apps/NAME.toml (an app on it). */
#pragma once

#include "model/manifest.h"

typedef enum { TRUST_TUF, TRUST_MINISIGN, TRUST_CHECKSUM, TRUST_GIT, TRUST_NONE } TrustLevel;
typedef enum { MODE_MANUAL, MODE_DASHBOARD } PolicyMode;

typedef enum { MAIL_STARTTLS, MAIL_TLS, MAIL_PLAIN } MailEncryption;

typedef struct NotifyConfig { /* [notify.NAME] */
    char *name, *type;        /* webhook, mail, command, log */
    char *url, *url_file;     /* webhook: one of them; url_file keeps it out of the config */
    char *server, *user, *password_file, *from, *ca_file; /* mail */
    GPtrArray *to;                                        /* mail: char * */
    int encryption;                                       /* mail: MailEncryption */
    char *command;      /* command: a shell line; the message comes on its standard input */
    GPtrArray *on;      /* verdicts; never empty: default all */
    char *message;      /* {app} {version} {from} {error} {host} {verdict} */
    gint64 timeout_ms;  /* 10s */
    gint64 retry_count; /* 2 */
} NotifyConfig;

typedef struct DatabaseConfig { /* [database.NAME]: who may copy, rename and drop the data set NAME's database */
    char *name;
    char *admin_user;     /* account of this host, and role of the same name */
    char *admin_url_file; /* file of root's alone with the address of such a role */
} DatabaseConfig;

typedef struct SwitchConfig { /* [switch.NAME]: this host's word on the switch of the service NAME */
    char *name;
    char *proxy, *unit, *url; /* NULL: the manifest's */
} SwitchConfig;

typedef struct HostConfig {
    gboolean allow_trust_none; /* apps may be installed with [trust] level "none" */
    gint64 max_release_bytes, max_file_bytes, max_entries, max_index_bytes;
    gint64 space_margin_bytes;
    char *proxy, *no_proxy, *ca_file;
    char *host_id; /* what rollouts draw this host's place from; NULL: /etc/machine-id */
    Node *document;
} HostConfig;

typedef struct AppConfig {
    char *name; /* from the file's name */
    struct {
        char *root, *user, *group, *manifest;
        int layout; /* LayoutKind */
        gboolean privileged_hooks;
    } app;
    struct {
        char *type, *url, *path, *channel;
        GPtrArray *headers_file;
        gboolean prereleases;
        char *versions;
        char *proxy, *no_proxy, *ca_file; /* NULL: the host's */
        GPtrArray *mirrors;               /* https: further addresses of the archive, or of folders that hold it */
        char *api, *asset; /* https: whose list of releases `url` is; name of the archive in it, a glob */
        char *sha256, *checksum_url, *checksum_path;
        char *branch, *tags, *commit; /* git: at most one; tags is a pattern with one "*", the version */
        gboolean allow_rewritten;
        char *username, *token_file; /* git over http */
        char *key_file;              /* git over ssh, sftp */
        GPtrArray *host_key;
    } source;
    struct {
        int level;
        char *key;
        char *allowed_signers, *keyring; /* level git: files of the operator's */
        char *root;                      /* level tuf: file with the root that is trusted first */
    } trust;
    struct {
        int mode;
        gint64 min_age_ms;
        GPtrArray *min_age_of; /* KeyPair: severity, time; see auto_min_age_ms */
        char *pin;
        char *group; /* of this host in rollouts; NULL: none */
        gint64 keep_releases, keep_backups /* -1: the manifest's */;
        gint64 max_attempts;
        gint64 max_download_bytes; /* 0: no limit */
        gboolean rehearse;
    } policy;
    struct {
        char *calendar, *window; /* NULL: see auto_calendar; any time */
        gint64 random_delay_ms;
    } auto_;
    struct {
        char *encrypt_to; /* age recipient; NULL: backups are not encrypted */
    } backups;
    struct {
        GPtrArray *allowed_file_types;            /* char *: ".py"; "": files without a type; empty: all */
        gint64 max_file_bytes, max_release_bytes; /* 0: the host's alone */
        GPtrArray *privileged_files;              /* char *: globs of files that this host lets in as root's own */
    } security;
    GPtrArray *destinations; /* KeyPair: directory of the release, folder of this host; layout files */
    GPtrArray *environment;  /* KeyPair: what programs of the app are given besides */
    GPtrArray *notify;       /* NotifyConfig */
    GPtrArray *database;     /* DatabaseConfig */
    GPtrArray *switch_;      /* SwitchConfig */
    struct {
        gint64 window_ms;
    } observe; /* -1: the manifest's */
    Node *document;
} AppConfig;

extern const char *const trust_names[];   /* words of TrustLevel */
extern const char *const mode_names[];    /* words of PolicyMode */
extern const char *const verdict_names[]; /* what [notify.NAME] on may list */
extern const Key host_config_keys[], app_config_keys[];

/* Both take the document in any case. `path` is for errors. FAULT_CONFIG. Environment overrides are applied to the
 * host's scalars only if `environment` (never in a job that runs as root). */
HostConfig *host_config_read(Node *document, const char *path, gboolean environment, GError **error);
void host_config_free(HostConfig *config);
AppConfig *app_config_read(Node *document, const char *name, const char *path, GError **error);
void app_config_free(AppConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostConfig, host_config_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppConfig, app_config_free)

/* The parts of ssh://USER@HOST:PORT/PATH (or sftp://); the path begins with "/". */
typedef struct SshAddress {
    char *user, *host, *path; /* user NULL: none given */
    guint port;               /* 22 where none is given */
} SshAddress;
/* FALSE: not one, or one that a program could take for an option or a shell for a command. */
gboolean ssh_address_parse(const char *url, SshAddress *address);
void ssh_address_clear(SshAddress *address);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SshAddress, ssh_address_clear)

/* "/PATH", or "credential:NAME" for the systemd credential store. */
gboolean secret_reference_is_valid(const char *text);

/* App names: [a-z0-9] then [a-z0-9_-], at most 32; "liftlock" is ours alone. */
gboolean app_name_is_valid(const char *name);
