/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/planner_conditions.h"

#include "engine/conditions.h"

static Conditions conditions_of(const Planner *planner, const PartContext *part, const Release *release)
{
    return (Conditions){
        .part = part,
        .host_config = planner->host_config,
        .config = planner->config,
        .manifest = planner->manifest,
        .installed = planner->installed,
        .from = planner->current,
        .host_root = planner->host->root,
        .released = release->released,
    };
}

gboolean planner_rolled_out_later(Planner *planner, const Release *release, GPtrArray *objections)
{
    PartContext part = {.place = planner->place, .lock_fd = -1};
    guint before = objections->len;
    if (!release->manifest || !release->manifest_sha256)
        return FALSE;
    g_clear_pointer(&planner->manifest, manifest_free);
    planner->manifest = catalog_manifest(planner->catalog, release, NULL, NULL, NULL, NULL, NULL);
    Conditions conditions = conditions_of(planner, &part, release);
    if (planner->manifest)
        conditions_object_to_rollout(&conditions, objections);
    return objections->len > before;
}

gboolean planner_not_now(Planner *planner, Plan *plan, const Release *release, const PlanWish *wish)
{
    PartContext part = {.place = planner->place, .lock_fd = -1, .databases = planner->config->database};
    Conditions conditions = conditions_of(planner, &part, release);
    g_autoptr(GPtrArray) not_now = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    conditions_object(&conditions, plan->objections, not_now, plan->notes, plan->manual_steps);
    if (g_strcmp0(plan->from, plan->to) != 0)
        conditions_object_to_rollout(&conditions, not_now);
    if (not_now->len > 0 && plan->kind == PLAN_UPDATE && !wish->to && !wish->force) {
        g_clear_pointer(&planner->passed_over, g_ptr_array_unref);
        planner->passed_over = g_steal_pointer(&not_now);
        return TRUE;
    }
    g_ptr_array_extend_and_steal(plan->objections, g_steal_pointer(&not_now));
    return FALSE;
}
