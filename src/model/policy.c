/* SPDX-License-Identifier: Apache-2.0 */
/* Which release may follow which: each rule is a function that says what it has against a release, or nothing. */
#include "model/policy.h"

#include "base/clock.h"
#include "base/fault.h"
#include "model/auto.h"
#include "model/version.h"

#include <string.h>

typedef struct Case {
    const ReleaseIndex *index;
    const AppConfig *config;
    const PolicyFacts *facts;
    const Release *release; /* the one looked at */
    gboolean named;         /* the operator named it, and may */
    gboolean of_channel;    /* the channel names it */
    GPtrArray *objections;
} Case;

void objection_free(Objection *objection)
{
    if (!objection)
        return;
    g_free(objection->text);
    g_free(objection->hint);
    g_free(objection);
}

void rejection_free(Rejection *rejection)
{
    g_free(rejection->release);
    g_free(rejection->reason);
    g_free(rejection);
}

void objection_add(GPtrArray *objections, int code, const char *override, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    Objection *objection = g_new0(Objection, 1);
    objection->code = code;
    objection->text = g_strdup_vprintf(format, args);
    objection->hint = g_strdup(hint);
    objection->override = override;
    g_ptr_array_add(objections, objection);
    va_end(args);
}

/* In mode dashboard policy decides, and nobody overrides it. */
static const char *by(const Case *c, const char *override)
{
    return c->config->policy.mode == MODE_MANUAL ? override : NULL;
}

/* --- order --------------------------------------------------------------------------------------------------- */

static gboolean is_listed_order(const AppConfig *config)
{
    return g_strcmp0(config->source.versions, "listed") == 0;
}

/* Place in the index, newest first; past the end for versions that it no longer lists: older than all that it does. */
static guint place_in_index(const ReleaseIndex *index, const char *version)
{
    const Release *release = release_index_find(index, version);
    guint place = index->releases->len;
    if (release)
        g_ptr_array_find(index->releases, release, &place);
    return place;
}

static int compare(const Case *c, const char *a, const char *b)
{
    if (!is_listed_order(c->config))
        return version_compare(a, b);
    guint place_a = place_in_index(c->index, a), place_b = place_in_index(c->index, b);
    return (place_a < place_b) - (place_a > place_b);
}

static gboolean is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || strcmp(a + (*a == 'v'), b + (*b == 'v')) == 0 ||
           (version_is_ordered(a) && version_compare(a, b) == 0 && !strchr(a, '+') && !strchr(b, '+'));
}

/* --- rules --------------------------------------------------------------------------------------------------- */

static void rule_withdrawn(const Case *c)
{
    const Release *release = c->release;
    if (!release->withdrawn)
        return;
    gboolean reason = release->withdrawn_reason && *release->withdrawn_reason;
    objection_add(c->objections, FAULT_POLICY, by(c, "--force"), NULL, "%s was withdrawn%s%s", release->version,
                  reason ? ": " : "", reason ? release->withdrawn_reason : "");
}

static void rule_rejected(const Case *c)
{
    const GPtrArray *rejected = c->facts->rejected;
    for (guint i = 0; rejected && i < rejected->len; i++) {
        const Rejection *failure = rejected->pdata[i];
        if (g_strcmp0(failure->release, c->release->sha256) != 0 && !is_same(failure->release, c->release->version))
            continue;
        g_autofree char *at = failure->at_s > 0 ? clock_format(failure->at_s) : NULL;
        g_autofree char *when = at ? g_strdup_printf("on %.10s", at) : g_strdup("before");
        g_autofree char *hint =
            g_strdup_printf("'liftlock allow %s %s' clears it", c->config->name, c->release->version);
        gboolean reason = failure->reason && *failure->reason;
        objection_add(c->objections, FAULT_POLICY, NULL, hint, "%s failed here %s%s%s", c->release->version, when,
                      reason ? ": " : "", reason ? failure->reason : "");
        return;
    }
}

static void rule_skipped(const Case *c)
{
    const GPtrArray *skipped = c->facts->skipped;
    for (guint i = 0; !c->named && skipped && i < skipped->len; i++) {
        if (!is_same(skipped->pdata[i], c->release->version))
            continue;
        g_autofree char *hint =
            g_strdup_printf("'liftlock allow %s %s' lifts it", c->config->name, c->release->version);
        objection_add(c->objections, FAULT_POLICY, by(c, "--to"), hint, "%s is skipped on this host",
                      c->release->version);
        return;
    }
}

static void rule_pinned(const Case *c)
{
    const char *pins[] = {c->facts->pin, c->config->policy.pin};
    g_autofree char *unpin = g_strdup_printf("'liftlock unpin %s' lifts the pin", c->config->name);
    const char *hints[] = {unpin, "the pin stands in [policy] of the app's config"};
    for (gsize i = 0; i < G_N_ELEMENTS(pins); i++)
        if (pins[i] && !version_matches(c->release->version, pins[i])) {
            objection_add(c->objections, FAULT_POLICY, by(c, "--force"), hints[i], "%s is pinned to %s",
                          c->config->name, pins[i]);
            return;
        }
}

