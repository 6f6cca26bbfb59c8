/* SPDX-License-Identifier: Apache-2.0 */
/* The client's way from a trusted root to the four roles of the top level: sections 5.1 to 5.6. */
#include "trust/tuf_client.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "trust/tuf_inner.h"
#include "trust/tuf_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 30 * 1000, LOCK_STEP_MS = 50, FILE_MODE = 0644, ANCHOR_MAX_BYTES = 8 * 1024 * 1024 };

static const guint64 limits[TUF_N_TYPES] = {TUF_MAX_ROOT_BYTES, TUF_MAX_TIMESTAMP_BYTES, TUF_MAX_SNAPSHOT_BYTES,
                                            TUF_MAX_TARGETS_BYTES};
/* The anchor: the root as we wrote it ourselves (docs/decisions/030); root.json beside it is as it was received. */
static const char anchor_file[] = "root.trusted";
static const char *const files[TUF_N_TYPES] = {"root.json", "timestamp.json", "snapshot.json", "targets.json"};

Envelope *tuf_open_here(gpointer data, const char *bytes, gsize size, const char *name, GError **error)
{
    return envelope_read(bytes, size, name, FAULT_VERIFY, error);
}

/* --- the directory ------------------------------------------------------------------------------------------ */

static gboolean lock_dir(int dirfd, GError **error)
{
    for (gint64 waited_ms = 0; flock(dirfd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot lock the directory of metadata");
        if (waited_ms >= LOCK_WAIT_MS)
            return fault_set(error, FAULT_BUSY, "another process works on the same directory of metadata");
        g_usleep(LOCK_STEP_MS * 1000);
    }
    return TRUE;
}

/* What a crash left of files that were being written. */
static void sweep(int dirfd)
{
    fs_fd int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return;
    fs_fd_steal(&fd);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (fs_is_abandoned(dirfd, entry->d_name))
            unlinkat(dirfd, entry->d_name, 0);
    }
    closedir(dir);
}

gboolean tuf_client_pin(int dirfd, const char *bytes, gsize size, GError **error)
{
    if (size > TUF_MAX_ROOT_BYTES)
        return fault_set(error, FAULT_VERIFY, "root.json: larger than %d bytes", TUF_MAX_ROOT_BYTES);
    return fs_write_atomic(dirfd, files[TUF_ROOT], bytes, size, FILE_MODE, error) &&
           fs_write_atomic(dirfd, anchor_file, bytes, size, FILE_MODE, error);
}

TufClient *tuf_client_open(int dirfd, const TufNet *net, gint64 now_s, GError **error)
{
    /* A lock belongs to an open file: a descriptor of our own, so that nobody else's closing ends it. */
    fs_fd int own = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot open the directory of metadata");
        return NULL;
    }
    if (!lock_dir(own, error))
        return NULL;
    sweep(own);
    TufClient *client = g_new0(TufClient, 1);
    client->dirfd = fs_fd_steal(&own);
    client->net = net;
    client->now_s = now_s;
    client->visited = g_ptr_array_new_with_free_func(g_free);
    return client;
}

static void trust(TufClient *client, TufMetadata *metadata)
{
    tuf_metadata_free(client->trusted[metadata->type]);
    client->trusted[metadata->type] = metadata;
}

static void forget(TufClient *client)
{
    for (guint type = 0; type < TUF_N_TYPES; type++)
        g_clear_pointer(&client->trusted[type], tuf_metadata_free);
    g_clear_pointer(&client->found, tuf_metadata_free);
}

void tuf_client_close(TufClient *client)
{
    if (!client)
        return;
    forget(client);
    g_ptr_array_unref(client->visited);
    close(client->dirfd);
    g_free(client);
}

const TufMetadata *tuf_client_trusted(const TufClient *client, TufType type)
{
    return client->trusted[type];
}

gint64 tuf_client_expires_s(const TufClient *client)
{
    gint64 first = G_MAXINT64;
    for (guint type = 0; type < TUF_N_TYPES; type++) {
        if (client->trusted[type])
            first = MIN(first, client->trusted[type]->expires_s);
    }
    return first;
}

/* --- one file ----------------------------------------------------------------------------------------------- */

