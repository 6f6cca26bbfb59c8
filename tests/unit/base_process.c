/* SPDX-License-Identifier: Apache-2.0 */
/* Running programs: what they get, how they end, what they leave behind, and what they cannot reach. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void note_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

/* Runs and returns all output, the description of the end last. */
static char *run(ProcessSpec spec, ProcessOutcome *outcome)
{
    ProcessOutcome unasked;
    outcome = outcome ? outcome : &unasked;
    GString *text = g_string_new(NULL);
    spec.on_line = note_line;
    spec.on_line_data = text;
    GError *error = NULL;
    if (!process_run(&spec, outcome, &error)) {
        g_string_append_printf(text, "fault %d: %s", error->code, error->message);
        g_error_free(error);
    } else {
        g_autofree char *end = process_describe(outcome);
        g_string_append(text, end);
    }
    return g_string_free(text, FALSE);
}

static void assert_runs(ProcessSpec spec, const char *expected)
{
    g_autofree char *text = run(spec, NULL);
    g_assert_cmpstr(text, ==, expected);
}

#define ARGV(...)                                                                                                      \
    .argv = (const char *const[])                                                                                      \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

/* --- what a program gets --- */

static void test_environment(void)
{
    g_setenv("LIFTLOCK_SECRET", "leaked", TRUE);
    g_autofree char *text = run((ProcessSpec){.shell = "env | grep -v -e ^LIFTLOCK_RUN= -e ^PWD= | sort",
                                              .environment = LIST("A=1", "LANG=xx", "B=x=y", "A=2")},
                                NULL);
    g_unsetenv("LIFTLOCK_SECRET");
    g_autofree char *expected = g_strdup_printf(
        "A=2\nB=x=y\nHOME=%s\nLANG=xx\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nUSER=%s\n"
        "exit status 0",
        getpwuid(geteuid())->pw_dir, getpwuid(geteuid())->pw_name);
    g_assert_cmpstr(text, ==, expected);
}

static void test_surroundings(void)
{
    mode_t before = umask(0);
    assert_runs((ProcessSpec){.shell = "umask; pwd; cat; test $(ps -o pgid= -p $$) = $$ && echo own group"},
                "0022\n/\nown group\nexit status 0");
    umask(before);
    g_autofree char *tmp = g_dir_make_tmp("liftlock-process-XXXXXX", NULL);
    g_autofree char *expected = g_strconcat(tmp, "\nexit status 0", NULL);
    assert_runs((ProcessSpec){ARGV("pwd"), .directory = tmp}, expected);
    g_assert_cmpint(rmdir(tmp), ==, 0);
}

static void test_descriptors(void)
{
    fs_fd int kept = open("/dev/null", O_RDONLY | O_CLOEXEC), secret = open("/dev/zero", O_RDONLY);
    fs_fd int far = fcntl(kept, F_DUPFD_CLOEXEC, 200);
    const int keep[] = {far, kept};
    ProcessSpec spec = {ARGV("find", "/proc/self/fd", "-lname", "/dev/null", "-o", "-lname", "/dev/zero"),
                        .keep_fds = keep, .n_keep_fds = 2};
    g_autofree char *text = run(spec, NULL);
    g_autofree char *expected =
        g_strdup_printf("/proc/self/fd/0\n/proc/self/fd/%d\n/proc/self/fd/%d\nexit status 0", kept, far);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(fcntl(kept, F_GETFD), ==, FD_CLOEXEC);
    g_assert_cmpint(secret, >=, 0);
}

static void test_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t set, before;
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, &before);
    /* Blocked and ignored signals, by the kernel's own account. */
    assert_runs((ProcessSpec){ARGV("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")},
                "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nexit status 0");
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, &before, &now);
    g_assert_cmpint(sigismember(&now, SIGUSR1), ==, 1);
    signal(SIGPIPE, SIG_DFL);
}

static void test_user(void)
{
    gboolean root = geteuid() == 0;
    ProcessSpec spec = {.shell = "id -u; id -g; id -G; echo $USER; kill -0 1 2>/dev/null || echo powerless; exit 7",
                        .change_user = TRUE,
                        .uid = root ? 65534 : geteuid(),
                        .gid = root ? 65534 : getegid()};
    ProcessOutcome outcome;
    g_autofree char *text = run(spec, &outcome);
    if (root)
        g_assert_true(g_str_has_prefix(text, "65534\n65534\n65534\nnobody\npowerless\n"));
    g_assert_cmpint(outcome.status, ==, 7);
    if (!root)
        assert_runs((ProcessSpec){ARGV("true"), .change_user = TRUE, .uid = 0, .gid = 0},
                    "fault 23: cannot become user 0: operation not permitted");
}

