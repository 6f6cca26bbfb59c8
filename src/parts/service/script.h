/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a systemd unit would run, as a shell line: so that a rehearsal can start it where there is no manager. The unit
 * itself is only read.
 */
#pragma once

#include "parts/service/service.h"

typedef struct ServiceScript {
    char *start;            /* a shell line; NULL: not a service unit, nothing to start */
    GPtrArray *environment; /* char *: "NAME=value"; may hold secrets */
    GPtrArray *files;       /* char *: environment files, in their order; "-" before one that may be missing */
    GPtrArray *directories; /* char *: existing directories below /run that must be its own */
} ServiceScript;
void service_script_clear(ServiceScript *script);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ServiceScript, service_script_clear)

/* For a service with a unit. FAULT_REQUIREMENT "service 'web' ..." where it cannot be said as a line for the app's
 * user.
 */
gboolean service_script_read(const PartContext *context, const Service *service, ServiceScript *script, GError **error);

/* One word of an ExecStart line (its specifiers resolved) as a word for the shell: all is literal but ${NAME}, and a
 * word that is nothing but $NAME, which is split (systemd.service(5), "Command lines"). */
char *service_script_word(const char *word);

/* The assignments of an EnvironmentFile (systemd.exec(5)) are added to `environment`, a later one replaces an earlier.
 */
void service_script_environment(const char *text, GPtrArray *environment);
