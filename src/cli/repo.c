/* SPDX-License-Identifier: Apache-2.0 */
/* repo: the publisher's signed repository. */
#include "base/clock.h"
#include "base/fault.h"
#include "cli/cli.h"
#include "cli/repo_tell.h"
#include "publish/repo_prune.h"
#include "publish/repo_release.h"
#include "publish/repo_root.h"
#include "publish/repo_verify.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYS "keys key-command passphrase-file "
#define NEW_KEYS KEYS "no-passphrase "

enum { DELTAS_USUAL = 3, DELTAS_MAX = 16 };

static const char *argument(const Call *call, guint i)
{
    return call->arguments->len > i ? call->arguments->pdata[i] : NULL;
}

static const char *const *arguments_from(const Call *call, guint i)
{
    return call->arguments->len > i ? (const char *const *)call->arguments->pdata + i : NULL;
}

static RepoKeySources sources_of(const Call *call)
{
    const Options *given = &call->options;
    return (RepoKeySources){.places = (const char *const *)given->keys,
                            .commands = (const char *const *)given->key_command,
                            .passphrase_file = given->passphrase_file,
                            .no_passphrase = given->no_passphrase};
}

/* All files of the repository for rsync --files-from, on standard output and nothing else there. */
static gboolean print_list(Call *call, GError **error)
{
    g_auto(RepoAudit) audit = {0};
    if (!call->options.rsync_list)
        return TRUE;
    if (!repo_verify(argument(call, 1), TRUE, &audit, error))
        return FALSE;
    for (guint i = 0; i < audit.files->len; i++)
        printf("%s\n", (const char *)audit.files->pdata[i]);
    return TRUE;
}

static int finish(Call *call, const RepoReport *report, GError **error)
{
    repo_tell(call, report);
    return print_list(call, error) ? 0 : -1;
}

/* --- keys and roots ----------------------------------------------------------------------------------------- */

static int act_key(Call *call, GError **error)
{
    RepoKeySources sources = sources_of(call);
    const char *name = argument(call, 1);
    g_autoptr(TufKey) key = repo_key_generate(name, &sources, error);
    if (!key)
        return -1;
    call_say(call,
             "%s.key is the secret key: keep it safe and to yourself; %s.pub goes to whoever keeps the repository",
             name, name);
    call_say(call, "  key id      %s", key->id);
    call->answer = node_new_map();
    node_set_text(call->answer, "key_id", key->id);
    return 0;
}

static RepoRootOptions root_options(const Call *call)
{
    const Options *given = &call->options;
    return (RepoRootOptions){.path = argument(call, 1),
                             .keys = sources_of(call),
                             .add = (const char *const *)(given->root_key ? given->root_key : given->add),
                             .drop = (const char *const *)given->drop,
                             .threshold = given->threshold};
}

static gboolean check_threshold(const Call *call, GError **error)
{
    return call->options.threshold >= 0 ||
           fault_set(error, FAULT_USAGE, "repo: --threshold must be 1 or more, not %d", call->options.threshold);
}

static int act_init(Call *call, GError **error)
{
    RepoRootOptions options = root_options(call);
    g_auto(RepoReport) report = {0};
    if (!check_threshold(call, error) || !repo_init(&options, &report, error))
        return -1;
    call_say(call, "%s is a repository", options.path);
    return finish(call, &report, error);
}

static int act_rotate(Call *call, GError **error)
{
    RepoRootOptions options = root_options(call);
    g_auto(RepoReport) report = {0};
    if (!check_threshold(call, error) || !repo_rotate(&options, argument(call, 2), &report, error))
        return -1;
    return finish(call, &report, error);
}

static int sign_file(Call *call, GError **error)
{
    RepoKeySources sources = sources_of(call);
    g_auto(RepoReport) report = {0};
    if (!repo_sign_file(argument(call, 1), arguments_from(call, 2), &sources, &report, error))
        return -1;
    call_say(call, "root %" G_GINT64_FORMAT " is signed: %s", report.root, report.pending);
    if (report.missing)
        call_say(call, "  it needs %" G_GINT64_FORMAT " more of its own keys", report.missing);
    repo_tell_answer(call, &report);
    return 0;
}

static int act_sign(Call *call, GError **error)
{
    struct stat st;
    RepoRootOptions options = root_options(call);
    g_auto(RepoReport) report = {0};
    if (stat(options.path, &st) < 0 || !S_ISDIR(st.st_mode))
        return sign_file(call, error);
    if (!repo_sign_pending(&options, arguments_from(call, 2), &report, error))
        return -1;
    return finish(call, &report, error);
}

static int act_refresh(Call *call, GError **error)
{
    RepoRootOptions options = root_options(call);
    g_auto(RepoReport) report = {0};
    if (!repo_refresh(&options, call->options.force, &report, error))
        return -1;
    if (!report.nothing_to_do)
        call_say(call, "%s is signed anew", options.path);
    int code = finish(call, &report, error);
    return code == 0 && report.attention ? 5 : code;
}

