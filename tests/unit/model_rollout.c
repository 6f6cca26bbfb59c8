/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/rollout.h. */
#include "model/rollout.h"

#include "base/clock.h"
#include "model_read.h"

#include <stdlib.h>
#include <time.h>

#define DAY_S (24 * 60 * 60)

static Manifest *manifest_from(const char *stages)
{
    GError *error = NULL;
    g_autofree char *yaml = g_strconcat("version: 2.1.0\n", stages, NULL);
    Manifest *manifest = manifest_read(yaml_from(yaml), "m", &error);
    g_assert_no_error(error);
    return manifest;
}

static gint64 time_of(const char *text)
{
    gint64 time_s = 0;
    g_assert_true(clock_parse(text, &time_s));
    return time_s;
}

/* --- criteria ------------------------------------------------------------------------------------------------- */

static gboolean never(const char *text, gpointer data, gboolean *answer, GError **error)
{
    *answer = FALSE;
    return strcmp(text, "broken") != 0 || fault_set(error, FAULT_SYSTEM, "nobody answers");
}

static gboolean no_variable(const char *name, gpointer data, char **value, GError **error)
{
    return TRUE;
}

static gboolean variable(ExpressionVariable variable, gpointer data, char **value, GError **error)
{
    const RolloutFacts *facts = data;
    if (variable == VARIABLE_SERVER_ID)
        *value = g_strdup_printf("%u", rollout_place(facts->host_id, facts->app, "2.1.0"));
    else if (variable == VARIABLE_GROUP)
        *value = g_strdup(facts->group);
    return TRUE;
}

static const ExpressionHost host = {never, never, never, no_variable, variable};

static RolloutState state_of(const Manifest *manifest, RolloutFacts facts, char **text)
{
    g_auto(RolloutChoice) choice = {0};
    GError *error = NULL;
    g_assert_true(rollout_choose(manifest, &facts, &host, &facts, &choice, &error));
    g_assert_no_error(error);
    if (text)
        *text = g_steal_pointer(&choice.text);
    return choice.state;
}

/* A host that has this place. */
static char *host_at(guint place)
{
    for (guint i = 0;; i++) {
        char *id = g_strdup_printf("host-%u", i);
        if (rollout_place(id, "demo", "2.1.0") == place)
            return id;
        g_free(id);
    }
}

/* --- places --------------------------------------------------------------------------------------------------- */

static void places_stay(void)
{
    g_assert_cmpuint(rollout_place("host", "demo", "2.1.0"), ==, rollout_place("host", "demo", "v2.1.0"));
    /* Written down: a host that changed its place with a new liftlock would leave a rollout that it is in. */
    g_assert_cmpuint(rollout_place("host", "demo", "2.1.0"), ==, 87);
    g_assert_cmpuint(rollout_place("4d2c1f7e9a0b4c3d8e5f6a7b8c9d0e1f", "books", "3.0"), ==, 37);
}

static void places_are_even(void)
{
    guint counts[ROLLOUT_PLACES] = {0}, moved = 0;
    for (guint i = 0; i < 20000; i++) {
        g_autofree char *id = g_strdup_printf("%032x", i);
        guint place = rollout_place(id, "demo", "1.0");
        g_assert_cmpuint(place, <, ROLLOUT_PLACES);
        counts[place]++;
        moved += place != rollout_place(id, "demo", "1.1");
    }
    for (guint i = 0; i < ROLLOUT_PLACES; i++)
        g_assert_true(counts[i] > 120 && counts[i] < 280);
    g_assert_cmpuint(moved, >, 19500); /* the first of one release are not the first of the next */
}

/* --- stages --------------------------------------------------------------------------------------------------- */

#define STAGES                                                                                                         \
    "released: 2026-11-20\nrollout: {stages: [{name: first, percentage: 5}, {name: early, percentage: 25, "            \
    "wait_hours: 24}, {name: all, wait: 2d}]}\n"