void tuf_arrival_clear(TufArrival *arrival)
{
    g_clear_pointer(&arrival->bytes, g_free);
    g_clear_pointer(&arrival->envelope, envelope_free);
    g_clear_pointer(&arrival->metadata, tuf_metadata_free);
}

/* What lies in the directory; FALSE: nothing that could be used, and it will be replaced. */
static gboolean arrive_from_disk(TufClient *client, TufArrival *arrival, const char *file, guint64 limit)
{
    g_autoptr(GError) cause = NULL;
    arrival->bytes = fs_read(client->dirfd, file, limit, &arrival->size, &cause);
    if (!arrival->bytes && fault_code_of(cause) != FAULT_ABSENT)
        g_debug("%s", cause->message);
    return arrival->bytes != NULL;
}

/* From the net, and as long and with the hashes that `said` (may be NULL) promises, before anybody looks into it. */
static gboolean arrive_from_net(TufClient *client, TufArrival *arrival, const char *address, guint64 limit,
                                const TufFile *said, gboolean *absent, GError **error)
{
    gboolean none = FALSE;
    if (said && said->length >= 0)
        limit = (guint64)said->length;
    arrival->bytes = client->net->fetch(client->net->data, address, limit, &arrival->size, &none, error);
    if (absent)
        *absent = none;
    if (!arrival->bytes)
        return none && !absent ? fault_set(error, FAULT_SOURCE, "%s: the repository has no such file", address) : FALSE;
    if (arrival->size > limit)
        return fault_set(error, FAULT_VERIFY, "%s: more than %" G_GUINT64_FORMAT " bytes", address, limit);
    return !said || tuf_file_check(said, arrival->bytes, arrival->size, arrival->name, error);
}

/* Opens it, and sees that enough of the role's keys have signed. */
static gboolean verify(TufClient *client, TufArrival *arrival, const TufMetadata *by, const TufRole *role,
                       GError **error)
{
    if (!arrival->envelope)
        arrival->envelope = client->net->open(client->net->data, arrival->bytes, arrival->size, arrival->name, error);
    return arrival->envelope && tuf_metadata_verify(by, role, arrival->envelope, arrival->name, error);
}

/* The first look into what is verified. */
static gboolean look(TufArrival *arrival, TufType type, GError **error)
{
    if (!arrival->metadata)
        arrival->metadata =
            tuf_metadata_read(type, arrival->envelope->bytes, arrival->envelope->size, arrival->name, error);
    return arrival->metadata != NULL;
}

static gboolean persist(TufClient *client, const TufArrival *arrival, const char *file, GError **error)
{
    return fs_write_atomic(client->dirfd, file, arrival->bytes, arrival->size, FILE_MODE, error);
}

static const TufRole *top_role(const TufClient *client, TufType type)
{
    return g_ptr_array_index(client->trusted[TUF_ROOT]->roles, type);
}

gboolean tuf_check_expiry(const TufClient *client, const TufMetadata *metadata, const char *name, GError **error)
{
    if (metadata->expires_s > client->now_s)
        return TRUE;
    g_autofree char *ago = clock_span(client->now_s - metadata->expires_s, FALSE), *now = tuf_time_write(client->now_s);
    fault_set(error, FAULT_SOURCE,
              "metadata expired %s ago (%s): the publisher has not re-signed, or someone withholds updates", ago, name);
    return fault_hint(error, "ask the publisher; if it is this host's clock that is wrong, it says %s", now);
}

/* --- root (5.2, 5.3) ---------------------------------------------------------------------------------------- */

/* Read without a child: it is what an operator pinned, or what we wrote. */
static gboolean load_root(TufClient *client, GError **error)
{
    g_auto(TufArrival) arrival = {.name = anchor_file};
    arrival.bytes = fs_read(client->dirfd, anchor_file, ANCHOR_MAX_BYTES, &arrival.size, error);
    if (!arrival.bytes)
        return fault_prefix(error, "no trusted root");
    arrival.envelope = envelope_read(arrival.bytes, arrival.size, arrival.name, FAULT_VERIFY, error);
    if (!arrival.envelope || !look(&arrival, TUF_ROOT, error) ||
        !verify(client, &arrival, arrival.metadata, g_ptr_array_index(arrival.metadata->roles, TUF_ROOT), error))
        return fault_prefix(error, "the trusted root cannot be used");
    trust(client, g_steal_pointer(&arrival.metadata));
    return TRUE;
}

