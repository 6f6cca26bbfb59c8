/* SPDX-License-Identifier: Apache-2.0 */
/* Matching by a suffix array. The idea of stretching matches over sparse differences is Colin Percival's (bsdiff). */
#include "delta/differ.h"

#include <divsufsort.h>
#include <string.h>

enum {
    PAIRS = 65536,
    CONTINUES = 24,          /* so many bytes that go on as before need no search */
    WORTH_BYTES = 8,         /* by which a new place must be better than going on */
    REACH = 4 * 1024 * 1024, /* longer matches need not be known in full: they go on */
};

struct Differ {
    const guint8 *old;
    gsize old_size;
    gint32 *sorted;
    guint32 *starts; /* of the suffixes that begin with each pair of bytes; PAIRS + 1 */
};

/* Suffixes of one byte sort before all others of that byte: the starts count them with the first pair. */
static guint32 *pair_starts(const guint8 *old, gsize size)
{
    guint32 *starts = g_new0(guint32, PAIRS + 1);
    for (gsize i = 0; i < size; i++) {
        guint pair = (guint)old[i] << 8 | (i + 1 < size ? old[i + 1] : 0u);
        starts[pair + 1]++;
    }
    for (guint i = 0; i < PAIRS; i++)
        starts[i + 1] += starts[i];
    return starts;
}

Differ *differ_new(const guint8 *old, gsize old_size)
{
    if (old_size > DIFFER_MAX_BYTES)
        return NULL;
    gint32 *sorted = g_try_malloc_n(MAX(old_size, 1), sizeof *sorted);
    if (!sorted || (old_size > 0 && divsufsort(old, sorted, (gint32)old_size) != 0)) {
        g_free(sorted);
        return NULL;
    }
    Differ *differ = g_new0(Differ, 1);
    *differ = (Differ){.old = old, .old_size = old_size, .sorted = sorted, .starts = pair_starts(old, old_size)};
    return differ;
}

void differ_free(Differ *differ)
{
    g_free(differ->sorted);
    g_free(differ->starts);
    g_free(differ);
}

static gsize same_bytes(const guint8 *a, const guint8 *b, gsize limit)
{
    gsize n = 0;
    for (; n + 8 <= limit; n += 8) {
        guint64 x, y;
        memcpy(&x, a + n, 8);
        memcpy(&y, b + n, 8);
        if (x != y)
            return n + (gsize)__builtin_ctzll(GUINT64_FROM_LE(x ^ y)) / 8;
    }
    while (n < limit && a[n] == b[n])
        n++;
    return n;
}

/* The longest match of what begins at `at`; where several are as long, the one that the search meets. */
static gsize longest(const Differ *differ, const guint8 *at, gsize size, gsize *place)
{
    if (size < 2)
        return 0;
    guint pair = (guint)at[0] << 8 | at[1];
    gsize low = differ->starts[pair], high = differ->starts[pair + 1], low_same = 0, high_same = 0, best = 0;
    size = MIN(size, (gsize)REACH);
    while (low < high) {
        gsize middle = low + (high - low) / 2, start = (gsize)differ->sorted[middle];
        gsize limit = MIN(size, differ->old_size - start), same = MIN(low_same, high_same);
        same = MIN(same, limit);
        same += same_bytes(at + same, differ->old + start + same, limit - same);
        if (same > best) {
            best = same;
            *place = start;
        }
        if (same == size)
            break;
        gboolean below = same == limit || differ->old[start + same] < at[same];
        if (below) {
            low = middle + 1;
            low_same = same;
        } else {
            high = middle;
            high_same = same;
        }
    }
    return best;
}

typedef struct Run {
    const Differ *differ;
    const guint8 *fresh;
    gsize size;
    gsize done, done_old; /* up to where ops were made, and where the last one's place would go on */
    GArray *ops;
} Run;

/* Whether the byte at `i` goes on where the current place does. */
static gboolean goes_on(const Run *run, gsize i)
{
    gsize old = run->done_old + (i - run->done);
    return old < run->differ->old_size && run->differ->old[old] == run->fresh[i];
}