/* --- releases ----------------------------------------------------------------------------------------------- */

/* A delta of a large release takes minutes; who waits for it at a terminal is told. */
static void say_work(const char *text, gpointer data)
{
    Call *call = data;
    if (isatty(fileno(call->people)))
        call_say(call, "  %s ...", text);
}

static gboolean read_deltas(const char *text, guint *n, GError **error)
{
    guint64 number = DELTAS_USUAL;
    if (text && !g_ascii_string_to_unsigned(text, 10, 0, DELTAS_MAX, &number, NULL)) {
        g_autofree char *quoted = schema_quote(text);
        return fault_set(error, FAULT_USAGE, "repo add: --deltas must be a number from 0 to %d, not %s", DELTAS_MAX,
                         quoted);
    }
    *n = (guint)number;
    return TRUE;
}

static int act_add(Call *call, GError **error)
{
    const Options *given = &call->options;
    RepoAddOptions options = {.path = argument(call, 1),
                              .app = argument(call, 2),
                              .version = argument(call, 3),
                              .what = argument(call, 4),
                              .channel = given->channel,
                              .changelog = given->changelog,
                              .severity = given->severity,
                              .min_age = given->min_age,
                              .gate = given->gate,
                              .gate_message = given->reason,
                              .keys = sources_of(call),
                              .tell = say_work,
                              .tell_data = call,
                              .dry_run = given->dry_run};
    g_auto(RepoReport) report = {0};
    if (!read_deltas(given->deltas, &options.n_deltas, error) || !repo_add(&options, &report, error))
        return -1;
    repo_tell_release(call, &report);
    return finish(call, &report, error);
}

static RepoReleaseOptions release_options(const Call *call)
{
    return (RepoReleaseOptions){.path = argument(call, 1),
                                .app = argument(call, 2),
                                .version = argument(call, 3),
                                .keys = sources_of(call),
                                .force = call->options.force};
}

static int act_promote(Call *call, GError **error)
{
    RepoReleaseOptions options = release_options(call);
    const char *channel = argument(call, 4);
    g_auto(RepoReport) report = {0};
    if (!repo_promote(&options, channel, &report, error))
        return -1;
    call_say(call, report.nothing_to_do ? "%s: %s names %s already" : "%s: %s names %s", report.app, channel,
             report.version);
    return finish(call, &report, error);
}

static int act_withdraw(Call *call, GError **error)
{
    RepoReleaseOptions options = release_options(call);
    g_auto(RepoReport) report = {0};
    if (!repo_withdraw(&options, call->options.reason, &report, error))
        return -1;
    call_say(call, report.nothing_to_do ? "%s %s was withdrawn already" : "%s %s is withdrawn", report.app,
             report.version);
    return finish(call, &report, error);
}

static int act_rollout(Call *call, GError **error)
{
    RepoReleaseOptions options = release_options(call);
    g_auto(RepoReport) report = {0};
    if (!repo_rollout(&options, arguments_from(call, 4), &report, error))
        return -1;
    call_say(call, report.nothing_to_do ? "%s %s goes out like that already" : "%s %s goes out like that", report.app,
             report.version);
    return finish(call, &report, error);
}

/* --- prune -------------------------------------------------------------------------------------------------- */

static void say_pruned(Call *call, const RepoReport *report, const RepoPruned *pruned)
{
    gboolean dry = call->options.dry_run;
    guint n = pruned->releases->len;
    g_autofree char *until = clock_format(pruned->until_s);
    if (n == 0)
        call_say(call, "%s: no release to forget; %" G_GINT64_FORMAT " stay", report->app, pruned->stay);
    else
        call_say(call, "%s: %u release%s %s forgotten; %" G_GINT64_FORMAT " stay", report->app, n, n == 1 ? "" : "s",
                 dry      ? "would be"
                 : n == 1 ? "is"
                          : "are",
                 pruned->stay);
    for (guint i = 0; i < n; i++)
        call_say(call, "  %s", (const char *)pruned->releases->pdata[i]);
    if (pruned->removed->len)
        call_say(call,
                 dry ? "files that nobody can ask for any more:" : "removed, for nobody can ask for them any more:");
    for (guint i = 0; i < pruned->removed->len; i++)
        call_say(call, "  %s", (const char *)pruned->removed->pdata[i]);
    if (pruned->waiting)
        call_say(call,
                 "%u file%s of forgotten releases stay%s until %s, for readers of the metadata before; the next prune "
                 "removes them",
                 pruned->waiting, pruned->waiting == 1 ? "" : "s", pruned->waiting == 1 ? "s" : "", until);
}

