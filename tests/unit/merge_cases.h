/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of merging share: three texts in, exact bytes and exact notes out. */
#pragma once

#include "base/fault.h"
#include "merge/merge.h"

#include <string.h>

typedef struct MergeCase {
    const char *base, *user, *release; /* base NULL: not known */
    const char *output;
    const char *notes; /* a line each, as merge_note_show gives them for the file "f" */
    MergeStrategy strategy;
} MergeCase;

static inline MergeText merge_case_text(const char *bytes, const char *name, int fault_code)
{
    return (MergeText){.bytes = bytes, .size = bytes ? strlen(bytes) : 0, .name = name, .fault_code = fault_code};
}

static inline MergeRequest merge_case_request(const char *language, const MergeCase *row)
{
    return (MergeRequest){.language = merge_language(language),
                          .user = merge_case_text(row->user, "f", FAULT_CONFIG),
                          .base = merge_case_text(row->base, "old/f", FAULT_STATE),
                          .release = merge_case_text(row->release, "new/f", FAULT_MANIFEST),
                          .strategy = row->strategy};
}

static inline void merge_case_check(const MergeRequest *request, const char *output, const char *notes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MergeResult) result = merge_texts(request, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(result->bytes, ==, output);
    g_assert_cmpuint(result->size, ==, strlen(output));
    g_assert_cmpint(result->changed, ==, strcmp(output, request->user.bytes) != 0);
    g_autoptr(GString) shown = g_string_new(NULL);
    guint n_conflicts = 0;
    for (guint i = 0; i < result->notes->len; i++) {
        const MergeNote *note = g_ptr_array_index(result->notes, i);
        g_autofree char *line = merge_note_show(note, "f");
        g_string_append_printf(shown, "%s\n", line);
        n_conflicts += note->act == MERGE_CONFLICT;
    }
    g_assert_cmpstr(shown->str, ==, notes);
    g_assert_cmpuint(result->n_conflicts, ==, n_conflicts);
}

static inline void merge_cases_check(const char *language, const MergeCase *rows, gsize n_rows)
{
    for (gsize i = 0; i < n_rows; i++) {
        MergeRequest request = merge_case_request(language, &rows[i]);
        merge_case_check(&request, rows[i].output, rows[i].notes);
    }
}

/* A text that cannot be read, in each of the three roles: the fault is that of the role. */
static inline void merge_case_refused(const char *language, const char *good, const char *bad, const char *what)
{
    static const struct {
        const char *name;
        int code;
    } roles[] = {{"f", FAULT_CONFIG}, {"old/f", FAULT_STATE}, {"new/f", FAULT_MANIFEST}};
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        MergeCase row = {.user = i == 0 ? bad : good, .base = i == 1 ? bad : good, .release = i == 2 ? bad : good};
        MergeRequest request = merge_case_request(language, &row);
        g_autoptr(GError) error = NULL;
        g_assert_null(merge_texts(&request, &error));
        g_assert_error(error, FAULT, roles[i].code);
        g_autofree char *text = fault_text(error);
        g_autofree char *expected = g_strconcat(roles[i].name, ":", what, NULL);
        g_assert_cmpstr(text, ==, expected);
    }
}
