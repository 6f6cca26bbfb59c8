/* SPDX-License-Identifier: Apache-2.0 */
/* A database for a rehearsal: the dump restored beside the live one, and the app's address leading there. */
#include "base/fault.h"
#include "base/fs.h"
#include "parts/backup/postgres_find.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIND "rehearse"

/* In the scene only: the file is an overlay's, the app's own stays as it is. Owner and mode are kept. */
static gboolean address_write(const PartContext *context, const DataSet *set, const char *text, GError **error)
{
    g_autofree char *file = g_strndup(set->url_from, strcspn(set->url_from, "#"));
    g_autofree char *path = g_build_filename("shared", file, NULL);
    fs_fd int root = part_open_root(context->place, error);
    fs_fd int fd = root < 0 ? -1 : fs_open_beneath(root, path, O_WRONLY | O_TRUNC | O_NOCTTY, 0, error);
    if (fd < 0)
        return FALSE;
    return fs_write_all(fd, text, strlen(text)) || fault_set(error, FAULT_SYSTEM, "cannot write %s", path);
}

/* What else holds the address (an environment of a unit) is told by these facts; they never leave the scene. */
static gboolean address_change(const PartContext *context, const DataSet *set, const char *into, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "database", into);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_APP, "retarget", NULL, request, error);
    return answer && address_write(context, set, node_get_text(answer, "text", ""), error) &&
           context->facts->set(context->facts, PART_SCENE_OLD, node_get_text(answer, "old", ""), error) &&
           context->facts->set(context->facts, PART_SCENE_NEW, node_get_text(answer, "new", ""), error);
}

gboolean postgres_scratch(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    PostgresFound found = {0};
    gint64 oid;
    if (!postgres_find(context, set, &found, error))
        return FALSE;
    g_autofree char *into = postgres_beside(found.name, KIND, context->job);
    gboolean good = postgres_fill(context, set, directory, found.name, into, &oid, error) &&
                    address_change(context, set, into, error);
    postgres_found_clear(&found);
    return good;
}

gboolean postgres_scratch_drop(const PartContext *context, const DataSet *set, GError **error)
{
    g_autoptr(Node) oids = postgres_do(context, set, POSTGRES_AS_ADMIN, "oids", NULL, NULL, error);
    if (!oids)
        return FALSE;
    g_autofree char *name = postgres_beside(node_get_text(oids, "database", ""), KIND, context->job);
    if (!node_get_text(node_get(oids, "oids"), name, NULL))
        return TRUE;
    Node *request = node_new_map(), *names = node_new_list();
    node_append(names, node_new_scalar(SCALAR_STRING, name));
    node_set(request, "names", names);
    g_autoptr(Node) answer = postgres_do(context, set, POSTGRES_AS_ADMIN, "drop", NULL, request, error);
    return answer != NULL;
}
