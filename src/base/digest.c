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

enum { SHA256_BYTES = 32, CHUNK = 128 * 1024, N_THREADS = 2 };

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

struct Digester {
    EVP_MD *method;
    EVP_MD_CTX *hash;
};

Digester *digester_new(void)
{
    Digester *digester = g_new0(Digester, 1);
    digester->method = method_new();
    digester->hash = hash_new(digester->method);
    return digester;
}

void digester_add(Digester *digester, const void *bytes, gsize size)
{
    EVP_DigestUpdate(digester->hash, bytes, size);
}

char *digester_end(Digester *digester)
{
    char *text = hash_end(digester->hash);
    EVP_DigestInit_ex(digester->hash, digester->method, NULL);
    return text;
}

void digester_free(Digester *digester)
{
    EVP_MD_CTX_free(digester->hash);
    EVP_MD_free(digester->method);
    g_free(digester);
}

char *digest_bytes(const void *bytes, gsize size)
{
    g_autoptr(Digester) digester = digester_new();
    digester_add(digester, bytes, size);
    return hash_end(digester->hash);
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

/* Entries wait until all are known: the order of whole paths ("a", "a.b", "a/b") is not the order of a walk. Then the
 * files among them are read, by several threads where that pays. */
typedef struct Entry {
    char type;
    gboolean executable;
    guint64 size;
    char *path, *content;
} Entry;

typedef struct TreeHash {
    int top;
    EVP_MD *method;
    digest_known_fn known;
    gpointer data;
    GArray *entries; /* of Entry */
    guint next;      /* entry that no thread has taken yet */
    gboolean failed;
    GMutex lock; /* guards next, failed and *error */
    GError **error;
} TreeHash;

static void entry_clear(gpointer entry)
{
    g_free(((Entry *)entry)->path);
    g_free(((Entry *)entry)->content);
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Entry *)a)->path, ((const Entry *)b)->path);
}

