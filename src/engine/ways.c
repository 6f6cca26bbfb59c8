/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ways_inner.h"

#include "base/fault.h"
#include "base/fs.h"
#include "delta/delta_assemble.h"
#include "engine/inventories.h"
#include "parts/layout/layout.h"
#include "parts/layout/releases.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- what it starts from ------------------------------------------------------------------------------------ */

void ways_base_clear(WaysBase *base)
{
    fs_fd_clear(&base->dirfd);
    g_clear_pointer(&base->text, g_free);
}

gboolean ways_base_open(const Ways *ways, WaysBase *base, GError **error)
{
    const Place *place = ways->catalog->place;
    fs_fd int releases = releases_open(place, error);
    base->dirfd = releases < 0 ? -1 : fs_open_beneath(releases, ways->plan->from, O_RDONLY | O_DIRECTORY, 0, error);
    if (base->dirfd < 0)
        return FALSE;
    base->text = inventories_find(place, ways->plan->from, &base->size, NULL);
    return base->text || fault_set(error, FAULT_STATE, "there is no inventory of %s here", ways->plan->from);
}

gboolean ways_base_find(WaysBase *base, TreeFind find, gboolean *whole, GError **error)
{
    g_autoptr(TreeInventory) inventory = tree_inventory_parse(base->text, base->size, "the installed inventory", error);
    gsize before = base->size;
    if (!inventory)
        return FALSE;
    g_free(base->text);
    base->text = tree_inventory_found(inventory, base->dirfd, find, &base->size);
    if (whole)
        *whole = base->size == before;
    return TRUE;
}

gboolean ways_keep(const Ways *ways, const char *text, gsize size, GError **error)
{
    return !ways->keeps || inventories_keep(ways->catalog->place, ways->plan->to, text, size, error);
}

/* --- by a delta --------------------------------------------------------------------------------------------- */

static gboolean delta_leads(const Plan *plan)
{
    return plan->delta.url && plan->tree && plan->from;
}

static gboolean delta_take(const Ways *ways, int tree, char **sha256, GError **error)
{
    const Plan *plan = ways->plan;
    const HostConfig *host = ways->catalog->host;
    fs_fd int delta = catalog_file(ways->catalog, &plan->delta, ways->progress, ways->data, error);
    if (delta < 0)
        return FALSE;
    *sha256 = g_strdup(plan->to_sha256);
    if (tree < 0)
        return TRUE;
    g_auto(WaysBase) base = {.dirfd = -1};
    if (!ways_base_open(ways, &base, error))
        return FALSE;
    g_autofree char *text = NULL;
    gsize size = 0;
    DeltaAssembly assembly = {.old_dirfd = base.dirfd,
                              .new_dirfd = tree,
                              .delta_fd = delta,
                              .old_text = base.text,
                              .old_size = base.size,
                              .new_digest = plan->tree,
                              .link = ways->links,
                              .limits = {.tree_bytes = (guint64)host->max_release_bytes},
                              .progress = ways->progress,
                              .data = ways->data};
    return delta_assemble(&assembly, &text, &size, error) && ways_keep(ways, text, size, error);
}

/* --- whole -------------------------------------------------------------------------------------------------- */

static gboolean always(const Plan *plan)
{
    (void)plan;
    return TRUE;
}

/* What is in the archive is what was signed twice: as its bytes, and as a tree. */
static gboolean tree_check(const Ways *ways, int tree, GError **error)
{
    const Plan *plan = ways->plan;
    g_autofree char *text = NULL;
    gsize size = 0;
    if (!plan->tree)
        return TRUE;
    g_autoptr(TreeInventory) inventory =
        fs_level(tree, error) ? tree_inventory_read(tree, ".", 2, &text, &size, error) : NULL;
    if (!inventory)
        return FALSE;
    if (strcmp(inventory->digest, plan->tree) != 0)
        return fault_set(error, FAULT_VERIFY, "%s %s: the archive does not hold the tree that was signed", plan->app,
                         plan->to);
    return ways_keep(ways, text, size, error);
}

static gboolean archive_take(const Ways *ways, int tree, char **sha256, GError **error)
{
    const Plan *plan = ways->plan;
    const HostConfig *host = ways->catalog->host;
    ArchiveWanted wanted = {plan->to, plan->url, plan->signature_url, plan->to_sha256, plan->archive_bytes};
    fs_fd int archive = catalog_archive(ways->catalog, &wanted, ways->progress, ways->data, sha256, error);
    if (archive < 0 || tree < 0)
        return archive >= 0;
    g_autofree char *name = g_path_get_basename(plan->url);
    RemoteLimits limits = {(guint64)host->max_release_bytes, (guint64)host->max_entries, (guint64)host->max_file_bytes,
                           TRUE};
    return remote_unpack(archive, name, tree, &limits, ways->progress, ways->data, error) &&
           tree_check(ways, tree, error);
}

