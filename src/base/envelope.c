/* SPDX-License-Identifier: Apache-2.0 */
/* Signed documents, taken apart and put together. */
#include "base/envelope.h"

#include "base/canonical.h"
#include "base/fault.h"

#include <string.h>

static void signature_free(gpointer data)
{
    EnvelopeSignature *signature = data;
    g_free(signature->keyid);
    g_free(signature->sig);
    g_free(signature);
}

Envelope *envelope_new(void)
{
    Envelope *envelope = g_new0(Envelope, 1);
    envelope->signatures = g_ptr_array_new_with_free_func(signature_free);
    return envelope;
}

void envelope_free(Envelope *envelope)
{
    if (!envelope)
        return;
    g_free(envelope->bytes);
    g_ptr_array_unref(envelope->signatures);
    g_free(envelope);
}

gboolean envelope_add(Envelope *envelope, const char *keyid, const char *sig)
{
    if (envelope->signatures->len >= ENVELOPE_MAX_SIGNATURES || strlen(keyid) > ENVELOPE_MAX_KEYID_BYTES ||
        strlen(sig) > ENVELOPE_MAX_SIG_BYTES)
        return FALSE;
    for (guint i = 0; i < envelope->signatures->len; i++) {
        const EnvelopeSignature *other = g_ptr_array_index(envelope->signatures, i);
        if (g_str_equal(other->keyid, keyid))
            return FALSE;
    }
    EnvelopeSignature *signature = g_new(EnvelopeSignature, 1);
    *signature = (EnvelopeSignature){.keyid = g_strdup(keyid), .sig = g_strdup(sig)};
    g_ptr_array_add(envelope->signatures, signature);
    return TRUE;
}

static const char *string_of(const Node *map, const char *key)
{
    const Node *node = node_get(map, key);
    return node && node->kind == NODE_SCALAR && node->type == SCALAR_STRING ? node->text : NULL;
}

static gboolean take_signatures(Envelope *envelope, const Node *list, const char *name, int code, GError **error)
{
    if (!list || list->kind != NODE_LIST)
        return fault_set(error, (enum fault_code)code, "%s: 'signatures' is not a list", name);
    if (list->items->len > ENVELOPE_MAX_SIGNATURES)
        return fault_set(error, (enum fault_code)code, "%s: more than %d signatures", name, ENVELOPE_MAX_SIGNATURES);
    for (guint i = 0; i < list->items->len; i++) {
        const Node *item = g_ptr_array_index(list->items, i);
        const char *keyid = string_of(item, "keyid"), *sig = string_of(item, "sig");
        if (!keyid || !sig)
            return fault_set(error, (enum fault_code)code, "%s: signature %u has no 'keyid' or no 'sig'", name, i + 1);
        if (!envelope_add(envelope, keyid, sig))
            return fault_set(error, (enum fault_code)code,
                             "%s: signature %u is too long, or its key has signed already", name, i + 1);
    }
    return TRUE;
}

Envelope *envelope_read(const char *bytes, gsize size, const char *name, int fault_code, GError **error)
{
    g_autoptr(Node) root = canonical_read(bytes, size, name, fault_code, error);
    if (!root)
        return NULL;
    g_autoptr(Envelope) envelope = envelope_new();
    const Node *content = node_get(root, "signed");
    if (!content || content->kind != NODE_MAP) {
        fault_set(error, (enum fault_code)fault_code, "%s: 'signed' is not a map", name);
        return NULL;
    }
    if (!take_signatures(envelope, node_get(root, "signatures"), name, fault_code, error))
        return NULL;
    envelope->bytes = canonical_write(content, &envelope->size);
    return g_steal_pointer(&envelope);
}

char *envelope_write(const Node *content, const GPtrArray *signatures, gsize *size)
{
    g_autoptr(Node) list = node_new_list();
    for (guint i = 0; i < signatures->len; i++) {
        const EnvelopeSignature *signature = g_ptr_array_index(signatures, i);
        Node *item = node_new_map();
        node_set_text(item, "keyid", signature->keyid);
        node_set_text(item, "sig", signature->sig);
        node_append(list, item);
    }
    g_autofree char *list_text = node_to_json(list, 0), *content_text = node_to_json(content, 0);
    char *text = g_strconcat("{\"signatures\":", list_text, ",\"signed\":", content_text, "}\n", NULL);
    if (size)
        *size = strlen(text);
    return text;
}
