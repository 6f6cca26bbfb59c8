/* SPDX-License-Identifier: Apache-2.0 */
/* What of a release may come to this host: types and sizes of files, and files that are privileged. Pure: paths and
 * sizes in, decisions out; who writes files asks for each. */
#pragma once

#include "model/config.h"

/* Whether a file of a release may come: type and size. Manifests are allowed whatever their type. FAULT_POLICY:
 * "bin/x.exe: files of the type '.exe' are not allowed on this host". */
gboolean limits_allow_file(const AppConfig *config, const char *path, guint64 size_bytes, GError **error);

typedef enum {
    PRIVILEGE_NONE,     /* an ordinary file: the app's, with the mode of the release */
    PRIVILEGE_GRANTED,  /* written, and root's own: the app's user cannot change it */
    PRIVILEGE_WITHHELD, /* the release calls it privileged and the host's config does not name it: it is not written,
                           and what is there stays as it is */
} FilePrivilege;
FilePrivilege limits_privilege(const AppConfig *config, const Manifest *manifest, const char *path);

/* A line for each pattern of the release's privileged files that the config does not name as a whole. */
void limits_note_withheld(const AppConfig *config, const Manifest *manifest, GPtrArray *notes);

/* The app's own limits where they are lower than the host's. */
void limits_tighten(HostConfig *host, const AppConfig *config);

/* Checks the values of [security] and [environment] that one key cannot say alone; *pointer (static) is where. NULL:
 * good, else the text of the fault (the caller frees). */
char *limits_config_problem(const AppConfig *config, const char **pointer);
