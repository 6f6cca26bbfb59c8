/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/policy.h: one table of facts, each with what policy says. */
#include "model/policy.h"

#include "model_read.h"

#define NOW 1795600000 /* 2026-11-25T09:46:40Z */
#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define RELEASES                                                                                                       \
    "releases:\n- {version: 2.1.0, url: a, sha256: " HASH ", released: '2026-11-25T06:46:40Z'}\n"                      \
    "- {version: 2.0.0, url: b, released: '2026-10-01'}\n- {version: 1.0.0, url: c, released: '2026-01-01'}\n"

typedef struct Setting {
    const char *index;     /* YAML; NULL: RELEASES */
    const char *installed; /* NULL: fresh */
    const char *to;
    const char *floor, *pin, *skipped, *rejected, *reason;
    gint64 rejected_s;
    const char *channel, *config_pin;
    const char *versions;
    gint64 min_age_ms, now_s;
    gboolean prereleases, dashboard;
} Setting;

/* Everything that policy says as one text: "2.0.0", "up to date", "up to date 2.0.0", then each objection with code,
 * override and hint. */
static char *say(const Setting *s)
{
    GError *error = NULL;
    g_autoptr(ReleaseIndex) index = release_index_read(yaml_from(s->index ? s->index : RELEASES), "index", &error);
    g_assert_no_error(error);
    AppConfig config = {.name = (char *)"demo"};
    config.source.channel = (char *)(s->channel ? s->channel : "stable");
    config.source.versions = (char *)(s->versions ? s->versions : "semver");
    config.source.prereleases = s->prereleases;
    config.policy.mode = s->dashboard ? MODE_DASHBOARD : MODE_MANUAL;
    config.policy.min_age_ms = s->min_age_ms;
    config.policy.pin = (char *)s->config_pin;
    g_autoptr(GPtrArray) skipped = g_ptr_array_new(), rejected = g_ptr_array_new();
    Rejection failure = {.release = (char *)s->rejected, .reason = (char *)s->reason, .at_s = s->rejected_s};
    if (s->skipped)
        g_ptr_array_add(skipped, (gpointer)s->skipped);
    if (s->rejected)
        g_ptr_array_add(rejected, &failure);
    const PolicyFacts facts = {.installed = s->installed,
                               .floor = s->floor,
                               .pin = s->pin,
                               .skipped = skipped,
                               .rejected = rejected,
                               .now_s = s->now_s ? s->now_s : NOW};
    PolicyChoice choice;
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    policy_choose(index, &config, &facts, s->to, &choice, objections);
    GString *text = g_string_new(choice.up_to_date ? "up to date" : "");
    if (choice.release)
        g_string_append_printf(text, "%s%s", text->len ? " " : "", choice.release->version);
    for (guint i = 0; i < objections->len; i++) {
        const Objection *o = objections->pdata[i];
        g_string_append_printf(text, "|%s: %s [%s]", fault_row((enum fault_code)o->code)->name, o->text,
                               o->override ? o->override : "");
        if (o->hint)
            g_string_append_printf(text, " (%s)", o->hint);
    }
    return g_string_free(text, FALSE);
}

#define SAYS(expected, ...)                                                                                            \
    do {                                                                                                               \
        const Setting setting = {__VA_ARGS__};                                                                         \
        g_autofree char *said = say(&setting);                                                                         \
        g_assert_cmpstr(said, ==, expected);                                                                           \
    } while (0)

#define DAY ((gint64)86400000)

static void plain(void)
{
    SAYS("2.1.0", 0);
    SAYS("2.1.0", .installed = "1.0.0");
    SAYS("up to date 2.1.0", .installed = "v2.1");
    SAYS("up to date", .installed = "3.0.0");
    SAYS("2.0.0", .installed = "1.0.0", .to = "2.0");
    SAYS("up to date 2.0.0", .installed = "2.0.0", .to = "2.0.0");
    SAYS("|source: the source lists no stable release []", .index = "releases: []");
}

