/* SPDX-License-Identifier: Apache-2.0 */
/* An index: a source's list of releases. */
#include "model/index.h"

#include "base/digest.h"
#include "base/fault.h"
#include "model/manifest_check.h"
#include "model/version.h"

#include <stdlib.h>
#include <string.h>

#define OF(type, member) offsetof(type, member)

/* clang-format off */
static const char *const gate_names[] = {"breakpoint", "stop", NULL};

static const Key gate_keys[] = {
    {"kind", KEY_TEXT, OF(Release, gate.kind) - OF(Release, gate), NULL, "breakpoint: to be installed before any later release; stop: a person takes it", .required = TRUE, .words = gate_names},
    {"message", KEY_TEXT, OF(Release, gate.message) - OF(Release, gate), NULL, "what people are told"},
    {0},
};

static const Key file_keys[] = {
    {"url", KEY_TEXT, OF(ReleaseFile, url), NULL, "the file, relative to the index or absolute", .required = TRUE},
    {"sha256", KEY_TEXT, OF(ReleaseFile, sha256), NULL, "its digest", .required = TRUE},
    {"size", KEY_INT, OF(ReleaseFile, size_bytes), NULL, "its bytes", .required = TRUE, .min = 1, .max = G_MAXINT64},
    {0},
};

static const Key delta_keys[] = {
    {"from", KEY_VERSION, OF(ReleaseDelta, from), NULL, "version that it starts from", .required = TRUE},
    {"from_tree", KEY_TEXT, OF(ReleaseDelta, from_tree), NULL, "digest of that version's tree", .required = TRUE},
    {"memory", KEY_INT, OF(ReleaseDelta, memory_bytes), NULL, "bytes of memory that applying it takes", .required = TRUE},
    {"url", KEY_TEXT, OF(ReleaseDelta, file.url), NULL, "the delta, relative to the index or absolute", .required = TRUE},
    {"sha256", KEY_TEXT, OF(ReleaseDelta, file.sha256), NULL, "its digest", .required = TRUE},
    {"size", KEY_INT, OF(ReleaseDelta, file.size_bytes), NULL, "its bytes", .required = TRUE, .min = 1, .max = G_MAXINT64},
    {0},
};

static const Key release_keys[] = {
    {"version", KEY_VERSION, OF(Release, version), NULL, "version of the release", .required = TRUE},
    {"url", KEY_TEXT, OF(Release, url), NULL, "the archive, relative to the index or absolute", .required = TRUE},
    {"sha256", KEY_TEXT, OF(Release, sha256), NULL, "digest of the archive"},
    {"size", KEY_INT, OF(Release, size_bytes), "0", "bytes of the archive"},
    {"signature", KEY_TEXT, OF(Release, signature), NULL, "minisign signature of the archive; default: url + .minisig"},
    {"tree", KEY_TEXT, OF(Release, tree), NULL, "digest of the release's inventory"},
    {"table", KEY_TABLE, OF(Release, table), NULL, "table of the release's pack", .table = file_keys},
    {"pack", KEY_TABLE, OF(Release, pack), NULL, "the release's contents in frames, to be fetched by their ranges", .table = file_keys},
    {"deltas", KEY_TABLES, OF(Release, deltas), NULL, "differences from other releases", .table = delta_keys, .size = sizeof(ReleaseDelta)},
    {"manifest", KEY_TEXT, OF(Release, manifest), NULL, "the manifest beside the archive, so that a plan costs no download"},
    {"manifest_sha256", KEY_TEXT, OF(Release, manifest_sha256), NULL, "digest of the manifest"},
    {"released", KEY_VALUE, OF(Release, released), NULL, "day or time of publication"},
    {"changelog", KEY_TEXT, OF(Release, changelog), NULL, "URL of what changed"},
    {"severity", KEY_TEXT, OF(Release, severity), NULL, "security and critical releases do not wait for policy's age"},
    {"description", KEY_TEXT, OF(Release, description), NULL, "one line about the release"},
    {"min_age", KEY_DURATION, OF(Release, min_age_ms), "0", "how long after its publication hosts wait at least"},
    {"rollout", KEY_NODE, OF(Release, rollout), NULL, "which hosts take it when; replaces the manifest's"},
    {"unpacked_size", KEY_INT, OF(Release, unpacked_bytes), "0", "bytes of the files in the archive"},
    {"unpacked_entries", KEY_INT, OF(Release, unpacked_entries), "0", "files and directories in the archive"},
    {"gate", KEY_TABLE, OF(Release, gate), NULL, "nobody may jump over this release", .table = gate_keys},
    {"withdrawn", KEY_BOOL, OF(Release, withdrawn), "false", "whether the publisher took it back"},
    {"withdrawn_reason", KEY_TEXT, OF(Release, withdrawn_reason), NULL, "why"},
    {"*", KEY_NODE, OF(Release, node), NULL, "keys of newer publishers"},
    {0},
};

