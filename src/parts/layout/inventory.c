/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/layout/inventory.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "inventories"
#define LIMIT_BYTES (512 * 1024 * 1024)

static void entry_free(gpointer data)
{
    InventoryEntry *entry = data;
    g_free(entry->content);
    g_free(entry->path);
    g_free(entry);
}

gboolean inventory_same(const InventoryEntry *a, const InventoryEntry *b)
{
    if (!a || !b)
        return a == b;
    return a->type == b->type && a->runs == b->runs && strcmp(a->content, b->content) == 0;
}

/* --- from the tree --- */

void inventory_note(char type, gboolean runs, const char *content, const char *path, gpointer entries)
{
    InventoryEntry *entry = g_new0(InventoryEntry, 1);
    *entry = (InventoryEntry){
        .type = type, .runs = runs, .content = g_strdup(type == 'd' ? "" : content), .path = g_strdup(path)};
    g_ptr_array_add(entries, entry);
}

GPtrArray *inventory_new(void)
{
    return g_ptr_array_new_with_free_func(entry_free);
}

static GPtrArray *read_tree(int directory, const char *tree, GError **error)
{
    g_autoptr(GPtrArray) entries = inventory_new();
    g_autofree char *digest = digest_tree_told(directory, tree, inventory_note, entries, error);
    return digest ? g_steal_pointer(&entries) : NULL;
}

GPtrArray *inventory_of(int tree, GError **error)
{
    return read_tree(tree, ".", error);
}

/* --- kept: "f x SHA256 path", escaped --- */

static GPtrArray *parse(char *text)
{
    g_autoptr(GPtrArray) entries = inventory_new();
    for (char *line = text, *next; *line; line = next) {
        char *end = strchr(line, '\n');
        if (!end)
            return NULL;
        next = end + 1;
        *end = '\0';
        char *content = strlen(line) > 4 ? line + 4 : NULL;
        char *space = content ? strchr(content, ' ') : NULL;
        if (!space)
            return NULL;
        *space = '\0';
        InventoryEntry *entry = g_new0(InventoryEntry, 1);
        g_ptr_array_add(entries, entry);
        *entry = (InventoryEntry){.type = line[0],
                                  .runs = line[2] == 'x',
                                  .content = g_uri_unescape_string(content, NULL),
                                  .path = g_uri_unescape_string(space + 1, NULL)};
        if (!entry->content || !entry->path || !strchr("fdl", entry->type))
            return NULL;
    }
    return g_steal_pointer(&entries);
}

gboolean inventory_keep(int store, const char *version, const GPtrArray *entries, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < entries->len; i++) {
        const InventoryEntry *entry = entries->pdata[i];
        g_autofree char *content = g_uri_escape_string(entry->content, NULL, FALSE);
        g_autofree char *path = g_uri_escape_string(entry->path, "/", FALSE);
        g_string_append_printf(text, "%c %c %s %s\n", entry->type, entry->runs ? 'x' : '-', content, path);
    }
    if (!fs_make_dirs(store, FOLDER, 0700, error))
        return FALSE;
    fs_fd int folder = fs_open_beneath(store, FOLDER, O_RDONLY | O_DIRECTORY, 0, error);
    return folder >= 0 && fs_write_atomic(folder, version, text->str, text->len, 0600, error);
}

GPtrArray *inventory_read(int store, const char *version, GError **error)
{
    if (!version)
        return inventory_new();
    g_autofree char *path = g_build_filename(FOLDER, version, NULL);
    g_autofree char *text = fs_read(store, path, LIMIT_BYTES, NULL, NULL);
    g_autoptr(GPtrArray) kept = text ? parse(text) : NULL;
    if (kept)
        return g_steal_pointer(&kept);
    g_autofree char *tree = g_build_filename("releases", version, NULL);
    g_autoptr(GPtrArray) entries = read_tree(store, tree, error);
    return entries && inventory_keep(store, version, entries, error) ? g_steal_pointer(&entries) : NULL;
}

void inventory_forget(int store, const char *version)
{
    fs_fd int folder = fs_open_beneath(store, FOLDER, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (folder >= 0)
        unlinkat(folder, version, 0);
}
