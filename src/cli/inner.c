/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inner.h"

#include "engine/rehearsal.h"
#include "engine/worker.h"
#include "parts/backup/backup.h"
#include "parts/layout/layout.h"
#include "parts/service/service.h"
#include "parts/sql.h"

#include <stdio.h>
#include <string.h>

static int run_sqlite(int argc, char **argv)
{
    return backup_sqlite_main(argc - 1, argv + 1);
}

static int run_sql(int argc, char **argv)
{
    return sql_inner_main(argc - 1, argv + 1);
}

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} programs[] = {
    {"job", "the process of a job", worker_main},
    {"merge", "merging a configuration file as the app's user", layout_merge_main},
    {"rehearse", "a job's rehearsal", rehearsal_main},
    {"sqlite", "SQLite work as the app's user", run_sqlite},
    {"sql", "SQL on SQLite as the app's user", run_sql},
    {"wait-hold", "a start that waits until it may go on", service_wait_hold_main},
};

int inner_main(int argc, char **argv)
{
    for (unsigned i = 0; argc > 0 && i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(programs[i].name, argv[0]) == 0)
            return programs[i].run(argc, argv);
    fputs("liftlock: inner programs are not for people\n", stderr);
    return 2;
}
