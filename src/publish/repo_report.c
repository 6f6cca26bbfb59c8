/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/repo_report.h"

static void file_free(gpointer data)
{
    RepoReportFile *file = data;
    g_free(file->what);
    g_free(file->path);
    g_free(file->sha256);
    g_free(file);
}

void repo_report_init(RepoReport *report)
{
    *report = (RepoReport){.keys = g_ptr_array_new_with_free_func(g_free),
                           .files = g_ptr_array_new_with_free_func(file_free),
                           .notes = g_ptr_array_new_with_free_func(g_free),
                           .written = g_ptr_array_new_with_free_func(g_free)};
}

void repo_report_clear(RepoReport *report)
{
    char *const texts[] = {report->app,    report->version, report->archive,
                           report->sha256, report->channel, report->pending};
    GPtrArray *const lists[] = {report->keys, report->files, report->notes, report->written};
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

void repo_report_file(RepoReport *report, const char *path, const char *sha256, gint64 size_bytes, const char *format,
                      ...)
{
    RepoReportFile *file = g_new0(RepoReportFile, 1);
    va_list args;
    va_start(args, format);
    file->what = g_strdup_vprintf(format, args);
    va_end(args);
    file->path = g_strdup(path);
    file->sha256 = g_strdup(sha256);
    file->size_bytes = size_bytes;
    g_ptr_array_add(report->files, file);
}

void repo_report_written(RepoReport *report, const GPtrArray *paths)
{
    for (guint i = 0; i < paths->len; i++)
        g_ptr_array_add(report->written, g_strdup(paths->pdata[i]));
}
