/* SPDX-License-Identifier: Apache-2.0 */
#include "model/destinations.h"

#include "model/glob.h"
#include "model/place.h"

#include <string.h>

static gboolean overlap(const char *a, const char *b)
{
    return place_below(a, b) || place_below(b, a);
}

static char *name_problem(const KeyPair *pair)
{
    gsize length = strlen(pair->name);
    if (!glob_problem(pair->name) && glob_is_literal(pair->name) && pair->name[length - 1] != '/' &&
        !g_str_has_prefix(pair->name, ".liftlock"))
        return NULL;
    g_autofree char *quoted = schema_quote(pair->name);
    return g_strdup_printf("a name below 'destinations' must be a directory of the release, not %s", quoted);
}

static char *path_problem(const KeyPair *pair, const char *root)
{
    g_autofree char *plain = g_canonicalize_filename(pair->value, "/");
    g_autofree char *name = schema_quote(pair->name), *quoted = schema_quote(pair->value);
    if (strcmp(plain, pair->value) != 0 || strcmp(plain, "/") == 0)
        return g_strdup_printf("the destination of %s must be an absolute path, without '..' and a slash at its end, "
                               "not %s",
                               name, quoted);
    return overlap(plain, root)
               ? g_strdup_printf("the destination of %s and the app's root %s lie in one another", name, root)
               : NULL;
}

static char *pair_problem(const KeyPair *a, const KeyPair *b)
{
    g_autofree char *first = schema_quote(a->name), *second = schema_quote(b->name);
    if (overlap(a->name, b->name) || overlap(a->value, b->value))
        return g_strdup_printf("the destinations %s and %s lie in one another", first, second);
    return NULL;
}

char *destinations_problem(const AppConfig *config)
{
    const GPtrArray *all = config->destinations;
    g_autofree char *usual = g_strconcat("/opt/", config->name, NULL);
    char *problem = NULL;
    if (all->len > 0 && config->app.layout != LAYOUT_FILES)
        return g_strdup("'destinations' has no meaning but with the layout 'files'");
    for (guint i = 0; i < all->len && !problem; i++) {
        problem = name_problem(all->pdata[i]);
        if (!problem)
            problem = path_problem(all->pdata[i], config->app.root ? config->app.root : usual);
        for (guint k = 0; k < i && !problem; k++)
            problem = pair_problem(all->pdata[k], all->pdata[i]);
    }
    return problem;
}
