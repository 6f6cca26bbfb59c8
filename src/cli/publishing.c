/* SPDX-License-Identifier: Apache-2.0 */
/* release http, keys: the publisher's side. */
#include "cli/release.h"

#include "base/fault.h"
#include "publish/keys.h"
#include "publish/passphrase.h"
#include "publish/release_http.h"

#include <string.h>

/* --- release http
 * -------------------------------------------------------------------------------------------------------
 */

static void answer_release(Call *call, const ReleaseHttpReport *report)
{
    const char *const pairs[][2] = {{"app", report->app},         {"version", report->version},
                                    {"archive", report->archive}, {"sha256", report->sha256},
                                    {"channel", report->channel}, {"key", report->public_key},
                                    {"key_id", report->key_id}};
    call->answer = node_new_map();
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        node_set_text(call->answer, pairs[i][0], pairs[i][1]);
    node_set_int(call->answer, "size_bytes", report->size_bytes);
    node_set_int(call->answer, "index", report->index);
    node_set_bool(call->answer, "nothing_to_do", report->nothing_to_do);
}

static void say_release(Call *call, const ReleaseHttpReport *report)
{
    g_autofree char *size = g_format_size((guint64)report->size_bytes);
    if (call->options.dry_run) {
        call_say(call, "%s %s would be published: %s in %s", report->app, report->version, report->archive,
                 call->options.out);
        call_say(call, "  signed    %s", report->public_key ? report->public_key : "no");
        return;
    }
    if (report->nothing_to_do) {
        call_say(call, "%s %s is published already, with the same content", report->app, report->version);
        return;
    }
    call_say(call, "%s %s is published: %s (%s), index %" G_GINT64_FORMAT, report->app, report->version,
             report->archive, size, report->index);
    if (report->channel)
        call_say(call, "  channel   %s", report->channel);
    else
        call_say(call, "  channel   none: it has a higher version already");
    if (report->public_key)
        call_say(call, "  install   liftlock install URL --name %s --key %s", report->app, report->public_key);
    else
        call_say(call, "  install   liftlock install URL --name %s --checksum %s", report->app, report->sha256);
}

static gboolean release_options(const Call *call, ReleaseHttpOptions *options, GError **error)
{
    const Options *given = &call->options;
    *options = (ReleaseHttpOptions){
        .out = given->out,
        .app = given->name,
        .key_file = given->key,
        .passphrase_file = given->passphrase_file,
        .is_unsigned = given->unsigned_index,
        .channel = given->channel,
        .changelog = given->changelog,
        .severity = given->severity,
        .dry_run = given->dry_run,
    };
    if (!given->out) {
        fault_set(error, FAULT_USAGE, "release: --out DIR is missing");
        return fault_hint(error, "it is the directory that your web server serves");
    }
    if (!given->key && !given->unsigned_index) {
        fault_set(error, FAULT_USAGE, "release: --key FILE is missing");
        return fault_hint(error, "'liftlock keys generate NAME' makes one; --unsigned publishes without");
    }
    return TRUE;
}

int release_by_http(Call *call, GError **error)
{
    const char *tree = call->arguments->len > 1 ? g_ptr_array_index(call->arguments, 1) : NULL;
    const char *withdraw = call->options.withdraw;
    ReleaseHttpOptions options;
    if (!release_options(call, &options, error))
        return -1;
    if (!tree == !withdraw) {
        fault_set(error, FAULT_USAGE,
                  withdraw ? "release: a TREE and --withdraw exclude one another"
                           : "release: the TREE to publish is missing");
        return -1;
    }
    if (withdraw && options.dry_run) {
        fault_set(error, FAULT_USAGE, "release: --withdraw and --dry-run exclude one another");
        return -1;
    }
    options.tree = tree;
    g_auto(ReleaseHttpReport) report = {0};
    if (!(withdraw ? release_http_withdraw(&options, withdraw, call->options.reason, &report, error)
                   : release_http(&options, &report, error)))
        return -1;
    answer_release(call, &report);
    if (withdraw)
        call_say(call, "%s %s is withdrawn, index %" G_GINT64_FORMAT, report.app, report.version, report.index);
    else
        say_release(call, &report);
    return 0;
}

/* --- keys --- */

static void say_key(Call *call, const MinisignPublic *key)
{
    g_autofree char *text = minisign_public_format(key);
    g_autofree char *id = minisign_key_id(key);
    call->answer = node_new_map();
    node_set_text(call->answer, "public_key", text);
    node_set_text(call->answer, "key_id", id);
    call_say(call, "  public key  %s", text);
    call_say(call, "  key id      %s", id);
}

static int act_generate(Call *call, GError **error)
{
    const char *name = call->arguments->pdata[1];
    MinisignPublic key;
    char *passphrase = NULL;
    if (!call->options.no_passphrase &&
        !(passphrase = passphrase_read(call->options.passphrase_file, "of the new key", TRUE, error)))
        return -1;
    gboolean good = keys_generate(name, passphrase, &key, error);
    passphrase_free(passphrase);
    if (!good)
        return -1;
    call_say(call, "%s.key is the secret key: keep it safe and to yourself; %s.pub goes to those who install", name,
             name);
    say_key(call, &key);
    return 0;
}

static int act_show(Call *call, GError **error)
{
    MinisignPublic key;
    if (!keys_show(call->arguments->pdata[1], call->options.passphrase_file, &key, error))
        return -1;
    say_key(call, &key);
    return 0;
}

const Act keys_acts[] = {
    {"generate", "NAME", "make a key: NAME.key and NAME.pub", act_generate, 2, 2, "no-passphrase passphrase-file"},
    {"show", "NAME", "the public key of a key's file", act_show, 2, 2, "passphrase-file"},
    {NULL},
};
