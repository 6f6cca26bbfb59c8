/* SPDX-License-Identifier: Apache-2.0 */
/* The notification "webhook": {"text": message} as JSON by POST, as Slack and many others take it. The address is a
 * secret: of it only the host is ever named. */
#include <string.h>

#include "base/fs.h"
#include "base/remote.h"
#include "parts/notify/senders.h"

#define URL_LIMIT (8 * 1024)

static const Key webhook_keys[] = {
    {"url", KEY_TEXT, G_STRUCT_OFFSET(NotifyConfig, url), NULL, "where to post"},
    {"url_file", KEY_ABSOLUTE, G_STRUCT_OFFSET(NotifyConfig, url_file), NULL, "file that holds where to post"},
    {0},
};

static char *webhook_url(const NotifyConfig *config, GError **error)
{
    if (!config->url_file)
        return g_strdup(config->url ? config->url : "");
    g_autofree char *directory = g_path_get_dirname(config->url_file), *name = g_path_get_basename(config->url_file);
    fs_fd int dirfd = fs_open_dir(directory, error);
    char *url = dirfd >= 0 ? fs_read(dirfd, name, URL_LIMIT, NULL, error) : NULL;
    if (!url)
        fault_prefix(error, "url_file '%s'", config->url_file);
    return url ? g_strstrip(url) : NULL;
}

/* "hooks.example.org", or NULL: no address to post to. */
static char *webhook_host(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, NULL);
    if (!uri || !g_uri_get_host(uri) || !*g_uri_get_host(uri))
        return NULL;
    const char *scheme = g_uri_get_scheme(uri);
    return g_str_equal(scheme, "http") || g_str_equal(scheme, "https") ? g_strdup(g_uri_get_host(uri)) : NULL;
}

static void redact(GString *text, const char *secret)
{
    if (secret && strlen(secret) > 1)
        g_string_replace(text, secret, "...", 0);
}

/* What the child says of a failure may quote the address. */
static char *redacted(const char *text, const char *url)
{
    g_autoptr(GString) clean = g_string_new(text);
    redact(clean, url);
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, NULL);
    if (uri) {
        redact(clean, g_uri_get_path(uri));
        redact(clean, g_uri_get_query(uri));
        redact(clean, g_uri_get_userinfo(uri));
    }
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

static char *webhook_body(const char *message)
{
    g_autoptr(Node) body = node_new_map();
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    node_set_text(body, "text", valid);
    return node_to_json(body, 0);
}

/* Which answers may be better the next time. */
static enum fault_code code_of_status(int status)
{
    return status >= 500 || status == 429 || status == 408 ? FAULT_NETWORK : FAULT_CONFIG;
}

static gboolean webhook_send(const PartContext *context, const NotifyConfig *config, const char *message,
                             const NotifyFacts *facts, GError **error)
{
    g_autofree char *url = webhook_url(config, error);
    if (!url)
        return FALSE;
    g_autofree char *host = webhook_host(url), *body = webhook_body(message);
    if (!host)
        return fault_set(error, FAULT_CONFIG, "webhook: its address is not an http or https address");
    RemoteRequest request = {.method = "POST",
                             .url = url,
                             .body = body,
                             .content_type = "application/json",
                             .timeout_ms = config->timeout_ms};
    int status = 0;
    g_autoptr(GError) why = NULL;
    if (!remote_request(&request, &status, NULL, &why)) {
        g_autofree char *text = fault_text(why), *clean = redacted(text, url);
        return fault_set(error, fault_code_of(why), "webhook %s: %s", host, clean);
    }
    if (status >= 200 && status < 300)
        return TRUE;
    return fault_set(error, code_of_status(status), "webhook %s: HTTP %d", host, status);
}

const NotifyDriver notify_webhook = {.name = "webhook",
                                     .summary = "a JSON message by POST (Slack and alike)",
                                     .keys = webhook_keys,
                                     .send = webhook_send};