/* The verified root in our own writing, with the signatures of its own keys alone. */
static gboolean anchor(TufClient *client, const TufArrival *arrival, GError **error)
{
    const TufRole *role = g_ptr_array_index(arrival->metadata->roles, TUF_ROOT);
    g_autoptr(Envelope) own = envelope_new();
    for (guint i = 0; i < arrival->envelope->signatures->len; i++) {
        const EnvelopeSignature *signature = g_ptr_array_index(arrival->envelope->signatures, i);
        if (g_ptr_array_find_with_equal_func(role->keyids, signature->keyid, g_str_equal, NULL))
            envelope_add(own, signature->keyid, signature->sig);
    }
    gsize size = 0;
    g_autofree char *bytes = envelope_write(arrival->metadata->node, own->signatures, &size);
    return fs_write_atomic(client->dirfd, anchor_file, bytes, size, FILE_MODE, error);
}

/* One step of the chain; *last: there is no further one. */
static gboolean next_root(TufClient *client, gboolean *last, GError **error)
{
    const TufMetadata *old = client->trusted[TUF_ROOT];
    if (old->version == G_MAXINT64)
        return *last = TRUE;
    g_autofree char *address = g_strdup_printf("%" G_GINT64_FORMAT ".root.json", old->version + 1);
    g_auto(TufArrival) arrival = {.name = address};
    if (!arrive_from_net(client, &arrival, address, TUF_MAX_ROOT_BYTES, NULL, last, error))
        return *last;
    if (!verify(client, &arrival, old, g_ptr_array_index(old->roles, TUF_ROOT), error) ||
        !look(&arrival, TUF_ROOT, error) ||
        !verify(client, &arrival, arrival.metadata, g_ptr_array_index(arrival.metadata->roles, TUF_ROOT), error))
        return FALSE;
    if (arrival.metadata->version != old->version + 1)
        return fault_set(error, FAULT_VERIFY, "%s: is version %" G_GINT64_FORMAT " inside", address,
                         arrival.metadata->version);
    /* The anchor last: a crash in between costs one more request, and nothing else. */
    if (!persist(client, &arrival, files[TUF_ROOT], error) || !anchor(client, &arrival, error))
        return FALSE;
    trust(client, g_steal_pointer(&arrival.metadata));
    return TRUE;
}

static gboolean update_root(TufClient *client, GError **error)
{
    gboolean last = FALSE;
    for (guint n = 0; !last; n++) {
        if (n == TUF_MAX_NEW_ROOTS) {
            fault_set(error, FAULT_SOURCE, "%d new roots at once", TUF_MAX_NEW_ROOTS);
            return fault_hint(error, "run it again to go on from the last of them");
        }
        if (!next_root(client, &last, error))
            return FALSE;
    }
    return tuf_check_expiry(client, client->trusted[TUF_ROOT], files[TUF_ROOT], error);
}

/* --- timestamp (5.4) ---------------------------------------------------------------------------------------- */

/* The local file if the root of today vouches for it, which it does not if the role's keys have changed (fast-forward
 * recovery). Expired or not: it is the floor below which no version goes. */
static gboolean load_floor(TufClient *client, TufType type, TufArrival *arrival)
{
    g_autoptr(GError) cause = NULL;
    if (!arrive_from_disk(client, arrival, files[type], limits[type]) ||
        !verify(client, arrival, client->trusted[TUF_ROOT], top_role(client, type), &cause) ||
        !look(arrival, type, &cause)) {
        if (cause)
            g_debug("local %s", cause->message);
        return FALSE;
    }
    trust(client, g_steal_pointer(&arrival->metadata));
    return TRUE;
}

static gint64 snapshot_version(const TufMetadata *timestamp)
{
    return tuf_metadata_file(timestamp, files[TUF_SNAPSHOT])->version;
}

