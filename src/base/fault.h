/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, in one vocabulary for the whole house.
 *
 * A fault is a GError of the domain FAULT. Its message is one lower-case line that names the object
 * and ends without a full stop; what to do about it may follow as a second line, the hint. Every code
 * has one row in the table of fault.c, which gives exit code, HTTP status, retry rule and whom it blames.
 */
#pragma once

#include <glib.h>

enum fault_code {
    FAULT_USAGE,        /* the command line is wrong */
    FAULT_CONFIG,       /* the host's configuration is wrong */
    FAULT_RIGHTS,       /* the caller may not do this */
    FAULT_MANIFEST,     /* a release's manifest is wrong */
    FAULT_SOURCE,       /* the source answered, but not with a usable index or release */
    FAULT_NETWORK,      /* the source could not be reached, or the transfer broke off */
    FAULT_VERIFY,       /* a signature or digest does not fit */
    FAULT_ARCHIVE,      /* an archive holds what no release may hold */
    FAULT_POLICY,       /* policy forbids the change */
    FAULT_REQUIREMENT,  /* the host lacks what the release requires */
    FAULT_BUSY,         /* another job, or the app itself, is at work */
    FAULT_SPACE,        /* not enough room on a file system */
    FAULT_BUILD,        /* the release's build failed */
    FAULT_TRIAL,        /* the staged release's own checks failed */
    FAULT_INCOMPATIBLE, /* the staged release itself says that it does not fit */
    FAULT_HOOK,         /* a hook of the release failed */
    FAULT_DRAIN,        /* the app could not be brought to rest */
    FAULT_BACKUP,       /* saving or restoring data failed */
    FAULT_MIGRATE,      /* a migration failed */
    FAULT_START,        /* a service did not start */
    FAULT_PROBE,        /* the release runs but is not healthy, or is not the one that we started */
    FAULT_INTERRUPTED,  /* the job was killed or the host went down */
    FAULT_STATE,        /* liftlock's own records are damaged or contradict the host */
    FAULT_SYSTEM,       /* the operating system refused something that it should not have */
    FAULT_ABSENT,       /* the thing named does not exist */
    FAULT_N_CODES
};

/* Whom a failure speaks against. Only a failure that blames the release rejects its digest. */
enum fault_blames { BLAMES_NOBODY, BLAMES_RELEASE, BLAMES_HOST, BLAMES_SOURCE, BLAMES_CALLER };

struct fault_row {
    const char *name; /* stable word for JSON and history, e.g. "verify" */
    int exit_code;    /* before the fence; after it the verdict decides (design section 7) */
    int http_status;
    gboolean retry; /* may succeed later without anybody changing anything */
    enum fault_blames blames;
    const char *playbook; /* one sentence: what a person does about it */
};

#define FAULT (fault_quark())
GQuark fault_quark(void);

/* The row of a code; never NULL. */
const struct fault_row *fault_row(enum fault_code code);

/* Code of any GError; errors of other domains (GIO, GLib) count as FAULT_SYSTEM. */
enum fault_code fault_code_of(const GError *error);

/* Sets *error (may be NULL) to a fault without a hint. Returns FALSE, so that callers can `return fault_set(...)`. */
gboolean fault_set(GError **error, enum fault_code code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Same with errno's text appended as ": no space left on device" (lower-cased first letter). ENOSPC and EDQUOT turn
 * FAULT_SYSTEM into FAULT_SPACE. */
gboolean fault_errno(GError **error, enum fault_code code, int errno_value, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Appends or replaces the hint of a set *error; does nothing when error or *error is NULL. Returns FALSE. */
gboolean fault_hint(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Puts "prefix: " before the text of *error; keeps code and hint. Returns FALSE. */
gboolean fault_prefix(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The text without the hint, and the hint alone (NULL if none). The caller frees. */
char *fault_text(const GError *error);
char *fault_hint_of(const GError *error);
