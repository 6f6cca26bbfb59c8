/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/tree_inventory.h"

#include "base/archive_rules.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_HOPS = 40 };

/* --- lines -------------------------------------------------------------------------------------------------- */

static const char *take_size(char **at, guint64 *size)
{
    char *end = strchr(*at, ' ');
    if (!end || end == *at || (**at == '0' && end != *at + 1))
        return "its size is no number";
    *end = '\0';
    /* Digits alone: GLib's own check lets a vertical tab through, which its reading then skips. */
    if (strspn(*at, "0123456789") != strlen(*at) || !g_ascii_string_to_unsigned(*at, 10, 0, G_MAXINT64, size, NULL))
        return "its size is no number";
    *at = end + 1;
    return NULL;
}

/* "f x 120 DIGEST PATH", "d - 0 - PATH", "l - 6 TARGET PATH", NUL behind it. */
static const char *line_parse(char *line, TreeEntry *entry)
{
    gsize length = strlen(line);
    if (length < 5 || !strchr("fdl", line[0]) || line[1] != ' ' || !strchr("x-", line[2]) || line[3] != ' ')
        return "it does not begin as a line does";
    *entry = (TreeEntry){.kind = line[0], .runs = line[2] == 'x'};
    char *at = line + 4, *end = line + length;
    const char *fault = take_size(&at, &entry->size);
    if (fault)
        return fault;
    guint64 content = entry->kind == 'f' ? 64 : entry->kind == 'd' ? 1 : entry->size;
    if (content >= (guint64)(end - at) || at[content] != ' ')
        return "its content has another length";
    at[content] = '\0';
    entry->content = at;
    entry->path = at + content + 1;
    if (entry->kind != 'f' && entry->runs)
        return "only files are executable";
    if (entry->kind == 'd' && (entry->size != 0 || strcmp(entry->content, "-") != 0))
        return "a directory has no content";
    return entry->kind == 'f' && !digest_is_valid(entry->content) ? "its digest is none" : NULL;
}

/* --- rules -------------------------------------------------------------------------------------------------- */

const char *tree_path_fault(const char *path)
{
    return archive_path_fault(path);
}

static void go_up(GString *at)
{
    const char *slash = strrchr(at->str, '/');
    g_string_truncate(at, slash ? (gsize)(slash - at->str) : 0);
}

/* Where links lead, each found out once: a thousand of them may pass through the same forty. */
enum { TOP = -2, NOWHERE = -1 };
typedef struct Lead {
    gint32 to; /* an entry, or one of these */
    enum { UNKNOWN, UNDER_WAY, KNOWN } state;
    guint hops; /* links on the way, itself not counted */
} Lead;

static gboolean find_lead(const TreeInventory *inventory, Lead *leads, guint i, guint depth);

/* One name further from `at`. FALSE: there are too many links on the way. */
static gboolean go_down(const TreeInventory *inventory, Lead *leads, Lead *lead, GString *at, const char *name,
                        guint depth)
{
    g_string_append_printf(at, "%s%s", at->len > 0 ? "/" : "", name);
    gint64 i = tree_inventory_find(inventory, at->str);
    lead->to = i < 0 ? NOWHERE : (gint32)i;
    if (i < 0 || tree_inventory_at(inventory, (guint)i)->kind != 'l')
        return TRUE;
    if (!find_lead(inventory, leads, (guint)i, depth + 1))
        return FALSE;
    lead->hops += 1 + leads[i].hops;
    lead->to = leads[i].to;
    g_string_assign(at, lead->to < 0 ? "" : tree_inventory_at(inventory, (guint)lead->to)->path);
    return lead->hops <= MAX_HOPS;
}

