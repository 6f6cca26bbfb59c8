/* SPDX-License-Identifier: Apache-2.0 */
/* Reading secrets. */
#include "parts/source/secret.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CREDENTIAL "credential:"
#define KEY_MAX (64 * 1024)
#define TOKEN_MAX 4096
#define DECRYPT_MS (30 * 1000)

void secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    g_free(secret);
}

static int open_private(const char *path, GError **error)
{
    /* O_NONBLOCK: a FIFO must not hold us. */
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        fault_errno(error, FAULT_CONFIG, errno, "cannot read %s", path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        fault_set(error, FAULT_CONFIG, "%s is not a regular file", path);
        return -1;
    }
    if (st.st_mode & (S_IRWXO | S_IWGRP)) {
        fault_set(error, FAULT_CONFIG, "%s may be read or changed by others", path);
        fault_hint(error, "chmod 600 %s", path);
        return -1;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        fault_set(error, FAULT_CONFIG, "%s belongs to another user", path);
        fault_hint(error, "chown root: %s", path);
        return -1;
    }
    return fs_fd_steal(&fd);
}

static char *read_private(const char *path, gsize limit, gsize *size, GError **error)
{
    fs_fd int fd = open_private(path, error);
    if (fd < 0)
        return NULL;
    char *content = g_malloc0(limit + 2);
    ssize_t n = 1;
    *size = 0;
    while (*size <= limit && (n = pread(fd, content + *size, limit + 1 - *size, (off_t)*size)) > 0)
        *size += (gsize)n;
    if (n >= 0 && *size <= limit && !memchr(content, '\0', *size))
        return content;
    explicit_bzero(content, limit + 2);
    g_free(content);
    fault_set(error, FAULT_CONFIG, "%s is too large, or no text", path);
    return NULL;
}

/* --- the credential store (systemd-creds(1), systemd.exec(5) LoadCredential=) --- */

static char *decrypt(const char *path, const char *name, gsize limit, gsize *size, GError **error)
{
    g_autofree char *as = g_strconcat("--name=", name, NULL);
    const char *const argv[] = {"systemd-creds", as, "decrypt", path, "-", NULL};
    GString *text = g_string_sized_new(limit + 1);
    ProcessSpec spec = {.argv = argv, .timeout_ms = DECRYPT_MS, .output = text, .output_limit = limit + 1};
    ProcessOutcome outcome;
    gboolean ran = process_run(&spec, &outcome, error);
    if (ran && outcome.exited && outcome.status == 0 && text->len <= limit && !memchr(text->str, '\0', text->len)) {
        *size = text->len;
        return g_string_free(text, FALSE);
    }
    explicit_bzero(text->str, text->len);
    g_string_free(text, TRUE);
    if (ran)
        fault_set(error, FAULT_CONFIG, "systemd-creds cannot decrypt %s", path);
    return NULL;
}

static char *read_credential(const Place *place, const char *name, gsize limit, gsize *size, GError **error)
{
    g_autofree char *apps = g_path_get_dirname(place->config), *own = g_path_get_dirname(apps);
    g_autofree char *etc = g_path_get_dirname(own);
    g_autofree char *run_own = g_path_get_dirname(place->lock), *run = g_path_get_dirname(run_own);
    const char *const plain[] = {run, etc};
    for (gsize i = 0; i < G_N_ELEMENTS(plain); i++) {
        g_autofree char *path = g_build_filename(plain[i], "credstore", name, NULL);
        if (access(path, F_OK) == 0)
            return read_private(path, limit, size, error);
    }
    g_autofree char *path = g_build_filename(etc, "credstore.encrypted", name, NULL);
    if (access(path, F_OK) == 0)
        return decrypt(path, name, limit, size, error);
    fault_set(error, FAULT_CONFIG, "there is no credential '%s'", name);
    fault_hint(error, "put it into %s/credstore/%s, or encrypt it there with systemd-creds(1)", etc, name);
    return NULL;
}

