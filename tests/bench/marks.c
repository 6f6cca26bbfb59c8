/* SPDX-License-Identifier: Apache-2.0 */
/* usage: bench-marks journal LIFTLOCK_ROOT N | plain FILE N: writes the two marks of N steps into a journal, or N
 * durable lines into a file, and says how long each took: a line of microseconds. */
#include "base/fault.h"
#include "engine/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef gboolean (*WriteMark)(gpointer to, int i, GError **error);

static gboolean mark_journal(gpointer to, int i, GError **error)
{
    return journal_mark(to, "20260101-000000-0000", "activate", "begun", 0, error) &&
           journal_mark(to, "20260101-000000-0000", "activate", "done", 12, error);
}

static gboolean mark_plain(gpointer to, int i, GError **error)
{
    static const char line[] = "20260101-000000-0000 activate begun 1767225600 12\n";
    int fd = *(int *)to;
    if (write(fd, line, strlen(line)) == (ssize_t)strlen(line) && fsync(fd) == 0)
        return TRUE;
    return fault_set(error, FAULT_SYSTEM, "cannot write");
}

static int write_marks(WriteMark write_one, gpointer to, int n)
{
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < n; i++) {
        gint64 start = g_get_monotonic_time();
        if (!write_one(to, i, &error)) {
            g_printerr("bench-marks: %s\n", error->message);
            return 1;
        }
        printf("%" G_GINT64_FORMAT "\n", g_get_monotonic_time() - start);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    if (strcmp(argv[1], "plain") == 0) {
        int fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return write_marks(mark_plain, &fd, atoi(argv[3]));
    }
    g_autoptr(HostPlace) host = host_place_new(argv[2]);
    g_autoptr(GError) error = NULL;
    g_autoptr(Journal) journal = journal_open(host, FALSE, &error);
    if (!journal) {
        g_printerr("bench-marks: %s\n", error->message);
        return 1;
    }
    return write_marks(mark_journal, journal, atoi(argv[3]));
}
