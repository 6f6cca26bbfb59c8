/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every merge: three texts, cut from the input at its first two NULs (base, user, release). */
#pragma once

#include "base/fault.h"
#include "merge/merge.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct FuzzTexts {
    MergeText base, user, release;
} FuzzTexts;

static inline MergeText fuzz_cut(const char **at, const char *end, const char *name)
{
    const char *zero = memchr(*at, 0, (gsize)(end - *at));
    const char *stop = zero ? zero : end;
    MergeText text = {.bytes = *at, .size = (gsize)(stop - *at), .name = name, .fault_code = FAULT_CONFIG};
    *at = zero ? zero + 1 : end;
    return text;
}

static inline MergeResult *fuzz_merge_once(const char *language, MergeText base, MergeText user, MergeText release,
                                           MergeStrategy strategy)
{
    MergeRule rule = {"a", MERGE_REPLACE};
    MergeRequest request = {.language = merge_language(language),
                            .base = base,
                            .user = user,
                            .release = release,
                            .strategy = strategy,
                            .rules = &rule,
                            .n_rules = strategy == MERGE_UPDATE_ONLY};
    g_autoptr(GError) error = NULL;
    MergeResult *result = merge_texts(&request, &error);
    if (!result) {
        g_assert_nonnull(error);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_true(error->domain == FAULT);
    }
    return result;
}

/* The output is one of these bytes, to the last. */
static inline void fuzz_same(const MergeResult *result, const MergeText *text)
{
    if (result)
        g_assert_cmpmem(result->bytes, result->size, text->bytes, text->size);
}

static inline void fuzz_merge(const char *language, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    MergeText base = fuzz_cut(&at, end, "base"), user = fuzz_cut(&at, end, "user");
    MergeText release = fuzz_cut(&at, end, "release"), none = {.name = "none"};
    for (gint i = 0; i < 3; i++) {
        g_autoptr(MergeResult) result = fuzz_merge_once(language, base, user, release, (MergeStrategy)i);
        MergeText out = {.bytes = result ? result->bytes : "", .size = result ? result->size : 0, .name = "out"};
        g_autoptr(MergeResult) again = result && i == MERGE_PRESERVE_USER
                                           ? fuzz_merge_once(language, base, out, release, MERGE_PRESERVE_USER)
                                           : NULL;
        g_assert_true(again || !result || i != MERGE_PRESERVE_USER);
    }
    g_autoptr(MergeResult) unknown = fuzz_merge_once(language, none, user, release, MERGE_PRESERVE_USER);
    g_autoptr(MergeResult) back = fuzz_merge_once(language, base, user, base, MERGE_PRESERVE_USER);
    g_autoptr(MergeResult) forth = fuzz_merge_once(language, base, base, release, MERGE_PRESERVE_USER);
    fuzz_same(back, &user);
    fuzz_same(forth, &release);
}
