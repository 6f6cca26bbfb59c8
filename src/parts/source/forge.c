/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of a forge's latest release. */
#include "parts/source/forge.h"

#include "base/digest.h"
#include "base/fault.h"
#include "model/manifest_check.h"
#include "model/schema.h"
#include "model/version.h"

#include <fnmatch.h>
#include <string.h>

#define DIGEST_PREFIX "sha256:"

void forge_release_clear(ForgeRelease *release)
{
    g_free(release->version);
    g_free(release->url);
    g_free(release->sha256);
    g_free(release->checksum_url);
    g_free(release->signature);
    g_free(release->published);
    *release = (ForgeRelease){.size_bytes = 0};
}

char *tag_version(const char *pattern, const char *tag)
{
    const char *star = strchr(pattern, '*');
    gsize before = (gsize)(star - pattern), after = strlen(star + 1), size = strlen(tag);
    if (size <= before + after || strncmp(tag, pattern, before) != 0 || strcmp(tag + size - after, star + 1) != 0)
        return NULL;
    g_autofree char *version = g_strndup(tag + before, size - before - after);
    return version_is_valid(version) && version_is_ordered(version) ? g_steal_pointer(&version) : NULL;
}

static const Node *assets_of(const Node *document)
{
    const Node *assets = document->kind == NODE_MAP ? node_get(document, "assets") : NULL;
    return assets && assets->kind == NODE_LIST ? assets : NULL;
}

/* Name of the i-th asset if it is a plain file name; else NULL. */
static const char *asset_name(const Node *assets, guint i)
{
    const Node *asset = assets->items->pdata[i];
    const char *name = asset->kind == NODE_MAP ? node_get_text(asset, "name", NULL) : NULL;
    return name && *name && !strchr(name, '/') ? name : NULL;
}

static const Node *find_asset(const Node *assets, const char *name, const char *glob, GError **error)
{
    const Node *found = NULL;
    g_autofree char *quoted = schema_quote(glob);
    for (guint i = 0; assets && i < assets->items->len; i++) {
        const char *asset = asset_name(assets, i);
        if (!asset || fnmatch(glob, asset, FNM_PERIOD) != 0)
            continue;
        if (found) {
            fault_set(error, FAULT_SOURCE, "%s: more than one asset is called %s", name, quoted);
            return NULL;
        }
        found = assets->items->pdata[i];
    }
    if (!found)
        fault_set(error, FAULT_SOURCE, "%s: no asset is called %s", name, quoted);
    return found;
}

/* The address of the asset that is called so exactly; NULL: there is none, or none that can be fetched. */
static char *beside(const Node *assets, const char *asset, const char *suffix)
{
    g_autofree char *wanted = g_strconcat(asset, suffix, NULL);
    for (guint i = 0; i < assets->items->len; i++) {
        const char *name = asset_name(assets, i);
        const char *url = name ? node_get_text(assets->items->pdata[i], "browser_download_url", NULL) : NULL;
        if (url && strcmp(name, wanted) == 0 && url_is_plain(url))
            return g_strdup(url);
    }
    return NULL;
}

static gboolean take_asset(const Node *assets, const Node *asset, const char *name, ForgeRelease *release,
                           GError **error)
{
    const char *url = node_get_text(asset, "browser_download_url", ""), *file = node_get_text(asset, "name", "");
    const char *digest = node_get_text(asset, "digest", NULL);
    if (!url_is_plain(url))
        return fault_set(error, FAULT_SOURCE, "%s: the asset has no http or https address", name);
    release->url = g_strdup(url);
    release->size_bytes = MAX(node_get_int(asset, "size", 0), 0);
    if (digest && g_str_has_prefix(digest, DIGEST_PREFIX) && digest_is_valid(digest + strlen(DIGEST_PREFIX)))
        release->sha256 = g_strdup(digest + strlen(DIGEST_PREFIX));
    release->checksum_url = beside(assets, file, ".sha256");
    release->signature = beside(assets, file, ".minisig");
    return TRUE;
}

gboolean forge_read(const Node *document, const char *name, const char *tags, const char *asset, ForgeRelease *release,
                    GError **error)
{
    *release = (ForgeRelease){.size_bytes = 0};
    const char *tag = document->kind == NODE_MAP ? node_get_text(document, "tag_name", NULL) : NULL;
    if (!tag)
        return fault_set(error, FAULT_SOURCE, "%s is no release of a forge", name);
    if (node_get_bool(document, "draft", FALSE))
        return fault_set(error, FAULT_SOURCE, "%s: the release is a draft", name);
    release->version = tag_version(tags, tag);
    if (!release->version) {
        g_autofree char *quoted = schema_quote(tag);
        return fault_set(error, FAULT_SOURCE, "%s: the tag %s is no version", name, quoted);
    }
    const Node *assets = assets_of(document), *found = find_asset(assets, name, asset, error);
    if (!found || !take_asset(assets, found, name, release, error)) {
        forge_release_clear(release);
        return FALSE;
    }
    release->published = g_strdup(node_get_text(document, "published_at", NULL));
    return TRUE;
}
