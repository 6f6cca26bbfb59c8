/* SPDX-License-Identifier: Apache-2.0 */
/* What a release's conditions come to on a host, and what its cleanup takes: also where we have rights and the app's
 * user has been there first. */
#include "base/fault.h"
#include "base/fs.h"
#include "engine/cleanup.h"
#include "engine/conditions.h"
#include "model/policy.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOMEBODY 65534 /* nobody, where we are root */

typedef struct Fixture {
    char *root;
    HostPlace *host;
    Place *place;
    HostConfig host_config;
    AppConfig *config;
    Manifest *manifest;
    PartContext part;
    Conditions conditions;
    GPtrArray *objections, *not_now, *notes, *steps;
} Fixture;

static AppConfig *config_from(const char *more)
{
    GError *error = NULL;
    g_autofree char *toml =
        g_strconcat("[source]\ntype = \"folder\"\npath = \"/x\"\n[trust]\nlevel = \"none\"\n", more, NULL);
    Node *document = document_parse(DOCUMENT_TOML, toml, strlen(toml), "wiki.toml", FAULT_CONFIG, &error);
    AppConfig *config = document ? app_config_read(document, "wiki", "wiki.toml", &error) : NULL;
    g_assert_no_error(error);
    return config;
}

static void set_manifest(Fixture *f, const char *more)
{
    GError *error = NULL;
    g_autofree char *yaml = g_strconcat("version: 2.0.0\n", more, NULL);
    Node *document = document_parse(DOCUMENT_YAML, yaml, strlen(yaml), "m", FAULT_MANIFEST, &error);
    manifest_free(f->manifest);
    f->manifest = document ? manifest_read(document, "m", &error) : NULL;
    g_assert_no_error(error);
    f->conditions.manifest = f->manifest;
}

