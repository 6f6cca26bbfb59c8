/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: one line, a hint, and a row for each code. */
#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>

static void test_text_and_hint(void)
{
    GError *error = NULL;
    g_assert_false(fault_set(&error, FAULT_POLICY, "version %s is pinned", "1.2"));
    g_assert_false(fault_hint(&error, "liftlock unpin %s", "app"));
    g_assert_false(fault_hint(&error, "another hint"));
    g_assert_false(fault_prefix(&error, "plan"));
    g_assert_error(error, FAULT, FAULT_POLICY);
    g_assert_cmpstr(error->message, ==, "plan: version 1.2 is pinned\nanother hint");
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    g_assert_cmpstr(text, ==, "plan: version 1.2 is pinned");
    g_assert_cmpstr(hint, ==, "another hint");
    g_error_free(error);
    fault_set(NULL, FAULT_POLICY, "nobody asked");
    fault_hint(NULL, "nobody asked");
    error = NULL;
    fault_hint(&error, "there is no fault");
    g_assert_no_error(error);
}

static void test_errno(void)
{
    GError *error = NULL;
    fault_errno(&error, FAULT_SYSTEM, ENOENT, "cannot open '%s'", "x");
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_cmpstr(error->message, ==, "cannot open 'x': no such file or directory");
    g_clear_error(&error);
    fault_errno(&error, FAULT_SYSTEM, EDQUOT, "cannot write 'x'");
    g_assert_error(error, FAULT, FAULT_SPACE);
    g_clear_error(&error);
    fault_errno(&error, FAULT_BACKUP, ENOSPC, "cannot write 'x'");
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_clear_error(&error);
}

static void test_rows(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (int code = 0; code < FAULT_N_CODES; code++) {
        const struct fault_row *row = fault_row((enum fault_code)code);
        g_assert_nonnull(row->name);
        g_assert_true(g_hash_table_add(names, (gpointer)row->name));
        g_assert_cmpint(row->exit_code, >=, 1);
        g_assert_cmpint(row->exit_code, <=, 5);
        g_assert_cmpint(row->http_status, >=, 400);
        g_assert_cmpint(row->http_status, <, 600);
        g_assert_cmpuint(strlen(row->playbook), >, 10);
        g_assert_false(row->retry && row->blames == BLAMES_RELEASE);
    }
    g_assert_true(fault_row((enum fault_code)9999) == fault_row(FAULT_SYSTEM));
}

static void test_foreign(void)
{
    g_autoptr(GError) error = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "x");
    g_assert_cmpint(fault_code_of(error), ==, FAULT_SYSTEM);
    g_assert_cmpint(fault_code_of(NULL), ==, FAULT_SYSTEM);
}

/* --- time, which has no test program of its own --- */

static void test_clock_reads(void)
{
    static const struct {
        const char *text;
        gint64 time_s;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T02:34:31Z", 1795228471},
        {"2026-11-21t02:34:31.123456z", 1795228471},
        {"2026-11-21 04:04:31+01:30", 1795228471},
        {"2026-11-20T21:34:31-05:00", 1795228471},
        {"2026-11-21", 1795219200},
        {"2024-02-29", 1709164800},
        {"1969-12-31T23:59:59Z", -1},
    };
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-21T",
        "2026-11-21T02:34Z",
        "2026-11-21T02:34:31",
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-11-00",
        "2026-11-21T24:00:00Z",
        "2026-11-21T02:34:31ZZ",
        "21.11.2026",
        "2026-11-21T02:34:31+24:00",
        "2026-11-21T02:34:31.Z",
        " 2026-11-21",
        "0000-01-01",
        "2026-1-1",
    };
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        gint64 time_s = 7;
        g_assert_true(clock_parse(good[i].text, &time_s));
        g_assert_cmpint(time_s, ==, good[i].time_s);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        gint64 time_s = 7;
        g_assert_false(clock_parse(bad[i], &time_s));
        g_assert_cmpint(time_s, ==, 7);
    }
}

static void test_clock_writes(void)
{
    g_autofree char *text = clock_format(1795228471), *past = clock_format(-1);
    g_assert_cmpstr(text, ==, "2026-11-21T02:34:31Z");
    g_assert_cmpstr(past, ==, "1969-12-31T23:59:59Z");
    gint64 before = clock_monotonic_ms();
    clock_sleep_ms(20);
    clock_sleep_ms(-5);
    gint64 passed = clock_monotonic_ms() - before;
    g_assert_cmpint(passed, >=, 19);
    g_assert_cmpint(passed, <, 2000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fault/a fault has a text and one hint", test_text_and_hint);
    g_test_add_func("/fault/a full disk is told apart", test_errno);
    g_test_add_func("/fault/every code has a row of its own", test_rows);
    g_test_add_func("/fault/errors of others count as the system's", test_foreign);
    g_test_add_func("/clock/dates are read strictly", test_clock_reads);
    g_test_add_func("/clock/dates are written and sleeps end", test_clock_writes);
    return g_test_run();
}
