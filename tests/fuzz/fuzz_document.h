/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every document that any reader accepts. */
#pragma once

#include "base/document.h"

#include <string.h>

/* It crosses as records unchanged, and its JSON is JSON. */
static inline void check_node(const Node *node)
{
    g_autofree char *records = node_to_records(node);
    g_autoptr(Node) crossed = node_from_records(records, strlen(records), NULL);
    g_assert_nonnull(crossed);
    g_autofree char *crossed_records = node_to_records(crossed);
    g_assert_cmpstr(crossed_records, ==, records);

    g_autofree char *json = node_to_json(node, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) read = document_parse(DOCUMENT_JSON, json, strlen(json), "json", 0, &error);
    if (!read && strlen(json) > DOCUMENT_MAX_BYTES)
        return; /* escapes may have made it too large */
    g_assert_no_error(error);
    g_autofree char *again = node_to_json(read, 0);
    g_assert_cmpstr(again, ==, json);
}

/* Parses and checks; an error must have the form of ours. */
static inline void check_document(DocumentLanguage language, const unsigned char *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = document_parse(language, (const char *)bytes, size, "f", 0, &error);
    if (node)
        check_node(node);
    else
        g_assert_true(g_str_has_prefix(error->message, "f:") && g_utf8_validate(error->message, -1, NULL));
}
