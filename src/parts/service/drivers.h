/* SPDX-License-Identifier: Apache-2.0 */
/* What the service drivers share among themselves. */
#pragma once

#include "base/fault.h"
#include "parts/service/service.h"

extern const ServiceDriver service_systemd, service_command;

/* FAULT_START "service 'web' is held by 'operator'" if a hold stands and there is no pass. */
gboolean service_check_hold(const Place *place, const Service *service, GError **error);

/* The manifest's limits, or what holds if it says nothing. */
gint64 service_start_limit_ms(const Service *service);
gint64 service_stop_limit_ms(const Service *service);

/* A unit's full name: "web" is "web.service". The caller frees. */
char *service_unit_name(const char *unit);

/* Puts a process that we started, and all that it will start, into a unit (a scope) of its own if we run in a unit of
 * systemd's ourselves: else it would end with us. *scoped says whether that was needed. */
gboolean service_needs_scope(void);
gboolean service_scope_process(const Place *place, const Service *service, pid_t pid, GError **error);
