/* SPDX-License-Identifier: Apache-2.0 */
/* TUF metadata: what each kind must hold, looking into it, and counting signatures. */
#include "trust/tuf_metadata.h"

#include "base/canonical.h"
#include "base/clock.h"
#include "base/fault.h"
#include "trust/tuf_read.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHA256_DIGITS = 64, SHA512_DIGITS = 128 };

const char *tuf_type_name(TufType type)
{
    static const char *const names[TUF_N_TYPES] = {"root", "timestamp", "snapshot", "targets"};
    return names[type];
}

/* --- times and versions ------------------------------------------------------------------------------------- */

char *tuf_time_write(gint64 time_s)
{
    return clock_format(time_s);
}

gboolean tuf_time_read(const char *text, gint64 *time_s)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    struct tm parts = {.tm_isdst = 0};
    if (strlen(text) != strlen(form))
        return FALSE;
    for (gsize i = 0; form[i]; i++) {
        if (form[i] == '0' ? !g_ascii_isdigit(text[i]) : text[i] != form[i])
            return FALSE;
    }
    parts.tm_year = atoi(text) - 1900;
    parts.tm_mon = atoi(text + 5) - 1;
    parts.tm_mday = atoi(text + 8);
    parts.tm_hour = atoi(text + 11);
    parts.tm_min = atoi(text + 14);
    parts.tm_sec = atoi(text + 17);
    gint64 found = (gint64)timegm(&parts);
    g_autofree char *again = tuf_time_write(found); /* what timegm had to put right was no time */
    if (!g_str_equal(again, text))
        return FALSE;
    *time_s = found;
    return TRUE;
}

/* "1.0", "1.0.34": all that begin with 1 promise to be understood by who understands 1. */
static gboolean check_spec_version(const TufReading *reading, const char *text)
{
    guint n_dots = 0;
    for (const char *at = text; *at; at++) {
        gboolean dot = *at == '.' && at > text && at[-1] != '.' && at[1];
        n_dots += dot;
        if (!dot && !g_ascii_isdigit(*at))
            return tuf_fault(reading, "'spec_version' is no version");
    }
    return (g_str_has_prefix(text, "1.") && n_dots <= 2) ||
           tuf_fault(reading, "'spec_version' is not 1: this liftlock cannot read it");
}

/* --- files -------------------------------------------------------------------------------------------------- */

static void file_free(gpointer data)
{
    TufFile *file = data;
    g_free(file->name);
    g_free(file->sha256);
    g_free(file->sha512);
    g_free(file);
}

