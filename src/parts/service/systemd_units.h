/* SPDX-License-Identifier: Apache-2.0 */
/* The systemd driver's other rooms: unit files and cgroups. */
#pragma once

#include "parts/service/drivers.h"

/* systemd_hold.c: the drop-in that makes a hold hold, and the unit that waits. */
gboolean systemd_equip(const PartContext *context, const Service *service, GError **error);
gboolean systemd_retire(const PartContext *context, const Service *service, GError **error);

/* Whether it was given a unit that waits. */
gboolean systemd_waits(const Place *place, const Service *service);

/* A pass of this ending is used up by the start that it lets through. */
#define WAIT_HOLD_ONCE ".once"

/* FAULT_MANIFEST "'a/b' is no name of a unit" */
gboolean service_check_unit_name(const char *unit, GError **error);

/* Ends all processes in these cgroups but ourselves: SIGTERM, after grace_ms SIGKILL. *left as for process_end_all. */
gboolean service_empty_groups(char **groups, gint64 grace_ms, gint64 timeout_ms, char **left);
