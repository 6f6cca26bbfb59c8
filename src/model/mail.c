/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mail.h"

#include <string.h>

const char *const mail_encryption_names[] = {"starttls", "tls", "none", NULL};
static const int ports[] = {587, 465, 25};

/* "HOST" or "HOST:PORT"; HOST may be [2001:db8::1]. *colon: where the port begins, or NULL. */
static gboolean is_server(const char *text, const char **colon)
{
    gsize length = *text == '[' ? strspn(text + 1, G_CSET_DIGITS "abcdefABCDEF:.") + 1
                                : strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-_");
    if (*text == '[' && text[length++] != ']')
        return FALSE;
    const char *rest = text + length;
    *colon = *rest == ':' ? rest : NULL;
    if (length == 0 || length > 255 || !*rest)
        return length > 0 && length <= 255;
    gsize digits = *rest == ':' ? strspn(rest + 1, G_CSET_DIGITS) : 0;
    guint64 port = digits > 0 && digits <= 5 ? g_ascii_strtoull(rest + 1, NULL, 10) : 0;
    return port > 0 && port < 65536 && rest[1 + digits] == '\0';
}

/* An address without a name and without what only quotes allow: nothing of it can begin another line. */
static gboolean is_address(const char *text)
{
    static const char allowed[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "!#$%&'*+/=?^_`{|}~.-";
    gsize local = strspn(text, allowed);
    if (local == 0 || text[local] != '@' || strlen(text) > 254)
        return FALSE;
    const char *domain = text + local + 1;
    return *domain && domain[strspn(domain, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-")] == '\0';
}

static char *misplaced(const NotifyConfig *notify, const char **key)
{
    const struct {
        const char *key;
        gboolean there;
    } keys[] = {{"server", notify->server != NULL},   {"user", notify->user != NULL},
                {"from", notify->from != NULL},       {"password_file", notify->password_file != NULL},
                {"ca_file", notify->ca_file != NULL}, {"to", notify->to && notify->to->len > 0}};
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        if (keys[i].there) {
            g_autofree char *name = schema_quote(notify->name);
            *key = keys[i].key;
            return g_strdup_printf("'%s' has no meaning for notify %s of type '%s'", keys[i].key, name, notify->type);
        }
    return NULL;
}

static char *missing(const NotifyConfig *notify)
{
    g_autofree char *name = schema_quote(notify->name);
    if (!notify->server)
        return g_strdup_printf("notify %s needs 'server'", name);
    if (notify->to->len == 0)
        return g_strdup_printf("notify %s needs 'to'", name);
    if (!notify->user != !notify->password_file)
        return g_strdup_printf("notify %s needs both 'user' and 'password_file', or neither", name);
    return NULL;
}

static char *wrong_address(const char *key, const char *text)
{
    if (is_address(text))
        return NULL;
    g_autofree char *quoted = schema_quote(text);
    return g_strdup_printf("'%s' must be an address such as ops@example.org, not %s", key, quoted);
}

char *mail_config_problem(const NotifyConfig *notify, const char **key)
{
    const char *colon = NULL;
    char *problem = NULL;
    *key = NULL;
    if (strcmp(notify->type, "mail") != 0)
        return misplaced(notify, key);
    if ((problem = missing(notify)))
        return problem;
    *key = "server";
    if (!is_server(notify->server, &colon)) {
        g_autofree char *quoted = schema_quote(notify->server);
        return g_strdup_printf("'server' must be a host, or HOST:PORT, not %s", quoted);
    }
    *key = "from";
    if (notify->from && (problem = wrong_address("from", notify->from)))
        return problem;
    *key = "to";
    for (guint i = 0; i < notify->to->len; i++)
        if ((problem = wrong_address("to", notify->to->pdata[i])))
            return problem;
    *key = "password_file";
    if (notify->password_file && notify->encryption == MAIL_PLAIN)
        return g_strdup("the password would go over the network in the clear; 'encryption' must be starttls or tls");
    return NULL;
}

char *mail_server(const NotifyConfig *notify)
{
    const char *colon = NULL;
    if (is_server(notify->server, &colon) && colon)
        return g_strdup(notify->server);
    return g_strdup_printf("%s:%d", notify->server, ports[notify->encryption]);
}
