/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "base/fault.h"
#include "cli/acts.h"

#include <string.h>

#define AT(field) G_STRUCT_OFFSET(Options, field)

const OptionRow option_rows[] = {
    {"add", 0, G_OPTION_ARG_STRING_ARRAY, AT(add), "FILE",
     "a public key that is to sign for the role; may be repeated"},
    {"again", 0, G_OPTION_ARG_NONE, AT(again), NULL, "install the version that is installed once more"},
    {"all", 'a', G_OPTION_ARG_NONE, AT(all), NULL, "show also what programs of the release printed"},
    {"app-root", 0, G_OPTION_ARG_STRING, AT(app_root), "DIR", "the app's directory; default: /opt/NAME"},
    {"changelog", 0, G_OPTION_ARG_STRING, AT(changelog), "URL", "where people can read what is new"},
    {"channel", 0, G_OPTION_ARG_STRING, AT(channel), "NAME", "the channel; default: stable, for 'repo add' none"},
    {"check", 0, G_OPTION_ARG_NONE, AT(check_only), NULL,
     "say in one line whether there is something newer, and do nothing"},
    {"checksum", 0, G_OPTION_ARG_STRING, AT(checksum), "SHA256",
     "trust this one archive now, later ones by the index's digests"},
    {"data-from", 0, G_OPTION_ARG_STRING, AT(data_from), "VERSION", "the release that wrote the data which lie there"},
    {"database", 0, G_OPTION_ARG_STRING, AT(database), "FILE", "a SQLite database of your own"},
    {"deltas", 0, G_OPTION_ARG_STRING, AT(deltas), "N",
     "make deltas from so many releases before it, at most; 0: none; default: 3"},
    {"detach", 0, G_OPTION_ARG_NONE, AT(detach), NULL, "print the job's id and do not wait for it"},
    {"dir", 0, G_OPTION_ARG_STRING, AT(dir), "DIR", "where the file goes; default: migrations"},
    {"drop", 0, G_OPTION_ARG_STRING_ARRAY, AT(drop), "KEY",
     "a key that no longer signs: the beginning of its id, its file, or all; may be repeated"},
    {"dry-run", 'n', G_OPTION_ARG_NONE, AT(dry_run), NULL, "show the plan and do nothing"},
    {"exit-code", 0, G_OPTION_ARG_NONE, AT(exit_code), NULL,
     "exit with 10 if there is something newer and nothing failed"},
    {"follow", 'f', G_OPTION_ARG_NONE, AT(follow), NULL, "go on with what is written from now on"},
    {"force", 0, G_OPTION_ARG_NONE, AT(force), NULL, "override what may be overridden; it is recorded"},
    {"gate", 0, G_OPTION_ARG_STRING, AT(gate), "KIND",
     "nobody may jump over this release: breakpoint (install it first), stop (a person must act; --reason says how)"},
    {"host-key", 0, G_OPTION_ARG_STRING, AT(host_key), "KEY",
     "the server's public ssh key (ssh-ed25519 AAAA...); default: your known_hosts decides"},
    {"identity", 0, G_OPTION_ARG_FILENAME, AT(identity), "FILE", "the private key that opens an encrypted backup"},
    {"job", 0, G_OPTION_ARG_STRING, AT(job), "ID", "that job instead of the newest"},
    {"json", 0, G_OPTION_ARG_NONE, AT(json), NULL, "answer in JSON on standard output"},
    {"keep", 0, G_OPTION_ARG_INT, AT(keep), "N", "so many of the newest good releases stay"},
    {"key", 'k', G_OPTION_ARG_STRING, AT(key), "KEY",
     "the publisher's minisign key (RW...), or the file of a secret key when publishing"},
    {"key-command", 0, G_OPTION_ARG_STRING_ARRAY, AT(key_command), "COMMAND",
     "a command that prints a key file; may be repeated"},
    {"keys", 0, G_OPTION_ARG_STRING_ARRAY, AT(keys), "PATH",
     "a key file, or the directory with the keys at hand; new ones go there; may be repeated"},
    {"limit", 0, G_OPTION_ARG_INT, AT(limit), "N", "at most so many; default: 20"},
    {"max-download", 0, G_OPTION_ARG_STRING, AT(max_download), "SIZE",
     "rather nothing than a download of more than this, e.g. 50MB"},
    {"message", 'm', G_OPTION_ARG_STRING, AT(message), "TEXT", "what the tag says; default: app and version"},
    {"min-age", 0, G_OPTION_ARG_STRING, AT(min_age), "TIME",
     "hosts wait so long after the release was published, e.g. 24h"},
    {"name", 0, G_OPTION_ARG_STRING, AT(name), "NAME", "what the app is called on this host"},
    {"no-passphrase", 0, G_OPTION_ARG_NONE, AT(no_passphrase), NULL, "do not encrypt the secret key"},
    {"out", 'o', G_OPTION_ARG_STRING, AT(out), "DIR", "the directory that a web server serves"},
    {"passphrase-file", 0, G_OPTION_ARG_STRING, AT(passphrase_file), "FILE",
     "read the passphrase from the first line of a file"},
    {"plan", 0, G_OPTION_ARG_STRING, AT(plan), "DIGEST",
     "do exactly the plan that 'plan' showed under this digest, or nothing"},
    {"privileged-hooks", 0, G_OPTION_ARG_NONE, AT(privileged_hooks), NULL,
     "the publisher's shell lines run as root, not as the app's user"},
    {"purge", 0, G_OPTION_ARG_NONE, AT(purge), NULL, "remove data and backups too"},
    {"reason", 0, G_OPTION_ARG_STRING, AT(reason), "TEXT", "shown to those who wonder"},
    {"rehearse", 0, G_OPTION_ARG_NONE, AT(rehearse), NULL,
     "first migrate and start it on restored data, where nobody sees it; go on only if that works"},
    {"remote", 0, G_OPTION_ARG_STRING, AT(remote), "NAME", "where to push to; default: where the branch goes"},
    {"root", 0, G_OPTION_ARG_STRING, AT(root), "FILE", "SOURCE is a signed repository, and this its root metadata"},
    {"root-key", 0, G_OPTION_ARG_STRING_ARRAY, AT(root_key), "FILE",
     "the public key of one of those who hold the root; may be repeated"},
    {"rsync-list", 0, G_OPTION_ARG_NONE, AT(rsync_list), NULL,
     "print the files of the repository in the order of uploading, for rsync --files-from"},
    {"severity", 0, G_OPTION_ARG_STRING, AT(severity), "WORD", "e.g. security: such releases skip the minimum age"},
    {"sign", 0, G_OPTION_ARG_NONE, AT(sign), NULL, "sign the tag; default: if git is told which key is yours"},
    {"ssh-key", 0, G_OPTION_ARG_STRING, AT(ssh_key), "FILE", "your private ssh key; default: what ssh would take"},
    {"take-release", 0, G_OPTION_ARG_NONE, AT(take_release), NULL,
     "where you and the release changed a file and no rule decides: take the release's, keep yours beside it"},
    {"threshold", 0, G_OPTION_ARG_INT, AT(threshold), "N", "how many of the keys must sign"},
    {"to", 't', G_OPTION_ARG_STRING, AT(to), "VERSION", "that version instead of what policy offers"},
    {"trust", 0, G_OPTION_ARG_STRING, AT(trust), "LEVEL",
     "only none: take what the source serves; else say --key, --root or --checksum"},
    {"unattended", 0, G_OPTION_ARG_NONE, AT(unattended), NULL,
     "as a timer does it: only in the app's window, and once a day"},
    {"unsigned", 0, G_OPTION_ARG_NONE, AT(unsigned_index), NULL, "publish without a signature"},
    {"url-from", 0, G_OPTION_ARG_STRING, AT(url_from), "FILE#KEY",
     "file, and the key in it, with the URL of a PostgreSQL database of your own"},
    {"user", 'u', G_OPTION_ARG_STRING, AT(user), "USER", "the user that the app runs as; default: the app's name"},
    {"wait", 0, G_OPTION_ARG_NONE, AT(wait), NULL, "wait until what was interrupted may be tried again, and try it"},
    {"withdraw", 0, G_OPTION_ARG_STRING, AT(withdraw), "VERSION", "mark a published version as withdrawn"},
    {"yes", 'y', G_OPTION_ARG_NONE, AT(yes), NULL, "do not ask"},
};
const guint n_option_rows = G_N_ELEMENTS(option_rows);

