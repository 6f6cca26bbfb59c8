/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scene: a play of the real thing. What runs in it sees this host as it is, at its own paths, but has its own
 * processes, no network beyond its own loopback, and changes nothing: one directory, the stage, takes changes that go
 * to a scratch directory and are seen by nobody else; all else is read-only.
 */
#pragma once

#include <glib.h>

typedef struct Scene {
    const char *scratch;    /* an existing directory of ours alone, with room; stays writable under its own path */
    const char *stage;      /* an existing directory outside of scratch */
    const GPtrArray *empty; /* char *: existing directories that shall be empty, and the user's; may be NULL */
    uid_t uid;
    gid_t gid;
} Scene;

/* Runs `act` in a child that is the first process of the scene; returns when all processes of the scene have ended.
 * *status gets what `act` returned (0 to 125; more, if it was killed). FALSE with FAULT_REQUIREMENT where the kernel
 * gives us no such place; then nothing has run. For a process that has one thread and
 * is there for nothing else: it moves into the namespaces itself. */
gboolean scene_run(const Scene *scene, int (*act)(gpointer data), gpointer data, int *status, GError **error);