char *secret_read(const Place *place, const char *reference, gsize limit, gsize *size, GError **error)
{
    if (g_str_has_prefix(reference, CREDENTIAL))
        return read_credential(place, reference + strlen(CREDENTIAL), limit, size, error);
    return read_private(reference, limit, size, error);
}

char *secret_line(const Place *place, const char *reference, GError **error)
{
    gsize size;
    char *text = secret_read(place, reference, TOKEN_MAX, &size, error);
    if (!text)
        return NULL;
    g_strstrip(text);
    gboolean good = *text && g_utf8_validate(text, -1, NULL);
    for (const char *c = text; *c; c++)
        good = good && !g_ascii_iscntrl(*c);
    if (good)
        return text;
    secret_free(text);
    fault_set(error, FAULT_CONFIG, "%s is not one line of text", reference);
    return NULL;
}

/* --- ssh keys ------------------------------------------------------------------------------------------------ */

/* A string of the OpenSSH format (PROTOCOL.key): length, big-endian, then bytes. Borrowed; NULL at the end. */
static const guchar *next_string(const guchar **at, gsize *left, gsize *size)
{
    if (*left < 4)
        return NULL;
    *size = (gsize)(*at)[0] << 24 | (gsize)(*at)[1] << 16 | (gsize)(*at)[2] << 8 | (*at)[3];
    if (*size > *left - 4)
        return NULL;
    const guchar *bytes = *at + 4;
    *at = bytes + *size;
    *left -= 4 + *size;
    return bytes;
}

static gboolean is_text(const guchar *bytes, gsize size, const char *text)
{
    return bytes && size == strlen(text) && memcmp(bytes, text, size) == 0;
}

/* What speaks against a key in OpenSSH's own format; NULL: nothing. */
static const char *judge_blob(const guchar *blob, gsize size)
{
    static const char magic[] = "openssh-key-v1";
    gsize cipher_size = 0, ignored = 0, key_size = 0, type_size = 0;
    if (size <= sizeof magic || memcmp(blob, magic, sizeof magic) != 0)
        return "is no private ssh key";
    const guchar *at = blob + sizeof magic;
    size -= sizeof magic;
    const guchar *cipher = next_string(&at, &size, &cipher_size);
    if (!next_string(&at, &size, &ignored) || !next_string(&at, &size, &ignored) || size < 4)
        return "is no private ssh key";
    at += 4; /* how many keys */
    size -= 4;
    const guchar *key = next_string(&at, &size, &key_size);
    const guchar *type = key ? next_string(&key, &key_size, &type_size) : NULL;
    if (!type)
        return "is no private ssh key";
    if (is_text(type, type_size, "ssh-rsa"))
        return "is an RSA key, which sources do not take";
    return is_text(cipher, cipher_size, "none") ? NULL : "needs a passphrase, which nobody is there to type";
}

static const char *judge_key(const char *text)
{
    static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----", end[] = "-----END OPENSSH PRIVATE KEY-----";
    if (strstr(text, "-----BEGIN RSA PRIVATE KEY-----"))
        return "is an RSA key, which sources do not take";
    const char *from = strstr(text, begin), *to = from ? strstr(from, end) : NULL;
    if (!to)
        return "is no private ssh key";
    gsize size = 0;
    g_autofree char *body = g_strndup(from + strlen(begin), (gsize)(to - from) - strlen(begin));
    g_autofree guchar *blob = g_base64_decode(body, &size);
    const char *fault = judge_blob(blob, size);
    explicit_bzero(body, strlen(body));
    explicit_bzero(blob, size);
    return fault;
}

char *secret_ssh_key(const Place *place, const char *reference, GError **error)
{
    gsize size;
    char *text = secret_read(place, reference, KEY_MAX, &size, error);
    const char *fault = text ? judge_key(text) : NULL;
    if (!fault)
        return text;
    secret_free(text);
    fault_set(error, FAULT_CONFIG, "%s %s", reference, fault);
    fault_hint(error, "'ssh-keygen -t ed25519 -N \"\" -f FILE' makes one");
    return NULL;
}
