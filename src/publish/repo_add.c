/* SPDX-License-Identifier: Apache-2.0 */
/* `repo add`: a tree or an archive becomes a release of a repository. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "model/config.h"
#include "model/version.h"
#include "publish/own_manifest.h"
#include "publish/release_tree.h"
#include "publish/repo_block.h"
#include "publish/repo_inner.h"
#include "publish/repo_release.h"
#include "publish/repo_ways.h"
#include "publish/work_tree.h"
#include "trust/tuf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1000 };

/* A release on its way in. */
typedef struct Arrival {
    const RepoAddOptions *options;
    RepoReport *report;
    RepoEdit *edit;
    ReleaseTree *tree; /* NULL: an archive */
    int input;         /* the archive that was given; -1 */
    Manifest *manifest;
    char *manifest_bytes, *manifest_name; /* the name as in the tree */
    gsize manifest_size;
    const char *suffix;
    char *folder;                       /* "targets/books" */
    char *partial;                      /* beneath the repository, until it has its name */
    char *archive_path, *manifest_path; /* target paths */
    int archive;
    RepoWays ways;
} Arrival;

static void arrival_clear(Arrival *arrival)
{
    char *const texts[] = {arrival->manifest_name, arrival->folder, arrival->partial, arrival->archive_path,
                           arrival->manifest_path};
    release_tree_free(arrival->tree);
    if (!arrival->tree) {
        manifest_free(arrival->manifest);
        g_free(arrival->manifest_bytes);
    }
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    fs_fd_clear(&arrival->input);
    fs_fd_clear(&arrival->archive);
    repo_ways_clear(&arrival->ways);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arrival, arrival_clear)

/* --- what arrives ------------------------------------------------------------------------------------------- */

static const char *suffix_of(const char *name)
{
    static const char *const suffixes[] = {".tar.zst", ".tar.gz", ".tgz", ".tar"};
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++)
        if (g_str_has_suffix(name, suffixes[i]))
            return suffixes[i];
    return NULL;
}

static gboolean open_tree(Arrival *arrival, GError **error)
{
    const RepoAddOptions *options = arrival->options;
    if (!repo_sources_apart(&options->keys, options->what, error) ||
        !work_tree_check(options->what, FALSE, options->path, error))
        return FALSE;
    arrival->tree = release_tree_open(options->what, NULL, options->path, error);
    if (!arrival->tree)
        return FALSE;
    arrival->manifest = arrival->tree->manifest;
    arrival->manifest_bytes = arrival->tree->manifest_bytes;
    arrival->manifest_size = arrival->tree->manifest_size;
    arrival->manifest_name = g_strdup(arrival->tree->manifest_name);
    arrival->suffix = ".tar.zst";
    return TRUE;
}

static gboolean open_archive(Arrival *arrival, GError **error)
{
    const char *path = arrival->options->what;
    arrival->suffix = suffix_of(path);
    if (!arrival->suffix)
        return fault_set(error, FAULT_USAGE, "%s is neither a tree nor an archive (.tar.zst, .tar.gz, .tgz, .tar)",
                         path);
    arrival->input = open(path, O_RDONLY | O_CLOEXEC);
    if (arrival->input < 0)
        return fault_errno(error, FAULT_USAGE, errno, "cannot read %s", path);
    arrival->manifest_bytes = remote_read_member(arrival->input, path, manifest_names, &arrival->manifest_name,
                                                 &arrival->manifest_size, error);
    if (arrival->manifest_bytes)
        arrival->manifest =
            own_manifest_parse(arrival->manifest_name, arrival->manifest_bytes, arrival->manifest_size, error);
    return arrival->manifest != NULL;
}

static gboolean open_what(Arrival *arrival, GError **error)
{
    struct stat st;
    if (stat(arrival->options->what, &st) < 0)
        return fault_errno(error, FAULT_USAGE, errno, "cannot read %s", arrival->options->what);
    return S_ISDIR(st.st_mode) ? open_tree(arrival, error) : open_archive(arrival, error);
}

static gboolean check_text(const char *option, const char *text, GError **error)
{
    gboolean good = !text || (*text && strlen(text) <= TEXT_MAX && g_utf8_validate(text, -1, NULL));
    for (const char *at = text; good && at && *at; at++)
        good = !g_ascii_iscntrl(*at);
    return good || fault_set(error, FAULT_USAGE, "%s must be one line of at most %d bytes", option, TEXT_MAX);
}

