/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a delta file. */
#include "delta/delta_file.h"

#include "base/archive_rules.h"
#include "base/fault.h"
#include "base/shown.h"
#include "delta/bytes.h"
#include "delta/delta_inner.h"

#include <string.h>
#include <zstd.h>

enum { PATH_MAX_BYTES = 4095 };

/* --- values ------------------------------------------------------------------------------------------------- */

DeltaGroup *delta_group_new(DeltaCodec codec)
{
    DeltaGroup *group = g_new0(DeltaGroup, 1);
    group->codec = codec;
    group->files = g_array_new(FALSE, FALSE, sizeof(guint32));
    group->old = g_array_new(FALSE, FALSE, sizeof(guint32));
    return group;
}

void delta_group_free(DeltaGroup *group)
{
    g_array_free(group->files, TRUE);
    g_array_free(group->old, TRUE);
    g_free(group);
}

static void free_group(gpointer group)
{
    delta_group_free(group);
}

static void entry_clear(gpointer entry)
{
    g_free(((DeltaEntry *)entry)->path);
    g_free(((DeltaEntry *)entry)->target);
}

static DeltaFile *file_new(void)
{
    DeltaFile *file = g_new0(DeltaFile, 1);
    file->entries = g_array_new(FALSE, TRUE, sizeof(DeltaEntry));
    g_array_set_clear_func(file->entries, entry_clear);
    file->written = g_array_new(FALSE, FALSE, sizeof(guint32));
    file->groups = g_ptr_array_new_with_free_func(free_group);
    return file;
}

void delta_file_free(DeltaFile *file)
{
    g_array_free(file->entries, TRUE);
    g_array_free(file->written, TRUE);
    g_ptr_array_free(file->groups, TRUE);
    g_free(file);
}

/* A single old file is mapped and costs nothing; several are laid one behind the other for a prefix. */
guint64 delta_group_memory(const DeltaGroup *group)
{
    guint64 bytes = DELTA_OWN_BYTES;
    if (group->codec == DELTA_PLAIN)
        return bytes;
    if (group->codec == DELTA_PREFIX && group->old->len == 0)
        return bytes + MIN(group->size, (guint64)1 << DELTA_ALONE_WINDOW_LOG);
    if (group->codec == DELTA_PREFIX)
        return bytes + group->size + (group->old->len > 1 ? group->old_size : 0);
    for (guint i = 0; i < group->n_streams; i++)
        bytes += group->streams[i].size == group->streams[i].stored ? 0 : group->streams[i].size;
    return bytes;
}

/* --- the entries -------------------------------------------------------------------------------------------- */

typedef struct Reading {
    const TreeInventory *old;
    const DeltaLimits *limits;
    DeltaFile *file;
    ByteReader meta;
    guint32 next_old;
    guint64 tree_bytes;
} Reading;

static const TreeEntry *old_at(const Reading *reading, guint64 i)
{
    return i < reading->old->entries->len ? tree_inventory_at(reading->old, (guint)i) : NULL;
}

static gboolean broken(GError **error)
{
    return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
}

static gboolean refuse(GError **error, const char *path, const char *why)
{
    g_autofree char *shown = shown_text(path);
    return fault_set(error, FAULT_ARCHIVE, "the delta: '%s': %s", shown, why);
}

/* What follows the path of an entry. */
static gboolean read_attributes(Reading *reading, DeltaEntry *entry)
{
    ByteReader *meta = &reading->meta;
    guint64 what = bytes_number_upto(meta, ATTRIBUTE_RUNS | ATTRIBUTE_MOVED);
    const TreeEntry *old;
    entry->runs = (what & ATTRIBUTE_RUNS) != 0;
    entry->origin = DELTA_MADE;
    switch (what & ~(guint64)ATTRIBUTE_RUNS) {
    case ATTRIBUTE_DIRECTORY:
        entry->kind = 'd';
        return !entry->runs;
    case ATTRIBUTE_LINK:
        entry->kind = 'l';
        entry->target = bytes_text(meta, PATH_MAX_BYTES);
        return entry->target && !entry->runs;
    case ATTRIBUTE_WRITTEN:
        entry->kind = 'f';
        entry->origin = DELTA_WRITTEN;
        entry->size = bytes_number_upto(meta, reading->limits->tree_bytes);
        return TRUE;
    default:
        entry->kind = 'f';
        entry->origin = DELTA_MOVED;
        entry->old = (guint32)bytes_number_upto(meta, G_MAXUINT32);
        old = old_at(reading, entry->old);
        entry->size = old ? old->size : 0;
        return old && old->kind == 'f';
    }
}

static const char *last_path(const DeltaFile *file)
{
    return file->entries->len > 0 ? delta_file_at(file, file->entries->len - 1)->path : "";
}