static void opens_in_order(void)
{
    g_autoptr(Manifest) m = manifest_from(STAGES);
    g_autofree char *low = host_at(4), *middle = host_at(5), *high = host_at(99), *text = NULL;
    gint64 day = time_of("2026-11-20");
    const struct {
        const char *host;
        gint64 now_s;
        RolloutState state;
    } rows[] = {
        {low, day - 1, ROLLOUT_WAITS},
        {low, day, ROLLOUT_OPEN},
        {middle, day, ROLLOUT_WAITS},
        {middle, day + DAY_S - 1, ROLLOUT_WAITS},
        {middle, day + DAY_S, ROLLOUT_OPEN},
        {high, day + DAY_S, ROLLOUT_WAITS},
        {high, day + 3 * DAY_S - 1, ROLLOUT_WAITS},
        {high, day + 3 * DAY_S, ROLLOUT_OPEN},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(
            state_of(m, (RolloutFacts){.host_id = rows[i].host, .app = "demo", .now_s = rows[i].now_s}, NULL), ==,
            rows[i].state);
    state_of(m, (RolloutFacts){.host_id = high, .app = "demo", .now_s = day}, &text);
    g_assert_cmpstr(text, ==,
                    "2.1.0 comes to this host in stage 'all' of its rollout, which opens 2026-11-23T00:00:00Z");
}

static void groups(void)
{
    g_autoptr(Manifest) m = manifest_from(STAGES);
    g_autofree char *low = host_at(0), *high = host_at(99);
    gint64 day = time_of("2026-11-20");
    const RolloutFacts canary = {.host_id = high, .app = "demo", .group = "canary", .now_s = day};
    const RolloutFacts early = {.host_id = high, .app = "demo", .group = "early", .now_s = day + DAY_S};
    RolloutFacts stable = {.host_id = low, .app = "demo", .group = "stable", .now_s = day + 2 * DAY_S};
    g_assert_cmpint(state_of(m, canary, NULL), ==, ROLLOUT_OPEN);
    g_assert_cmpint(state_of(m, early, NULL), ==, ROLLOUT_OPEN);
    g_assert_cmpint(state_of(m, stable, NULL), ==, ROLLOUT_WAITS);
    stable.now_s = day + 3 * DAY_S;
    g_assert_cmpint(state_of(m, stable, NULL), ==, ROLLOUT_OPEN);
    const RolloutFacts other = {.host_id = low, .app = "demo", .group = "kitchen", .now_s = day};
    g_assert_cmpint(state_of(m, other, NULL), ==, ROLLOUT_OPEN);
}

static void criteria(void)
{
    g_autoptr(Manifest) m = manifest_from("rollout: {stages: [{name: a, percentage: 50, criteria: \"server_id % 2 == "
                                          "0\"}, {name: b, percentage: 0, criteria: \"command('broken')\"}]}\n");
    g_autofree char *even = host_at(8), *odd = host_at(9), *high = host_at(50), *text = NULL;
    g_assert_cmpint(state_of(m, (RolloutFacts){.host_id = even, .app = "demo"}, NULL), ==, ROLLOUT_OPEN);
    g_assert_cmpint(state_of(m, (RolloutFacts){.host_id = odd, .app = "demo"}, NULL), ==, ROLLOUT_NOBODY);
    g_assert_cmpint(state_of(m, (RolloutFacts){.host_id = high, .app = "demo", .group = "g"}, &text), ==,
                    ROLLOUT_NOBODY);
    g_assert_cmpstr(text, ==,
                    "the rollout of 2.1.0 does not take this host: it has place 50 of 0 to 99 and is of the group g");
    g_autoptr(Manifest) broken = manifest_from("rollout: {stages: [{name: a, criteria: \"command('broken')\"}]}\n");
    g_autoptr(GError) error = NULL;
    RolloutFacts facts = {.host_id = even, .app = "demo"};
    g_auto(RolloutChoice) choice = {0};
    g_assert_false(rollout_choose(broken, &facts, &host, &facts, &choice, &error));
    assert_fault(&error, FAULT_SYSTEM, "nobody answers");
}

static void without_date(void)
{
    g_autoptr(Manifest) m = manifest_from("rollout: {stages: [{name: a, percentage: 50}, {name: b, wait: 1h}]}\n");
    g_autofree char *low = host_at(1), *high = host_at(77), *text = NULL;
    g_assert_cmpint(state_of(m, (RolloutFacts){.host_id = low, .app = "demo", .now_s = 1}, NULL), ==, ROLLOUT_OPEN);
    RolloutFacts facts = {.host_id = high, .app = "demo", .now_s = time_of("2026-11-20T01:00:00Z")};
    g_assert_cmpint(state_of(m, facts, &text), ==, ROLLOUT_UNDATED);
    g_assert_cmpstr(text, ==, "2.1.0 has no date, and its rollout waits for stage 'b'");
    facts.released = "2026-11-20"; /* the index's word */
    g_assert_cmpint(state_of(m, facts, NULL), ==, ROLLOUT_OPEN);
    facts.released = "2026-11-21";
    g_assert_cmpint(state_of(m, facts, NULL), ==, ROLLOUT_WAITS);
}

static void nothing_said(void)
{
    g_autoptr(Manifest) m = manifest_from("");
    g_autofree char *text = NULL;
    g_assert_cmpint(state_of(m, (RolloutFacts){.host_id = "h", .app = "demo"}, &text), ==, ROLLOUT_OPEN);
    g_assert_cmpstr(text, ==, "2.1.0 has no rollout: it is out for every host");
}

/* Once in, a host stays in: with time, and as a percentage is raised. */
static void monotone(void)
{
    g_autoptr(Manifest) m = manifest_from(STAGES);
    for (guint i = 0; i < 500; i++) {
        g_autofree char *id = g_strdup_printf("host-%u", i);
        gboolean in = FALSE;
        for (gint64 now_s = time_of("2026-11-19"); now_s < time_of("2026-11-25"); now_s += 6 * 3600) {
            RolloutState state = state_of(m, (RolloutFacts){.host_id = id, .app = "demo", .now_s = now_s}, NULL);
            g_assert_true(!in || state == ROLLOUT_OPEN);
            in = state == ROLLOUT_OPEN;
        }
        g_assert_true(in);
        in = FALSE;
        for (int percentage = 0; percentage <= 100; percentage += 20) {
            ((RolloutStage *)m->rollout.stages->pdata[0])->percentage = percentage;
            RolloutFacts facts = {.host_id = id, .app = "demo", .now_s = time_of("2026-11-20")};
            RolloutState state = state_of(m, facts, NULL);
            g_assert_true(!in || state == ROLLOUT_OPEN);
            in = state == ROLLOUT_OPEN;
        }
        g_assert_true(in);
        ((RolloutStage *)m->rollout.stages->pdata[0])->percentage = 5;
    }
}

/* --- time zones ------------------------------------------------------------------------------------------------- */

/* A wait is so many seconds on every host, also over the nights in which clocks are set. */
static void time_zones(void)
{
    static const char *const zones[] = {"UTC",          "Europe/Berlin",      "America/New_York", "Pacific/Kiritimati",
                                        "Asia/Kolkata", "Australia/Lord_Howe"};
    static const struct {
        const char *released, *opens;
    } rows[] = {
        {"2026-03-28", "2026-03-29T00:00:00Z"},                /* a bare date is its midnight in UTC, everywhere */
        {"2026-03-28T02:30:00+01:00", "2026-03-29T01:30:00Z"}, /* an hour that Berlin does not have the next day */
        {"2026-10-24T02:30:00+02:00", "2026-10-25T00:30:00Z"}, /* one that it has twice */
        {"2026-10-25T02:30:00+02:00", "2026-10-26T00:30:00Z"}, /* the first of the two */
        {"2026-10-25T02:30:00+01:00", "2026-10-26T01:30:00Z"}, /* and the second */
        {"2026-12-31T23:30:00-14:00", "2027-01-02T13:30:00Z"},
        {"2028-02-28T12:00:00Z", "2028-02-29T12:00:00Z"},
        {"2026-06-30T23:59:60Z", "2026-07-02T00:00:00Z"},
    };
    g_autofree char *before = g_strdup(g_getenv("TZ"));
    g_autoptr(Manifest) m = manifest_from("rollout: {stages: [{name: a, wait: 24h}]}\n");
    for (gsize zone = 0; zone < G_N_ELEMENTS(zones); zone++) {
        g_setenv("TZ", zones[zone], TRUE);
        tzset();
        for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
            gint64 opens_s = 0;
            const RolloutFacts facts = {.released = rows[i].released};
            g_assert_true(rollout_opens(m, &facts, 0, &opens_s));
            g_autofree char *opens = clock_format(opens_s);
            g_assert_cmpstr(opens, ==, rows[i].opens);
        }
    }
    if (before)
        g_setenv("TZ", before, TRUE);
    else
        g_unsetenv("TZ");
    tzset();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rollout/a place is the same for ever", places_stay);
    g_test_add_func("/rollout/places are even, and new with each release", places_are_even);
    g_test_add_func("/rollout/stages open one after the other", opens_in_order);
    g_test_add_func("/rollout/a group waits for its stage", groups);
    g_test_add_func("/rollout/criteria choose among the places", criteria);
    g_test_add_func("/rollout/who waits needs a date", without_date);
    g_test_add_func("/rollout/without stages it is out for all", nothing_said);
    g_test_add_func("/rollout/who is in stays in", monotone);
    g_test_add_func("/rollout/a wait is as long in every time zone", time_zones);
    return g_test_run();
}
