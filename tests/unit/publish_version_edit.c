/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of publish/version_edit.h: exact bytes. */
#include "publish/version_edit.h"

#include "base/fault.h"

#include <string.h>

typedef struct Case {
    DocumentLanguage language;
    const char *before, *version, *after;
} Case;

static void check(const Case *row)
{
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    g_autofree char *after =
        version_edit(row->language, row->before, strlen(row->before), "f", row->version, &size, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(after, ==, row->after);
    g_assert_cmpuint(size, ==, strlen(row->after));
}

static void refused(const Case *row)
{
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    g_assert_null(version_edit(row->language, row->before, strlen(row->before), "f", row->version, &size, &error));
    g_assert_error(error, FAULT, FAULT_MANIFEST);
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, row->after);
}

static void yaml(void)
{
    static const Case rows[] = {
        {DOCUMENT_YAML, "app: a\nversion: 1.2.3\n", "1.3.0", "app: a\nversion: 1.3.0\n"},
        {DOCUMENT_YAML, "# first\n\nversion:   \"1.2.3\"   # ours\napp: a", "10.20.30-rc.1",
         "# first\n\nversion:   \"10.20.30-rc.1\"   # ours\napp: a"},
        {DOCUMENT_YAML, "version: '1.2.3'\r\napp: a\r\n", "1.2.4", "version: '1.2.4'\r\napp: a\r\n"},
        {DOCUMENT_YAML, "{app: \u00fc\u20ac\U0001f600, version: 1.2.3, description: version}\n", "1.2.4",
         "{app: \u00fc\u20ac\U0001f600, version: 1.2.4, description: version}\n"},
        {DOCUMENT_YAML, "version: 1.2.3\nrequirements:\n  version: 1.2.3\nd: 1.2.3 # 1.2.3\n", "2.0.0",
         "version: 2.0.0\nrequirements:\n  version: 1.2.3\nd: 1.2.3 # 1.2.3\n"},
        {DOCUMENT_YAML, "version: 1.9\n", "1.10", "version: \"1.10\"\n"},
        {DOCUMENT_YAML, "version: 1.9.0\n", "2e5", "version: \"2e5\"\n"},
        {DOCUMENT_YAML, "version: 1.9.0\n", "2026-11-20", "version: \"2026-11-20\"\n"},
        {DOCUMENT_YAML, "version: '1.9'\n", "1.10", "version: '1.10'\n"},
        {DOCUMENT_YAML, "\"version\": 1.2.3\n", "1.2.4", "\"version\": 1.2.4\n"},
        {DOCUMENT_YAML, "version:\n  1.2.3\nb:   [ 1,2 ]   \n\n\n", "1.2.4",
         "version:\n  1.2.4\nb:   [ 1,2 ]   \n\n\n"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        check(&rows[i]);
}

static void json_and_toml(void)
{
    static const Case rows[] = {
        {DOCUMENT_JSON, "{\"version\":\"1.2.3\",\"a\": {\"version\": \"1.2.3\"} }", "1.2.4",
         "{\"version\":\"1.2.4\",\"a\": {\"version\": \"1.2.3\"} }"},
        {DOCUMENT_JSON, "{\n\t\"a\" : \"\u00fc\", \"version\"  : \"1\"\r\n}\n", "1.10",
         "{\n\t\"a\" : \"\u00fc\", \"version\"  : \"1.10\"\r\n}\n"},
        {DOCUMENT_TOML, "# c\nversion = \"1.2.3\" # d\n[a]\nversion = '1.2.3'\n", "1.2.4",
         "# c\nversion = \"1.2.4\" # d\n[a]\nversion = '1.2.3'\n"},
        {DOCUMENT_TOML, "version='1.2.3'", "1.2.4", "version='1.2.4'"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        check(&rows[i]);
}

static void unsafe(void)
{
    static const Case rows[] = {
        {DOCUMENT_YAML, "a: 1\n", "1.2.4", "f:1:1: there is no 'version'"},
        {DOCUMENT_YAML, "a: 1\nversion: [1]\n", "1.2.4",
         "f:2:10: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_YAML, "version: |\n  1.2.3\n", "1.2.4",
         "f:1:10: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_YAML, "version: \"1.2\\x2e3\"\n", "1.2.4",
         "f:1:10: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_YAML, "version:\n", "1.2.4", "f:1:9: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_JSON, "{\"version\": \"1\\u002e2\"}", "1.2.4",
         "f:1:13: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_TOML, "version = \"\"\"1.2.3\"\"\"", "1.2.4",
         "f:1:11: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_TOML, "version = 1", "1.2.4", "f:1:11: the version is written in a way that cannot be edited safely"},
        {DOCUMENT_YAML, "version: 1\nversion: 2\n", "1.2.4", "f:2:1: the key \"version\" appears twice (line 1)"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        refused(&rows[i]);
}

/* What comes out is what went in, wherever the version stands, and the way back gives the same bytes. */
static void there_and_back(void)
{
    static const char *const around[] = {"",
                                         "# \u00fc\n",
                                         "a: 1\n",
                                         "\n\n",
                                         "b:\n  - x # y\n  - 'version: 1.2.3'\n",
                                         "c: >-\n  version: 1.2.3\n\n  more\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(around); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(around); j++) {
            if (i == j && *around[i] != '\n' && *around[i] != '#')
                continue;
            g_autofree char *old = g_strconcat(around[i], "version: 1.2.3\n", around[j], NULL);
            g_autofree char *wanted = g_strconcat(around[i], "version: 12.0.0-beta\n", around[j], NULL);
            check(&(Case){DOCUMENT_YAML, old, "12.0.0-beta", wanted});
            check(&(Case){DOCUMENT_YAML, wanted, "1.2.3", old});
        }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/version-edit/in YAML nothing but the version changes", yaml);
    g_test_add_func("/version-edit/nor in JSON and TOML", json_and_toml);
    g_test_add_func("/version-edit/what cannot be edited safely is refused by place", unsafe);
    g_test_add_func("/version-edit/there and back gives the same bytes", there_and_back);
    return g_test_run();
}
