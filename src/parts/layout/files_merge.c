/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging one configuration file. The texts are the user's and a stranger's, so the program that reads them runs as the
 * app's user; it gets them as descriptors and writes the outcome into another.
 */
#include "parts/layout/files.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "merge/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_LIMIT_BYTES (1024 * 1024)
#define REQUEST_LIMIT_BYTES (1024 * 1024)
#define ANSWER_LIMIT_BYTES (4 * 1024 * 1024)
#define DIFF_LIMIT_BYTES (64 * 1024)
#define MERGE_MS 60000

/* In the order of FileAction, from FILE_MERGE_TOML on; and of MergeRule. */
static const char *const languages[] = {"toml", "yaml", "json", "ini", "env", "text"};
static const char *const strategies[] = {"preserve_user", "update_only", "replace"};

/* --- the side that has rights --- */

static Node *request_of(const FilesMerge *merge, gboolean show)
{
    Node *request = node_new_map(), *sections = node_new_list();
    node_set_text(request, "path", merge->path);
    node_set_bool(request, "show", show);
    node_set_int(request, "user", merge->user);
    node_set_int(request, "base", merge->base);
    node_set_int(request, "release", merge->release);
    node_set_int(request, "out", merge->out);
    node_set(request, "sections", sections);
    if (!merge->rule)
        return request;
    node_set_text(request, "language", languages[merge->rule->action - FILE_MERGE_TOML]);
    node_set_text(request, "strategy", strategies[merge->rule->merge_strategy]);
    for (guint i = 0; merge->rule->sections && i < merge->rule->sections->len; i++) {
        const MergeSection *section = merge->rule->sections->pdata[i];
        Node *node = node_new_map();
        node_set_text(node, "name", section->name);
        node_set_text(node, "strategy", strategies[section->strategy]);
        node_append(sections, node);
    }
    return request;
}

static int request_hold(const FilesMerge *merge, gboolean show, GError **error)
{
    g_autoptr(Node) request = request_of(merge, show);
    g_autofree char *records = node_to_records(request);
    fs_fd int fd = memfd_create("merge", MFD_CLOEXEC);
    if (fd >= 0 && fs_write_all(fd, records, strlen(records)) && lseek(fd, 0, SEEK_SET) == 0)
        return fs_fd_steal(&fd);
    fault_errno(error, FAULT_SYSTEM, errno, "cannot ask for a merge of %s", merge->path);
    return -1;
}

static gboolean answer_take(const FilesMerge *merge, const GString *bytes, const ProcessOutcome *outcome,
                            LayoutReport *report, GError **error)
{
    g_autoptr(Node) answer = outcome->exited ? node_from_records(bytes->str, bytes->len, NULL) : NULL;
    const char *text = node_get_text(answer, "text", NULL);
    const Node *notes = node_get(answer, "notes");
    if (!answer || text) {
        g_autofree char *why = text ? part_printable(text) : process_describe(outcome);
        return text ? fault_set(error, FAULT_POLICY, "%s", why)
                    : fault_set(error, FAULT_POLICY, "%s cannot be merged: %s", merge->path, why);
    }
    for (guint i = 0; notes && notes->kind == NODE_LIST && i < notes->items->len; i++)
        g_ptr_array_add(report->notes, part_printable(((const Node *)notes->items->pdata[i])->text));
    const Node *diffs = node_get(answer, "diffs");
    for (guint i = 0; report->diffs && diffs && diffs->kind == NODE_LIST && i < diffs->items->len; i++)
        g_ptr_array_add(report->diffs, g_strdup(((const Node *)diffs->items->pdata[i])->text));
    return TRUE;
}

gboolean files_merge(const PartContext *context, const FilesMerge *merge, LayoutReport *report, GError **error)
{
    const Place *place = context->place;
    fs_fd int asked = request_hold(merge, report->diffs != NULL, error);
    if (asked < 0)
        return FALSE;
    g_autofree char *number = g_strdup_printf("%d", asked);
    const char *const argv[] = {"/proc/self/exe", "inner", "merge", number, NULL};
    const int all[] = {asked, merge->user, merge->release, merge->out, merge->base, context->lock_fd};
    int fds[G_N_ELEMENTS(all)];
    guint n = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i] >= 0)
            fds[n++] = all[i];
    g_autoptr(GString) output = g_string_new(NULL);
    const ProcessSpec spec = {.argv = argv,
                              .change_user = place->change_user,
                              .uid = place->uid,
                              .gid = place->gid,
                              .timeout_ms = MERGE_MS,
                              .keep_fds = fds,
                              .n_keep_fds = n,
                              .on_line = context->on_line,
                              .on_line_data = context->on_line_data,
                              .output = output,
                              .output_limit = ANSWER_LIMIT_BYTES,
                              .no_network = TRUE};
    ProcessOutcome outcome = {0};
    return process_run(&spec, &outcome, error) && answer_take(merge, output, &outcome, report, error);
}

/* --- the side that has none --- */

static char *read_all(int fd, gsize limit, gsize *size)
{
    char *bytes = g_malloc(limit + 1);
    *size = 0;
    for (ssize_t n; *size < limit && (n = pread(fd, bytes + *size, limit - *size, (off_t)*size)) > 0;)
        *size += (gsize)n;
    bytes[*size] = '\0';
    return bytes;
}

