/* SPDX-License-Identifier: Apache-2.0 */
/* The client's way from targets to one target, through delegations: section 5.6.7, in its order. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/shown.h"
#include "trust/tuf_inner.h"
#include "trust/tuf_names.h"

#include <string.h>

/* A delegation to be looked into, and who delegates. */
typedef struct Visit {
    char *name;
    const TufRole *role;
    const TufMetadata *by; /* one of those that the search holds */
} Visit;

typedef struct Search {
    TufClient *client;
    const char *path;
    char *digest;     /* of the path */
    GPtrArray *held;  /* of TufMetadata: what visits refer to */
    GPtrArray *stack; /* of Visit: the last is the next */
} Search;

static void visit_free(gpointer data)
{
    Visit *visit = data;
    g_free(visit->name);
    g_free(visit);
}

static void metadata_free(gpointer data)
{
    tuf_metadata_free(data);
}

static gboolean was_visited(const Search *search, const char *name)
{
    return g_ptr_array_find_with_equal_func(search->client->visited, name, g_str_equal, NULL);
}

static Visit *visit_new(char *name, const TufRole *role, const TufMetadata *by)
{
    Visit *visit = g_new(Visit, 1);
    *visit = (Visit){.name = name, .role = role, .by = by};
    return visit;
}

/* The delegations that speak for the path, in order; a terminating one is the last, and what else was to come is
 * dropped at every level. */
static void push_children(Search *search, const TufMetadata *targets)
{
    g_autoptr(GPtrArray) children = g_ptr_array_new();
    gboolean terminated = FALSE;
    for (guint i = 0; i < targets->roles->len && !terminated; i++) {
        const TufRole *role = g_ptr_array_index(targets->roles, i);
        if (!targets->succinct_bits && !tuf_role_covers(role, search->path, search->digest))
            continue;
        char *name = targets->succinct_bits ? tuf_succinct_role(targets, search->digest) : g_strdup(role->name);
        g_ptr_array_add(children, visit_new(name, role, targets));
        terminated = role->terminating;
    }
    if (terminated)
        g_ptr_array_set_size(search->stack, 0);
    for (guint i = children->len; i-- > 0;)
        g_ptr_array_add(search->stack, g_ptr_array_index(children, i));
}

/* One step: NULL without *error if it is not there, and the search goes on. */
static const TufFile *visit_next(Search *search, GError **error)
{
    TufClient *client = search->client;
    Visit *visit = g_ptr_array_steal_index(search->stack, search->stack->len - 1);
    const TufFile *found = NULL;
    if (was_visited(search, visit->name)) {
        visit_free(visit);
        return NULL;
    }
    if (client->visited->len >= TUF_MAX_DELEGATIONS) {
        g_autofree char *shown = shown_text(search->path);
        fault_set(error, FAULT_SOURCE, "%s: more than %d delegated roles speak for it", shown, TUF_MAX_DELEGATIONS);
        visit_free(visit);
        return NULL;
    }
    g_ptr_array_add(client->visited, g_strdup(visit->name));
    TufMetadata *targets = tuf_load_targets(client, visit->name, visit->by, visit->role, error);
    if (targets) {
        g_ptr_array_add(search->held, targets);
        found = tuf_metadata_file(targets, search->path);
        if (!found)
            push_children(search, targets);
    }
    visit_free(visit);
    return found;
}

static const TufFile *search_run(Search *search, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const TufMetadata *top = search->client->trusted[TUF_TARGETS];
    const TufFile *found = tuf_metadata_file(top, search->path);
    if (!found)
        push_children(search, top);
    while (!found && !failure && search->stack->len > 0)
        found = visit_next(search, &failure);
    if (failure) { /* never "try the next one, which is trusted less" */
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (!found) {
        g_autofree char *shown = shown_text(search->path);
        fault_set(error, FAULT_ABSENT, "%s: the repository has no such target", shown);
    }
    return found;
}

const TufFile *tuf_client_find(TufClient *client, const char *path, GError **error)
{
    const char *problem = tuf_path_problem(path);
    g_autofree char *shown = shown_text(path);
    if (problem || !client->trusted[TUF_TARGETS]) {
        fault_set(error, problem ? FAULT_VERIFY : FAULT_STATE, "the target '%s' %s", shown,
                  problem ? problem : "was asked for before a refresh");
        return NULL;
    }
    Search search = {.client = client,
                     .path = path,
                     .digest = digest_bytes(path, strlen(path)),
                     .held = g_ptr_array_new_with_free_func(metadata_free),
                     .stack = g_ptr_array_new_with_free_func(visit_free)};
    g_ptr_array_set_size(client->visited, 0);
    const TufFile *found = search_run(&search, error);
    g_clear_pointer(&client->found, tuf_metadata_free);
    if (found && search.held->len > 0)
        client->found = g_ptr_array_steal_index(search.held, search.held->len - 1);
    g_ptr_array_unref(search.stack);
    g_ptr_array_unref(search.held);
    g_free(search.digest);
    return found;
}
