/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the table of switches. */
#pragma once

#include "parts/switch/switch.h"

extern const SwitchDriver switch_caddy, switch_nginx;
