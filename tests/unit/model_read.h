/* SPDX-License-Identifier: Apache-2.0 */
/* Documents from text, and faults by their exact words: what all tests of the model need. */
#pragma once

#include "base/document.h"
#include "base/fault.h"

#include <string.h>

static inline Node *document_from(DocumentLanguage language, const char *text)
{
    GError *error = NULL;
    Node *node = document_parse(language, text, strlen(text), "test", FAULT_CONFIG, &error);
    g_assert_no_error(error);
    return node;
}

static inline Node *yaml_from(const char *text)
{
    return document_from(DOCUMENT_YAML, text);
}

/* Checks code and the whole message, hint included, and forgets the error. */
static inline void assert_fault(GError **error, enum fault_code code, const char *message)
{
    g_assert_error(*error, FAULT, (int)code);
    g_assert_cmpstr((*error)->message, ==, message);
    g_clear_error(error);
}