static gboolean check_timestamp(const TufClient *client, const TufMetadata *new, gboolean *same, GError **error)
{
    const TufMetadata *old = client->trusted[TUF_TIMESTAMP];
    *same = old && new->version == old->version;
    if (*same)
        return TRUE;
    if (old && new->version < old->version)
        return fault_set(error, FAULT_VERIFY,
                         "timestamp.json: version %" G_GINT64_FORMAT " is older than %" G_GINT64_FORMAT
                         ", which was seen before",
                         new->version, old->version);
    if (old && snapshot_version(new) < snapshot_version(old))
        return fault_set(error, FAULT_VERIFY,
                         "timestamp.json: names version %" G_GINT64_FORMAT
                         " of snapshot.json, older than %" G_GINT64_FORMAT ", which was seen before",
                         snapshot_version(new), snapshot_version(old));
    return tuf_check_expiry(client, new, files[TUF_TIMESTAMP], error);
}

static gboolean update_timestamp(TufClient *client, GError **error)
{
    g_auto(TufArrival) local = {.name = files[TUF_TIMESTAMP]}, arrival = {.name = files[TUF_TIMESTAMP]};
    gboolean same = FALSE;
    load_floor(client, TUF_TIMESTAMP, &local);
    if (!arrive_from_net(client, &arrival, files[TUF_TIMESTAMP], TUF_MAX_TIMESTAMP_BYTES, NULL, NULL, error))
        return FALSE;
    if (client->trusted[TUF_TIMESTAMP] && arrival.size == local.size &&
        memcmp(arrival.bytes, local.bytes, local.size) == 0) /* the file that was verified just now */
        return tuf_check_expiry(client, client->trusted[TUF_TIMESTAMP], files[TUF_TIMESTAMP], error);
    if (!verify(client, &arrival, client->trusted[TUF_ROOT], top_role(client, TUF_TIMESTAMP), error) ||
        !look(&arrival, TUF_TIMESTAMP, error) || !check_timestamp(client, arrival.metadata, &same, error))
        return FALSE;
    if (same) /* whatever else it says: what was trusted stays */
        return tuf_check_expiry(client, client->trusted[TUF_TIMESTAMP], files[TUF_TIMESTAMP], error);
    if (!persist(client, &arrival, files[TUF_TIMESTAMP], error))
        return FALSE;
    trust(client, g_steal_pointer(&arrival.metadata));
    return TRUE;
}

/* --- snapshot (5.5) ----------------------------------------------------------------------------------------- */

static gboolean check_version(const TufMetadata *metadata, const TufFile *said, const char *name, GError **error)
{
    return metadata->version == said->version ||
           fault_set(error, FAULT_VERIFY, "%s: is version %" G_GINT64_FORMAT ", should be version %" G_GINT64_FORMAT,
                     name, metadata->version, said->version);
}

/* No role may vanish, none go back. */
static gboolean check_snapshot(const TufMetadata *old, const TufMetadata *new, GError **error)
{
    for (guint i = 0; old && i < old->files->len; i++) {
        const TufFile *before = g_ptr_array_index(old->files, i), *now = tuf_metadata_file(new, before->name);
        g_autofree char *shown = shown_text(before->name);
        if (!now)
            return fault_set(error, FAULT_VERIFY, "snapshot.json: no longer lists %s", shown);
        if (now->version < before->version)
            return fault_set(error, FAULT_VERIFY,
                             "snapshot.json: version %" G_GINT64_FORMAT " of %s is older than %" G_GINT64_FORMAT
                             ", which was seen before",
                             now->version, shown, before->version);
    }
    return TRUE;
}

static char *address_of(const TufClient *client, const char *quoted, gint64 version)
{
    if (!client->trusted[TUF_ROOT]->consistent_snapshot)
        return g_strconcat(quoted, ".json", NULL);
    return g_strdup_printf("%" G_GINT64_FORMAT ".%s.json", version, quoted);
}

