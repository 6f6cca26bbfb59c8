/* SPDX-License-Identifier: Apache-2.0 */
/* usage: bench-merge LANGUAGE BASE USER RELEASE N: merges three files N times, and says how long each took: a line of
 * microseconds. The output goes to standard error, for whoever wants to compare it. */
#include "merge/merge.h"

#include <stdio.h>
#include <stdlib.h>

static MergeText read_text(const char *path)
{
    char *bytes = NULL;
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &bytes, &size, &error)) {
        g_printerr("bench-merge: %s\n", error->message);
        exit(1);
    }
    return (MergeText){.bytes = bytes, .size = size, .name = path};
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    MergeRequest request = {.language = merge_language(argv[1]),
                            .base = read_text(argv[2]),
                            .user = read_text(argv[3]),
                            .release = read_text(argv[4])};
    g_autoptr(MergeResult) result = NULL;
    for (int i = 0; i < atoi(argv[5]); i++) {
        g_autoptr(GError) error = NULL;
        gint64 start = g_get_monotonic_time();
        merge_result_free(result);
        result = merge_texts(&request, &error);
        if (!result) {
            g_printerr("bench-merge: %s\n", error->message);
            return 1;
        }
        printf("%" G_GINT64_FORMAT "\n", g_get_monotonic_time() - start);
    }
    fwrite(result->bytes, 1, result->size, stderr);
    g_free((char *)request.base.bytes);
    g_free((char *)request.user.bytes);
    g_free((char *)request.release.bytes);
    return 0;
}
