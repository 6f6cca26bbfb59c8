/* SPDX-License-Identifier: Apache-2.0 */
/* Caddy: a line of a site in the Caddyfile, by "import /opt/APP/system/SERVICE*.caddy". */
#include "parts/switch/drivers.h"

#define MIGRATE "/proc/sys/net/ipv4/tcp_migrate_req"

/* Caddy's network addresses are NETWORK/ADDRESS, so that an absolute path gives two slashes. */
static char *caddy_directive(const char *socket)
{
    return g_strdup_printf("reverse_proxy unix/%s", socket);
}

/* At a reload Caddy listens with a second socket and closes the first, with the connections in its queue; unless the
 * kernel moves them over (ip-sysctl.txt, since Linux 5.14). */
static char *caddy_caveat(void)
{
    g_autofree char *value = NULL;
    if (g_file_get_contents(MIGRATE, &value, NULL, NULL) && *value == '1')
        return NULL;
    return g_strdup("a reload of Caddy may turn away who connects at that moment: 'sysctl net.ipv4.tcp_migrate_req=1'");
}

const SwitchDriver switch_caddy = {
    .name = "caddy",
    .summary = "a reverse_proxy line for a site of Caddy",
    .directive = caddy_directive,
    .caveat = caddy_caveat,
};
