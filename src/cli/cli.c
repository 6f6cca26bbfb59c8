/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs, and the way from argv to one of them. */
#include "cli/cli.h"

#include "base/fault.h"
#include "base/shown.h"
#include "cli/help.h"
#include "cli/inner.h"
#include "cli/options.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define APPS_MAX 1000 /* of one command */

const Verb verbs[] = {
    {"install", "SOURCE", "install an app from a source", verb_install,
     "name key root checksum trust channel user app-root privileged-hooks data-from yes dry-run to force take-release "
     "detach",
     CHANGES_HOST, 1, 1,
     "SOURCE is the address of a directory with a releases.json (https://...), or a local one; for any other\n"
     "source it is a file NAME.toml, the app's configuration.\n"
     "Trust is never taken silently: name the publisher's key, the root of a repository, a checksum,\n"
     "or '--trust none'."},
    {"check", "[APP...]", "look whether there is something newer", verb_check, "exit-code", TAKES_APP | CHANGES_HOST, 0,
     APPS_MAX, "Without APP: all apps. One that fails keeps no other from its turn."},
    {"plan", "APP", "show what an update would do", verb_plan, "to force again rehearse take-release max-download",
     NEEDS_APP | CHANGES_HOST, 1, 1, NULL},
    {"update", "[APP...]", "bring an app to a newer release", verb_update,
     "to check dry-run plan yes force take-release again rehearse detach unattended max-download",
     TAKES_APP | CHANGES_HOST, 0, APPS_MAX,
     "Without APP: all apps, one after the other. One that fails keeps no other from its turn; the exit code is the\n"
     "worst. With --json the one app that is named answers with an object, several with a list of them.\n"
     "--unattended is for timers: only in the app's window, once a day (again with --force, which then overrides\n"
     "nothing else)."},
    {"auto", "APP on|off|status", "update an app unattended, by a timer", verb_auto, "", NEEDS_APP | CHANGES_HOST, 2, 2,
     "When: [auto] of the app's configuration; what: its policy. The timer runs 'liftlock update APP --unattended'."},
    {"rollback", "APP", "go back to an earlier release", verb_rollback, "to yes dry-run detach identity take-release",
     NEEDS_APP | CHANGES_HOST, 1, 1,
     "Data stay if the older release can run on them; else the newest fitting backup is restored,\nafter what that "
     "loses was said and the present data were saved."},
    {"recover", "[APP]", "bring an interrupted job to its end", verb_recover, "wait", TAKES_APP | CHANGES_HOST, 0, 1,
     "An update that a crash interrupted is then tried again: at once, after a second crash five minutes\nlater, after "
     "a third one (max_attempts) and after a day not any more."},
    {"status", "[APP...]", "how the apps are", verb_status, "", TAKES_APP, 0, APPS_MAX, NULL},
    {"inspect", "[APP...]", "look closely; exit 0 OK, 1 DEGRADED, 5 BROKEN", verb_inspect, "", TAKES_APP, 0, APPS_MAX,
     NULL},
    {"health", "APP", "ask the app once; exit 0 or 1", verb_health, "", NEEDS_APP, 1, 1, NULL},
    {"history", "[APP]", "what was done, newest first", verb_history, "limit", TAKES_APP, 0, 1, NULL},
    {"logs", "APP", "what a job wrote", verb_logs, "follow job all", NEEDS_APP, 1, 1, NULL},
    {"backup", NULL, "save data, look at backups, put one back", NULL, NULL, CHANGES_HOST, 1, 1,
     "Backups are encrypted if the app's configuration has [backups] encrypt_to. Whoever has the private key\nopens "
     "them "
     "with --identity; verify then restores them in full into a scratch place, and without it looks\nwhether they are "
     "what was written.",
     backup_acts},
    {"restart", "APP", "stop and start an app, with the same proofs as an update", verb_restart, "detach",
     NEEDS_APP | CHANGES_HOST, 1, 1, NULL},
    {"maintenance", "APP on|off", "keep users out, or let them in again", verb_maintenance, "reason",
     NEEDS_APP | CHANGES_HOST, 2, 2, NULL},
    {"pin", "APP [VERSION]", "stay within a version or range; default: the installed one", verb_pin, "",
     NEEDS_APP | CHANGES_HOST, 1, 2, NULL},
    {"unpin", "APP", "no longer stay within one", verb_unpin, "", NEEDS_APP | CHANGES_HOST, 1, 1, NULL},
    {"skip", "APP VERSION", "never offer a version", verb_skip, "", NEEDS_APP | CHANGES_HOST, 2, 2, NULL},
    {"allow", "APP VERSION", "offer a version again that failed or was skipped", verb_allow, "",
     NEEDS_APP | CHANGES_HOST, 2, 2, NULL},
    {"uninstall", "APP", "remove an app; its data stay", verb_uninstall, "purge yes", NEEDS_APP | CHANGES_HOST, 1, 1,
     NULL},
    {"config", NULL, "check configuration, or show it with where each value comes from", NULL, NULL, 0, 1, 1, NULL,
     config_acts},
    {"release", NULL, "publish a release; without arguments: ask", verb_release, NULL, 0, 0, 1,
     "VERSION is a version, or major, minor or patch. What is not committed to git is not released.", release_acts},
    {"manifest", NULL, "check a release's manifest, or what it would mean on this host", NULL, NULL, 0, 1, 1,
     "Each exits with 3 where it speaks against the release. APP where the manifest names none.", manifest_acts},
    {"migration", NULL, "make, try and look at SQL migrations", NULL, NULL, 0, 1, 1, NULL, migration_acts},
    {"keys", NULL, "make or show a publisher's signing key", NULL, NULL, 0, 1, 1,
     "Keys and signatures are interchangeable with minisign.", keys_acts},
    {"repo", NULL, "keep a signed repository of releases for any web server (TUF)", verb_repo, NULL, 0, 1, 1,
     "DIR is the repository. Each says what is to be uploaded in which order.", repo_acts},
    {"reference", "", "print verbs, options and keys as Markdown", verb_reference, "", HIDDEN, 0, 0, NULL},
};
const guint n_verbs = G_N_ELEMENTS(verbs);