static gsize going_on(const Run *run, gsize i)
{
    gsize old = run->done_old + (i - run->done);
    if (old >= run->differ->old_size)
        return 0;
    return same_bytes(run->fresh + i, run->differ->old + old, MIN(run->size - i, run->differ->old_size - old));
}

typedef struct Match {
    gsize at, old, size;
} Match;

/* The next place that is better than going on, or the end. */
static Match find_next(const Run *run, gsize from)
{
    gsize counted = from, agree = 0; /* bytes in [i, counted) that go on */
    for (gsize i = from; i < run->size; i++) {
        gsize on = going_on(run, i), old = 0;
        if (on >= CONTINUES) {
            i += on - 1;
            counted = i + 1;
            agree = 0;
            continue;
        }
        gsize size = longest(run->differ, run->fresh + i, run->size - i, &old);
        for (; counted < i + size; counted++)
            agree += goes_on(run, counted);
        if (size > agree + WORTH_BYTES)
            return (Match){.at = i, .old = old, .size = size};
        if (size == agree && size > 0) {
            i += size - 1;
            counted = i + 1;
            agree = 0;
        } else if (counted > i) {
            agree -= goes_on(run, i);
        } else {
            counted = i + 1;
        }
    }
    return (Match){.at = run->size};
}

/* How far the current place is worth following towards `end`. */
static gsize stretch_forward(const Run *run, gsize end)
{
    gsize limit = MIN(end - run->done, run->differ->old_size - MIN(run->done_old, run->differ->old_size)), best = 0;
    gint64 score = 0, best_score = 0;
    for (gsize n = 0; n < limit; n++) {
        score += goes_on(run, run->done + n) ? 1 : -1;
        if (score > best_score) {
            best_score = score;
            best = n + 1;
        }
    }
    return best;
}

static gsize stretch_backward(const Run *run, const Match *match)
{
    gsize limit = MIN(match->at - run->done, match->old), best = 0;
    gint64 score = 0, best_score = 0;
    for (gsize n = 1; n <= limit && score > best_score - 512; n++) {
        score += run->fresh[match->at - n] == run->differ->old[match->old - n] ? 1 : -1;
        if (score > best_score) {
            best_score = score;
            best = n;
        }
    }
    return best;
}

/* Both stretches claim [end - shared, end): the border that leaves the fewest bytes different. */
static gsize divide(const Run *run, const Match *match, gsize begin, gsize shared)
{
    gsize best = 0;
    gint64 score = 0, best_score = 0;
    for (gsize n = 0; n < shared; n++) {
        gsize at = begin + n;
        score += goes_on(run, at) ? 1 : 0;
        score -= run->differ->old[match->old - (match->at - at)] == run->fresh[at] ? 1 : 0;
        if (score > best_score) {
            best_score = score;
            best = n + 1;
        }
    }
    return best;
}

static void emit(Run *run, const Match *match)
{
    gsize forward = stretch_forward(run, match->at), backward = 0;
    if (match->at < run->size)
        backward = stretch_backward(run, match);
    if (run->done + forward > match->at - backward) {
        gsize shared = run->done + forward - (match->at - backward);
        gsize kept = divide(run, match, match->at - backward, shared);
        forward -= shared - kept;
        backward -= kept;
    }
    DifferOp op = {
        .old_at = (guint32)run->done_old,
        .copied = (guint32)forward,
        .fresh = (guint32)(match->at - backward - run->done - forward),
    };
    if (op.copied > 0 || op.fresh > 0)
        g_array_append_val(run->ops, op);
    run->done = match->at - backward;
    run->done_old = match->at < run->size ? match->old - backward : run->done_old;
}

GArray *differ_run(const Differ *differ, const guint8 *fresh, gsize fresh_size)
{
    Run run = {.differ = differ,
               .fresh = fresh,
               .size = MIN(fresh_size, (gsize)DIFFER_MAX_BYTES),
               .ops = g_array_new(FALSE, FALSE, sizeof(DifferOp))};
    for (gsize from = 0; run.done < run.size;) {
        Match match = find_next(&run, from);
        from = match.at + match.size;
        emit(&run, &match);
    }
    return run.ops;
}
