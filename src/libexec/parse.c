/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liftlock-parse: reads documents and signed metadata from elsewhere. Does one request from descriptor 3. It is no part
 * of liftlock-unpack because it is started for every file of metadata, and loading a decompression library takes longer
 * than reading them.
 */
#include "base/canonical.h"
#include "base/document.h"
#include "base/envelope.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/sandbox.h"
#include "libexec/child.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES (3ull * 1024 * 1024 * 1024) /* the largest document, a node for each of its bytes */
#define CPU_SECONDS 120

static void answer(gboolean done, Node *result, const GError *error)
{
    if (done) {
        child_result(result);
        return;
    }
    node_free(result);
    child_fault(error, NULL);
}

/* fds: text. At most one byte more than `limit`, from where the descriptor begins. */
static char *read_text(int fd, const char *name, gsize limit, gsize *size, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[16 * 1024];
    while (text->len <= limit) {
        ssize_t n = pread(fd, buffer, sizeof buffer, (off_t)text->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fault_errno(error, FAULT_SYSTEM, errno, "%s: cannot read it", name);
            return NULL;
        }
        if (n == 0)
            break;
        g_string_append_len(text, buffer, n);
    }
    *size = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void do_parse(const ChildRequest *request)
{
    const Node *node = request->node;
    const char *name = node_get_text(node, "name", "");
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = read_text(request->fds[0], name, DOCUMENT_MAX_BYTES, &size, &error);
    g_autoptr(Node) document = text ? document_parse((DocumentLanguage)node_get_int(node, "language", 0), text, size,
                                                     name, (int)node_get_int(node, "code", FAULT_SOURCE), &error)
                                    : NULL;
    answer(document != NULL, node_new_map(), error);
    if (document)
        child_document(document);
}

/* fds: signed document, where the bytes go that the signatures are made over */
static void do_envelope(const ChildRequest *request)
{
    const Node *node = request->node;
    const char *name = node_get_text(node, "name", "");
    int code = (int)node_get_int(node, "code", FAULT_VERIFY);
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = read_text(request->fds[0], name, CANONICAL_MAX_BYTES, &size, &error);
    g_autoptr(Envelope) envelope = text ? envelope_read(text, size, name, code, &error) : NULL;
    gboolean done = envelope != NULL;
    if (done && !fs_write_all(request->fds[1], envelope->bytes, envelope->size))
        done = fault_errno(&error, FAULT_SYSTEM, errno, "cannot hand over '%s'", name);
    Node *result = node_new_map(), *list = node_new_list();
    for (guint i = 0; done && i < envelope->signatures->len; i++) {
        const EnvelopeSignature *signature = g_ptr_array_index(envelope->signatures, i);
        Node *item = node_new_map();
        child_set_text(item, "keyid", signature->keyid, strlen(signature->keyid));
        child_set_text(item, "sig", signature->sig, strlen(signature->sig));
        node_append(list, item);
    }
    node_set(result, "signatures", list);
    answer(done, result, error);
}

static const struct {
    const char *name;
    guint n_fds;
    void (*run)(const ChildRequest *request);
} operations[] = {{"parse", 1, do_parse}, {"envelope", 2, do_envelope}};

int main(void)
{
    child_begin("liftlock-parse", FALSE, MEMORY_BYTES, 64);
    child_limit_time(CPU_SECONDS);
    ChildRequest request;
    g_autoptr(GError) error = NULL;
    if (!child_receive(&request))
        _exit(1);
    const char *name = node_get_text(request.node, "do", "");
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (!g_str_equal(name, operations[i].name) || request.n_fds != operations[i].n_fds)
            continue;
        if (sandbox_enter(&(SandboxRules){.read_paths = NULL}, &(gboolean){FALSE}, &error))
            operations[i].run(&request);
        else
            child_fault(error, NULL);
        _exit(0); /* nothing is left to be written, and what exit handlers do is not worth its risk */
    }
    fault_set(&error, FAULT_USAGE, "liftlock-parse: unknown request");
    child_fault(error, NULL);
    _exit(0);
}
