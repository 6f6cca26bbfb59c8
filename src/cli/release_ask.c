/* SPDX-License-Identifier: Apache-2.0 */
/* release without arguments: a conversation that ends in one of its acts. */
#include "cli/release.h"

#include "base/fault.h"
#include "base/fs.h"
#include "cli/acts.h"
#include "model/version.h"
#include "publish/own_manifest.h"

#include <string.h>

/* One answer; an empty one is the default. NULL with *error where the terminal is closed. The caller frees. */
static char *ask(const char *question, const char *fallback, GError **error)
{
    enum { LONGEST = 4096 };
    char line[LONGEST];
    fprintf(stderr, fallback && *fallback ? "%s [%s] " : "%s ", question, fallback);
    if (!fgets(line, sizeof line, stdin)) {
        fputc('\n', stderr);
        fault_set(error, FAULT_POLICY, "nothing was done");
        return NULL;
    }
    g_strstrip(line);
    return g_strdup(*line ? line : fallback ? fallback : "");
}

/* Asks into an option; FALSE with *error. */
static gboolean ask_into(char **field, const char *question, const char *fallback, GError **error)
{
    if (*field)
        return TRUE;
    char *answer = ask(question, fallback, error);
    if (answer && *answer)
        *field = answer;
    else
        g_free(answer);
    return answer != NULL;
}

static const Act *ask_act(const Verb *verb, GError **error)
{
    for (const Act *act = verb->acts; act->name; act++)
        fprintf(stderr, "  %-9s %s\n", act->name, act->summary);
    g_autofree char *name = ask("Release how?", verb->acts[0].name, error);
    const Act *act = name ? act_find(verb, name) : NULL;
    if (name && !act)
        fault_set(error, FAULT_USAGE, "release: there is no '%s'", name);
    return act;
}

/* One that names no app is asked for its name. */
static Manifest *read_named(int dirfd, const char *file, Options *options, GError **error)
{
    g_autofree char *bytes = NULL, *again = NULL;
    gsize size;
    g_autoptr(GError) local = NULL;
    Manifest *manifest = own_manifest_read(dirfd, file, options->name, &bytes, &size, &local);
    if (manifest)
        return manifest;
    g_autoptr(Manifest) nameless = options->name ? NULL : own_manifest_read(dirfd, file, "app", &again, &size, NULL);
    if (!nameless) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!ask_into(&options->name, "What is the app called?", NULL, error))
        return NULL;
    g_clear_pointer(&bytes, g_free);
    return own_manifest_read(dirfd, file, options->name, &bytes, &size, error);
}

/* The manifest's version; NULL: there is no manifest here. FALSE with *error if it cannot be read. */
static gboolean read_version(Options *options, char **version, GError **error)
{
    *version = NULL;
    fs_fd int dirfd = fs_open_dir(".", error);
    g_autofree char *name = NULL;
    if (dirfd < 0 || !own_manifest_find(dirfd, ".", &name, error))
        return FALSE;
    if (!name)
        return TRUE;
    g_autoptr(Manifest) manifest = read_named(dirfd, name, options, error);
    if (!manifest)
        return FALSE;
    *version = g_strdup(manifest->version);
    fprintf(stderr, "%s: %s %s\n", name, manifest->app, manifest->version);
    return TRUE;
}

/* A part of the version, or a version; what it means is worked out by who does it. */
static char *ask_version(const char *now, GError **error)
{
    for (int part = VERSION_PATCH; now && part >= VERSION_MAJOR; part--) {
        g_autofree char *next = version_bump(now, (VersionPart)part);
        if (next)
            fprintf(stderr, "  %-9s %s\n", version_part_names[part], next);
    }
    return ask("Which version?", now ? "patch" : "0.1.0", error);
}

typedef struct Talk {
    Call *call;
    const Act *act;
    char *version, *place, *tree;
} Talk;

static gboolean ask_signing(Options *options, GError **error)
{
    if (!options->unsigned_index && !ask_into(&options->key, "Key file to sign with (empty: none)?", NULL, error))
        return FALSE;
    options->unsigned_index = !options->key;
    return TRUE;
}

static gboolean ask_rest(Talk *talk, GError **error)
{
    Options *options = &talk->call->options;
    g_autofree char *now = NULL;
    const char *act = talk->act->name;
    if (!read_version(options, &now, error))
        return FALSE;
    if (strcmp(act, "http") == 0)
        return (talk->tree = ask("Which folder?", ".", error)) &&
               ask_into(&options->out, "Into which folder does it go?", NULL, error) && ask_signing(options, error);
    if (strcmp(act, "sftp") == 0) {
        talk->version = g_strdup(now ? now : "");
        return (talk->place = ask("Where to (USER@HOST:DIRECTORY/)?", NULL, error)) && ask_signing(options, error);
    }
    return (talk->version = ask_version(now, error)) &&
           (strcmp(act, "git") != 0 ||
            ask_into(&options->message, "What does the tag say (empty: app and version)?", NULL, error));
}

static void set_arguments(Talk *talk)
{
    GPtrArray *arguments = talk->call->arguments;
    char *const words[] = {(char *)talk->act->name, talk->version, talk->place, talk->tree};
    g_ptr_array_set_size(arguments, 0);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i])
            g_ptr_array_add(arguments, words[i]);
}

/* Shows what would be done, asks, and does it. */
static int show_and_do(Talk *talk, GError **error)
{
    Call *call = talk->call;
    set_arguments(talk);
    call->options.dry_run = TRUE;
    int code = talk->act->run(call, error);
    call->options.dry_run = FALSE;
    g_clear_pointer(&call->answer, node_free);
    if (code != 0)
        return code;
    return call_confirm(call, "Do that?", error) ? talk->act->run(call, error) : -1;
}

int release_ask(Call *call, GError **error)
{
    Talk talk = {.call = call, .act = ask_act(call->verb, error)};
    int code = talk.act && ask_rest(&talk, error) ? show_and_do(&talk, error) : -1;
    g_ptr_array_set_size(call->arguments, 0);
    g_free(talk.version);
    g_free(talk.place);
    g_free(talk.tree);
    return code;
}
