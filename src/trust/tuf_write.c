/* SPDX-License-Identifier: Apache-2.0 */
/* Making TUF metadata. */
#include "trust/tuf_write.h"

#include "base/digest.h"

#include <string.h>

/* The map below a key, made if it is not there. */
static Node *map_in(Node *map, const char *key)
{
    if (!node_get(map, key))
        node_set(map, key, node_new_map());
    return (Node *)node_get(map, key); /* the map is the caller's to change, so is what is in it */
}

static Node *list_of(const char *const *strings)
{
    Node *list = node_new_list();
    for (; strings && *strings; strings++)
        node_append(list, node_new_scalar(SCALAR_STRING, *strings));
    return list;
}

Node *tuf_write_new(TufType type, gint64 version, gint64 expires_s)
{
    static const char *const rests[TUF_N_TYPES] = {"roles", "meta", "meta", "targets"};
    Node *content = node_new_map();
    node_set_text(content, "_type", tuf_type_name(type));
    node_set_text(content, "spec_version", TUF_SPEC_VERSION);
    tuf_write_version(content, version, expires_s);
    if (type == TUF_ROOT) {
        node_set_bool(content, "consistent_snapshot", TRUE);
        map_in(content, "keys");
    }
    map_in(content, rests[type]);
    return content;
}

void tuf_write_version(Node *content, gint64 version, gint64 expires_s)
{
    g_autofree char *expires = tuf_time_write(expires_s);
    node_set_int(content, "version", version);
    node_set_text(content, "expires", expires);
}

static Node *delegations_of(Node *targets)
{
    Node *delegations = map_in(targets, "delegations");
    map_in(delegations, "keys");
    if (!node_get(delegations, "roles"))
        node_set(delegations, "roles", node_new_list());
    return delegations;
}

void tuf_write_key(Node *content, const TufKey *key)
{
    gboolean root = g_str_equal(node_get_text(content, "_type", ""), tuf_type_name(TUF_ROOT));
    node_set(map_in(root ? content : delegations_of(content), "keys"), key->id, node_copy(key->node));
}

static void set_signers(Node *role, const char *const *keyids, gint64 threshold)
{
    node_set(role, "keyids", list_of(keyids));
    node_set_int(role, "threshold", threshold);
}

void tuf_write_role(Node *root, TufType role, const char *const *keyids, gint64 threshold)
{
    set_signers(map_in(map_in(root, "roles"), tuf_type_name(role)), keyids, threshold);
}

void tuf_write_delegation(Node *targets, const char *role, const char *const *keyids, gint64 threshold,
                          const char *const *paths, gboolean terminating)
{
    Node *list = (Node *)node_get(delegations_of(targets), "roles"), *delegation = NULL;
    for (guint i = 0; i < list->items->len && !delegation; i++) {
        Node *other = g_ptr_array_index(list->items, i);
        if (g_str_equal(node_get_text(other, "name", ""), role))
            delegation = other;
    }
    if (!delegation) {
        delegation = node_new_map();
        node_append(list, delegation);
    }
    node_set_text(delegation, "name", role);
    set_signers(delegation, keyids, threshold);
    node_set(delegation, "paths", list_of(paths));
    node_set_bool(delegation, "terminating", terminating);
}

static void set_hash(Node *file, gint64 length, const char *sha256)
{
    Node *hashes = node_new_map();
    node_set_text(hashes, "sha256", sha256);
    node_set(file, "hashes", hashes);
    node_set_int(file, "length", length);
}

void tuf_write_meta(Node *content, const char *file, gint64 version, const char *bytes, gsize size)
{
    Node *entry = node_new_map();
    if (bytes) {
        g_autofree char *sha256 = digest_bytes(bytes, size);
        set_hash(entry, (gint64)size, sha256);
    }
    node_set_int(entry, "version", version);
    node_set(map_in(content, "meta"), file, entry);
}

void tuf_write_target(Node *targets, const char *path, gint64 length, const char *sha256, Node *custom)
{
    Node *entry = node_new_map();
    if (custom)
        node_set(entry, "custom", custom);
    set_hash(entry, length, sha256);
    node_set(map_in(targets, "targets"), path, entry);
}
