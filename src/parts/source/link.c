/* SPDX-License-Identifier: Apache-2.0 */
/* How a server is reached. */
#include "parts/source/link.h"

#include "parts/source/secret.h"

#include <string.h>

const char *link_proxy(const Source *source)
{
    return source->config->source.proxy ? source->config->source.proxy : source->host->proxy;
}

const char *link_no_proxy(const Source *source)
{
    return source->config->source.no_proxy ? source->config->source.no_proxy : source->host->no_proxy;
}

const char *link_ca_file(const Source *source)
{
    return source->config->source.ca_file ? source->config->source.ca_file : source->host->ca_file;
}

gboolean link_open(Link *link, const Source *source, GError **error)
{
    const AppConfig *config = source->config;
    *link = (Link){.host_keys = g_ptr_array_new()};
    for (guint i = 0; config->source.host_key && i < config->source.host_key->len; i++)
        g_ptr_array_add(link->host_keys, config->source.host_key->pdata[i]);
    g_ptr_array_add(link->host_keys, NULL);
    gboolean ssh = ssh_address_parse(config->source.url, &link->address);
    if ((ssh && !(link->key = secret_ssh_key(source->place, config->source.key_file, error))) ||
        (config->source.token_file && !(link->token = secret_line(source->place, config->source.token_file, error)))) {
        link_clear(link);
        return FALSE;
    }
    link->remote = (RemoteLink){
        .url = config->source.url,
        .user = link->address.user,
        .host = link->address.host,
        .path = link->address.path,
        .port = link->address.port,
        .key = link->key,
        .host_keys = (const char *const *)link->host_keys->pdata,
        .username = config->source.username,
        .token = link->token,
        .ca_file = link_ca_file(source),
        .proxy = link_proxy(source),
        .no_proxy = link_no_proxy(source),
        .scratch = source->place->state,
        .limit_bytes = (guint64)source->host->max_release_bytes,
    };
    return TRUE;
}

void link_clear(Link *link)
{
    secret_free(link->key);
    secret_free(link->token);
    ssh_address_clear(&link->address);
    g_clear_pointer(&link->host_keys, g_ptr_array_unref);
    *link = (Link){.remote = {.url = NULL}};
}
