/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of git: their names, what a tag says it is of, and the signature apart from what is signed. */
#include "trust/git_object.h"

#include "base/fault.h"
#include "trust/git_signature.h"

#include <string.h>

#define COMMIT "2b66fd261ee5c6cfc8de7fa466bab600bcfe4f69"
#define HEADERS "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n"
#define SIGNATURE "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
#define TAG "object " COMMIT "\ntype commit\ntag v1.0.0\ntagger a <a@b> 1 +0000\n\none\n"

static void names(void)
{
    /* as git-hash-object(1) has them */
    g_autofree char *empty = git_object_name("blob", "", 0, FALSE);
    g_assert_cmpstr(empty, ==, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    g_autofree char *tree = git_object_name("tree", "", 0, FALSE);
    g_assert_cmpstr(tree, ==, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    g_autofree char *wide = git_object_name("blob", "", 0, TRUE);
    g_assert_cmpstr(wide, ==, "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813");
    g_autofree char *named = git_commit_tree(HEADERS, strlen(HEADERS));
    g_assert_cmpstr(named, ==, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    g_assert_null(git_commit_tree(TAG, strlen(TAG)));
}

static void tags(void)
{
    g_assert_true(git_tag_is_of(TAG, strlen(TAG), "v1.0.0", COMMIT));
    g_assert_false(git_tag_is_of(TAG, strlen(TAG), "v1.0", COMMIT));
    g_assert_false(git_tag_is_of(TAG, strlen(TAG), "v1.0.0", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"));
    static const char tree[] = "object " COMMIT "\ntype tree\ntag v1.0.0\n\n";
    g_assert_false(git_tag_is_of(tree, strlen(tree), "v1.0.0", COMMIT));
    static const char twice[] = "object " COMMIT "\ntag v1.0.0\ntype commit\ntag v2.0.0\n\n";
    g_assert_false(git_tag_is_of(twice, strlen(twice), "v1.0.0", COMMIT));
}

static void expect_split(const char *object, GitSigned kind, const char *payload, const char *signature)
{
    g_autoptr(GByteArray) got = NULL;
    g_autofree char *text = NULL;
    g_assert_cmpint(git_signature_split(object, strlen(object), &got, &text), ==, kind);
    g_assert_cmpmem(got->data, got->len, payload, strlen(payload));
    g_assert_cmpstr(text, ==, signature);
}

static void signatures(void)
{
    expect_split(TAG, GIT_UNSIGNED, TAG, "");
    expect_split(TAG SIGNATURE, GIT_SIGNED_SSH, TAG, SIGNATURE);
    expect_split(TAG SIGNATURE "more\n" SIGNATURE, GIT_SIGNED_SSH, TAG SIGNATURE "more\n", SIGNATURE);
    expect_split(HEADERS "\nmessage\n", GIT_UNSIGNED, HEADERS "\nmessage\n", "");
    expect_split(HEADERS "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----\n\nmessage\n",
                 GIT_SIGNED_PGP, HEADERS "\nmessage\n",
                 "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n");
    /* in a message it is nobody's signature */
    expect_split(HEADERS "\ngpgsig -----BEGIN PGP SIGNATURE-----\n AAAA\n", GIT_UNSIGNED,
                 HEADERS "\ngpgsig -----BEGIN PGP SIGNATURE-----\n AAAA\n", "");
}

static void expect_refused(const char *object, const char *signers, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(git_signature_verify(object, strlen(object), "tag v1.0.0", signers, NULL, &error));
    g_assert_error(error, FAULT, FAULT_VERIFY);
    g_assert_cmpstr(error->message, ==, message);
}

static void refusals(void)
{
    expect_refused(TAG, NULL, "tag v1.0.0 is not signed");
    expect_refused(TAG SIGNATURE, NULL,
                   "tag v1.0.0 is signed with an ssh key, but there is no 'allowed_signers' in [trust]");
    expect_refused(TAG SIGNATURE, "/dev/null",
                   "tag v1.0.0: the signature is of none of the keys that may sign, or does not fit");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/git/objects have the names that git gives them", names);
    g_test_add_func("/git/a tag is of one name and one commit", tags);
    g_test_add_func("/git/a signature is taken from what it signs", signatures);
    g_test_add_func("/git/what is not signed by an allowed key is refused", refusals);
    return g_test_run();
}
