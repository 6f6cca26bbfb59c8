/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a publisher's directory. */
#include "publish/release_index.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INDEX "releases.json"
#define SIGNATURE "releases.json.minisig"
#define NEXT ".releases.json.next" /* a new index whose signature may be in place already */
#define SIGNATURE_MAX (16 * 1024)

void published_index_free(PublishedIndex *published)
{
    if (!published)
        return;
    node_free(published->document);
    release_index_free(published->index);
    g_free(published);
}

/* --- the signature of what stands there --------------------------------------------------------------------- */

static int memory_of(const char *bytes, gsize size, GError **error)
{
    fs_fd int fd = memfd_create("index", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for %s", INDEX);
        return -1;
    }
    return fs_fd_steal(&fd);
}

static gboolean fits(const char *bytes, gsize size, const char *signature, gsize signature_size, const char *app,
                     const MinisignSecret *secret, GError **error)
{
    MinisignPublic key;
    g_autofree char *comment = NULL;
    minisign_secret_public(secret, &key);
    fs_fd int fd = memory_of(bytes, size, error);
    const char *const pairs[] = {"app", app, "index", NULL, NULL};
    return fd >= 0 && minisign_verify(&key, fd, INDEX, signature, signature_size, &comment, error) &&
           minisign_comment_check(comment, INDEX, pairs, NULL, error);
}

/* FALSE without error: there is no such file. */
static gboolean read_maybe(int dir, const char *name, gsize limit, char **bytes, gsize *size, GError **error)
{
    g_autoptr(GError) local = NULL;
    *bytes = fs_read(dir, name, limit, size, &local);
    if (!*bytes && !g_error_matches(local, FAULT, FAULT_ABSENT))
        g_propagate_error(error, g_steal_pointer(&local));
    return *bytes != NULL;
}

/* A run was killed after it had replaced the signature: the index that it signed waits under its other name. */
static gboolean finish(int dir, const char *app, const MinisignSecret *secret, const char *signature,
                       gsize signature_size, char **bytes, gsize *size)
{
    g_autofree char *next = NULL;
    gsize next_size;
    if (!read_maybe(dir, NEXT, DOCUMENT_MAX_BYTES, &next, &next_size, NULL) ||
        !fits(next, next_size, signature, signature_size, app, secret, NULL) || !fs_rename(dir, NEXT, dir, INDEX, NULL))
        return FALSE;
    g_free(*bytes);
    *bytes = g_steal_pointer(&next);
    *size = next_size;
    return TRUE;
}

/* What we sign we must have signed before: whoever can write into the directory shall not have it signed by us. */
static gboolean check_signed(int dir, const char *app, const MinisignSecret *secret, char **bytes, gsize *size,
                             GError **error)
{
    g_autofree char *signature = NULL;
    g_autoptr(GError) local = NULL;
    gsize signature_size;
    gboolean is_signed = read_maybe(dir, SIGNATURE, SIGNATURE_MAX, &signature, &signature_size, &local);
    if (local)
        return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
    if (!*bytes && !is_signed)
        return TRUE;
    if (!secret)
        return !is_signed ||
               fault_set(error, FAULT_USAGE, "%s is signed: hosts that trust its key would refuse one that is not",
                         INDEX) ||
               fault_hint(error, "name the key that signed it");
    if (!is_signed)
        return fault_set(error, FAULT_VERIFY, "%s is not signed: somebody may have changed it", INDEX) ||
               fault_hint(error,
                          "if it is yours, sign it once: minisign -SHm %s -t 'app=%s index=N' with the number N that "
                          "stands in it",
                          INDEX, app);
    if (*bytes && fits(*bytes, *size, signature, signature_size, app, secret, &local))
        return TRUE;
    if (finish(dir, app, secret, signature, signature_size, bytes, size))
        return TRUE;
    if (!local)
        return fault_set(error, FAULT_VERIFY, "%s is missing beside its signature", INDEX) ||
               fault_hint(error, "restore it, or remove %s to begin anew", SIGNATURE);
    return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
}

/* --- reading and editing ------------------------------------------------------------------------------------ */

