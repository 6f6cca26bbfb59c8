/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the list of a change in place: what was written is read again, however long it is, and half of it is none.
 */
#include "parts/layout/intents.h"

#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { N_MANY = 200000 };

static const char *const odd_paths[] = {"plain", "with space",         "line\nbreak", "%41",
                                        "end",   "d\xc3\xa9j\xc3\xa0", "\xff\xfe",    "a/b"};

static void intent_add(Intents *intents, IntentKind kind, const char *path)
{
    Intent *intent = g_new0(Intent, 1);
    gint64 number = intents->list->len;
    *intent = (Intent){.kind = kind,
                       .path = g_strdup(path),
                       .bay = number % intents->bays->len,
                       .slot = number,
                       .new_inode = number * 3,
                       .old_inode = G_MAXINT64 - number,
                       .old_ctime_ns = -number};
    g_ptr_array_add(intents->list, intent);
}

static void assert_same(const Intents *a, const Intents *b)
{
    g_assert_cmpstr(a->from, ==, b->from);
    g_assert_cmpstr(a->to, ==, b->to);
    g_assert_cmpuint(a->bays->len, ==, b->bays->len);
    g_assert_cmpuint(a->empty->len, ==, b->empty->len);
    g_assert_cmpuint(a->list->len, ==, b->list->len);
    for (guint i = 0; i < a->bays->len; i++)
        g_assert_cmpstr(a->bays->pdata[i], ==, b->bays->pdata[i]);
    g_assert_cmpuint(a->away->len, ==, b->away->len);
    for (guint i = 0; i < a->away->len; i++) {
        const PlaceAway *x = a->away->pdata[i], *y = b->away->pdata[i];
        g_assert_cmpstr(x->directory, ==, y->directory);
        g_assert_cmpstr(x->path, ==, y->path);
    }
    g_assert_cmpmem(a->holders->data, a->holders->len * sizeof(IntentHolder), b->holders->data,
                    b->holders->len * sizeof(IntentHolder));
    for (guint i = 0; i < a->empty->len; i++)
        g_assert_cmpstr(a->empty->pdata[i], ==, b->empty->pdata[i]);
    for (guint i = 0; i < a->list->len; i++) {
        const Intent *x = a->list->pdata[i], *y = b->list->pdata[i];
        g_assert_cmpstr(x->path, ==, y->path);
        g_assert_true(x->kind == y->kind && x->bay == y->bay && x->slot == y->slot && x->new_inode == y->new_inode &&
                      x->old_inode == y->old_inode && x->old_ctime_ns == y->old_ctime_ns);
    }
}

static int store_open(char **directory)
{
    g_autoptr(GError) error = NULL;
    *directory = g_dir_make_tmp("liftlock-XXXXXX", &error);
    g_assert_no_error(error);
    int fd = open(*directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void store_close(int store, char *directory)
{
    unlinkat(store, "intents", 0);
    close(store);
    g_assert_no_errno(rmdir(directory));
    g_free(directory);
}

static void come_back(void)
{
    char *directory = NULL;
    int store = store_open(&directory);
    g_autoptr(GError) error = NULL;
    g_assert_null(intents_read(store, &error));
    g_assert_no_error(error);
    g_autoptr(Intents) written = intents_new(NULL, "2.0.0 rc%1");
    g_ptr_array_add(written->bays, g_strdup(".liftlock-store/change"));
    g_ptr_array_add(written->bays, g_strdup("other disk/.liftlock-change"));
    g_ptr_array_add(written->away, place_away_new("other disk", "/mnt/a \n disk"));
    g_ptr_array_add(written->away, place_away_new("w%20w", "/srv/%41"));
    const IntentHolder holders[] = {{2, 61267}, {G_MAXINT64, -1}};
    g_array_append_vals(written->holders, holders, G_N_ELEMENTS(holders));
    for (gsize i = 0; i < G_N_ELEMENTS(odd_paths); i++) {
        g_ptr_array_add(written->empty, g_strdup(odd_paths[i]));
        intent_add(written, (IntentKind)(i % INTENT_N_KINDS), odd_paths[i]);
    }
    g_assert_true(intents_write(store, written, &error));
    g_autoptr(Intents) again = intents_read(store, &error);
    g_assert_no_error(error);
    assert_same(written, again);
    store_close(store, directory);
}

/* An app of that many files is rare; a list that cannot be read again would leave it without a way back. */
static void however_many(void)
{
    char *directory = NULL;
    int store = store_open(&directory);
    g_autoptr(GError) error = NULL;
    g_autoptr(Intents) written = intents_new("1.0.0", "2.0.0");
    g_ptr_array_add(written->bays, g_strdup(".liftlock-store/change"));
    for (int i = 0; i < N_MANY; i++)
        intent_add(written, INTENT_REPLACE, "a file");
    g_assert_true(intents_write(store, written, &error));
    g_autoptr(Intents) again = intents_read(store, &error);
    g_assert_no_error(error);
    assert_same(written, again);
    store_close(store, directory);
}

static void assert_damaged(int store, const char *text, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(fs_write_atomic(store, "intents", text, size, 0600, &error));
    g_assert_null(intents_read(store, &error));
    g_assert_error(error, FAULT, FAULT_STATE);
    g_assert_cmpstr(error->message, ==, "the list of what was to change is damaged");
}

static void damaged(void)
{
    static const char *const lines[] = {"nothing\n",
                                        "bay\n",
                                        "from 1\nfrom 2\nend\n",
                                        "add 0 0 1 1 1 a\nend\n",
                                        "bay b\nadd 1 0 1 1 1 a\nend\n",
                                        "bay b\nadd -1 0 1 1 1 a\nend\n",
                                        "bay b\nadd 0 0 1 1\nend\n",
                                        "bay b\nmove 0 0 1 1 1 a\nend\n",
                                        "to %zz\nend\n",
                                        "away www\nend\n",
                                        "holder 1 2\nend\n",
                                        "bay b\nholder 1\nend\n",
                                        "bay b\nholder 1 2 3\nend\n",
                                        "to 1\nend\nbay b\n",
                                        "to 1\nend"};
    char *directory = NULL;
    int store = store_open(&directory);
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        assert_damaged(store, lines[i], strlen(lines[i]));
    static const char whole[] = "from 1.0.0\nto 2.0.0\nbay b\nempty e\nreplace 0 0 1 2 3 path/of%20it\nend\n";
    for (gsize size = 0; size + 1 < sizeof whole; size++)
        assert_damaged(store, whole, size);
    store_close(store, directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/intents/what was written is read again", come_back);
    g_test_add_func("/intents/a list of 200,000 moves is read again", however_many);
    g_test_add_func("/intents/a damaged list is refused", damaged);
    return g_test_run();
}
