/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backup driver for PostgreSQL databases. The copy is a database beside the live one, made from it as a template;
 * going back is two renames in one transaction. Beside NAME there may be, each with a job's id behind it:
 *   NAME__copy_     what goes back            NAME__failed_    what it replaced
 *   NAME__rehearse_ a dump that a rehearsal plays with
 *   NAME__restore_  a dump on its way in      NAME__replaced_  what that took the place of
 * The fact "copy.SET" holds the object ids of the database and of its copy (0: on its way), and the database's name.
 */
#include "base/fault.h"
#include "parts/backup/drivers.h"
#include "parts/backup/postgres_find.h"

#include <stdio.h>
#include <string.h>

static const Key no_keys[] = {{.name = NULL}};

typedef struct Copied {
    gint64 oid, copy_oid;
    char *name;
} Copied;

static void copied_clear(Copied *copied)
{
    g_free(copied->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copied, copied_clear)

static char *fact_key(const char *what, const DataSet *set)
{
    return g_strconcat(what, ".", set->name, NULL);
}

/* FALSE: this job has begun no copy. */
static gboolean copied_read(const PartContext *context, const DataSet *set, Copied *copied)
{
    g_autofree char *key = fact_key("copy", set);
    const char *fact = context->facts ? context->facts->get(context->facts, key) : NULL;
    int at = 0;
    if (!fact ||
        sscanf(fact, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %n", &copied->oid, &copied->copy_oid, &at) < 2 ||
        at == 0)
        return FALSE;
    copied->name = g_strdup(fact + at);
    return TRUE;
}

static gboolean copied_write(const PartContext *context, const DataSet *set, gint64 oid, gint64 copy_oid,
                             const char *name, GError **error)
{
    g_autofree char *key = fact_key("copy", set);
    g_autofree char *fact = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s", oid, copy_oid, name);
    return context->facts->set(context->facts, key, fact, error);
}

/* --- copy ---------------------------------------------------------------------------------------------------- */

static gboolean copy_found(const PartContext *context, const DataSet *set, const PostgresFound *found, GError **error)
{
    g_autofree char *copy = postgres_beside(found->name, "copy", context->job);
    if (!copied_write(context, set, found->oid, 0, found->name, error))
        return FALSE;
    Node *request = node_new_map();
    node_set_int(request, "oid", found->oid);
    node_set_int(request, "bytes", found->bytes);
    node_set_text(request, "copy", copy);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "copy", found->name, request, error);
    return answer && copied_write(context, set, found->oid, node_get_int(answer, "copy_oid", 0), found->name, error);
}

static gboolean copy(const PartContext *context, const DataSet *set, GError **error)
{
    PostgresFound found = {0};
    if (!postgres_find(context, set, &found, error))
        return FALSE;
    gboolean good = copy_found(context, set, &found, error);
    postgres_found_clear(&found);
    return good;
}

/* Whoever cannot be asked may have changed. */
static gboolean postgres_changed(const PartContext *context, const DataSet *set)
{
    g_auto(Copied) copied = {0};
    if (!copied_read(context, set, &copied) || copied.copy_oid == 0)
        return FALSE;
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "oids", copied.name, NULL, NULL);
    const char *live = node_get_text(node_get(answer, "oids"), copied.name, "0");
    return !answer || g_ascii_strtoll(live, NULL, 10) != copied.copy_oid;
}

/* --- the way back -------------------------------------------------------------------------------------------- */

/* Rows that the server has seen written to a database; -1: it does not say. */
static gint64 written(const PartContext *context, const DataSet *set, const char *name)
{
    Node *request = node_new_map();
    node_set_text(request, "role", "");
    g_autoptr(Node) rights = postgres_do(context, set, POSTGRES_AS_ADMIN, "rights", name, request, NULL);
    return rights ? g_ascii_strtoll(node_get_text(rights, "written", "-1"), NULL, 10) : -1;
}

static gboolean swap(const PartContext *context, const DataSet *set, const char *name, const char *incoming,
                     gint64 incoming_oid, const char *aside, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "incoming", incoming);
    node_set_int(request, "incoming_oid", incoming_oid);
    node_set_text(request, "aside", aside);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "swap", name, request, error);
    return answer != NULL;
}

static gboolean put_back(const PartContext *context, const DataSet *set, GError **error)
{
    g_auto(Copied) copied = {0};
    if (!copied_read(context, set, &copied) || copied.copy_oid == 0)
        return fault_set(error, FAULT_STATE, "nothing is known of a copy");
    g_autofree char *incoming = postgres_beside(copied.name, "copy", context->job);
    g_autofree char *aside = postgres_beside(copied.name, "failed", context->job);
    return swap(context, set, copied.name, incoming, copied.copy_oid, aside, error);
}

/* What came through the fence is in what failed, and only there: people want to know. */
static char *postgres_kept(const PartContext *context, const DataSet *set)
{
    g_auto(Copied) copied = {0};
    if (!copied_read(context, set, &copied))
        return NULL;
    g_autofree char *aside = postgres_beside(copied.name, "failed", context->job), *key = fact_key("written", set);
    const char *noted = context->facts->get(context->facts, key);
    gint64 before = noted ? g_ascii_strtoll(noted, NULL, 10) : -1, now = written(context, set, aside);
    if (before < 0 || now <= before)
        return g_strdup_printf("database '%s'", aside);
    return g_strdup_printf("database '%s', with at least %" G_GINT64_FORMAT
                           " rows that were written after the migration",
                           aside, now - before);
}

/* --- a dump comes back --------------------------------------------------------------------------------------- */

