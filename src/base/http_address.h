/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the world an address belongs to: a redirect may not lead from the open network into somebody's own. */
#pragma once

#include <glib.h>
#include <sys/socket.h>

/* RFC 6890 and its registry, as far as a server could be listening there. */
typedef enum { ADDRESS_PUBLIC, ADDRESS_PRIVATE, ADDRESS_LOOPBACK, ADDRESS_LINK_LOCAL, ADDRESS_SPECIAL } AddressRange;

AddressRange address_range(const struct sockaddr *address);

/* "169.254.169.254", "::1"; "?" for other families. The caller frees. */
char *address_text(const struct sockaddr *address);
