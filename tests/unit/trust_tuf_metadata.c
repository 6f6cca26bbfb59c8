/* SPDX-License-Identifier: Apache-2.0 */
/* TUF metadata: keys and signatures of others, what each kind must hold, and what we make ourselves. */
#include "base/canonical.h"
#include "base/fault.h"
#include "trust/tuf_write.h"
#include "tuf_vectors.h"

#include <string.h>

#define NAME "f.json"
#define FAR 4102444800 /* 2100 */

/* --- keys --------------------------------------------------------------------------------------------------- */

static Node *node_of(const char *json)
{
    g_autoptr(GError) error = NULL;
    Node *node = canonical_read(json, strlen(json), "case", FAULT_VERIFY, &error);
    g_assert_no_error(error);
    return node;
}

static TufKey *key_of(const char *json, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = node_of(json);
    g_autofree char *true_id = tuf_key_id(node);
    TufKey *key = tuf_key_read(id ? id : true_id, node, NAME, &error);
    g_assert_no_error(error);
    return key;
}

static void test_vectors(void)
{
    static const char message[] = "{\"a\":1}";
    for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
        const Vector *vector = &vectors[i];
        g_test_message("%s", vector->what);
        g_autoptr(TufKey) key = key_of(vector->key, vector->id);
        g_assert_cmpint(tuf_key_verify(key, message, strlen(message), vector->sig), ==, vector->good);
        g_assert_false(tuf_key_verify(key, message, strlen(message) - 1, vector->sig));
        g_assert_false(tuf_key_verify(key, "", 0, vector->sig));
        /* under any other name it counts for nothing */
        g_autoptr(TufKey) other = key_of(vector->key, vectors[(i + 1) % G_N_ELEMENTS(vectors)].id);
        g_assert_true(!g_str_equal(other->id, vector->id) || i == 4 || i == 5);
        if (!g_str_equal(other->id, vector->id))
            g_assert_false(tuf_key_verify(other, message, strlen(message), vector->sig));
        g_autofree char *upper = g_ascii_strup(vector->id, -1);
        g_autoptr(TufKey) shouted = key_of(vector->key, upper);
        g_assert_false(tuf_key_verify(shouted, message, strlen(message), vector->sig));
    }
}

static void test_bent_signatures(void)
{
    static const char message[] = "{\"a\":1}";
    g_autoptr(TufKey) key = key_of(vectors[0].key, NULL);
    const char *sig = vectors[0].sig;
    g_autofree char *longer = g_strconcat(sig, "00", NULL), *odd = g_strndup(sig, 127), *upper = g_ascii_strup(sig, -1),
                    *letters = g_strdup(sig), *shorter = g_strndup(sig, 126);
    letters[5] = 'x';
    g_assert_true(tuf_key_verify(key, message, strlen(message), upper));
    const char *const bad[] = {"", "0", "00", longer, odd, letters, shorter, " ", "\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(tuf_key_verify(key, message, strlen(message), bad[i]));
    for (gsize i = 0; i < strlen(sig); i++) {
        g_autofree char *flipped = g_strdup(sig);
        flipped[i] = flipped[i] == '0' ? '1' : '0';
        g_assert_false(tuf_key_verify(key, message, strlen(message), flipped));
    }
}

static void test_useless_keys(void)
{
    static const char *const cases[] = {
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"\"}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519ph\",\"keyval\":{\"public\":\"00\"}}",
        "{\"keytype\":\"rsa\",\"scheme\":\"rsa-pkcs1v15-sha256\",\"keyval\":{\"public\":\"x\"}}",
        "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{\"public\":\"-----BEGIN\"}}",
        "{\"keytype\":\"sphincs\",\"scheme\":\"sphincs\",\"keyval\":{\"public\":\"x\"}}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TufKey) key = key_of(cases[i], NULL);
        g_assert_null(key->inner);
        g_assert_false(tuf_key_verify(key, "", 0, vectors[0].sig));
    }
    static const char *const none[] = {"{}", "[]", "\"x\"",
                                       "{\"keytype\":1,\"scheme\":\"x\",\"keyval\":{\"public\":\"\"}}",
                                       "{\"keytype\":\"x\",\"scheme\":\"x\",\"keyval\":[]}"};
    for (gsize i = 0; i < G_N_ELEMENTS(none); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Node) node = node_of(none[i]);
        g_assert_null(tuf_key_read("x", node, NAME, &error));
        g_assert_cmpstr(error->message, ==, "f.json: a key without 'keytype', 'scheme' or 'keyval.public'");
    }
}