const Key release_index_keys[] = {
    {"app", KEY_TEXT, OF(ReleaseIndex, app), NULL, "name of the app"},
    {"index", KEY_INT, OF(ReleaseIndex, index), "0", "number of this index; rises with every publication"},
    {"channels", KEY_TEXT_MAP, OF(ReleaseIndex, channels), NULL, "channel -> version"},
    {"latest_stable", KEY_VERSION, OF(ReleaseIndex, latest_stable), NULL, "version of the channel stable, where there are no channels"},
    {"only_named", KEY_BOOL, OF(ReleaseIndex, only_named), "false", "whether what no channel names is offered to nobody"},
    {"releases", KEY_TABLES, OF(ReleaseIndex, releases), NULL, "the releases", .required = TRUE, .table = release_keys, .size = sizeof(Release)},
    {"*", KEY_NODE, OF(ReleaseIndex, document), NULL, "keys of newer publishers"},
    {0},
};
/* clang-format on */

/* --- checks -------------------------------------------------------------------------------------------------- */

typedef struct Checker {
    const char *name;
    GError **error;
} Checker;

static gboolean fault_wrong(const Checker *checker, const Node *map, const char *key, const char *must,
                            const char *value)
{
    const Node *node = node_get(map, key);
    g_autofree char *quoted = schema_quote(value);
    return schema_fault(checker->error, FAULT_SOURCE, checker->name, node->line, node->column,
                        "'%s' must be %s, not %s", key, must, quoted);
}

