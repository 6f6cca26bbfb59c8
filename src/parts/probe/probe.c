/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/probe/probe.h"
