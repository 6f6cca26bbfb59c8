/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts: a place drawn from host and release, stages that open one after the other. */
#include "model/rollout.h"

#include "base/clock.h"
#include "base/digest.h"

#include <string.h>

guint rollout_place(const char *host_id, const char *app, const char *version)
{
    g_autofree char *seed = g_strdup_printf("liftlock rollout\n%s\n%s\n%s", host_id, app, version + (*version == 'v'));
    g_autofree char *digest = digest_bytes(seed, strlen(seed));
    g_autofree char *head = g_strndup(digest, 15);
    return (guint)(g_ascii_strtoull(head, NULL, 16) % ROLLOUT_PLACES);
}

void rollout_choice_clear(RolloutChoice *choice)
{
    g_clear_pointer(&choice->text, g_free);
}

static const RolloutStage *stage_at(const Manifest *manifest, guint index)
{
    return manifest->rollout.stages->pdata[index];
}

gboolean rollout_opens(const Manifest *manifest, const RolloutFacts *facts, guint index, gint64 *opens_s)
{
    const char *released = facts->released ? facts->released : manifest->released;
    gint64 wait_ms = 0;
    for (guint i = 0; i <= index; i++)
        wait_ms += stage_at(manifest, i)->wait_ms;
    *opens_s = 0;
    if (!released || !clock_parse(released, opens_s))
        return wait_ms == 0;
    *opens_s += (wait_ms + 999) / 1000;
    return TRUE;
}

/* --- which stage ---------------------------------------------------------------------------------------------- */

/* What the group of this host says: no stage before `first`, and that one whatever the place if `pinned`. */
typedef struct Pin {
    guint first;
    gboolean pinned;
} Pin;

static Pin pin_of(const Manifest *manifest, const char *group)
{
    guint stages = manifest->rollout.stages->len;
    for (guint i = 0; group && i < stages; i++)
        if (strcmp(stage_at(manifest, i)->name, group) == 0)
            return (Pin){i, TRUE};
    if (g_strcmp0(group, "canary") == 0)
        return (Pin){0, TRUE};
    return (Pin){g_strcmp0(group, "stable") == 0 ? stages - 1 : 0, FALSE};
}

static gboolean takes(const RolloutStage *stage, guint place, const ExpressionHost *host, gpointer data,
                      gboolean *taken, GError **error)
{
    *taken = place < (guint)stage->percentage;
    return !*taken || !stage->parsed || expression_holds(stage->parsed, host, data, taken, NULL, error);
}

static gboolean find_stage(const Manifest *manifest, const RolloutFacts *facts, const ExpressionHost *host,
                           gpointer data, guint place, guint *index, GError **error)
{
    const Pin pin = pin_of(manifest, facts->group);
    gboolean taken = pin.pinned;
    for (*index = pin.first; !taken && *index < manifest->rollout.stages->len; *index += !taken)
        if (!takes(stage_at(manifest, *index), place, host, data, &taken, error))
            return FALSE;
    return TRUE;
}

/* --- what it comes to ------------------------------------------------------------------------------------------ */

static char *text_of(const Manifest *manifest, const RolloutFacts *facts, const RolloutChoice *choice)
{
    const char *version = manifest->version, *name = choice->stage ? choice->stage->name : NULL;
    g_autofree char *when = clock_format(choice->opens_s);
    switch (choice->state) {
    case ROLLOUT_OPEN:
        return g_strdup_printf("%s is out for this host: stage '%s' is open", version, name);
    case ROLLOUT_WAITS:
        return g_strdup_printf("%s comes to this host in stage '%s' of its rollout, which opens %s", version, name,
                               when);
    case ROLLOUT_UNDATED:
        return g_strdup_printf("%s has no date, and its rollout waits for stage '%s'", version, name);
    case ROLLOUT_NOBODY:
        break;
    }
    return g_strdup_printf("the rollout of %s does not take this host: it has place %u of 0 to 99%s%s", version,
                           choice->place, facts->group ? " and is of the group " : "",
                           facts->group ? facts->group : "");
}

gboolean rollout_choose(const Manifest *manifest, const RolloutFacts *facts, const ExpressionHost *host, gpointer data,
                        RolloutChoice *choice, GError **error)
{
    guint index = 0;
    *choice = (RolloutChoice){.place = rollout_place(facts->host_id, facts->app, manifest->version)};
    if (manifest->rollout.stages->len == 0) {
        choice->text = g_strdup_printf("%s has no rollout: it is out for every host", manifest->version);
        return TRUE;
    }
    if (!find_stage(manifest, facts, host, data, choice->place, &index, error))
        return FALSE;
    if (index >= manifest->rollout.stages->len)
        choice->state = ROLLOUT_NOBODY;
    else {
        choice->stage = stage_at(manifest, index);
        gboolean dated = rollout_opens(manifest, facts, index, &choice->opens_s);
        choice->state = !dated ? ROLLOUT_UNDATED : facts->now_s >= choice->opens_s ? ROLLOUT_OPEN : ROLLOUT_WAITS;
    }
    choice->text = text_of(manifest, facts, choice);
    return TRUE;
}
