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
#include "parts/service/script.h"

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

typedef struct Play {
    Job *job;
    const Node *scripts; /* REHEARSAL_SCRIPTS */
} Play;

static const char *text_at(const Node *list, guint i)
{
    return ((const Node *)g_ptr_array_index(list->items, i))->text;
}

/* From here on it is a service of a shell line, which needs no manager. */
static gboolean take_script(Job *job, const Node *script, GPtrArray *empty)
{
    Service *service = (Service *)service_named(job->manifest, node_get_text(script, "name", ""));
    const char *start = node_get_text(script, "start", NULL);
    const Node *directories = node_get(script, "directories");
    if (!service || !directories || !node_get(script, "environment") || !node_get(script, "files"))
        return FALSE;
    if (!start)
        return g_ptr_array_remove(job->manifest->services, service);
    g_clear_pointer(&service->unit, g_free);
    g_free(service->start);
    service->start = g_strdup(start);
    for (guint i = 0; i < directories->items->len; i++)
        g_ptr_array_add(empty, g_strdup(text_at(directories, i)));
    return TRUE;
}

static Node *scripts_take(Job *job, const char *scratch, GPtrArray *empty, GError **error)
{
    g_autofree char *path = g_build_filename(scratch, REHEARSAL_SCRIPTS, NULL);
    g_autoptr(Node) list = document_read_file(path, FAULT_STATE, error);
    for (guint i = 0; list && i < list->items->len; i++)
        if (!take_script(job, g_ptr_array_index(list->items, i), empty)) {
            fault_set(error, FAULT_STATE, "%s is damaged", path);
            return NULL;
        }
    return g_steal_pointer(&list);
}

static gboolean read_environment_file(const Service *service, const char *file, GPtrArray *environment, GError **error)
{
    enum { LIMIT_BYTES = 65536 };
    gboolean may_be_missing = *file == '-';
    const char *path = file + may_be_missing;
    g_autoptr(GError) local = NULL;
    g_autofree char *above = g_path_get_dirname(path), *name = g_path_get_basename(path);
    fs_fd int directory = fs_open_dir(above, &local);
    g_autofree char *text = directory < 0 ? NULL : fs_read(directory, name, LIMIT_BYTES, NULL, &local);
    if (text)
        service_script_environment(text, environment);
    return text || may_be_missing ||
           fault_set(error, FAULT_REQUIREMENT, "service '%s' cannot be rehearsed: %s", service->name, local->message);
}

/* The environment of a unit as it is in the scene. Wherever the address of the live data stands, that of those which
 * stand in for them takes its place. */
static gboolean dress(Job *job, const Node *script, GError **error)
{
    const Service *service = service_named(job->manifest, node_get_text(script, "name", ""));
    const Node *plain = node_get(script, "environment"), *files = node_get(script, "files");
    const char *old = job_fact(job, PART_SCENE_OLD), *new = job_fact(job, PART_SCENE_NEW);
    g_autoptr(GPtrArray) environment = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < plain->items->len; i++)
        g_ptr_array_add(environment, g_strdup(text_at(plain, i)));
    for (guint i = 0; service && i < files->items->len; i++)
        if (!read_environment_file(service, text_at(files, i), environment, error))
            return FALSE;
    for (guint i = 0; service && i < environment->len; i++) {
        GString *value = g_string_new(g_ptr_array_index(environment, i));
        if (old && *old && new)
            g_string_replace(value, old, new, 0);
        char *equals = strchr(value->str, '=');
        KeyPair *entry = equals ? g_new0(KeyPair, 1) : NULL;
        if (entry) {
            *entry = (KeyPair){g_strndup(value->str, (gsize)(equals - value->str)), g_strdup(equals + 1)};
            g_ptr_array_add(service->environment, entry);
        }
        g_string_free(value, TRUE);
    }
    return TRUE;
}

/* --- in the scene --- */

static gboolean restore_some(Job *job, gboolean last, GError **error)
{
    g_autofree char *directory = g_build_filename(job->place->backups, job->id, NULL);
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver)
            return FALSE;
        if (driver->scratch_last == last && !driver->scratch(&job->part, set, directory, error))
            return FALSE;
    }
    return TRUE;
}

/* A database is not below the scene's mounts: nothing runs before its address was seen to lead elsewhere. */
static gboolean is_apart(Job *job, const DataSet *set, GError **error)
{
    const BackupDriver *driver = backup_find(set, error);
    if (!driver)
        return FALSE;
    if (!driver->claim)
        return TRUE;
    g_autofree char *claim = driver->claim(&job->part, set);
    g_autofree char *suffix = g_strconcat("__rehearse_", job->id, NULL);
    return (claim && g_str_has_suffix(claim, suffix)) ||
           fault_set(error, FAULT_STATE, "data '%s': their address still leads to the live ones", set->name);
}

static gboolean restore_all(const Play *all, GError **error)
{
    const gboolean turns[] = {FALSE, TRUE};
    for (gsize i = 0; i < G_N_ELEMENTS(turns); i++)
        if (!restore_some(all->job, turns[i], error))
            return FALSE;
    for (guint i = 0; i < all->job->sets->len; i++)
        if (!is_apart(all->job, g_ptr_array_index(all->job->sets, i), error))
            return FALSE;
    return TRUE;
}

/* The tree shows up under its final name, and `current` leads there. */
static gboolean go_live(const Play *all, GError **error)
{
    Job *job = all->job;
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

static gboolean migrate(const Play *all, GError **error)
{
    return migrate_act(all->job, error);
}

static gboolean start(const Play *all, GError **error)
{
    Job *job = all->job;
    for (guint i = 0; i < all->scripts->items->len; i++)
        if (!dress(job, g_ptr_array_index(all->scripts->items, i), error))
            return FALSE;
    if (live_start_new(job, error) && live_prove_new(job, error))
        return TRUE;
    for (guint i = 0; i < job->manifest->services->len; i++)
        say_output(job, g_ptr_array_index(job->manifest->services, i));
    return FALSE;
}

static const struct {
    const char *name;
    gboolean (*act)(const Play *all, GError **error);
} acts[] = {{"restore_ms", restore_all}, {"activate_ms", go_live}, {"migrate_ms", migrate}, {"start_ms", start}};

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
    g_autoptr(Node) scripts = NULL;
    Play all = {.job = job};
    if (job && place_move(job->place, scratch, &error) && (scripts = scripts_take(job, scratch, empty, &error))) {
        all.scripts = scripts;
        if (scene_run(&scene, play, &all, &status, &error))
            return status;
    }
    g_autoptr(Node) answer = node_new_map();
    node_set_bool(answer, "ok", FALSE);
    tell_fault(answer, error);
    return tell(answer);
}
