/* SPDX-License-Identifier: Apache-2.0 */
/* The rehearsal's own process: moves into the scene and does there what a job does to the real thing. */
#include "engine/rehearsal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/scene.h"
#include "engine/live.h"
#include "engine/steps.h"
#include "parts/backup/backup.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* What is liftlock's own is not the app's to change in a play: claims, passes and notes of it go to the scratch. */
static gboolean place_move(Place *place, const char *scratch, GError **error)
{
    char **const paths[] = {&place->state,   &place->hold, &place->fence, &place->trust, &place->cache,
                            &place->staging, &place->lock, &place->pass,  &place->status};
    static const char *const names[] = {"state",         "state/hold", "state/fence", "state/trust", "state/cache",
                                        "state/staging", "state/lock", "state/pass",  "state/status"};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_free(*paths[i]);
        *paths[i] = g_build_filename(scratch, names[i], NULL);
    }
    /* Services without a unit are known by this path: the play must not take the live ones for its own. */
    g_free(place->config);
    place->config = g_build_filename(scratch, "app.toml", NULL);
    return fs_make_path(place->hold, 0700, error) && fs_make_path(place->fence, 0700, error) &&
           fs_make_path(place->pass, 0700, error);
}

/* --- in the scene --- */

static gboolean restore_all(Job *job, GError **error)
{
    g_autofree char *directory = g_build_filename(job->place->backups, job->id, NULL);
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver || !driver->scratch(&job->part, set, directory, error))
            return FALSE;
    }
    return TRUE;
}

/* The tree shows up under its final name, and `current` leads there. */
static gboolean go_live(Job *job, GError **error)
{
    g_autofree char *path = NULL, *shown_as = NULL;
    job->layout->staged(job->place, job->plan->to, &path, &shown_as);
    if (!g_file_test(shown_as, G_FILE_TEST_IS_DIR)) {
        g_autofree char *pending = place_release(job->place, job->plan->to, ".pending");
        if (!fs_make_path(shown_as, 0755, error))
            return FALSE;
        if (mount(pending, shown_as, NULL, MS_BIND | MS_REC, NULL) < 0)
            return fault_errno(error, FAULT_REQUIREMENT, errno, "cannot show %s as %s", pending, shown_as);
    }
    fs_fd int root = fs_open_dir(job->place->root, error);
    g_autofree char *target = g_build_filename("releases", job->plan->to, NULL);
    return root >= 0 && fs_link_atomic(root, target, "current", error);
}

static gboolean start(Job *job, GError **error)
{
    return live_start_new(job, error) && live_prove_new(job, error);
}

static const struct {
    const char *name;
    gboolean (*act)(Job *job, GError **error);
} acts[] = {{"restore_ms", restore_all}, {"activate_ms", go_live}, {"migrate_ms", migrate_act}, {"start_ms", start}};

static void tell_fault(Node *answer, const GError *error)
{
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    node_set_int(answer, "code", (gint64)fault_code_of(error));
    node_set_text(answer, "text", text);
    if (hint)
        node_set_text(answer, "hint", hint);
}

static int tell(Node *answer)
{
    g_autofree char *json = node_to_json(answer, 0);
    puts(json);
    return 0;
}

static int play(gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) answer = node_new_map();
    for (gsize i = 0; !error && i < G_N_ELEMENTS(acts); i++) {
        gint64 began = clock_monotonic_ms();
        if (acts[i].act(data, &error))
            node_set_int(answer, acts[i].name, clock_monotonic_ms() - began);
    }
    node_set_bool(answer, "ok", !error);
    if (error)
        tell_fault(answer, error);
    return tell(answer);
}

int rehearsal_main(int argc, char **argv)
{
    if (argc != 4) {
        g_printerr("liftlock: usage: inner rehearse APP JOB SCRATCH\n");
        return 2;
    }
    const char *scratch = argv[3];
    g_autoptr(GError) error = NULL;
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    g_autoptr(Job) job = job_open_apart(host_place_new(g_getenv("LIFTLOCK_ROOT")), argv[1], argv[2], &error);
    int status = 0;
    Scene scene = {.scratch = scratch, .stage = job ? job->place->root : NULL};
    if (job && place_move(job->place, scratch, &error) && scene_run(&scene, play, job, &status, &error))
        return status;
    g_autoptr(Node) answer = node_new_map();
    node_set_bool(answer, "ok", FALSE);
    tell_fault(answer, error);
    return tell(answer);
}