/* --- one after the other ------------------------------------------------------------------------------------ */

gint64 ways_lacks(const Place *place, const PlanFile *file)
{
    const ArchiveWanted wanted = {.url = file->url, .sha256 = file->sha256};
    return MAX(file->bytes - (gint64)catalog_cached(place, &wanted), 0);
}

static gint64 delta_lacks(const Place *place, const Plan *plan)
{
    return ways_lacks(place, &plan->delta);
}

gint64 ways_archive_lacks(const Place *place, const Plan *plan)
{
    const PlanFile archive = {plan->url, plan->to_sha256, plan->archive_bytes};
    return ways_lacks(place, &archive);
}

/* In the order in which they are tried. `lacks`: bytes that are to be fetched; NULL: `take` counts them itself. */
static const struct {
    PlanWay way;
    const char *what;
    gboolean (*leads)(const Plan *plan);
    gint64 (*lacks)(const Place *place, const Plan *plan);
    gboolean (*take)(const Ways *ways, int tree, char **sha256, GError **error); /* tree -1: only fetches */
} rows[] = {
    {WAY_DELTA, "the delta", delta_leads, delta_lacks, delta_take},
    {WAY_FRAMES, "the pack", frames_lead, NULL, frames_take},
    {WAY_FRAMES, "the pack", frames_lead, NULL, frames_take_found},
    {WAY_ARCHIVE, "the archive", always, ways_archive_lacks, archive_take},
};

