/* SPDX-License-Identifier: Apache-2.0 */
/* The keys at hand. */
#include "publish/repo_keys.h"

#include "base/fault.h"
#include "base/fs.h"
#include "publish/keys.h"
#include "publish/passphrase.h"
#include "publish/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL "liftlock-passphrase"
#define KEYS_MAX 1000       /* of one directory */
#define COMMAND_LIMIT_S 300 /* whoever prints a key may have to be asked for a PIN */

typedef struct KeyAtHand {
    char *name; /* what people call it: a path or a command */
    KeyFile *file;
    TufSecret *secret; /* NULL: not opened yet */
} KeyAtHand;

struct RepoKeys {
    const RepoKeySources *sources;
    GPtrArray *keys; /* KeyAtHand */
    char *directory;
    char *passphrase;     /* the last that was right */
    char *new_passphrase; /* of the keys that are made; NULL: not asked yet */
};

static void key_free(gpointer data)
{
    KeyAtHand *key = data;
    g_free(key->name);
    key_file_free(key->file);
    tuf_secret_free(key->secret);
    g_free(key);
}

void repo_keys_free(RepoKeys *keys)
{
    if (!keys)
        return;
    g_ptr_array_unref(keys->keys);
    g_free(keys->directory);
    passphrase_free(keys->passphrase);
    passphrase_free(keys->new_passphrase);
    g_free(keys);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static gboolean add_text(RepoKeys *keys, const char *name, const char *text, gsize size, GError **error)
{
    KeyFile *file = key_file_read(text, size, name, error);
    if (!file)
        return FALSE;
    KeyAtHand *key = g_new0(KeyAtHand, 1);
    key->name = g_strdup(name);
    key->file = file;
    g_ptr_array_add(keys->keys, key);
    return TRUE;
}

/* What systemd hands to a unit is the unit's alone; its mode tells of an access list, not of others. */
static gboolean is_credential(const char *path)
{
    const char *directory = g_getenv("CREDENTIALS_DIRECTORY");
    gsize size = directory ? strlen(directory) : 0;
    return size && strncmp(path, directory, size) == 0 && path[size] == '/';
}

/* Neither below what is published nor the very same place. */
static gboolean keys_apart(const char *path, const char *published, GError **error)
{
    char secret[PATH_MAX], place[PATH_MAX];
    if (!path || !published || !realpath(path, secret) || !realpath(published, place))
        return TRUE;
    gsize size = strlen(place);
    if (strncmp(secret, place, size) != 0 || (secret[size] != '/' && secret[size] != '\0'))
        return TRUE;
    fault_set(error, FAULT_USAGE, "%s lies in %s and would be published with it", path, published);
    return fault_hint(error, "keys and passphrases need a place of their own");
}

gboolean repo_sources_apart(const RepoKeySources *sources, const char *published, GError **error)
{
    for (guint i = 0; sources->places && sources->places[i]; i++)
        if (!keys_apart(sources->places[i], published, error))
            return FALSE;
    return keys_apart(sources->passphrase_file, published, error);
}

static gboolean add_file(RepoKeys *keys, const char *path, const char *published, GError **error)
{
    if (!keys_apart(path, published, error)) /* a link among the keys */
        return FALSE;
    char *text = keys_read(path, !is_credential(path), error);
    gboolean good = text && add_text(keys, path, text, strlen(text), error);
    passphrase_free(text);
    return good;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean add_directory(RepoKeys *keys, const char *path, const char *published, GError **error)
{
    g_autoptr(GError) local = NULL;
    GDir *dir = g_dir_open(path, 0, &local);
    if (!dir)
        return fault_set(error, FAULT_USAGE, "cannot read the keys in %s", path);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir)) && names->len <= KEYS_MAX;)
        if (g_str_has_suffix(name, ".key"))
            g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_dir_close(dir);
    if (names->len > KEYS_MAX)
        return fault_set(error, FAULT_USAGE, "%s holds more than %d keys", path, KEYS_MAX);
    g_ptr_array_sort(names, compare_names);
    if (!keys->directory)
        keys->directory = g_strdup(path);
    for (guint i = 0; i < names->len; i++)
        if (!add_file(keys, names->pdata[i], published, error))
            return FALSE;
    return TRUE;
}

