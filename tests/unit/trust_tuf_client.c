/* SPDX-License-Identifier: Apache-2.0 */
/* The TUF client against a repository in memory: the order of its questions, and what it refuses to trust.
 * tests/property/test_tuf.py asks the same and more of the whole program. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "trust/tuf_client.h"
#include "trust/tuf_names.h"
#include "trust/tuf_write.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NOW 2000000000
#define FAR (NOW + 1000000)

/* --- a repository in memory --------------------------------------------------------------------------------- */

typedef struct Repo {
    GHashTable *files; /* address -> GBytes */
    GString *asked;    /* addresses, each followed by a blank */
    TufSecret *secrets[TUF_N_TYPES];
    Node *content[TUF_N_TYPES];
    TufNet net;
    char *dir;
    int dirfd;
} Repo;

static char *fetch(gpointer data, const char *address, guint64 limit, gsize *size, gboolean *absent, GError **error)
{
    Repo *repo = data;
    g_string_append_printf(repo->asked, "%s ", address);
    GBytes *bytes = g_hash_table_lookup(repo->files, address);
    *absent = bytes == NULL;
    if (!bytes)
        return NULL;
    const char *content = g_bytes_get_data(bytes, size);
    if (*size > limit) {
        fault_set(error, FAULT_VERIFY, "%s: too much", address);
        return NULL;
    }
    return g_memdup2(content, *size);
}

static TufSecret *secret(guint8 n)
{
    guint8 seed[TUF_SEED_BYTES] = {n};
    return tuf_secret_new(seed, NULL);
}

static char *file_of(const Node *content, const TufSecret *const *secrets, guint n, gsize *size)
{
    g_autoptr(Envelope) envelope = envelope_new();
    for (guint i = 0; i < n; i++) {
        g_autofree char *sig = tuf_secret_sign(secrets[i], content, NULL);
        envelope_add(envelope, tuf_secret_key(secrets[i])->id, sig);
    }
    return envelope_write(content, envelope->signatures, size);
}

static void put(Repo *repo, const char *address, char *bytes, gsize size)
{
    g_hash_table_replace(repo->files, g_strdup(address), g_bytes_new_take(bytes, size));
}

static gint64 version_of(const Node *content)
{
    return node_get_int(content, "version", 0);
}

/* Signs a file anew and puts it under its address; who refers to it is told. */
static void publish_as(Repo *repo, Node *content, const char *name, const TufSecret *signer, Node *referrer)
{
    gsize size = 0;
    char *bytes = file_of(content, &signer, 1, &size);
    g_autofree char *address = g_str_equal(name, "timestamp")
                                   ? g_strdup("timestamp.json")
                                   : g_strdup_printf("%" G_GINT64_FORMAT ".%s.json", version_of(content), name);
    g_autofree char *listed = g_strconcat(name, ".json", NULL);
    if (referrer)
        tuf_write_meta(referrer, listed, version_of(content), bytes, size);
    put(repo, address, bytes, size);
}

static void publish(Repo *repo, TufType type)
{
    publish_as(repo, repo->content[type], tuf_type_name(type), repo->secrets[type],
               type == TUF_TARGETS    ? repo->content[TUF_SNAPSHOT]
               : type == TUF_SNAPSHOT ? repo->content[TUF_TIMESTAMP]
                                      : NULL);
}

/* Targets, snapshot and timestamp of one version. */
static void publish_all(Repo *repo, gint64 version, gint64 expires_s)
{
    static const TufType order[] = {TUF_TARGETS, TUF_SNAPSHOT, TUF_TIMESTAMP};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        tuf_write_version(repo->content[order[i]], version, expires_s);
        publish(repo, order[i]);
    }
}

static void trust_secret(Repo *repo, TufType type, TufSecret *with)
{
    const char *const keyids[] = {tuf_secret_key(with)->id, NULL};
    tuf_secret_free(repo->secrets[type]);
    repo->secrets[type] = with;
    tuf_write_key(repo->content[TUF_ROOT], tuf_secret_key(with));
    tuf_write_role(repo->content[TUF_ROOT], type, keyids, 1);
}

static void publish_root(Repo *repo, gint64 version, const TufSecret *const *signers, guint n)
{
    gsize size = 0;
    tuf_write_version(repo->content[TUF_ROOT], version, FAR);
    char *bytes = file_of(repo->content[TUF_ROOT], signers, n, &size);
    g_autofree char *address = g_strdup_printf("%" G_GINT64_FORMAT ".root.json", version);
    put(repo, address, bytes, size);
}

