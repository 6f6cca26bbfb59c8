/* SPDX-License-Identifier: Apache-2.0 */
/* From any version: the frames of the release's pack that hold what is not here. What came of them before an
 * interruption lies in the cache, and each frame proves itself by its digest. */
#include "base/fault.h"
#include "base/fs.h"
#include "delta/pack_assemble.h"
#include "engine/ways_inner.h"

#include <unistd.h>

/* Asking once more costs about as much as so many bytes. */
#define GAP_BYTES (16 * 1024)

typedef struct Frames {
    WaysBase base;
    int table, pack;
    char *text; /* the release's inventory */
    gsize size;
    PackAssembly assembly; /* of the above */
    GArray *ranges;        /* PackRange: what is still to be fetched */
} Frames;

static void frames_clear(Frames *frames)
{
    ways_base_clear(&frames->base);
    fs_fd_clear(&frames->table);
    fs_fd_clear(&frames->pack);
    g_clear_pointer(&frames->text, g_free);
    g_clear_pointer(&frames->ranges, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Frames, frames_clear)

gboolean frames_lead(const Plan *plan)
{
    return plan->pack.url && plan->table.url && plan->tree && plan->from;
}

static gboolean frames_open(const Ways *ways, TreeFind find, int tree, Frames *frames, GError **error)
{
    const Plan *plan = ways->plan;
    if (!ways_base_open(ways, &frames->base, error) || !ways_base_find(&frames->base, find, NULL, error))
        return FALSE;
    frames->table = catalog_file(ways->catalog, &plan->table, ways->progress, ways->data, error);
    if (frames->table < 0 || !pack_inventory(frames->table, plan->tree, &frames->text, &frames->size, error))
        return FALSE;
    frames->pack = catalog_part(ways->catalog, &plan->pack, error);
    frames->assembly = (PackAssembly){.old_dirfd = frames->base.dirfd,
                                      .old_text = frames->base.text,
                                      .old_size = frames->base.size,
                                      .new_text = frames->text,
                                      .new_size = frames->size,
                                      .new_digest = plan->tree,
                                      .table_fd = frames->table,
                                      .pack_fd = frames->pack,
                                      .new_dirfd = tree,
                                      .link = ways->links,
                                      .progress = ways->progress,
                                      .data = ways->data};
    frames->ranges = frames->pack < 0 ? NULL : pack_plan(&frames->assembly, GAP_BYTES, error);
    return frames->ranges != NULL;
}

static gint64 frames_bytes(const Frames *frames)
{
    guint64 bytes = 0;
    for (guint i = 0; i < frames->ranges->len; i++)
        bytes += g_array_index(frames->ranges, PackRange, i).size;
    return (gint64)bytes;
}

static gboolean ranges_fetch(const Ways *ways, const Frames *frames, GError **error)
{
    const Plan *plan = ways->plan;
    g_autofree SourceRange *ranges = g_new(SourceRange, frames->ranges->len + 1);
    for (guint i = 0; i < frames->ranges->len; i++) {
        const PackRange *range = &g_array_index(frames->ranges, PackRange, i);
        ranges[i] = (SourceRange){range->at, range->size};
    }
    gint64 bytes = frames_bytes(frames);
    if (bytes > ways_archive_lacks(ways->catalog->place, plan))
        return fault_set(error, FAULT_REQUIREMENT, "the archive has fewer bytes than what is lacking");
    return frames->ranges->len == 0 ||
           (ways_limit(plan, "what is lacking of its pack", bytes, error) &&
            source_fetch_ranges(ways->catalog->source, plan->pack.url, ranges, frames->ranges->len,
                                (guint64)plan->pack.bytes, frames->pack, ways->progress, ways->data, error));
}

static gboolean take(const Ways *ways, TreeFind find, int tree, char **sha256, GError **error)
{
    g_auto(Frames) frames = {.base = {.dirfd = -1}, .table = -1, .pack = -1};
    if (!frames_open(ways, find, tree, &frames, error) || !ranges_fetch(ways, &frames, error))
        return FALSE;
    *sha256 = g_strdup(ways->plan->to_sha256);
    return tree < 0 || (pack_assemble(&frames.assembly, error) && ways_keep(ways, frames.text, frames.size, error));
}

gboolean frames_take(const Ways *ways, int tree, char **sha256, GError **error)
{
    return take(ways, TREE_FIND_SIZES, tree, sha256, error);
}

gboolean frames_take_found(const Ways *ways, int tree, char **sha256, GError **error)
{
    return take(ways, TREE_FIND_CONTENTS, tree, sha256, error);
}

gboolean frames_count(const Ways *ways, gint64 *lacks, gint64 *all, GError **error)
{
    const PlanFile *table = &ways->plan->table;
    g_auto(Frames) frames = {.base = {.dirfd = -1}, .table = -1, .pack = -1};
    gint64 table_lacks = ways_lacks(ways->catalog->place, table); /* before it is fetched */
    if (!frames_open(ways, TREE_FIND_SIZES, -1, &frames, error))
        return FALSE;
    *lacks = table_lacks + frames_bytes(&frames);
    *all = table->bytes + frames_bytes(&frames);
    return TRUE;
}