static gboolean restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    g_auto(Copied) copied = {0};
    gint64 oid = 0;
    if (!copied_read(context, set, &copied) || copied.copy_oid == 0)
        return fault_set(error, FAULT_STATE, "nothing is known of a copy");
    g_autofree char *incoming = postgres_beside(copied.name, "restore", context->job);
    g_autofree char *aside = postgres_beside(copied.name, "replaced", context->job);
    return postgres_fill(context, set, directory, copied.name, incoming, &oid, error) &&
           swap(context, set, copied.name, incoming, oid, aside, error);
}

/* --- what is left -------------------------------------------------------------------------------------------- */

/* "NAME__KIND_YYYYMMDD-HHMMSS-XXXX" for one of our kinds. Nothing else is ours to drop. */
static gboolean is_left_over(const char *database, const char *name)
{
    static const char *const kinds[] = {"__copy_", "__failed_", "__replaced_", "__restore_", "__verify_"};
    if (!g_str_has_prefix(database, name))
        return FALSE;
    const char *rest = database + strlen(name);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(rest, kinds[i])) {
            const char *job = rest + strlen(kinds[i]);
            return g_ascii_isdigit(*job) && job[strspn(job, "0123456789abcdef-")] == '\0';
        }
    return FALSE;
}

static gboolean forget(const PartContext *context, const DataSet *set, GError **error)
{
    PostgresFound found = {0};
    if (!postgres_find(context, set, &found, error))
        return FALSE;
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "oids", found.name, NULL, error);
    const Node *oids = node_get(answer, "oids");
    Node *request = node_new_map(), *names = node_new_list();
    node_set(request, "names", names);
    for (guint i = 0; oids && i < oids->items->len; i++) {
        const char *database = ((const Entry *)g_ptr_array_index(oids->items, i))->key;
        if (is_left_over(database, found.name))
            node_append(names, node_new_scalar(SCALAR_STRING, database));
    }
    g_autoptr(Node) dropped =
        oids ? postgres_do(context, set, POSTGRES_AS_ADMIN, "drop", found.name, request, error) : NULL;
    if (!oids)
        node_free(request);
    postgres_found_clear(&found);
    return dropped != NULL;
}

/* --- durability and shape ------------------------------------------------------------------------------------ */

static gboolean sync_data(const PartContext *context, const DataSet *set, GError **error)
{
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_APP, "flush", NULL, NULL, error);
    if (!answer || !context->facts || context->no_new_facts)
        return answer != NULL;
    g_auto(Copied) copied = {0};
    gint64 now = copied_read(context, set, &copied) ? written(context, set, copied.name) : -1;
    g_autofree char *key = fact_key("written", set);
    g_autofree char *fact = g_strdup_printf("%" G_GINT64_FORMAT, now);
    return context->facts->set(context->facts, key, fact, error);
}

static char *ask_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    Node *request = node_new_map();
    if (set->fingerprint)
        node_set_text(request, "sql", set->fingerprint);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_APP, "fingerprint", NULL, request, error);
    return answer ? g_strdup(node_get_text(answer, "fingerprint", "")) : NULL;
}

static gboolean ask_size(const PartContext *context, const DataSet *set, guint64 *bytes, GError **error)
{
    g_autoptr(Node) look = postgres_do(context, set, POSTGRES_AS_APP, "look", NULL, NULL, error);
    *bytes = g_ascii_strtoull(node_get_text(look, "bytes", "0"), NULL, 10);
    return look != NULL;
}

/* --- the driver: each with the set's name before a fault ------------------------------------------------------ */

static gboolean named_size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared,
                           GError **error)
{
    *shared = FALSE;
    return ask_size(context, set, bytes, error) || backup_name_fault(set, error);
}

static char *named_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    char *text = ask_fingerprint(context, set, error);
    if (!text)
        backup_name_fault(set, error);
    return text;
}

static char *named_server(const PartContext *context, const DataSet *set, GError **error)
{
    char *run = postgres_server(context, set, error);
    if (!run)
        backup_name_fault(set, error);
    return run;
}

static gboolean named_end_sessions(const PartContext *context, const DataSet *set, gboolean own, GError **error)
{
    return postgres_end_sessions(context, set, own, error) || backup_name_fault(set, error);
}

static gboolean named_dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return postgres_dump(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean named_verify(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return postgres_verify(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean named_copy(const PartContext *context, const DataSet *set, GError **error)
{
    return copy(context, set, error) || backup_name_fault(set, error);
}

static gboolean named_put_back(const PartContext *context, const DataSet *set, GError **error)
{
    return put_back(context, set, error) || backup_name_fault(set, error);
}

static gboolean named_restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return restore(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean named_sync(const PartContext *context, const DataSet *set, GError **error)
{
    return sync_data(context, set, error) || backup_name_fault(set, error);
}

static gboolean named_forget(const PartContext *context, const DataSet *set, GError **error)
{
    return forget(context, set, error) || backup_name_fault(set, error);
}

static gboolean named_scratch(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return postgres_scratch(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean named_scratch_drop(const PartContext *context, const DataSet *set, GError **error)
{
    return postgres_scratch_drop(context, set, error) || backup_name_fault(set, error);
}

const BackupDriver backup_postgres = {
    .name = "postgres",
    .summary = "a PostgreSQL database; copied inside the server, and put back by renames",
    .keys = no_keys,
    .object = postgres_object,
    .claim = postgres_claim,
    .server = named_server,
    .sessions = postgres_sessions,
    .end_sessions = named_end_sessions,
    .size = named_size,
    .fingerprint = named_fingerprint,
    .dump = named_dump,
    .verify = named_verify,
    .copy = named_copy,
    .changed = postgres_changed,
    .put_back = named_put_back,
    .kept = postgres_kept,
    .restore = named_restore,
    .scratch = named_scratch,
    .scratch_last = TRUE,
    .scratch_drop = named_scratch_drop,
    .sync = named_sync,
    .forget = named_forget,
};