static gboolean parse(PublishedIndex *published, const char *bytes, gsize size, GError **error)
{
    Node *read = document_parse(DOCUMENT_JSON, bytes, size, INDEX, FAULT_SOURCE, error);
    published->index = read ? release_index_read(read, INDEX, error) : NULL;
    if (!published->index)
        return FALSE;
    published->document = document_parse(DOCUMENT_JSON, bytes, size, INDEX, FAULT_SOURCE, error);
    return published->document != NULL;
}

PublishedIndex *published_index_open(int out_dirfd, const char *app, const MinisignSecret *secret, GError **error)
{
    g_autoptr(PublishedIndex) published = g_new0(PublishedIndex, 1);
    g_autoptr(GError) local = NULL;
    g_autofree char *bytes = NULL;
    gsize size = 0;
    read_maybe(out_dirfd, INDEX, DOCUMENT_MAX_BYTES, &bytes, &size, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!check_signed(out_dirfd, app, secret, &bytes, &size, error))
        return NULL;
    if (bytes && !parse(published, bytes, size, error))
        return NULL;
    if (published->index && g_strcmp0(published->index->app, app) != 0) {
        fault_set(error, FAULT_USAGE, "%s lists releases of '%s', not of '%s'", INDEX,
                  published->index->app ? published->index->app : "", app);
        fault_hint(error, "each app needs a directory of its own");
        return NULL;
    }
    if (!published->document) {
        published->document = node_new_map();
        node_set_text(published->document, "app", app);
        node_set_int(published->document, "index", 0);
        node_set(published->document, "channels", node_new_map());
        node_set(published->document, "releases", node_new_list());
    }
    return g_steal_pointer(&published);
}

Node *published_index_release(const PublishedIndex *published, const char *version)
{
    const Release *release = published->index ? release_index_find(published->index, version) : NULL;
    const Node *list = node_get(published->document, "releases");
    for (guint i = 0; release && i < list->items->len; i++)
        if (strcmp(node_get_text(list->items->pdata[i], "version", ""), release->version) == 0)
            return list->items->pdata[i];
    return NULL;
}

void published_index_add(PublishedIndex *published, Node *release)
{
    const Node *list = node_get(published->document, "releases");
    g_ptr_array_insert(list->items, 0, release);
}

/* --- replacing ---------------------------------------------------------------------------------------------- */

gboolean published_sign(int out_dirfd, const char *name, int fd, const MinisignSecret *secret, const char *comment,
                        GError **error)
{
    g_autofree char *text = minisign_sign(secret, fd, comment, NULL, error);
    g_autofree char *file = g_strconcat(name, ".minisig", NULL);
    return text && fs_write_atomic(out_dirfd, file, text, strlen(text), 0644, error);
}

static char *document_text(const PublishedIndex *published)
{
    g_autofree char *json = node_to_json(published->document, 2);
    return g_strconcat(json, "\n", NULL);
}

gboolean published_index_number(PublishedIndex *published, gint64 *number, GError **error)
{
    *number = node_get_int(published->document, "index", 0) + 1;
    node_set_int(published->document, "index", *number);
    g_autofree char *text = document_text(published);
    Node *document = document_parse(DOCUMENT_JSON, text, strlen(text), INDEX, FAULT_USAGE, error);
    g_autoptr(ReleaseIndex) index = document ? release_index_read(document, INDEX, error) : NULL;
    return index != NULL;
}

gboolean published_index_replace(const PublishedIndex *published, int out_dirfd, const MinisignSecret *secret,
                                 GError **error)
{
    g_autofree char *text = document_text(published);
    gsize size = strlen(text);
    if (!secret)
        return fs_write_atomic(out_dirfd, INDEX, text, size, 0644, error);
    const char *app = node_get_text(published->document, "app", "");
    gint64 number = node_get_int(published->document, "index", 0);
    g_autofree char *comment = g_strdup_printf("app=%s index=%" G_GINT64_FORMAT, app, number);
    fs_fd int fd = memory_of(text, size, error);
    return fd >= 0 && fs_write_atomic(out_dirfd, NEXT, text, size, 0644, error) &&
           published_sign(out_dirfd, INDEX, fd, secret, comment, error) &&
           fs_rename(out_dirfd, NEXT, out_dirfd, INDEX, error);
}