static gboolean text_read(const Node *request, const char *key, const char *whose, MergeText *text, GError **error)
{
    int fd = (int)node_get_int(request, key, -1);
    const char *path = node_get_text(request, "path", "");
    if (fd < 0)
        return TRUE;
    text->bytes = read_all(fd, TEXT_LIMIT_BYTES + 1, &text->size);
    text->name = *whose ? g_strdup_printf("%s of %s", path, whose) : g_strdup(path);
    text->fault_code = FAULT_POLICY;
    return text->size <= TEXT_LIMIT_BYTES ||
           fault_set(error, FAULT_POLICY, "%s: too large to be merged (more than 1 MiB)", text->name);
}

static void sections_read(const Node *request, MergeRequest *merge)
{
    const Node *list = node_get(request, "sections");
    MergeRule *rules = g_new0(MergeRule, list ? list->items->len + 1 : 1);
    for (guint i = 0; list && i < list->items->len; i++) {
        rules[i].path = node_get_text(list->items->pdata[i], "name", "");
        merge_strategy_of(node_get_text(list->items->pdata[i], "strategy", ""), &rules[i].strategy);
        merge->n_rules++;
    }
    merge->rules = rules;
}

static gboolean is_binary(const MergeText *text)
{
    return memchr(text->bytes, 0, text->size) || !g_utf8_validate(text->bytes, (gssize)text->size, NULL);
}

static void diff_add(Node *diffs, const MergeText *before, const MergeText *after)
{
    g_autofree char *diff = NULL;
    if (is_binary(before) || is_binary(after))
        diff = g_strdup_printf("%s and %s differ, and are no texts\n", before->name, after->name);
    else
        diff = merge_diff(before, after);
    gsize size = strlen(diff);
    if (size > DIFF_LIMIT_BYTES) {
        char *end = g_utf8_find_prev_char(diff, diff + DIFF_LIMIT_BYTES);
        while (end > diff && end[-1] != '\n')
            end--;
        *end = '\0';
    }
    g_autofree char *shown = size > DIFF_LIMIT_BYTES ? g_strconcat(diff, "(and more)\n", NULL) : g_strdup(diff);
    if (*shown)
        node_append(diffs, node_new_scalar(SCALAR_STRING, shown));
}

/* What becomes of the user's file; and where the release has another opinion, what that is. */
static void diffs_of(const MergeRequest *merge, const MergeResult *result, const char *path, Node *diffs)
{
    g_autofree char *name = g_strdup_printf("%s, merged", path);
    const MergeText merged = {.bytes = result->bytes, .size = result->size, .name = name};
    diff_add(diffs, &merge->user, &merged);
    if (result->n_conflicts)
        diff_add(diffs, &merge->user, &merge->release);
}

static Node *answer_of(const MergeResult *result, const char *path)
{
    Node *answer = node_new_map(), *notes = node_new_list();
    node_set(answer, "notes", notes);
    for (guint i = 0; i < result->notes->len; i++) {
        g_autofree char *text = merge_note_show(result->notes->pdata[i], path);
        node_append(notes, node_new_scalar(SCALAR_STRING, text));
    }
    return answer;
}

/* What is read and answered lives as long as the process. */
static Node *merge_asked(const Node *request, GError **error)
{
    MergeRequest merge = {.language = merge_language(node_get_text(request, "language", ""))};
    const char *path = node_get_text(request, "path", "");
    gboolean show = node_get_bool(request, "show", FALSE);
    Node *diffs = node_new_list();
    int out = (int)node_get_int(request, "out", -1);
    merge_strategy_of(node_get_text(request, "strategy", ""), &merge.strategy);
    sections_read(request, &merge);
    if (!text_read(request, "user", "", &merge.user, error) ||
        !text_read(request, "base", "the installed release", &merge.base, error) ||
        !text_read(request, "release", "the new release", &merge.release, error))
        return NULL;
    if (!merge.language) {
        Node *answer = node_new_map();
        diff_add(diffs, &merge.user, &merge.release);
        node_set(answer, "diffs", diffs);
        return answer;
    }
    g_autoptr(MergeResult) result = merge_texts(&merge, error);
    if (!result)
        return NULL;
    if (!fs_write_all(out, result->bytes, result->size)) {
        fault_errno(error, FAULT_SPACE, errno, "cannot write %s", path);
        return NULL;
    }
    Node *answer = answer_of(result, path);
    if (show)
        diffs_of(&merge, result, path, diffs);
    node_set(answer, "diffs", diffs);
    return answer;
}

int layout_merge_main(int argc, char **argv)
{
    gsize size;
    int fd = argc == 2 ? atoi(argv[1]) : -1;
    g_autofree char *bytes = fd < 0 ? NULL : read_all(fd, REQUEST_LIMIT_BYTES, &size);
    g_autoptr(Node) request = bytes ? node_from_records(bytes, size, NULL) : NULL;
    if (!request) {
        fputs("liftlock: usage: inner merge FD\n", stderr);
        return 2;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) answer = merge_asked(request, &error);
    if (!answer) {
        answer = node_new_map();
        node_set_text(answer, "text", error->message);
    }
    g_autofree char *records = node_to_records(answer);
    return fputs(records, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
