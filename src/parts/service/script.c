/* SPDX-License-Identifier: Apache-2.0 */
/* Words and environment of a unit, said to a shell; script_unit.c asks the manager for them. */
#include "parts/service/script.h"

#include <string.h>

void service_script_clear(ServiceScript *script)
{
    g_free(script->start);
    g_clear_pointer(&script->environment, g_ptr_array_unref);
    g_clear_pointer(&script->files, g_ptr_array_unref);
    g_clear_pointer(&script->directories, g_ptr_array_unref);
    *script = (ServiceScript){0};
}

/* --- words --- */

static gsize name_length(const char *text)
{
    gsize n = 0;
    while (g_ascii_isalnum(text[n]) || text[n] == '_')
        n++;
    return n > 0 && !g_ascii_isdigit(text[0]) ? n : 0;
}

/* ${NAME} at `text`: its length, else 0. */
static gsize braced_length(const char *text)
{
    gsize n = g_str_has_prefix(text, "${") ? name_length(text + 2) : 0;
    return n > 0 && text[2 + n] == '}' ? n + 3 : 0;
}

char *service_script_word(const char *word)
{
    if (word[0] == '$' && word[1] && name_length(word + 1) == strlen(word + 1))
        return g_strdup(word);
    GString *quoted = g_string_new("\"");
    while (*word) {
        gsize variable = braced_length(word);
        if (variable > 0) {
            g_string_append_len(quoted, word, (gssize)variable);
            word += variable;
            continue;
        }
        if (g_str_has_prefix(word, "$$")) /* systemd's way to write one */
            word++;
        if (strchr("\"\\$`", *word))
            g_string_append_c(quoted, '\\');
        g_string_append_c(quoted, *word++);
    }
    g_string_append_c(quoted, '"');
    return g_string_free(quoted, FALSE);
}

/* --- environment files --- */

static void assign(GPtrArray *environment, const char *name, gsize name_size, const char *value)
{
    g_autofree char *entry = g_strdup_printf("%.*s=%s", (int)name_size, name, value);
    for (guint i = environment->len; i > 0; i--)
        if (strncmp(g_ptr_array_index(environment, i - 1), entry, name_size + 1) == 0)
            g_ptr_array_remove_index(environment, i - 1);
    g_ptr_array_add(environment, g_steal_pointer(&entry));
}

/* A quoted run; returns what follows its end. Single quotes keep all; in double ones a backslash makes the next
 * character literal. */
static const char *take_quoted(const char *at, GString *value)
{
    char quote = *at++;
    for (; *at && *at != quote; at++) {
        if (*at == '\\' && at[1] && (quote == '"' || at[1] == '\'')) {
            at++;
            if (*at == '\n')
                continue;
            if (quote == '"' && !strchr("\"\\`$", *at))
                g_string_append_c(value, '\\');
        }
        g_string_append_c(value, *at);
    }
    return *at ? at + 1 : at;
}

/* From behind the '='; returns the end of the line. White space around what is not quoted does not count. */
static const char *take_value(const char *at, GString *value)
{
    gsize keep = 0; /* what is quoted keeps its blanks */
    at += strspn(at, " \t");
    while (*at && *at != '\n') {
        if (*at == '"' || *at == '\'') {
            at = take_quoted(at, value);
            keep = value->len;
        } else if (*at == '\\' && at[1]) {
            if (at[1] != '\n')
                g_string_append_c(value, at[1]);
            at += 2;
        } else {
            g_string_append_c(value, *at++);
        }
    }
    while (value->len > keep && strchr(" \t\r", value->str[value->len - 1]))
        g_string_truncate(value, value->len - 1);
    return at;
}

void service_script_environment(const char *text, GPtrArray *environment)
{
    while (*text) {
        text += strspn(text, " \t\r\n");
        gsize size = name_length(text);
        if (size == 0 || text[size] != '=' || *text == '#' || *text == ';') {
            text += strcspn(text, "\n");
            continue;
        }
        g_autoptr(GString) value = g_string_new(NULL);
        const char *end = take_value(text + size + 1, value);
        assign(environment, text, size, value->str);
        text = end;
    }
}