static void make(const Fixture *f, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(f->place->root, path, NULL), *above = g_path_get_dirname(full);
    g_assert_true(fs_make_path(above, 0755, NULL));
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void link_to(const Fixture *f, const char *target, const char *path)
{
    g_autofree char *full = g_build_filename(f->place->root, path, NULL);
    g_assert_cmpint(symlink(target, full), ==, 0);
}

static gboolean is_there(const Fixture *f, const char *path)
{
    g_autofree char *full = g_build_filename(f->place->root, path, NULL);
    struct stat st;
    return lstat(full, &st) == 0;
}

static void set_up(Fixture *f, gconstpointer data)
{
    f->root = g_dir_make_tmp("conditions-XXXXXX", NULL);
    g_assert_cmpint(chmod(f->root, 0755), ==, 0);
    f->host = host_place_new(f->root);
    f->place = place_new(f->host, "wiki", NULL);
    f->place->uid = geteuid() == 0 ? SOMEBODY : getuid();
    f->place->gid = geteuid() == 0 ? SOMEBODY : getgid();
    f->place->change_user = geteuid() == 0;
    g_assert_true(fs_make_path(f->place->shared, 0755, NULL));
    f->config = config_from("[environment]\nREGION = \"eu\"\nEMPTY = \"\"\n");
    f->part = (PartContext){.place = f->place, .lock_fd = -1};
    f->conditions = (Conditions){.part = &f->part,
                                 .host_config = &f->host_config,
                                 .config = f->config,
                                 .from = "1.9.0",
                                 .host_root = f->host->root};
    f->objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    f->not_now = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    f->notes = g_ptr_array_new_with_free_func(g_free);
    f->steps = g_ptr_array_new_with_free_func(g_free);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_autofree char *line = g_strdup_printf("chmod -R u+rwX '%s'; rm -rf '%s'", f->root, f->root);
    g_assert_cmpint(system(line), ==, 0);
    GPtrArray *const lists[] = {f->objections, f->not_now, f->notes, f->steps};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_unref(lists[i]);
    manifest_free(f->manifest);
    app_config_free(f->config);
    place_free(f->place);
    host_place_free(f->host);
    g_free(f->root);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static gboolean holds(Fixture *f, const char *condition)
{
    guint offset = 0;
    g_autofree char *problem = NULL;
    g_autoptr(Expression) expression = expression_parse(condition, EXPRESSION_CRITERIA, &offset, &problem);
    g_assert_cmpstr(problem, ==, NULL);
    gboolean answer = FALSE;
    GError *error = NULL;
    expression_holds(expression, &conditions_host, &f->conditions, &answer, NULL, &error);
    g_assert_no_error(error);
    return answer;
}

static void files(Fixture *f, gconstpointer data)
{
    set_manifest(f, "");
    make(f, "shared/there", "x");
    make(f, "releases/1.9.0/VERSION", "1.9.0");
    link_to(f, "releases/1.9.0", "current");
    link_to(f, "/etc", "shared/etc");
    link_to(f, "/nowhere", "shared/dangling");
    g_assert_true(holds(f, "file_exists('shared/there') and file_exists('/opt/wiki/shared/there')"));
    g_assert_true(holds(f, "file_exists('current/VERSION') and file_exists('current')"));
    g_assert_true(holds(f, "file_exists('shared/dangling')"));
    g_assert_false(holds(f, "file_exists('shared/etc/passwd') or file_exists('shared/not')"));
    g_assert_false(holds(f, "file_exists('shared/there/below')"));
    g_assert_true(holds(f, "file_exists('/opt/wiki')"));
}

static void no_root_yet(Fixture *f, gconstpointer data)
{
    set_manifest(f, "");
    g_assert_cmpint(g_rmdir(f->place->shared), ==, 0);
    g_assert_cmpint(g_rmdir(f->place->root), ==, 0);
    g_assert_false(holds(f, "file_exists('shared/there')"));
    g_assert_true(holds(f, "command('true')"));
}

static void programs(Fixture *f, gconstpointer data)
{
    set_manifest(f, "");
    g_autofree char *user = g_strdup_printf("command('test $(id -u) = %u')", (guint)f->place->uid);
    g_assert_cmpint(chmod(f->place->shared, 0777), ==, 0);
    g_assert_true(holds(f, user));
    g_assert_true(holds(f, "command('test $LIFTLOCK_APP = wiki -a $REGION = eu')"));
    g_assert_false(holds(f, "command('exit 3')"));
    g_assert_false(holds(f, "command('no-such-command')"));
    g_assert_false(holds(f, "command('echo x >$LIFTLOCK_SHARED/written')"));
    g_assert_false(is_there(f, "shared/written"));
}

static void values(Fixture *f, gconstpointer data)
{
    set_manifest(f, "");
    g_setenv("OF_THE_CALLER", "x", TRUE);
    g_assert_true(holds(f, "env_var('REGION') == 'eu' and env_var('LIFTLOCK_APP') == 'wiki'"));
    g_assert_false(holds(f, "env_var('OF_THE_CALLER') or env_var('EMPTY') or env_var('REG')"));
    g_assert_true(holds(f, "current_version == '1.9' and new_version == '2.0.0' and current_version < new_version"));
    f->conditions.from = NULL;
    g_assert_true(holds(f, "not current_version"));
    f->host_config.host_id = (char *)"host";
    g_autofree char *place = g_strdup_printf("server_id == %u", rollout_place("host", "wiki", "2.0.0"));
    g_assert_true(holds(f, place));
}

/* --- what it comes to --------------------------------------------------------------------------------------------- */

static void object(Fixture *f)
{
    g_ptr_array_set_size(f->objections, 0);
    g_ptr_array_set_size(f->not_now, 0);
    g_ptr_array_set_size(f->notes, 0);
    conditions_object(&f->conditions, f->objections, f->not_now, f->notes, f->steps);
}

static void actions(Fixture *f, gconstpointer data)
{
    set_manifest(f, "conditionals:\n"
                    "- {condition: \"current_version < '2.0.0'\", action: require_manual_intervention, message: Major, "
                    "manual_steps: [one, two]}\n"
                    "- {condition: \"file_exists('shared')\", action: skip_update}\n"
                    "- {condition: \"env_var('REGION')\", action: warn, message: careful}\n"
                    "- {condition: \"current_version > '2.0.0'\", action: skip_update, message: never}\n");
    object(f);
    g_assert_cmpuint(f->objections->len, ==, 1);
    const Objection *manual = f->objections->pdata[0];
    g_assert_cmpstr(manual->text, ==, "2.0.0 wants a person first: Major");
    g_assert_cmpstr(manual->hint, ==, "first: one; two; then update with --force");
    g_assert_cmpstr(manual->override, ==, "--force");
    g_assert_cmpint(manual->code, ==, FAULT_POLICY);
    g_assert_cmpuint(f->steps->len, ==, 2);
    g_assert_cmpuint(f->not_now->len, ==, 1);
    g_assert_cmpstr(((const Objection *)f->not_now->pdata[0])->text, ==, "2.0.0 is not for this host now");
    g_assert_cmpuint(f->notes->len, ==, 1);
    g_assert_cmpstr(f->notes->pdata[0], ==, "careful");
    f->config->policy.mode = MODE_DASHBOARD;
    object(f);
    g_assert_null(((const Objection *)f->objections->pdata[0])->override);
    g_assert_null(((const Objection *)f->not_now->pdata[0])->override);
}

static void nobody_can_tell(Fixture *f, gconstpointer data)
{
    set_manifest(f, "conditionals:\n- {condition: \"file_exists('/etc/passwd')\", action: skip_update}\n"
                    "- {condition: \"command('kill -9 $$')\", action: warn, message: careful}\n");
    object(f);
    g_autofree char *text =
        g_strdup_printf("cannot tell whether the condition 'file_exists('/etc/passwd')' of the release holds: "
                        "file_exists('/etc/passwd'): that is not below the app's root, %s",
                        f->place->root);
    g_assert_cmpuint(f->objections->len, ==, 1);
    g_assert_cmpstr(((const Objection *)f->objections->pdata[0])->text, ==, text);
    g_assert_cmpint(((const Objection *)f->objections->pdata[0])->code, ==, FAULT_REQUIREMENT);
    g_assert_cmpuint(f->notes->len, ==, 1);
    g_assert_cmpstr(f->notes->pdata[0], ==,
                    "cannot tell whether 'command('kill -9 $$')' holds (command('kill -9 $$'): killed by signal 9 "
                    "(Killed)); if it does: careful");
}

static void time_of_all_commands(Fixture *f, gconstpointer data)
{
    set_manifest(f, "conditionals: [{condition: \"command('true')\", action: skip_update}]\n");
    f->conditions.deadline_ms = 1; /* long ago */
    object(f);
    g_assert_cmpuint(f->not_now->len, ==, 0);
    g_assert_cmpstr(((const Objection *)f->objections->pdata[0])->text, ==,
                    "cannot tell whether the condition 'command('true')' of the release holds: command('true'): the "
                    "conditions of the release take longer than 120 s");
}

/* --- cleanup ------------------------------------------------------------------------------------------------------ */

static void clean(Fixture *f)
{
    g_autoptr(GPtrArray) own = data_sets_own_new(), sets = g_ptr_array_new();
    data_sets_add(sets, own, f->manifest);
    g_autoptr(JobLog) log = job_log_spoken();
    Job job = {.place = f->place,
               .manifest = f->manifest,
               .config = f->config,
               .sets = sets,
               .log = log,
               .fact_table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
               .part = f->part};
    cleanup_run(&job);
    g_hash_table_unref(job.fact_table);
}

#define CLEANUP                                                                                                        \
    "cleanup: {remove_files: ['*.tmp', __pycache__, 'one/*.log'], remove_directories: [old, 'old-*', gone]}\n"

static void removes(Fixture *f, gconstpointer data)
{
    set_manifest(f, CLEANUP);
    make(f, "shared/a.tmp", "x");
    make(f, "shared/deep/er/b.tmp", "x");
    make(f, "shared/one/c.log", "x");
    make(f, "shared/two/d.log", "x");
    make(f, "shared/__pycache__/e.tmp", "x");
    make(f, "shared/deep/__pycache__/f.py", "x");
    make(f, "shared/old/x/y/z", "x");
    make(f, "shared/old-1/z", "x");
    make(f, "shared/deep/old/z", "x");
    make(f, "releases/1.9.0/g.tmp", "x");
    clean(f);
    static const char *const gone[] = {"shared/a.tmp",       "shared/deep/er/b.tmp", "shared/one/c.log",
                                       "shared/__pycache__", "shared/old",           "shared/old-1"};
    static const char *const kept[] = {"shared/two/d.log", "shared/deep/__pycache__/f.py", "shared/deep/old/z",
                                       "releases/1.9.0/g.tmp"};
    for (gsize i = 0; i < G_N_ELEMENTS(gone); i++)
        if (is_there(f, gone[i]))
            g_error("%s should be gone", gone[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        if (!is_there(f, kept[i]))
            g_error("%s should be there", kept[i]);
    clean(f); /* once more, as after a crash */
}

/* What the app's user could have put there while we act with rights. */
static void planted_links(Fixture *f, gconstpointer data)
{
    set_manifest(f, CLEANUP);
    make(f, "outside/kept.tmp", "x");
    make(f, "outside/dir/kept.tmp", "x");
    g_autofree char *outside = g_build_filename(f->place->root, "outside", NULL);
    g_autofree char *file = g_build_filename(outside, "kept.tmp", NULL);
    link_to(f, outside, "shared/old");
    link_to(f, "../outside", "shared/one");
    link_to(f, outside, "shared/__pycache__");
    link_to(f, file, "shared/planted.tmp");
    link_to(f, "..", "shared/old-up");
    clean(f);
    g_assert_true(is_there(f, "outside/kept.tmp") && is_there(f, "outside/dir/kept.tmp"));
    g_assert_false(is_there(f, "shared/planted.tmp"));
    g_assert_true(is_there(f, "shared/old") && is_there(f, "shared/one") && is_there(f, "shared/old-up"));
}

static void data_and_rules_stay(Fixture *f, gconstpointer data)
{
    set_manifest(f, "layout: files\ndata: [{name: main, driver: files, path: var/main.tmp}]\n"
                    "shared: [{path: media, class: append}, {path: scratch, class: cache}]\n"
                    "directories: {uploads: {preserve: true}, cache: {preserve: false}}\n"
                    "cleanup: {remove_files: ['*.tmp'], remove_directories: [var, media]}\n");
    static const char *const kept[] = {"var/main.tmp/a.tmp", "shared/media/b.tmp", "uploads/deep/c.tmp",
                                       ".liftlock/d.tmp"};
    static const char *const gone[] = {"src/e.tmp", "cache/f.tmp", "shared/scratch/g.tmp", "var/h.tmp"};
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        make(f, kept[i], "x");
    for (gsize i = 0; i < G_N_ELEMENTS(gone); i++)
        make(f, gone[i], "x");
    clean(f);
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        if (!is_there(f, kept[i]))
            g_error("%s should be there", kept[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(gone); i++)
        if (is_there(f, gone[i]))
            g_error("%s should be gone", gone[i]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    const struct {
        const char *name;
        void (*run)(Fixture *f, gconstpointer data);
    } rows[] = {
        {"/conditions/files are looked for below the root, and not through links", files},
        {"/conditions/an app that is not there has no files", no_root_yet},
        {"/conditions/commands run as the app's user and change nothing", programs},
        {"/conditions/values are the host's, not the caller's", values},
        {"/conditions/each action does what it says", actions},
        {"/conditions/what nobody can tell speaks against it", nobody_can_tell},
        {"/conditions/all commands together have so much time", time_of_all_commands},
        {"/cleanup/what is named goes", removes},
        {"/cleanup/links lead nowhere", planted_links},
        {"/cleanup/data and preserved directories stay", data_and_rules_stay},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add(rows[i].name, Fixture, NULL, set_up, rows[i].run, tear_down);
    return g_test_run();
}