/* Another way may do better: this one is damaged, or does not fit what is here. */
static gboolean is_given_up(const GError *error)
{
    switch (fault_code_of(error)) {
    case FAULT_VERIFY:
    case FAULT_ARCHIVE:
    case FAULT_REQUIREMENT:
    case FAULT_SOURCE:
    case FAULT_STATE:
    case FAULT_SYSTEM:
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean ways_limit(const Plan *plan, const char *what, gint64 bytes, GError **error)
{
    if (plan->max_download == 0 || bytes <= plan->max_download)
        return TRUE;
    fault_set(error, FAULT_POLICY, "%s %s: %s takes %" G_GINT64_FORMAT " bytes, the limit is %" G_GINT64_FORMAT,
              plan->app, plan->to, what, bytes, plan->max_download);
    return fault_hint(error, "raise --max-download, or leave it out");
}

static gboolean within_limit(const Ways *ways, gsize row, GError **error)
{
    const Plan *plan = ways->plan;
    return !rows[row].lacks || ways_limit(plan, rows[row].what, rows[row].lacks(ways->catalog->place, plan), error);
}

/* What another way has left behind. */
static gboolean empty(int tree, GError **error)
{
    int fd = fs_open_beneath(tree, ".", O_RDONLY | O_DIRECTORY, 0, error);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    gboolean good = dir != NULL;
    for (const struct dirent *entry; good && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = fs_remove_tree(tree, entry->d_name, error);
    if (dir)
        closedir(dir);
    return good;
}

static void say_why(const Ways *ways, const char *what, const GError *why, const char *next)
{
    gboolean again = strcmp(what, next) == 0; /* at first the sizes of what is here were believed */
    g_autofree char *text = again ? g_strdup_printf("%s does not fit: %s; reading all that is here", what, why->message)
                                  : g_strdup_printf("%s is of no use here: %s; taking %s", what, why->message, next);
    ways->say(text, ways->data);
}

/* What an inventory says was believed once. */
static gsize next_row(const Plan *plan, gsize row)
{
    do
        row++;
    while (!rows[row].leads(plan) || rows[row].take == frames_take);
    return row;
}

static gboolean take_one(const Ways *ways, int tree, char **sha256, GError **error)
{
    gsize row = 0;
    while (row < G_N_ELEMENTS(rows) - 1 && (rows[row].way != ways->plan->way || !rows[row].leads(ways->plan)))
        row++;
    for (;;) {
        g_autoptr(GError) local = NULL;
        if (rows[row].take(ways, tree, sha256, &local))
            return TRUE;
        if (row == G_N_ELEMENTS(rows) - 1 || !is_given_up(local)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        gsize next = next_row(ways->plan, row);
        say_why(ways, rows[row].what, local, rows[next].what);
        g_clear_pointer(sha256, g_free);
        if ((tree >= 0 && !empty(tree, error)) || !within_limit(ways, next, error))
            return FALSE;
        row = next;
    }
}

gboolean ways_fetch(const Ways *ways, char **sha256, GError **error)
{
    return take_one(ways, -1, sha256, error);
}

gboolean ways_unpack(const Ways *ways, int tree, char **sha256, GError **error)
{
    return take_one(ways, tree, sha256, error);
}

/* --- the choice --------------------------------------------------------------------------------------------- */

static gboolean file_resolve(const Catalog *catalog, const ReleaseFile *file, PlanFile *plan, GError **error)
{
    plan->url = file->url ? source_resolve(catalog->source, file->url, error) : NULL;
    plan->sha256 = g_strdup(file->sha256);
    plan->bytes = file->size_bytes;
    return plan->url || !file->url;
}

/* The delta that starts from what is here, and takes no more memory than we give. */
static const ReleaseDelta *delta_from(const Release *release, const char *version, const char *tree)
{
    for (guint i = 0; release->deltas && i < release->deltas->len; i++) {
        const ReleaseDelta *delta = release->deltas->pdata[i];
        if (strcmp(delta->from, version) == 0 && strcmp(delta->from_tree, tree) == 0 &&
            (guint64)delta->memory_bytes <= DELTA_MEMORY_BYTES)
            return delta;
    }
    return NULL;
}

/* A delta needs all of the old release; what became a link to shared/ is missing. */
static gboolean base_is_whole(const Ways *ways)
{
    g_auto(WaysBase) base = {.dirfd = -1};
    gboolean whole = FALSE;
    return ways_base_open(ways, &base, NULL) && ways_base_find(&base, TREE_FIND_SIZES, &whole, NULL) && whole;
}

static gboolean resolve_all(const Ways *ways, Plan *plan, const Release *release, const char *from_tree, GError **error)
{
    const Catalog *catalog = ways->catalog;
    const ReleaseDelta *delta = delta_from(release, plan->from, from_tree);
    if (delta && !base_is_whole(ways))
        delta = NULL;
    return (!delta || file_resolve(catalog, &delta->file, &plan->delta, error)) &&
           file_resolve(catalog, &release->table, &plan->table, error) &&
           (!catalog->source->driver->ranges || file_resolve(catalog, &release->pack, &plan->pack, error));
}

static void choose(Plan *plan, PlanWay way, gint64 lacks, gint64 all)
{
    plan->way = way;
    plan->download_bytes = all;
    plan->cached_bytes = MAX(all - lacks, 0);
}

/* A table that cannot be had costs a note and more bytes, no update. */
static void choose_frames(const Ways *ways, Plan *plan)
{
    gint64 lacks = 0, all = 0, best = plan->download_bytes - plan->cached_bytes;
    g_autoptr(GError) error = NULL;
    if (ways_lacks(ways->catalog->place, &plan->table) >= best)
        return;
    if (!frames_count(ways, &lacks, &all, &error))
        g_ptr_array_add(plan->notes, g_strdup_printf("the pack is of no use here: %s", error->message));
    else if (lacks < best)
        choose(plan, WAY_FRAMES, lacks, all);
}

gboolean ways_choose(Catalog *catalog, Plan *plan, const Release *release, RemoteProgress progress, gpointer data,
                     GError **error)
{
    const Place *place = catalog->place;
    const Ways ways = {.catalog = catalog, .plan = plan, .progress = progress, .data = data};
    gsize size = 0;
    g_autofree char *tree = NULL, *inventory = plan->from ? inventories_find(place, plan->from, &size, &tree) : NULL;
    plan->archive_bytes = release->size_bytes;
    plan->tree = g_strdup(release->tree);
    if (inventory && plan->tree && !resolve_all(&ways, plan, release, tree, error))
        return FALSE;
    choose(plan, WAY_ARCHIVE, ways_archive_lacks(place, plan), plan->archive_bytes);
    if (delta_leads(plan) && delta_lacks(place, plan) < plan->download_bytes - plan->cached_bytes)
        choose(plan, WAY_DELTA, delta_lacks(place, plan), plan->delta.bytes);
    if (plan->way == WAY_ARCHIVE && frames_lead(plan))
        choose_frames(&ways, plan);
    return TRUE;
}
