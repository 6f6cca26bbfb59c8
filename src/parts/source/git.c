/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A git repository: its tags are releases, or every commit of a branch is one, or one commit alone. An unchanged one
 * costs one ls-remote. What is installed is the tree of a commit, as a tar that liftlock-transfer makes of it.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_transfer.h"
#include "base/shown.h"
#include "model/version.h"
#include "parts/source/forge.h"
#include "parts/source/git_proof.h"
#include "parts/source/kept.h"
#include "parts/source/link.h"
#include "parts/source/source_inner.h"

#include <string.h>
#include <unistd.h>

#define TAGS "refs/tags/"
#define HEADS "refs/heads/"
#define URL_SCHEME "git:"
#define RELEASES_MAX 1000        /* the newest of so many tags are listed */
#define FILE_LEAST (16ull << 20) /* a pack may be larger than what is in it */

static const Key git_keys[] = {
    {"url", KEY_TEXT, .summary = "address of the repository, https:// or ssh://", .required = TRUE},
    {"tags", KEY_TEXT, .summary = "which tags are releases; '*' stands for the version"},
    {"branch", KEY_TEXT, .summary = "every new commit of this branch is a release"},
    {"commit", KEY_TEXT, .summary = "the one commit that is taken"},
    {"allow_rewritten", KEY_BOOL, .summary = "take a branch whose history no longer holds the installed commit"},
    {"username", KEY_TEXT, .summary = "user at an http server"},
    {"token_file", KEY_TEXT, .summary = "file with this user's token or password; or credential:NAME"},
    {"key_file", KEY_TEXT, .summary = "file with our private ssh key; or credential:NAME"},
    {"host_key", KEY_TEXTS, .summary = "the server's public ssh keys"},
    {0},
};

static gboolean git_open(Source *source, GError **error)
{
    if (source->config->source.url)
        return TRUE;
    return fault_set(error, FAULT_CONFIG, "%s: a source of type 'git' needs the address of a repository",
                     source->config->name);
}

static gboolean is_commit(const char *text)
{
    gsize size = text ? strlen(text) : 0;
    return (size == 40 || size == 64) && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* --- fetching ------------------------------------------------------------------------------------------------ */

static gboolean fetch_commit(const Source *source, const char *ref, const char *commit, guint64 limit_bytes,
                             int output_fd, RemoteProgress progress, gpointer data, GError **error)
{
    g_auto(Link) link = {.remote = {.url = NULL}};
    struct stat st;
    if (!link_open(&link, source, error))
        return FALSE;
    link.remote.limit_bytes = MAX(limit_bytes, FILE_LEAST);
    link.remote.progress = progress;
    link.remote.progress_data = data;
    g_autoptr(Node) objects = remote_git_archive(&link.remote, ref, commit, output_fd, error);
    if (!objects)
        return FALSE;
    if (fstat(output_fd, &st) < 0 || (guint64)st.st_size > limit_bytes) {
        g_autofree char *shown = shown_url(source->config->source.url);
        return fault_set(error, FAULT_VERIFY, "fetch %s: more than %" G_GUINT64_FORMAT " bytes", shown, limit_bytes);
    }
    return git_proof(source->config, objects, ref, commit, output_fd, error);
}

/* "COMMIT/REF", where both are what they should be; *ref is borrowed. */
static char *split_reference(const char *reference, const char **ref)
{
    const char *slash = strchr(reference, '/');
    g_autofree char *commit = slash ? g_strndup(reference, (gsize)(slash - reference)) : NULL;
    if (!commit || !is_commit(commit))
        return NULL;
    *ref = slash + 1;
    return g_str_has_prefix(*ref, "refs/") || is_commit(*ref) ? g_steal_pointer(&commit) : NULL;
}

static gboolean git_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                          gpointer data, GError **error)
{
    const char *ref = NULL;
    g_autofree char *commit =
        g_str_has_prefix(url, URL_SCHEME) ? split_reference(url + strlen(URL_SCHEME), &ref) : NULL;
    if (!commit)
        return fault_set(error, FAULT_SOURCE, "%s names no commit", url);
    return fetch_commit(source, ref, commit, limit_bytes, output_fd, progress, data, error);
}

static char *git_resolve(Source *source, const char *reference, GError **error)
{
    const char *ref = NULL;
    g_autofree char *commit = split_reference(reference, &ref);
    if (commit)
        return g_strconcat(URL_SCHEME, reference, NULL);
    fault_set(error, FAULT_SOURCE, "%s names no commit", reference);
    return NULL;
}

