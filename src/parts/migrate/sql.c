/* SPDX-License-Identifier: Apache-2.0 */
/* Which SQL files there are, which of them are due, and their turn. */
#include "parts/migrate/sql.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/sql.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DOWN_SUFFIX ".down.sql"

enum { ASK_MS = 60000, LOCK_MS = 30000, NAME_ROOM = 200 };

const char *const sql_state_names[] = {"pending", "applied", "edited", "gone", NULL};

const DataSet *sql_data_set(const Manifest *manifest)
{
    return manifest->sql.path ? manifest_database(manifest, manifest->sql.database) : NULL;
}

char *sql_remark(const SqlMigration *migration)
{
    static const char *const remarks[] = {[SQL_EDITED] = "was edited after it was applied; it is not run again",
                                          [SQL_GONE] = "was applied once, and is not in this release"};
    if (migration->state != SQL_EDITED && migration->state != SQL_GONE)
        return NULL;
    return g_strdup_printf("%s %s", migration->name, remarks[migration->state]);
}

/* --- files --- */

static void migration_free(gpointer data)
{
    SqlMigration *migration = data;
    g_free(migration->name);
    g_free(migration->checksum);
    g_free(migration->version);
    g_free(migration->at);
    g_free(migration);
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const SqlMigration *const *)a)->name, (*(const SqlMigration *const *)b)->name);
}

static int text_order(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of what matches in a folder, in bytewise order, without those that take another back. Takes fd. */
static GPtrArray *names_in(int fd, const char *pattern, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot read the folder of the migrations");
        close(fd);
        return NULL;
    }
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (fnmatch(pattern, entry->d_name, FNM_PERIOD) == 0 && !g_str_has_suffix(entry->d_name, DOWN_SUFFIX))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(dir);
    g_ptr_array_sort(names, text_order);
    return g_steal_pointer(&names);
}

/* What the names say in messages and in the table. */
static gboolean name_is_plain(const char *name)
{
    g_autofree char *shown = part_printable(name);
    return strlen(name) <= NAME_ROOM && strcmp(shown, name) == 0;
}

typedef struct Bundle {
    GPtrArray *files; /* SqlMigration */
    Node *request;    /* the list of them */
    int fd;           /* their bytes, one behind the other */
    gint64 size;
} Bundle;

