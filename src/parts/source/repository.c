/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed repository (TUF): on a web server, or copied into a folder. Metadata are verified here, from the root that
 * the operator pinned (trust/tuf_client.h); what the index below says of a release is what the role of the app has
 * signed (docs/repository-format.md), so that the digests in it are proof enough of the archives.
 */
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/manifest_check.h"
#include "model/version.h"
#include "parts/source/link.h"
#include "parts/source/reference.h"
#include "parts/source/source_inner.h"
#include "parts/source/web.h"
#include "trust/tuf_names.h"
#include "trust/tuf_remote.h"

#include <string.h>
#include <unistd.h>

#define STATE_DIR "tuf"           /* below place->trust */
#define PINNED_FILE "root.pinned" /* digest of the root that the operator named */
#define ROLE_PREFIX "app-"

static const Key repository_keys[] = {
    {"url", KEY_TEXT, .summary = "address of the repository, the directory that holds metadata and targets"},
    {"path", KEY_ABSOLUTE, .summary = "the same in a directory of this host, instead of 'url'"},
    {"headers_file", KEY_TEXTS, .summary = "files with HTTP headers such as tokens, one a line"},
    {0},
};

/* The address with a slash at its end; NULL: it is a folder. */
static const char *base_of(const Source *source)
{
    return source->state;
}

static gboolean repository_open(Source *source, GError **error)
{
    const char *url = source->config->source.url, *path = source->config->source.path;
    if (path)
        return source_folder.open(source, error);
    if (!url || !url_is_plain(url) || strpbrk(url, "?#"))
        return fault_set(error, FAULT_CONFIG, "%s: a repository needs an http or https address without '?' and '#'",
                         source->config->name);
    source->state = g_strconcat(url, g_str_has_suffix(url, "/") ? "" : "/", NULL);
    return TRUE;
}

/* --- metadata in a folder ----------------------------------------------------------------------------------- */

static char *read_metadata(gpointer data, const char *address, guint64 limit, gsize *size, gboolean *absent,
                           GError **error)
{
    const Source *source = data;
    fs_fd int dir = fs_open_dir(source->config->source.path, error);
    g_autofree char *name = g_uri_unescape_string(address, NULL);
    if (dir < 0)
        return NULL;
    *absent = !name || strchr(name, '/') != NULL; /* no file of the directory is called so */
    if (*absent)
        return NULL;
    g_autofree char *path = g_build_filename("metadata", name, NULL);
    g_autoptr(GError) local = NULL;
    char *bytes = fs_read(dir, path, (gsize)limit, size, &local);
    *absent = !bytes && g_error_matches(local, FAULT, FAULT_ABSENT);
    if (!bytes && !*absent)
        fault_set(error, FAULT_SOURCE, "%s: %s", source->config->source.path, local->message);
    return bytes;
}

static Envelope *open_in_child(gpointer data, const char *bytes, gsize size, const char *name, GError **error)
{
    return remote_envelope(bytes, size, name, FAULT_VERIFY, error);
}

/* --- the trusted directory ---------------------------------------------------------------------------------- */

static int open_state(const Source *source, GError **error)
{
    g_autofree char *path = g_build_filename(source->place->trust, STATE_DIR, NULL);
    return fs_make_path(source->place->trust, 0700, error) && fs_make_path(path, 0700, error) ? fs_open_dir(path, error)
                                                                                              : -1;
}

/* The root that the operator names is where trust begins, once: from there on it is the repository that says which root
 * follows. Another file under that name is his word that all begins anew. */
static gboolean pin(const Source *source, int state, GError **error)
{
    const char *path = source->config->trust.root;
    gsize size = 0;
    g_autoptr(GError) local = NULL;
    g_autofree char *bytes = NULL, *known = fs_read(state, PINNED_FILE, 1024, NULL, NULL);
    if (!g_file_get_contents(path, &bytes, &size, &local)) {
        if (known)
            return TRUE;
        fault_set(error, FAULT_CONFIG, "%s: cannot read the root that is trusted: %s", source->config->name,
                  local->message);
        return FALSE;
    }
    g_autofree char *digest = digest_bytes(bytes, size);
    if (g_strcmp0(known, digest) == 0)
        return TRUE;
    return tuf_client_pin(state, bytes, size, error) &&
           fs_write_atomic(state, PINNED_FILE, digest, strlen(digest), 0600, error);
}

