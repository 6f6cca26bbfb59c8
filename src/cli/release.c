/* SPDX-License-Identifier: Apache-2.0 */
/* release: by git, by sftp, the manifest alone (release http is in publishing.c). */
#include "cli/release.h"

#include "base/fault.h"
#include "cli/acts.h"
#include "publish/own_manifest.h"
#include "publish/release_git.h"
#include "publish/release_sftp.h"

#include <string.h>
#include <unistd.h>

static const char *argument(const Call *call, guint i)
{
    return call->arguments->len > i ? g_ptr_array_index(call->arguments, i) : NULL;
}

/* --- git -------------------------------------------------------------------------------------------------------- */

static void say_git_plan(Call *call, const ReleaseGitPlan *plan)
{
    call_say(call, "%s %s, after %s", plan->app, plan->version, plan->last ? plan->last : "no release yet");
    if (plan->edits)
        call_say(call, "  manifest  %s: version %s becomes %s, committed on %s", plan->manifest, plan->from,
                 plan->version, plan->branch);
    else
        call_say(call, "  manifest  %s says %s already", plan->manifest, plan->version);
    call_say(call, "  tag       %s, %s%s", plan->tag, plan->sign ? "signed" : "with a message, not signed",
             plan->tagged ? "; it is there" : "");
    call_say(call, "  push      %s and %s to %s, both or neither", plan->there, plan->tag, plan->remote);
}

static void answer_git(Call *call, const ReleaseGitPlan *plan)
{
    const char *const pairs[][2] = {{"app", plan->app},       {"version", plan->version}, {"after", plan->last},
                                    {"tag", plan->tag},       {"branch", plan->branch},   {"remote", plan->remote},
                                    {"commit", plan->commit}, {"object", plan->object}};
    call->answer = node_new_map();
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        node_set_text(call->answer, pairs[i][0], pairs[i][1]);
    node_set_bool(call->answer, "signed", plan->sign);
    node_set_bool(call->answer, "nothing_to_do", plan->is_done);
}

static int by_git(Call *call, GError **error)
{
    const Options *given = &call->options;
    ReleaseGitOptions options = {.directory = ".",
                                 .app = given->name,
                                 .wish = argument(call, 1),
                                 .message = given->message,
                                 .remote = given->remote,
                                 .sign = given->sign};
    g_auto(ReleaseGitPlan) plan = {0};
    if (!release_git_plan(&options, &plan, error))
        return -1;
    if (plan.is_done) {
        call_say(call, "%s %s is released already: %s has %s", plan.app, plan.version, plan.remote, plan.tag);
        answer_git(call, &plan);
        return 0;
    }
    say_git_plan(call, &plan);
    if (!given->dry_run && !release_git(&plan, error))
        return -1;
    if (!given->dry_run)
        call_say(call, "%s %s is released: %s has %s", plan.app, plan.version, plan.remote, plan.tag);
    answer_git(call, &plan);
    return 0;
}

/* --- sftp ------------------------------------------------------------------------------------------------------- */

static void answer_sftp(Call *call, const ReleaseSftpReport *report)
{
    const char *const pairs[][2] = {{"app", report->app},   {"version", report->version}, {"host", report->host},
                                    {"path", report->path}, {"sha256", report->sha256},   {"key", report->public_key}};
    call->answer = node_new_map();
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        node_set_text(call->answer, pairs[i][0], pairs[i][1]);
    node_set_int(call->answer, "size_bytes", report->size_bytes);
    node_set_bool(call->answer, "replaces", report->replaces);
    node_set_bool(call->answer, "nothing_to_do", report->nothing_to_do);
}

static void say_sftp(Call *call, const ReleaseSftpReport *report)
{
    g_autofree char *size = g_format_size((guint64)report->size_bytes);
    if (report->nothing_to_do) {
        call_say(call, "%s %s is published already, with the same content", report->app, report->version);
        return;
    }
    call_say(call, "%s %s %s: %s on %s (%s)", report->app, report->version,
             call->options.dry_run ? "would be published" : "is published", report->path, report->host, size);
    if (report->replaces)
        call_say(call, "  replaces  what %s there under this name", call->options.dry_run ? "is" : "was");
    call_say(call, "  sha256    %s", report->sha256);
    call_say(call, "  signed    %s", report->public_key ? report->public_key : "no");
}

static int by_sftp(Call *call, GError **error)
{
    const Options *given = &call->options;
    ReleaseSftpOptions options = {.version = argument(call, 1),
                                  .destination = argument(call, 2),
                                  .tree = argument(call, 3) ? argument(call, 3) : ".",
                                  .app = given->name,
                                  .key_file = given->key,
                                  .passphrase_file = given->passphrase_file,
                                  .is_unsigned = given->unsigned_index,
                                  .host_key = given->host_key,
                                  .ssh_key = given->ssh_key,
                                  .dry_run = given->dry_run};
    g_auto(ReleaseSftpReport) report = {0};
    if (!release_sftp(&options, &report, error))
        return -1;
    say_sftp(call, &report);
    answer_sftp(call, &report);
    return 0;
}

/* --- manifest --------------------------------------------------------------------------------------------------- */

static int by_manifest(Call *call, GError **error)
{
    gboolean dry = call->options.dry_run;
    ReleaseManifestOptions options = {
        .directory = ".", .app = call->options.name, .wish = argument(call, 1), .dry_run = dry};
    g_auto(ReleaseManifestReport) report = {0};
    if (!release_manifest(&options, &report, error))
        return -1;
    if (report.nothing_to_do)
        call_say(call, "%s says %s already", report.file, report.version);
    else if (report.from)
        call_say(call, "%s: %s %s %s", report.file, report.from, dry ? "would become" : "became", report.version);
    else
        call_say(call, "%s %s: %s %s", report.file, dry ? "would be written" : "is written", report.app,
                 report.version);
    if (report.released && !report.nothing_to_do)
        call_say(call, "  its date goes on to say %s; without one the day of publication counts", report.released);
    const char *const pairs[][2] = {
        {"app", report.app}, {"file", report.file}, {"from", report.from}, {"version", report.version}};
    call->answer = node_new_map();
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        node_set_text(call->answer, pairs[i][0], pairs[i][1]);
    node_set_bool(call->answer, "nothing_to_do", report.nothing_to_do);
    return 0;
}

/* --- which ------------------------------------------------------------------------------------------------------ */

const Act release_acts[] = {
    {"git", "[VERSION]", "a commit and a tag, pushed together; the version goes into the manifest", by_git, 1, 2,
     "dry-run name message sign remote"},
    {"http", "[TREE]", "archive, checksum, signature and index for any web server; --withdraw marks a published one",
     release_by_http, 1, 2, "out key channel changelog severity withdraw reason unsigned passphrase-file dry-run name"},
    {"sftp", "VERSION HOST:PATH [TREE]", "an archive on a server, into a directory or over a file", by_sftp, 3, 4,
     "key unsigned passphrase-file dry-run name host-key ssh-key"},
    {"manifest", "[VERSION]", "the manifest and its version alone", by_manifest, 1, 2, "dry-run name"},
    {NULL},
};

int verb_release(Call *call, GError **error)
{
    if (call->act)
        return call->act->run(call, error);
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !call->options.json)
        return release_ask(call, error);
    g_autofree char *usage = act_usage(call->verb);
    fault_set(error, FAULT_USAGE, "release: there is nobody to ask what to release");
    fault_hint(error, "usage: liftlock release %s", usage);
    return -1;
}
