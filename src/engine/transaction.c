/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/transaction.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/blame.h"
#include "engine/data.h"
#include "engine/live.h"
#include "engine/notices.h"
#include "engine/quiet.h"
#include "engine/room.h"
#include "engine/sql_step.h"
#include "engine/status_file.h"
#include "engine/steps.h"

#include <string.h>
#include <unistd.h>

#define UNDO_TRIES 3
#define UNDO_TRIES_DATA 12 /* within half a minute: a database server that crashed is on its way up */
#define UNDO_PAUSE_MS 500
#define UNDO_LONGEST_PAUSE_MS 3000
#define FORWARD_TRIES 3
#define JOURNAL_TRIES 3

const char *verdict_name(Verdict verdict)
{
    return verdict_names[verdict];
}

gboolean verdict_from_name(const char *name, Verdict *verdict)
{
    for (int i = 0; i < N_VERDICTS; i++)
        if (g_strcmp0(name, verdict_names[i]) == 0) {
            *verdict = (Verdict)i;
            return TRUE;
        }
    return FALSE;
}

int verdict_exit_code(Verdict verdict, const char *code_name)
{
    static const int codes[N_VERDICTS] = {
        [VERDICT_ROLLED_BACK] = 4, [VERDICT_FAILED] = 1, [VERDICT_REFUSED] = 3, [VERDICT_NEEDS_HELP] = 5};
    for (int code = 0; verdict == VERDICT_FAILED && code < FAULT_N_CODES; code++)
        if (g_strcmp0(fault_row((enum fault_code)code)->name, code_name) == 0)
            return fault_row((enum fault_code)code)->exit_code;
    return codes[verdict];
}

/* --- telling ---------------------------------------------------------------------------------------------------- */

static void log_step(Job *job, const Step *step, const char *mark, gint64 duration_ms, const GError *fault)
{
    Node *fields = node_new_map();
    node_set_text(fields, "step", step->name);
    node_set_text(fields, "mark", mark);
    if (duration_ms >= 0)
        node_set_int(fields, "duration_ms", duration_ms);
    if (fault)
        node_set_text(fields, "text", fault->message);
    job_log_write(job->log, "step", fields, (step->flags & STEP_COMMITS) != 0);
    status_file_write(job, step->name, mark, 0, 0, NULL);
}

/* Tries a last word to the journal again: a full disk may have room a moment later. */
static gboolean journal_takes(Job *job, gboolean (*write)(Job *, gconstpointer, GError **), gconstpointer what)
{
    for (int try = 1;; try++) {
        g_autoptr(GError) local = NULL;
        if (write(job, what, &local))
            return TRUE;
        job_say(job, "%s", local->message);
        if (try == JOURNAL_TRIES)
            return FALSE;
        clock_sleep_ms(UNDO_PAUSE_MS * try);
    }
}

typedef struct Conclusion {
    Verdict verdict;
    const char *step;
    const GError *cause;
} Conclusion;

static gboolean write_verdict(Job *job, gconstpointer what, GError **error)
{
    const Conclusion *end = what;
    return journal_job_verdict(job->journal, job->id, verdict_name(end->verdict), end->step, end->cause, error);
}

/* The verdict is written before anybody is told of it. A journal that cannot take it leaves the job open, and recovery
 * comes to the same verdict again. */
static Verdict conclude(Job *job, Verdict verdict, const Step *failed, const GError *cause)
{
    const char *step = failed ? failed->name : NULL;
    Conclusion end = {verdict, step, cause};
    job->unconcluded = !journal_takes(job, write_verdict, &end);
    Node *fields = node_new_map();
    node_set_text(fields, "verdict", verdict_name(verdict));
    node_set_text(fields, "step", step);
    node_set_text(fields, "code", cause ? fault_row(fault_code_of(cause))->name : NULL);
    node_set_text(fields, "text", cause ? cause->message : NULL);
    job_log_write(job->log, "verdict", fields, TRUE);
    status_file_write(job, step, NULL, 0, 0, verdict_name(verdict));
    notices_send(job, verdict_name(verdict), cause);
    if (!job->unconcluded)
        history_row_write(job, verdict_name(verdict), cause);
    return verdict;
}

static gboolean write_end(Job *job, gconstpointer what, GError **error)
{
    return journal_job_close(job->journal, job->id, error);
}

