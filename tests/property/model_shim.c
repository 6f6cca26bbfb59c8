/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure decisions for tests in other languages: answers requests on standard input, one after the other.
 *
 * Request "WHAT SIZE\n" and SIZE bytes; answer "ok SIZE\n" or "error SIZE\n" and as many bytes. WHAT and its lines:
 *   holds    installed version (empty: none), new version, place, names that are true (blank-separated), expression
 *   glob     pattern, path                   covers   pattern, pattern
 *   place    host, app, version              rollout  host, time, then a manifest in YAML: the state's number
 */
#include "base/clock.h"
#include "base/fault.h"
#include "model/glob.h"
#include "model/rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Known {
    char **lines; /* of the request */
    char **names;
} Known;

static gboolean named(const char *argument, gpointer data, gboolean *answer, GError **error)
{
    const Known *known = data;
    *answer = g_strv_contains((const char *const *)known->names, argument);
    return TRUE;
}

static gboolean env_var(const char *name, gpointer data, char **value, GError **error)
{
    gboolean there = FALSE;
    *value = named(name, data, &there, error) && there ? g_strdup(name) : NULL;
    return TRUE;
}

static gboolean variable(ExpressionVariable variable, gpointer data, char **value, GError **error)
{
    const Known *known = data;
    const char *values[] = {known->lines[0], known->lines[1], "box", NULL, known->lines[2]};
    *value = values[variable] && *values[variable] ? g_strdup(values[variable]) : NULL;
    return TRUE;
}

static const ExpressionHost host = {named, named, named, env_var, variable};

static char *holds(char **lines, GError **error)
{
    g_auto(GStrv) names = g_strsplit(lines[3], " ", -1);
    Known known = {lines, names};
    guint offset = 0;
    gboolean answer = FALSE;
    g_autofree char *problem = NULL;
    g_autoptr(Expression) expression = expression_parse(lines[4], EXPRESSION_CRITERIA, &offset, &problem);
    if (!expression) {
        fault_set(error, FAULT_MANIFEST, "character %u: %s", offset + 1, problem);
        return NULL;
    }
    if (!expression_holds(expression, &host, &known, &answer, NULL, error))
        return NULL;
    return g_strdup(answer ? "true" : "false");
}

static char *glob(char **lines, gboolean cover, GError **error)
{
    const char *problem = glob_problem(lines[0]);
    if (!problem && cover)
        problem = glob_problem(lines[1]);
    if (problem)
        fault_set(error, FAULT_MANIFEST, "%s", problem);
    return problem ? NULL : g_strdup((cover ? glob_covers : glob_matches)(lines[0], lines[1]) ? "true" : "false");
}

static char *rollout(char **lines, GError **error)
{
    g_autofree char *yaml = g_strjoinv("\n", lines + 2);
    char nothing[] = "", zero[] = "0";
    char *values[] = {nothing, nothing, zero, NULL}, *names[] = {NULL};
    Known known = {.lines = values, .names = names};
    RolloutFacts facts = {.host_id = lines[0], .app = "demo"};
    g_auto(RolloutChoice) choice = {0};
    Node *document = document_parse(DOCUMENT_YAML, yaml, strlen(yaml), "m", FAULT_MANIFEST, error);
    g_autoptr(Manifest) manifest = document ? manifest_read(document, "m", error) : NULL;
    if (!manifest)
        return NULL;
    if (!clock_parse(lines[1], &facts.now_s)) {
        fault_set(error, FAULT_MANIFEST, "no time");
        return NULL;
    }
    return rollout_choose(manifest, &facts, &host, &known, &choice, error) ? g_strdup_printf("%d", choice.state) : NULL;
}

static char *serve(const char *what, char **lines, GError **error)
{
    guint given = g_strv_length(lines);
    if (strcmp(what, "holds") == 0 && given == 5)
        return holds(lines, error);
    if (strcmp(what, "place") == 0 && given == 3)
        return g_strdup_printf("%u", rollout_place(lines[0], lines[1], lines[2]));
    if (strcmp(what, "rollout") == 0 && given >= 3)
        return rollout(lines, error);
    if ((strcmp(what, "glob") == 0 || strcmp(what, "covers") == 0) && given == 2)
        return glob(lines, *what == 'c', error);
    fault_set(error, FAULT_USAGE, "no such request");
    return NULL;
}

int main(void)
{
    char head[64], what[16];
    while (fgets(head, sizeof head, stdin)) {
        gsize size;
        if (sscanf(head, "%15s %zu", what, &size) != 2 || size > DOCUMENT_MAX_BYTES)
            return 2;
        g_autofree char *bytes = g_malloc0(size + 1);
        if (fread(bytes, 1, size, stdin) != size)
            return 2;
        g_auto(GStrv) lines = g_strsplit(bytes, "\n", -1);
        g_autoptr(GError) error = NULL;
        g_autofree char *answer = serve(what, lines, &error);
        const char *text = answer ? answer : error->message;
        printf("%s %zu\n%s", answer ? "ok" : "error", strlen(text), text);
        fflush(stdout);
    }
    return 0;
}