static void rule_prerelease(const Case *c)
{
    if (c->named || c->config->source.prereleases || is_listed_order(c->config) ||
        !version_is_prerelease(c->release->version))
        return;
    /* A channel of another name that names a pre-release has said that it has them. */
    if (c->of_channel && strcmp(c->config->source.channel, "stable") != 0)
        return;
    objection_add(c->objections, FAULT_POLICY, by(c, "--to"), "'prereleases = true' in [source] takes pre-releases",
                  "%s is a pre-release, and channel '%s' is without them", c->release->version,
                  c->config->source.channel);
}

/* A date ahead of the host's clock proves no age, whichever of the two is wrong. */
static void rule_young(const Case *c)
{
    gint64 ours_ms = auto_min_age_ms(c->config, c->release->severity), released_s = 0;
    gint64 needed_s = (MAX(ours_ms, c->release->min_age_ms) + 999) / 1000;
    if (needed_s <= 0)
        return;
    const char *version = c->release->version;
    g_autofree char *needed = clock_span(needed_s, TRUE);
    if (!c->release->released || !clock_parse(c->release->released, &released_s)) {
        objection_add(c->objections, FAULT_POLICY, by(c, "--force"), NULL,
                      "%s has no date; policy waits until it is %s old", version, needed);
        return;
    }
    gint64 age_s = c->facts->now_s - released_s;
    if (age_s >= needed_s)
        return;
    g_autofree char *age = clock_span(ABS(age_s), FALSE);
    if (age_s < 0)
        objection_add(c->objections, FAULT_POLICY, by(c, "--force"), "check this host's clock",
                      "%s is dated %s in the future; policy waits until it is %s old", version, age, needed);
    else
        objection_add(c->objections, FAULT_POLICY, by(c, "--force"), NULL,
                      "%s is %s old; policy waits until it is %s old", version, age, needed);
}

static void rule_older(const Case *c)
{
    const char *installed = c->facts->installed, *floor = c->facts->floor, *version = c->release->version;
    g_autofree char *hint = g_strdup_printf("use 'liftlock rollback %s --to %s'", c->config->name, version);
    if (installed && compare(c, version, installed) < 0)
        objection_add(c->objections, FAULT_POLICY, NULL, hint, "%s is older than the installed %s", version, installed);
    else if (!installed && floor && compare(c, version, floor) < 0)
        objection_add(c->objections, FAULT_POLICY, by(c, "--force"), NULL, "%s is older than %s, which ran here before",
                      version, floor);
}

/* The lowest gate between what runs here and what is wanted; NULL: there is none. */
static const Release *first_gate(const Case *c)
{
    const Release *first = NULL;
    for (guint i = 0; c->facts->installed && i < c->index->releases->len; i++) {
        const Release *release = c->index->releases->pdata[i];
        if (release->gate.kind && !release->withdrawn && compare(c, release->version, c->facts->installed) > 0 &&
            compare(c, release->version, c->release->version) <= 0 &&
            (!first || compare(c, release->version, first->version) < 0))
            first = release;
    }
    return first;
}

static void rule_gate(const Case *c)
{
    const Release *gate = first_gate(c);
    if (!gate)
        return;
    const char *version = gate->version, *message = gate->gate.message;
    g_autofree char *hint = g_strdup_printf("'liftlock update %s --to %s'", c->config->name, version);
    gboolean itself = compare(c, version, c->release->version) == 0, stop = strcmp(gate->gate.kind, "stop") == 0;
    if (itself && (!stop || c->named))
        return;
    if (itself)
        objection_add(c->objections, FAULT_POLICY, by(c, "--to"), hint, "%s waits for a person to take it%s%s", version,
                      message ? ": " : "", message ? message : "");
    else
        objection_add(c->objections, FAULT_POLICY, by(c, "--force"), hint, "%s comes only after %s%s%s",
                      c->release->version, version, message ? ": " : "", message ? message : "");
}

static void (*const rules[])(const Case *c) = {
    rule_withdrawn, rule_rejected, rule_skipped, rule_pinned, rule_prerelease, rule_young, rule_gate, rule_older,
};

static void apply_rules(const Case *c)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++)
        rules[i](c);
}

/* --- the choice ---------------------------------------------------------------------------------------------- */

#define NAMES_MAX 5

static GPtrArray *new_objections(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
}