static void unknown(void)
{
    SAYS("|absent: the source lists no release 9.9; it lists 2.1.0, 2.0.0, 1.0.0 []", .to = "9.9");
    SAYS("|absent: the source lists no release '../x'; it lists 2.1.0, 2.0.0, 1.0.0 []", .to = "../x");
    SAYS("|absent: the source lists no release 1; it lists none []", .index = "releases: []", .to = "1");
    SAYS("|absent: the source lists no release 9; it lists 7, 6, 5, 4, 3 and 2 more []", .to = "9",
         .index = "releases: [{version: 7, url: a}, {version: 6, url: a}, {version: 5, url: a}, {version: 4, url: a}, "
                  "{version: 3, url: a}, {version: 2, url: a}, {version: 1, url: a}]");
    SAYS("|config: the source has no channel 'beta'; it has 'stable' [] (choose another in [source] of the app's "
         "config)",
         .channel = "beta", .index = "channels: {stable: 2.1.0}\n" RELEASES);
    SAYS("|config: the source has no channel 'beta' [] (choose another in [source] of the app's config)",
         .channel = "beta");
}

#define WITHDRAWN                                                                                                      \
    "channels: {stable: 2.1.0}\nreleases: [{version: 2.1.0, url: a, withdrawn: true, withdrawn_reason: broken "        \
    "login}, "                                                                                                         \
    "{version: 2.0.0, url: b}]"

static void withdrawn(void)
{
    SAYS("2.0.0", .index = WITHDRAWN, .installed = "1.0.0");
    SAYS("up to date|policy: 2.1.0 was withdrawn: broken login [--force]", .index = WITHDRAWN, .installed = "2.0.0");
    SAYS("2.1.0|policy: 2.1.0 was withdrawn: broken login [--force]", .index = WITHDRAWN, .to = "2.1.0");
    SAYS("|policy: 2.1.0, installed here, was withdrawn [] ('liftlock rollback demo --to 2.0.0' goes back)",
         .installed = "2.1.0",
         .index = "channels: {stable: 2.0.0}\nreleases: [{version: 2.1.0, url: a, withdrawn: true}, {version: 2.0.0, "
                  "url: b}]");
}

static void rejected(void)
{
    SAYS("2.0.0", .installed = "1.0.0", .rejected = HASH, .reason = "probe: HTTP 503, not 2xx");
    SAYS("up to date|policy: 2.1.0 failed here on 2026-11-25: probe: HTTP 503, not 2xx [] ('liftlock allow demo 2.1.0' "
         "clears it)",
         .installed = "2.0.0", .rejected = HASH, .reason = "probe: HTTP 503, not 2xx", .rejected_s = NOW);
    SAYS("|policy: 2.1.0 failed here before []"
         " ('liftlock allow demo 2.1.0' clears it)",
         .index = "releases: [{version: 2.1.0, url: a}]", .rejected = "2.1.0");
    SAYS("2.1.0|policy: 2.1.0 failed here before [] ('liftlock allow demo 2.1.0' clears it)", .installed = "2.0.0",
         .rejected = "v2.1.0", .to = "2.1.0");
}

static void skipped(void)
{
    SAYS("2.0.0", .installed = "1.0.0", .skipped = "2.1.0");
    SAYS("up to date|policy: 2.1.0 is skipped on this host [--to] ('liftlock allow demo 2.1.0' lifts it)",
         .installed = "2.0.0", .skipped = "2.1.0");
    SAYS("2.1.0", .installed = "2.0.0", .skipped = "2.1.0", .to = "2.1.0");
    SAYS("2.1.0|policy: 2.1.0 is skipped on this host [] ('liftlock allow demo 2.1.0' lifts it)", .installed = "2.0.0",
         .skipped = "2.1.0", .to = "2.1.0", .dashboard = TRUE);
}

static void pinned(void)
{
    SAYS("2.0.0", .installed = "1.0.0", .pin = "<2.1");
    SAYS("up to date|policy: demo is pinned to 2.0.0 [--force] ('liftlock unpin demo' lifts the pin)",
         .installed = "2.0.0", .pin = "2.0.0");
    SAYS("2.1.0|policy: demo is pinned to <2.1 [--force] (the pin stands in [policy] of the app's config)",
         .installed = "2.0.0", .config_pin = "<2.1", .to = "2.1.0");
    SAYS("2.1.0", .installed = "2.0.0", .pin = ">=2", .config_pin = "<3");
}