static void bundle_clear(Bundle *bundle)
{
    g_clear_pointer(&bundle->files, g_ptr_array_unref);
    g_clear_pointer(&bundle->request, node_free);
    fs_fd_clear(&bundle->fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bundle, bundle_clear)

/* `undoes`: the migration that the file takes back, or NULL. */
static gboolean bundle_add(Bundle *bundle, int folder, const char *name, const char *undoes, GError **error)
{
    gsize size;
    if (!name_is_plain(name)) {
        g_autofree char *shown = fs_display(name);
        return fault_set(error, FAULT_MIGRATE, "'%s' is no name for a migration", shown);
    }
    g_autofree char *bytes = fs_read(folder, name, SQL_FILE_MAX_BYTES, &size, error);
    if (!bytes) {
        if (error && *error)
            (*error)->code = FAULT_MIGRATE; /* a link, a folder, or too large: the release's doing */
        return FALSE;
    }
    if (!fs_write_all(bundle->fd, bytes, size))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over %s", name);
    SqlMigration *migration = g_new0(SqlMigration, 1);
    migration->name = g_strdup(name);
    migration->checksum = digest_bytes(bytes, size);
    g_ptr_array_add(bundle->files, migration);
    Node *row = node_new_map();
    node_set_text(row, "name", name);
    node_set_text(row, "checksum", migration->checksum);
    node_set_text(row, "undoes", undoes);
    node_set_int(row, "offset", bundle->size);
    node_set_int(row, "size", (gint64)size);
    node_append(bundle->request, row);
    bundle->size += (gint64)size;
    return TRUE;
}

/* The folder of the migrations in a release's tree; -1 and an error. */
static int folder_open(const char *directory, const char *path, GError **error)
{
    g_autofree char *above = g_path_get_dirname(path);
    fs_fd int tree = fs_open_dir(directory, error);
    if (tree < 0)
        return -1;
    if (strcmp(above, ".") != 0 && !fs_exists(tree, above)) {
        fault_set(error, FAULT_MIGRATE, "the release has no folder '%s', where its migrations should be", above);
        fault_hint(error, "'sql' in its manifest names it");
        return -1;
    }
    return fs_open_beneath(tree, above, O_RDONLY | O_DIRECTORY, 0, error);
}

static GPtrArray *names_beneath(const char *directory, const char *path, GError **error)
{
    g_autofree char *pattern = g_path_get_basename(path);
    int folder = folder_open(directory, path, error);
    return folder < 0 ? NULL : names_in(folder, pattern, error);
}

static gboolean bundle_fill(Bundle *bundle, const char *directory, const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = names_beneath(directory, path, error);
    fs_fd int folder = names ? folder_open(directory, path, error) : -1;
    if (folder < 0)
        return FALSE;
    if (names->len > SQL_FILES_MAX)
        return fault_set(error, FAULT_MIGRATE, "'%s' matches more than %d migrations", path, SQL_FILES_MAX);
    for (guint i = 0; i < names->len; i++)
        if (!bundle_add(bundle, folder, names->pdata[i], NULL, error))
            return FALSE;
    return TRUE;
}

static gboolean bundle_make(Bundle *bundle, GError **error)
{
    bundle->files = g_ptr_array_new_with_free_func(migration_free);
    bundle->request = node_new_list();
    bundle->fd = memfd_create("migrations", MFD_CLOEXEC);
    return bundle->fd >= 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over migrations");
}

/* --- asking --- */

static SqlMigration *find(const GPtrArray *files, const char *name)
{
    for (guint i = 0; i < files->len; i++)
        if (strcmp(((const SqlMigration *)files->pdata[i])->name, name) == 0)
            return files->pdata[i];
    return NULL;
}

static void set_text(char **slot, const char *text)
{
    g_free(*slot);
    *slot = text ? part_printable(text) : NULL;
}

static void take_row(GPtrArray *files, const Node *row)
{
    const char *name = node_get_text(row, "name", ""), *checksum = node_get_text(row, "checksum", "");
    SqlMigration *migration = find(files, name);
    if (!migration) {
        migration = g_new0(SqlMigration, 1);
        *migration =
            (SqlMigration){.name = part_printable(name), .checksum = part_printable(checksum), .state = SQL_GONE};
        g_ptr_array_add(files, migration);
    } else {
        migration->state = strcmp(checksum, migration->checksum) == 0 ? SQL_APPLIED : SQL_EDITED;
    }
    set_text(&migration->version, node_get_text(row, "version", NULL));
    set_text(&migration->at, node_get_text(row, "at", NULL));
}

static void take_answer(GPtrArray *files, const Node *answer, const char *version)
{
    const Node *rows = node_get(answer, "rows"), *ran = node_get(answer, "ran");
    for (guint i = 0; rows && rows->kind == NODE_LIST && i < rows->items->len; i++)
        take_row(files, rows->items->pdata[i]);
    for (guint i = 0; ran && ran->kind == NODE_LIST && i < ran->items->len; i++) {
        const Node *name = ran->items->pdata[i];
        SqlMigration *migration = name->kind == NODE_SCALAR ? find(files, name->text) : NULL;
        if (!migration)
            continue;
        migration->state = SQL_APPLIED;
        set_text(&migration->version, version);
    }
    g_ptr_array_sort(files, by_name);
}

/* Of whoever runs migrations of this table; the lock is one of the database's own. */
static char *lock_key(const char *table)
{
    g_autofree char *text = g_strconcat("liftlock migrations ", table, NULL);
    g_autofree char *digest = digest_bytes(text, strlen(text));
    digest[15] = '\0'; /* 60 bits: no sign to think of */
    return g_strdup_printf("%" G_GUINT64_FORMAT, g_ascii_strtoull(digest, NULL, 16));
}

/* Takes the bundle's request. The answer is the caller's. */
static Node *bundle_send(Bundle *bundle, const SqlAccess *access, const Manifest *manifest, gboolean apply,
                         GError **error)
{
    g_autofree char *lock = lock_key(manifest->sql.table);
    Node *request = node_new_map();
    node_set_text(request, "table", manifest->sql.table);
    node_set_text(request, "version", manifest->version);
    node_set_text(request, "lock", lock);
    node_set_int(request, "lock_ms", LOCK_MS);
    node_set_int(request, "each_ms", manifest->migrate_timeout_ms);
    node_set_bool(request, "apply", apply);
    node_set(request, "files", g_steal_pointer(&bundle->request));
    /* Each has its own limit, kept by who runs it, who also tells the server; this is for one that does neither. */
    gint64 most_ms = ASK_MS + (apply ? (gint64)bundle->files->len * (manifest->migrate_timeout_ms + ASK_MS) : 0);
    return sql_ask(access, "migrate", request, bundle->fd, most_ms, error);
}

static GPtrArray *ask(const SqlAccess *access, const Manifest *manifest, const char *directory, gboolean apply,
                      GError **error)
{
    g_auto(Bundle) bundle = {.fd = -1};
    if (!bundle_make(&bundle, error) ||
        (manifest->sql.path && !bundle_fill(&bundle, directory, manifest->sql.path, error)))
        return NULL;
    g_autoptr(Node) answer = bundle_send(&bundle, access, manifest, apply, error);
    if (!answer)
        return NULL;
    take_answer(bundle.files, answer, manifest->version);
    return g_steal_pointer(&bundle.files);
}

GPtrArray *sql_look(const SqlAccess *access, const Manifest *manifest, const char *directory, GError **error)
{
    return ask(access, manifest, directory, FALSE, error);
}

GPtrArray *sql_run(const SqlAccess *access, const Manifest *manifest, const char *directory, GError **error)
{
    return ask(access, manifest, directory, TRUE, error);
}

gboolean sql_knows_all(const SqlAccess *access, const char *table, const Manifest *older, const char *directory)
{
    Manifest asked = *older;
    asked.sql.table = (char *)table;
    g_autoptr(GPtrArray) files = ask(access, &asked, directory, FALSE, NULL);
    for (guint i = 0; files && i < files->len; i++)
        if (((const SqlMigration *)files->pdata[i])->state == SQL_GONE)
            return FALSE;
    return files != NULL;
}

/* --- the way down --- */

static char *down_name(const char *name)
{
    gsize stem = strlen(name) - (g_str_has_suffix(name, ".sql") ? strlen(".sql") : 0);
    return g_strdup_printf("%.*s" DOWN_SUFFIX, (int)stem, name);
}

static gboolean contains(const GPtrArray *names, const char *name)
{
    return names && g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* From the newest down: each leaves the database as its migration found it. */
static gboolean bundle_fill_down(Bundle *bundle, const SqlRelease *from, const GPtrArray *applied,
                                 const GPtrArray *kept, GError **error)
{
    fs_fd int folder = folder_open(from->directory, from->manifest->sql.path, error);
    for (guint i = applied->len; folder >= 0 && i > 0; i--) {
        const SqlMigration *migration = applied->pdata[i - 1];
        if (migration->state == SQL_PENDING || contains(kept, migration->name))
            continue;
        g_autofree char *down = down_name(migration->name);
        if (!fs_exists(folder, down))
            return fault_set(error, FAULT_MIGRATE, "%s was applied, and %s has no %s to take it back", migration->name,
                             from->manifest->version, down);
        if (!bundle_add(bundle, folder, down, migration->name, error))
            return FALSE;
    }
    return folder >= 0;
}

GPtrArray *sql_down(const SqlAccess *access, const SqlRelease *from, const SqlRelease *to, gboolean apply,
                    GError **error)
{
    g_auto(Bundle) bundle = {.fd = -1};
    g_autoptr(GPtrArray) applied = sql_look(access, from->manifest, from->directory, error);
    const char *kept_path = to->manifest->sql.path;
    g_autoptr(GPtrArray) kept = applied && kept_path ? names_beneath(to->directory, kept_path, error) : NULL;
    if (!applied || (kept_path && !kept) || !bundle_make(&bundle, error) ||
        !bundle_fill_down(&bundle, from, applied, kept, error))
        return NULL;
    g_autoptr(Node) answer = bundle_send(&bundle, access, from->manifest, apply, error);
    return answer ? g_steal_pointer(&bundle.files) : NULL;
}

/* --- a new one --- */

/* The number in "YYYYMMDD_NNNNNN_...", or 0. */
static gint64 number_of(const char *name)
{
    enum { DAY = 8, NUMBER = 6 };
    if (strspn(name, "0123456789") != DAY || name[DAY] != '_' || strspn(name + DAY + 1, "0123456789") != NUMBER)
        return 0;
    return g_ascii_strtoll(name + DAY + 1, NULL, 10);
}

char *sql_new_name(const char *directory, const char *title, gint64 now_s, GError **error)
{
    g_autofree char *plain = g_ascii_strdown(title, -1);
    g_strcanon(plain, "abcdefghijklmnopqrstuvwxyz0123456789", '_');
    if (strlen(plain) > 100 || !plain[strspn(plain, "_")]) {
        fault_set(error, FAULT_USAGE, "'%s' is no name for a migration; use letters and digits", title);
        return NULL;
    }
    fs_fd int folder = fs_open_dir(directory, error);
    g_autoptr(GPtrArray) names = folder < 0 ? NULL : names_in(fs_fd_steal(&folder), "*.sql", error);
    gint64 highest = 0;
    for (guint i = 0; names && i < names->len; i++)
        highest = MAX(highest, number_of(names->pdata[i]));
    if (!names)
        return NULL;
    g_autofree char *day = clock_format(now_s);
    return g_strdup_printf("%.4s%.2s%.2s_%06" G_GINT64_FORMAT "_%s.sql", day, day + 5, day + 8, highest + 1, plain);
}