gboolean repo_text_check(const char *option, const char *text, GError **error)
{
    return check_text(option, text, error);
}

static gboolean check_wish(const RepoAddOptions *options, GError **error)
{
    const char *const texts[][2] = {
        {"--changelog", options->changelog}, {"--severity", options->severity}, {"--reason", options->gate_message}};
    if (!app_name_is_valid(options->app)) {
        g_autofree char *quoted = schema_quote(options->app);
        return fault_set(error, FAULT_USAGE,
                         "an app's name is at most 32 of a-z, 0-9, '_' and '-', and begins with a letter or digit, not "
                         "%s",
                         quoted);
    }
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        if (!check_text(texts[i][0], texts[i][1], error))
            return FALSE;
    return TRUE;
}

static gboolean check_manifest(const Arrival *arrival, GError **error)
{
    const RepoAddOptions *options = arrival->options;
    const Manifest *manifest = arrival->manifest;
    if (!g_str_equal(manifest->app, options->app) || !g_str_equal(manifest->version, options->version))
        return fault_set(error, FAULT_USAGE, "%s is %s %s, not %s %s", options->what, manifest->app, manifest->version,
                         options->app, options->version);
    return !options->channel || repo_channel_check(options->channel, manifest->app, manifest->version, error);
}

/* --- its files ---------------------------------------------------------------------------------------------- */

static void name_files(Arrival *arrival)
{
    const char *app = arrival->options->app, *version = arrival->options->version;
    const char *suffix = strrchr(arrival->manifest_name, '.');
    arrival->folder = g_strdup_printf("targets/%s", app);
    arrival->partial = g_strdup_printf("targets/%s/.%s-%s.partial", app, app, version);
    arrival->archive_path = g_strdup_printf("%s/%s-%s%s", app, app, version, arrival->suffix);
    arrival->manifest_path = g_strdup_printf("%s/%s-%s%s", app, app, version, suffix);
    arrival->report->archive = g_strdup(arrival->archive_path);
}

static gboolean fill(const Arrival *arrival, GError **error)
{
    const char *name = strchr(arrival->archive_path, '/') + 1;
    if (arrival->tree)
        return release_tree_pack(arrival->tree, name, arrival->archive, error);
    return fs_copy_content(arrival->input, arrival->archive, NULL, error);
}