static gboolean is_among(const char *name, const char *names)
{
    g_auto(GStrv) all = g_strsplit(names, " ", -1);
    return g_strv_contains((const char *const *)all, name);
}

gboolean option_is_of(const OptionRow *row, const Verb *verb)
{
    gboolean is = strcmp(row->name, "json") == 0 || (verb->options && is_among(row->name, verb->options));
    for (const Act *act = verb->acts; act && act->name && !is; act++)
        is = is_among(row->name, act->options);
    return is;
}

gboolean option_is_of_act(const OptionRow *row, const Act *act)
{
    return strcmp(row->name, "json") == 0 || is_among(row->name, act->options);
}

static GOptionEntry *entries_for(Call *call)
{
    GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    for (guint i = 0; i < n_option_rows; i++) {
        const OptionRow *row = &option_rows[i];
        if (!option_is_of(row, call->verb))
            continue;
        GOptionEntry entry = {row->name,    row->letter,  0, row->type, (char *)&call->options + row->offset,
                              row->summary, row->argument};
        g_array_append_val(entries, entry);
    }
    GOptionEntry help = {"help", 'h', 0, G_OPTION_ARG_NONE, &call->options.help, "say what the verb does", NULL};
    g_array_append_val(entries, help);
    return (GOptionEntry *)(void *)g_array_free(entries, FALSE);
}

