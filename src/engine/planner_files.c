/* SPDX-License-Identifier: Apache-2.0 */
/* Before a job: what an update in place would do with the files, and with what their user made of them. */
#include "engine/planner_files.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/room.h"
#include "engine/ways.h"
#include "model/limits.h"
#include "parts/layout/layout.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SCRATCH "plan"
#define TURN_MS 20000 /* how long somebody else's look may take */
#define PAUSE_MS 100

/* The directory for scratch, ours alone as long as it is open. -1 on failure. */
static int scratch_open(const Place *place, GError **error)
{
    fs_fd int fd = fs_make_path(place->staging, 0700, error) ? fs_open_dir(place->staging, error) : -1;
    gint64 deadline = clock_monotonic_ms() + TURN_MS;
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || clock_monotonic_ms() >= deadline) {
            fault_set(error, FAULT_BUSY, "%s: somebody else is planning", place->app);
            return -1;
        }
        clock_sleep_ms(PAUSE_MS);
    }
    return fs_fd_steal(&fd);
}

static gboolean admit(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                      GError **error)
{
    (void)parent_fd;
    (void)name;
    return !S_ISREG(st->st_mode) || limits_allow_file(data, path, (guint64)st->st_size, error);
}

typedef struct Look {
    Planner *planner;
    Plan *plan;
} Look;

static void note(const char *text, gpointer data)
{
    const Look *look = data;
    g_ptr_array_add(look->plan->notes, g_strdup(text));
}

static void tell(guint64 done, guint64 total, gpointer data)
{
    const Planner *planner = ((const Look *)data)->planner;
    if (planner->progress)
        planner->progress(done, total, planner->progress_data);
}

/* The release, as nobody but us sees it. -1 on failure. */
static int unpack(Planner *planner, Plan *plan, int scratch, GError **error)
{
    Look look = {planner, plan};
    const Ways ways = {.catalog = planner->catalog, .plan = plan, .progress = tell, .say = note, .data = &look};
    g_autofree char *sha256 = NULL;
    fs_fd int tree = layout_scratch(scratch, SCRATCH, error);
    return tree >= 0 && ways_unpack(&ways, tree, &sha256, error) ? fs_fd_steal(&tree) : -1;
}

static gboolean has_room(const Planner *planner, Plan *plan, const Release *release)
{
    g_autoptr(GPtrArray) needs = room_needs_new();
    guint64 bytes = release->unpacked_bytes > 0 ? (guint64)release->unpacked_bytes : (guint64)release->size_bytes * 4;
    guint64 entries = release->unpacked_entries > 0 ? (guint64)release->unpacked_entries : 1000;
    room_need(needs, planner->place->state, "a look at the release", bytes, entries);
    room_check(needs, (guint64)planner->host_config->space_margin_bytes, plan->objections);
    return plan->objections->len == 0;
}

static void take_report(Planner *planner, Plan *plan, const LayoutReport *report)
{
    g_autofree char *sum = layout_report_sum(report);
    g_ptr_array_add(plan->notes, g_strdup_printf("files: %s", sum ? sum : "nothing changes"));
    if (planner->manifest->build && planner->manifest->build->len > 0)
        g_ptr_array_add(plan->notes, g_strdup("what its build makes is not in this: nothing of a release runs for a "
                                              "plan"));
    for (guint i = 0; i < report->notes->len; i++)
        g_ptr_array_add(plan->notes, g_strdup(report->notes->pdata[i]));
    for (guint i = 0; i < report->conflicts->len; i++) {
        const LayoutConflict *conflict = g_ptr_array_index(report->conflicts, i);
        objection_add(plan->objections, FAULT_POLICY, NULL, conflict->hint, "%s", conflict->text);
    }
    g_clear_pointer(&planner->differences, g_ptr_array_unref);
    planner->differences = g_ptr_array_ref(report->diffs);
}

static gboolean foresee(Planner *planner, Plan *plan, const LayoutDriver *layout, int tree, GError **error)
{
    g_auto(LayoutReport) report;
    layout_report_init(&report, TRUE);
    const PartContext part = {.place = planner->place, .lock_fd = -1, .databases = planner->config->database};
    const LayoutChange change = {.from = plan->from,
                                 .to = plan->to,
                                 .manifest = planner->manifest,
                                 .take_release = plan->take_release,
                                 .privileged = planner->config->security.privileged_files};
    if (!layout->foresee(&part, &change, tree, &report, error))
        return FALSE;
    take_report(planner, plan, &report);
    return TRUE;
}

/* One that an earlier job made ready is looked at where it lies, with what its build made. */
static gboolean lies_here(const Planner *planner, const Plan *plan, const LayoutDriver *layout)
{
    g_autofree char *path = place_release(planner->place, plan->to, "");
    g_autoptr(ReleaseRecord) record = journal_release(planner->journal, plan->app, plan->to, NULL);
    return record && plan->to_sha256 && g_strcmp0(record->sha256, plan->to_sha256) == 0 && access(path, F_OK) == 0 &&
           layout->verify(planner->place, plan->to, record->tree, NULL);
}

static gboolean foresee_unpacked(Planner *planner, Plan *plan, const LayoutDriver *layout, GError **error)
{
    fs_fd int scratch = scratch_open(planner->place, error);
    fs_fd int tree = scratch < 0 ? -1 : unpack(planner, plan, scratch, error);
    gboolean good =
        tree >= 0 && fs_walk(tree, ".", admit, planner->config, error) && foresee(planner, plan, layout, tree, error);
    g_autoptr(GError) local = NULL;
    if (scratch >= 0 && !fs_remove_tree(scratch, SCRATCH, &local))
        g_ptr_array_add(plan->notes, g_strdup(local->message));
    return good;
}

void planner_foresee(Planner *planner, Plan *plan, const Release *release)
{
    const Manifest *manifest = planner->manifest;
    const LayoutDriver *layout = manifest ? layout_find(manifest->layout, NULL) : NULL;
    if (!layout || !layout->foresee)
        return;
    if (plan->objections->len > 0) {
        g_ptr_array_add(plan->notes, g_strdup("what becomes of the files is looked at when nothing else speaks against "
                                              "it"));
        return;
    }
    g_autoptr(GError) error = NULL;
    gboolean here = !release || lies_here(planner, plan, layout);
    if (!here && !has_room(planner, plan, release))
        return;
    if (here ? foresee(planner, plan, layout, -1, &error) : foresee_unpacked(planner, plan, layout, &error))
        return;
    g_autofree char *text = fault_text(error);
    objection_add(plan->objections, (int)fault_code_of(error), NULL, NULL, "%s", text);
}
