/* SPDX-License-Identifier: Apache-2.0 */
/* usage: bench-switch LIFTLOCK_ROOT APP N: switches between the releases 1.0.0 and 2.0.0 N times, each as durably as a
 * job does, and says how long one took: "MICROSECONDS". */
#include "parts/layout/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    g_autoptr(HostPlace) host = host_place_new(argv[1]);
    g_autoptr(Place) place = place_new(host, argv[2], NULL);
    place->uid = getuid();
    place->gid = getgid();
    PartContext context = {.place = place, .lock_fd = -1};
    g_autoptr(GError) error = NULL;
    const LayoutDriver *layout = layout_find(LAYOUT_RELEASES, &error);
    int n = atoi(argv[3]);
    gint64 start = g_get_monotonic_time();
    for (int i = 0; i < n; i++) {
        const char *version = i % 2 ? "1.0.0" : "2.0.0";
        if (!layout || !layout->activate(&context, version, &error)) {
            g_printerr("bench-switch: %s\n", error->message);
            return 1;
        }
    }
    printf("%" G_GINT64_FORMAT "\n", (g_get_monotonic_time() - start) / MAX(n, 1));
    return 0;
}