/* Only the program's name is told: its arguments may say more than a log should. */
static gboolean add_command(RepoKeys *keys, const char *command, GError **error)
{
    g_auto(GStrv) argv = NULL;
    g_auto(ProgramAnswer) answer = {0};
    if (!g_shell_parse_argv(command, NULL, &argv, NULL))
        return fault_set(error, FAULT_USAGE, "--key-command: the quotes of the command do not match");
    if (!program_run((const char *const *)argv, NULL, COMMAND_LIMIT_S, &answer, error))
        return FALSE;
    g_autofree char *name = g_strdup_printf("what %s prints", argv[0]);
    gboolean good = answer.status == 0 ? add_text(keys, name, answer.output, answer.size, error)
                                       : fault_set(error, FAULT_USAGE, "--key-command: %s failed: %s", argv[0],
                                                   *answer.complaint ? answer.complaint : "it says nothing");
    explicit_bzero(answer.output, answer.size);
    return good;
}

static gboolean add_place(RepoKeys *keys, const char *path, const char *published, GError **error)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return fault_errno(error, FAULT_USAGE, errno, "cannot read the keys in %s", path);
    return S_ISDIR(st.st_mode) ? add_directory(keys, path, published, error) : add_file(keys, path, published, error);
}

RepoKeys *repo_keys_open(const RepoKeySources *sources, const char *published, GError **error)
{
    g_autoptr(RepoKeys) keys = g_new0(RepoKeys, 1);
    keys->sources = sources;
    keys->keys = g_ptr_array_new_with_free_func(key_free);
    if (!repo_sources_apart(sources, published, error))
        return NULL;
    for (guint i = 0; sources->places && sources->places[i]; i++)
        if (!add_place(keys, sources->places[i], published, error))
            return NULL;
    for (guint i = 0; sources->commands && sources->commands[i]; i++)
        if (!add_command(keys, sources->commands[i], error))
            return NULL;
    return g_steal_pointer(&keys);
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* The first line of a systemd credential; NULL: there is none. */
static char *read_credential(void)
{
    const char *directory = g_getenv("CREDENTIALS_DIRECTORY");
    if (!directory)
        return NULL;
    char buffer[PASSPHRASE_MAX + 2];
    g_autofree char *path = g_build_filename(directory, CREDENTIAL, NULL);
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buffer, sizeof buffer) : -1;
    gsize size = n > 0 ? (gsize)n : 0, length = 0;
    while (length < size && !strchr("\r\n", buffer[length]))
        length++;
    char *passphrase = length > 0 && length <= PASSPHRASE_MAX ? g_strndup(buffer, length) : NULL;
    explicit_bzero(buffer, sizeof buffer);
    return passphrase;
}

static char *ask(const RepoKeySources *sources, const char *whose, gboolean is_new, GError **error)
{
    char *credential = sources->passphrase_file ? NULL : read_credential();
    return credential ? credential : passphrase_read(sources->passphrase_file, whose, is_new, error);
}

static KeyAtHand *find(const RepoKeys *keys, const char *id)
{
    for (guint i = 0; i < keys->keys->len; i++) {
        KeyAtHand *key = keys->keys->pdata[i];
        if (g_str_equal(key->file->key->id, id))
            return key;
    }
    return NULL;
}

gboolean repo_keys_has(const RepoKeys *keys, const char *id)
{
    return find(keys, id) != NULL;
}

GPtrArray *repo_keys_ids(const RepoKeys *keys)
{
    GPtrArray *ids = g_ptr_array_new();
    for (guint i = 0; i < keys->keys->len; i++)
        g_ptr_array_add(ids, ((const KeyAtHand *)keys->keys->pdata[i])->file->key->id);
    return ids;
}

/* One passphrase often opens all keys: what was right before is tried first. */
static gboolean open_key(RepoKeys *keys, KeyAtHand *key, GError **error)
{
    if (!key->file->encrypted || keys->passphrase)
        key->secret = key_file_open(key->file, keys->passphrase, NULL);
    if (key->secret)
        return TRUE;
    g_autofree char *whose = g_strdup_printf("of %s", key->name);
    char *passphrase = key->file->encrypted ? ask(keys->sources, whose, FALSE, error) : g_strdup("");
    if (!passphrase)
        return FALSE;
    key->secret = key_file_open(key->file, passphrase, error);
    if (!key->secret) {
        passphrase_free(passphrase);
        return fault_prefix(error, "%s", key->name);
    }
    passphrase_free(key->file->encrypted ? keys->passphrase : passphrase);
    if (key->file->encrypted)
        keys->passphrase = passphrase;
    return TRUE;
}

