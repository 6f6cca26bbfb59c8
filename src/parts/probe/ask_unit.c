/* SPDX-License-Identifier: Apache-2.0 */
/* The probes "unit" (through the eyes of the service part, which the engine lends us) and "file". */
#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "parts/probe/ask.h"

static gboolean unit_applies(const Check *check)
{
    return check->unit != NULL;
}

static gboolean unit_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    gboolean active = FALSE;
    guint64 restarts = 0;
    if (!context->unit_active)
        return fault_set(error, FAULT_REQUIREMENT, "unit '%s' cannot be looked at: no service manager here",
                         check->unit);
    if (!context->unit_active(check->unit, &active, &restarts, context->unit_data, error))
        return FALSE;
    result->text = g_strdup(active ? "active" : "not active");
    if (!active)
        return ask_problem(result, "unit '%s' is not active", check->unit);
    if (restarts > 0)
        return ask_problem(result, "unit '%s' has restarted %" G_GUINT64_FORMAT " time%s", check->unit, restarts,
                           restarts == 1 ? "" : "s");
    return TRUE;
}

const ProbeDriver ask_unit = {
    .name = "unit", .summary = "a unit is active and did not restart", .applies = unit_applies, .ask = unit_ask};

/* --- file ------------------------------------------------------------------------------------------------------- */

#define FILE_LIMIT (64 * 1024)

static gboolean file_applies(const Check *check)
{
    return check->file != NULL;
}

/* Links are not followed below the app's root; `current` is ours, and followed by its own text. */
static char *resolve_current(int root_fd, const char *path)
{
    if (!g_str_has_prefix(path, "current/"))
        return g_strdup(path);
    g_autofree char *target = fs_read_link(root_fd, "current", NULL);
    return g_build_filename(target ? target : "current", path + strlen("current/"), NULL);
}

static gboolean file_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    fs_fd int root_fd = part_open_root(context->part.place, error);
    if (root_fd < 0)
        return FALSE;
    g_autoptr(GError) why = NULL;
    g_autofree char *path = resolve_current(root_fd, check->file),
                    *answer = fs_read(root_fd, path, FILE_LIMIT, NULL, &why);
    if (!answer) {
        g_autofree char *text = fault_text(why);
        return fault_code_of(why) == FAULT_ABSENT ? ask_problem(result, "file '%s' does not exist", check->file)
                                                  : ask_problem(result, "%s", text);
    }
    g_autofree char *valid = g_utf8_make_valid(answer, -1), *first_line = g_strndup(valid, strcspn(valid, "\r\n"));
    return ask_judge(context, check, valid, first_line, result, error);
}

const ProbeDriver ask_file = {
    .name = "file", .summary = "content of a file below the app's root", .applies = file_applies, .ask = file_ask};