static gboolean read_entry(TreeHash *hash, EVP_MD_CTX *digest, char *buffer, Entry *entry, GError **error)
{
    fs_fd int fd = fs_open_beneath(hash->top, entry->path, O_RDONLY | O_NONBLOCK, 0, error);
    if (fd < 0)
        return FALSE;
    struct stat st;
    g_autofree char *shown = fs_display(entry->path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fault_set(error, FAULT_ARCHIVE, "'%s' changed while it was read", shown);
    entry->executable = (st.st_mode & 0100) != 0;
    EVP_DigestInit_ex(digest, hash->method, NULL);
    if (!hash_fd(digest, fd, buffer, &entry->size))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", shown);
    entry->content = hash_end(digest);
    return TRUE;
}

static Entry *take_file(TreeHash *hash)
{
    Entry *entry = NULL;
    g_mutex_lock(&hash->lock);
    while (!hash->failed && !entry && hash->next < hash->entries->len) {
        Entry *next = &g_array_index(hash->entries, Entry, hash->next++);
        entry = next->type == 'f' && !next->content ? next : NULL;
    }
    g_mutex_unlock(&hash->lock);
    return entry;
}

static gpointer read_files(gpointer data)
{
    TreeHash *hash = data;
    EVP_MD_CTX *digest = hash_new(hash->method);
    g_autofree char *buffer = g_malloc(CHUNK);
    Entry *entry;
    while ((entry = take_file(hash))) {
        g_autoptr(GError) error = NULL;
        if (read_entry(hash, digest, buffer, entry, &error))
            continue;
        g_mutex_lock(&hash->lock);
        if (!hash->failed)
            g_propagate_error(hash->error, g_steal_pointer(&error));
        hash->failed = TRUE;
        g_mutex_unlock(&hash->lock);
    }
    EVP_MD_CTX_free(digest);
    return NULL;
}

static gboolean read_all(TreeHash *hash, guint n_threads)
{
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    for (guint i = 1; i < n_threads; i++) {
        GThread *thread = g_thread_try_new("digest", read_files, hash, NULL);
        if (thread)
            g_ptr_array_add(threads, thread);
    }
    read_files(hash);
    for (guint i = 0; i < threads->len; i++)
        g_thread_join(threads->pdata[i]);
    return !hash->failed;
}

static gboolean note_entry(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                           GError **error)
{
    TreeHash *hash = data;
    g_autofree char *shown = fs_display(path);
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
        return fault_set(error, FAULT_ARCHIVE, "'%s' is not a file, directory or link", shown);
    g_array_set_size(hash->entries, hash->entries->len + 1);
    Entry *entry = &g_array_index(hash->entries, Entry, hash->entries->len - 1);
    entry->type = S_ISREG(st->st_mode) ? 'f' : S_ISDIR(st->st_mode) ? 'd' : 'l';
    entry->path = g_strdup(path);
    if (entry->type == 'f') {
        entry->content = g_strdup(hash->known ? hash->known(path, st, hash->data) : NULL);
        entry->executable = (st->st_mode & 0100) != 0;
        entry->size = entry->content ? (guint64)st->st_size : 0;
    } else if (entry->type == 'l') {
        char target[4097];
        gssize n = readlinkat(parent, name, target, sizeof target - 1);
        if (n < 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", shown);
        entry->content = g_strndup(target, (gsize)n);
        entry->size = (guint64)n;
    } else if (entry->type == 'd') {
        entry->content = g_strdup("-");
    }
    return TRUE;
}

static char *entries_text(const GArray *entries, gsize *size)
{
    GString *text = g_string_sized_new(entries->len * 128u);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        g_string_append_printf(text, "%c %c %" G_GUINT64_FORMAT " ", entry->type, entry->executable ? 'x' : '-',
                               entry->size);
        g_string_append(text, entry->content);
        g_string_append_c(text, ' ');
        g_string_append_len(text, entry->path, (gssize)strlen(entry->path) + 1);
    }
    *size = text->len;
    return g_string_free(text, FALSE);
}

/* All entries in order, with what the files hold. NULL on failure. */
static GArray *tree_entries(int dirfd, const char *path, guint n_threads, digest_known_fn known, gpointer data,
                            GError **error)
{
    TreeHash hash = {.known = known, .data = data, .error = error};
    hash.top = fs_open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, 0, error);
    if (hash.top < 0)
        return NULL;
    hash.method = method_new();
    hash.entries = g_array_new(FALSE, TRUE, sizeof(Entry));
    g_array_set_clear_func(hash.entries, entry_clear);
    g_mutex_init(&hash.lock);
    gboolean good = fs_walk(dirfd, path, note_entry, &hash, error);
    if (good) {
        g_array_sort(hash.entries, compare_entries);
        good = read_all(&hash, n_threads);
    }
    if (!good)
        g_clear_pointer(&hash.entries, g_array_unref);
    g_mutex_clear(&hash.lock);
    EVP_MD_free(hash.method);
    fs_fd_clear(&hash.top);
    return hash.entries;
}

char *digest_tree_text_known(int dirfd, const char *path, guint n_threads, digest_known_fn known, gpointer data,
                             gsize *size, GError **error)
{
    g_autoptr(GArray) entries = tree_entries(dirfd, path, n_threads, known, data, error);
    return entries ? entries_text(entries, size) : NULL;
}

char *digest_tree_text(int dirfd, const char *path, guint n_threads, gsize *size, GError **error)
{
    return digest_tree_text_known(dirfd, path, n_threads, NULL, NULL, size, error);
}

char *digest_tree_told(int dirfd, const char *path, digest_entry_fn tell, gpointer data, GError **error)
{
    gsize size = 0;
    g_autoptr(GArray) entries = tree_entries(dirfd, path, N_THREADS, NULL, NULL, error);
    if (!entries)
        return NULL;
    for (guint i = 0; tell && i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        tell(entry->type, entry->executable, entry->content, entry->path, data);
    }
    g_autofree char *text = entries_text(entries, &size);
    return digest_bytes(text, size);
}

char *digest_tree(int dirfd, const char *path, GError **error)
{
    return digest_tree_told(dirfd, path, NULL, NULL, error);
}