/* "SHA256 SIZE" of what was proven before under a reference: a signed tag speaks for its own name alone. */
static void note_archive(GKeyFile *notes, const char *reference, const char *sha256, gint64 size)
{
    g_autofree char *value = g_strdup_printf("%s %" G_GINT64_FORMAT, sha256, size);
    kept_set_note(notes, reference, value);
}

static char *noted_archive(GKeyFile *notes, const char *reference, gint64 *size)
{
    g_autofree char *value = kept_note(notes, reference);
    g_auto(GStrv) words = g_strsplit(value ? value : "", " ", 2);
    if (g_strv_length(words) != 2)
        return NULL;
    *size = g_ascii_strtoll(words[1], NULL, 10);
    return g_strdup(words[0]);
}

static gboolean git_pin(Source *source, const char *url, RemoteProgress progress, gpointer data, char **sha256,
                        gint64 *size_bytes, GError **error)
{
    fs_fd int fd = kept_begin(source, error);
    if (fd < 0 || !git_fetch(source, url, (guint64)source->host->max_release_bytes, fd, progress, data, error) ||
        !(*sha256 = kept_finish(source, fd, size_bytes, error)))
        return FALSE;
    g_autoptr(GKeyFile) notes = kept_notes(source);
    note_archive(notes, url + strlen(URL_SCHEME), *sha256, *size_bytes);
    kept_save_notes(source, notes);
    return TRUE;
}

/* --- tags ---------------------------------------------------------------------------------------------------- */

typedef struct Tag {
    char *version;
    const char *name, *commit; /* borrowed */
} Tag;

static void tag_free(Tag *tag)
{
    g_free(tag->version);
    g_free(tag);
}

static int newest_first(gconstpointer a, gconstpointer b)
{
    return version_compare((*(const Tag *const *)b)->version, (*(const Tag *const *)a)->version);
}

static GPtrArray *tags_of(const Node *refs, const char *pattern)
{
    GPtrArray *tags = g_ptr_array_new_with_free_func((GDestroyNotify)tag_free);
    const Node *list = node_get(refs, "refs");
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        const Node *ref = list->items->pdata[i];
        const char *name = node_get_text(ref, "name", ""), *commit = node_get_text(ref, "commit", "");
        g_autofree char *version =
            g_str_has_prefix(name, TAGS) && is_commit(commit) ? tag_version(pattern, name + strlen(TAGS)) : NULL;
        if (!version)
            continue;
        Tag *tag = g_new0(Tag, 1);
        *tag = (Tag){.version = g_steal_pointer(&version), .name = name, .commit = commit};
        g_ptr_array_add(tags, tag);
    }
    g_ptr_array_sort(tags, newest_first);
    return tags;
}

static gboolean list_tag(Listing *listing, GKeyFile *notes, const Tag *tag, const char *installed, GError **error)
{
    gint64 size = 0;
    g_autofree char *url = g_strconcat(tag->commit, "/", tag->name, NULL);
    g_autofree char *sha256 = noted_archive(notes, url, &size);
    g_autofree char *content = g_strconcat("commit ", tag->commit, NULL);
    Listed listed = {.version = tag->version,
                     .url = url,
                     .sha256 = sha256,
                     .content = content,
                     .size_bytes = size,
                     .old = installed && version_compare(tag->version, installed) < 0};
    return listing_add(listing, &listed, error);
}

static gboolean list_tags(const Source *source, const Link *link, Listing *listing, GKeyFile *notes, GError **error)
{
    const char *pattern = source->config->source.tags ? source->config->source.tags : "*";
    g_autofree char *wanted = g_strconcat(TAGS, pattern, NULL);
    g_autoptr(Node) refs = remote_git_refs(&link->remote, wanted, error);
    if (!refs)
        return FALSE;
    g_autoptr(GPtrArray) tags = tags_of(refs, pattern);
    const Tag *last = NULL;
    for (guint i = 0; i < tags->len && i < RELEASES_MAX; i++) {
        const Tag *tag = tags->pdata[i];
        if (last && version_compare(last->version, tag->version) == 0) {
            if (strcmp(last->commit, tag->commit) == 0)
                continue; /* v1.0 beside 1.0 */
            return fault_set(error, FAULT_SOURCE, "the tags %s and %s are two releases of one version",
                             last->name + strlen(TAGS), tag->name + strlen(TAGS));
        }
        if (!list_tag(listing, notes, tag, source->installed, error))
            return FALSE;
        last = tag;
    }
    return TRUE;
}

/* --- a branch, a commit ---------------------------------------------------------------------------------------- */