const char *call_app(const Call *call)
{
    return call->arguments->len > 0 ? g_ptr_array_index(call->arguments, 0) : NULL;
}

char *call_identity(const Call *call)
{
    return call->options.identity ? g_canonicalize_filename(call->options.identity, NULL) : NULL;
}

char *cli_line(const char *text)
{
    enum { LIMIT = 8192 };
    g_autofree char *flat = g_strdelimit(g_strdup(text), "\t", ' ');
    g_auto(GStrv) parts = g_strsplit(flat, "\n", -1); /* a message and its hint */
    g_autofree char *plain = g_strjoinv("; ", parts);
    return shown_bytes(plain, strlen(plain), LIMIT);
}

void cli_complain(const char *text, const char *hint)
{
    g_autofree char *line = cli_line(text);
    g_autofree char *below = hint ? cli_line(hint) : NULL;
    fprintf(stderr, "liftlock: %s\n", line);
    if (below)
        fprintf(stderr, "  %s\n", below);
}

void call_say(const Call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *line = cli_line(text);
    fprintf(call->people, "%s\n", line);
    fflush(call->people);
}

gboolean call_confirm(const Call *call, const char *question, GError **error)
{
    if (call->options.yes)
        return TRUE;
    if (!isatty(STDIN_FILENO)) {
        fault_set(error, FAULT_USAGE, "%s: there is nobody to ask: %s", call->verb->name, question);
        return fault_hint(error, "say --yes if that is what you want");
    }
    fprintf(stderr, "%s [y/N] ", question);
    char answer[16] = "";
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return TRUE;
    return fault_set(error, FAULT_POLICY, "nothing was done");
}

