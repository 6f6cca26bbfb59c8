/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging for tests in other languages: answers requests on standard input, one after the other.
 *
 * Request "LANGUAGE STRATEGY USER BASE RELEASE RULES\n": sizes, BASE may be -1; then RULES lines "STRATEGY PATH", then
 * the texts' bytes in this order. Answer "ok NOTES SIZE\n", the notes a line each ("ACT LINE RELEASE-LINE PATH" and
 * after a tab the reason), then the bytes; or "error CODE SIZE\n" and the text.
 */
#include "base/fault.h"
#include "merge/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text of the request; its name in errors is its role. NULL bytes for -1. */
static MergeText take_text(long size, const char *name)
{
    MergeText text = {.name = name, .fault_code = FAULT_CONFIG};
    if (size < 0)
        return text;
    char *bytes = g_malloc((gsize)size + 1);
    text.bytes = bytes;
    text.size = fread(bytes, 1, (gsize)size, stdin);
    return text;
}

static void answer(const MergeResult *result)
{
    printf("ok %u %zu\n", result->notes->len, result->size);
    for (guint i = 0; i < result->notes->len; i++) {
        const MergeNote *note = g_ptr_array_index(result->notes, i);
        printf("%s %u %u %s\t%s\n", merge_act_name(note->act), note->line, note->release_line,
               note->path ? note->path : "", note->reason ? note->reason : "");
    }
    fwrite(result->bytes, 1, result->size, stdout);
}

static void take_rules(MergeRequest *request, MergeRule *rules, gsize n_rules)
{
    for (gsize i = 0; i < n_rules; i++) {
        char strategy[32], path[256];
        if (scanf("%31s %255[^\n]", strategy, path) != 2 || !merge_strategy_of(strategy, &rules[i].strategy))
            abort();
        rules[i].path = g_strdup(path);
        getchar();
    }
    request->rules = rules;
    request->n_rules = n_rules;
}

static void serve(MergeRequest *request, long user, long base, long release, gsize n_rules)
{
    g_autofree MergeRule *rules = g_new0(MergeRule, n_rules + 1);
    take_rules(request, rules, n_rules);
    request->user = take_text(user, "user");
    request->base = take_text(base, "base");
    request->release = take_text(release, "release");
    g_autoptr(GError) error = NULL;
    g_autoptr(MergeResult) result = request->language ? merge_texts(request, &error) : NULL;
    g_autofree char *diff = request->language ? NULL : merge_diff(&request->user, &request->release);
    if (diff)
        printf("ok 0 %zu\n%s", strlen(diff), diff);
    else if (result)
        answer(result);
    else
        printf("error %s %zu\n%s", fault_row(fault_code_of(error))->name, strlen(error->message), error->message);
    fflush(stdout);
    g_free((char *)request->user.bytes);
    g_free((char *)request->base.bytes);
    g_free((char *)request->release.bytes);
    for (gsize i = 0; i < n_rules; i++)
        g_free((char *)rules[i].path);
}

int main(void)
{
    char language[16], strategy[32];
    long user, base, release;
    gsize n_rules;
    while (scanf("%15s %31s %ld %ld %ld %zu", language, strategy, &user, &base, &release, &n_rules) == 6 &&
           getchar() == '\n') {
        MergeRequest request = {.language = merge_language(language)};
        if ((!request.language && strcmp(language, "diff") != 0) || !merge_strategy_of(strategy, &request.strategy))
            return 1;
        serve(&request, user, base, release, n_rules);
    }
    return 0;
}
