/* SPDX-License-Identifier: Apache-2.0 */
/* From a delta to the side with rights, and there. */
#include "delta/delta_plan.h"

#include "base/archive_rules.h"
#include "base/fault.h"

#include <string.h>

/* --- telling ------------------------------------------------------------------------------------------------ */

static void put_line(GString *text, const char *line)
{
    g_string_append_len(text, line, (gssize)strlen(line) + 1);
}

static void put_run(GString *text, guint32 first, guint32 count)
{
    if (count == 0)
        return;
    g_string_append_printf(text, "k %u %u", first, count);
    g_string_append_c(text, '\0');
}

static void put_entry(GString *text, const DeltaEntry *entry)
{
    if (entry->origin == DELTA_MOVED)
        g_string_append_printf(text, "m %u %c ", entry->old, entry->runs ? 'x' : '-');
    else
        g_string_append_printf(text, "%c ", entry->kind);
    put_line(text, entry->path);
    if (entry->kind == 'l')
        put_line(text, entry->target);
}

static void put_written(GString *text, const DeltaFile *file)
{
    for (guint i = 0; i < file->groups->len; i++) {
        const GArray *files = ((const DeltaGroup *)file->groups->pdata[i])->files;
        for (guint k = 0; k < files->len; k++) {
            guint32 written = g_array_index(files, guint32, k);
            const DeltaEntry *entry = delta_file_at(file, g_array_index(file->written, guint32, written));
            g_string_append_printf(text, "f %" G_GUINT64_FORMAT " %c ", entry->size, entry->runs ? 'x' : '-');
            put_line(text, entry->path);
        }
    }
}

GString *delta_plan_text(const DeltaFile *file)
{
    GString *text = g_string_new(NULL);
    guint32 first = 0, count = 0;
    for (guint i = 0; i < file->entries->len; i++) {
        const DeltaEntry *entry = delta_file_at(file, i);
        if (entry->origin == DELTA_KEPT && count > 0 && entry->old == first + count) {
            count++;
            continue;
        }
        put_run(text, first, count);
        first = entry->old;
        count = entry->origin == DELTA_KEPT;
        if (entry->origin == DELTA_MADE || entry->origin == DELTA_MOVED)
            put_entry(text, entry);
    }
    put_run(text, first, count);
    put_written(text, file);
    return text;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct Reading {
    char *at, *end;
    const TreeInventory *old;
    DeltaPlan *plan;
    guint64 bytes_left;
    guint n_left; /* entries that may still come */
} Reading;

static char *take_line(Reading *reading)
{
    if (reading->at >= reading->end)
        return NULL;
    char *line = reading->at;
    reading->at += strlen(line) + 1;
    return reading->at <= reading->end ? line : NULL;
}

/* A number of at most `limit`, and what stands behind it. */
static gboolean take_number(char **at, guint64 limit, char behind, guint64 *number)
{
    char *end = *at + strspn(*at, "0123456789");
    char stop = *end;
    if (stop != behind)
        return FALSE;
    *end = '\0';
    gboolean good = g_ascii_string_to_unsigned(*at, 10, 0, limit, number, NULL);
    *at = end + (stop ? 1 : 0);
    return good;
}

static gboolean take_runs(char **at, gboolean *runs)
{
    *runs = **at == 'x';
    if ((**at != 'x' && **at != '-') || (*at)[1] != ' ')
        return FALSE;
    *at += 2;
    return TRUE;
}

static gboolean add(Reading *reading, GArray *to, const PlanEntry *entry)
{
    if (reading->n_left == 0 || archive_path_fault(entry->path))
        return FALSE;
    reading->n_left--;
    g_array_append_vals(to, entry, 1);
    return TRUE;
}

static gboolean add_old(Reading *reading, guint32 i)
{
    const TreeEntry *old = tree_inventory_at(reading->old, i);
    PlanEntry entry = {.path = old->path, .old = i, .runs = old->runs};
    if (old->kind == 'f')
        return add(reading, reading->plan->shared, &entry);
    entry.target = old->kind == 'l' ? old->content : NULL;
    return add(reading, old->kind == 'l' ? reading->plan->links : reading->plan->dirs, &entry);
}

static gboolean read_kept(Reading *reading, char *at)
{
    guint64 first, count, n = reading->old->entries->len;
    if (!take_number(&at, n, ' ', &first) || !take_number(&at, n - first, '\0', &count))
        return FALSE;
    for (guint64 i = first; i < first + count; i++)
        if (!add_old(reading, (guint32)i))
            return FALSE;
    return TRUE;
}

static gboolean read_dir(Reading *reading, char *at)
{
    return add(reading, reading->plan->dirs, &(PlanEntry){.path = at});
}

static gboolean read_link(Reading *reading, char *at)
{
    PlanEntry entry = {.path = at, .target = take_line(reading)};
    return entry.target && !archive_link_fault(at, entry.target) && add(reading, reading->plan->links, &entry);
}

static gboolean read_moved(Reading *reading, char *at)
{
    PlanEntry entry = {.path = NULL};
    guint64 old;
    if (!take_number(&at, G_MAXUINT32, ' ', &old) || old >= reading->old->entries->len ||
        tree_inventory_at(reading->old, (guint)old)->kind != 'f' || !take_runs(&at, &entry.runs))
        return FALSE;
    entry.old = (guint32)old;
    entry.path = at;
    return add(reading, reading->plan->shared, &entry);
}

static gboolean read_written(Reading *reading, char *at)
{
    PlanEntry entry = {.path = NULL};
    if (!take_number(&at, reading->bytes_left, ' ', &entry.size) || !take_runs(&at, &entry.runs))
        return FALSE;
    reading->bytes_left -= entry.size;
    entry.path = at;
    return add(reading, reading->plan->written, &entry);
}

static const struct {
    char kind;
    gboolean (*read)(Reading *reading, char *at);
} lines[] = {
    {'k', read_kept}, {'d', read_dir}, {'l', read_link}, {'m', read_moved}, {'f', read_written},
};

static gboolean read_line(Reading *reading)
{
    char *line = take_line(reading);
    for (gsize i = 0; line && i < G_N_ELEMENTS(lines); i++)
        if (lines[i].kind == line[0] && line[1] == ' ')
            return lines[i].read(reading, line + 2);
    return FALSE;
}

DeltaPlan *delta_plan_read(char *text, gsize size, const TreeInventory *old, guint64 tree_bytes, GError **error)
{
    g_autoptr(DeltaPlan) plan = g_new0(DeltaPlan, 1);
    plan->text = text;
    plan->dirs = g_array_new(FALSE, FALSE, sizeof(PlanEntry));
    plan->links = g_array_new(FALSE, FALSE, sizeof(PlanEntry));
    plan->shared = g_array_new(FALSE, FALSE, sizeof(PlanEntry));
    plan->written = g_array_new(FALSE, FALSE, sizeof(PlanEntry));
    Reading reading = {.at = text, .end = text + size, .old = old, .plan = plan};
    reading.bytes_left = tree_bytes;
    reading.n_left = TREE_MAX_ENTRIES;
    while (reading.at < reading.end) {
        if (read_line(&reading))
            continue;
        fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
        return NULL;
    }
    return g_steal_pointer(&plan);
}

void delta_plan_free(DeltaPlan *plan)
{
    g_array_free(plan->dirs, TRUE);
    g_array_free(plan->links, TRUE);
    g_array_free(plan->shared, TRUE);
    g_array_free(plan->written, TRUE);
    g_free(plan->text);
    g_free(plan);
}