static const Verb *verb_find(const char *name, GError **error)
{
    const char *names[G_N_ELEMENTS(verbs) + 1];
    for (guint i = 0; i < n_verbs; i++) {
        names[i] = verbs[i].name;
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    }
    names[n_verbs] = NULL;
    const char *nearest = schema_nearest(name, names);
    fault_set(error, FAULT_USAGE, nearest ? "there is no verb '%s'; did you mean '%s'?" : "there is no verb '%s'", name,
              nearest);
    fault_hint(error, "see 'liftlock --help'");
    return NULL;
}

/* The command as it can be pasted into a shell: '>=2 <3' must not become a redirection. */
static char *command_again(int argc, char **argv)
{
    GString *line = g_string_new("liftlock");
    for (int i = 1; i < argc; i++) {
        gboolean plain = *argv[i] && !argv[i][strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                              "0123456789_-+=.,:/@%")];
        g_autofree char *quoted = plain ? NULL : g_shell_quote(argv[i]);
        g_string_append_printf(line, " %s", plain ? argv[i] : quoted);
    }
    return g_string_free(line, FALSE);
}

/* Who owns liftlock's places must be the one who changes them. */
static gboolean rights_check(const Call *call, int argc, char **argv, GError **error)
{
    if (!(call->verb->flags & CHANGES_HOST) || call->options.help || geteuid() == 0 || call->host->own_root)
        return TRUE;
    g_autofree char *line = command_again(argc, argv);
    fault_set(error, FAULT_RIGHTS, "%s changes this host, which needs root", call->verb->name);
    return fault_hint(error, "sudo %s", line);
}

void call_complain(const GError *error)
{
    g_autofree char *text = fault_text(error);
    g_autofree char *hint = fault_hint_of(error);
    cli_complain(text, hint);
}

Node *call_fault_node(const GError *error)
{
    g_autofree char *text = fault_text(error);
    g_autofree char *hint = fault_hint_of(error);
    Node *fault = node_new_map();
    node_set_text(fault, "kind", fault_row(fault_code_of(error))->name);
    node_set_text(fault, "message", text);
    node_set_text(fault, "hint", hint);
    node_set_int(fault, "code", fault_row(fault_code_of(error))->exit_code);
    return fault;
}

static void report(const Call *call, const GError *error)
{
    call_complain(error);
    if (!call->options.json)
        return;
    g_autoptr(Node) answer = node_new_map();
    node_set(answer, "error", call_fault_node(error));
    g_autofree char *json = node_to_json(answer, 2);
    printf("%s\n", json);
}

static int do_it(Call *call, GError **error)
{
    return call->verb->run ? call->verb->run(call, error) : call->act->run(call, error);
}

static int run_verb(Call *call, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int code = -1;
    if (options_parse(call, argc - 1, argv + 1, &error) && rights_check(call, argc, argv, &error)) {
        call->people = call->options.json ? stderr : stdout;
        code = call->options.help ? help_verb(call->verb, call->act) : do_it(call, &error);
    }
    if (code < 0) {
        report(call, error);
        return fault_row(fault_code_of(error))->exit_code;
    }
    if (call->answer && call->options.json) {
        g_autofree char *json = node_to_json(call->answer, 2);
        printf("%s\n", json);
    }
    return code;
}

int cli_main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_set_prgname("liftlock");
    if (argc > 1 && strcmp(argv[1], "inner") == 0)
        return inner_main(argc - 2, argv + 2);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return argc > 2 ? help_named(argv[2], argv[3]) : help_all(argc < 2);
    if (strcmp(argv[1], "--version") == 0) {
        printf("liftlock %s\n", LIFTLOCK_VERSION);
        return 0;
    }
    g_autoptr(HostPlace) host = host_place_new(g_getenv("LIFTLOCK_ROOT"));
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    Call call = {.host = host, .arguments = arguments, .people = stdout, .verb = verb_find(argv[1], &error)};
    if (!call.verb) {
        report(&call, error);
        return 2;
    }
    int code = run_verb(&call, argc, argv);
    node_free(call.answer);
    options_clear(&call.options);
    return code;
}