static void young(void)
{
    SAYS("2.0.0", .installed = "1.0.0", .min_age_ms = 3 * DAY);
    SAYS("up to date|policy: 2.1.0 is 3 hours old; policy waits until it is 3 days old [--force]", .installed = "2.0.0",
         .min_age_ms = 3 * DAY);
    SAYS("2.1.0|policy: 2.1.0 is 3 hours old; policy waits until it is 36 hours old [--force]", .installed = "2.0.0",
         .min_age_ms = DAY + DAY / 2, .to = "2.1.0");
    SAYS("2.1.0", .installed = "2.0.0", .min_age_ms = 3 * 3600000);
    SAYS("up to date|policy: 2.1.0 is 3 hours old; policy waits until it is 1 day old []", .installed = "2.0.0",
         .min_age_ms = DAY, .dashboard = TRUE);
    SAYS("|policy: 2 has no date; policy waits until it is 1 day old [--force]", .min_age_ms = DAY,
         .index = "releases: [{version: 2, url: a}]");
    SAYS("|policy: 2 has no date; policy waits until it is 1 day old [--force]", .min_age_ms = DAY,
         .index = "releases: [{version: 2, url: a, released: yesterday}]");
    SAYS("2", .min_age_ms = DAY, .index = "releases: [{version: 2, url: a, severity: Security}]");
    SAYS("2", .min_age_ms = DAY, .index = "releases: [{version: 2, url: a, severity: critical}]");
}

/* What the publisher says of a release holds beside what the host says. */
static void publishers_age(void)
{
    static const char index[] = "releases: [{version: 2, url: a, severity: security, min_age: 1d, "
                                "released: '2026-11-25T06:46:40Z'}]";
    SAYS("|policy: 2 is 3 hours old; policy waits until it is 1 day old [--force]", .index = index);
    SAYS("|policy: 2 is 3 hours old; policy waits until it is 1 day old [--force]", .index = index,
         .min_age_ms = 3 * DAY);
    SAYS("2", .index = index, .now_s = NOW + 22 * 3600);
}

static void gates(void)
{
    static const char breakpoint[] = "releases: [{version: 3, url: a}, {version: 2, url: a, gate: {kind: breakpoint, "
                                     "message: it moves the books}}, {version: 1, url: a}]";
    static const char stop[] = "releases: [{version: 3, url: a}, {version: 2, url: a, gate: {kind: stop}}, "
                               "{version: 1.5, url: a}, {version: 1, url: a}]";
    SAYS("3", .index = breakpoint); /* who has nothing here jumps over nothing */
    SAYS("3", .index = breakpoint, .installed = "2");
    SAYS("2", .index = breakpoint, .installed = "1");
    SAYS("3|policy: 3 comes only after 2: it moves the books [--force] ('liftlock update demo --to 2')",
         .index = breakpoint, .installed = "1", .to = "3");
    SAYS("2", .index = breakpoint, .installed = "1", .to = "2");
    SAYS("3", .index = stop, .installed = "2");
    SAYS("1.5", .index = stop, .installed = "1");
    SAYS("up to date|policy: 3 comes only after 2 [--force] ('liftlock update demo --to 2')", .index = stop,
         .installed = "1.5");
    SAYS("2", .index = stop, .installed = "1.5", .to = "2");
    SAYS("2|policy: 2 waits for a person to take it [] ('liftlock update demo --to 2')", .index = stop,
         .installed = "1.5", .to = "2", .dashboard = TRUE);
}

/* A host that lost its clock must not take everything for old, nor wrap around. */
static void clocks(void)
{
    SAYS("|policy: 2 is dated 20727 days in the future; policy waits until it is 1 day old [--force] (check this "
         "host's clock)",
         .min_age_ms = DAY, .now_s = 60, .index = "releases: [{version: 2, url: a, released: '2026-10-02'}]");
    SAYS("2", .min_age_ms = DAY, .now_s = G_MAXINT32 * (gint64)4,
         .index = "releases: [{version: 2, url: a, released: '2026-10-02'}]");
}