/* An http or https address without credentials, or a path relative to the index. */
static gboolean is_reference(const char *text)
{
    static const char scheme[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "+.-";
    if (text[strspn(text, scheme)] == ':')
        return url_is_plain(text);
    gboolean printable = *text && g_utf8_validate(text, -1, NULL);
    for (const char *p = text; printable && *p; p = g_utf8_next_char(p))
        printable = g_unichar_isprint(g_utf8_get_char(p)) && *p != '\\';
    return printable && !g_str_has_prefix(text, "//");
}

static gboolean check_digest(const Checker *checker, const Node *map, const char *key, char *digest)
{
    for (char *p = digest; p && *p; p++)
        *p = g_ascii_tolower(*p);
    return !digest || digest_is_valid(digest) || fault_wrong(checker, map, key, "64 hexadecimal digits", digest);
}

static gboolean check_reference(const Checker *checker, const Node *map, const char *key, const char *value)
{
    if (!value || is_reference(value))
        return TRUE;
    const Node *node = node_get(map, key);
    if (strchr(value, '@') && strstr(value, "://"))
        return schema_fault(checker->error, FAULT_SOURCE, checker->name, node->line, node->column,
                            "'%s' must not hold a user or password", key);
    return fault_wrong(checker, map, key, "an http or https address or a relative path", value);
}

static gboolean check_file(const Checker *checker, const Node *map, const ReleaseFile *file)
{
    return check_reference(checker, map, "url", file->url) && check_digest(checker, map, "sha256", file->sha256);
}

/* What leads to the release's tree without its archive. */
static gboolean check_ways(const Checker *checker, const Release *release)
{
    const Node *map = release->node, *deltas = node_get(map, "deltas");
    for (guint i = 0; release->deltas && i < release->deltas->len; i++) {
        const ReleaseDelta *delta = release->deltas->pdata[i];
        const Node *node = deltas->items->pdata[i];
        if (!check_file(checker, node, &delta->file) || !check_digest(checker, node, "from_tree", delta->from_tree))
            return FALSE;
    }
    return check_digest(checker, map, "tree", release->tree) &&
           check_file(checker, node_get(map, "table"), &release->table) &&
           check_file(checker, node_get(map, "pack"), &release->pack);
}

static gboolean check_release(const Checker *checker, const Release *release)
{
    const Node *map = release->node;
    return check_reference(checker, map, "url", release->url) &&
           check_reference(checker, map, "signature", release->signature) &&
           check_reference(checker, map, "manifest", release->manifest) &&
           check_digest(checker, map, "sha256", release->sha256) &&
           check_digest(checker, map, "manifest_sha256", release->manifest_sha256) && check_ways(checker, release);
}

static int compare_releases(gconstpointer a, gconstpointer b)
{
    return version_compare((*(const Release *const *)a)->version, (*(const Release *const *)b)->version);
}

/* Sorts by version; two of one version would leave open which of them is meant. */
static gboolean sort_releases(const Checker *checker, ReleaseIndex *index)
{
    index->by_version = g_ptr_array_new();
    for (guint i = 0; i < index->releases->len; i++)
        g_ptr_array_add(index->by_version, index->releases->pdata[i]);
    g_ptr_array_sort(index->by_version, compare_releases);
    for (guint i = 1; i < index->by_version->len; i++) {
        const Release *a = index->by_version->pdata[i - 1], *b = index->by_version->pdata[i];
        if (version_compare(a->version, b->version) == 0) {
            const Node *one = node_get(a->node, "version"), *two = node_get(b->node, "version");
            const Node *later =
                two->line > one->line || (two->line == one->line && two->column > one->column) ? two : one;
            return schema_fault(checker->error, FAULT_SOURCE, checker->name, later->line, later->column,
                                "release %s is listed twice", later->text);
        }
    }
    return TRUE;
}

static gboolean check_channel(const Checker *checker, const ReleaseIndex *index, const char *channel,
                              const char *version, const Node *node)
{
    if (release_index_find(index, version))
        return TRUE;
    g_autofree char *quoted = schema_quote(channel), *missing = schema_quote(version);
    return schema_fault(checker->error, FAULT_SOURCE, checker->name, node->line, node->column,
                        "%s names release %s, which is not listed", quoted, missing);
}

static gboolean check_channels(const Checker *checker, const ReleaseIndex *index)
{
    const Node *map = node_get(index->document, "channels");
    for (guint i = 0; i < index->channels->len; i++) {
        const KeyPair *pair = index->channels->pdata[i];
        const Entry *entry = map->items->pdata[i];
        if (!check_channel(checker, index, pair->name, pair->value, entry->value))
            return FALSE;
    }
    return !index->latest_stable || check_channel(checker, index, "latest_stable", index->latest_stable,
                                                  node_get(index->document, "latest_stable"));
}

ReleaseIndex *release_index_read(Node *document, const char *name, GError **error)
{
    g_autoptr(ReleaseIndex) index = g_new0(ReleaseIndex, 1);
    index->document = document;
    const Checker checker = {.name = name, .error = error};
    if (!schema_read(release_index_keys, document, name, FAULT_SOURCE, index, error))
        return NULL;
    for (guint i = 0; i < index->releases->len; i++)
        if (!check_release(&checker, index->releases->pdata[i]))
            return NULL;
    if (!sort_releases(&checker, index) || !check_channels(&checker, index))
        return NULL;
    return g_steal_pointer(&index);
}

void release_index_free(ReleaseIndex *index)
{
    if (!index)
        return;
    Node *document = index->document;
    g_clear_pointer(&index->by_version, g_ptr_array_unref);
    schema_clear(release_index_keys, index);
    node_free(document);
    g_free(index);
}

/* --- looking ------------------------------------------------------------------------------------------------- */

static int compare_to_release(gconstpointer version, gconstpointer release)
{
    return version_compare(version, (*(const Release *const *)release)->version);
}

static const char *without_v(const char *version)
{
    return *version == 'v' ? version + 1 : version;
}

const Release *release_index_find(const ReleaseIndex *index, const char *version)
{
    if (!version_is_valid(version) || index->by_version->len == 0)
        return NULL;
    gpointer *found =
        bsearch(version, index->by_version->pdata, index->by_version->len, sizeof(gpointer), compare_to_release);
    const Release *release = found ? *found : NULL;
    if (!release || strcmp(without_v(release->version), without_v(version)) == 0)
        return release;
    /* Equal in order, but not in letters: builds of one version are not each other. */
    return strchr(version, '+') || strchr(release->version, '+') ? NULL : release;
}

static const Release *highest_stable(const ReleaseIndex *index)
{
    for (guint i = index->by_version->len; i > 0; i--) {
        const Release *release = index->by_version->pdata[i - 1];
        if (!release->withdrawn && version_is_ordered(release->version) && !version_is_prerelease(release->version))
            return release;
    }
    for (guint i = 0; i < index->releases->len; i++) {
        const Release *release = index->releases->pdata[i];
        if (!release->withdrawn && !version_is_ordered(release->version))
            return release;
    }
    return NULL;
}

const char *release_index_channel(const ReleaseIndex *index, const char *channel)
{
    for (guint i = 0; i < index->channels->len; i++) {
        const KeyPair *pair = index->channels->pdata[i];
        if (strcmp(pair->name, channel) == 0)
            return pair->value;
    }
    if (strcmp(channel, "stable") != 0 || index->only_named)
        return NULL;
    if (index->latest_stable)
        return index->latest_stable;
    const Release *release = highest_stable(index);
    return release ? release->version : NULL;
}
