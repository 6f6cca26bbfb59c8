/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include "cli/acts.h"
#include "cli/options.h"
#include "engine/steps.h"
#include "model/manifest_files.h"
#include "model/schema_words.h"

#include <string.h>

int help_all(gboolean was_misuse)
{
    FILE *out = was_misuse ? stderr : stdout;
    fputs("liftlock installs, updates, rolls back and repairs self-hosted software.\n\nusage: liftlock VERB "
          "[ARGUMENTS] [OPTIONS]\n\n",
          out);
    for (guint i = 0; i < n_verbs; i++)
        if (!(verbs[i].flags & HIDDEN))
            fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\nEvery verb has --help and --json. LIFTLOCK_ROOT=DIR keeps everything below DIR, without root.\n"
          "Exit codes: 0 done or nothing to do, 1 failed before anything changed, 2 usage or configuration,\n"
          "3 refused, 4 rolled back, 5 needs help.\n",
          out);
    return was_misuse ? 2 : 0;
}

static void print_option(const OptionRow *row)
{
    g_autofree char *left =
        g_strdup_printf("--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
    char letter[] = {'-', row->letter, ',', ' ', '\0'};
    printf("  %s%-24s %s\n", row->letter ? letter : "    ", left, row->summary);
}

static void help_act(const Verb *verb, const Act *act)
{
    printf("usage: liftlock %s %s %s [OPTIONS]\n\n%s\n\noptions:\n", verb->name, act->name, act->arguments,
           act->summary);
    for (guint i = 0; i < n_option_rows; i++)
        if (option_is_of_act(&option_rows[i], act))
            print_option(&option_rows[i]);
}

static void help_acts(const Verb *verb)
{
    printf("\n");
    for (const Act *act = verb->acts; act->name; act++) {
        g_autofree char *left = g_strdup_printf("%s %s", act->name, act->arguments);
        printf("  %-34s %s\n", left, act->summary);
    }
    printf("\n'liftlock %s %s --help' says which options that takes.\n", verb->name, verb->acts->name);
}

int help_verb(const Verb *verb, const Act *act)
{
    if (act) {
        help_act(verb, act);
        return 0;
    }
    g_autofree char *usage = act_usage(verb);
    printf("usage: liftlock %s%s%s [OPTIONS]\n\n%s\n", verb->name, *usage ? " " : "", usage, verb->summary);
    if (verb->acts)
        help_acts(verb);
    if (verb->details)
        printf("\n%s\n", verb->details);
    if (verb->acts)
        return 0;
    printf("\noptions:\n");
    for (guint i = 0; i < n_option_rows; i++)
        if (option_is_of(&option_rows[i], verb))
            print_option(&option_rows[i]);
    return 0;
}

int help_named(const char *name, const char *act)
{
    for (guint i = 0; i < n_verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return help_verb(&verbs[i], act ? act_find(&verbs[i], act) : NULL);
    return help_all(TRUE);
}

static void print_keys(const Key *keys, const char *prefix)
{
    for (const Key *key = keys; key->name; key++) {
        g_autofree char *path = g_strconcat(prefix, key->name, NULL);
        g_autofree char *below = g_strconcat(path, ".", NULL);
        g_autofree char *value = key->type == KEY_NODE ? g_strdup("") : schema_describe_type(key);
        printf("| `%s` | %s | %s | %s |\n", path, value,
               key->fallback   ? key->fallback
               : key->required ? "must be given"
                               : "",
               key->summary ? key->summary : "");
        if (key->table)
            print_keys(key->table, below);
    }
}

static void print_table(const char *title, const Key *keys)
{
    printf("\n## %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title);
    print_keys(keys, "");
}

static void print_words(const ExpressionWord *words, const char *brackets)
{
    for (; words->name; words++)
        printf("| `%s%s` | %s%s |\n", words->name, brackets, words->summary,
               words->criteria ? "; in criteria only" : "");
}

static void print_conditions(void)
{
    printf(
        "\n## Conditions (`conditionals` and a rollout's `criteria`)\n\n`or`, `and`, `not`, `== != < <= > >=`, `%%`, "
        "brackets, 'text', whole numbers, `true`, `false`.\nWhat is not there is not equal to anything, nor smaller "
        "or greater.\n\n| word | is |\n|---|---|\n");
    print_words(expression_functions, "('...')");
    print_words(expression_variables, "");
}

static void print_option_row(const OptionRow *row)
{
    printf("- `--%s%s%s`: %s\n", row->name, row->argument ? " " : "", row->argument ? row->argument : "", row->summary);
}

static void print_verb(const Verb *verb)
{
    g_autofree char *usage = act_usage(verb);
    printf("### %s %s\n\n%s\n\n", verb->name, usage, verb->summary);
    if (verb->details)
        printf("%s\n\n", verb->details);
    for (const Act *act = verb->acts; act && act->name; act++) {
        printf("#### %s %s %s\n\n%s\n\n", verb->name, act->name, act->arguments, act->summary);
        for (guint i = 0; i < n_option_rows; i++)
            if (option_is_of_act(&option_rows[i], act))
                print_option_row(&option_rows[i]);
        printf("\n");
    }
    for (guint i = 0; i < n_option_rows && !verb->acts; i++)
        if (option_is_of(&option_rows[i], verb))
            print_option_row(&option_rows[i]);
    printf("\n");
}

int verb_reference(Call *call, GError **error)
{
    printf("# Reference\n\nMade by `liftlock reference` from the tables in the code; `./dev docs` writes it.\n\n## "
           "Verbs\n\n");
    for (guint i = 0; i < n_verbs; i++)
        if (!(verbs[i].flags & HIDDEN))
            print_verb(&verbs[i]);
    printf("## Steps of a job\n\n| step | does | undone | flags |\n|---|---|---|---|\n");
    for (guint i = 0; i < n_steps; i++)
        printf("| %s | %s | %s | %s%s |\n", steps[i].name, steps[i].summary, steps[i].undo ? "yes" : "–",
               steps[i].flags & STEP_FENCED ? "fenced " : "", steps[i].flags & STEP_COMMITS ? "commits" : "");
    print_table("Manifest (liftlock.yaml)", manifest_keys);
    print_table("A rule of `files`, by pattern", file_rule_keys);
    print_table("A rule of `directories`, by path", directory_rule_keys);
    print_conditions();
    print_table("App (/etc/liftlock/apps/NAME.toml)", app_config_keys);
    print_table("Host (/etc/liftlock/liftlock.toml)", host_config_keys);
    return 0;
}
