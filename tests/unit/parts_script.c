/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/service/script.h"

static void words(void)
{
    static const struct {
        const char *word, *said;
    } rows[] = {
        {"plain", "\"plain\""},
        {"two words", "\"two words\""},
        {"a\"b`c\\d", "\"a\\\"b\\`c\\\\d\""},
        {"$PORT", "$PORT"},                       /* split by systemd too */
        {"${PORT}", "\"${PORT}\""},               /* not split */
        {"--port=${PORT}", "\"--port=${PORT}\""}, /* inside a word */
        {"--port=$PORT", "\"--port=\\$PORT\""},   /* systemd takes only the braces there */
        {"$$HOME", "\"\\$HOME\""},                /* its way to write a dollar */
        {"$(reboot)", "\"\\$(reboot)\""},
        {"${9}", "\"\\${9}\""},
        {"", "\"\""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *said = service_script_word(rows[i].word);
        g_assert_cmpstr(said, ==, rows[i].said);
    }
}

/* systemd.exec(5), EnvironmentFile=. */
static void environment_files(void)
{
    static const struct {
        const char *text, *entries;
    } rows[] = {
        {"A=1\nB=two\n", "A=1|B=two"},
        {"# A=1\n; B=2\n\n  C = 3\nD=4", "D=4"},
        {"A=one two  \n", "A=one two"},
        {"A=\"one # two\"  \n", "A=one # two"},
        {"A='it is $HOME'\n", "A=it is $HOME"},
        {"A=\"say \\\"hi\\\" \\$x\"\n", "A=say \"hi\" $x"},
        {"A=one\\\ntwo\n", "A=onetwo"},
        {"A=1\nB=2\nA=3\n", "B=2|A=3"},
        {"A=\nexport B=2\n", "A="},
        {"A=postgresql://u:p%40ss@h/db?sslmode=disable\r\n", "A=postgresql://u:p%40ss@h/db?sslmode=disable"},
        {"A=\"never closed", "A=never closed"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) environment = g_ptr_array_new_with_free_func(g_free);
        service_script_environment(rows[i].text, environment);
        g_ptr_array_add(environment, NULL);
        g_autofree char *entries = g_strjoinv("|", (char **)environment->pdata);
        g_assert_cmpstr(entries, ==, rows[i].entries);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/script/a word of ExecStart means to the shell what it means to systemd", words);
    g_test_add_func("/script/an environment file is read as systemd reads it", environment_files);
    return g_test_run();
}
