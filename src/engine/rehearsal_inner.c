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

#include <fcntl.h>
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

/* --- services that are units --- */

static gboolean take_script(Job *job, const Node *script, GPtrArray *empty)
{
    Service *service = (Service *)service_named(job->manifest, node_get_text(script, "name", ""));
    const char *start = node_get_text(script, "start", NULL);
    const Node *environment = node_get(script, "environment"), *directories = node_get(script, "directories");
    if (!service || !environment || !directories)
        return FALSE;
    if (!start)
        return g_ptr_array_remove(job->manifest->services, service);
    g_clear_pointer(&service->unit, g_free);
    g_free(service->start);
    service->start = g_strdup(start);
    for (guint i = 0; i < environment->items->len; i++) {
        g_auto(GStrv) pair = g_strsplit(((const Node *)g_ptr_array_index(environment->items, i))->text, "=", 2);
        KeyPair *entry = g_new0(KeyPair, 1);
        *entry = (KeyPair){g_strdup(pair[0]), g_strdup(pair[1])};
        g_ptr_array_add(service->environment, entry);
    }
    for (guint i = 0; i < directories->items->len; i++)
        g_ptr_array_add(empty, g_strdup(((const Node *)g_ptr_array_index(directories->items, i))->text));
    return TRUE;
}

/* From here on they are services of a shell line, which need no manager. */
static gboolean scripts_take(Job *job, const char *scratch, GPtrArray *empty, GError **error)
{
    g_autofree char *path = g_build_filename(scratch, REHEARSAL_SCRIPTS, NULL);
    g_autoptr(Node) list = document_read_file(path, FAULT_STATE, error);
    for (guint i = 0; list && i < list->items->len; i++)
        if (!take_script(job, g_ptr_array_index(list->items, i), empty))
            return fault_set(error, FAULT_STATE, "%s is damaged", path);
    return list != NULL;
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

/* What a service printed is gone with the scene: its end may be the reason. */
static void say_output(Job *job, const Service *service)
{
    enum { TAIL_BYTES = 2000 };
    char tail[TAIL_BYTES + 1];
    g_autofree char *name = g_strconcat(service->name, ".log", NULL);
    fs_fd int logs = fs_open_dir(job->place->logs, NULL);
    fs_fd int fd = logs < 0 ? -1 : fs_open_beneath(logs, name, O_RDONLY | O_NONBLOCK, 0, NULL);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    ssize_t size = pread(fd, tail, TAIL_BYTES, MAX(st.st_size - TAIL_BYTES, 0));
    tail[MAX(size, 0)] = '\0';
    g_auto(GStrv) lines = g_strsplit(tail, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line)
            job_say(job, "%s: %s", service->name, *line);
}

static gboolean start(Job *job, GError **error)
{
    if (live_start_new(job, error) && live_prove_new(job, error))
        return TRUE;
    for (guint i = 0; i < job->manifest->services->len; i++)
        say_output(job, g_ptr_array_index(job->manifest->services, i));
    return FALSE;
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
    g_autoptr(GPtrArray) empty = g_ptr_array_new_with_free_func(g_free);
    int status = 0;
    Scene scene = {.scratch = scratch, .empty = empty};
    if (job) {
        scene.stage = job->place->root;
        scene.uid = job->place->uid;
        scene.gid = job->place->gid;
        job->part.in_scene = job->service.in_scene = TRUE;
    }
    if (job && place_move(job->place, scratch, &error) && scripts_take(job, scratch, empty, &error) &&
        scene_run(&scene, play, job, &status, &error))
        return status;
    g_autoptr(Node) answer = node_new_map();
    node_set_bool(answer, "ok", FALSE);
    tell_fault(answer, error);
    return tell(answer);
}