const TufSecret *repo_keys_secret(RepoKeys *keys, const char *id, GError **error)
{
    KeyAtHand *key = find(keys, id);
    return key && (key->secret || open_key(keys, key, error)) ? key->secret : NULL;
}

/* --- making ------------------------------------------------------------------------------------------------- */

static gboolean write_key(const char *name, const TufSecret *secret, const char *passphrase, GError **error)
{
    char *text = key_file_write(secret, passphrase, error);
    if (!text)
        return FALSE;
    g_autofree char *public = key_public_write(tuf_secret_key(secret));
    gboolean good = keys_write(name, text, public, error);
    passphrase_free(text);
    return good;
}

const char *repo_keys_directory(const RepoKeys *keys)
{
    return keys->directory;
}

static const TufKey *make(RepoKeys *keys, const char *base, GError **error)
{
    if (!keys->new_passphrase && !keys->sources->no_passphrase)
        keys->new_passphrase = ask(keys->sources, "of the new keys", TRUE, error);
    if (!keys->new_passphrase && !keys->sources->no_passphrase)
        return NULL;
    g_autoptr(TufSecret) secret = tuf_secret_new(NULL, error);
    if (!secret || !write_key(base, secret, keys->new_passphrase, error))
        return NULL;
    g_autofree char *path = g_strconcat(base, ".key", NULL);
    if (!add_file(keys, path, NULL, error))
        return NULL;
    KeyAtHand *key = keys->keys->pdata[keys->keys->len - 1];
    key->secret = g_steal_pointer(&secret);
    return key->file->key;
}

/* The way of a name in the directory, without suffix. */
static char *base_of(const RepoKeys *keys, const char *name, GError **error)
{
    if (keys->directory)
        return g_build_filename(keys->directory, name, NULL);
    fault_set(error, FAULT_USAGE, "there is no place for the new key '%s'", name);
    fault_hint(error, "name a directory of your own with --keys DIR");
    return NULL;
}

static const KeyAtHand *find_named(const RepoKeys *keys, const char *base)
{
    g_autofree char *path = g_strconcat(base, ".key", NULL);
    for (guint i = 0; i < keys->keys->len; i++) {
        const KeyAtHand *key = keys->keys->pdata[i];
        if (g_str_equal(key->name, path))
            return key;
    }
    return NULL;
}

const TufKey *repo_keys_make(RepoKeys *keys, const char *name, GError **error)
{
    g_autofree char *base = base_of(keys, name, error);
    const KeyAtHand *key = base ? find_named(keys, base) : NULL;
    if (key)
        return key->file->key;
    return base ? make(keys, base, error) : NULL;
}

/* By either half: the secret one may have been taken away, or lost. */
static gboolean is_taken(const char *base)
{
    g_autofree char *secret = g_strconcat(base, ".key", NULL), *public = g_strconcat(base, ".pub", NULL);
    return g_file_test(secret, G_FILE_TEST_EXISTS) || g_file_test(public, G_FILE_TEST_EXISTS);
}

const TufKey *repo_keys_make_another(RepoKeys *keys, const char *name, GError **error)
{
    g_autofree char *base = base_of(keys, name, error);
    for (int i = 2; base && is_taken(base); i++) {
        g_autofree char *next = g_strdup_printf("%s-%d", name, i);
        g_free(base);
        base = base_of(keys, next, error);
    }
    return base ? make(keys, base, error) : NULL;
}

TufKey *repo_key_public(const char *path, GError **error)
{
    char *text = keys_read(path, FALSE, error);
    TufKey *key = text ? key_public_read(text, strlen(text), path, error) : NULL;
    passphrase_free(text);
    return key;
}

TufKey *repo_key_generate(const char *name, const RepoKeySources *sources, GError **error)
{
    g_autoptr(TufSecret) secret = tuf_secret_new(NULL, error);
    char *passphrase = sources->no_passphrase || !secret ? NULL : ask(sources, "of the new key", TRUE, error);
    gboolean good = secret && (passphrase || sources->no_passphrase) && write_key(name, secret, passphrase, error);
    passphrase_free(passphrase);
    if (!good)
        return NULL;
    g_autofree char *public = key_public_write(tuf_secret_key(secret));
    return key_public_read(public, strlen(public), name, error);
}
