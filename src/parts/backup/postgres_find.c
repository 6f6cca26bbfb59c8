/* SPDX-License-Identifier: Apache-2.0 */
/* The database of a set, and all that may speak against copying and renaming it. */
#include "parts/backup/postgres_find.h"

#include "base/fault.h"
#include "base/fs.h"
#include "model/policy.h"

#include <string.h>

enum { QUICK_MS = 60000, NAME_MAX_BYTES = 63, JOB_ID_BYTES = 20 };
#define LONGEST_KIND "replaced"

Node *postgres_do(const PartContext *context, const DataSet *set, PostgresActor actor, const char *operation,
                  const char *name, Node *request, GError **error)
{
    Node *whole = request ? request : node_new_map();
    if (name)
        node_set_text(whole, "database", name);
    const PostgresWish wish = {.actor = actor, .operation = operation, .request = whole};
    return part_postgres(context, set, &wish, error);
}

static Node *ask_quickly(const PartContext *context, const DataSet *set, PostgresActor actor, const char *operation,
                         Node *request, GError **error)
{
    const PostgresWish wish = {.actor = actor, .operation = operation, .request = request, .timeout_ms = QUICK_MS};
    return part_postgres(context, set, &wish, error);
}

char *postgres_beside(const char *name, const char *kind, const char *job)
{
    return g_strdup_printf("%s__%s_%s", name, kind, job);
}

static gint64 number(const Node *node, const char *key)
{
    return g_ascii_strtoll(node_get_text(node, key, "0"), NULL, 10);
}

static gboolean holds(const Node *node, const char *key)
{
    return strcmp(node_get_text(node, key, ""), "true") == 0;
}

/* --- finding ------------------------------------------------------------------------------------------------- */

static gboolean look(const PartContext *context, const DataSet *set, PostgresFound *found, GError **error)
{
    found->look = ask_quickly(context, set, POSTGRES_AS_APP, "look", NULL, error);
    if (!found->look)
        return FALSE;
    found->name = node_get_text(found->look, "database", "");
    found->role = node_get_text(found->look, "role", "");
    found->oid = number(found->look, "oid");
    found->bytes = number(found->look, "bytes");
    return TRUE;
}

/* The file with the address is the app's user's to write: it must not lead us to a database that is not the app's. */
static gboolean may_act(const PartContext *context, const DataSet *set, const PostgresFound *found, GError **error)
{
    const Node *rights = found->rights;
    const char *who = node_get_text(rights, "admin_role", "");
    const char *here = part_postgres_config(context, set) ? "" : ", or name who may in [database] of the app's config";
    if (number(rights, "oid") != found->oid ||
        strcmp(node_get_text(rights, "system", ""), node_get_text(found->look, "system", "-")) != 0)
        return fault_set(error, FAULT_CONFIG, "'%s' sees another database '%s' than the app does", who, found->name) ||
               fault_hint(error, "it acts on the server's local socket, and the app asks another server");
    if (!holds(rights, "app_owns")) {
        fault_set(error, FAULT_BACKUP, "the app's role '%s' does not own the database '%s'", found->role, found->name);
        return fault_hint(error, "ALTER DATABASE \"%s\" OWNER TO \"%s\"", found->name, found->role);
    }
    if (!holds(rights, "owns")) {
        fault_set(error, FAULT_BACKUP, "role '%s' may not rename the database '%s'", who, found->name);
        return fault_hint(error, "GRANT \"%s\" TO \"%s\"", node_get_text(rights, "owner", ""), who);
    }
    if (!holds(rights, "may_create")) {
        fault_set(error, FAULT_BACKUP, "role '%s' may not copy the database '%s'", who, found->name);
        return fault_hint(error, "ALTER ROLE \"%s\" CREATEDB%s", who, here);
    }
    return TRUE;
}

static gboolean ask_rights(const PartContext *context, const DataSet *set, PostgresFound *found, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "database", found->name);
    node_set_text(request, "role", found->role);
    found->rights = ask_quickly(context, set, POSTGRES_AS_ADMIN, "rights", request, error);
    return found->rights && may_act(context, set, found, error);
}

gboolean postgres_find(const PartContext *context, const DataSet *set, PostgresFound *found, GError **error)
{
    *found = (PostgresFound){0};
    if (look(context, set, found, error) && ask_rights(context, set, found, error))
        return TRUE;
    postgres_found_clear(found);
    return FALSE;
}

void postgres_found_clear(PostgresFound *found)
{
    node_free(found->look);
    node_free(found->rights);
    *found = (PostgresFound){0};
}

