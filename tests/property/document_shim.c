/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document reader for tests in other languages: answers requests on standard input, one after the other.
 *
 * Request "WHAT SIZE\n" and SIZE bytes; answer "ok SIZE\n" or "error SIZE\n" and as many bytes. WHAT is a language
 * (yaml, json, toml, records: answers JSON), a language and "-records" (answers records) or "toml-emit".
 */
#include "base/document.h"
#include "base/toml.h"

#include <stdio.h>
#include <string.h>

static void answer(const char *word, const char *bytes, gsize size)
{
    printf("%s %zu\n", word, size);
    fwrite(bytes, 1, size, stdout);
    fflush(stdout);
}

static Node *parse(const char *language, const char *bytes, gsize size, GError **error)
{
    static const struct {
        const char *name;
        DocumentLanguage language;
    } rows[] = {{"yaml", DOCUMENT_YAML}, {"json", DOCUMENT_JSON}, {"toml", DOCUMENT_TOML}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, language) == 0)
            return document_parse(rows[i].language, bytes, size, "text", 0, error);
    }
    return node_from_records(bytes, size, error);
}

static char *emit(const char *bytes, gsize size, gsize *emitted, GError **error)
{
    g_autoptr(TomlText) text = toml_parse(bytes, size, "text", 0, error);
    return text ? toml_emit(text, emitted) : NULL;
}

static void serve(char *what, const char *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    gsize out_size = 0;
    if (strcmp(what, "toml-emit") == 0) {
        out = emit(bytes, size, &out_size, &error);
    } else {
        gboolean records = g_str_has_suffix(what, "-records");
        if (records)
            what[strlen(what) - strlen("-records")] = 0;
        g_autoptr(Node) node = parse(what, bytes, size, &error);
        out = !node ? NULL : records ? node_to_records(node) : node_to_json(node, 0);
        out_size = out ? strlen(out) : 0;
    }
    if (out)
        answer("ok", out, out_size);
    else
        answer("error", error->message, strlen(error->message));
}

int main(void)
{
    char what[32];
    gsize size;
    while (scanf("%31s %zu", what, &size) == 2 && getchar() == '\n') {
        g_autofree char *bytes = g_malloc(size + 1);
        if (fread(bytes, 1, size, stdin) != size)
            return 1;
        serve(what, bytes, size);
    }
    return 0;
}