static void older(void)
{
    SAYS("1.0.0|policy: 1.0.0 is older than the installed 2.0.0 [] (use 'liftlock rollback demo --to 1.0.0')",
         .installed = "2.0.0", .to = "1.0.0");
    SAYS("|policy: 2.1.0 is older than 3.0.0, which ran here before [--force]", .floor = "3.0.0");
    SAYS("2.1.0", .installed = "2.0.0", .floor = "3.0.0");
}

#define PRE                                                                                                            \
    "channels: {stable: 2.0.0-rc.1, beta: 2.0.0-rc.1}\nreleases: [{version: 2.0.0-rc.1, url: a}, {version: 1.0, url: " \
    "b}]"

static void prereleases(void)
{
    SAYS("1.0", .index = PRE);
    SAYS("up to date|policy: 2.0.0-rc.1 is a pre-release, and channel 'stable' is without them [--to] ('prereleases = "
         "true' in [source] takes pre-releases)",
         .index = PRE, .installed = "1.0");
    SAYS("2.0.0-rc.1", .index = PRE, .installed = "1.0", .prereleases = TRUE);
    SAYS("2.0.0-rc.1", .index = PRE, .installed = "1.0", .channel = "beta");
    SAYS("2.0.0-rc.1", .index = PRE, .installed = "1.0", .to = "2.0.0-rc.1");
}

#define LISTED "releases: [{version: zebra, url: a}, {version: ant, url: b}, {version: 9.0-1, url: c}]"

static void listed(void)
{
    SAYS("zebra", .index = LISTED, .installed = "ant", .versions = "listed");
    SAYS("up to date zebra", .index = LISTED, .installed = "zebra", .versions = "listed");
    SAYS("ant", .index = LISTED, .installed = "9.0-1", .skipped = "zebra", .versions = "listed");
    SAYS("ant|policy: ant is older than the installed zebra [] (use 'liftlock rollback demo --to ant')",
         .index = LISTED, .installed = "zebra", .versions = "listed", .to = "ant");
    SAYS("zebra", .index = LISTED, .installed = "gone", .versions = "listed");
}

static void all_at_once(void)
{
    SAYS("2|policy: 2 was withdrawn [--force]|policy: 2 failed here before [] ('liftlock allow demo 2' clears it)|"
         "policy: demo is pinned to 1 [--force] ('liftlock unpin demo' lifts the pin)|"
         "policy: 2 has no date; policy waits until it is 1 day old [--force]|"
         "policy: 2 is older than the installed 3 [] (use 'liftlock rollback demo --to 2')",
         .index = "releases: [{version: 2, url: a, withdrawn: true}]", .rejected = "2", .pin = "1", .min_age_ms = DAY,
         .installed = "3", .to = "2");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/the channel's release is taken", plain);
    g_test_add_func("/policy/an unknown release or channel is named with those there are", unknown);
    g_test_add_func("/policy/a withdrawn release is not taken", withdrawn);
    g_test_add_func("/policy/a release that failed here is not taken again", rejected);
    g_test_add_func("/policy/a skipped release is taken only by name", skipped);
    g_test_add_func("/policy/a pin holds", pinned);
    g_test_add_func("/policy/a young release waits, unless it is urgent", young);
    g_test_add_func("/policy/a publisher's age holds for all", publishers_age);
    g_test_add_func("/policy/nobody jumps over a gate", gates);
    g_test_add_func("/policy/a wrong clock is handled sanely", clocks);
    g_test_add_func("/policy/a downgrade is a rollback", older);
    g_test_add_func("/policy/pre-releases come only where they are wanted", prereleases);
    g_test_add_func("/policy/listed versions go by the index's order", listed);
    g_test_add_func("/policy/everything against a named release is said", all_at_once);
    return g_test_run();
}
