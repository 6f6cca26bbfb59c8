/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are switched: each release runs as an instance of its own of a template unit. */
#pragma once

#include "model/config.h"

extern const char *const proxy_names[]; /* words of 'proxy': the drivers of parts/switch */

/* What a switch asks of the rest of the manifest; FAULT_MANIFEST at the place of what is wrong. */
gboolean manifest_check_switches(const Manifest *manifest, const char *name, GError **error);

/* Names the instances: "web@.service" of release 2.0.0 is "web@2.0.0.service", and its socket has the version. */
void manifest_fill_instances(Manifest *manifest);

/* The unit of `template` ("web@.service") for a version, escaped as systemd.unit(5) says. The caller frees. */
char *unit_of_version(const char *template, const char *version);

/* The unit that belongs to the app: the template, or the unit itself; NULL if the service has none. Borrowed. */
const char *service_own_unit(const Service *service);

/* The proxy's file below the app's root, its unit and where to ask, with the host's word ([switch.NAME]) first; url may
 * be NULL. switch_view_clear frees what is in it. */
typedef struct SwitchView {
    char *proxy, *file, *unit, *url;
} SwitchView;
SwitchView switch_view(const AppConfig *config, const Service *service);
void switch_view_clear(SwitchView *view);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SwitchView, switch_view_clear)