static void object_unknown(const Case *c, const char *to)
{
    const GPtrArray *releases = c->index->releases;
    GString *names = g_string_new(releases->len ? "it lists " : "it lists none");
    for (guint i = 0; i < releases->len && i < NAMES_MAX; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", ((const Release *)releases->pdata[i])->version);
    if (releases->len > NAMES_MAX)
        g_string_append_printf(names, " and %u more", releases->len - NAMES_MAX);
    g_autofree char *quoted = version_is_valid(to) ? g_strdup(to) : schema_quote(to);
    objection_add(c->objections, FAULT_ABSENT, NULL, NULL, "the source lists no release %s; %s", quoted, names->str);
    g_string_free(names, TRUE);
}

static void object_no_channel(const Case *c)
{
    g_autofree char *channel = schema_quote(c->config->source.channel);
    if (strcmp(c->config->source.channel, "stable") == 0) {
        objection_add(c->objections, FAULT_SOURCE, NULL, NULL,
                      c->index->only_named ? "the publisher has named no release as stable yet"
                                           : "the source lists no stable release");
        return;
    }
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < c->index->channels->len && i < NAMES_MAX; i++) {
        g_autofree char *name = schema_quote(((const KeyPair *)c->index->channels->pdata[i])->name);
        g_string_append_printf(names, "%s%s", i ? ", " : "; it has ", name);
    }
    objection_add(c->objections, FAULT_CONFIG, NULL, "choose another in [source] of the app's config",
                  "the source has no channel %s%s", channel, names->str);
    g_string_free(names, TRUE);
}

static void choose_named(Case *c, const char *to, PolicyChoice *choice)
{
    const Release *release = release_index_find(c->index, to);
    choice->release = release;
    choice->up_to_date = c->facts->installed && is_same(release ? release->version : to, c->facts->installed);
    if (choice->up_to_date)
        return;
    if (!release) {
        object_unknown(c, to);
        return;
    }
    const char *channel = release_index_channel(c->index, c->config->source.channel);
    c->release = release;
    c->named = c->config->policy.mode == MODE_MANUAL;
    c->of_channel = channel && is_same(channel, release->version);
    apply_rules(c);
}

/* Whether nothing speaks against a release. */
static gboolean is_free(const Case *c, const Release *release, gboolean of_channel)
{
    g_autoptr(GPtrArray) objections = new_objections();
    Case alone = *c;
    alone.release = release;
    alone.of_channel = of_channel;
    alone.objections = objections;
    apply_rules(&alone);
    return objections->len == 0;
}

/* The newest free release below the channel's and above the installed one; NULL if there is none. */
static const Release *next_best(const Case *c, const Release *first)
{
    const Release *best = NULL;
    for (guint i = 0; i < c->index->releases->len; i++) {
        const Release *release = c->index->releases->pdata[i];
        if (compare(c, release->version, first->version) >= 0 ||
            (c->facts->installed && compare(c, release->version, c->facts->installed) <= 0) ||
            (best && compare(c, release->version, best->version) <= 0))
            continue;
        /* Versions without an order are not "below" anything that has one. */
        if (!is_listed_order(c->config) && !version_is_ordered(release->version))
            continue;
        if (is_free(c, release, FALSE))
            best = release;
    }
    return best;
}

/* The channel is behind what runs here: good, unless that was taken back. */
static void choose_stay(const Case *c, const Release *first, PolicyChoice *choice)
{
    const char *installed = c->facts->installed;
    const Release *release = release_index_find(c->index, installed);
    choice->up_to_date = !release || !release->withdrawn;
    if (choice->up_to_date) {
        choice->release = release;
        return;
    }
    g_autofree char *hint =
        g_strdup_printf("'liftlock rollback %s --to %s' goes back", c->config->name, first->version);
    gboolean reason = release->withdrawn_reason && *release->withdrawn_reason;
    objection_add(c->objections, FAULT_POLICY, NULL, hint, "%s, installed here, was withdrawn%s%s", installed,
                  reason ? ": " : "", reason ? release->withdrawn_reason : "");
}

static void choose_from_channel(Case *c, PolicyChoice *choice)
{
    const char *version = release_index_channel(c->index, c->config->source.channel);
    const Release *first = version ? release_index_find(c->index, version) : NULL;
    const char *installed = c->facts->installed;
    if (!first) {
        object_no_channel(c);
        return;
    }
    if (installed && is_same(first->version, installed)) {
        choice->release = first;
        choice->up_to_date = TRUE;
        return;
    }
    if (installed && compare(c, first->version, installed) < 0) {
        choose_stay(c, first, choice);
        return;
    }
    if (is_free(c, first, TRUE)) {
        choice->release = first;
        return;
    }
    choice->release = next_best(c, first);
    if (choice->release)
        return;
    c->release = first;
    c->of_channel = TRUE;
    apply_rules(c);
    choice->up_to_date = installed != NULL; /* whoever asks every night has nothing to do, and is not to be alarmed */
}

void policy_choose(const ReleaseIndex *index, const AppConfig *config, const PolicyFacts *facts, const char *to,
                   PolicyChoice *choice, GPtrArray *objections)
{
    Case c = {.index = index, .config = config, .facts = facts, .objections = objections};
    *choice = (PolicyChoice){0};
    if (to)
        choose_named(&c, to, choice);
    else
        choose_from_channel(&c, choice);
}
