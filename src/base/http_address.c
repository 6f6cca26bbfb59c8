/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses that mean something else on every network. */
#include "base/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const struct {
    guint32 network;
    guint bits;
    AddressRange range;
} ranges_v4[] = {
    {0x7f000000, 8, ADDRESS_LOOPBACK},    {0x00000000, 8, ADDRESS_LOOPBACK}, /* Linux takes 0.0.0.0 for itself */
    {0xa9fe0000, 16, ADDRESS_LINK_LOCAL}, {0x0a000000, 8, ADDRESS_PRIVATE},  {0xac100000, 12, ADDRESS_PRIVATE},
    {0xc0a80000, 16, ADDRESS_PRIVATE},    {0x64400000, 10, ADDRESS_PRIVATE}, {0xc6120000, 15, ADDRESS_PRIVATE},
    {0xe0000000, 3, ADDRESS_SPECIAL}, /* multicast, reserved, broadcast */
};

static AddressRange range_v4(guint32 address)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ranges_v4); i++) {
        if (address >> (32 - ranges_v4[i].bits) == ranges_v4[i].network >> (32 - ranges_v4[i].bits))
            return ranges_v4[i].range;
    }
    return ADDRESS_PUBLIC;
}

static guint32 embedded_v4(const guchar *at)
{
    return (guint32)at[0] << 24 | (guint32)at[1] << 16 | (guint32)at[2] << 8 | at[3];
}

static AddressRange range_v6(const guchar *at)
{
    static const guchar mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const guchar nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const guchar none[15] = {0};
    if (memcmp(at, mapped, sizeof mapped) == 0 || memcmp(at, nat64, sizeof nat64) == 0)
        return range_v4(embedded_v4(at + 12));
    if (at[0] == 0x20 && at[1] == 0x02) /* 6to4 */
        return range_v4(embedded_v4(at + 2));
    if (memcmp(at, none, sizeof none) == 0 && at[15] <= 1)
        return ADDRESS_LOOPBACK;
    if (at[0] == 0xfe)
        return (at[1] & 0xc0) == 0x80 ? ADDRESS_LINK_LOCAL : ADDRESS_PRIVATE; /* fe80::/10, fec0::/10 */
    if ((at[0] & 0xfe) == 0xfc)
        return ADDRESS_PRIVATE;
    return at[0] == 0xff || memcmp(at, none, 12) == 0 ? ADDRESS_SPECIAL : ADDRESS_PUBLIC;
}

AddressRange address_range(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return range_v4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return range_v6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
    return ADDRESS_SPECIAL;
}

char *address_text(const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    return g_strdup(text);
}
