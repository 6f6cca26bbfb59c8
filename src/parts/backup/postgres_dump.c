/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps of a database: a file of root's, and beside it what the database held at that moment. */
#include "base/fault.h"
#include "base/fs.h"
#include "parts/backup/dump.h"
#include "parts/backup/postgres_find.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CONTENTS_LIMIT_BYTES (8 * 1024 * 1024)

static char *contents_name(const DataSet *set)
{
    return g_strconcat(set->name, ".contents", NULL);
}

/* --- dumping --- */

static gboolean contents_write(int directory, const DataSet *set, const Node *look, const Node *dumped, GError **error)
{
    g_autoptr(Node) contents = node_new_map();
    g_autofree char *name = contents_name(set);
    node_set_text(contents, "version", node_get_text(look, "version", ""));
    node_set_text(contents, "catalogue", node_get_text(dumped, "catalogue", ""));
    Node *tables = node_new_map();
    node_set(contents, "tables", tables);
    const Node *counted = node_get(dumped, "tables");
    for (guint i = 0; counted && i < counted->items->len; i++) {
        const Entry *entry = g_ptr_array_index(counted->items, i);
        node_set_text(tables, entry->key, entry->value->text);
    }
    g_autofree char *records = node_to_records(contents);
    return fs_write_atomic(directory, name, records, strlen(records), 0600, error);
}

/* The file is root's, in a directory of root's: who dumps only gets the descriptor. */
static Node *write_dump(const PartContext *context, const DataSet *set, int directory, GError **error)
{
    fs_fd int fd = fs_open_beneath(directory, set->name, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
    if (fd < 0)
        return NULL;
    const PostgresWish wish = {.actor = POSTGRES_AS_APP, .operation = "dump", .file_fd = fd};
    g_autoptr(Node) answer = part_postgres(context, set, &wish, error);
    if (!answer)
        return NULL;
    if (fsync(fd) < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot sync a dump");
        return NULL;
    }
    return g_steal_pointer(&answer);
}

gboolean postgres_dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    g_autofree char *contents = contents_name(set);
    fs_fd int fd = fs_open_dir(directory, error);
    if (fd < 0 || !fs_remove_tree(fd, set->name, error) || !fs_remove_tree(fd, contents, error))
        return FALSE;
    g_autoptr(Node) look = postgres_do(context, set, POSTGRES_AS_APP, "look", NULL, NULL, error);
    g_autoptr(Node) dumped = look ? write_dump(context, set, fd, error) : NULL;
    return dumped && contents_write(fd, set, look, dumped, error) && dump_note(fd, set->name, error);
}

/* --- reading it again --- */

/* Opens a dump that is what was written; *contents gets what it must hold. */
static int open_dump(const DataSet *set, const char *directory, Node **contents, GError **error)
{
    gboolean absent;
    gsize size;
    g_autofree char *name = contents_name(set);
    fs_fd int dir = fs_open_dir(directory, error);
    if (dir < 0 || !dump_check(dir, set->name, &absent, error))
        return -1;
    g_autofree char *records = fs_read(dir, name, CONTENTS_LIMIT_BYTES, &size, error);
    g_autoptr(Node) node = records ? node_from_records(records, size, error) : NULL;
    fs_fd int fd = node ? fs_open_beneath(dir, set->name, O_RDONLY, 0, error) : -1;
    if (fd < 0)
        return -1;
    *contents = g_steal_pointer(&node);
    return fs_fd_steal(&fd);
}

static gboolean same_tables(const Node *wanted, const Node *found, GError **error)
{
    for (guint i = 0; wanted && i < wanted->items->len; i++) {
        const Entry *entry = g_ptr_array_index(wanted->items, i);
        const char *rows = node_get_text(found, entry->key, "none");
        if (strcmp(rows, entry->value->text) != 0) {
            g_autofree char *shown = part_printable(entry->key);
            return fault_set(error, FAULT_BACKUP, "the dump gives back %s rows of %s, and %s were dumped", rows, shown,
                             entry->value->text);
        }
    }
    return TRUE;
}

static gboolean same(const Node *wanted, const Node *found, GError **error)
{
    if (!same_tables(node_get(wanted, "tables"), node_get(found, "tables"), error))
        return FALSE;
    return strcmp(node_get_text(wanted, "catalogue", ""), node_get_text(found, "catalogue", "-")) == 0 ||
           fault_set(error, FAULT_BACKUP, "the dump gives back another schema than was dumped");
}

static Node *ask_about(const PartContext *context, const DataSet *set, PostgresActor actor, const char *operation,
                       const char *name, const char *into, int fd, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "database", name);
    node_set_text(request, "into", into);
    const PostgresWish wish = {.actor = actor, .operation = operation, .request = request, .file_fd = fd};
    return part_postgres(context, set, &wish, error);
}

gboolean postgres_fill(const PartContext *context, const DataSet *set, const char *directory, const char *name,
                       const char *into, gint64 *oid, GError **error)
{
    g_autoptr(Node) contents = NULL;
    fs_fd int fd = open_dump(set, directory, &contents, error);
    if (fd < 0)
        return FALSE;
    g_autoptr(Node) made = ask_about(context, set, POSTGRES_AS_ADMIN, "make", name, into, -1, error);
    g_autoptr(Node) filled = made ? ask_about(context, set, POSTGRES_AS_APP, "fill", name, into, fd, error) : NULL;
    if (!filled || !same(contents, filled, error))
        return FALSE;
    g_autoptr(Node) finished = ask_about(context, set, POSTGRES_AS_ADMIN, "finish", name, into, -1, error);
    *oid = g_ascii_strtoll(node_get_text(finished, "oid", "0"), NULL, 10);
    return finished != NULL;
}

/* --- verifying --- */

static gboolean read_through(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    g_autoptr(Node) contents = NULL;
    fs_fd int fd = open_dump(set, directory, &contents, error);
    if (fd < 0)
        return FALSE;
    Node *request = node_new_map();
    node_set_int(request, "major", g_ascii_strtoll(node_get_text(contents, "version", "0"), NULL, 10) / 10000);
    const PostgresWish wish = {.actor = POSTGRES_AS_APP, .operation = "verify", .request = request, .file_fd = fd};
    g_autoptr(Node) answer = part_postgres(context, set, &wish, error);
    return answer != NULL;
}

static gboolean drop(const PartContext *context, const DataSet *set, const char *name, GError **error)
{
    Node *request = node_new_map(), *names = node_new_list();
    node_append(names, node_new_scalar(SCALAR_STRING, name));
    node_set(request, "names", names);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "drop", NULL, request, error);
    return answer != NULL;
}

/* Only a restore proves a dump. Nobody waits for this one, so that it may take its time. */
static gboolean try_out(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    PostgresFound found = {0};
    gint64 oid;
    if (!postgres_find(context, set, &found, error))
        return FALSE;
    g_autofree char *job = g_path_get_basename(directory);
    g_autofree char *into = postgres_beside(found.name, "verify", job);
    gboolean good = postgres_fill(context, set, directory, found.name, into, &oid, error);
    if (!drop(context, set, into, good ? error : NULL))
        good = FALSE;
    postgres_found_clear(&found);
    return good;
}

gboolean postgres_verify(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return read_through(context, set, directory, error) &&
           (context->job != NULL || try_out(context, set, directory, error));
}