/* The commit that a branch names now. The caller frees. */
static char *find_branch(const Source *source, const Link *link, const char *ref, GError **error)
{
    g_autoptr(Node) refs = remote_git_refs(&link->remote, ref, error);
    const Node *list = node_get(refs, "refs");
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        const Node *item = list->items->pdata[i];
        const char *commit = node_get_text(item, "commit", NULL);
        if (strcmp(node_get_text(item, "name", ""), ref) == 0 && is_commit(commit))
            return g_strdup(commit);
    }
    if (refs)
        fault_set(error, FAULT_SOURCE, "the repository has no branch '%s'", source->config->source.branch);
    return NULL;
}

/* A branch only grows. One that lost the installed commit was written anew, by the publisher or by somebody else. */
static gboolean check_history(const Source *source, const Link *link, const char *ref, const char *commit,
                              GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *content = kept_installed_content(source, &local);
    const char *installed = content && g_str_has_prefix(content, "commit ") ? content + strlen("commit ") : NULL;
    gboolean holds = TRUE;
    if (local)
        return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
    if (!installed || strcmp(installed, commit) == 0 || source->config->source.allow_rewritten)
        return TRUE;
    if (!remote_git_holds(&link->remote, ref, installed, &holds, error))
        return FALSE;
    if (holds)
        return TRUE;
    fault_set(error, FAULT_VERIFY, "%s: branch '%s' was rewritten: %.12s, installed here, is no ancestor of %.12s",
              source->config->name, source->config->source.branch, installed, commit);
    return fault_hint(error, "if the publisher confirms it, set allow_rewritten = true in [source]");
}

static gboolean take_commit(Source *source, GKeyFile *notes, const char *ref, const char *commit, GError **error)
{
    gint64 size = 0;
    fs_fd int fd = kept_begin(source, error);
    if (fd < 0 || !fetch_commit(source, ref, commit, (guint64)source->host->max_release_bytes, fd, NULL, NULL, error))
        return FALSE;
    g_autofree char *name = g_strdup_printf("commit %.12s", commit);
    g_autofree char *version = kept_version(source, fd, name, error);
    g_autofree char *sha256 = version ? kept_finish(source, fd, &size, error) : NULL;
    if (!sha256)
        return FALSE;
    kept_set_note(notes, "commit", commit);
    kept_set_note(notes, "version", version);
    g_autofree char *reference = g_strconcat(commit, "/", ref, NULL);
    note_archive(notes, reference, sha256, size);
    return TRUE;
}

static gboolean list_commit(Source *source, Listing *listing, GKeyFile *notes, const char *ref, const char *commit,
                            GError **error)
{
    g_autofree char *known = kept_note(notes, "commit");
    if (g_strcmp0(known, commit) != 0 && !take_commit(source, notes, ref, commit, error))
        return FALSE;
    gint64 size = 0;
    g_autofree char *url = g_strconcat(commit, "/", ref, NULL), *version = kept_note(notes, "version");
    g_autofree char *sha256 = noted_archive(notes, url, &size), *full = version_with_commit(version, commit);
    g_autofree char *content = g_strconcat("commit ", commit, NULL);
    Listed listed = {.version = full, .url = url, .sha256 = sha256, .content = content, .size_bytes = size};
    return listing_add(listing, &listed, error);
}

static gboolean list_branch(Source *source, const Link *link, Listing *listing, GKeyFile *notes, GError **error)
{
    g_autofree char *ref = g_strconcat(HEADS, source->config->source.branch, NULL);
    g_autofree char *commit = find_branch(source, link, ref, error);
    return commit && check_history(source, link, ref, commit, error) &&
           list_commit(source, listing, notes, ref, commit, error);
}

static gboolean git_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                          GError **error)
{
    const char *commit = source->config->source.commit;
    g_auto(Link) link = {.remote = {.url = NULL}};
    g_autoptr(Listing) listing = listing_new(source, error);
    if (!listing || !link_open(&link, source, error))
        return FALSE;
    g_autoptr(GKeyFile) notes = kept_notes(source);
    gboolean good = commit                          ? list_commit(source, listing, notes, commit, commit, error)
                    : source->config->source.branch ? list_branch(source, &link, listing, notes, error)
                                                    : list_tags(source, &link, listing, notes, error);
    if (!good)
        return FALSE;
    kept_save_notes(source, notes);
    return listing_fill(listing, index, error);
}

const SourceDriver source_git = {
    .name = "git",
    .summary = "tags, a branch or a commit of a git repository",
    .keys = git_keys,
    .makes_index = TRUE,
    .open = git_open,
    .index = git_index,
    .fetch = git_fetch,
    .pin = git_pin,
    .resolve = git_resolve,
};