static gboolean arguments_check(const Call *call, GError **error)
{
    const Verb *verb = call->verb;
    const Act *act = call->act;
    guint least = act ? act->min_arguments : verb->min_arguments, most = act ? act->max_arguments : verb->max_arguments;
    g_autofree char *name = act ? g_strdup_printf("%s %s", verb->name, act->name) : g_strdup(verb->name);
    g_autofree char *usage = act ? g_strdup(act->arguments) : act_usage(verb);
    if (call->arguments->len < least)
        fault_set(error, FAULT_USAGE, "%s: an argument is missing", name);
    else if (call->arguments->len > most)
        fault_set(error, FAULT_USAGE, "%s: '%s' is one argument too many", name,
                  (char *)g_ptr_array_index(call->arguments, most));
    else
        return TRUE;
    return fault_hint(error, "usage: liftlock %s %s", name, usage);
}

static gboolean is_given(const Call *call, const OptionRow *row)
{
    const void *field = (const char *)&call->options + row->offset;
    if (row->type == G_OPTION_ARG_NONE || row->type == G_OPTION_ARG_INT)
        return *(const int *)field != 0;
    return *(char *const *)field != NULL;
}

/* An option that the verb has, but not this act of it, is refused: who says --dry-run must not find that something was
 * done. */
static gboolean options_check(const Call *call, GError **error)
{
    for (guint i = 0; call->act && i < n_option_rows; i++)
        if (is_given(call, &option_rows[i]) && !option_is_of_act(&option_rows[i], call->act))
            return fault_set(error, FAULT_USAGE, "%s: --%s means nothing to '%s'", call->verb->name,
                             option_rows[i].name, call->act->name);
    return TRUE;
}

gboolean options_parse(Call *call, int argc, char **argv, GError **error)
{
    g_autofree GOptionEntry *entries = entries_for(call);
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) local = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &local)) {
        local->message[0] = g_ascii_tolower(local->message[0]);
        fault_set(error, FAULT_USAGE, "%s: %s", call->verb->name, local->message);
        return fault_hint(error, "see 'liftlock %s --help'", call->verb->name);
    }
    for (int i = 1; i < argc; i++)
        if (i > 1 || strcmp(argv[i], "--") != 0)
            g_ptr_array_add(call->arguments, argv[i]);
    return act_choose(call, error) &&
           (call->options.help || (arguments_check(call, error) && options_check(call, error)));
}

void options_clear(Options *options)
{
    for (guint i = 0; i < n_option_rows; i++)
        if (option_rows[i].type == G_OPTION_ARG_STRING)
            g_free(*(char **)(void *)((char *)options + option_rows[i].offset));
        else if (option_rows[i].type == G_OPTION_ARG_STRING_ARRAY)
            g_strfreev(*(char ***)(void *)((char *)options + option_rows[i].offset));
}
