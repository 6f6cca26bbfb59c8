/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/repo_report.h"

void repo_report_init(RepoReport *report)
{
    *report = (RepoReport){.keys = g_ptr_array_new_with_free_func(g_free),
                           .notes = g_ptr_array_new_with_free_func(g_free),
                           .written = g_ptr_array_new_with_free_func(g_free)};
}

void repo_report_clear(RepoReport *report)
{
    char *const texts[] = {report->app,    report->version, report->archive,
                           report->sha256, report->channel, report->pending};
    GPtrArray *const lists[] = {report->keys, report->notes, report->written};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        if (lists[i])
            g_ptr_array_unref(lists[i]);
    *report = (RepoReport){0};
}

void repo_report_note(RepoReport *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(report->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

void repo_report_written(RepoReport *report, const GPtrArray *paths)
{
    for (guint i = 0; i < paths->len; i++)
        g_ptr_array_add(report->written, g_strdup(paths->pdata[i]));
}