static gboolean pack(Arrival *arrival, GError **error)
{
    RepoReport *report = arrival->report;
    int dirfd = arrival->edit->repo->dirfd;
    guint64 size = 0;
    if (!fs_make_dirs(dirfd, arrival->folder, 0755, error))
        return FALSE;
    arrival->archive = fs_open_beneath(dirfd, arrival->partial, O_RDWR | O_CREAT | O_TRUNC, 0644, error);
    if (arrival->archive < 0 || !fill(arrival, error))
        return FALSE;
    if (fchmod(arrival->archive, 0644) < 0 || fsync(arrival->archive) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write %s", arrival->partial);
    report->sha256 = digest_fd(arrival->archive, &size, error);
    report->size_bytes = (gint64)size;
    return report->sha256 != NULL;
}

/* "targets/books/SHA256.books-1.0.0.tar.zst" */
char *repo_target_file(const char *path, const char *sha256)
{
    const char *name = strrchr(path, '/');
    return name ? g_strdup_printf("targets/%.*s/%s.%s", (int)(name - path), path, sha256, name + 1)
                : g_strdup_printf("targets/%s.%s", sha256, path);
}

/* How hosts come to it that have another release. */
static gboolean make_ways(Arrival *arrival, GError **error)
{
    const RepoAddOptions *options = arrival->options;
    const RepoWaysWish wish = {
        .app = options->app,
        .version = options->version,
        .archive = arrival->archive,
        .archive_name = strchr(arrival->archive_path, '/') + 1,
        .archive_bytes = arrival->report->size_bytes,
        .role = repo_app(arrival->edit->repo, options->app),
        .n_deltas = options->n_deltas,
        .tell = options->tell,
        .tell_data = options->tell_data,
    };
    repo_edit_app(arrival->edit, options->app);
    if (!repo_edit_rehearse(arrival->edit, error) || !repo_ways_make(&arrival->ways, &wish, arrival->report, error))
        return FALSE;
    for (guint i = 0; i < arrival->ways.ways->len; i++) {
        const RepoWay *way = arrival->ways.ways->pdata[i];
        repo_report_file(arrival->report, way->path, way->sha256, way->size, "%s%s%s", way->kind,
                         way->from ? " from " : "", way->from ? way->from : "");
    }
    return TRUE;
}

/* Under names that say what is in them, and that nobody asks for yet. */
static gboolean put_files(Arrival *arrival, const char *manifest_sha256, GError **error)
{
    int dirfd = arrival->edit->repo->dirfd;
    char *archive = repo_target_file(arrival->archive_path, arrival->report->sha256),
         *manifest = repo_target_file(arrival->manifest_path, manifest_sha256);
    g_ptr_array_add(arrival->edit->written, archive);
    if (!fs_rename(dirfd, arrival->partial, dirfd, archive, error) ||
        !repo_ways_put(&arrival->ways, arrival->edit->written, error)) {
        g_free(manifest);
        return FALSE;
    }
    g_ptr_array_add(arrival->edit->written, manifest);
    return fs_write_atomic(dirfd, manifest, arrival->manifest_bytes, arrival->manifest_size, 0644, error);
}

/* --- its metadata ------------------------------------------------------------------------------------------- */

/* A new app gets a key of its own, and a place that nobody else signs for. */
static gboolean delegate(Arrival *arrival, GError **error)
{
    const char *app = arrival->options->app;
    if (repo_app(arrival->edit->repo, app))
        return TRUE;
    g_autofree char *role = repo_role_of_app(app), *pattern = g_strconcat(app, "/*", NULL);
    const TufKey *key = repo_keys_make(arrival->edit->keys, role, error);
    if (!key)
        return FALSE;
    Node *targets = repo_edit_targets(arrival->edit);
    const char *const ids[] = {key->id, NULL}, *const patterns[] = {pattern, NULL};
    tuf_write_key(targets, key);
    tuf_write_delegation(targets, role, ids, 1, patterns, TRUE);
    g_autofree char *id = repo_key_short(key->id);
    g_ptr_array_add(arrival->report->keys, g_strdup_printf("%-10s %s", role, id));
    return TRUE;
}

static Node *describe(const Arrival *arrival, GError **error)
{
    const RepoAddOptions *options = arrival->options;
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    guint64 said = 0;
    gboolean has_said = epoch && g_ascii_string_to_unsigned(epoch, 10, 0, G_MAXINT64, &said, NULL);
    g_autofree char *now = clock_format(has_said ? (gint64)said : arrival->edit->repo->now_s);
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    for (guint i = 0; i < arrival->ways.ways->len; i++)
        g_ptr_array_add(files, ((const RepoWay *)arrival->ways.ways->pdata[i])->path);
    g_ptr_array_add(files, arrival->archive_path);
    g_ptr_array_add(files, NULL);
    const RepoBlock block = {
        .app = options->app,
        .version = options->version,
        .manifest = arrival->manifest,
        .released = arrival->manifest->released ? arrival->manifest->released : now,
        .changelog = options->changelog,
        .severity = options->severity,
        .min_age = options->min_age,
        .gate = options->gate,
        .gate_message = options->gate_message,
        .unpacked_bytes = arrival->tree ? arrival->tree->bytes : 0,
        .unpacked_entries = arrival->tree ? arrival->tree->entries : 0,
        .tree = arrival->ways.tree,
        .files = (const char *const *)files->pdata,
    };
    return repo_block_new(&block, error);
}

static gboolean list(Arrival *arrival, const char *manifest_sha256, GError **error)
{
    const RepoAddOptions *options = arrival->options;
    Node *block = describe(arrival, error), *content = block ? repo_edit_app(arrival->edit, options->app) : NULL;
    if (!block)
        return FALSE;
    Node *file = node_new_map();
    node_set_text(file, "kind", "archive");
    node_set_text(file, "version", options->version);
    repo_ways_forget(content, arrival->report);
    repo_ways_list(&arrival->ways, content, options->version);
    tuf_write_target(content, arrival->archive_path, arrival->report->size_bytes, arrival->report->sha256, file);
    tuf_write_target(content, arrival->manifest_path, (gint64)arrival->manifest_size, manifest_sha256, block);
    return TRUE;
}

/* Bytes that were published under a version are what it is, for ever. */
static gboolean check_listed(const Arrival *arrival, const Node *block, GError **error)
{
    const RepoFile *app = repo_app(arrival->edit->repo, arrival->options->app);
    const TufFile *archive = tuf_metadata_file(app->metadata, arrival->archive_path);
    gboolean same = archive && g_strcmp0(archive->sha256, arrival->report->sha256) == 0;
    if (same && !repo_block_is_withdrawn(block))
        return TRUE;
    fault_set(error, FAULT_POLICY, same ? "%s %s was withdrawn" : "%s %s is already published with other content",
              arrival->options->app, arrival->options->version);
    return fault_hint(error, "raise 'version' in %s", arrival->manifest_name);
}

static gboolean set_channel(Arrival *arrival, gboolean *changed, GError **error)
{
    const RepoAddOptions *options = arrival->options;
    Node *content = repo_edit_app(arrival->edit, options->app);
    return !options->channel || repo_channel_move(content, options->app, options->version, options->channel, FALSE,
                                                  arrival->report, changed, error);
}

static gboolean publish(Arrival *arrival, GError **error)
{
    RepoReport *report = arrival->report;
    const RepoFile *app = repo_app(arrival->edit->repo, arrival->options->app);
    g_autofree char *manifest_sha256 = digest_bytes(arrival->manifest_bytes, arrival->manifest_size);
    const Node *listed = app ? repo_block_find(app->metadata->node, arrival->options->version, NULL) : NULL;
    gboolean changed = !listed;
    if (listed ? !check_listed(arrival, listed, error)
               : !delegate(arrival, error) || !make_ways(arrival, error) || !list(arrival, manifest_sha256, error))
        return FALSE;
    if (!set_channel(arrival, &changed, error) || !put_files(arrival, manifest_sha256, error))
        return FALSE;
    report->nothing_to_do = !changed;
    if (!changed)
        return TRUE;
    gboolean good = repo_edit_commit(arrival->edit, error);
    repo_report_written(report, arrival->edit->written);
    return good;
}

/* What would be made. */
static void announce(const Arrival *arrival)
{
    const RepoAddOptions *options = arrival->options;
    const RepoFile *app = repo_app(arrival->edit->repo, options->app);
    if (app && repo_block_find(app->metadata->node, options->version, NULL))
        return;
    g_autoptr(GPtrArray) bases = repo_ways_bases(app, options->version, options->n_deltas, arrival->report);
    for (guint i = 0; i < bases->len; i++)
        repo_report_file(arrival->report, NULL, NULL, 0, "delta from %s",
                         node_get_text(bases->pdata[i], "version", ""));
}

static gboolean arrive(Arrival *arrival, GError **error)
{
    name_files(arrival);
    g_autoptr(Node) trial = describe(arrival, error); /* what cannot be meant is said before the work begins */
    if (!trial)
        return FALSE;
    if (arrival->options->dry_run) {
        announce(arrival);
        return TRUE;
    }
    repo_sweep_targets(arrival->edit->repo, arrival->options->app);
    gboolean good = pack(arrival, error) && publish(arrival, error);
    unlinkat(arrival->edit->repo->dirfd, arrival->partial, 0);
    return good;
}

gboolean repo_add(const RepoAddOptions *options, RepoReport *report, GError **error)
{
    repo_report_init(report);
    g_autoptr(RepoEdit) edit = check_wish(options, error) ? repo_begin(options->path, &options->keys, error) : NULL;
    g_auto(Arrival) arrival = {.options = options, .report = report, .input = -1, .archive = -1}; /* cleared first */
    arrival.edit = edit;
    repo_ways_init(&arrival.ways, edit ? edit->repo->dirfd : -1);
    if (!edit || !open_what(&arrival, error) || !check_manifest(&arrival, error))
        return FALSE;
    report->app = g_strdup(options->app);
    report->version = g_strdup(options->version);
    return arrive(&arrival, error);
}
