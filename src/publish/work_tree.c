/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/work_tree.h"

#include "base/fault.h"
#include "base/fs.h"
#include "publish/program.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_LIMIT_S 300
#define NAMED 4

/* As git sees it: a file that leads to the repository, or a directory with a HEAD. */
static gboolean has_repository(const char *directory)
{
    g_autofree char *git = g_build_filename(directory, ".git", NULL), *head = g_build_filename(git, "HEAD", NULL);
    return g_file_test(git, G_FILE_TEST_IS_REGULAR) || g_file_test(head, G_FILE_TEST_EXISTS) ||
           g_file_test(head, G_FILE_TEST_IS_SYMLINK);
}

gboolean work_tree_is_one(const char *directory)
{
    char real[PATH_MAX];
    if (!realpath(directory, real))
        return FALSE;
    g_autofree char *at = g_strdup(real);
    for (;;) {
        if (has_repository(at))
            return TRUE;
        if (strcmp(at, "/") == 0)
            return FALSE;
        char *up = g_path_get_dirname(at);
        g_free(at);
        at = up;
    }
}

/* The paths of `git status --porcelain -z`: "XY PATH", and after a rename the old path as well. */
static GPtrArray *changed_paths(const ProgramAnswer *answer)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    const char *end = answer->output + answer->size;
    for (const char *at = answer->output; at + 3 < end; at += strlen(at) + 1) {
        g_ptr_array_add(paths, fs_display(at + 3));
        if (at[0] == 'R' || at[0] == 'C')
            at += strlen(at) + 1;
    }
    return paths;
}

static gboolean refuse(const char *directory, const GPtrArray *paths, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < MIN(paths->len, NAMED); i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", (char *)paths->pdata[i]);
    if (paths->len > NAMED)
        g_string_append_printf(names, " and %u more", paths->len - NAMED);
    g_autofree char *shown = fs_display(directory);
    fault_set(error, FAULT_POLICY, "%s holds what is not committed: %s", shown, names->str);
    return fault_hint(error, "commit it, put it aside with 'git stash -u', or name it in .gitignore");
}

/* A pathspec that leaves `except` out; NULL where it does not lie in the directory. The caller frees. */
static char *leave_out(const char *directory, const char *except)
{
    char real[PATH_MAX], inside[PATH_MAX];
    if (!except || !realpath(directory, real) || !realpath(except, inside))
        return NULL;
    gsize size = strlen(real);
    gboolean is_inside = strncmp(inside, real, size) == 0 && (inside[size] == '/' || strcmp(real, "/") == 0);
    return is_inside ? g_strconcat(":(exclude,literal)", inside, NULL) : NULL;
}

gboolean work_tree_check(const char *directory, gboolean all, const char *except, GError **error)
{
    if (!work_tree_is_one(directory))
        return TRUE;
    g_autofree char *without = leave_out(directory, except);
    const char *argv[] = {"git",    "--no-optional-locks",
                          "status", "--porcelain=v1",
                          "-z",     "--untracked-files=normal",
                          "--",     all ? ":/" : ".",
                          without,  NULL};
    g_auto(ProgramAnswer) answer = {0};
    if (!program_run(argv, directory, STATUS_LIMIT_S, &answer, error))
        return FALSE;
    if (answer.status != 0)
        return fault_set(error, FAULT_SYSTEM, "git status: %s", answer.complaint);
    g_autoptr(GPtrArray) paths = changed_paths(&answer);
    return paths->len == 0 || refuse(directory, paths, error);
}
