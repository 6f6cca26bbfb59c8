/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what a manifest names, in directories where the app's user can write while we have rights: by descriptors,
 * one entry at a time, and never through a link. */
#include "engine/cleanup.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/glob.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct Cleanup {
    Job *job;
    int root;                         /* what names are relative to */
    const char *base;                 /* its path in the app's root, or in the release: "shared", "www" or "" */
    GPtrArray *kept;                  /* char *, borrowed: paths relative to the app's root that nothing is taken of */
    GPtrArray *directories, *emptied; /* char *: found on the walk, parents before children */
    guint files;
} Cleanup;

typedef struct Aging {
    Cleanup *cleanup;
    const DirectoryRule *rule;
    const char *below; /* its directory, from the cleanup's root */
    gint64 before_s;   /* files last changed before this are old */
} Aging;

#define DAY_S (24 * 60 * 60)

/* --- what stays ------------------------------------------------------------------------------------------------- */

static gboolean lies_in(const char *path, const char *directory)
{
    gsize length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Liftlock's own names, and the app's data. */
static void kept_add_own(Cleanup *cleanup)
{
    static const char *const ours[] = {".liftlock", ".liftlock-store", "logs/update.log",
                                       "current",   "releases",        "system"};
    const Manifest *manifest = cleanup->job->manifest;
    for (guint i = 0; i < (manifest->layout == LAYOUT_FILES ? 3 : G_N_ELEMENTS(ours)); i++)
        g_ptr_array_add(cleanup->kept, (gpointer)ours[i]);
    for (guint i = 0; i < cleanup->job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(cleanup->job->sets, i);
        if (set->path && set->class_ != DATA_CACHE)
            g_ptr_array_add(cleanup->kept, set->path);
    }
}

/* And what the manifest preserves. */
static void kept_fill(Cleanup *cleanup, GPtrArray *own)
{
    const Manifest *manifest = cleanup->job->manifest;
    kept_add_own(cleanup);
    for (guint i = 0; i < manifest->shared->len; i++) {
        const SharedPath *shared = g_ptr_array_index(manifest->shared, i);
        if (shared->class_ != DATA_CACHE) {
            g_ptr_array_add(own, g_build_filename("shared", shared->path, NULL));
            g_ptr_array_add(cleanup->kept, g_ptr_array_index(own, own->len - 1));
        }
    }
    for (guint i = 0; i < manifest->directory_rules->len; i++) {
        const DirectoryRule *rule = g_ptr_array_index(manifest->directory_rules, i);
        if (rule->preserve)
            g_ptr_array_add(cleanup->kept, rule->path);
    }
}

/* `whole`: also what has something in it that stays. */
static gboolean stays(const Cleanup *cleanup, const char *path, gboolean whole)
{
    g_autofree char *full = *cleanup->base ? g_build_filename(cleanup->base, path, NULL) : g_strdup(path);
    for (guint i = 0; i < cleanup->kept->len; i++) {
        const char *kept = g_ptr_array_index(cleanup->kept, i);
        if (lies_in(full, kept) || (whole && lies_in(kept, full)))
            return TRUE;
    }
    return FALSE;
}

/* --- what goes -------------------------------------------------------------------------------------------------- */

/* What a manifest calls it. */
static char *in_release(const Cleanup *cleanup, const char *path)
{
    gboolean in_place = cleanup->job->manifest->layout == LAYOUT_FILES;
    return in_place && *cleanup->base ? g_build_filename(cleanup->base, path, NULL) : g_strdup(path);
}

static gboolean names_file(const Cleanup *cleanup, const char *name, const char *below)
{
    const GPtrArray *globs = cleanup->job->manifest->cleanup.remove_files;
    g_autofree char *path = in_release(cleanup, below);
    for (guint i = 0; i < globs->len; i++) {
        const char *glob = g_ptr_array_index(globs, i);
        if (glob_matches(glob, strchr(glob, '/') ? path : name))
            return TRUE;
    }
    return FALSE;
}

static gboolean names_directory(const Cleanup *cleanup, const char *below)
{
    const GPtrArray *globs = cleanup->job->manifest->cleanup.remove_directories;
    g_autofree char *path = in_release(cleanup, below);
    for (guint i = 0; i < globs->len; i++)
        if (glob_matches(g_ptr_array_index(globs, i), path))
            return TRUE;
    return FALSE;
}

static void say_failed(Cleanup *cleanup, const char *path, int errno_value)
{
    g_autofree char *shown = fs_display(path);
    job_say(cleanup->job, "cleanup: cannot remove %s: %s", shown, g_strerror(errno_value));
}

static gboolean visit(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                      GError **error)
{
    Cleanup *cleanup = data;
    gboolean directory = S_ISDIR(st->st_mode);
    if (directory && names_directory(cleanup, path) && !stays(cleanup, path, TRUE))
        g_ptr_array_add(cleanup->directories, g_strdup(path));
    else if (directory && names_file(cleanup, name, path) && !stays(cleanup, path, FALSE))
        g_ptr_array_add(cleanup->emptied, g_strdup(path));
    else if ((S_ISREG(st->st_mode) || S_ISLNK(st->st_mode)) && names_file(cleanup, name, path) &&
             !stays(cleanup, path, FALSE)) {
        if (unlinkat(parent_fd, name, 0) == 0)
            cleanup->files++;
        else if (errno != ENOENT)
            say_failed(cleanup, path, errno);
    }
    return TRUE;
}

/* A directory that remove_files names goes if nothing is left in it: "__pycache__" of which "*.pyc" were all. */
static void remove_emptied(Cleanup *cleanup)
{
    for (guint i = cleanup->emptied->len; i > 0; i--) {
        const char *path = g_ptr_array_index(cleanup->emptied, i - 1);
        g_autofree char *above = g_path_get_dirname(path), *name = g_path_get_basename(path);
        fs_fd int parent = fs_open_beneath(cleanup->root, above, O_RDONLY | O_DIRECTORY, 0, NULL);
        if (parent >= 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
            say_failed(cleanup, path, errno);
    }
}

static guint remove_directories(Cleanup *cleanup)
{
    guint removed = 0;
    for (guint i = 0; i < cleanup->directories->len; i++) {
        g_autoptr(GError) error = NULL;
        if (fs_remove_tree(cleanup->root, g_ptr_array_index(cleanup->directories, i), &error))
            removed++;
        else
            job_say(cleanup->job, "cleanup: %s", error->message);
    }
    return removed;
}

/* Below a folder of the host, which the manifest calls `base`. */
static void remove_in(Job *job, const char *folder, const char *beneath, const char *base)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new(), own = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) directories = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) emptied = g_ptr_array_new_with_free_func(g_free);
    Cleanup cleanup = {.job = job, .base = base, .kept = kept, .directories = directories, .emptied = emptied};
    g_autoptr(GError) error = NULL;
    fs_fd int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fs_fd int below = root < 0 ? -1 : fs_open_beneath(root, beneath, O_RDONLY | O_DIRECTORY, 0, &error);
    if (below < 0) {
        job_say(job, "cleanup: %s", error ? error->message : "the app's root cannot be opened");
        return;
    }
    cleanup.root = below;
    kept_fill(&cleanup, own);
    if (!fs_walk(below, ".", visit, &cleanup, &error))
        job_say(job, "cleanup: %s", error->message);
    guint gone = remove_directories(&cleanup);
    remove_emptied(&cleanup);
    if (cleanup.files + gone > 0)
        job_say(job, "cleanup: removed %u files, %u directories", cleanup.files, gone);
}