static void repo_begin(Repo *repo)
{
    *repo = (Repo){.files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref),
                   .asked = g_string_new(NULL),
                   .net = {.fetch = fetch, .open = tuf_open_here, .data = repo}};
    repo->dir = g_dir_make_tmp("tuf-XXXXXX", NULL);
    repo->dirfd = fs_open_dir(repo->dir, NULL);
    for (guint type = 0; type < TUF_N_TYPES; type++)
        repo->content[type] = tuf_write_new((TufType)type, 1, FAR);
    for (guint type = 0; type < TUF_N_TYPES; type++)
        trust_secret(repo, (TufType)type, secret((guint8)(type + 1)));
    publish_root(repo, 1, (const TufSecret *const *)&repo->secrets[TUF_ROOT], 1);
    publish_all(repo, 1, FAR);
    gsize size = 0;
    const char *root = g_bytes_get_data(g_hash_table_lookup(repo->files, "1.root.json"), &size);
    g_assert_true(tuf_client_pin(repo->dirfd, root, size, NULL));
}

static void repo_end(Repo *repo)
{
    fs_fd int parent = fs_open_dir(g_get_tmp_dir(), NULL);
    g_autofree char *name = g_path_get_basename(repo->dir);
    fs_remove_tree(parent, name, NULL);
    close(repo->dirfd);
    g_free(repo->dir);
    for (guint type = 0; type < TUF_N_TYPES; type++) {
        node_free(repo->content[type]);
        tuf_secret_free(repo->secrets[type]);
    }
    g_hash_table_unref(repo->files);
    g_string_free(repo->asked, TRUE);
}

/* One process's refresh, and what it looked for; fault NULL: it succeeds. */
static void refresh(Repo *repo, const char *asked, const char *fault)
{
    g_autoptr(GError) error = NULL;
    g_string_truncate(repo->asked, 0);
    g_autoptr(TufClient) client = tuf_client_open(repo->dirfd, &repo->net, NOW, &error);
    g_assert_no_error(error);
    g_assert_cmpint(tuf_client_refresh(client, &error), ==, fault == NULL);
    g_autofree char *text = error ? fault_text(error) : NULL;
    g_assert_cmpstr(text, ==, fault);
    if (asked)
        g_assert_cmpstr(repo->asked->str, ==, asked);
}

static gint64 stored(Repo *repo, const char *file)
{
    gsize size = 0;
    g_autofree char *bytes = fs_read(repo->dirfd, file, 1 << 20, &size, NULL);
    g_autoptr(Envelope) envelope = bytes ? envelope_read(bytes, size, file, FAULT_VERIFY, NULL) : NULL;
    g_autoptr(Node) content =
        envelope ? document_parse(DOCUMENT_JSON, envelope->bytes, envelope->size, file, 0, NULL) : NULL;
    return content ? version_of(content) : 0;
}

#define FIRST "2.root.json timestamp.json 1.snapshot.json 1.targets.json "
#define NOTHING_NEW "2.root.json timestamp.json "

/* --- the top level ------------------------------------------------------------------------------------------ */

static void test_order(void)
{
    Repo repo;
    repo_begin(&repo);
    refresh(&repo, FIRST, NULL);
    refresh(&repo, NOTHING_NEW, NULL);
    publish_all(&repo, 2, FAR);
    refresh(&repo, "2.root.json timestamp.json 2.snapshot.json 2.targets.json ", NULL);
    repo_end(&repo);
}

static void test_rollback(void)
{
    Repo repo;
    repo_begin(&repo);
    publish_all(&repo, 5, FAR);
    refresh(&repo, NULL, NULL);
    publish_all(&repo, 4, FAR);
    refresh(&repo, NOTHING_NEW, "timestamp.json: version 4 is older than 5, which was seen before");
    tuf_write_version(repo.content[TUF_TIMESTAMP], 6, FAR);
    publish(&repo, TUF_TIMESTAMP);
    refresh(&repo, NOTHING_NEW,
            "timestamp.json: names version 4 of snapshot.json, older than 5, which was seen before");
    g_assert_cmpint(stored(&repo, "timestamp.json"), ==, 5);
    tuf_write_version(repo.content[TUF_SNAPSHOT], 6, FAR);
    publish(&repo, TUF_SNAPSHOT);
    publish(&repo, TUF_TIMESTAMP);
    refresh(&repo, "2.root.json timestamp.json 6.snapshot.json ",
            "snapshot.json: version 4 of targets.json is older than 5, which was seen before");
    g_assert_cmpint(stored(&repo, "timestamp.json"), ==, 6);
    g_assert_cmpint(stored(&repo, "snapshot.json"), ==, 5);
    publish_all(&repo, 7, FAR);
    refresh(&repo, NULL, NULL);
    repo_end(&repo);
}

