/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's schema. */
#include "engine/journal_db.h"

/* Rule 13: the schema changes only while no job is open, and only in ways that the previous release can still read. */
const DatabaseMigration journal_migrations[] = {
    {1, "CREATE TABLE app (name TEXT PRIMARY KEY, root TEXT, version TEXT, floor TEXT, pin TEXT,"
        "  index_seen INTEGER NOT NULL DEFAULT 0, offered TEXT, checked_at TEXT) STRICT;"
        "CREATE TABLE release (app TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT, tree TEXT NOT NULL,"
        "  manifest TEXT NOT NULL, sealed_s INTEGER NOT NULL, PRIMARY KEY (app, version)) STRICT;"
        "CREATE TABLE job (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, app TEXT NOT NULL,"
        "  kind TEXT NOT NULL, plan TEXT NOT NULL, version_from TEXT, version_to TEXT, open INTEGER NOT NULL DEFAULT 1,"
        "  verdict TEXT, code TEXT, error TEXT, hint TEXT, failed_step TEXT, requested_by TEXT,"
        "  attempt INTEGER NOT NULL DEFAULT 1, started_s INTEGER NOT NULL, ended_s INTEGER) STRICT;"
        /* One open job an app: what the lock promises, the schema holds too. */
        "CREATE UNIQUE INDEX job_open ON job (app) WHERE open = 1;"
        "CREATE TABLE mark (sequence INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, step TEXT NOT NULL,"
        "  mark TEXT NOT NULL, at_s INTEGER NOT NULL, duration_ms INTEGER NOT NULL) STRICT;"
        "CREATE INDEX mark_job ON mark (job);"
        "CREATE TABLE fact (job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)) STRICT;"
        "CREATE TABLE rejected (app TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT, reason TEXT NOT NULL,"
        "  at_s INTEGER NOT NULL, PRIMARY KEY (app, version)) STRICT;"
        "CREATE TABLE skipped (app TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (app, version)) STRICT;"
        "CREATE TABLE attempt (app TEXT NOT NULL, sha256 TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (app, sha256)) "
        "STRICT;"
        "CREATE TABLE backup (id TEXT PRIMARY KEY, app TEXT NOT NULL, job TEXT, version TEXT, schema TEXT, reason TEXT,"
        "  made_s INTEGER NOT NULL, size_bytes INTEGER NOT NULL) STRICT;"
        "CREATE TABLE owned (kind TEXT NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL, PRIMARY KEY (kind, name)) "
        "STRICT;"},
#ifdef JOURNAL_NEXT /* a build for tests that stands for the next release */
    {2, JOURNAL_NEXT},
#endif
};
const guint n_journal_migrations = G_N_ELEMENTS(journal_migrations);