static void remove_all(Job *job)
{
    const Place *place = job->place;
    gboolean in_place = job->manifest->layout == LAYOUT_FILES;
    remove_in(job, place->root, in_place ? "." : "shared", in_place ? "" : "shared");
    for (guint i = 0; in_place && i < place->away->len; i++) {
        const PlaceAway *away = g_ptr_array_index(place->away, i);
        remove_in(job, away->path, ".", away->directory);
    }
}

/* --- directories that grow old, or hold nothing of worth ------------------------------------------------------- */

static gboolean visit_old(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                          GError **error)
{
    Aging *aging = data;
    gboolean is_top = strcmp(aging->below, ".") == 0;
    g_autofree char *full = is_top ? g_strdup(path) : g_build_filename(aging->below, path, NULL);
    gboolean old = !aging->rule->preserve || (gint64)st->st_mtim.tv_sec < aging->before_s;
    if (stays(aging->cleanup, full, FALSE))
        return TRUE;
    if (S_ISDIR(st->st_mode) && !aging->rule->preserve)
        g_ptr_array_add(aging->cleanup->emptied, g_steal_pointer(&full));
    else if (!S_ISDIR(st->st_mode) && old && unlinkat(parent_fd, name, 0) == 0)
        aging->cleanup->files++;
    return TRUE;
}