/* --- the index ---------------------------------------------------------------------------------------------- */

/* What of a block is for the index: all that is not about files and channels, in the publisher's words. */
static Node *release_of(const Node *block)
{
    static const char *const own[] = {"kind",      "app",    "channels", "files",    "withdrawn",
                                      "url",       "sha256", "size",     "manifest", "manifest_sha256",
                                      "signature", "table",  "pack",     "deltas",   NULL};
    Node *release = node_new_map();
    for (guint i = 0; i < block->items->len; i++) {
        const Entry *entry = block->items->pdata[i];
        if (!g_strv_contains(own, entry->key))
            node_set(release, entry->key, node_copy(entry->value));
    }
    const Node *withdrawn = node_get(block, "withdrawn");
    if (withdrawn) {
        node_set_bool(release, "withdrawn", TRUE);
        if (node_get_text(withdrawn, "reason", NULL))
            node_set_text(release, "withdrawn_reason", node_get_text(withdrawn, "reason", NULL));
    }
    return release;
}

/* One app's role and the index that is made of it. */
typedef struct Making {
    const Source *source;
    const TufMetadata *role;
    const TufRole *delegation;
    gboolean consistent;
    Node *releases, *channels;
} Making;

/* Names a target in a map of the index: where it is and what it is. FALSE: it is none of the role's. */
static gboolean add_target(const Making *making, Node *release, const char *path, const char *where, const char *digest,
                           const char *length)
{
    const TufFile *file = path ? tuf_metadata_file(making->role, path) : NULL;
    g_autofree char *name_digest = file ? digest_bytes(path, strlen(path)) : NULL;
    if (!file || !file->sha256 || tuf_path_problem(path) || !tuf_role_covers(making->delegation, path, name_digest))
        return FALSE;
    g_autofree char *address = tuf_target_address(file, making->consistent),
                    *reference = g_strconcat("targets/", address, NULL);
    node_set_text(release, where, reference);
    node_set_text(release, digest, file->sha256);
    if (length)
        node_set_int(release, length, file->length);
    return TRUE;
}

/* --- its files: each kind that we can use has a row; of archives, tables and packs the first counts --- */

typedef struct Filing {
    const Making *making;
    Node *release, *deltas; /* of the index */
} Filing;

static void file_archive(const Filing *filing, const TufFile *file)
{
    if (!node_get(filing->release, "url"))
        add_target(filing->making, filing->release, file->name, "url", "sha256", "size");
}

static void file_one(const Filing *filing, const TufFile *file)
{
    const char *kind = node_get_text(file->custom, "kind", "");
    g_autoptr(Node) map = node_new_map();
    if (!node_get(filing->release, kind) && add_target(filing->making, map, file->name, "url", "sha256", "size"))
        node_set(filing->release, kind, g_steal_pointer(&map));
}

static void file_delta(const Filing *filing, const TufFile *file)
{
    const char *from = node_get_text(file->custom, "from", NULL),
               *from_tree = node_get_text(file->custom, "from_tree", NULL);
    gint64 memory = node_get_int(file->custom, "memory", 0);
    g_autoptr(Node) map = node_new_map();
    if (!from || !version_is_valid(from) || !from_tree || !digest_is_valid(from_tree) || memory <= 0 ||
        !add_target(filing->making, map, file->name, "url", "sha256", "size"))
        return;
    node_set_text(map, "from", from);
    node_set_text(map, "from_tree", from_tree);
    node_set_int(map, "memory", memory);
    node_append(filing->deltas, g_steal_pointer(&map));
}