/* --- what cannot be run --- */

static void test_not_run(void)
{
    assert_runs((ProcessSpec){ARGV("/no/such")}, "fault 23: cannot run '/no/such': no such file or directory");
    assert_runs((ProcessSpec){ARGV("no-such")}, "fault 23: cannot run 'no-such': no such file or directory");
    assert_runs((ProcessSpec){ARGV("/etc/passwd")}, "fault 23: cannot run '/etc/passwd': permission denied");
    assert_runs((ProcessSpec){ARGV("/etc")}, "fault 23: cannot run '/etc': permission denied");
    assert_runs((ProcessSpec){ARGV("true"), .directory = "/no/such"},
                "fault 23: cannot enter '/no/such': no such file or directory");
    assert_runs((ProcessSpec){ARGV("a\nb")}, "fault 23: cannot run 'a\\x0ab': no such file or directory");
    assert_runs((ProcessSpec){ARGV("true"), .environment = LIST("PATH=/no/such")},
                "fault 23: cannot run 'true': no such file or directory");
    GError *error = NULL;
    ProcessSpec spec = {ARGV("/no/such")};
    g_assert_cmpint(process_start(&spec, TRUE, -1, &error), ==, -1);
    g_assert_cmpstr(error->message, ==, "cannot run '/no/such': no such file or directory");
    g_clear_error(&error);
    g_assert_cmpint(process_start(&spec, FALSE, -1, &error), ==, -1);
    g_clear_error(&error);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
}

/* --- output --- */

static void test_lines(void)
{
    assert_runs((ProcessSpec){.shell = "echo one; echo two >&2; printf 'cr\\r\\n\\n\\377\\0x\\nlast'; exit 3"},
                "one\ntwo\ncr\n\n\xef\xbf\xbd\xef\xbf\xbdx\nlast\nexit status 3");
}