/* Takes what entry has. */
static gboolean add_entry(Reading *reading, DeltaEntry *entry, GError **error)
{
    DeltaFile *file = reading->file;
    const char *fault = archive_path_fault(entry->path);
    if (!fault && entry->kind == 'l')
        fault = archive_link_fault(entry->path, entry->target);
    if (!fault && strcmp(last_path(file), entry->path) >= 0)
        fault = "it is not in order";
    if (!fault && file->entries->len >= TREE_MAX_ENTRIES)
        fault = "it is one entry too many";
    if (!fault && entry->kind == 'f' && entry->size > reading->limits->tree_bytes - reading->tree_bytes)
        fault = "the tree would be too large";
    if (fault) {
        refuse(error, entry->path, fault);
        entry_clear(entry);
        return FALSE;
    }
    if (entry->kind == 'f')
        reading->tree_bytes += entry->size;
    if (entry->origin == DELTA_WRITTEN)
        g_array_append_val(file->written, file->entries->len);
    g_array_append_vals(file->entries, entry, 1);
    return TRUE;
}

static gboolean keep(Reading *reading, GError **error)
{
    const TreeEntry *old = old_at(reading, reading->next_old);
    if (!old)
        return broken(error);
    DeltaEntry entry = {.path = g_strdup(old->path), .kind = old->kind, .runs = old->runs, .size = old->size};
    entry.origin = DELTA_KEPT;
    entry.old = reading->next_old++;
    entry.target = old->kind == 'l' ? g_strdup(old->content) : NULL;
    return add_entry(reading, &entry, error);
}

static gboolean edit(Reading *reading, GError **error)
{
    const TreeEntry *old = old_at(reading, reading->next_old);
    DeltaEntry entry = {.path = old ? g_strdup(old->path) : NULL};
    reading->next_old++;
    if (old && read_attributes(reading, &entry) && !reading->meta.broken)
        return add_entry(reading, &entry, error);
    entry_clear(&entry);
    return broken(error);
}

static gboolean add(Reading *reading, GError **error)
{
    const char *last = last_path(reading->file);
    gsize shared = (gsize)bytes_number_upto(&reading->meta, strlen(last));
    g_autofree char *rest = bytes_text(&reading->meta, PATH_MAX_BYTES);
    DeltaEntry entry = {.path = rest ? g_strdup_printf("%.*s%s", (int)shared, last, rest) : NULL};
    if (rest && read_attributes(reading, &entry) && !reading->meta.broken)
        return add_entry(reading, &entry, error);
    entry_clear(&entry);
    return broken(error);
}

static gboolean drop(Reading *reading, GError **error)
{
    return reading->next_old++ < reading->old->entries->len || broken(error);
}

static gboolean read_entries(Reading *reading, GError **error)
{
    static gboolean (*const steps[])(Reading * reading, GError * *error) = {
        [STEP_KEEP] = keep, [STEP_DROP] = drop, [STEP_EDIT] = edit, [STEP_ADD] = add};
    guint64 n = bytes_number_upto(&reading->meta, TREE_MAX_ENTRIES);
    while (!reading->meta.broken &&
           (reading->file->entries->len < n || reading->next_old < reading->old->entries->len)) {
        guint64 step = bytes_number(&reading->meta), count = step / STEP_N;
        if (count == 0 || count > 2 * (guint64)TREE_MAX_ENTRIES)
            return broken(error);
        for (; count > 0; count--)
            if (!steps[step % STEP_N](reading, error))
                return FALSE;
    }
    return (!reading->meta.broken && reading->file->entries->len == n) || broken(error);
}

/* --- the groups --------------------------------------------------------------------------------------------- */

/* Rising numbers below `limit`, each as the distance to the one before. */
static gboolean read_rising(ByteReader *reader, guint64 limit, GArray *numbers)
{
    guint64 n = bytes_number_upto(reader, limit), next = 0;
    for (; n > 0; n--) {
        next += bytes_number_upto(reader, limit);
        if (reader->broken || next >= limit)
            return FALSE;
        guint32 number = (guint32)next++;
        g_array_append_val(numbers, number);
    }
    return !reader->broken;
}

static gboolean read_files(Reading *reading, DeltaGroup *group, GByteArray *taken)
{
    if (!read_rising(&reading->meta, reading->file->written->len, group->files) ||
        !read_rising(&reading->meta, reading->old->entries->len, group->old) || group->files->len == 0)
        return FALSE;
    for (guint i = 0; i < group->files->len; i++) {
        guint32 k = g_array_index(group->files, guint32, i);
        if (taken->data[k]++)
            return FALSE;
        group->size += delta_file_at(reading->file, g_array_index(reading->file->written, guint32, k))->size;
    }
    for (guint i = 0; i < group->old->len; i++) {
        const TreeEntry *old = old_at(reading, g_array_index(group->old, guint32, i));
        if (old->kind != 'f' || old->size > DELTA_MAX_TREE)
            return FALSE;
        group->old_size += old->size;
    }
    return group->old_size <= DELTA_MAX_TREE;
}

