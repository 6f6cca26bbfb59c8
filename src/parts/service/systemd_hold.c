/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a hold reaches systemd (rule 4): a drop-in UNIT.d/50-liftlock.conf, written once and then always there.
 *
 * Without a socket in front, two conditions: the hold is empty, or there is a pass. A start that they stop, be it by
 * boot, Restart=, a timer or a person, is skipped and leaves the unit inactive.
 *
 * A service that a socket (or a path) starts must not skip: systemd would try again at once, give up on the socket, and
 * the users' connections would be lost. Its start is ordered behind a unit of ours, liftlock-wait-UNIT, which takes as
 * long as the hold stands. That it is a unit beside the service and no ExecStartPre= of it has three reasons: the app's
 * own TimeoutStartSec= goes on to mean what it says, its cgroup is empty while it waits, and without a hold our unit is
 * skipped by its conditions, so that no program of ours runs, nor has to exist, when the app starts. The same is done
 * where the unit has triggering conditions ("|") of its own, any one of which would outvote ours.
 *
 * Of a template unit the drop-in is the template's, so that no instance escapes it; each has a pass of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "model/manifest_switch.h"
#include "parts/service/systemd_bus.h"
#include "parts/service/systemd_units.h"
#include "parts/service/unit_file.h"

#define DROP_IN "50-liftlock.conf"

typedef struct Files {
    char *directory, *drop_in_directory; /* the second below the first */
    char *drop_in, *wait_unit;           /* names */
} Files;

static void files_clear(Files *files)
{
    g_free(files->directory);
    g_free(files->drop_in_directory);
    g_free(files->drop_in);
    g_free(files->wait_unit);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Files, files_clear)

static Files files_of(const Place *place, const char *unit)
{
    return (Files){
        .directory = unit_directory(place),
        .drop_in_directory = g_strconcat(unit, ".d", NULL),
        .drop_in = g_strconcat(unit, ".d/" DROP_IN, NULL),
        .wait_unit = g_strconcat("liftlock-wait-", unit, NULL),
    };
}

static const char header[] =
    "# Written by liftlock, and written again when it is changed: while an update holds the app,\n"
    "# nothing starts it but liftlock.\n";

static char *condition_text(const char *hold, const char *pass)
{
    return g_strdup_printf("%s[Unit]\nConditionDirectoryNotEmpty=|!%s\nConditionPathExists=|%s\n", header, hold, pass);
}

static char *order_text(const char *wait_unit)
{
    return g_strdup_printf("%s[Unit]\nRequires=%s\nAfter=%s\n", header, wait_unit, wait_unit);
}

static char *wait_text(const char *unit, const char *hold, const char *pass, const char *command)
{
    return g_strdup_printf(
        "%s[Unit]\nDescription=liftlock: %s waits for the end of an update\n"
        "StartLimitIntervalSec=0\nDefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target %s\n"
        "ConditionDirectoryNotEmpty=%s\nConditionPathExists=!%s\n"
        "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=%s\n",
        header, unit, unit, hold, pass, command);
}

static char *wait_command(const Place *place, const char *pass_quoted, GError **error)
{
    g_autofree char *program = unit_program(), *program_quoted = NULL, *hold_quoted = NULL;
    if (!program) {
        fault_set(error, FAULT_SYSTEM, "cannot find the liftlock program itself");
        return NULL;
    }
    if (!unit_quote(program, TRUE, &program_quoted, error) || !unit_quote(place->hold, TRUE, &hold_quoted, error))
        return NULL;
    return g_strdup_printf("%s inner wait-hold %s %s", program_quoted, hold_quoted, pass_quoted);
}

/* "web@.service" as its own files name it: each instance is meant. */
static char *unit_of_each(const char *unit)
{
    const char *at = strstr(unit, "@.");
    return at ? g_strdup_printf("%.*s@%%i%s", (int)(at - unit), unit, at + 1) : g_strdup(unit);
}

static gboolean pass_quote(const Place *place, const char *unit, gboolean in_command, char **quoted, GError **error)
{
    g_autofree char *path = g_build_filename(place->pass, "unit", NULL), *text = NULL;
    if (!unit_quote(path, in_command, &text, error))
        return FALSE;
    /* No character of a unit's name but the backslash means something here, and a template's %i is to be replaced. */
    if (!strstr(unit, "@.") && strchr(unit, '\\'))
        return fault_set(error, FAULT_CONFIG, "'%s' cannot be named in a unit", unit);
    g_autofree char *each = unit_of_each(unit);
    g_autofree char *directory = g_path_get_dirname(text);
    *quoted = g_strdup_printf("%s/%s%s", directory, each, in_command ? WAIT_HOLD_ONCE "\"" : "");
    return TRUE;
}