/* --- envelopes ---------------------------------------------------------------------------------------------- */

static void test_envelopes(void)
{
    static const char *const cases[][2] = {
        {"[]", "f.json: 'signed' is not a map"},
        {"{\"signed\":{}}", "f.json: 'signatures' is not a list"},
        {"{\"signed\":[],\"signatures\":[]}", "f.json: 'signed' is not a map"},
        {"{\"signed\":{},\"signatures\":{}}", "f.json: 'signatures' is not a list"},
        {"{\"signed\":{},\"signatures\":[1]}", "f.json: signature 1 has no 'keyid' or no 'sig'"},
        {"{\"signed\":{},\"signatures\":[{\"keyid\":\"a\",\"sig\":1}]}",
         "f.json: signature 1 has no 'keyid' or no 'sig'"},
        {"{\"signed\":{},\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\"},{\"keyid\":\"a\",\"sig\":\"00\"}]}",
         "f.json: signature 2 is too long, or its key has signed already"},
        {"{\"signed\":{},\"signatures\":[],\"signed\":{}}", "f.json:1:30: the key \"signed\" appears twice (line 1)"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(envelope_read(cases[i][0], strlen(cases[i][0]), NAME, FAULT_VERIFY, &error));
        g_assert_error(error, FAULT, FAULT_VERIFY);
        g_assert_cmpstr(error->message, ==, cases[i][1]);
    }
    static const char good[] = "{\"more\":[],\"signatures\":[{\"keyid\":\"b\",\"sig\":\"x\",\"more\":1}],\n"
                               "\"signed\":{\"b\":2,\"a\":\"\\n\"}}\n\n";
    g_autoptr(Envelope) envelope = envelope_read(good, strlen(good), NAME, FAULT_VERIFY, NULL);
    g_assert_cmpstr(envelope->bytes, ==, "{\"a\":\"\n\",\"b\":2}");
    g_assert_cmpuint(envelope->signatures->len, ==, 1);
}

/* --- metadata ----------------------------------------------------------------------------------------------- */

#define HEAD(type)                                                                                                     \
    "\"_type\":\"" type "\",\"spec_version\":\"1.0.31\",\"version\":1,\"expires\":\"2030-01-01T00:00:00Z\","
#define SIGNERS "\"keyids\":[\"k\"],\"threshold\":1"
#define ROLES4 "\"root\":{" SIGNERS "},\"timestamp\":{" SIGNERS "},\"snapshot\":{" SIGNERS "},\"targets\":{" SIGNERS "}"
#define ROOT(roles) "{" HEAD("root") "\"consistent_snapshot\":true,\"keys\":{},\"roles\":{" roles "}}"
#define META(type, meta) "{" HEAD(type) "\"meta\":{" meta "}}"
#define TARGETS(targets) "{" HEAD("targets") "\"targets\":{" targets "}}"
#define DELEGATES(rest) "{" HEAD("targets") "\"targets\":{},\"delegations\":{\"keys\":{}," rest "}}"
#define DELEGATION(name, rest) "{\"name\":\"" name "\"," SIGNERS "," rest "}"
#define BY_PATH "\"terminating\":false,\"paths\":[\"*\"]"

typedef struct Case {
    TufType type;
    const char *json, *fault; /* NULL: good */
} Case;

static const Case cases[] = {
    {TUF_ROOT, ROOT(ROLES4), NULL},
    {TUF_ROOT, ROOT(ROLES4 ",\"mirrors\":7"), NULL},
    {TUF_TIMESTAMP, ROOT(ROLES4), "'_type' is not 'timestamp'"},
    {TUF_ROOT, "[]", "'_type' is not a string"},
    {TUF_ROOT, ROOT("\"root\":{" SIGNERS "}"), "'timestamp' is not a map"},
    {TUF_ROOT, ROOT(ROLES4 ",\"x\":{}"), NULL},
    {TUF_ROOT, ROOT("\"root\":{\"keyids\":[\"k\"],\"threshold\":0}"), "'threshold' is not an integer of at least 1"},
    {TUF_ROOT, ROOT("\"root\":{\"keyids\":[\"k\"],\"threshold\":-1}"), "'threshold' is not an integer of at least 1"},
    {TUF_ROOT, ROOT("\"root\":{\"keyids\":[\"k\"],\"threshold\":\"1\"}"),
     "'threshold' is not an integer of at least 1"},
    {TUF_ROOT, ROOT("\"root\":{\"keyids\":[\"k\"],\"threshold\":true}"), "'threshold' is not an integer of at least 1"},
    {TUF_ROOT, ROOT("\"root\":{\"keyids\":[\"k\",\"j\",\"k\"],\"threshold\":1}"), "'keyids' names 'k' twice"},
    {TUF_ROOT, ROOT("\"root\":{\"keyids\":[1],\"threshold\":1}"), "'keyids' holds what is no string"},
    {TUF_ROOT, "{" HEAD("root") "\"keys\":{},\"roles\":{" ROLES4 "}}",
     "'consistent_snapshot' is neither true nor false"},
    {TUF_TIMESTAMP, META("timestamp", "\"snapshot.json\":{\"version\":3}"), NULL},
    {TUF_TIMESTAMP, META("timestamp", ""), "'meta' does not list snapshot.json and nothing else"},
    {TUF_TIMESTAMP, META("timestamp", "\"snapshot.json\":{\"version\":1},\"x\":{\"version\":1}"),
     "'meta' does not list snapshot.json and nothing else"},
    {TUF_TIMESTAMP, META("timestamp", "\"snapshot.json\":{\"version\":0}"),
     "'version' is not an integer of at least 1"},
    {TUF_TIMESTAMP, META("timestamp", "\"snapshot.json\":[]"), "an entry is not a map"},
    {TUF_TIMESTAMP, META("timestamp", "\"snapshot.json\":{\"version\":1,\"length\":-1}"),
     "'length' is not an integer of at least 0"},
    {TUF_TIMESTAMP, META("timestamp", "\"snapshot.json\":{\"version\":1,\"hashes\":{}}"), "'hashes' is empty"},
    {TUF_SNAPSHOT, META("snapshot", "\"a.json\":{\"version\":1}"), "'meta' does not list targets.json"},
    {TUF_SNAPSHOT, META("snapshot", "\"targets.json\":{\"version\":1},\"a.json\":{\"version\":9223372036854775807}"),
     NULL},
    {TUF_TARGETS, TARGETS(""), NULL},
    {TUF_TARGETS, TARGETS("\"a\":{\"length\":0,\"hashes\":{\"md5\":\"x\"}}"), NULL},
    {TUF_TARGETS, TARGETS("\"a\":{\"hashes\":{\"md5\":\"x\"}}"), "'length' is not an integer of at least 0"},
    {TUF_TARGETS, TARGETS("\"a\":{\"length\":1}"), "'hashes' is not a map"},
    {TUF_TARGETS, TARGETS("\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"00\"}}"),
     "'sha256' does not hold 64 hexadecimal digits"},
    {TUF_TARGETS, DELEGATES("\"roles\":[]"), NULL},
    {TUF_TARGETS, DELEGATES("\"roles\":[],\"succinct_roles\":{}"),
     "'delegations' needs either 'roles' or 'succinct_roles'"},
    {TUF_TARGETS, DELEGATES("\"x\":1"), "'delegations' needs either 'roles' or 'succinct_roles'"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("a", BY_PATH) "," DELEGATION("b", BY_PATH) "]"), NULL},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("a", BY_PATH) "," DELEGATION("a", BY_PATH) "]"),
     "two delegations to the role 'a'"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("timestamp", BY_PATH) "]"),
     "a delegated role is named 'timestamp', as a role of the top level"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("root", BY_PATH) "]"),
     "a delegated role is named 'root', as a role of the top level"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("", BY_PATH) "]"),
     "a delegated role has an empty name or one of more than 1024 bytes"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("a\\nb", BY_PATH) "]"),
     "the name of a delegated role holds a control character"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("a", "\"terminating\":false") "]"),
     "a delegation needs either 'paths' or 'path_hash_prefixes'"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("a", BY_PATH ",\"path_hash_prefixes\":[]") "]"),
     "a delegation needs either 'paths' or 'path_hash_prefixes'"},
    {TUF_TARGETS, DELEGATES("\"roles\":[" DELEGATION("a", "\"paths\":[]") "]"),
     "'terminating' is neither true nor false"},
    {TUF_TARGETS, DELEGATES("\"succinct_roles\":{\"name_prefix\":\"bin\",\"bit_length\":8," SIGNERS "}"), NULL},
    {TUF_TARGETS, DELEGATES("\"succinct_roles\":{\"name_prefix\":\"bin\",\"bit_length\":33," SIGNERS "}"),
     "'bit_length' is more than 32"},
    {TUF_TARGETS, DELEGATES("\"succinct_roles\":{\"name_prefix\":\"bin\",\"bit_length\":0," SIGNERS "}"),
     "'bit_length' is not an integer of at least 1"},
};

