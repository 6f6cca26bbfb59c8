/* SPDX-License-Identifier: Apache-2.0 */
/* nginx: a line of a location, by "include /opt/APP/system/SERVICE*.nginx;". */
#include "parts/switch/drivers.h"

/* No upstream block: one without a server would keep nginx from starting before the app is installed. */
static char *nginx_directive(const char *socket)
{
    return g_strdup_printf("proxy_pass http://unix:%s;", socket);
}

const SwitchDriver switch_nginx = {
    .name = "nginx", .summary = "a proxy_pass line for a location of nginx", .directive = nginx_directive};
