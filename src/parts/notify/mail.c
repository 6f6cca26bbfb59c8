/* SPDX-License-Identifier: Apache-2.0 */
/* The notification "mail": a mail by SMTP. It is written here; all that touches the network is the child's. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/remote.h"
#include "model/mail.h"
#include "parts/notify/senders.h"

#define PASSWORD_LIMIT 1024
#define SUBJECT_BYTES 200
#define WORD_BYTES 45 /* of text in one encoded word: 60 characters of base64 */
#define LINE_CHARS 76

static const Key mail_keys[] = {
    {"server", KEY_TEXT, G_STRUCT_OFFSET(NotifyConfig, server), NULL, "mail server, HOST or HOST:PORT"},
    {"to", KEY_TEXTS, G_STRUCT_OFFSET(NotifyConfig, to), NULL, "who gets it"},
    {0},
};

/* --- the mail --- */

static gboolean is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return FALSE;
    return TRUE;
}

/* The longest part of at most `limit` bytes that ends between two characters. */
static gsize part_size(const char *text, gsize limit)
{
    gsize size = strlen(text);
    if (size <= limit)
        return size;
    for (size = limit; size > 0 && ((guchar)text[size] & 0xc0) == 0x80; size--)
        ;
    return size;
}

/* RFC 2047: what is not plain ASCII travels in encoded words. */
static char *header_text(const char *text)
{
    if (is_plain(text) && !strstr(text, "=?"))
        return g_strdup(text);
    GString *words = g_string_new(NULL);
    while (*text) {
        gsize size = part_size(text, WORD_BYTES);
        g_autofree char *word = g_base64_encode((const guchar *)text, size);
        g_string_append_printf(words, "%s=?UTF-8?B?%s?=", words->len ? "\r\n " : "", word);
        text += size;
    }
    return g_string_free(words, FALSE);
}

/* The first line, without what could end a header. */
static char *subject_of(const char *message)
{
    g_autofree char *line = g_strndup(message, strcspn(message, "\r\n"));
    for (char *at = line; *at; at++)
        if ((guchar)*at < ' ' || *at == 0x7f)
            *at = ' ';
    g_autofree char *first = g_strndup(line, part_size(line, SUBJECT_BYTES));
    return header_text(first);
}

static char *body_of(const char *message)
{
    g_autofree char *all = g_base64_encode((const guchar *)message, strlen(message));
    GString *lines = g_string_new(NULL);
    for (const char *at = all; *at; at += MIN(strlen(at), LINE_CHARS))
        g_string_append_printf(lines, "%.*s\r\n", LINE_CHARS, at);
    return g_string_free(lines, FALSE);
}

/* "Sat, 21 Nov 2026 06:00:00 +0000" in English, whatever the host speaks. */
static char *date_now(void)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)clock_now_s();
    struct tm tm = {0};
    gmtime_r(&now, &tm);
    return g_strdup_printf("%s, %02d %s %ld %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                           tm.tm_year + 1900L, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* A host's name may be anything; a domain may not. */
static char *domain_of(const char *host)
{
    const char *allowed = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-";
    return g_strdup(host && *host && !host[strspn(host, allowed)] ? host : "localhost");
}

static char *mail_text(const NotifyConfig *config, const char *from, const char *domain, const char *message)
{
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    g_autofree char *subject = subject_of(valid), *body = body_of(valid), *date = date_now();
    g_autofree char *id = g_uuid_string_random();
    g_autoptr(GString) to = g_string_new(NULL);
    for (guint i = 0; i < config->to->len; i++)
        g_string_append_printf(to, "%s%s", i ? ",\r\n " : "", (const char *)config->to->pdata[i]);
    return g_strdup_printf("Date: %s\r\nFrom: liftlock <%s>\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@%s>\r\n"
                           "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n%s",
                           date, from, to->str, subject, id, domain, body);
}

/* --- sending --- */

/* The first line of the file. */
static char *password_read(const NotifyConfig *config, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(config->password_file);
    g_autofree char *name = g_path_get_basename(config->password_file);
    fs_fd int dirfd = fs_open_dir(directory, error);
    char *password = dirfd >= 0 ? fs_read(dirfd, name, PASSWORD_LIMIT, NULL, error) : NULL;
    if (!password) {
        fault_prefix(error, "password_file '%s'", config->password_file);
        return NULL;
    }
    password[strcspn(password, "\r\n")] = '\0';
    return password;
}

static void forget(char **password)
{
    if (*password)
        explicit_bzero(*password, strlen(*password));
    g_clear_pointer(password, g_free);
}

static gboolean mail_send(const PartContext *context, const NotifyConfig *config, const char *message,
                          const NotifyFacts *facts, GError **error)
{
    char *password = NULL;
    if (config->password_file && !(password = password_read(config, error)))
        return FALSE;
    g_autofree char *domain = domain_of(facts->host), *server = mail_server(config);
    g_autofree char *from = config->from ? g_strdup(config->from) : g_strconcat("liftlock@", domain, NULL);
    g_autofree char *text = mail_text(config, from, domain, message);
    g_autoptr(GPtrArray) to = g_ptr_array_new();
    for (guint i = 0; i < config->to->len; i++)
        g_ptr_array_add(to, config->to->pdata[i]);
    g_ptr_array_add(to, NULL);
    const RemoteMail mail = {
        .server = server,
        .tls = config->encryption == MAIL_TLS,
        .starttls = config->encryption == MAIL_STARTTLS,
        .user = config->user,
        .password = password,
        .from = from,
        .to = (const char *const *)to->pdata,
        .text = text,
        .ca_file = config->ca_file,
        .timeout_ms = config->timeout_ms,
    };
    gboolean sent = remote_mail(&mail, error);
    forget(&password);
    return sent;
}

const NotifyDriver notify_mail = {.name = "mail", .summary = "a mail by SMTP", .keys = mail_keys, .send = mail_send};