static void test_kinds(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", cases[i].json);
        g_autoptr(TufMetadata) metadata = tuf_metadata_from_node(cases[i].type, node_of(cases[i].json), NAME, &error);
        g_autofree char *fault = cases[i].fault ? g_strconcat(NAME ": ", cases[i].fault, NULL) : NULL;
        g_assert_cmpstr(error ? error->message : NULL, ==, fault);
        g_assert_cmpint(metadata != NULL, ==, fault == NULL);
    }
}

/* The head that every kind has, one field at a time. */
static void test_heads(void)
{
    static const char *const rows[][3] = {
        {"spec_version", "\"1.0\"", NULL},
        {"spec_version", "\"1.0.34\"", NULL},
        {"spec_version", "\"2.0\"", "'spec_version' is not 1: this liftlock cannot read it"},
        {"spec_version", "\"1\"", "'spec_version' is not 1: this liftlock cannot read it"},
        {"spec_version", "\"10.0\"", "'spec_version' is not 1: this liftlock cannot read it"},
        {"spec_version", "\"1.0.0.0\"", "'spec_version' is not 1: this liftlock cannot read it"},
        {"spec_version", "\"1..0\"", "'spec_version' is no version"},
        {"spec_version", "\"1.0-a\"", "'spec_version' is no version"},
        {"spec_version", "1", "'spec_version' is not a string"},
        {"version", "0", "'version' is not an integer of at least 1"},
        {"version", "-1", "'version' is not an integer of at least 1"},
        {"version", "\"1\"", "'version' is not an integer of at least 1"},
        {"version", "null", "'version' is not an integer of at least 1"},
        {"version", "9223372036854775807", NULL},
        {"expires", "\"2024-02-29T23:59:59Z\"", NULL},
        {"expires", "\"2023-02-29T00:00:00Z\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "\"2030-01-01T24:00:00Z\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "\"2030-01-01T00:00:60Z\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "\"2030-01-01T00:00:00.0Z\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "\"2030-01-01T00:00:00+00:00\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "\"2030-1-1T00:00:00Z\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "\"\"", "'expires' is not of the form YYYY-MM-DDTHH:MM:SSZ"},
        {"expires", "0", "'expires' is not a string"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        Node *node = node_of(TARGETS(""));
        node_set(node, rows[i][0], node_of(rows[i][1]));
        g_autoptr(TufMetadata) metadata = tuf_metadata_from_node(TUF_TARGETS, node, NAME, &error);
        g_autofree char *fault = rows[i][2] ? g_strconcat(NAME ": ", rows[i][2], NULL) : NULL;
        g_test_message("%s = %s", rows[i][0], rows[i][1]);
        g_assert_cmpint(metadata != NULL, ==, fault == NULL);
        g_assert_cmpstr(error ? error->message : NULL, ==, fault);
    }
}

/* --- what we make ------------------------------------------------------------------------------------------- */

static TufSecret *secret(guint8 n)
{
    guint8 seed[TUF_SEED_BYTES] = {n};
    return tuf_secret_new(seed, NULL);
}

/* A root whose root role is signed by the first `n` of three secrets, threshold 2. */
static gboolean signed_by(const guint *who, gsize n, GError **error)
{
    g_autoptr(TufSecret) a = secret(1), b = secret(2), c = secret(3), stranger = secret(4);
    const TufSecret *const all[] = {a, b, c, stranger};
    const char *const keyids[] = {tuf_secret_key(a)->id, tuf_secret_key(b)->id, tuf_secret_key(c)->id, NULL};
    Node *root = tuf_write_new(TUF_ROOT, 1, FAR);
    for (gsize i = 0; i < 3; i++)
        tuf_write_key(root, tuf_secret_key(all[i]));
    tuf_write_key(root, tuf_secret_key(a));
    for (guint type = 0; type < TUF_N_TYPES; type++)
        tuf_write_role(root, (TufType)type, keyids, 2);
    g_autoptr(Envelope) made = envelope_new();
    for (gsize i = 0; i < n; i++) {
        g_autofree char *sig = tuf_secret_sign(all[who[i]], root, error);
        envelope_add(made, tuf_secret_key(all[who[i]])->id, sig);
    }
    gsize size = 0;
    g_autofree char *text = envelope_write(root, made->signatures, &size);
    g_autoptr(Envelope) envelope = envelope_read(text, size, NAME, FAULT_VERIFY, error);
    g_autoptr(TufMetadata) read = tuf_metadata_read(TUF_ROOT, envelope->bytes, envelope->size, NAME, error);
    g_assert_cmpuint(read->keys->len, ==, 3);
    node_free(root);
    return tuf_metadata_verify(read, g_ptr_array_index(read->roles, TUF_ROOT), envelope, NAME, error);
}

static void test_thresholds(void)
{
    static const struct {
        guint who[4];
        gsize n;
        gboolean good;
        const char *count;
    } rows[] = {
        {{0}, 0, FALSE, "0"},       {{0}, 1, FALSE, "1"},    {{0, 0}, 2, FALSE, "1"}, {{0, 3}, 2, FALSE, "1"},
        {{3, 3, 3}, 3, FALSE, "0"}, {{0, 1}, 2, TRUE, NULL}, {{2, 1}, 2, TRUE, NULL}, {{3, 0, 3, 2}, 4, TRUE, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(signed_by(rows[i].who, rows[i].n, &error), ==, rows[i].good);
        if (rows[i].good)
            continue;
        g_autofree char *text =
            g_strconcat(NAME ": only ", rows[i].count, " of the 2 signatures that it needs are good", NULL);
        g_assert_error(error, FAULT, FAULT_VERIFY);
        g_assert_cmpstr(error->message, ==, text);
    }
}

static void test_making(void)
{
    g_autoptr(TufSecret) a = secret(1);
    const char *const keyids[] = {tuf_secret_key(a)->id, NULL}, *const paths[] = {"books/*", NULL};
    Node *targets = tuf_write_new(TUF_TARGETS, 4, 1893456000);
    tuf_write_target(targets, "books/a.tar.zst", 5, vectors[0].id, node_of("{\"version\":\"1.0\"}"));
    tuf_write_target(targets, "books/a.tar.zst", 6, vectors[1].id, NULL);
    tuf_write_key(targets, tuf_secret_key(a));
    tuf_write_delegation(targets, "books", keyids, 2, paths, FALSE);
    tuf_write_delegation(targets, "books", keyids, 1, paths, TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(TufMetadata) read = tuf_metadata_from_node(TUF_TARGETS, targets, NAME, &error);
    g_assert_no_error(error);
    g_assert_cmpint(read->version, ==, 4);
    g_assert_cmpint(read->expires_s, ==, 1893456000);
    g_assert_cmpuint(read->files->len, ==, 1);
    const TufFile *file = tuf_metadata_file(read, "books/a.tar.zst");
    g_assert_cmpint(file->length, ==, 6);
    g_assert_cmpstr(file->sha256, ==, vectors[1].id);
    g_assert_null(file->custom);
    g_assert_null(tuf_metadata_file(read, "books/a.tar.zs"));
    g_assert_cmpuint(read->roles->len, ==, 1);
    const TufRole *role = tuf_metadata_role(read, "books");
    g_assert_true(role->terminating && role->threshold == 1);

    Node *snapshot = tuf_write_new(TUF_SNAPSHOT, 2, FAR);
    tuf_write_meta(snapshot, "targets.json", 4, "abc", 3);
    tuf_write_meta(snapshot, "books.json", 7, NULL, 0);
    g_autoptr(TufMetadata) listed = tuf_metadata_from_node(TUF_SNAPSHOT, snapshot, NAME, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(tuf_metadata_file(listed, "targets.json")->sha256, ==,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    g_assert_cmpint(tuf_metadata_file(listed, "targets.json")->length, ==, 3);
    g_assert_false(tuf_metadata_file(listed, "books.json")->hashed);
    g_assert_cmpint(tuf_metadata_file(listed, "books.json")->length, ==, -1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tuf/keys and signatures of other implementations hold", test_vectors);
    g_test_add_func("/tuf/a bent signature is none", test_bent_signatures);
    g_test_add_func("/tuf/a key that we cannot use never counts", test_useless_keys);
    g_test_add_func("/tuf/an envelope is taken apart, or refused", test_envelopes);
    g_test_add_func("/tuf/each kind of metadata holds what it must", test_kinds);
    g_test_add_func("/tuf/every file begins with what every file has", test_heads);
    g_test_add_func("/tuf/a threshold counts keys, not signatures", test_thresholds);
    g_test_add_func("/tuf/what we make is what we read", test_making);
    return g_test_run();
}
