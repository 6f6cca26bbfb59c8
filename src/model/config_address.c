/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of ssh, and references to secrets. */
#include "model/config.h"

#include <string.h>

#define LETTERS G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS
#define SSH_PORT 22

void ssh_address_clear(SshAddress *address)
{
    g_free(address->user);
    g_free(address->host);
    g_free(address->path);
    *address = (SshAddress){.port = 0};
}

/* Of these characters alone, and nothing that begins like an option. */
static gboolean is_of(const char *text, const char *characters)
{
    return *text && *text != '-' && text[strspn(text, characters)] == '\0';
}

static gboolean parse_port(const char *text, guint *port)
{
    guint64 number = 0;
    if (!g_ascii_string_to_unsigned(text, 10, 1, 65535, &number, NULL))
        return FALSE;
    *port = (guint)number;
    return TRUE;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT */
static gboolean parse_host(const char *text, SshAddress *address)
{
    address->port = SSH_PORT;
    if (*text != '[') {
        const char *colon = strchr(text, ':');
        address->host = colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
        return is_of(address->host, LETTERS ".-") && (!colon || parse_port(colon + 1, &address->port));
    }
    const char *end = strchr(text, ']');
    if (!end || (end[1] != '\0' && end[1] != ':'))
        return FALSE;
    address->host = g_strndup(text + 1, (gsize)(end - text - 1));
    return is_of(address->host, "0123456789abcdefABCDEF:.") && (!end[1] || parse_port(end + 2, &address->port));
}

gboolean ssh_address_parse(const char *url, SshAddress *address)
{
    *address = (SshAddress){.port = 0};
    const char *rest = g_str_has_prefix(url, "ssh://")    ? url + strlen("ssh://")
                       : g_str_has_prefix(url, "sftp://") ? url + strlen("sftp://")
                                                          : NULL;
    const char *slash = rest ? strchr(rest, '/') : NULL;
    if (!slash)
        return FALSE;
    g_autofree char *authority = g_strndup(rest, (gsize)(slash - rest));
    const char *at = strchr(authority, '@');
    g_autoptr(GString) path = g_string_new(slash);
    gboolean good = path->len > 1 && g_utf8_validate(slash, -1, NULL) && !strpbrk(slash, "\"'\\?#*");
    for (const char *c = slash; good && *c; c = g_utf8_next_char(c))
        good = *c != ' ' && g_unichar_isprint(g_utf8_get_char(c));
    address->path = g_strdup(slash);
    if (at)
        address->user = g_strndup(authority, (gsize)(at - authority));
    good = good && (!at || is_of(address->user, LETTERS "._-")) && parse_host(at ? at + 1 : authority, address);
    if (!good)
        ssh_address_clear(address);
    return good;
}

gboolean secret_reference_is_valid(const char *text)
{
    static const char scheme[] = "credential:";
    if (!g_str_has_prefix(text, scheme))
        return *text == '/';
    const char *name = text + strlen(scheme);
    return strlen(name) <= 128 && *name != '.' && is_of(name, LETTERS "._-");
}
