/* SPDX-License-Identifier: Apache-2.0 */
/* Key files of a publisher. */
#include "publish/keys.h"

#include "base/fault.h"
#include "base/fs.h"
#include "publish/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 4096

static gboolean write_new(const char *path, const char *text, mode_t mode, GError **error)
{
    fs_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return fault_set(error, FAULT_USAGE, "%s exists already", path) ||
               fault_hint(error, "keys are never overwritten: choose another name");
    if (fd < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write %s", path);
    gsize size = strlen(text);
    ssize_t n = write(fd, text, size);
    if (n == (ssize_t)size && fsync(fd) == 0)
        return TRUE;
    fault_errno(error, FAULT_SYSTEM, n < 0 ? errno : ENOSPC, "cannot write %s", path);
    unlink(path);
    return FALSE;
}

static gboolean is_absent(const char *path, GError **error)
{
    struct stat st;
    if (lstat(path, &st) < 0 && errno == ENOENT)
        return TRUE;
    return fault_set(error, FAULT_USAGE, "%s exists already", path) ||
           fault_hint(error, "keys are never overwritten: choose another name");
}

static char *base_of(const char *name)
{
    gboolean suffixed = g_str_has_suffix(name, ".key") || g_str_has_suffix(name, ".pub");
    return g_strndup(name, strlen(name) - (suffixed ? 4 : 0));
}

/* The second line of a .pub file. */
static gboolean public_parse(const char *text, MinisignPublic *key, GError **error)
{
    const char *line = strchr(text, '\n');
    g_autofree char *base64 = g_strndup(line ? line + 1 : "", line ? strcspn(line + 1, "\r\n") : 0);
    return minisign_public_parse(base64, key, error);
}

static gboolean write_pair(const char *secret_path, const char *public_path, const char *secret, const char *public,
                           GError **error)
{
    if (!write_new(secret_path, secret, 0600, error))
        return FALSE;
    if (!write_new(public_path, public, 0644, error)) {
        unlink(secret_path);
        return FALSE;
    }
    g_autofree char *folder = g_path_get_dirname(secret_path);
    fs_fd int dir = fs_open_dir(folder, error);
    return dir >= 0 && fs_sync_dir(dir, error);
}

gboolean keys_write(const char *name, const char *secret, const char *public, GError **error)
{
    g_autofree char *base = base_of(name), *secret_path = g_strconcat(base, ".key", NULL),
                    *public_path = g_strconcat(base, ".pub", NULL);
    return is_absent(secret_path, error) && is_absent(public_path, error) &&
           write_pair(secret_path, public_path, secret, public, error);
}

gboolean keys_generate(const char *name, const char *passphrase, MinisignPublic *key, GError **error)
{
    g_autofree char *base = base_of(name), *secret_path = g_strconcat(base, ".key", NULL),
                    *public_path = g_strconcat(base, ".pub", NULL);
    g_autofree char *public = NULL;
    char *secret = NULL;
    /* Looked at first, too: making an encrypted key takes seconds. */
    if (!is_absent(secret_path, error) || !is_absent(public_path, error) ||
        !minisign_generate(passphrase, &secret, &public, error))
        return FALSE;
    gboolean good = keys_write(name, secret, public, error) && public_parse(public, key, error);
    passphrase_free(secret);
    return good;
}

char *keys_read(const char *path, gboolean private, GError **error)
{
    char buffer[FILE_MAX];
    struct stat st;
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fault_errno(error, FAULT_USAGE, errno, "cannot read the key %s", path), NULL;
    ssize_t n = S_ISREG(st.st_mode) ? pread(fd, buffer, sizeof buffer, 0) : -1;
    if (n <= 0 || n == sizeof buffer || memchr(buffer, '\0', (size_t)n)) {
        fault_set(error, FAULT_USAGE, "%s is not a key", path);
        return NULL;
    }
    char *text = g_strndup(buffer, (gsize)n);
    explicit_bzero(buffer, sizeof buffer);
    if (private && st.st_mode & (S_IRWXG | S_IRWXO)) {
        fault_set(error, FAULT_USAGE, "the secret key %s may be read by others", path);
        fault_hint(error, "chmod 600 %s, and consider whether somebody has read it", path);
        passphrase_free(text);
        return NULL;
    }
    return text;
}

static MinisignSecret *open_text(const char *path, const char *text, const char *passphrase_file, GError **error)
{
    gboolean encrypted = FALSE;
    g_autoptr(GError) local = NULL;
    g_autoptr(MinisignSecret) secret = minisign_secret_parse(text, NULL, &encrypted, &local);
    if (!secret && encrypted) {
        g_clear_error(&local);
        g_autofree char *whose = g_strdup_printf("of %s", path);
        char *passphrase = passphrase_read(passphrase_file, whose, FALSE, error);
        if (!passphrase)
            return NULL;
        secret = minisign_secret_parse(text, passphrase, NULL, &local);
        passphrase_free(passphrase);
    }
    if (!secret) {
        g_propagate_error(error, g_steal_pointer(&local));
        fault_prefix(error, "%s", path);
    }
    return g_steal_pointer(&secret);
}

MinisignSecret *keys_open(const char *path, const char *passphrase_file, GError **error)
{
    char *text = keys_read(path, TRUE, error);
    MinisignSecret *secret = text ? open_text(path, text, passphrase_file, error) : NULL;
    passphrase_free(text);
    return secret;
}

gboolean keys_show(const char *path, const char *passphrase_file, MinisignPublic *key, GError **error)
{
    char *text = keys_read(path, FALSE, error);
    if (!text)
        return FALSE;
    gboolean good = public_parse(text, key, NULL);
    passphrase_free(text);
    if (good)
        return TRUE;
    g_autoptr(MinisignSecret) secret = keys_open(path, passphrase_file, error);
    if (secret)
        minisign_secret_public(secret, key);
    return secret != NULL;
}

gboolean keys_check_place(const char *key_file, const char *published, GError **error)
{
    char key[PATH_MAX], place[PATH_MAX];
    if (!key_file || !published || !realpath(key_file, key) || !realpath(published, place))
        return TRUE;
    gsize size = strlen(place);
    if (strncmp(key, place, size) != 0 || key[size] != '/')
        return TRUE;
    fault_set(error, FAULT_USAGE, "the secret key %s lies in %s and would be published", key_file, published);
    return fault_hint(error, "move it to a place of its own");
}
