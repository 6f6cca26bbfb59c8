/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read an app's configuration share. */
#pragma once

#include "model/config.h"

typedef struct ConfigChecker {
    const char *path;
    const Node *document;
    GError **error;
} ConfigChecker;

/* A fault at the value that `pointer` names, or at its table where it is absent. FALSE. */
gboolean config_fault_at(const ConfigChecker *checker, const char *pointer, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

extern const Key config_source_keys[]; /* [source] */

/* What the keys of [source] and [trust] cannot say one by one. */
gboolean config_source_check(const ConfigChecker *checker, const AppConfig *config);
gboolean config_trust_check(const ConfigChecker *checker, const AppConfig *config);
