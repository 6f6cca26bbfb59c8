/* SPDX-License-Identifier: Apache-2.0 */
/* `repo rotate`: other keys for a role. */
#include "base/fault.h"
#include "base/fs.h"
#include "publish/repo_inner.h"
#include "publish/repo_root.h"
#include "trust/tuf_write.h"

#include <string.h>
#include <unistd.h>

enum { ID_MIN = 8 };

/* Who is to sign a role. */
typedef struct Team {
    const RepoRootOptions *options;
    const char *role; /* as metadata have it: "root", "app-books" */
    GPtrArray *ids;   /* char *, NULL-terminated at the end */
    GPtrArray *keys;  /* TufKey: those that come */
    gint64 threshold;
    RepoReport *report;
} Team;

/* --- who goes, who comes ------------------------------------------------------------------------------------ */

static void key_free(gpointer data)
{
    tuf_key_free(data);
}

/* The id that --drop means: one that begins so, or that of a public key's file. */
static char *meant(const char *text, GError **error)
{
    gsize size = strlen(text);
    if (size >= ID_MIN && strspn(text, "0123456789abcdef") == size)
        return g_strdup(text);
    g_autoptr(TufKey) key = repo_key_public(text, error);
    return key ? g_strdup(key->id) : NULL;
}

static gboolean drop(Team *team, const char *text, GError **error)
{
    gboolean all = g_str_equal(text, "all");
    g_autofree char *id = all ? g_strdup("") : meant(text, error);
    guint before = team->ids->len;
    if (!id)
        return FALSE;
    for (guint i = team->ids->len; i > 0; i--)
        if (g_str_has_prefix(team->ids->pdata[i - 1], id))
            g_ptr_array_remove_index(team->ids, i - 1);
    if (team->ids->len == before)
        return fault_set(error, FAULT_USAGE, "%s does not sign for %s", text, team->role);
    if (!all && before - team->ids->len > 1)
        return fault_set(error, FAULT_USAGE, "%s is the beginning of more than one key of %s", text, team->role);
    return TRUE;
}

static gboolean come(Team *team, const TufKey *key, const char *name, GError **error)
{
    if (g_ptr_array_find_with_equal_func(team->ids, key->id, g_str_equal, NULL))
        return fault_set(error, FAULT_USAGE, "%s signs for %s already", name, team->role);
    g_ptr_array_add(team->ids, g_strdup(key->id));
    g_autoptr(Node) node = repo_copy(key->node);
    TufKey *copy = tuf_key_read(key->id, node, name, error);
    if (!copy)
        return FALSE;
    g_ptr_array_add(team->keys, copy);
    g_autofree char *id = repo_key_short(key->id);
    g_ptr_array_add(team->report->keys, g_strdup_printf("%-10s %s", team->role, id));
    return TRUE;
}

static gboolean come_all(Team *team, GError **error)
{
    const char *const *add = team->options->add;
    for (guint i = 0; add && add[i]; i++) {
        g_autoptr(TufKey) key = repo_key_public(add[i], error);
        if (!key || !come(team, key, add[i], error))
            return FALSE;
    }
    return TRUE;
}

/* Nothing said: a new key instead of those before. A root only gets another year. */
static gboolean come_by_default(Team *team, RepoKeys *keys, GError **error)
{
    if (g_str_equal(team->role, "root"))
        return TRUE;
    const TufKey *key = repo_keys_make_another(keys, team->role, error);
    if (!key || !drop(team, "all", error) || !come(team, key, "the new key", error))
        return FALSE;
    team->threshold = 1;
    return TRUE;
}

static gboolean choose(Team *team, RepoKeys *keys, const TufRole *now, GError **error)
{
    const RepoRootOptions *options = team->options;
    for (guint i = 0; i < now->keyids->len; i++)
        g_ptr_array_add(team->ids, g_strdup(now->keyids->pdata[i]));
    team->threshold = options->threshold ? options->threshold : now->threshold;
    gboolean said = (options->add && *options->add) || (options->drop && *options->drop) || options->threshold;
    if (!said && !come_by_default(team, keys, error))
        return FALSE;
    for (guint i = 0; options->drop && options->drop[i]; i++)
        if (!drop(team, options->drop[i], error))
            return FALSE;
    if (!come_all(team, error))
        return FALSE;
    if (team->threshold > team->ids->len)
        return fault_set(error, FAULT_USAGE, "a threshold of %" G_GINT64_FORMAT " cannot be met by %u key%s",
                         team->threshold, team->ids->len, team->ids->len == 1 ? "" : "s");
    g_ptr_array_add(team->ids, NULL);
    return TRUE;
}