static int act_prune(Call *call, GError **error)
{
    RepoPruneOptions options = {.path = argument(call, 1),
                                .app = argument(call, 2),
                                .keep = call->options.keep,
                                .keys = sources_of(call),
                                .dry_run = call->options.dry_run};
    g_auto(RepoReport) report = {0};
    g_auto(RepoPruned) pruned = {0};
    if (!repo_prune(&options, &pruned, &report, error))
        return -1;
    say_pruned(call, &report, &pruned);
    int code = finish(call, &report, error);
    node_set(call->answer, "releases", repo_tell_list(pruned.releases));
    node_set(call->answer, "removed", repo_tell_list(pruned.removed));
    node_set_int(call->answer, "waiting", pruned.waiting);
    if (pruned.waiting) {
        g_autofree char *until = clock_format(pruned.until_s);
        node_set_text(call->answer, "waiting_until", until);
    }
    return code;
}

/* --- verify ------------------------------------------------------------------------------------------------- */

static void answer_audit(Call *call, const RepoAudit *audit)
{
    const struct {
        const char *name;
        gint64 number;
    } numbers[] = {{"roots", audit->roots},
                   {"apps", audit->apps},
                   {"releases", audit->releases},
                   {"targets", audit->targets},
                   {"bytes", audit->bytes}};
    call->answer = node_new_map();
    node_set_bool(call->answer, "good", audit->wrong->len == 0);
    node_set(call->answer, "wrong", repo_tell_list(audit->wrong));
    node_set(call->answer, "notes", repo_tell_list(audit->notes));
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        node_set_int(call->answer, numbers[i].name, numbers[i].number);
    node_set(call->answer, "upload", repo_tell_list(audit->files));
}

static int act_verify(Call *call, GError **error)
{
    const char *path = argument(call, 1);
    g_auto(RepoAudit) audit = {0};
    if (!repo_verify(path, FALSE, &audit, error))
        return -1;
    for (guint i = 0; i < audit.wrong->len; i++)
        call_say(call, "wrong: %s", (const char *)audit.wrong->pdata[i]);
    for (guint i = 0; i < audit.notes->len; i++)
        call_say(call, "note: %s", (const char *)audit.notes->pdata[i]);
    g_autofree char *size = g_format_size((guint64)audit.bytes);
    call_say(call,
             "%s: %" G_GINT64_FORMAT " roots, %" G_GINT64_FORMAT " apps, %" G_GINT64_FORMAT
             " releases, %" G_GINT64_FORMAT " files (%s); %u wrong",
             path, audit.roots, audit.apps, audit.releases, audit.targets, size, audit.wrong->len);
    answer_audit(call, &audit);
    for (guint i = 0; call->options.rsync_list && audit.wrong->len == 0 && i < audit.files->len; i++)
        printf("%s\n", (const char *)audit.files->pdata[i]);
    return audit.wrong->len ? 1 : 0;
}

/* --- which -------------------------------------------------------------------------------------------------- */

const Act repo_acts[] = {
    {"key", "NAME", "make a key: NAME.key and NAME.pub", act_key, 2, 2, "no-passphrase passphrase-file"},
    {"init", "DIR", "make keys and a first root", act_init, 2, 2, NEW_KEYS "root-key threshold rsync-list"},
    {"add", "DIR APP VERSION TREE|ARCHIVE", "add a release, and the ways to it from those before it", act_add, 5, 5,
     NEW_KEYS "channel changelog severity min-age gate reason deltas dry-run rsync-list"},
    {"promote", "DIR APP VERSION CHANNEL", "let a channel name a release", act_promote, 5, 5, KEYS "force rsync-list"},
    {"withdraw", "DIR APP VERSION", "let nobody take a release any more", act_withdraw, 4, 4, KEYS "reason rsync-list"},
    {"rollout", "DIR APP VERSION STAGE...", "say who takes a release when, as 10 50:24h 100:3d", act_rollout, 5, 24,
     KEYS "rsync-list"},
    {"prune", "DIR APP", "forget old releases that nobody needs", act_prune, 3, 3, KEYS "keep dry-run rsync-list"},
    {"refresh", "DIR", "sign again what is due, and be quiet if nothing is: for cron", act_refresh, 2, 2,
     KEYS "force rsync-list"},
    {"rotate", "DIR ROLE|APP", "let other keys sign for a role or an app", act_rotate, 3, 3,
     NEW_KEYS "add drop threshold rsync-list"},
    {"sign", "DIR|FILE [COPY...]", "sign a root that waits for its keys", act_sign, 2, 100, KEYS "rsync-list"},
    {"verify", "DIR", "audit all of it", act_verify, 2, 2, "rsync-list"},
    {NULL},
};

int verb_repo(Call *call, GError **error)
{
    if (call->options.rsync_list && call->options.json) {
        fault_set(error, FAULT_USAGE, "repo: --rsync-list and --json exclude one another");
        return -1;
    }
    if (call->options.rsync_list)
        call->people = stderr;
    umask(022);                             /* what is published is for everybody; keys have modes of their own */
    g_ptr_array_add(call->arguments, NULL); /* what follows an argument is handed on as it is */
    g_ptr_array_set_size(call->arguments, (int)call->arguments->len - 1);
    return call->act->run(call, error);
}