/* A database has one name in its cluster, and keeps it when the way back exchanges it for its copy: the object id would
 * be another one then. */
char *postgres_claim(const PartContext *context, const DataSet *set)
{
    PostgresFound found = {0};
    char *claim = NULL;
    if (look(context, set, &found, NULL))
        claim = g_strdup_printf("%s/%s", node_get_text(found.look, "system", "?"), found.name);
    postgres_found_clear(&found);
    return claim;
}

char *postgres_server(const PartContext *context, const DataSet *set, GError **error)
{
    PostgresFound found = {0};
    if (!look(context, set, &found, error))
        return NULL;
    char *started = g_strdup(node_get_text(found.look, "started", "?"));
    postgres_found_clear(&found);
    return started;
}

/* --- objections ---------------------------------------------------------------------------------------------- */

static void object(GPtrArray *objections, const DataSet *set, const char *hint, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
static void object(GPtrArray *objections, const DataSet *set, const char *hint, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_autofree char *text = g_strdup_vprintf(format, list);
    va_end(list);
    objection_add(objections, FAULT_REQUIREMENT, NULL, hint, "data '%s': %s", set->name, text);
}

static void object_with(GPtrArray *objections, const DataSet *set, const GError *error)
{
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    objection_add(objections, (int)fault_code_of(error), NULL, hint, "data '%s': %s", set->name, text);
}

/* What a copy by template and an exchange by renames cannot do, and would not say. */
static void object_to_kind(const DataSet *set, const PostgresFound *found, GPtrArray *objections)
{
    static const struct {
        const char *key, *what, *hint;
    } counted[] = {
        {"slots", "replication slots", "what reads them would lose its place; drop them for the update"},
        {"prepared", "prepared transactions", "commit them or roll them back first"},
    };
    if (holds(found->look, "pooled"))
        object(objections, set, "name an address of the server itself, past the pooler",
               "the database '%s' is reached through a connection pooler", found->name);
    if (holds(found->look, "standby"))
        object(objections, set, "name the address of the primary server", "the database '%s' is on a standby server",
               found->name);
    for (gsize i = 0; i < G_N_ELEMENTS(counted); i++)
        if (number(found->look, counted[i].key) > 0)
            object(objections, set, counted[i].hint, "the database '%s' has %s", found->name, counted[i].what);
    if (strlen(found->name) + strlen("__" LONGEST_KIND "_") + JOB_ID_BYTES > NAME_MAX_BYTES)
        object(objections, set, "rename it", "the database's name '%s' is too long: there must be room for __%s_JOB",
               found->name, LONGEST_KIND);
}

/* The copy that goes back by renames has them all; a dump is restored by the app's role. */
static void object_to_extensions(const DataSet *set, const PostgresFound *found, GPtrArray *objections)
{
    const char *above = node_get_text(found->look, "extensions_above", "");
    if (*above)
        objection_add(objections, FAULT_REQUIREMENT, "--force",
                      "a superuser may write 'trusted = true' into the extension's control file; --force goes on with "
                      "backups that nobody can restore",
                      "data '%s': only a superuser may create what the database '%s' has, and '%s' could not restore a "
                      "backup of it: extension %s",
                      set->name, found->name, found->role, above);
}

static void object_to_sessions(const PartContext *context, const DataSet *set, const PostgresFound *found,
                               GPtrArray *objections)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "sessions", found->name, NULL, &local);
    const Node *list = node_get(answer, "sessions");
    if (!answer)
        object_with(objections, set, local);
    for (guint i = 0; list && i < list->items->len; i++) {
        const Node *session = g_ptr_array_index(list->items, i);
        if (node_get_bool(session, "ours_to_end", FALSE))
            continue;
        g_autofree char *program = part_printable(node_get_text(session, "program", "?"));
        object(objections, set, "end it, or name who may end it in [database] of the app's config",
               "session %s of '%s' (%s) uses the database '%s', and '%s' may not end it",
               node_get_text(session, "pid", "?"), node_get_text(session, "user", "?"), program, found->name,
               node_get_text(found->rights, "admin_role", "?"));
    }
}

static void object_to_tools(const PartContext *context, const DataSet *set, const PostgresFound *found,
                            GPtrArray *objections)
{
    g_autoptr(GError) local = NULL;
    Node *request = node_new_map();
    node_set_int(request, "major", number(found->look, "version") / 10000);
    g_autoptr(Node) answer = ask_quickly(context, set, POSTGRES_AS_APP, "tools", request, &local);
    if (!answer)
        object_with(objections, set, local);
}