/* --- into the metadata -------------------------------------------------------------------------------------- */

static gboolean is_named(const Node *role, const char *id)
{
    const Node *ids = node_get(role, "keyids");
    for (guint i = 0; ids && ids->kind == NODE_LIST && i < ids->items->len; i++)
        if (g_strcmp0(((const Node *)ids->items->pdata[i])->text, id) == 0)
            return TRUE;
    return FALSE;
}

/* In a root the roles are a map, in delegations a list. */
static gboolean is_used(const Node *roles, const char *id)
{
    for (guint i = 0; i < roles->items->len; i++) {
        const void *item = roles->items->pdata[i];
        if (is_named(roles->kind == NODE_MAP ? ((const Entry *)item)->value : item, id))
            return TRUE;
    }
    return FALSE;
}

/* Keys that no role names any more go. */
static void forget_keys(Node *holder)
{
    const Node *keys = node_get(holder, "keys"), *roles = node_get(holder, "roles");
    Node *used = node_new_map();
    for (guint i = 0; i < keys->items->len; i++) {
        const Entry *entry = keys->items->pdata[i];
        if (is_used(roles, entry->key))
            node_set(used, entry->key, repo_copy(entry->value));
    }
    node_set(holder, "keys", used);
}

static void write_keys(Node *content, const Team *team)
{
    for (guint i = 0; i < team->keys->len; i++)
        tuf_write_key(content, team->keys->pdata[i]);
}

static gboolean rotate_app(RepoEdit *edit, Team *team, const char *app, GError **error)
{
    const TufRole *now = tuf_metadata_role(edit->repo->targets->metadata, team->role);
    if (!choose(team, edit->keys, now, error))
        return FALSE;
    Node *targets = repo_edit_targets(edit);
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    for (guint i = 0; i < now->paths->len; i++)
        g_ptr_array_add(paths, now->paths->pdata[i]);
    g_ptr_array_add(paths, NULL);
    write_keys(targets, team);
    tuf_write_delegation(targets, team->role, (const char *const *)team->ids->pdata, team->threshold,
                         (const char *const *)paths->pdata, now->terminating);
    forget_keys((Node *)node_get(targets, "delegations"));
    repo_edit_app(edit, app);
    gboolean good = repo_edit_commit(edit, error);
    repo_report_written(team->report, edit->written);
    return good;
}

static gboolean rotate_top(RepoEdit *edit, Team *team, TufType type, GError **error)
{
    Repo *repo = edit->repo;
    const RepoFile *base = repo->pending ? repo->pending : repo->root;
    if (!choose(team, edit->keys, tuf_metadata_role(base->metadata, team->role), error))
        return FALSE;
    if (repo->pending)
        repo_report_note(team->report, "another root waited for signatures: it holds this change too, and is to be "
                                       "signed anew");
    g_autoptr(Node) content = repo_copy(base->metadata->node);
    write_keys(content, team);
    tuf_write_role(content, type, (const char *const *)team->ids->pdata, team->threshold);
    tuf_write_version(content, repo->root->metadata->version + 1, repo->now_s + repo_lifetime_s("root"));
    forget_keys(content);
    g_autoptr(RepoFile) root = repo_root_sign(edit->keys, content, repo->root, NULL, error);
    return root && repo_root_publish(edit, root, team->report, error);
}

static gboolean rotate(RepoEdit *edit, const RepoRootOptions *options, const char *role, RepoReport *report,
                       GError **error)
{
    TufType type = repo_type_of(role);
    gboolean top = g_str_equal(role, tuf_type_name(type));
    g_autofree char *app = top ? NULL : repo_role_of_app(role);
    if (app && !repo_app(edit->repo, role)) {
        g_autofree char *shown = fs_display(role);
        fault_set(error, FAULT_ABSENT, "%s has no role and no app '%s'", options->path, shown);
        return fault_hint(error, "the roles are root, targets, snapshot, timestamp, and the names of the apps");
    }
    Team team = {.options = options,
                 .role = top ? role : app,
                 .ids = g_ptr_array_new_with_free_func(g_free),
                 .keys = g_ptr_array_new_with_free_func(key_free),
                 .report = report};
    gboolean good = top ? rotate_top(edit, &team, type, error) : rotate_app(edit, &team, role, error);
    g_ptr_array_unref(team.ids);
    g_ptr_array_unref(team.keys);
    return good;
}

gboolean repo_rotate(const RepoRootOptions *options, const char *role, RepoReport *report, GError **error)
{
    repo_report_init(report);
    g_autoptr(RepoEdit) edit = repo_begin(options->path, &options->keys, error);
    return edit && rotate(edit, options, role, report, error);
}