/* needs-help before commit leaves the job open: the road back is not at its end. */
static void close_job(Job *job)
{
    if (!job->unconcluded && journal_takes(job, write_end, NULL))
        job_log_write(job->log, "closed", NULL, TRUE);
    if (job->plan->kind == PLAN_UNINSTALL && !job->going_back) /* there is no app any more to tell of */
        unlink(job->place->status);
}

/* --- the road back ---------------------------------------------------------------------------------------------- */

static int undo_tries(Job *job, const GError *fault)
{
    gboolean waits = fault_code_of(fault) == FAULT_BACKUP || (blames_release(fault) && !data_servers_stand(job, NULL));
    return waits ? UNDO_TRIES_DATA : UNDO_TRIES;
}

static gboolean undo_step(Job *job, const Step *step, GError **error)
{
    log_step(job, step, "undoing", -1, NULL);
    for (int try = 1;; try++) {
        g_autoptr(GError) local = NULL;
        if (step->undo(job, &local))
            break;
        log_step(job, step, "undo-failed", -1, local);
        if (try >= undo_tries(job, local)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        clock_sleep_ms(MIN(UNDO_PAUSE_MS * try, UNDO_LONGEST_PAUSE_MS));
    }
    /* Only a note for readers: recovery would undo it again, and that is good. */
    journal_mark(job->journal, job->id, step->name, "undone", 0, NULL);
    log_step(job, step, "undone", -1, NULL);
    return TRUE;
}

/* Rule 8: nobody knows that code and data fit, so nothing runs. Fence and hold stand. */
static void halt(Job *job)
{
    g_autoptr(GError) first = NULL;
    g_autoptr(GError) second = NULL;
    if (!live_stop_new(job, &first))
        job_say(job, "%s", first->message);
    if (!live_stop_all(job, &second))
        job_say(job, "%s", second->message);
}

/* Whether the old pair of code and data is not known to run while the way back is at this step: from stop on the app
 * was being brought to rest; what is undone after stop is undone beside an app that was observed to run. */
static gboolean is_at_rest(const Step *step)
{
    return step_index(step) >= step_index(step_find("stop"));
}

/* A database server goes on with a statement whose client we have just ended. Who cannot be asked now is asked again
 * when the data go back. Once they are back the app may be running on them: its sessions are not ours to end. */
static void end_sessions(Job *job)
{
    g_autoptr(GError) local = NULL;
    if (!data_end_sessions(job, !data_is_copied(job), &local))
        job_say(job, "%s", local->message);
}

/* *reached: the step that the way back did not get past. */
static gboolean go_back(Job *job, const Step *begun, const Step **reached, GError **error)
{
    *reached = begun;
    job->going_back = TRUE;
    job->part.no_new_facts = job->service.no_new_facts = TRUE;
    room_release(job);
    g_clear_pointer(&job->session, remote_session_close); /* its child is of the past, too */
    if (!quiet_job(job->place, job->id, error)) {
        if (is_at_rest(begun))
            halt(job);
        return FALSE;
    }
    if (is_at_rest(begun))
        end_sessions(job);
    for (guint i = step_index(begun) + 1; i > 0; i--) {
        const Step *step = &steps[i - 1];
        if (!step->undo || !step_is_in(step, job->plan->kind))
            continue;
        *reached = step;
        if (!undo_step(job, step, error)) {
            if (is_at_rest(step))
                halt(job);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean was_fenced(const Job *job, const Step *begun)
{
    const Step *fence = step_find("fence");
    return step_is_in(fence, job->plan->kind) && step_index(begun) >= step_index(fence);
}

/* Why the job turned back, for a recovery that has to go the same way once more: what failed by itself is not tried
 * again as if a crash had interrupted it. Best effort: without it, it was a crash. */
#define FACT_CAUSE "failed"

static void cause_note(Job *job, const Step *step, const GError *cause)
{
    g_autofree char *note =
        g_strdup_printf("%s %s %s", step->name, fault_row(fault_code_of(cause))->name, cause->message);
    if (fault_code_of(cause) != FAULT_INTERRUPTED)
        job_fact_note(job, FACT_CAUSE, note, NULL);
}

/* What was noted of this step, or that it was interrupted. */
static void cause_recall(Job *job, const Step *step, GError **cause)
{
    const char *note = step ? job_fact(job, FACT_CAUSE) : NULL;
    g_auto(GStrv) words = g_strsplit(note ? note : "", " ", 3);
    for (int code = 0; g_strv_length(words) == 3 && strcmp(words[0], step->name) == 0 && code < FAULT_N_CODES; code++)
        if (strcmp(words[1], fault_row((enum fault_code)code)->name) == 0) {
            g_set_error_literal(cause, FAULT, code, words[2]);
            return;
        }
    fault_set(cause, FAULT_INTERRUPTED, "interrupted in step '%s'", step ? step->name : "none");
}

static Verdict fail(Job *job, const Step *begun, const GError *cause)
{
    log_step(job, begun, "failed", -1, cause);
    cause_note(job, begun, cause);
    gboolean fenced = was_fenced(job, begun);
    g_autoptr(GError) local = NULL;
    const Step *reached = NULL;
    if (!go_back(job, begun, &reached, &local)) {
        g_autofree char *from = fault_text(cause);
        fault_prefix(&local, "the way back from '%s' failed", from);
        const char *state = is_at_rest(reached) ? "fence and hold stand and nothing runs"
                                                : "what ran before runs on, but users may still be kept out";
        fault_hint(&local, "%s; mend what is named, then run 'liftlock recover %s'", state, job->plan->app);
        return conclude(job, VERDICT_NEEDS_HELP, begun, local);
    }
    blame_reject(job, begun, cause);
    gboolean refused = fault_row(fault_code_of(cause))->exit_code == 3;
    Verdict verdict = conclude(job,
                               fenced    ? VERDICT_ROLLED_BACK
                               : refused ? VERDICT_REFUSED
                                         : VERDICT_FAILED,
                               begun, cause);
    close_job(job);
    return verdict;
}

/* --- the road forwards ------------------------------------------------------------------------------------------ */

/* One step; its marks frame it. Commit writes its own end, together with what it commits. *acts (may be NULL): whether
 * it did more than try to say that it begins. */
static gboolean run_step(Job *job, const Step *step, gboolean *acts, GError **error)
{
    gboolean begun = journal_mark(job->journal, job->id, step->name, "begun", 0, error);
    if (acts)
        *acts = begun;
    if (!begun)
        return FALSE;
    log_step(job, step, "begun", -1, NULL);
    gint64 start = clock_monotonic_ms();
    if (!step->act(job, error))
        return FALSE;
    gint64 duration_ms = clock_monotonic_ms() - start;
    if (!(step->flags & STEP_COMMITS) && !journal_mark(job->journal, job->id, step->name, "done", duration_ms, error))
        return FALSE;
    log_step(job, step, "done", duration_ms, NULL);
    return TRUE;
}

/* What observe found is an answer; that its mark could not be written is none. */
static gboolean is_final(const Step *step, int try, const GError *fault)
{
    return try == FORWARD_TRIES ||
           (strcmp(step->name, "observe") == 0 && fault_row(fault_code_of(fault))->blames == BLAMES_RELEASE);
}

/* Past commit: what fails is tried again, then it is a person's turn; the proven pair runs all the same. */
static gboolean run_step_forwards(Job *job, const Step *step, GError **error)
{
    for (int try = 1;; try++) {
        g_autoptr(GError) local = NULL;
        if (run_step(job, step, NULL, &local))
            return TRUE;
        log_step(job, step, "failed", -1, local);
        if (is_final(step, try, local)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        clock_sleep_ms(UNDO_PAUSE_MS * try);
    }
}

/* A server that is away says nothing about the release: it is watched once the server is back. */
static gboolean waits_for_data(const Step *step, const GError *cause)
{
    return strcmp(step->name, "observe") == 0 && fault_code_of(cause) == FAULT_BACKUP;
}

static Verdict run_after_commit(Job *job, guint first)
{
    room_release(job); /* it was kept for the way back; on a full disk the marks of the way on need it now */
    for (guint i = first; i < n_steps; i++) {
        const Step *step = &steps[i];
        if (!step_is_of(step, job->plan))
            continue;
        if (step->flags & STEP_NEVER_FAILS) /* the verdict stands before anything is deleted */
            conclude(job, VERDICT_UPDATED, NULL, NULL);
        if (job->unconcluded)
            return VERDICT_UPDATED;
        g_autoptr(GError) cause = NULL;
        if (run_step_forwards(job, step, &cause) || (step->flags & STEP_NEVER_FAILS))
            continue;
        blame_reject(job, step, cause);
        if (strcmp(step->name, "open") == 0 && job->plan->kind == PLAN_UNINSTALL)
            fault_hint(&cause,
                       "the app is stopped and out of use, but not all of it is gone; 'liftlock recover %s' goes on",
                       job->plan->app);
        else if (strcmp(step->name, "open") == 0)
            fault_hint(&cause,
                       "the change is made and lasts, but users may still be kept out; 'liftlock recover %s' goes on",
                       job->plan->app);
        else if (waits_for_data(step, cause))
            fault_hint(
                &cause,
                "%s is live, and nobody can tell how it does; mend what is named, then run 'liftlock recover %s'",
                job->plan->to, job->plan->app);
        else if (!job->return_wanted)
            fault_hint(&cause,
                       "%s is live, but did not stay healthy; see 'liftlock logs %s', then repair it or go back with "
                       "'liftlock rollback %s'",
                       job->plan->to, job->plan->app, job->plan->app);
        Verdict verdict = conclude(job, job->return_wanted ? VERDICT_FAILED : VERDICT_NEEDS_HELP, step, cause);
        /* Until users are let in again the job is not at its end: recovery goes on with it. */
        if (strcmp(step->name, "observe") == 0 && !job->return_wanted &&
            !waits_for_data(step, cause)) /* its return ends it */
            close_job(job);
        return verdict;
    }
    close_job(job);
    return VERDICT_UPDATED;
}

Verdict transaction_give_up(Job *job, const GError *cause)
{
    Verdict verdict = conclude(job, VERDICT_NEEDS_HELP, step_find("observe"), cause);
    close_job(job);
    return verdict;
}

Verdict transaction_run(Job *job)
{
    const Step *last = NULL; /* that has begun */
    for (guint i = 0; i < n_steps; i++) {
        const Step *step = &steps[i];
        if (!step_is_of(step, job->plan))
            continue;
        if (step->flags & STEP_NEVER_FAILS)
            return run_after_commit(job, i);
        g_autoptr(GError) cause = NULL;
        gboolean acts = TRUE;
        /* What could not be said to begin has done nothing, and its undo would stop what nobody disturbed. */
        if (!run_step(job, step, &acts, &cause)) {
            g_autoptr(GError) found = blame_find(job, cause); /* now: later nobody can tell */
            return fail(job, acts || !last ? step : last, found);
        }
        last = step;
        if (step->flags & STEP_COMMITS)
            return run_after_commit(job, i + 1);
    }
    return run_after_commit(job, n_steps);
}

/* Rule 1: recovery believes what it observes over any mark. A commit whose mark the journal reported as lost may have
 * reached the disk all the same, and the way back had begun before the host went down. */
static gboolean is_undone(Job *job)
{
    if (data_went_back(job))
        return TRUE;
    if (!step_is_in(step_find("activate"), job->plan->kind))
        return FALSE;
    g_autoptr(GError) local = NULL;
    g_autofree char *current = job->layout->current(job->place, &local);
    return !local && g_strcmp0(current, job->plan->kind == PLAN_UNINSTALL ? NULL : job->plan->to) != 0;
}

Verdict transaction_recover(Job *job)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GPtrArray) marks = journal_marks(job->journal, job->id, &cause);
    const Step *begun = NULL;
    gboolean committed = FALSE;
    for (guint i = 0; marks && i < marks->len; i++) {
        const MarkRecord *mark = g_ptr_array_index(marks, i);
        const Step *step = step_find(mark->step);
        if (!step)
            continue;
        if (strcmp(mark->mark, "begun") == 0)
            begun = step;
        committed = committed || ((step->flags & STEP_COMMITS) && strcmp(mark->mark, "done") == 0);
    }
    if (committed && (begun->flags & STEP_COMMITS) && is_undone(job))
        committed = FALSE;
    job_log_text(job->log, "recovering", committed ? "forwards" : "back");
    if (!marks)
        return conclude(job, VERDICT_NEEDS_HELP, NULL, cause);
    if (committed) {
        data_servers_note(job, NULL); /* a boot starts them again */
        return run_after_commit(job, step_index(step_find("commit")) + 1);
    }
    cause_recall(job, begun, &cause);
    if (begun)
        return fail(job, begun, cause);
    Verdict verdict = conclude(job, VERDICT_FAILED, NULL, cause);
    close_job(job);
    return verdict;
}
