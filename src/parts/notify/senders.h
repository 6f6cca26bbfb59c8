/* SPDX-License-Identifier: Apache-2.0 */
/* What the notification drivers share among themselves. */
#pragma once

#include "base/fault.h"
#include "parts/notify/notify.h"

extern const NotifyDriver notify_webhook, notify_mail, notify_command, notify_log;
