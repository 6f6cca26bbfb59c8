/* SPDX-License-Identifier: Apache-2.0 */
/* The chain from a signature to files: tag, commit, tree. */
#include "parts/source/git_proof.h"

#include "base/fault.h"
#include "base/remote.h"
#include "trust/git_object.h"
#include "trust/git_signature.h"

#include <string.h>

#define TAGS "refs/tags/"

typedef struct Object {
    guchar *bytes; /* NULL: none */
    gsize size;
} Object;

static void object_clear(Object *object)
{
    g_free(object->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Object, object_clear)

static Object object_of(const Node *objects, const char *key)
{
    Object object = {.bytes = NULL};
    const char *text = node_get_text(objects, key, NULL);
    if (text)
        object.bytes = g_base64_decode(text, &object.size);
    return object;
}

/* A signed tag vouches for its commit; where it is not signed, the commit itself must be. */
static gboolean check_signature(const AppConfig *config, const Object *tag, const Object *commit, const char *ref,
                                const char *id, GError **error)
{
    const char *name = g_str_has_prefix(ref, TAGS) ? ref + strlen(TAGS) : NULL;
    g_autoptr(GByteArray) payload = NULL;
    g_autofree char *signature = NULL, *what = NULL;
    if (name && tag->bytes &&
        git_signature_split((const char *)tag->bytes, tag->size, &payload, &signature) != GIT_UNSIGNED) {
        what = g_strdup_printf("tag %s", name);
        if (!git_tag_is_of((const char *)tag->bytes, tag->size, name, id))
            return fault_set(error, FAULT_VERIFY, "%s: what was signed is another tag, or of another commit", what);
        return git_signature_verify((const char *)tag->bytes, tag->size, what, config->trust.allowed_signers,
                                    config->trust.keyring, error);
    }
    what = name ? g_strdup_printf("tag %s, commit %.12s,", name, id) : g_strdup_printf("commit %.12s", id);
    return git_signature_verify((const char *)commit->bytes, commit->size, what, config->trust.allowed_signers,
                                config->trust.keyring, error);
}

gboolean git_proof(const AppConfig *config, const Node *objects, const char *ref, const char *commit, int fd,
                   GError **error)
{
    g_auto(Object) tag = object_of(objects, "tag"), body = object_of(objects, "commit");
    gboolean wide = strlen(commit) == 64;
    g_autofree char *name = body.bytes ? git_object_name("commit", body.bytes, body.size, wide) : NULL;
    g_autofree char *tree = body.bytes ? git_commit_tree((const char *)body.bytes, body.size) : NULL;
    if (!tree || strcmp(name, commit) != 0)
        return fault_set(error, FAULT_VERIFY, "commit %.12s: what was fetched is another one", commit);
    g_autofree char *shown = g_strdup_printf("commit %.12s", commit);
    g_autofree char *found = remote_git_tree(fd, shown, wide, error);
    if (!found)
        return FALSE;
    if (strcmp(found, tree) != 0)
        return fault_set(error, FAULT_VERIFY, "commit %.12s: its files are those of another one", commit);
    return config->trust.level != TRUST_GIT || check_signature(config, &tag, &body, ref, commit, error);
}
