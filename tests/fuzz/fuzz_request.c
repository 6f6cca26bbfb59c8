/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what the side with rights makes of whatever a child without rights answers to a request. The input is what
 * comes through the socket; after an 'f', what stands between empty lines comes as one frame each.
 */
#include "base/fault.h"
#include "base/remote_child.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One line, and perhaps a hint; nothing that a terminal obeys; no code that is not the child's to use. */
static void check_fault(const GError *error)
{
    g_assert_true(error && error->domain == FAULT && g_utf8_validate(error->message, -1, NULL));
    g_assert_cmpuint(strlen(error->message), <, 2000);
    guint n_lines = 1;
    for (const char *at = error->message; *at; at = g_utf8_next_char(at)) {
        n_lines += *at == '\n';
        g_assert_true(*at == '\n' || g_unichar_isprint(g_utf8_get_char(at)));
    }
    g_assert_cmpuint(n_lines, <=, 2);
    g_assert_true(error->code != FAULT_STATE && error->code != FAULT_RIGHTS && error->code < FAULT_N_CODES);
}

static GString *make_stream(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] != 'f')
        return g_string_new_len((const char *)data, (gssize)size);
    GString *stream = g_string_new(NULL);
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    while (at < end) {
        const char *gap = memmem(at, (size_t)(end - at), "\n\n", 2);
        const char *stop = gap ? gap + 1 : end;
        guint32 length = GUINT32_TO_LE((guint32)(stop - at));
        g_string_append_len(stream, (const char *)&length, sizeof length);
        g_string_append_len(stream, at, stop - at);
        at = gap ? gap + 2 : end;
    }
    return stream;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GString) stream = make_stream(data, size);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return 0;
    gssize sent = send(ends[1], stream->str, MIN(stream->len, 60000), MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(ends[1], SHUT_WR);
    g_autoptr(RemoteChild) child = remote_child_adopt("liftlock-unpack", ends[0]);
    g_autoptr(Node) request = node_new_map();
    g_autofree char *etag = NULL;
    RemoteCall call = {
        .request = request, .doing = "reading x", .code = FAULT_ARCHIVE, .total_ms = 1000, .etag = &etag};
    g_autoptr(Node) answer = NULL;
    g_autoptr(GError) error = NULL;
    if (sent >= 0 && !remote_child_call(child, &call, &answer, &error))
        check_fault(error);
    else if (sent >= 0) {
        g_autoptr(Node) document = remote_child_document(child, &call, &error);
        if (!document)
            check_fault(error);
    }
    g_assert_true(!etag || g_utf8_validate(etag, -1, NULL));
    close(ends[1]);
    return 0;
}
