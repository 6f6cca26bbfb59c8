/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as a value, as a document, and as the digest that names it. */
#include "model/plan.h"

#include "base/digest.h"
#include "base/fault.h"

#include <string.h>

#define OF(type, member) offsetof(type, member)

static const char *const kind_names[] = {"install", "update", "rollback",  "return", "restore",
                                         "restart", "backup", "uninstall", NULL};
static const char *const data_names[] = {"migrate", "keep", "restore", "down", NULL};
static const char *const copy_names[] = {"always", "if-sql-is-due", "never", NULL};
static const char *const way_names[] = {"archive", "delta", "frames", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(way_names) == WAY_N + 1);
G_STATIC_ASSERT(G_N_ELEMENTS(kind_names) == PLAN_N_KINDS + 1);

/* What the plan will do. Order and names are part of the digest: they never change. */
/* clang-format off */
static const Key deed_keys[] = {
    {"kind", KEY_ENUM, OF(Plan, kind), NULL, "kind of change", .required = TRUE, .words = kind_names},
    {"app", KEY_TEXT, OF(Plan, app), NULL, "name of the app", .required = TRUE},
    {"from", KEY_VERSION, OF(Plan, from), NULL, "installed version"},
    {"from_digest", KEY_TEXT, OF(Plan, from_digest), NULL, "digest of its tree"},
    {"to", KEY_VERSION, OF(Plan, to), NULL, "version afterwards"},
    {"to_sha256", KEY_TEXT, OF(Plan, to_sha256), NULL, "digest of its archive"},
    {"to_tree", KEY_TEXT, OF(Plan, to_tree), NULL, "digest of its tree, where it is here already"},
    {"url", KEY_TEXT, OF(Plan, url), NULL, "where the archive is"},
    {"signature_url", KEY_TEXT, OF(Plan, signature_url), NULL, "where its signature is"},
    {"manifest_sha256", KEY_TEXT, OF(Plan, manifest_sha256), NULL, "digest of the manifest that the plan was made with"},
    {"data", KEY_ENUM, OF(Plan, data), "migrate", "what happens to the data", .words = data_names},
    {"backup", KEY_TEXT, OF(Plan, backup), NULL, "backup to restore"},
    {"migrations", KEY_TEXTS, OF(Plan, migrations), NULL, "versions whose migrations run"},
    {"data_from", KEY_VERSION, OF(Plan, data_from), NULL, "version of the data that an install finds"},
    {"purge", KEY_BOOL, OF(Plan, purge), "false", "whether data go too"},
    {"take_release", KEY_BOOL, OF(Plan, take_release), "false", "whether edited files give way to the release's"},
    {0},
};