/* A socket or path that starts the service counts even if it is not loaded yet: looking at the one of the same name
 * loads it. */
static gboolean is_triggered(Manager *manager, const char *unit, const UnitFacts *facts)
{
    static const char *const kinds[] = {".socket", ".path"};
    g_autofree char *stem = g_strndup(unit, (gsize)(strrchr(unit, '.') - unit));
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (char **trigger = facts->triggered_by; *trigger; trigger++)
            if (g_str_has_suffix(*trigger, kinds[i]))
                return TRUE;
        g_autofree char *namesake = g_strconcat(stem, kinds[i], NULL);
        g_auto(UnitFacts) other = {0};
        if (manager_unit_facts(manager, namesake, &other, NULL) && g_str_equal(other.load_state, "loaded"))
            return TRUE;
    }
    return FALSE;
}

static gboolean write_texts(const Place *place, const char *unit, gboolean waits, gboolean *changed, GError **error)
{
    g_auto(Files) files = files_of(place, unit);
    g_autofree char *hold_text = NULL, *pass_text = NULL, *pass_word = NULL;
    if (!unit_quote(place->hold, FALSE, &hold_text, error) || !pass_quote(place, unit, FALSE, &pass_text, error) ||
        !pass_quote(place, unit, TRUE, &pass_word, error))
        return FALSE;
    g_autofree char *drop_in = NULL, *wait_unit = NULL, *each = unit_of_each(unit);
    if (waits) {
        g_autofree char *command = wait_command(place, pass_word, error);
        g_autofree char *waits_for = unit_of_each(files.wait_unit);
        if (!command)
            return FALSE;
        drop_in = order_text(waits_for);
        wait_unit = wait_text(each, hold_text, pass_text, command);
    } else {
        drop_in = condition_text(hold_text, pass_text);
    }
    if (!fs_make_path(files.directory, 0755, error))
        return FALSE;
    fs_fd int dirfd = fs_open_dir(files.directory, error);
    if (dirfd < 0 || !fs_make_dirs(dirfd, files.drop_in_directory, 0755, error))
        return FALSE;
    /* The unit that waits comes before what requires it, and goes after. */
    if (wait_unit && !unit_file_bring(dirfd, files.wait_unit, wait_unit, changed, error))
        return FALSE;
    return unit_file_bring(dirfd, files.drop_in, drop_in, changed, error) &&
           (wait_unit || unit_file_bring(dirfd, files.wait_unit, NULL, changed, error));
}

gboolean systemd_equip(const PartContext *context, const Service *service, GError **error)
{
    g_autofree char *unit = service_unit_name(service->unit);
    if (!service_check_unit_name(unit, error))
        return FALSE;
    g_autoptr(Manager) manager = manager_connect(context->place, error);
    g_auto(UnitFacts) facts = {0};
    if (!manager || !manager_unit_facts(manager, unit, &facts, error))
        return fault_prefix(error, "unit '%s'", unit);
    gboolean changed = FALSE, waits = facts.foreign_triggers || is_triggered(manager, unit, &facts);
    g_autofree char *own = service_unit_name(service_own_unit(service));
    if (!write_texts(context->place, own, waits, &changed, error))
        return fault_prefix(error, "unit '%s'", unit);
    return !changed || manager_call(manager, "Reload", NULL, "()", NULL, error);
}

gboolean systemd_waits(const Place *place, const Service *service)
{
    g_autofree char *unit = service_unit_name(service_own_unit(service));
    g_auto(Files) files = files_of(place, unit);
    g_autofree char *path = g_build_filename(files.directory, files.wait_unit, NULL);
    return access(path, F_OK) == 0;
}

gboolean systemd_retire(const PartContext *context, const Service *service, GError **error)
{
    g_autofree char *unit = service_unit_name(service_own_unit(service));
    if (!service_check_unit_name(unit, error))
        return FALSE;
    g_auto(Files) files = files_of(context->place, unit);
    if (!g_file_test(files.directory, G_FILE_TEST_IS_DIR))
        return TRUE;
    fs_fd int dirfd = fs_open_dir(files.directory, error);
    gboolean changed = FALSE;
    if (dirfd < 0 || !unit_file_bring(dirfd, files.drop_in, NULL, &changed, error) ||
        !unit_file_bring(dirfd, files.wait_unit, NULL, &changed, error))
        return fault_prefix(error, "unit '%s'", unit);
    unlinkat(dirfd, files.drop_in_directory, AT_REMOVEDIR); /* stays if others keep drop-ins there */
    if (!changed)
        return TRUE;
    g_autoptr(Manager) manager = manager_connect(context->place, NULL); /* without one there is nobody to tell */
    return !manager || manager_call(manager, "Reload", NULL, "()", NULL, error);
}
