/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says of services that are switched. */
#include "engine/planner_switch.h"

#include "base/fault.h"
#include "model/manifest_switch.h"
#include "parts/switch/switch.h"

#include <string.h>

void planner_switch(const Planner *planner, Plan *plan)
{
    const char *version = planner->manifest->version;
    for (guint i = 0; i < planner->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(planner->manifest->services, i);
        if (!service->template_)
            continue;
        g_auto(SwitchView) view = switch_view(planner->config, service);
        if (!view.url)
            objection_add(plan->objections, FAULT_CONFIG, NULL,
                          "the manifest's 'switch', or [switch.NAME] of the app's configuration, has its 'url'",
                          "nothing says where %s answers for service '%s'", view.unit, service->name);
        if (strcmp(version[0] == 'v' ? version + 1 : version, plan->to) != 0)
            objection_add(plan->objections, FAULT_MANIFEST, NULL, NULL,
                          "the index calls the release %s, its manifest %s; an instance of '%s' has one name", plan->to,
                          version, service->template_);
        g_ptr_array_add(plan->notes, g_strdup_printf("%s leads users of '%s' to the new release while the old one runs",
                                                     view.unit, service->name));
        char *caveat = switch_caveat(view.proxy);
        if (caveat)
            g_ptr_array_add(plan->notes, caveat);
    }
}