/* What is known about it. */
static const Key note_keys[] = {
    {"archive_bytes", KEY_INT, OF(Plan, archive_bytes), "0", "bytes of the archive"},
    {"tree", KEY_TEXT, OF(Plan, tree), NULL, "digest of the release's tree as it was published"},
    {"way", KEY_ENUM, OF(Plan, way), "archive", "how its tree comes here", .words = way_names},
    {"delta_url", KEY_TEXT, OF(Plan, delta.url), NULL, "where the delta from the installed release is"},
    {"delta_sha256", KEY_TEXT, OF(Plan, delta.sha256), NULL, "its digest"},
    {"delta_bytes", KEY_INT, OF(Plan, delta.bytes), "0", "its bytes"},
    {"table_url", KEY_TEXT, OF(Plan, table.url), NULL, "where the table of the release's pack is"},
    {"table_sha256", KEY_TEXT, OF(Plan, table.sha256), NULL, "its digest"},
    {"table_bytes", KEY_INT, OF(Plan, table.bytes), "0", "its bytes"},
    {"pack_url", KEY_TEXT, OF(Plan, pack.url), NULL, "where the pack is"},
    {"pack_sha256", KEY_TEXT, OF(Plan, pack.sha256), NULL, "its digest"},
    {"pack_bytes", KEY_INT, OF(Plan, pack.bytes), "0", "bytes of the whole pack"},
    {"max_download", KEY_INT, OF(Plan, max_download), "0", "most bytes to download"},
    {"download_bytes", KEY_INT, OF(Plan, download_bytes), "0", "bytes to download"},
    {"cached_bytes", KEY_INT, OF(Plan, cached_bytes), "0", "bytes of it already here"},
    {"identity", KEY_TEXT, OF(Plan, identity), NULL, "file of the private key that opens the backup"},
    {"loss", KEY_TEXT, OF(Plan, loss), NULL, "what going back loses"},
    {"notes", KEY_TEXTS, OF(Plan, notes), NULL, "what else to know"},
    {"manual_steps", KEY_TEXTS, OF(Plan, manual_steps), NULL, "what a person is to do first"},
    {"overrides", KEY_TEXTS, OF(Plan, overrides), NULL, "recorded overrides"},
    {"fence_expected_ms", KEY_INT, OF(Plan, fence_expected_ms), "0", "time that users will be kept out"},
    {"copy", KEY_ENUM, OF(Plan, copy), "always", "whether the data are copied once nobody writes them", .words = copy_names},
    {"rehearse", KEY_BOOL, OF(Plan, rehearse), "false", "whether it is rehearsed first"},
    {"attempt", KEY_INT, OF(Plan, attempt), "1", "number of the attempt"},
    {0},
};
/* clang-format on */

Plan *plan_new(PlanKind kind, const char *app)
{
    Plan *plan = g_new0(Plan, 1);
    plan->kind = kind;
    plan->app = g_strdup(app);
    plan->migrations = g_ptr_array_new_with_free_func(g_free);
    plan->notes = g_ptr_array_new_with_free_func(g_free);
    plan->manual_steps = g_ptr_array_new_with_free_func(g_free);
    plan->overrides = g_ptr_array_new_with_free_func(g_free);
    plan->objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    plan->attempt = 1;
    return plan;
}

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    schema_clear(deed_keys, plan);
    schema_clear(note_keys, plan);
    g_clear_pointer(&plan->objections, g_ptr_array_unref);
    g_free(plan);
}

const char *plan_release_key(const Plan *plan)
{
    return plan->to_sha256 ? plan->to_sha256 : plan->to;
}

