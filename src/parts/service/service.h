/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services: what runs. While a hold stands (place->hold has entries) no service of the app starts, not after a
 * reboot, not by Restart=, timer or socket; a pass (place->pass/UNIT, gone after a reboot) lets one through.
 */
#pragma once

#include "parts/part.h"

typedef struct ServiceState {
    gboolean known;   /* the manager knows it */
    gboolean active;  /* runs, or waits for its first connection (socket) */
    gboolean enabled; /* starts at boot */
    gboolean masked;
    gboolean at_rest;   /* its administrator wants it so: masked or stopped; not failed, not about to start */
    char *enablement;   /* as the manager says: "enabled", "static", "masked" ... */
    guint64 restarts;   /* by the manager itself, since the last start */
    pid_t main_pid;     /* 0: none */
    guint64 main_start; /* its start time, ticks: tells the old process from the new one */
    gboolean killed;    /* it ended by somebody's SIGKILL, which says nothing of the release */
    char *description;  /* for people: "active (running) since ...", "exit status 3" */
} ServiceState;
void service_state_clear(ServiceState *state);

typedef struct ServiceDriver {
    const char *name, *summary;
    gboolean (*observe)(const PartContext *context, const Service *service, ServiceState *state, GError **error);
    /* Once per install or change of services: hold drop-ins and the like. Idempotent, reversible by `retire`. */
    gboolean (*equip)(const PartContext *context, const Service *service, GError **error);
    gboolean (*retire)(const PartContext *context, const Service *service, GError **error);
    /* Starts and waits until the manager says so; FAULT_START. Idempotent. */
    gboolean (*start)(const PartContext *context, const Service *service, GError **error);
    /* Stops and observes that no process of it is left (its cgroup or marked processes are empty); FAULT_DRAIN.
     * Idempotent. */
    gboolean (*stop)(const PartContext *context, const Service *service, GError **error);
    /* Pids of all its processes now: GArray of pid_t. */
    GArray *(*processes)(const PartContext *context, const Service *service);
    /* Who keeps it running is there, and means to; what is stopped otherwise says nothing of the release. NULL: nobody
     * does but liftlock. */
    gboolean (*stands)(const PartContext *context, const Service *service, GError **error);
} ServiceDriver;

extern const ServiceDriver *const service_drivers[];       /* NULL-terminated */
const ServiceDriver *service_find(const Service *service); /* never NULL: "systemd" if it has a unit, else "command" */

/* The name below place->pass that lets this service through a hold: its unit's full name ("web.service") or, for driver
 * command, its own name. The caller frees. */
char *service_pass_name(const Service *service);

/* Who holds the app: the first claim's name, NULL if no hold stands or the service has its pass. The caller frees. */
char *service_held_by(const Place *place, const Service *service);

/* Puts back whether a unit starts at boot: `enablement` is what `observe` returned earlier ("enabled", "disabled",
 * "enabled-runtime"; words that no command sets, such as "static" or "generated", are good as they are). A mask that
 * came in between is taken away, one that was there is put back. Nothing to do for driver command. Idempotent;
 * FAULT_START. */
gboolean service_restore_enablement(const PartContext *context, const Service *service, const char *enablement,
                                    GError **error);

/* Lets a unit read its configuration anew (systemctl reload), and waits for the end of that: FAULT_SYSTEM if it is not
 * active, cannot reload, or says that it failed. */
gboolean service_reload_unit(const Place *place, const char *unit, gint64 timeout_ms, GError **error);

/* FAULT_REQUIREMENT if the unit of a service with a switch runs out of `current`, which moves under the old instance.
 */
gboolean service_check_instance(const PartContext *context, const Service *service, GError **error);

/* The inner program `wait-hold HOLD PASS`: returns 0 as soon as the directory HOLD has no entry, or PASS exists (one
 * that ends in ".once" it takes away). It is what a unit that a socket may start waits on while a hold stands. argv[0]
 * is "wait-hold". Returns an exit status. */
int service_wait_hold_main(int argc, char **argv);