static gboolean find_lead(const TreeInventory *inventory, Lead *leads, guint i, guint depth)
{
    const TreeEntry *link = tree_inventory_at(inventory, i);
    Lead *lead = &leads[i];
    if (lead->state == KNOWN)
        return TRUE;
    if (lead->state == UNDER_WAY || depth > MAX_HOPS)
        return FALSE;
    g_auto(GStrv) names = g_strsplit(link->content, "/", -1);
    g_autoptr(GString) at = g_string_new(link->path);
    lead->state = UNDER_WAY;
    go_up(at);
    lead->to = at->len > 0 ? (gint32)tree_inventory_find(inventory, at->str) : TOP;
    /* Behind what is not there no link can come: names do not lead up again, and every parent is an entry. */
    for (char **name = names; *name && lead->to != NOWHERE; name++) {
        if (!**name || g_str_equal(*name, "."))
            continue;
        if (!g_str_equal(*name, "..")) {
            if (!go_down(inventory, leads, lead, at, *name, depth))
                return FALSE;
            continue;
        }
        go_up(at);
        lead->to = at->len > 0 ? (gint32)tree_inventory_find(inventory, at->str) : TOP;
    }
    lead->state = KNOWN;
    return TRUE;
}

static gboolean refuse(GError **error, const char *name, const char *path, const char *why)
{
    g_autofree char *shown = shown_text(path);
    return fault_set(error, FAULT_ARCHIVE, "%s: '%s': %s", name, shown, why);
}

/* The parent of a sorted entry has come before it. */
static gboolean has_parent(const TreeInventory *inventory, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return TRUE;
    g_autofree char *parent = g_strndup(path, (gsize)(slash - path));
    gint64 i = tree_inventory_find(inventory, parent);
    return i >= 0 && tree_inventory_at(inventory, (guint)i)->kind == 'd';
}

static gboolean check_entry(TreeInventory *inventory, GHashTable *folded, const TreeEntry *entry, const char *name,
                            GError **error)
{
    const char *fault = archive_path_fault(entry->path);
    if (!fault && entry->kind == 'l')
        fault = archive_link_fault(entry->path, entry->content);
    guint n = inventory->entries->len;
    const TreeEntry *before = n > 0 ? tree_inventory_at(inventory, n - 1) : NULL;
    if (!fault && before && strcmp(before->path, entry->path) >= 0)
        fault = strcmp(before->path, entry->path) == 0 ? "it stands twice" : "it is not in order";
    if (!fault && n >= TREE_MAX_ENTRIES)
        fault = "it is one entry too many";
    if (!fault && !has_parent(inventory, entry->path))
        fault = "its directory is not listed";
    if (!fault && !g_hash_table_add(folded, archive_folded(entry->path)))
        fault = "it differs from another only in case or form of letters";
    return !fault || refuse(error, name, entry->path, fault);
}

static gboolean check_links(const TreeInventory *inventory, const char *name, GError **error)
{
    g_autofree Lead *leads = g_new0(Lead, inventory->entries->len + 1);
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind == 'l' && !find_lead(inventory, leads, i, 0))
            return refuse(error, name, entry->path, "it leads in a circle");
    }
    return TRUE;
}

/* --- inventories -------------------------------------------------------------------------------------------- */

static gboolean take_lines(TreeInventory *inventory, gsize size, const char *name, GError **error)
{
    g_autoptr(GHashTable) folded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (char *at = inventory->text, *end = at + size; at < end;) {
        char *next = at + strlen(at) + 1;
        if (next > end)
            return fault_set(error, FAULT_ARCHIVE, "%s: it ends in the middle of a line", name);
        TreeEntry entry;
        const char *fault = line_parse(at, &entry);
        if (fault)
            return fault_set(error, FAULT_ARCHIVE, "%s: entry %u: %s", name, inventory->entries->len + 1, fault);
        if (!check_entry(inventory, folded, &entry, name, error))
            return FALSE;
        g_array_append_val(inventory->entries, entry);
        at = next;
    }
    return check_links(inventory, name, error);
}