const char *plan_kind_name(PlanKind kind)
{
    return (unsigned)kind < PLAN_N_KINDS ? kind_names[kind] : "change";
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static Node *texts_to_node(const GPtrArray *texts)
{
    Node *list = node_new_list();
    for (guint i = 0; i < texts->len; i++)
        node_append(list, node_new_scalar(SCALAR_STRING, texts->pdata[i]));
    return list;
}

/* Members in the table's order; a text that is NULL is left out, so that it comes back as NULL. */
static void members_to_node(const Key *keys, const Plan *plan, Node *map)
{
    for (const Key *key = keys; key->name; key++) {
        gconstpointer slot = (const char *)plan + key->offset;
        switch (key->type) {
        case KEY_ENUM:
            node_set_text(map, key->name, key->words[*(const int *)slot]);
            break;
        case KEY_INT:
            node_set_int(map, key->name, *(const gint64 *)slot);
            break;
        case KEY_BOOL:
            node_set_bool(map, key->name, *(const gboolean *)slot);
            break;
        case KEY_TEXTS:
            node_set(map, key->name, texts_to_node(*(const GPtrArray *const *)slot));
            break;
        default:
            if (*(const char *const *)slot)
                node_set_text(map, key->name, *(const char *const *)slot);
        }
    }
}

static Node *objections_to_node(const GPtrArray *objections)
{
    Node *list = node_new_list();
    for (guint i = 0; i < objections->len; i++) {
        const Objection *objection = objections->pdata[i];
        Node *map = node_new_map();
        node_set_text(map, "code", fault_row((enum fault_code)objection->code)->name);
        node_set_text(map, "text", objection->text);
        if (objection->hint)
            node_set_text(map, "hint", objection->hint);
        if (objection->override)
            node_set_text(map, "override", objection->override);
        node_append(list, map);
    }
    return list;
}

Node *plan_to_node(const Plan *plan)
{
    Node *map = node_new_map();
    members_to_node(deed_keys, plan, map);
    members_to_node(note_keys, plan, map);
    node_set(map, "objections", objections_to_node(plan->objections));
    return map;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

typedef struct WrittenObjection {
    char *code, *text, *hint, *override;
} WrittenObjection;

static const char *const override_names[] = {"--force", "--to", NULL};

static const Key objection_keys[] = {
    {"code", KEY_TEXT, OF(WrittenObjection, code), NULL, "kind of objection", .required = TRUE},
    {"text", KEY_TEXT, OF(WrittenObjection, text), NULL, "what speaks against it", .required = TRUE},
    {"hint", KEY_TEXT, OF(WrittenObjection, hint), NULL, "what to do about it"},
    {"override", KEY_TEXT, OF(WrittenObjection, override), NULL, "option that overrides it", .words = override_names},
    {0},
};

typedef struct Written {
    Plan plan;
    GPtrArray *objections; /* WrittenObjection */
} Written;

/* Both tables and the objections as one: a plan has no other keys. */
static Key *written_keys(void)
{
    GArray *keys = g_array_new(TRUE, TRUE, sizeof(Key));
    g_array_append_vals(keys, deed_keys, G_N_ELEMENTS(deed_keys) - 1);
    g_array_append_vals(keys, note_keys, G_N_ELEMENTS(note_keys) - 1);
    const Key objections = {.name = "objections",
                            .type = KEY_TABLES,
                            .offset = OF(Written, objections),
                            .table = objection_keys,
                            .size = sizeof(WrittenObjection)};
    g_array_append_val(keys, objections);
    return (Key *)g_array_free(keys, FALSE);
}

static gboolean code_by_name(const char *name, int *code)
{
    for (int i = 0; i < FAULT_N_CODES; i++)
        if (strcmp(fault_row((enum fault_code)i)->name, name) == 0) {
            *code = i;
            return TRUE;
        }
    return FALSE;
}

static const char *override_by_name(const char *name)
{
    for (guint i = 0; name && override_names[i]; i++)
        if (strcmp(override_names[i], name) == 0)
            return override_names[i];
    return NULL;
}

static gboolean take_objections(const Written *written, Plan *plan, GError **error)
{
    for (guint i = 0; i < written->objections->len; i++) {
        const WrittenObjection *objection = written->objections->pdata[i];
        int code;
        if (!code_by_name(objection->code, &code)) {
            g_autofree char *quoted = schema_quote(objection->code);
            return fault_set(error, FAULT_STATE, "plan: objection of unknown kind %s", quoted);
        }
        objection_add(plan->objections, code, override_by_name(objection->override), objection->hint, "%s",
                      objection->text);
    }
    return TRUE;
}

Plan *plan_from_node(const Node *node, GError **error)
{
    g_autofree Key *keys = written_keys();
    Written written = {0};
    Plan *plan = NULL;
    if (schema_read(keys, node, "plan", FAULT_STATE, &written, error)) {
        if (!app_name_is_valid(written.plan.app)) {
            g_autofree char *quoted = schema_quote(written.plan.app);
            fault_set(error, FAULT_STATE, "plan: %s is no name of an app", quoted);
        } else {
            plan = g_new0(Plan, 1);
            *plan = written.plan;
            written.plan = (Plan){0};
            plan->objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
            if (!take_objections(&written, plan, error))
                g_clear_pointer(&plan, plan_free);
        }
    }
    schema_clear(keys, &written);
    return plan;
}

char *plan_digest(const Plan *plan)
{
    g_autoptr(Node) map = node_new_map();
    members_to_node(deed_keys, plan, map);
    g_autofree char *json = node_to_json(map, 0);
    return digest_bytes(json, strlen(json));
}