static void test_freshness(void)
{
    static const struct {
        gint64 ago_s;
        const char *words;
    } rows[] = {{0, "0 seconds"}, {1, "1 second"}, {60, "1 minute"}, {7199, "1 hour"}, {3 * 86400 + 5, "3 days"}};
    Repo repo;
    repo_begin(&repo);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *fault = g_strconcat("metadata expired ", rows[i].words,
                                             " ago (timestamp.json): the publisher has not re-signed, or someone "
                                             "withholds updates",
                                             NULL);
        publish_all(&repo, 1, NOW - rows[i].ago_s);
        refresh(&repo, NOTHING_NEW, fault);
        g_assert_cmpint(stored(&repo, "timestamp.json"), ==, 0);
    }
    publish_all(&repo, 1, NOW + 1);
    refresh(&repo, NULL, NULL);
    repo_end(&repo);
}

static void test_roots(void)
{
    Repo repo;
    repo_begin(&repo);
    g_autoptr(TufSecret) first = secret(TUF_ROOT + 1), second = secret(20), third = secret(30);
    const TufSecret *both[] = {first, second}, *next[] = {second, third}, *lost[] = {first, third};
    trust_secret(&repo, TUF_ROOT, secret(20));
    publish_root(&repo, 2, both, 2);
    trust_secret(&repo, TUF_ROOT, secret(30));
    publish_root(&repo, 3, lost, 2);
    refresh(&repo, "2.root.json 3.root.json ", "3.root.json: only 0 of the 1 signatures that it needs are good");
    g_assert_cmpint(stored(&repo, "root.json"), ==, 2);
    g_assert_cmpint(stored(&repo, "root.trusted"), ==, 2);
    publish_root(&repo, 3, next, 1);
    refresh(&repo, "3.root.json ", "3.root.json: only 0 of the 1 signatures that it needs are good");
    publish_root(&repo, 3, next, 2);
    refresh(&repo, "3.root.json 4.root.json timestamp.json 1.snapshot.json 1.targets.json ", NULL);
    publish_root(&repo, 5, next + 1, 1);
    put(&repo, "4.root.json", g_strdup(""), 0);
    gsize size = 0;
    GBytes *skipped = g_hash_table_lookup(repo.files, "5.root.json");
    const char *bytes = g_bytes_get_data(skipped, &size);
    put(&repo, "4.root.json", g_memdup2(bytes, size), size);
    refresh(&repo, "4.root.json ", "4.root.json: is version 5 inside");
    g_assert_cmpint(stored(&repo, "root.trusted"), ==, 3);
    repo_end(&repo);
}

/* Two processes with the highest version that a thief could sign, and new keys below it. */
static void test_fast_forward(void)
{
    Repo repo;
    repo_begin(&repo);
    publish_all(&repo, G_MAXINT64, FAR);
    refresh(&repo, NULL, NULL);
    g_autoptr(TufSecret) root = secret(TUF_ROOT + 1);
    const TufSecret *signer = root;
    trust_secret(&repo, TUF_TIMESTAMP, secret(40));
    publish_root(&repo, 2, &signer, 1);
    publish_all(&repo, 2, FAR);
    refresh(&repo, NULL,
            "snapshot.json: version 2 of targets.json is older than 9223372036854775807, which was seen "
            "before");
    trust_secret(&repo, TUF_TIMESTAMP, secret(41));
    trust_secret(&repo, TUF_SNAPSHOT, secret(42));
    publish_root(&repo, 3, &signer, 1);
    publish_all(&repo, 3, FAR);
    refresh(&repo, NULL, NULL);
    g_assert_cmpint(stored(&repo, "targets.json"), ==, 3);
    repo_end(&repo);
}