static int compare_files(gconstpointer a, gconstpointer b)
{
    const TufFile *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static gboolean read_hash(const TufReading *reading, const Node *map, const char *algorithm, gsize n_digits,
                          char **hash)
{
    if (!node_get(map, algorithm))
        return TRUE;
    const char *text = tuf_read_string(reading, map, algorithm);
    if (!text)
        return FALSE;
    if (strlen(text) != n_digits || strspn(text, "0123456789abcdefABCDEF") != n_digits)
        return tuf_fault(reading, "'%s' does not hold %" G_GSIZE_FORMAT " hexadecimal digits", algorithm, n_digits);
    *hash = g_ascii_strdown(text, -1);
    return TRUE;
}

static gboolean read_hashes(const TufReading *reading, TufFile *file, const Node *node)
{
    const Node *hashes = tuf_read_map(reading, node, "hashes");
    if (!hashes)
        return FALSE;
    if (hashes->items->len == 0)
        return tuf_fault(reading, "'hashes' is empty");
    file->hashed = TRUE;
    return read_hash(reading, hashes, "sha256", SHA256_DIGITS, &file->sha256) &&
           read_hash(reading, hashes, "sha512", SHA512_DIGITS, &file->sha512);
}

static gboolean read_file(const TufReading *reading, TufFile *file, const Node *node, gboolean target)
{
    if (node->kind != NODE_MAP)
        return tuf_fault(reading, "an entry is not a map");
    file->length = -1;
    if ((target || node_get(node, "length")) && !tuf_read_int(reading, node, "length", 0, &file->length))
        return FALSE;
    if ((target || node_get(node, "hashes")) && !read_hashes(reading, file, node))
        return FALSE;
    file->custom = target ? node_get(node, "custom") : NULL;
    return target || tuf_read_int(reading, node, "version", 1, &file->version);
}

static gboolean read_files(const TufReading *reading, TufMetadata *metadata, const char *key, gboolean target)
{
    const Node *map = tuf_read_map(reading, metadata->node, key);
    for (guint i = 0; map && i < map->items->len; i++) {
        const Entry *entry = g_ptr_array_index(map->items, i);
        TufFile *file = g_new0(TufFile, 1);
        file->name = g_strdup(entry->key);
        g_ptr_array_add(metadata->files, file);
        if (!read_file(reading, file, entry->value, target))
            return FALSE;
    }
    g_ptr_array_sort(metadata->files, compare_files);
    return map != NULL;
}

/* --- the four kinds ----------------------------------------------------------------------------------------- */

static gboolean read_root(const TufReading *reading, TufMetadata *metadata)
{
    const Node *node = metadata->node;
    const Node *keys = tuf_read_map(reading, node, "keys"), *roles = keys ? tuf_read_map(reading, node, "roles") : NULL;
    if (!roles || !tuf_read_bool(reading, node, "consistent_snapshot", &metadata->consistent_snapshot))
        return FALSE;
    g_clear_pointer(&metadata->keys, g_ptr_array_unref);
    metadata->keys = tuf_read_keys(reading, keys);
    for (guint type = 0; metadata->keys && type < TUF_N_TYPES; type++) {
        const char *name = tuf_type_name((TufType)type);
        const Node *entry = tuf_read_map(reading, roles, name);
        TufRole *role = entry ? tuf_read_role(reading, entry, name) : NULL;
        if (!role)
            return FALSE;
        g_ptr_array_add(metadata->roles, role);
    }
    return metadata->keys != NULL;
}

static gboolean read_timestamp(const TufReading *reading, TufMetadata *metadata)
{
    if (!read_files(reading, metadata, "meta", FALSE))
        return FALSE;
    return (metadata->files->len == 1 && tuf_metadata_file(metadata, "snapshot.json")) ||
           tuf_fault(reading, "'meta' does not list snapshot.json and nothing else");
}

static gboolean read_snapshot(const TufReading *reading, TufMetadata *metadata)
{
    if (!read_files(reading, metadata, "meta", FALSE))
        return FALSE;
    return tuf_metadata_file(metadata, "targets.json") || tuf_fault(reading, "'meta' does not list targets.json");
}

static gboolean read_targets(const TufReading *reading, TufMetadata *metadata)
{
    return read_files(reading, metadata, "targets", TRUE) && tuf_read_delegations(reading, metadata);
}

static gboolean read_content(const TufReading *reading, TufMetadata *metadata)
{
    static gboolean (*const readers[TUF_N_TYPES])(const TufReading *, TufMetadata *) = {read_root, read_timestamp,
                                                                                        read_snapshot, read_targets};
    const char *type = tuf_read_string(reading, metadata->node, "_type");
    if (!type)
        return FALSE;
    if (!g_str_equal(type, tuf_type_name(metadata->type)))
        return tuf_fault(reading, "'_type' is not '%s'", tuf_type_name(metadata->type));
    const char *spec = tuf_read_string(reading, metadata->node, "spec_version");
    if (!spec || !check_spec_version(reading, spec) ||
        !tuf_read_int(reading, metadata->node, "version", 1, &metadata->version))
        return FALSE;
    const char *expires = tuf_read_string(reading, metadata->node, "expires");
    if (!expires)
        return FALSE;
    if (!tuf_time_read(expires, &metadata->expires_s))
        return tuf_fault(reading, "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ");
    return readers[metadata->type](reading, metadata);
}

static void role_free(gpointer data)
{
    tuf_role_free(data);
}

void tuf_metadata_free(TufMetadata *metadata)
{
    if (!metadata)
        return;
    g_clear_pointer(&metadata->keys, g_ptr_array_unref);
    g_ptr_array_unref(metadata->roles);
    g_ptr_array_unref(metadata->files);
    g_free(metadata->succinct_prefix);
    node_free(metadata->node);
    g_free(metadata);
}

TufMetadata *tuf_metadata_from_node(TufType type, Node *node, const char *name, GError **error)
{
    g_autoptr(TufMetadata) metadata = g_new0(TufMetadata, 1);
    metadata->type = type;
    metadata->node = node;
    metadata->keys = g_ptr_array_new();
    metadata->roles = g_ptr_array_new_with_free_func(role_free);
    metadata->files = g_ptr_array_new_with_free_func(file_free);
    TufReading reading = {.name = name, .error = error};
    return read_content(&reading, metadata) ? g_steal_pointer(&metadata) : NULL;
}

TufMetadata *tuf_metadata_read(TufType type, const char *bytes, gsize size, const char *name, GError **error)
{
    Node *node = canonical_read_exact(bytes, size, name, FAULT_VERIFY, error);
    return node ? tuf_metadata_from_node(type, node, name, error) : NULL;
}

/* --- looking ------------------------------------------------------------------------------------------------ */

const TufFile *tuf_metadata_file(const TufMetadata *metadata, const char *name)
{
    const TufFile wanted = {.name = (char *)name}, *key = &wanted;
    gconstpointer *found = metadata->files->len ? bsearch(&key, metadata->files->pdata, metadata->files->len,
                                                          sizeof(gpointer), compare_files)
                                                : NULL;
    return found ? *found : NULL;
}

static int compare_keys(const void *a, const void *b)
{
    const TufKey *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

const TufKey *tuf_metadata_key(const TufMetadata *metadata, const char *id)
{
    const TufKey wanted = {.id = (char *)id}, *key = &wanted;
    gconstpointer *found =
        metadata->keys->len ? bsearch(&key, metadata->keys->pdata, metadata->keys->len, sizeof(gpointer), compare_keys)
                            : NULL;
    return found ? *found : NULL;
}

const TufRole *tuf_metadata_role(const TufMetadata *metadata, const char *name)
{
    for (guint i = 0; i < metadata->roles->len; i++) {
        const TufRole *role = g_ptr_array_index(metadata->roles, i);
        if (role->name && g_str_equal(role->name, name))
            return role;
    }
    return NULL;
}

/* --- signatures --------------------------------------------------------------------------------------------- */

static const char *signature_by(const Envelope *envelope, const char *keyid)
{
    for (guint i = 0; i < envelope->signatures->len; i++) {
        const EnvelopeSignature *signature = g_ptr_array_index(envelope->signatures, i);
        if (g_str_equal(signature->keyid, keyid))
            return signature->sig;
    }
    return NULL;
}

/* Goes through the role's keys, not through the signatures: none of what strangers can add is ever counted. */
gboolean tuf_metadata_verify(const TufMetadata *by, const TufRole *role, const Envelope *envelope, const char *name,
                             GError **error)
{
    gint64 n_good = 0;
    for (guint i = 0; i < role->keyids->len && n_good < role->threshold; i++) {
        const char *keyid = g_ptr_array_index(role->keyids, i), *sig = signature_by(envelope, keyid);
        const TufKey *key = sig ? tuf_metadata_key(by, keyid) : NULL;
        if (key && tuf_key_verify(key, envelope->bytes, envelope->size, sig))
            n_good++;
    }
    if (n_good >= role->threshold && n_good > 0)
        return TRUE;
    return fault_set(error, FAULT_VERIFY,
                     "%s: only %" G_GINT64_FORMAT " of the %" G_GINT64_FORMAT " signatures that it needs are good",
                     name, n_good, role->threshold);
}
