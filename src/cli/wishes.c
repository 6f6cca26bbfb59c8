/* SPDX-License-Identifier: Apache-2.0 */
/* maintenance, pin, unpin, skip, allow: an operator's wishes, written down. */
#include "cli/cli.h"

#include "base/fault.h"
#include "base/fs.h"
#include "engine/claims.h"
#include "engine/job.h"
#include "engine/lock.h"
#include "engine/observed.h"
#include "model/version.h"

#include <string.h>
#include <unistd.h>

static const char *argument(const Call *call, guint index)
{
    return call->arguments->len > index ? g_ptr_array_index(call->arguments, index) : NULL;
}

/* Wishes change what the next plan says; they wait for no job, but two writers at once would confuse people. */
static Journal *journal_for_wish(Call *call, GError **error)
{
    g_autoptr(AppConfig) config = engine_app_config(call->host, call_app(call), error);
    return config ? journal_open(call->host, FALSE, error) : NULL;
}

static gboolean version_check(const Call *call, const char *version, GError **error)
{
    if (version_is_valid(version))
        return TRUE;
    return fault_set(error, FAULT_USAGE, "%s: '%s' is not a version", call->verb->name, version);
}

int verb_maintenance(Call *call, GError **error)
{
    const char *wish = argument(call, 1);
    gboolean on = strcmp(wish, "on") == 0;
    if (!on && strcmp(wish, "off") != 0) {
        fault_set(error, FAULT_USAGE, "maintenance: say on or off, not '%s'", wish);
        return -1;
    }
    g_autoptr(Observed) observed = observed_open(call->host, call_app(call), error);
    if (!observed)
        return -1;
    fs_fd int lock = lock_take(observed->place, "-", on ? "maintenance on" : "maintenance off", "operator", error);
    fs_fd int work = lock < 0 ? -1 : lock_work(observed->place, 0, error);
    const char *reason = call->options.reason ? call->options.reason : "maintenance";
    if (work < 0 ||
        !(on ? claim_set(observed->place, CLAIM_FENCE, "operator", reason, 0, error)
             : claim_lift(observed->place, CLAIM_FENCE, "operator", error)) ||
        !fence_file_update(observed->place, observed->manifest ? observed->manifest->fence.file : NULL, error))
        return -1;
    const char *line = !observed->manifest ? NULL : on ? observed->manifest->fence.on : observed->manifest->fence.off;
    if (line && !part_run_line(&observed->part, "fence hook", line, observed->place->current,
                               observed->manifest->fence.max_ms, FAULT_HOOK, error))
        return -1;
    call_say(call, "%s: maintenance is %s", call_app(call), wish);
    if (on && observed->manifest && !observed->manifest->fence.file && !observed->manifest->fence.on)
        call_say(call, "  the app declares neither a maintenance file nor a hook: it does not know of it");
    return 0;
}

int verb_pin(Call *call, GError **error)
{
    g_autoptr(Observed) observed = observed_open(call->host, call_app(call), error);
    if (!observed)
        return -1;
    const char *range = argument(call, 1) ? argument(call, 1) : observed->version;
    if (!range || !version_range_is_valid(range)) {
        fault_set(error, FAULT_USAGE, "pin: '%s' is neither a version nor a range", range ? range : "");
        return -1;
    }
    g_autoptr(Journal) journal = journal_for_wish(call, error);
    if (!journal || !journal_app_set(journal, call_app(call), "pin", range, error))
        return -1;
    call_say(call, "%s stays within %s", call_app(call), range);
    return 0;
}

int verb_unpin(Call *call, GError **error)
{
    g_autoptr(Journal) journal = journal_for_wish(call, error);
    if (!journal || !journal_app_set(journal, call_app(call), "pin", NULL, error))
        return -1;
    call_say(call, "%s is no longer pinned", call_app(call));
    return 0;
}

int verb_skip(Call *call, GError **error)
{
    const char *version = argument(call, 1);
    g_autoptr(Journal) journal = version_check(call, version, error) ? journal_for_wish(call, error) : NULL;
    if (!journal || !journal_skip(journal, call_app(call), version, error))
        return -1;
    call_say(call, "%s %s is skipped", call_app(call), version);
    return 0;
}

int verb_allow(Call *call, GError **error)
{
    const char *version = argument(call, 1);
    gboolean had = FALSE;
    g_autoptr(Journal) journal = version_check(call, version, error) ? journal_for_wish(call, error) : NULL;
    g_autoptr(Place) place = place_new(call->host, call_app(call), NULL);
    if (!journal || !journal_allow(journal, call_app(call), version, &had, error) ||
        !source_forget(place, version, &had, error))
        return -1;
    call_say(call, had ? "%s %s may be installed again" : "%s: nothing spoke against %s", call_app(call), version);
    return 0;
}