static void test_long_lines(void)
{
    g_autofree char *text = run((ProcessSpec){.shell = "printf 'x%04095d%s\\nend\\n' 7 ääää"}, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_cmpuint(strlen(lines[0]), ==, 4096);
    g_assert_cmpstr(lines[1], ==, "ääää");
    g_assert_cmpstr(lines[2], ==, "end");
    /* Cut in front of a character, not inside it. */
    g_autofree char *odd = run((ProcessSpec){.shell = "printf '%04095dääää\\n' 7"}, NULL);
    g_auto(GStrv) halves = g_strsplit(odd, "\n", -1);
    g_assert_cmpuint(strlen(halves[0]), ==, 4095);
    g_assert_cmpstr(halves[1], ==, "ääää");
}

static void test_output(void)
{
    g_autoptr(GString) output = g_string_new(NULL);
    assert_runs((ProcessSpec){.shell = "echo out; echo err >&2", .output = output}, "err\nexit status 0");
    g_assert_cmpstr(output->str, ==, "out\n");
    g_string_truncate(output, 0);
    assert_runs((ProcessSpec){.shell = "yes | head -c 1000000; echo done >&2", .output = output, .output_limit = 1001},
                "done\nexit status 0");
    g_assert_cmpuint(output->len, ==, 1001);
    ProcessOutcome outcome;
    ProcessSpec quiet = {.shell = "yes | head -c 1000000"};
    g_assert_true(process_run(&quiet, &outcome, NULL));
    g_assert_cmpint(outcome.status, ==, 0);
}

/* --- ends --- */

static void test_describe(void)
{
    assert_runs((ProcessSpec){.shell = "kill -9 $$"}, "killed by signal 9 (Killed)");
    ProcessOutcome outcome = {.timed_out = TRUE, .duration_ms = 30000};
    g_autofree char *half_minute = process_describe(&outcome);
    g_assert_cmpstr(half_minute, ==, "no end after 30 s");
}

/* Who ends the supervisor politely ends all that it watches over. */
static void test_asked(void)
{
    if (geteuid() == 0)
        assert_runs((ProcessSpec){.shell = "kill -TERM $PPID 2>/dev/null || echo powerless",
                                  .change_user = TRUE,
                                  .uid = 65534,
                                  .gid = 65534},
                    "powerless\nexit status 0");
    gint64 start = clock_monotonic_ms();
    assert_runs((ProcessSpec){.shell = "setsid sleep 60 & kill -TERM $PPID; sleep 60; echo never"},
                "killed by signal 15 (Terminated)");
    g_assert_cmpint(clock_monotonic_ms() - start, <, 1900);
}

static void test_timeout(void)
{
    gint64 start = clock_monotonic_ms();
    assert_runs((ProcessSpec){.shell = "sleep 50 & sleep 60", .timeout_ms = 100}, "no end after 100 ms");
    g_assert_cmpint(clock_monotonic_ms() - start, <, 1900);
    assert_runs((ProcessSpec){.shell = "trap 'echo cleaned up; exit 1' TERM; sleep 60 & wait", .timeout_ms = 100},
                "cleaned up\nno end after 100 ms");
    assert_runs((ProcessSpec){.shell = "kill -STOP $$; echo never", .timeout_ms = 100}, "no end after 100 ms");
}

/* Counts what still runs of a run that was marked so. */
static guint count_marked(const char *marker)
{
    g_autoptr(GPtrArray) found = process_find_by_environment(marker);
    return found->len;
}

static char *make_marker(const char *name)
{
    return g_strdup_printf("LIFTLOCK_TEST_%s=%d", name, getpid());
}

/* Whatever a hook starts is gone when process_run returns: in another session, orphaned, deaf to SIGTERM. */
static void test_nothing_stays(void)
{
    g_autofree char *marker = make_marker("STAY");
    ProcessSpec spec = {.shell =
                            "sleep 60 & setsid sleep 60 &\n(setsid sh -c 'trap \"\" TERM HUP; sleep 60; sleep 60' &)",
                        .environment = LIST(marker)};
    assert_runs(spec, "exit status 0");
    g_assert_cmpuint(count_marked(marker), ==, 0);
}

static gboolean is_gone(const char *pid)
{
    return process_start_time((pid_t)strtol(pid, NULL, 10)) == 0;
}

/* Not by its environment either, which a hook can empty. */
static void test_nothing_escapes(void)
{
    g_autofree char *text =
        run((ProcessSpec){.shell = "env -i setsid sh -c 'sleep 61 >/dev/null 2>&1 & echo $!' & wait; exit 4"}, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpstr(lines[1], ==, "exit status 4");
    g_assert_true(is_gone(lines[0]));
}

/* The last words of a pipeline come after its first program's end, and are not lost. */
static void test_last_words(void)
{
    assert_runs((ProcessSpec){.shell = "(sleep 0.1; echo late) & echo early"}, "early\nlate\nexit status 0");
}

/* Somebody outside who holds the pipe does not hold us. */
static void test_pipe_held(void)
{
    gint64 start = clock_monotonic_ms();
    int ends[2];
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    /* A process that is not of the run opens the run's pipe by /proc and keeps it. */
    pid_t thief = fork();
    if (thief == 0) {
        char pid[32] = {0}, path[64];
        if (read(ends[0], pid, sizeof pid - 1) <= 0)
            _exit(1);
        g_snprintf(path, sizeof path, "/proc/%ld/fd/1", strtol(pid, NULL, 10));
        if (open(path, O_WRONLY) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    const int keep[] = {ends[1]};
    g_autofree char *shell = g_strdup_printf("echo $$ >&%d; sleep 0.1; echo done", ends[1]);
    if (ends[1] > 9) /* dash has one digit for descriptors */
        g_error("too many descriptors open");
    assert_runs((ProcessSpec){.shell = shell, .keep_fds = keep, .n_keep_fds = 1}, "done\nexit status 0");
    g_assert_cmpint(clock_monotonic_ms() - start, <, 3000);
    g_assert_cmpint(waitpid(thief, NULL, WNOHANG), ==, 0);
    kill(thief, SIGKILL);
    waitpid(thief, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

#define DEAF "trap '' TERM HUP PIPE; setsid sleep 60 & sleep 60; sleep 60"

/* A caller that is killed takes neither the limit of time nor the cleaning up with it. */
static void test_deaf(void)
{
    g_autofree char *orphaned = make_marker("ORPHANED"), *watched = make_marker("WATCHED");
    pid_t caller = fork();
    if (caller == 0) {
        g_free(run((ProcessSpec){.shell = DEAF, .timeout_ms = 500, .environment = LIST(orphaned)}, NULL));
        _exit(0);
    }
    for (guint i = 0; i < 2000 && count_marked(orphaned) < 3; i++)
        clock_sleep_ms(5);
    g_assert_cmpuint(count_marked(orphaned), ==, 3);
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    gint64 start = clock_monotonic_ms();
    assert_runs((ProcessSpec){.shell = DEAF, .timeout_ms = 100, .environment = LIST(watched)}, "no end after 100 ms");
    g_assert_cmpint(clock_monotonic_ms() - start, >=, 2000);
    g_assert_cmpuint(count_marked(watched), ==, 0);
    for (guint i = 0; i < 4000 && count_marked(orphaned) > 0; i++)
        clock_sleep_ms(10);
    g_assert_cmpuint(count_marked(orphaned), ==, 0);
}

/* --- isolation --- */

static void test_no_network(void)
{
    ProcessOutcome outcome;
    g_autofree char *text = run((ProcessSpec){.shell = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cat "
                                                       "/sys/class/net/lo/flags 2>/dev/null >&2; id -u",
                                              .no_network = TRUE},
                                &outcome);
    g_assert_true(outcome.isolated);
    g_autofree char *tail = g_strdup_printf("%u\nexit status 0", geteuid());
    g_assert_true(g_str_has_prefix(text, "lo\n"));
    g_assert_true(g_str_has_suffix(text, tail));
}

static void test_read_only(void)
{
    g_autofree char *tmp = g_dir_make_tmp("liftlock-process-XXXXXX", NULL);
    g_autofree char *good = g_build_filename(tmp, "good", NULL), *bad = g_build_filename(tmp, "bad", NULL);
    g_assert_cmpint(mkdir(good, 0777), ==, 0);
    g_assert_cmpint(chmod(good, 0777), ==, 0);
    g_assert_cmpint(chmod(tmp, 0777), ==, 0);
    g_assert_true(g_file_set_contents(bad, "kept", 4, NULL));
    g_assert_cmpint(chmod(bad, 0666), ==, 0);
    gboolean root = geteuid() == 0;
    ProcessOutcome outcome;
    ProcessSpec spec = {.shell = "echo x > good/f && echo x > /dev/null && echo x > $TMPDIR/f && cat $TMPDIR/f && pwd\n"
                                 "echo x 2>/dev/null > bad && echo wrote\nrm bad 2>/dev/null && echo removed\n"
                                 "mv good/f moved 2>/dev/null && echo moved\nsh -c ': > bad' 2>/dev/null && echo cut\n"
                                 "mkdir new 2>/dev/null && echo made\necho $TMPDIR",
                        .directory = tmp,
                        .read_only = TRUE,
                        .write_paths = LIST(good, "/no/such"),
                        .change_user = TRUE,
                        .uid = root ? 65534 : geteuid(),
                        .gid = root ? 65534 : getegid()};
    g_autofree char *text = run(spec, &outcome);
    g_assert_true(outcome.isolated);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_cmpstr(lines[0], ==, "x");
    g_assert_cmpstr(lines[1], ==, tmp);
    g_assert_true(g_str_has_prefix(lines[2], "/tmp/liftlock-"));
    g_assert_false(g_file_test(lines[2], G_FILE_TEST_EXISTS));
    g_autofree char *content = NULL;
    g_assert_true(g_file_get_contents(bad, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "kept");
    fs_fd int parent = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(parent, tmp + 1, NULL));
}

static void test_stage(void)
{
    g_autofree char *tmp = g_dir_make_tmp("liftlock-process-XXXXXX", NULL);
    g_autofree char *releases = g_build_filename(tmp, "releases", NULL), *old = g_build_filename(releases, "1", NULL);
    g_autofree char *from = g_build_filename(releases, "2.partial", NULL), *as = g_build_filename(releases, "2", NULL);
    gboolean root = geteuid() == 0;
    g_assert_cmpint(chmod(tmp, 0755), ==, 0);
    g_assert_true(fs_make_path(old, 0755, NULL) && fs_make_path(from, 0755, NULL));
    g_assert_true(!root || chown(from, 65534, 65534) == 0);
    ProcessOutcome outcome;
    ProcessSpec spec = {.shell = "pwd; ls ..; echo built > out; touch ../x 2>/dev/null && echo wrote beside; id -u; "
                                 "test -e ../../releases/1 && echo sees the old",
                        .directory = as,
                        .no_network = TRUE,
                        .read_only = TRUE,
                        .write_paths = LIST(as),
                        .stage_parent = releases,
                        .stage_from = from,
                        .stage_as = "2",
                        .change_user = TRUE,
                        .uid = root ? 65534 : geteuid(),
                        .gid = root ? 65534 : getegid()};
    g_autofree char *text = run(spec, &outcome);
    g_autofree char *expected = g_strdup_printf("%s\n2\n%u\nexit status 1", as, spec.uid);
    g_assert_true(outcome.isolated);
    g_assert_cmpstr(text, ==, expected);
    g_autofree char *out = g_build_filename(from, "out", NULL);
    g_assert_true(g_file_test(out, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(as, G_FILE_TEST_EXISTS));
    /* What lies around the stage can only be looked at, whoever looks. */
    spec.shell =
        "touch ../../beside 2>/dev/null || echo frozen; test -d ../../releases && touch here && echo writes here";
    spec.read_only = FALSE;
    spec.write_paths = NULL;
    spec.change_user = FALSE;
    g_autofree char *around = run(spec, &outcome);
    g_assert_cmpstr(around, ==, "frozen\nwrites here\nexit status 0");
    g_assert_true(outcome.isolated);
    /* Where it cannot be staged it is built where it is, and that is told. */
    spec.stage_parent = "/no/such";
    spec.directory = "/no/such/2";
    spec.shell = "pwd";
    g_autofree char *unstaged = run(spec, &outcome), *there = g_strconcat(from, "\nexit status 0", NULL);
    g_assert_false(outcome.isolated);
    g_assert_cmpstr(unstaged, ==, there);
    fs_fd int parent = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(parent, tmp + 1, NULL));
}

/* --- starting and finding --- */

static GPtrArray *find_marked(gpointer marker)
{
    return process_find_by_environment(marker);
}

static void test_start(void)
{
    g_autofree char *marker = make_marker("START");
    int ends[2];
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    ProcessSpec spec = {.shell = "echo $$; ps -o sid= -p $$ | tr -d ' '; echo err >&2; exec sleep 60",
                        .environment = LIST(marker)};
    GError *error = NULL;
    pid_t pid = process_start(&spec, TRUE, ends[1], &error);
    g_assert_no_error(error);
    close(ends[1]);
    char text[200] = {0};
    for (gsize size = 0; !strstr(text, "err\n");) {
        gssize n = read(ends[0], text + size, sizeof text - 1 - size);
        g_assert_cmpint(n, >, 0);
        size += (gsize)n;
    }
    g_autofree char *expected = g_strdup_printf("%d\n%d\nerr\n", pid, pid);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpuint(count_marked(marker), ==, 1);
    g_assert_cmpuint(process_start_time(pid), >, 0);
    g_autofree char *left = NULL;
    g_assert_true(process_end_all(find_marked, marker, 1000, 5000, &left));
    g_assert_null(left);
    g_assert_cmpuint(process_start_time(pid), ==, 0);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    close(ends[0]);
}

static void test_end_all(void)
{
    g_autofree char *marker = make_marker("END");
    static const char *const programs[] = {"exec sleep 60", "kill -STOP $$; sleep 60",
                                           "trap '' TERM; sleep 60; sleep 60"};
    for (guint i = 0; i < G_N_ELEMENTS(programs); i++) {
        ProcessSpec spec = {.shell = programs[i], .environment = LIST(marker)};
        g_assert_cmpint(process_start(&spec, i == 1, -1, NULL), >, 0);
    }
    clock_sleep_ms(50);
    gint64 start = clock_monotonic_ms();
    g_assert_true(process_end_all(find_marked, marker, 200, 5000, NULL));
    g_assert_cmpint(clock_monotonic_ms() - start, <, 3000);
    g_assert_cmpuint(count_marked(marker), ==, 0);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
}

static void test_end_all_in_vain(void)
{
    g_autofree char *marker = make_marker("VAIN");
    ProcessSpec spec = {.shell = "trap '' TERM; echo; while :; do sleep 1; done", .environment = LIST(marker)};
    int ends[2];
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    pid_t pid = process_start(&spec, FALSE, ends[1], NULL);
    char byte;
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    g_autofree char *left = NULL;
    g_assert_false(process_end_all(find_marked, marker, 60000, 100, &left));
    g_assert_nonnull(left);
    g_assert_true(g_str_has_suffix(left, " (sh)") || g_str_has_suffix(left, " (sleep)"));
    g_assert_true(process_end_all(find_marked, marker, 0, 5000, NULL));
    g_assert_cmpuint(process_start_time(pid), ==, 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_find_environment(void)
{
    g_autofree char *marker = make_marker("FIND"), *longer = g_strconcat(marker, "0", NULL);
    ProcessSpec spec = {ARGV("sleep", "60"), .environment = LIST("FIRST=1", longer)};
    pid_t other = process_start(&spec, FALSE, -1, NULL);
    spec.environment = LIST("FIRST=1", marker);
    pid_t pid = process_start(&spec, FALSE, -1, NULL);
    g_autoptr(GPtrArray) found = process_find_by_environment(marker);
    g_assert_cmpuint(found->len, ==, 1);
    const ProcessInfo *info = found->pdata[0];
    g_assert_cmpint(info->pid, ==, pid);
    g_assert_cmpstr(info->name, ==, "sleep");
    g_assert_cmpuint(info->start_time, ==, process_start_time(pid));
    g_assert_true(process_end_all(find_marked, longer, 0, 2000, NULL));
    kill(pid, SIGKILL);
    while (process_start_time(pid) != 0)
        clock_sleep_ms(1);
    g_assert_cmpuint(count_marked(marker), ==, 0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_cmpint(waitpid(other, NULL, 0), ==, -1);
}

static void test_find_file(void)
{
    g_autofree char *tmp = g_dir_make_tmp("liftlock-process-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(tmp, "file", NULL), *name = g_build_filename(tmp, "name", NULL);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_cmpint(link(file, name), ==, 0);
    g_autoptr(GPtrArray) none = process_find_by_open_file(LIST(file, "/no/such", "/dev/null"));
    g_assert_cmpuint(none->len, ==, 0);
    fs_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
    const int keep[] = {fd};
    ProcessSpec spec = {ARGV("sleep", "60"), .keep_fds = keep, .n_keep_fds = 1};
    pid_t pid = process_start(&spec, FALSE, -1, NULL);
    g_autoptr(GPtrArray) found = process_find_by_open_file(LIST("/no/such", name));
    g_assert_cmpuint(found->len, ==, 1);
    g_assert_cmpint(((ProcessInfo *)found->pdata[0])->pid, ==, pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(file);
    unlink(name);
    rmdir(tmp);
}

static void test_self(void)
{
    g_assert_cmpuint(process_start_time(getpid()), >, 0);
    g_assert_cmpuint(process_start_time(999999999), ==, 0);
    g_autofree char *directory = process_own_directory(), *exe = g_file_read_link("/proc/self/exe", NULL);
    g_assert_true(g_str_has_prefix(exe, directory));
    g_assert_true(g_file_test(directory, G_FILE_TEST_IS_DIR));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/process/the environment is clean and can be set", test_environment);
    g_test_add_func("/process/directory, umask, group and input are set", test_surroundings);
    g_test_add_func("/process/only named descriptors are handed on", test_descriptors);
    g_test_add_func("/process/signals are as new", test_signals);
    g_test_add_func("/process/the user is changed with all groups", test_user);
    g_test_add_func("/process/what cannot be run is told exactly", test_not_run);
    g_test_add_func("/process/output comes in valid lines", test_lines);
    g_test_add_func("/process/long lines are cut between characters", test_long_lines);
    g_test_add_func("/process/output is kept up to its limit", test_output);
    g_test_add_func("/process/ends are described", test_describe);
    g_test_add_func("/process/a time limit ends the group politely", test_timeout);
    g_test_add_func("/process/the supervisor can be asked to end the run", test_asked);
    g_test_add_func("/process/a hook leaves nothing behind", test_nothing_stays);
    g_test_add_func("/process/an empty environment is no way out", test_nothing_escapes);
    g_test_add_func("/process/the last words of a pipeline are heard", test_last_words);
    g_test_add_func("/process/who holds the pipe does not hold us", test_pipe_held);
    g_test_add_func("/process/what is deaf to signals ends also when the caller was killed", test_deaf);
    g_test_add_func("/process/without network there is only the loopback", test_no_network);
    g_test_add_func("/process/a read-only program writes where it may", test_read_only);
    g_test_add_func("/process/a release is built at the path that it will have", test_stage);
    g_test_add_func("/process/a detached program has a session and no parent here", test_start);
    g_test_add_func("/process/stopped and stubborn programs are ended", test_end_all);
    g_test_add_func("/process/what could not be ended is named", test_end_all_in_vain);
    g_test_add_func("/process/programs are found by an exact variable", test_find_environment);
    g_test_add_func("/process/programs are found by an open file", test_find_file);
    g_test_add_func("/process/we know ourselves", test_self);
    return g_test_run();
}
