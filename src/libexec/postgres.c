/* SPDX-License-Identifier: Apache-2.0 */
/* liftlock-postgres REQUEST_FD: reads a request, does it, prints the answer as records. */
#include "libexec/postgres.h"

#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define REQUEST_LIMIT_BYTES (8 * 1024 * 1024)

static const struct {
    const char *name;
    PostgresOperation run;
} operations[] = {
    {"look", postgres_look},
    {"retarget", postgres_retarget},
    {"rights", postgres_rights},
    {"query", postgres_query},
    {"fingerprint", postgres_fingerprint},
    {"sessions", postgres_sessions},
    {"end", postgres_end},
    {"oids", postgres_oids},
    {"copy", postgres_copy},
    {"swap", postgres_swap},
    {"drop", postgres_drop},
    {"flush", postgres_flush},
    {"dump", postgres_dump},
    {"make", postgres_make},
    {"fill", postgres_fill},
    {"finish", postgres_finish},
    {"verify", postgres_verify},
    {"tools", postgres_tools},
    {"migrate", postgres_migrate},
    {"record", postgres_record},
};

static Node *read_request(int fd)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    char buffer[16384];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 && bytes->len < REQUEST_LIMIT_BYTES)
        g_string_append_len(bytes, buffer, n);
    return n == 0 ? node_from_records(bytes->str, bytes->len, NULL) : NULL;
}

static Node *answer_of(const Node *request, GError **error)
{
    const char *name = node_get_text(request, "do", "");
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            return operations[i].run(request, error);
    fault_set(error, FAULT_USAGE, "there is no operation '%s'", name);
    return NULL;
}

static Node *fault_node(const GError *error)
{
    Node *node = node_new_map();
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    g_autofree char *valid = g_utf8_make_valid(text, -1), *valid_hint = hint ? g_utf8_make_valid(hint, -1) : NULL;
    node_set_text(node, "answer", "fault");
    node_set_int(node, "code", (gint64)fault_code_of(error));
    node_set_text(node, "text", valid);
    if (hint)
        node_set_text(node, "hint", valid_hint);
    return node;
}

int main(int argc, char **argv)
{
    const struct rlimit none = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) request = argc == 2 ? read_request(atoi(argv[1])) : NULL;
    if (!request) {
        g_printerr("liftlock-postgres: this program is not for people\n");
        return 2;
    }
    /* A core would hold passwords, and so would our memory, for who else runs as this user. */
    if (geteuid() == 0 || setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0) < 0)
        return 125;
    g_autoptr(Node) answer = answer_of(request, &error);
    if (answer)
        node_set_text(answer, "answer", "result");
    else
        answer = fault_node(error);
    g_autofree char *records = node_to_records(answer);
    return fputs(records, stdout) < 0 || fflush(stdout) != 0 ? 1 : 0;
}
