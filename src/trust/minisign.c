/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/minisign.h"