static gboolean ages(const DirectoryRule *rule)
{
    return !rule->preserve || rule->cleanup_old;
}

/* The folder that a directory of the release lies in, and its path there. */
static const char *folder_of(const Place *place, const char *directory, const char **base, const char **below)
{
    for (guint i = 0; i < place->away->len; i++) {
        const PlaceAway *away = g_ptr_array_index(place->away, i);
        *base = away->directory;
        if ((*below = place_below(directory, away->directory)))
            return away->path;
    }
    *base = "";
    *below = directory;
    return place->root;
}

static guint age_directory(Job *job, const DirectoryRule *rule)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new(), emptied = g_ptr_array_new_with_free_func(g_free);
    const char *base, *below, *folder = folder_of(job->place, rule->path, &base, &below);
    fs_fd int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Cleanup cleanup = {.job = job, .root = root, .base = base, .kept = kept, .emptied = emptied};
    Aging aging = {&cleanup, rule, below, clock_now_s() - rule->keep_days * DAY_S};
    g_autoptr(GError) error = NULL;
    kept_add_own(&cleanup);
    if (root >= 0 && fs_exists(root, below) && !fs_walk(root, below, visit_old, &aging, &error))
        job_say(job, "cleanup: %s", error->message);
    remove_emptied(&cleanup);
    return cleanup.files;
}

/* In place only: a rule for a directory of its own. What is data stays, whatever the rule. */
static void age_directories(Job *job)
{
    guint files = 0;
    for (guint i = 0; i < job->manifest->directory_rules->len; i++) {
        const DirectoryRule *rule = g_ptr_array_index(job->manifest->directory_rules, i);
        if (ages(rule))
            files += age_directory(job, rule);
    }
    if (files > 0)
        job_say(job, "cleanup: removed %u old files", files);
}

/* --- commands --- */

/* What ran to its end in a job is not run again by its recovery. */
static void run_commands(Job *job)
{
    const GPtrArray *commands = job->manifest->cleanup.commands;
    const char *directory = job->manifest->layout == LAYOUT_FILES ? job->place->root : job->place->current;
    for (guint i = 0; i < commands->len; i++) {
        g_autofree char *fact = g_strdup_printf("cleanup.%u", i);
        g_autoptr(GError) error = NULL;
        if (job_fact(job, fact))
            continue;
        if (!part_run_line(&job->part, g_ptr_array_index(commands, i), g_ptr_array_index(commands, i), directory,
                           job->manifest->hooks.timeout_ms, FAULT_HOOK, &error))
            job_say(job, "cleanup: %s", error->message);
        if (!job_fact_set(job, fact, "done", &error))
            return;
    }
}

void cleanup_run(Job *job)
{
    const Manifest *manifest = job->manifest;
    if (manifest->layout == LAYOUT_FILES)
        age_directories(job);
    if (manifest->cleanup.remove_files->len + manifest->cleanup.remove_directories->len > 0)
        remove_all(job);
    run_commands(job);
}