/* FALSE: there is no archive, without which a host that has nothing yet could not begin. */
static gboolean add_files(const Making *making, Node *release, const Node *block)
{
    static const struct {
        const char *kind;
        void (*add)(const Filing *filing, const TufFile *file);
    } rows[] = {{"archive", file_archive}, {"table", file_one}, {"pack", file_one}, {"delta", file_delta}};
    const Node *files = node_get(block, "files");
    Filing filing = {.making = making, .release = release, .deltas = node_new_list()};
    node_set(release, "deltas", filing.deltas);
    for (guint i = 0; files && files->kind == NODE_LIST && i < files->items->len; i++) {
        const Node *path = files->items->pdata[i];
        const TufFile *file = path->kind == NODE_SCALAR ? tuf_metadata_file(making->role, path->text) : NULL;
        const char *kind = file ? node_get_text(file->custom, "kind", "") : "";
        for (gsize k = 0; k < G_N_ELEMENTS(rows); k++)
            if (strcmp(kind, rows[k].kind) == 0)
                rows[k].add(&filing, file);
    }
    return node_get(release, "url") != NULL;
}

static gboolean is_kind(const Node *node, NodeKind kind, ScalarType type)
{
    return !node || (node->kind == kind && (kind != NODE_SCALAR || node->type == type));
}

/* Whether each field has the form that docs/repository-format.md gives it: what we do not understand we do not offer.
 */
static gboolean is_readable(const Node *block)
{
    static const struct {
        const char *key;
        NodeKind kind;
        ScalarType type;
    } rows[] = {
        {"version", NODE_SCALAR, SCALAR_STRING},
        {"tree", NODE_SCALAR, SCALAR_STRING},
        {"released", NODE_SCALAR, SCALAR_STRING},
        {"severity", NODE_SCALAR, SCALAR_STRING},
        {"changelog", NODE_SCALAR, SCALAR_STRING},
        {"description", NODE_SCALAR, SCALAR_STRING},
        {"min_age", NODE_SCALAR, SCALAR_STRING},
        {"gate", NODE_MAP, SCALAR_PLAIN},
        {"rollout", NODE_MAP, SCALAR_PLAIN},
        {"withdrawn", NODE_MAP, SCALAR_PLAIN},
        {"unpacked_size", NODE_SCALAR, SCALAR_INTEGER},
        {"unpacked_entries", NODE_SCALAR, SCALAR_INTEGER},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (!is_kind(node_get(block, rows[i].key), rows[i].kind, rows[i].type))
            return FALSE;
    const char *version = node_get_text(block, "version", NULL), *age = node_get_text(block, "min_age", NULL),
               *gate = node_get_text(node_get(block, "gate"), "kind", NULL);
    gint64 age_ms = 0;
    const char *tree = node_get_text(block, "tree", NULL);
    return version && version_is_valid(version) && (!tree || digest_is_valid(tree)) &&
           (!age || (duration_parse(age, &age_ms) && age_ms >= 0)) &&
           (!node_get(block, "gate") || g_strcmp0(gate, "breakpoint") == 0 || g_strcmp0(gate, "stop") == 0);
}

static void add_channels(const Making *making, const Node *block, const char *version)
{
    const Node *list = node_get(block, "channels");
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        const Node *name = list->items->pdata[i];
        if (name->kind == NODE_SCALAR && name->type == SCALAR_STRING)
            node_set_text(making->channels, name->text, version);
    }
}

static void add_release(const Making *making, const TufFile *manifest)
{
    const Node *block = manifest->custom;
    if (strcmp(node_get_text(block, "kind", ""), "release") != 0)
        return;
    g_autoptr(Node) release = release_of(block);
    if (is_readable(block) && g_strcmp0(node_get_text(block, "app", NULL), making->source->config->name) == 0 &&
        add_target(making, release, manifest->name, "manifest", "manifest_sha256", NULL) &&
        add_files(making, release, block)) {
        add_channels(making, block, node_get_text(block, "version", ""));
        node_append(making->releases, g_steal_pointer(&release));
    } else {
        g_autofree char *shown = fs_display(manifest->name);
        g_debug("%s is no release that can be offered", shown);
    }
}

