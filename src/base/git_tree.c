/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of git: for each entry, in git's order, "MODE NAME\0" and the binary name of a blob or tree; its digest with
 * "tree SIZE\0" before it is the name of the tree. Directories without files do not exist.
 */
#include "base/git_tree.h"

#include "base/archive.h"
#include "base/fault.h"

#include <openssl/evp.h>
#include <string.h>

#define MODE_TREE "40000"
#define MODE_FILE "100644"
#define MODE_PROGRAM "100755"
#define MODE_LINK "120000"

typedef struct Entry {
    char *name;
    const char *mode;
    guint8 id[EVP_MAX_MD_SIZE];
    GPtrArray *entries; /* of a tree */
    GHashTable *trees;  /* name -> Entry, borrowed, of a tree */
} Entry;

static void entry_free(Entry *entry)
{
    g_free(entry->name);
    g_clear_pointer(&entry->entries, g_ptr_array_unref);
    g_clear_pointer(&entry->trees, g_hash_table_unref);
    g_free(entry);
}

static Entry *entry_new(const char *name, const char *mode)
{
    Entry *entry = g_new0(Entry, 1);
    entry->name = g_strdup(name);
    entry->mode = mode;
    if (strcmp(mode, MODE_TREE) == 0) {
        entry->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
        entry->trees = g_hash_table_new(g_str_hash, g_str_equal);
    }
    return entry;
}

typedef struct Build {
    Entry *root;
    const EVP_MD *method;
    const char *name;
} Build;

/* The tree of a path's directory; *last points at the path's last part. */
static Entry *tree_of(Build *build, const char *path, const char **last)
{
    Entry *tree = build->root;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        g_autofree char *part = g_strndup(path, (gsize)(slash - path));
        Entry *next = g_hash_table_lookup(tree->trees, part);
        if (!next) {
            next = entry_new(part, MODE_TREE);
            g_ptr_array_add(tree->entries, next);
            g_hash_table_insert(tree->trees, next->name, next);
        }
        tree = next;
    }
    *last = path;
    return tree;
}

static EVP_MD_CTX *hash_begin(const Build *build, const char *type, guint64 size)
{
    g_autofree char *head = g_strdup_printf("%s %" G_GUINT64_FORMAT, type, size);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, build->method, NULL) != 1)
        g_error("no digests");
    EVP_DigestUpdate(hash, head, strlen(head) + 1);
    return hash;
}

static void hash_end(EVP_MD_CTX *hash, Entry *entry)
{
    EVP_DigestFinal_ex(hash, entry->id, NULL);
    EVP_MD_CTX_free(hash);
}

static gboolean take_entry(const TarEntry *from, const char *path, TarReader *tar, gpointer data, GError **error)
{
    Build *build = data;
    const char *name, *mode = from->kind == TAR_SYMLINK ? MODE_LINK : from->mode & 0100 ? MODE_PROGRAM : MODE_FILE;
    if (from->kind == TAR_DIRECTORY)
        return TRUE;
    if (from->kind == TAR_HARDLINK)
        return fault_set(error, FAULT_ARCHIVE, "%s: a hard link, which git does not know", build->name);
    Entry *tree = tree_of(build, path, &name);
    Entry *entry = entry_new(name, mode);
    g_ptr_array_add(tree->entries, entry);
    EVP_MD_CTX *hash = hash_begin(build, "blob", from->kind == TAR_SYMLINK ? strlen(from->link) : from->size);
    const char *bytes = from->link;
    gssize n = from->kind == TAR_SYMLINK ? (gssize)strlen(from->link) : 0;
    if (from->kind == TAR_SYMLINK)
        EVP_DigestUpdate(hash, bytes, (gsize)n);
    else
        while ((n = tar_content(tar, &bytes, error)) > 0)
            EVP_DigestUpdate(hash, bytes, (gsize)n);
    hash_end(hash, entry);
    return n >= 0;
}

/* Bytewise, a tree as if "/" stood behind its name. */
static int compare_entries(gconstpointer a, gconstpointer b)
{
    const Entry *one = *(const Entry *const *)a, *two = *(const Entry *const *)b;
    gsize size_one = strlen(one->name), size_two = strlen(two->name), size = MIN(size_one, size_two);
    int order = memcmp(one->name, two->name, size);
    if (order != 0)
        return order;
    guchar end_one = size_one > size ? (guchar)one->name[size] : one->entries ? '/' : 0;
    guchar end_two = size_two > size ? (guchar)two->name[size] : two->entries ? '/' : 0;
    return (int)end_one - (int)end_two;
}

/* As deep as the archive's rules let paths be. */
static void name_tree(const Build *build, Entry *tree) // NOLINT(misc-no-recursion)
{
    gsize id_size = (gsize)EVP_MD_get_size(build->method);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_ptr_array_sort(tree->entries, compare_entries);
    for (guint i = 0; i < tree->entries->len; i++) {
        Entry *entry = tree->entries->pdata[i];
        if (entry->entries)
            name_tree(build, entry);
        g_byte_array_append(bytes, (const guint8 *)entry->mode, (guint)strlen(entry->mode));
        g_byte_array_append(bytes, (const guint8 *)" ", 1);
        g_byte_array_append(bytes, (const guint8 *)entry->name, (guint)strlen(entry->name) + 1);
        g_byte_array_append(bytes, entry->id, (guint)id_size);
    }
    EVP_MD_CTX *hash = hash_begin(build, "tree", bytes->len);
    EVP_DigestUpdate(hash, bytes->data, bytes->len);
    hash_end(hash, tree);
}

char *git_tree_name(int archive_fd, const char *name, gboolean wide, GError **error)
{
    Build build = {.root = entry_new("", MODE_TREE), .method = wide ? EVP_sha256() : EVP_sha1(), .name = name};
    GString *text = NULL;
    if (archive_walk(archive_fd, name, take_entry, &build, error)) {
        name_tree(&build, build.root);
        text = g_string_new(NULL);
        for (int i = 0; i < EVP_MD_get_size(build.method); i++)
            g_string_append_printf(text, "%02x", build.root->id[i]);
    }
    entry_free(build.root);
    return text ? g_string_free(text, FALSE) : NULL;
}