/* A file that the snapshot pins by its hash is not even looked into when it is another. */
static void test_pinned(void)
{
    Repo repo;
    repo_begin(&repo);
    gsize size = 0;
    Node *other = repo.content[TUF_TARGETS];
    node_set_text(other, "x", "other");
    const TufSecret *signer = repo.secrets[TUF_TARGETS];
    char *bytes = file_of(other, &signer, 1, &size);
    put(&repo, "1.targets.json", bytes, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(TufClient) client = tuf_client_open(repo.dirfd, &repo.net, NOW, &error);
    g_assert_false(tuf_client_refresh(client, &error));
    g_assert_cmpint(stored(&repo, "targets.json"), ==, 0);
    g_clear_error(&error);
    tuf_client_close(g_steal_pointer(&client));
    publish_all(&repo, 2, FAR);
    g_hash_table_remove(repo.files, "2.targets.json");
    refresh(&repo, NULL, "2.targets.json: the repository has no such file");
    repo_end(&repo);
}

/* --- delegations -------------------------------------------------------------------------------------------- */

typedef struct Delegation {
    const char *from, *to, *pattern;
    gboolean terminating;
    const char *knows; /* a target; NULL: none */
    guint8 key;        /* that the delegator names */
} Delegation;

/* Every role signs with its own key, made from its letter. */
static void delegate(Repo *repo, const Delegation *rows, gsize n, gint64 version)
{
    g_autoptr(GHashTable) roles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)node_free);
    static const char digest[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (gsize i = 0; i < n; i++) {
        if (!g_hash_table_contains(roles, rows[i].to))
            g_hash_table_insert(roles, (gpointer)rows[i].to, tuf_write_new(TUF_TARGETS, version, FAR));
        if (rows[i].knows)
            tuf_write_target(g_hash_table_lookup(roles, rows[i].to), rows[i].knows, *rows[i].to, digest, NULL);
    }
    for (gsize i = 0; i < n; i++) {
        gboolean top = g_str_equal(rows[i].from, "targets");
        Node *from = top ? repo->content[TUF_TARGETS] : g_hash_table_lookup(roles, rows[i].from);
        g_autoptr(TufSecret) key = secret(rows[i].key ? rows[i].key : (guint8)*rows[i].to);
        const char *const keyids[] = {tuf_secret_key(key)->id, NULL}, *const paths[] = {rows[i].pattern, NULL};
        tuf_write_key(from, tuf_secret_key(key));
        tuf_write_delegation(from, rows[i].to, keyids, 1, paths, rows[i].terminating);
    }
    GHashTableIter iter;
    gpointer name, content;
    g_hash_table_iter_init(&iter, roles);
    while (g_hash_table_iter_next(&iter, &name, &content)) {
        g_autoptr(TufSecret) key = secret((guint8) * (char *)name);
        publish_as(repo, content, name, key, repo->content[TUF_SNAPSHOT]);
    }
    publish_all(repo, version, FAR);
}

/* Looks for targets in one client; *found gets the letter of the role that knew the last one. */
static char *find(Repo *repo, const char *const *paths, char *found)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TufClient) client = tuf_client_open(repo->dirfd, &repo->net, NOW, &error);
    g_assert_true(client && tuf_client_refresh(client, NULL));
    g_string_truncate(repo->asked, 0);
    const TufFile *file = NULL;
    for (gsize i = 0; paths[i]; i++) {
        g_clear_error(&error);
        file = tuf_client_find(client, paths[i], &error);
    }
    *found = file ? (char)file->length : 0;
    return error ? g_strdup(error->message) : NULL;
}

