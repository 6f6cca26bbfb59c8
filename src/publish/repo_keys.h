/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that a publisher has at hand: files and directories of NAME.key (trust/key_file.h), and what commands print.
 * Which key belongs to which role says the repository; here they are found by their id, and opened when they are
 * needed.
 */
#pragma once

#include "trust/key_file.h"

typedef struct RepoKeySources {
    const char *const *places;   /* key files, or directories with *.key in them; NULL-terminated, may be NULL */
    const char *const *commands; /* each prints one key file; split into words as a shell does, run without one */
    const char *passphrase_file; /* NULL: the credential "liftlock-passphrase" of a systemd unit, else the terminal */
    gboolean no_passphrase;      /* new keys are not encrypted */
} RepoKeySources;

typedef struct RepoKeys RepoKeys;

/* Reads all of them; nothing is decrypted yet. A key that lies in `published` is refused. FAULT_USAGE, FAULT_CONFIG. */
RepoKeys *repo_keys_open(const RepoKeySources *sources, const char *published, GError **error);
void repo_keys_free(RepoKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoKeys, repo_keys_free)

/* Whoever publishes the keys with a release has none any more: FAULT_USAGE if keys or passphrase lie in what is
 * published. */
gboolean repo_sources_apart(const RepoKeySources *sources, const char *published, GError **error);

gboolean repo_keys_has(const RepoKeys *keys, const char *id);
GPtrArray *repo_keys_ids(const RepoKeys *keys); /* of all of them; borrowed texts. The caller frees */

/* Opens a key, once. NULL with *error unset: it is not at hand. Borrowed. */
const TufSecret *repo_keys_secret(RepoKeys *keys, const char *id, GError **error);

/* The first directory among the places; NULL: there is none. Borrowed. */
const char *repo_keys_directory(const RepoKeys *keys);

/* Makes NAME.key and NAME.pub in that directory, or takes the key that lies there under that name. The new key is at
 * hand at once. FAULT_USAGE where there is no directory. Borrowed. */
const TufKey *repo_keys_make(RepoKeys *keys, const char *name, GError **error);

/* The same for a name that is not taken: NAME.key, NAME-2.key, NAME-3.key... */
const TufKey *repo_keys_make_another(RepoKeys *keys, const char *name, GError **error);

/* A public key from NAME.pub or NAME.key. The caller frees. */
TufKey *repo_key_public(const char *path, GError **error);

/* NAME.key and NAME.pub by themselves, for whoever holds only this one. The caller frees. */
TufKey *repo_key_generate(const char *name, const RepoKeySources *sources, GError **error);