static gboolean make_index(const Source *source, const TufClient *client, const TufMetadata *role,
                           const TufRole *delegation, SourceBytes *index, GError **error)
{
    g_autoptr(Node) document = node_new_map();
    Making making = {.source = source,
                     .role = role,
                     .delegation = delegation,
                     .consistent = tuf_client_trusted(client, TUF_ROOT)->consistent_snapshot,
                     .releases = node_new_list(),
                     .channels = node_new_map()};
    node_set_text(document, "app", source->config->name);
    node_set_bool(document, "only_named", TRUE);
    node_set(document, "channels", making.channels);
    node_set(document, "releases", making.releases);
    for (guint i = 0; i < role->files->len; i++)
        add_release(&making, role->files->pdata[i]);
    g_autofree char *text = node_to_json(document, 0);
    return source_bytes_fill(index, SOURCE_INDEX_NAME, text, strlen(text), error);
}

static gboolean index_from(Source *source, const TufNet *net, SourceBytes *index, GError **error)
{
    fs_fd int state = open_state(source, error);
    g_autoptr(TufClient) client = state < 0 ? NULL : tuf_client_open(state, net, clock_now_s(), error);
    if (!client || !pin(source, state, error) || !tuf_client_refresh(client, error))
        return FALSE;
    g_autofree char *name = g_strconcat(ROLE_PREFIX, source->config->name, NULL);
    const TufRole *delegation = tuf_metadata_role(tuf_client_trusted(client, TUF_TARGETS), name);
    if (!delegation)
        return fault_set(error, FAULT_SOURCE, "the repository knows no app '%s'", source->config->name);
    const TufMetadata *role = tuf_client_role(client, delegation, error);
    return role && make_index(source, client, role, delegation, index, error);
}

static gboolean repository_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                                 GError **error)
{
    const char *base = base_of(source);
    TufNet folder = {.fetch = read_metadata, .open = open_in_child, .data = source};
    if (!base)
        return index_from(source, &folder, index, error);
    g_autofree char *metadata = g_strconcat(base, "metadata/", NULL);
    g_autoptr(GPtrArray) headers = web_headers(source, base, base, error);
    g_autoptr(RemoteSession) session = headers ? remote_session_open(error) : NULL;
    if (!session)
        return FALSE;
    TufRemote remote = {.metadata_url = metadata,
                        .headers = (const char *const *)headers->pdata,
                        .ca_file = link_ca_file(source),
                        .proxy = link_proxy(source),
                        .no_proxy = link_no_proxy(source),
                        .session = session};
    TufNet net = tuf_remote_net(&remote);
    return index_from(source, &net, index, error);
}

/* --- targets ------------------------------------------------------------------------------------------------ */

static gboolean repository_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd,
                                 RemoteProgress progress, gpointer data, GError **error)
{
    WebRequest request = {
        .home = base_of(source), .url = url, .limit_bytes = limit_bytes, .progress = progress, .data = data};
    return request.home ? web_fetch(source, &request, output_fd, error)
                        : source_folder.fetch(source, url, limit_bytes, output_fd, progress, data, error);
}

static gboolean repository_ranges(Source *source, const char *url, const SourceRange *ranges, guint n_ranges,
                                  guint64 file_bytes, int output_fd, RemoteProgress progress, gpointer data,
                                  GError **error)
{
    WebRequest request = {
        .home = base_of(source), .url = url, .limit_bytes = file_bytes, .progress = progress, .data = data};
    return request.home
               ? web_ranges(source, &request, ranges, n_ranges, output_fd, error)
               : source_folder.ranges(source, url, ranges, n_ranges, file_bytes, output_fd, progress, data, error);
}

static char *repository_resolve(Source *source, const char *reference, GError **error)
{
    const char *base = base_of(source);
    return base ? reference_join(base, reference, error) : source_folder.resolve(source, reference, error);
}

const SourceDriver source_repository = {
    .name = "repository",
    .summary = "a signed repository on any web server or in a folder",
    .keys = repository_keys,
    .makes_index = TRUE,
    .open = repository_open,
    .index = repository_index,
    .fetch = repository_fetch,
    .ranges = repository_ranges,
    .resolve = repository_resolve,
};