static void test_searches(void)
{
    static const struct {
        Delegation rows[6];
        gsize n;
        char found;
        const char *asked, *fault;
    } cases[] = {
        {{{"targets", "a", "*", FALSE, NULL, 0},
          {"targets", "b", "*", FALSE, "file", 0},
          {"a", "c", "*", FALSE, NULL, 0},
          {"a", "d", "*", FALSE, NULL, 0}},
         4,
         'b',
         "1.a.json 1.c.json 1.d.json 1.b.json ",
         NULL},
        {{{"targets", "a", "*", FALSE, NULL, 0},
          {"targets", "b", "*", FALSE, "file", 0},
          {"a", "c", "*", TRUE, NULL, 0},
          {"a", "d", "*", FALSE, "file", 0}},
         4,
         0,
         "1.a.json 1.c.json ",
         "file: the repository has no such target"},
        {{{"targets", "a", "other", TRUE, NULL, 0}, {"targets", "b", "f?l*", FALSE, "file", 0}},
         2,
         'b',
         "1.b.json ",
         NULL},
        {{{"targets", "a", "*", FALSE, NULL, 0}, {"a", "b", "*", FALSE, NULL, 0}, {"b", "a", "*", FALSE, NULL, 0}},
         3,
         0,
         "1.a.json 1.b.json ",
         "file: the repository has no such target"},
        {{{"targets", "a", "*", FALSE, "file", 77}, {"targets", "b", "*", FALSE, "file", 0}},
         2,
         0,
         "1.a.json ",
         "a.json: only 0 of the 1 signatures that it needs are good"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Repo repo;
        repo_begin(&repo);
        char found = 0;
        delegate(&repo, cases[i].rows, cases[i].n, 1);
        const char *const paths[] = {"file", NULL};
        g_autofree char *fault = find(&repo, paths, &found);
        g_assert_cmpstr(fault, ==, cases[i].fault);
        g_assert_cmpint(found, ==, cases[i].found);
        g_assert_cmpstr(repo.asked->str, ==, cases[i].asked);
        repo_end(&repo);
    }
}

/* What one delegator vouches for is nothing to another, also when it lies there already. */
static void test_authority(void)
{
    static const Delegation rows[] = {{"targets", "l", "l/*", FALSE, NULL, 0},
                                      {"targets", "r", "r/*", FALSE, NULL, 0},
                                      {"r", "s", "*/*", FALSE, "r/file", 0},
                                      {"l", "s", "*/*", FALSE, "l/file", 99}};
    static const char *const orders[][3] = {{"l/file", NULL}, {"r/file", "l/file", NULL}};
    Repo repo;
    repo_begin(&repo);
    delegate(&repo, rows, G_N_ELEMENTS(rows), 1);
    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        char found = 0;
        g_autofree char *fault = find(&repo, orders[i], &found);
        g_assert_cmpstr(fault, ==, "s.json: only 0 of the 1 signatures that it needs are good");
    }
    char found = 0;
    g_autofree char *fault = find(&repo, (const char *const[]){"r/file", NULL}, &found);
    g_assert_null(fault);
    repo_end(&repo);
}

static void test_unlisted(void)
{
    static const Delegation rows[] = {{"targets", "a", "*", FALSE, "file", 0}};
    Repo repo;
    repo_begin(&repo);
    const char *const paths[] = {"*", NULL};
    tuf_write_delegation(repo.content[TUF_TARGETS], "gone", paths, 1, paths, FALSE);
    delegate(&repo, rows, 1, 1);
    char found = 0;
    g_autofree char *fault = find(&repo, (const char *const[]){"file", NULL}, &found);
    g_assert_cmpstr(fault, ==, "snapshot.json: does not list gone.json");
    g_assert_cmpstr(repo.asked->str, ==, "");
    g_autofree char *up = find(&repo, (const char *const[]){"../file", NULL}, &found);
    g_assert_cmpstr(up, ==, "the target '../file' has a part that is empty, '.' or '..'");
    repo_end(&repo);
}

/* --- names -------------------------------------------------------------------------------------------------- */

static void test_names(void)
{
    static const char *const rows[][2] = {{"books", "books"}, {"../x", "..%2Fx"}, {"a b\xc3\xa4~", "a%20b%C3%A4~"},
                                          {".", NULL},        {"..", NULL},       {"...", "..."}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *quoted = tuf_role_quoted(rows[i][0]);
        g_assert_cmpstr(quoted, ==, rows[i][1]);
    }
    g_autofree char *long_name = g_strnfill(201, 'a');
    g_assert_null(tuf_role_quoted(long_name));
    g_autofree char *stars = g_strnfill(2000, '*'), *many = g_strnfill(100000, 'a'),
                    *pattern = g_strconcat(stars, "x", NULL);
    g_assert_false(tuf_pattern_matches(pattern, many));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tuf-client/each file is asked for once, in order", test_order);
    g_test_add_func("/tuf-client/no version goes back", test_rollback);
    g_test_add_func("/tuf-client/what has expired is said so and not kept", test_freshness);
    g_test_add_func("/tuf-client/each root is signed by the one before and by itself", test_roots);
    g_test_add_func("/tuf-client/new keys undo a fast-forward", test_fast_forward);
    g_test_add_func("/tuf-client/a file is the one that its referrer names", test_pinned);
    g_test_add_func("/tuf-client/delegations are searched as the specification says", test_searches);
    g_test_add_func("/tuf-client/a delegator vouches for himself alone", test_authority);
    g_test_add_func("/tuf-client/what no snapshot lists is not asked for", test_unlisted);
    g_test_add_func("/tuf-client/names are quoted and patterns cost no time", test_names);
    return g_test_run();
}
