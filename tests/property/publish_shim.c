/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher's library for tests in other languages.
 *
 *   generate NAME [PASSPHRASE-FILE]     show FILE [PASSPHRASE-FILE]
 *   sign KEY FILE COMMENT [PASSPHRASE-FILE]     writes FILE.minisig
 *   verify RW... FILE SIGNATURE                 prints the trusted comment
 *   release OUT NAME=VALUE...                   tree key passphrase channel changelog severity unsigned
 *   withdraw OUT VERSION NAME=VALUE...          key passphrase reason unsigned
 *
 * Answers "name=value" lines; faults go to standard error as "CODE text", exit status 1.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "publish/keys.h"
#include "publish/passphrase.h"
#include "publish/release_http.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void print_key(const MinisignPublic *key)
{
    g_autofree char *id = minisign_key_id(key), *text = minisign_public_format(key);
    printf("key_id=%s\npublic_key=%s\n", id, text);
}

static gboolean do_generate(char **args, GError **error)
{
    MinisignPublic key;
    char *passphrase = args[1] ? passphrase_read(args[1], "", TRUE, error) : NULL;
    gboolean good = (passphrase || !args[1]) && keys_generate(args[0], passphrase, &key, error);
    passphrase_free(passphrase);
    if (good)
        print_key(&key);
    return good;
}

static gboolean do_show(char **args, GError **error)
{
    MinisignPublic key;
    gboolean good = keys_show(args[0], args[1], &key, error);
    if (good)
        print_key(&key);
    return good;
}

static gboolean do_sign(char **args, GError **error)
{
    g_autoptr(MinisignSecret) secret = keys_open(args[0], args[3], error);
    fs_fd int fd = open(args[1], O_RDONLY | O_CLOEXEC);
    g_autofree char *text = secret ? minisign_sign(secret, fd, args[2], NULL, error) : NULL;
    g_autofree char *path = g_strconcat(args[1], ".minisig", NULL);
    return text && g_file_set_contents(path, text, -1, error);
}

static gboolean do_verify(char **args, GError **error)
{
    MinisignPublic key;
    g_autofree char *signature = NULL, *comment = NULL;
    gsize size;
    fs_fd int fd = open(args[1], O_RDONLY | O_CLOEXEC);
    gboolean good = minisign_public_parse(args[0], &key, error) &&
                    g_file_get_contents(args[2], &signature, &size, error) &&
                    minisign_verify(&key, fd, "file", signature, size, &comment, error);
    if (good)
        printf("comment=%s\n", comment);
    return good;
}

static void set_option(ReleaseHttpOptions *options, const char **reason, const char *text)
{
    const struct {
        const char *name;
        const char **value;
    } rows[] = {{"tree=", &options->tree},
                {"key=", &options->key_file},
                {"passphrase=", &options->passphrase_file},
                {"channel=", &options->channel},
                {"changelog=", &options->changelog},
                {"severity=", &options->severity},
                {"reason=", reason}};
    options->is_unsigned |= strcmp(text, "unsigned=yes") == 0;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_str_has_prefix(text, rows[i].name))
            *rows[i].value = text + strlen(rows[i].name);
}

static void print_report(const ReleaseHttpReport *report)
{
    const struct {
        const char *name, *value;
    } rows[] = {{"app", report->app},       {"version", report->version}, {"archive", report->archive},
                {"sha256", report->sha256}, {"channel", report->channel}, {"public_key", report->public_key},
                {"key_id", report->key_id}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].value)
            printf("%s=%s\n", rows[i].name, rows[i].value);
    printf("size=%" G_GINT64_FORMAT "\nindex=%" G_GINT64_FORMAT "\nnothing=%d\n", report->size_bytes, report->index,
           report->nothing_to_do);
}

static gboolean run(char **args, const char *version, GError **error)
{
    ReleaseHttpOptions options = {.out = args[0]};
    g_auto(ReleaseHttpReport) report = {0};
    const char *reason = NULL;
    for (char **arg = args + 1; *arg; arg++)
        set_option(&options, &reason, *arg);
    gboolean good = version ? release_http_withdraw(&options, version, reason, &report, error)
                            : release_http(&options, &report, error);
    if (good)
        print_report(&report);
    return good;
}

static gboolean do_release(char **args, GError **error)
{
    return run(args, NULL, error);
}

static gboolean do_withdraw(char **args, GError **error)
{
    return run(args, args[1], error);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int least;
        gboolean (*function)(char **args, GError **error);
    } commands[] = {{"generate", 1, do_generate}, {"show", 1, do_show},       {"sign", 3, do_sign},
                    {"verify", 3, do_verify},     {"release", 1, do_release}, {"withdraw", 2, do_withdraw}};
    for (guint i = 0; argc > 1 && i < G_N_ELEMENTS(commands); i++) {
        g_autoptr(GError) error = NULL;
        if (strcmp(commands[i].name, argv[1]) != 0 || argc - 2 < commands[i].least)
            continue;
        if (commands[i].function(argv + 2, &error))
            return 0;
        fprintf(stderr, "%s %s\n", fault_row(fault_code_of(error))->name, error->message);
        return 1;
    }
    return 2;
}