TreeInventory *tree_inventory_parse(const char *text, gsize size, const char *name, GError **error)
{
    if (size > TREE_MAX_TEXT) {
        fault_set(error, FAULT_ARCHIVE, "%s: it is larger than an inventory may be", name);
        return NULL;
    }
    g_autofree char *digest = digest_bytes(text, size);
    g_autoptr(TreeInventory) inventory = g_new0(TreeInventory, 1);
    inventory->entries = g_array_new(FALSE, FALSE, sizeof(TreeEntry));
    inventory->text = g_malloc(size + 1);
    memcpy(inventory->text, text, size);
    inventory->text[size] = '\0';
    g_strlcpy(inventory->digest, digest, sizeof inventory->digest);
    return take_lines(inventory, size, name, error) ? g_steal_pointer(&inventory) : NULL;
}

TreeInventory *tree_inventory_read(int dirfd, const char *path, guint n_threads, char **text, gsize *size,
                                   GError **error)
{
    gsize length = 0;
    g_autofree char *lines = digest_tree_text(dirfd, path, n_threads, &length, error);
    if (!lines)
        return NULL;
    TreeInventory *inventory = tree_inventory_parse(lines, length, "the tree", error);
    if (size)
        *size = length;
    if (inventory && text)
        *text = g_steal_pointer(&lines);
    return inventory;
}

void tree_inventory_free(TreeInventory *inventory)
{
    g_array_free(inventory->entries, TRUE);
    g_free(inventory->text);
    g_free(inventory);
}

const TreeEntry *tree_inventory_at(const TreeInventory *inventory, guint i)
{
    return &g_array_index(inventory->entries, TreeEntry, i);
}

gint64 tree_inventory_find(const TreeInventory *inventory, const char *path)
{
    guint low = 0, high = inventory->entries->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        int order = strcmp(tree_inventory_at(inventory, middle)->path, path);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

gboolean tree_entry_same(const TreeEntry *a, const TreeEntry *b)
{
    return a->kind == b->kind && a->runs == b->runs && a->size == b->size && strcmp(a->content, b->content) == 0;
}

guint64 tree_inventory_bytes(const TreeInventory *inventory)
{
    guint64 bytes = 0;
    for (guint i = 0; i < inventory->entries->len; i++)
        bytes += tree_inventory_at(inventory, i)->kind == 'f' ? tree_inventory_at(inventory, i)->size : 0;
    return bytes;
}

gboolean tree_entry_load(int dirfd, const TreeEntry *entry, guint8 *bytes, GError **error)
{
    fs_fd int fd = fs_open_beneath(dirfd, entry->path, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    g_autofree char *shown = shown_text(entry->path);
    gsize done = 0;
    while (done < entry->size) {
        gssize n = read(fd, bytes + done, entry->size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", shown);
        if (n == 0)
            break;
        done += (gsize)n;
    }
    g_autofree char *digest = digest_bytes(bytes, done);
    return strcmp(digest, entry->content) == 0 ||
           fault_set(error, FAULT_ARCHIVE, "'%s' changed while it was read", shown);
}

static gboolean is_found(int dirfd, const TreeEntry *entry, TreeFind find)
{
    fs_fd int fd =
        fs_open_beneath(dirfd, entry->path, find == TREE_FIND_SIZES ? O_PATH : O_RDONLY | O_NONBLOCK, 0, NULL);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (guint64)st.st_size != entry->size)
        return FALSE;
    g_autofree char *digest = find == TREE_FIND_CONTENTS ? digest_fd(fd, NULL, NULL) : NULL;
    return find == TREE_FIND_SIZES || g_strcmp0(digest, entry->content) == 0;
}

char *tree_inventory_found(const TreeInventory *inventory, int dirfd, TreeFind find, gsize *size)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind == 'f' && !is_found(dirfd, entry, find))
            continue;
        g_string_append_printf(text, "%c %c %" G_GUINT64_FORMAT " %s %s", entry->kind, entry->runs ? 'x' : '-',
                               entry->size, entry->content, entry->path);
        g_string_append_c(text, '\0');
    }
    *size = text->len;
    return g_string_free(text, FALSE);
}