/* The server writes the copy, where it is: only on this host, and only if it tells us, can we look at its disk. */
static void object_to_room(const DataSet *set, const PostgresFound *found, GPtrArray *objections, GPtrArray *notes)
{
    const char *host = node_get_text(found->look, "host", ""),
               *directory = node_get_text(found->rights, "directory", "");
    FsRoom room;
    gboolean here = *host == '/' || strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0;
    if (!here || *directory != '/' || !fs_room(directory, &room, NULL)) {
        g_ptr_array_add(notes, g_strdup_printf("data '%s': the room on the database server cannot be measured; a copy "
                                               "needs %" G_GINT64_FORMAT " MB there",
                                               set->name, found->bytes / 1000000 + 1));
        return;
    }
    if (room.free_bytes < (guint64)found->bytes + (guint64)found->bytes / 10)
        objection_add(objections, FAULT_SPACE, NULL, "free room there, then try again",
                      "data '%s': the file system of %s needs %" G_GINT64_FORMAT
                      " MB for the copy, and %" G_GUINT64_FORMAT " MB are free",
                      set->name, directory, found->bytes * 11 / 10 / 1000000 + 1, room.free_bytes / 1000000);
}

/* A server that does not wait for the disk loses what it said was kept; no update can mend that. */
static void note_what_is_outside(const DataSet *set, const PostgresFound *found, GPtrArray *notes)
{
    static const char *const settings[] = {"fsync", "full_page_writes", "synchronous_commit"};
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++)
        if (strcmp(node_get_text(found->look, settings[i], "on"), "off") == 0)
            g_ptr_array_add(notes, g_strdup_printf("data '%s': the database server runs with %s off: what a power cut "
                                                   "takes from it is outside the guarantee",
                                                   set->name, settings[i]));
}

void postgres_object(const PartContext *context, const DataSet *set, GPtrArray *objections, GPtrArray *notes)
{
    g_autoptr(GError) local = NULL;
    PostgresFound found = {0};
    if (!look(context, set, &found, &local)) {
        object_with(objections, set, local);
        return;
    }
    object_to_kind(set, &found, objections);
    object_to_extensions(set, &found, objections);
    object_to_tools(context, set, &found, objections);
    note_what_is_outside(set, &found, notes);
    if (!ask_rights(context, set, &found, &local)) {
        object_with(objections, set, local);
    } else {
        if (number(found.rights, "subscriptions") > 0)
            object(objections, set, "drop them for the update", "the database '%s' has subscriptions", found.name);
        object_to_sessions(context, set, &found, objections);
        object_to_room(set, &found, objections, notes);
    }
    postgres_found_clear(&found);
}

/* --- sessions ------------------------------------------------------------------------------------------------ */

static char *describe(const Node *list)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->items->len; i++) {
        const Node *session = g_ptr_array_index(list->items, i);
        g_autofree char *program = part_printable(node_get_text(session, "program", "?"));
        g_string_append_printf(text, "%s%s (%s, %s)", i > 0 ? ", " : "", node_get_text(session, "pid", "?"),
                               node_get_text(session, "user", "?"), program);
    }
    return g_string_free(text, FALSE);
}

/* Not to know is no reason to believe that there are none. */
char *postgres_sessions(const PartContext *context, const DataSet *set)
{
    g_autoptr(GError) local = NULL;
    PostgresFound found = {0};
    g_autoptr(Node) answer = postgres_find(context, set, &found, &local)
                                 ? postgres_do(context, set, POSTGRES_AS_ADMIN, "sessions", found.name, NULL, &local)
                                 : NULL;
    postgres_found_clear(&found);
    const Node *list = node_get(answer, "sessions");
    if (!list) {
        g_autofree char *text = local ? fault_text(local) : g_strdup("no answer");
        return g_strdup_printf("sessions that nobody can count: %s", text);
    }
    return list->items->len > 0 ? describe(list) : NULL;
}

gboolean postgres_end_sessions(const PartContext *context, const DataSet *set, gboolean own, GError **error)
{
    PostgresFound found = {0};
    if (!postgres_find(context, set, &found, error))
        return FALSE;
    Node *request = node_new_map();
    node_set_bool(request, "own", own);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "end", found.name, request, error);
    gint64 ended = node_get_int(answer, "ended", 0);
    if (ended > 0 && context->on_line) {
        g_autofree char *line = g_strdup_printf("ended %" G_GINT64_FORMAT " %s that held database '%s' open", ended,
                                                ended == 1 ? "session" : "sessions", found.name);
        context->on_line(line, context->on_line_data);
    }
    postgres_found_clear(&found);
    return answer != NULL;
}
