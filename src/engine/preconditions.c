/* SPDX-License-Identifier: Apache-2.0 */
/* What a release requires of the host, and whether the app is busy: cheap enough to ask twice. */
#include "engine/preconditions.h"

#include "base/fault.h"
#include "model/version.h"
#include "parts/probe/probe.h"
#include "parts/service/service.h"

#include <string.h>

#define VERSION_TIMEOUT_MS 10000

static void check_commands(const Manifest *manifest, GPtrArray *objections)
{
    for (guint i = 0; i < manifest->requirements.required_commands->len; i++) {
        const char *name = g_ptr_array_index(manifest->requirements.required_commands, i);
        g_autofree char *path = g_find_program_in_path(name);
        if (!path)
            objection_add(objections, FAULT_REQUIREMENT, NULL, NULL,
                          "the release requires the command '%s', which this host does not have", name);
    }
}

/* What a program says of its version; NULL: it is not there, or does not say. The name is one of a program alone. */
static char *program_version(const PartContext *part, const char *program)
{
    g_autofree char *line = g_strdup_printf("%s --version 2>&1", program);
    g_autofree char *output = part_run_output(part, program, line, NULL, VERSION_TIMEOUT_MS, FAULT_REQUIREMENT, NULL);
    return output ? version_find(output) : NULL;
}

static void check_python(const PartContext *part, const Manifest *manifest, GPtrArray *objections)
{
    const char *least = manifest->requirements.min_python_version;
    g_autofree char *version = least ? program_version(part, "python3") : NULL;
    if (least && !version)
        objection_add(objections, FAULT_REQUIREMENT, NULL, NULL,
                      "the release requires python %s, which this host does not have", least);
    else if (least && version_compare(version, least) < 0)
        objection_add(objections, FAULT_REQUIREMENT, NULL, NULL, "the release requires python %s, this host has %s",
                      least, version);
}

static void check_versions(const PartContext *part, const Manifest *manifest, GPtrArray *objections)
{
    for (guint i = 0; i < manifest->requirements.required_versions->len; i++) {
        const KeyPair *pair = g_ptr_array_index(manifest->requirements.required_versions, i);
        g_autofree char *version = program_version(part, pair->name), *hint = NULL;
        if (!version)
            hint = g_strdup_printf("'%s --version' must end well and name a version, as the app's user", pair->name);
        if (!version)
            objection_add(objections, FAULT_REQUIREMENT, NULL, hint,
                          "the release requires %s %s, which this host does not have", pair->name, pair->value);
        else if (!version_matches(version, pair->value))
            objection_add(objections, FAULT_REQUIREMENT, NULL, NULL, "the release requires %s %s, this host has %s",
                          pair->name, pair->value, version);
    }
}

static void check_services(const PartContext *part, const Manifest *manifest, GPtrArray *objections)
{
    for (guint i = 0; i < manifest->requirements.required_services->len; i++) {
        const char *name = g_ptr_array_index(manifest->requirements.required_services, i);
        g_autofree char *unit = strchr(name, '.') ? g_strdup(name) : g_strconcat(name, ".service", NULL);
        Service service = {.name = unit, .unit = unit};
        ServiceState state = {0};
        g_autoptr(GError) error = NULL;
        gboolean known = service_find(&service)->observe(part, &service, &state, &error);
        if (!known || !state.active)
            objection_add(objections, FAULT_REQUIREMENT, NULL, NULL,
                          "the release requires the service '%s', which does not run", name);
        service_state_clear(&state);
    }
}

/* Only the release that runs can say whether it is in the middle of something. */
static void check_busy(const PartContext *part, const Manifest *installed, GPtrArray *objections)
{
    for (guint i = 0; installed && i < installed->busy->len; i++) {
        const Check *check = g_ptr_array_index(installed->busy, i);
        ProbeContext context = {
            .part = *part, .directory = part->place->current, .version = installed->version, .manifest = installed};
        ProbeResult result = {0};
        g_autoptr(GError) error = NULL;
        if (!probe_ask(&context, check, &result, &error))
            objection_add(objections, FAULT_BUSY, "--force", NULL, "cannot ask whether '%s' is at work: %s",
                          check->name, error->message);
        else if (result.answer != ANSWER_OK)
            objection_add(objections, FAULT_BUSY, "--force", "wait for it to end, or override with --force",
                          "'%s' is at work: %s", check->name, result.problem ? result.problem : "busy");
        probe_result_clear(&result);
    }
}

void preconditions_check(const PartContext *part, const Manifest *target, const Manifest *installed,
                         GPtrArray *objections)
{
    check_commands(target, objections);
    check_python(part, target, objections);
    check_versions(part, target, objections);
    check_services(part, target, objections);
    check_busy(part, installed, objections);
}
