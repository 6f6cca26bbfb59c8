/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, by OpenSSL. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

enum { SHA256_BYTES = 32, CHUNK = 128 * 1024 };

/* OpenSSL fails here only if memory is at its end or its configuration is broken: nothing that a caller can mend. */
static EVP_MD_CTX *hash_new(const EVP_MD *method)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, method, NULL) != 1)
        g_error("the cryptographic library offers no SHA-256");
    return hash;
}

static EVP_MD *method_new(void)
{
    EVP_MD *method = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!method)
        g_error("the cryptographic library offers no SHA-256");
    return method;
}

static char *hash_end(EVP_MD_CTX *hash)
{
    static const char digits[] = "0123456789abcdef";
    guchar bytes[SHA256_BYTES];
    EVP_DigestFinal_ex(hash, bytes, NULL);
    char *text = g_malloc(2 * SHA256_BYTES + 1);
    for (int i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * SHA256_BYTES] = '\0';
    return text;
}

char *digest_bytes(const void *bytes, gsize size)
{
    EVP_MD *method = method_new();
    EVP_MD_CTX *hash = hash_new(method);
    EVP_DigestUpdate(hash, bytes, size);
    char *text = hash_end(hash);
    EVP_MD_CTX_free(hash);
    EVP_MD_free(method);
    return text;
}

/* Feeds all of fd into the hash. FALSE and errno on failure. */
static gboolean hash_fd(EVP_MD_CTX *hash, int fd, char *buffer, guint64 *size)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return FALSE;
    for (;;) {
        gssize n = read(fd, buffer, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        EVP_DigestUpdate(hash, buffer, (gsize)n);
        *size += (guint64)n;
    }
}

char *digest_fd(int fd, guint64 *size, GError **error)
{
    EVP_MD *method = method_new();
    EVP_MD_CTX *hash = hash_new(method);
    g_autofree char *buffer = g_malloc(CHUNK);
    guint64 n_bytes = 0;
    char *text = NULL;
    if (hash_fd(hash, fd, buffer, &n_bytes))
        text = hash_end(hash);
    else
        fault_errno(error, FAULT_SYSTEM, errno, "cannot read a file to digest");
    if (size)
        *size = n_bytes;
    EVP_MD_CTX_free(hash);
    EVP_MD_free(method);
    return text;
}

gboolean digest_is_valid(const char *text)
{
    return text && strlen(text) == 2 * SHA256_BYTES && strspn(text, "0123456789abcdef") == 2 * SHA256_BYTES;
}

/* --- trees --- */

/* Lines wait until all are known: the order of whole paths ("a", "a.b", "a/b") is not the order of a walk. */
typedef struct Line {
    char *text;
    gsize content_at, path_at; /* where they start in text */
} Line;

typedef struct TreeHash {
    EVP_MD *method;
    EVP_MD_CTX *file; /* used again and again */
    char *buffer;
    GArray *lines; /* of Line */
} TreeHash;

static void line_clear(gpointer line)
{
    g_free(((Line *)line)->text);
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    const Line *x = a, *y = b;
    return strcmp(x->text + x->path_at, y->text + y->path_at);
}

static void add_line(TreeHash *hash, char type, gboolean executable, guint64 size, const char *content,
                     const char *path)
{
    Line line = {.text = g_strdup_printf("%c %c %" G_GUINT64_FORMAT " %s %s", type, executable ? 'x' : '-', size,
                                         content, path)};
    line.path_at = strlen(line.text) - strlen(path);
    line.content_at = line.path_at - 1 - strlen(content);
    g_array_append_val(hash->lines, line);
}

static char *hash_lines(TreeHash *hash)
{
    g_array_sort(hash->lines, compare_lines);
    EVP_DigestInit_ex(hash->file, hash->method, NULL);
    for (guint i = 0; i < hash->lines->len; i++) {
        const char *text = g_array_index(hash->lines, Line, i).text;
        EVP_DigestUpdate(hash->file, text, strlen(text) + 1);
    }
    return hash_end(hash->file);
}

static gboolean add_file(TreeHash *hash, int parent, const char *name, const char *path, GError **error)
{
    fs_fd int fd = fs_open_beneath(parent, name, O_RDONLY | O_NONBLOCK, 0, error);
    if (fd < 0)
        return FALSE;
    struct stat st;
    guint64 size = 0;
    g_autofree char *shown = fs_display(path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fault_set(error, FAULT_ARCHIVE, "'%s' changed while it was read", shown);
    EVP_DigestInit_ex(hash->file, hash->method, NULL);
    if (!hash_fd(hash->file, fd, hash->buffer, &size))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", shown);
    g_autofree char *content = hash_end(hash->file);
    add_line(hash, 'f', (st.st_mode & 0100) != 0, size, content, path);
    return TRUE;
}

static gboolean add_link(TreeHash *hash, int parent, const char *name, const char *path, GError **error)
{
    char target[4097];
    gssize n = readlinkat(parent, name, target, sizeof target - 1);
    if (n < 0) {
        g_autofree char *shown = fs_display(path);
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", shown);
    }
    target[n] = '\0';
    add_line(hash, 'l', FALSE, (guint64)n, target, path);
    return TRUE;
}

static gboolean add_entry(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                          GError **error)
{
    TreeHash *hash = data;
    if (S_ISREG(st->st_mode))
        return add_file(hash, parent, name, path, error);
    if (S_ISLNK(st->st_mode))
        return add_link(hash, parent, name, path, error);
    if (S_ISDIR(st->st_mode)) {
        add_line(hash, 'd', FALSE, 0, "-", path);
        return TRUE;
    }
    g_autofree char *shown = fs_display(path);
    return fault_set(error, FAULT_ARCHIVE, "'%s' is not a file, directory or link", shown);
}

static void tell_lines(const TreeHash *hash, digest_entry_fn tell, gpointer data)
{
    for (guint i = 0; i < hash->lines->len; i++) {
        Line *line = &g_array_index(hash->lines, Line, i);
        line->text[line->path_at - 1] = '\0';
        tell(line->text[0], line->text[2] == 'x', line->text + line->content_at, line->text + line->path_at, data);
    }
}

char *digest_tree(int dirfd, const char *path, GError **error)
{
    return digest_tree_told(dirfd, path, NULL, NULL, error);
}

char *digest_tree_told(int dirfd, const char *path, digest_entry_fn tell, gpointer data, GError **error)
{
    TreeHash hash = {.method = method_new(), .buffer = g_malloc(CHUNK)};
    hash.file = hash_new(hash.method);
    hash.lines = g_array_new(FALSE, FALSE, sizeof(Line));
    g_array_set_clear_func(hash.lines, line_clear);
    char *text = fs_walk(dirfd, path, add_entry, &hash, error) ? hash_lines(&hash) : NULL;
    if (text && tell)
        tell_lines(&hash, tell, data);
    g_array_free(hash.lines, TRUE);
    EVP_MD_CTX_free(hash.file);
    EVP_MD_free(hash.method);
    g_free(hash.buffer);
    return text;
}