static gboolean update_snapshot(TufClient *client, GError **error)
{
    const TufFile *said = tuf_metadata_file(client->trusted[TUF_TIMESTAMP], files[TUF_SNAPSHOT]);
    g_auto(TufArrival) local = {.name = files[TUF_SNAPSHOT]}, arrival = {.name = files[TUF_SNAPSHOT]};
    if (load_floor(client, TUF_SNAPSHOT, &local)) {
        const TufMetadata *floor = client->trusted[TUF_SNAPSHOT];
        if (floor->version == said->version && tuf_file_check(said, local.bytes, local.size, local.name, NULL) &&
            floor->expires_s > client->now_s)
            return TRUE;
    }
    g_autofree char *address = address_of(client, "snapshot", said->version);
    if (!arrive_from_net(client, &arrival, address, TUF_MAX_SNAPSHOT_BYTES, said, NULL, error) ||
        !verify(client, &arrival, client->trusted[TUF_ROOT], top_role(client, TUF_SNAPSHOT), error) ||
        !look(&arrival, TUF_SNAPSHOT, error) || !check_version(arrival.metadata, said, arrival.name, error) ||
        !check_snapshot(client->trusted[TUF_SNAPSHOT], arrival.metadata, error) ||
        !tuf_check_expiry(client, arrival.metadata, arrival.name, error) ||
        !persist(client, &arrival, files[TUF_SNAPSHOT], error))
        return FALSE;
    trust(client, g_steal_pointer(&arrival.metadata));
    return TRUE;
}

/* --- targets (5.6, and delegated roles of 5.6.7) -------------------------------------------------------------- */

/* All that must hold of a role of kind targets, wherever it comes from. */
static gboolean check_targets(TufClient *client, TufArrival *arrival, const TufFile *said, const TufMetadata *by,
                              const TufRole *role, GError **error)
{
    return tuf_file_check(said, arrival->bytes, arrival->size, arrival->name, error) &&
           verify(client, arrival, by, role, error) && look(arrival, TUF_TARGETS, error) &&
           check_version(arrival->metadata, said, arrival->name, error) &&
           tuf_check_expiry(client, arrival->metadata, arrival->name, error);
}

static TufMetadata *load_known(TufClient *client, const char *file, const TufFile *said, const TufMetadata *by,
                               const TufRole *role)
{
    g_autoptr(GError) cause = NULL;
    g_auto(TufArrival) local = {.name = file};
    if (arrive_from_disk(client, &local, file, TUF_MAX_TARGETS_BYTES) &&
        check_targets(client, &local, said, by, role, &cause))
        return g_steal_pointer(&local.metadata);
    if (cause)
        g_debug("local %s", cause->message);
    return NULL;
}

TufMetadata *tuf_load_targets(TufClient *client, const char *role_name, const TufMetadata *by, const TufRole *role,
                              GError **error)
{
    g_autofree char *quoted = tuf_role_quoted(role_name), *shown = shown_text(role_name),
                    *listed = g_strconcat(role_name, ".json", NULL);
    const TufFile *said = tuf_metadata_file(client->trusted[TUF_SNAPSHOT], listed);
    if (!quoted || !said) {
        fault_set(error, FAULT_VERIFY, quoted ? "snapshot.json: does not list %s.json" : "%s: no name for a role",
                  shown);
        return NULL;
    }
    g_autofree char *file = g_strconcat(quoted, ".json", NULL), *address = address_of(client, quoted, said->version);
    TufMetadata *known = load_known(client, file, said, by, role);
    if (known)
        return known;
    g_auto(TufArrival) arrival = {.name = file};
    if (!arrive_from_net(client, &arrival, address, TUF_MAX_TARGETS_BYTES, said, NULL, error) ||
        !check_targets(client, &arrival, said, by, role, error) || !persist(client, &arrival, file, error))
        return NULL;
    return g_steal_pointer(&arrival.metadata);
}

const TufMetadata *tuf_client_role(TufClient *client, const TufRole *role, GError **error)
{
    g_clear_pointer(&client->found, tuf_metadata_free);
    client->found = tuf_load_targets(client, role->name, client->trusted[TUF_TARGETS], role, error);
    return client->found;
}

static gboolean update_targets(TufClient *client, GError **error)
{
    TufMetadata *targets = tuf_load_targets(client, tuf_type_name(TUF_TARGETS), client->trusted[TUF_ROOT],
                                            top_role(client, TUF_TARGETS), error);
    if (!targets)
        return FALSE;
    trust(client, targets);
    return TRUE;
}

gboolean tuf_client_refresh(TufClient *client, GError **error)
{
    forget(client);
    return load_root(client, error) && update_root(client, error) && update_timestamp(client, error) &&
           update_snapshot(client, error) && update_targets(client, error);
}