static gboolean read_streams(Reading *reading, DeltaGroup *group, ByteReader *body)
{
    group->n_streams = group->codec == DELTA_OPS ? OPS_STREAMS + group->width : 1;
    for (guint i = 0; i < group->n_streams; i++) {
        DeltaStream *stream = &group->streams[i];
        stream->size = bytes_number_upto(&reading->meta, DELTA_MAX_TREE);
        stream->stored = bytes_number_upto(&reading->meta, DELTA_MAX_TREE);
        if (reading->meta.broken)
            return FALSE;
        stream->bytes = bytes_take(body, stream->stored);
    }
    return !body->broken && (group->codec == DELTA_OPS || group->streams[0].size == group->size) &&
           (group->codec != DELTA_PLAIN || group->streams[0].stored == group->size);
}

static gboolean read_group(Reading *reading, ByteReader *body, GByteArray *taken, GError **error)
{
    DeltaGroup *group = delta_group_new((DeltaCodec)bytes_number_upto(&reading->meta, DELTA_N_CODECS - 1));
    g_ptr_array_add(reading->file->groups, group);
    group->width = group->codec == DELTA_OPS ? (guint)bytes_number_upto(&reading->meta, DELTA_MAX_WIDTH) : 1;
    if (group->width == 0 || !read_files(reading, group, taken) || !read_streams(reading, group, body))
        return broken(error);
    guint64 memory = delta_group_memory(group);
    if (memory > reading->file->memory_bytes)
        return fault_set(error, FAULT_ARCHIVE, "the delta takes more memory than it says");
    return TRUE;
}

static gboolean read_groups(Reading *reading, ByteReader *body, GError **error)
{
    guint n_written = reading->file->written->len;
    g_autoptr(GByteArray) taken = g_byte_array_new();
    g_byte_array_set_size(taken, n_written);
    memset(taken->data, 0, n_written);
    guint64 n = bytes_number_upto(&reading->meta, DELTA_MAX_GROUPS);
    for (; n > 0; n--)
        if (!read_group(reading, body, taken, error))
            return FALSE;
    for (guint i = 0; i < n_written; i++)
        if (!taken->data[i])
            return broken(error);
    return (!reading->meta.broken && reading->meta.at == reading->meta.end && body->at == body->end) || broken(error);
}

/* --- the whole ---------------------------------------------------------------------------------------------- */

static gboolean read_head(DeltaFile *file, ByteReader *reader, GError **error)
{
    DeltaHead head;
    if (!delta_head_take(reader, &head, error))
        return FALSE;
    memcpy(file->old_digest, head.old_digest, sizeof head.old_digest);
    memcpy(file->new_digest, head.new_digest, sizeof head.new_digest);
    file->memory_bytes = head.memory_bytes;
    return TRUE;
}

/* The part with entries and groups, unpacked. The caller frees. */
static guint8 *read_meta(ByteReader *reader, const DeltaLimits *limits, gsize *size, GError **error)
{
    guint64 raw = bytes_number(reader), stored = bytes_number(reader);
    const guint8 *bytes = bytes_take(reader, stored);
    if (!bytes || raw > MIN(TREE_MAX_TEXT, limits->memory_bytes)) {
        broken(error);
        return NULL;
    }
    guint8 *meta = g_malloc(raw + 1);
    *size = raw;
    if (raw == stored)
        memcpy(meta, bytes, raw);
    else if (ZSTD_decompress(meta, raw, bytes, stored) != raw)
        g_clear_pointer(&meta, g_free);
    if (!meta)
        broken(error);
    return meta;
}

static gboolean check_head(const DeltaFile *file, const TreeInventory *old, const DeltaLimits *limits, GError **error)
{
    if (strcmp(file->old_digest, old->digest) != 0)
        return fault_set(error, FAULT_VERIFY, "the delta starts from another tree than the one here");
    if (file->memory_bytes > limits->memory_bytes)
        return fault_set(error, FAULT_REQUIREMENT,
                         "applying the delta takes %" G_GUINT64_FORMAT " MiB of memory, allowed are %" G_GUINT64_FORMAT
                         " MiB",
                         (file->memory_bytes + 1048575) / 1048576, limits->memory_bytes / 1048576);
    return TRUE;
}

DeltaFile *delta_file_read(const guint8 *bytes, gsize size, const TreeInventory *old, const DeltaLimits *limits,
                           GError **error)
{
    ByteReader reader = {.at = bytes, .end = bytes + size};
    g_autoptr(DeltaFile) file = file_new();
    gsize meta_size = 0;
    if (!read_head(file, &reader, error) || !check_head(file, old, limits, error))
        return NULL;
    g_autofree guint8 *meta = read_meta(&reader, limits, &meta_size, error);
    Reading reading = {.old = old, .limits = limits, .file = file, .meta = {.at = meta, .end = meta + meta_size}};
    if (!meta || !read_entries(&reading, error) || !read_groups(&reading, &reader, error))
        return NULL;
    return g_steal_pointer(&file);
}
