/* SPDX-License-Identifier: Apache-2.0 */
/* The version that a document names, exchanged without touching another byte. */
#pragma once

#include "base/document.h"

/* Exchanges the value of the key `version` at the top of a YAML, JSON or TOML text. Its quotes stay as they are; a YAML
 * value without quotes gets them where the new version would be a number or a date to other readers (1.10 is not 1.1).
 * The result is read again: nothing but the version may have changed. `version` is a valid one (model/version.h).
 * FAULT_MANIFEST with line and column where the text cannot be read or the value not be exchanged safely. The caller
 * frees. */
char *version_edit(DocumentLanguage language, const char *bytes, gsize size, const char *name, const char *version,
                   gsize *new_size, GError **error);
