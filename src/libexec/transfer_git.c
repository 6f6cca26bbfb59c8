/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git(1) as sources use it: a bare repository in the scratch directory, no configuration but what stands here, no
 * hooks, no helpers of others, no submodules, no protocol but the one of the source's address.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "libexec/transfer.h"
#include "libexec/transfer_refs.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIT "/usr/bin/git"
#define WANTED "refs/liftlock/wanted"
#define REFS_MAX 20000
#define REFS_MAX_BYTES (8 * 1024 * 1024)
#define OBJECT_MAX_BYTES (256 * 1024)

typedef struct Git {
    const Transfer *transfer;
    GPtrArray *environment;
    GString *complaints;
} Git;

/* --- settings ------------------------------------------------------------------------------------------------ */

static const char fixed_settings[] =
    "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tattributesFile = /dev/null\n"
    "\tbigFileThreshold = 64m\n"
    "[protocol]\n\tallow = never\n"
    "[transfer]\n\tfsckObjects = true\n\tunpackLimit = 1\n"
    "[fetch]\n\tunpackLimit = 1\n\trecurseSubmodules = false\n"
    "[http]\n\tfollowRedirects = false\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 30\n"
    "[credential]\n\thelper =\n"
    "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
    "[pack]\n\tthreads = 1\n[index]\n\tthreads = 1\n"
    "[tar]\n\tumask = 0022\n"
    "[init]\n\tdefaultBranch = main\n";

/* A value of git-config(1) in quotes. */
static void add_value(GString *text, const char *name, const char *value)
{
    g_string_append_printf(text, "\t%s = \"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_c(text, '\\');
        if (!g_ascii_iscntrl(*c))
            g_string_append_c(text, *c);
    }
    g_string_append(text, "\"\n");
}

static char *scheme_of(const char *url)
{
    const char *end = strstr(url, "://");
    return end ? g_ascii_strdown(url, end - url) : g_strdup("none");
}

static gboolean write_token(const Transfer *transfer, GString *config, GError **error)
{
    const char *token = node_get_text(transfer->request, "token", NULL);
    if (!token)
        return TRUE;
    g_autofree char *credential =
        g_strdup_printf("username=%s\npassword=%s\n", node_get_text(transfer->request, "username", ""), token);
    /* Redirects are not followed: no other host asks. */
    g_string_append(config, "[credential]\n\thelper = \"!f() { cat credential; }; f\"\n");
    return transfer_write("credential", credential, error);
}

static gboolean write_settings(const Transfer *transfer, GError **error)
{
    g_autoptr(GString) config = g_string_new(fixed_settings);
    const char *proxy = node_get_text(transfer->request, "proxy", "");
    const char *ca_pem = node_get_text(transfer->request, "ca_pem", NULL);
    g_autofree char *scheme = scheme_of(node_get_text(transfer->request, "url", ""));
    g_string_append_printf(config, "[protocol \"%s\"]\n\tallow = always\n[http]\n", scheme);
    add_value(config, "proxy", proxy);
    if (ca_pem)
        g_string_append(config, "\tsslCAInfo = ca.pem\n\tsslCAPath = /dev/null\n");
    return write_token(transfer, config, error) && transfer_write("gitconfig", config->str, error) &&
           (!ca_pem || transfer_write("ca.pem", ca_pem, error)) && transfer_ssh_settings(transfer, error);
}

static void git_clear(Git *git)
{
    g_ptr_array_unref(git->environment);
    g_string_free(git->complaints, TRUE);
}

static void add_variable(Git *git, const char *name, const char *value)
{
    g_ptr_array_add(git->environment, g_strdup_printf("%s=%s", name, value));
}

static gboolean git_open(Git *git, const Transfer *transfer, GError **error)
{
    static const char *const fixed[][2] = {
        {"PATH", "/usr/bin:/bin"},      {"LC_ALL", "C"},
        {"GIT_CONFIG_NOSYSTEM", "1"},   {"GIT_ATTR_NOSYSTEM", "1"},
        {"GIT_TERMINAL_PROMPT", "0"},   {"GIT_ASKPASS", "/bin/false"},
        {"SSH_ASKPASS", "/bin/false"},  {"SSH_ASKPASS_REQUIRE", "never"},
        {"GIT_SSH_VARIANT", "ssh"},     {"GIT_SSH_COMMAND", "/usr/bin/ssh -F ssh_config"},
        {"GIT_OPTIONAL_LOCKS", "0"},    {"GIT_NO_REPLACE_OBJECTS", "1"},
        {"GIT_PROTOCOL_FROM_USER", "0"}};
    g_autofree char *config = g_build_filename(transfer->scratch, "gitconfig", NULL);
    g_autofree char *repository = g_build_filename(transfer->scratch, "repository", NULL);
    *git = (Git){
        .transfer = transfer, .environment = g_ptr_array_new_with_free_func(g_free), .complaints = g_string_new(NULL)};
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        add_variable(git, fixed[i][0], fixed[i][1]);
    add_variable(git, "HOME", transfer->scratch);
    add_variable(git, "GIT_CONFIG_GLOBAL", config);
    add_variable(git, "GIT_DIR", repository);
    const char *no_proxy = node_get_text(transfer->request, "no_proxy", NULL);
    if (no_proxy)
        add_variable(git, "no_proxy", no_proxy);
    g_ptr_array_add(git->environment, NULL);
    return write_settings(transfer, error);
}

/* --- running ------------------------------------------------------------------------------------------------- */

typedef struct Bytes {
    GString *text;
    gsize max;
    const char *what;
} Bytes;

static gboolean keep(const char *bytes, gsize size, gpointer data, GError **error)
{
    Bytes *kept = data;
    if (kept->text->len + size > kept->max)
        return fault_set(error, FAULT_SOURCE, "%s: more than %zu bytes", kept->what, kept->max);
    g_string_append_len(kept->text, bytes, (gssize)size);
    return TRUE;
}

static int git_run(Git *git, const char *const *argv, int output_fd, TransferSink sink, gpointer data, GError **error)
{
    TransferRun run = {.argv = argv,
                       .environment = (const char *const *)git->environment->pdata,
                       .output_fd = output_fd,
                       .sink = sink,
                       .data = data,
                       .complaints = git->complaints};
    int status = -1;
    g_string_truncate(git->complaints, 0);
    if (!transfer_run(git->transfer, &run, &status, error))
        return -1;
    if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) || strstr(git->complaints->str, "File too large")) {
        fault_set(error, FAULT_VERIFY, "fetch %s: more than %" G_GUINT64_FORMAT " bytes", git->transfer->shown,
                  git->transfer->limit_bytes);
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static gboolean git_do(Git *git, const char *const *argv, int output_fd, TransferSink sink, gpointer data,
                       GError **error)
{
    int status = git_run(git, argv, output_fd, sink, data, error);
    return status == 0 || (status > 0 && transfer_complain(git->transfer, "git", git->complaints, error));
}

static gboolean git_init(Git *git, const char *commit, GError **error)
{
    const char *format = strlen(commit) == 64 ? "--object-format=sha256" : "--object-format=sha1";
    const char *const argv[] = {GIT, "init", "--quiet", "--bare", "--template=", format, NULL};
    if (!git_do(git, argv, -1, NULL, NULL, error))
        return FALSE;
    /* The tree as it was committed: nothing is converted, filled in or left out on the way. */
    return (mkdir("repository/info", 0700) == 0 || errno == EEXIST) &&
           transfer_write("repository/info/attributes",
                          "* -text -eol -ident -filter -working-tree-encoding -export-ignore -export-subst\n", error);
}

static gboolean git_fetch(Git *git, const char *how, const char *source, GError **error)
{
    const char *url = node_get_text(git->transfer->request, "url", "");
    g_autofree char *refspec = g_strconcat("+", source, ":" WANTED, NULL);
    const char *const argv[] = {
        GIT,  "fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", how,
        "--", url,     refspec,      NULL};
    return git_do(git, argv, -1, NULL, NULL, error);
}

/* The object that an expression names, as text; NULL and no error where there is none. */
static char *git_object(Git *git, const char *expression, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Bytes kept = {.text = text, .max = 256, .what = "git rev-parse"};
    const char *const argv[] = {GIT, "rev-parse", "--verify", "--quiet", "--end-of-options", expression, NULL};
    if (git_run(git, argv, -1, keep, &kept, error) != 0)
        return NULL;
    return g_strdup(g_strchomp(text->str));
}

static gboolean set_object(Git *git, Node *answer, const char *type, const char *object, GError **error)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    Bytes kept = {.text = bytes, .max = OBJECT_MAX_BYTES, .what = object};
    const char *const argv[] = {GIT, "cat-file", type, object, NULL};
    if (!git_do(git, argv, -1, keep, &kept, error))
        return FALSE;
    g_autofree char *encoded = g_base64_encode((const guchar *)bytes->str, bytes->len);
    node_set_text(answer, type, encoded);
    return TRUE;
}

/* --- the operations ------------------------------------------------------------------------------------------ */

Node *transfer_git_refs(const Transfer *transfer, GError **error)
{
    Git git;
    g_autoptr(GString) text = g_string_new(NULL);
    Bytes kept = {.text = text, .max = REFS_MAX_BYTES, .what = transfer->shown};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const begin[] = {GIT, "ls-remote", "--", node_get_text(transfer->request, "url", "")};
    for (gsize i = 0; i < G_N_ELEMENTS(begin); i++)
        g_ptr_array_add(argv, (gpointer)begin[i]);
    g_ptr_array_add(argv, (gpointer)node_get_text(transfer->request, "pattern", ""));
    g_ptr_array_add(argv, NULL);
    g_autoptr(GPtrArray) refs = NULL;
    if (git_open(&git, transfer, error) && git_do(&git, (const char *const *)argv->pdata, -1, keep, &kept, error))
        refs = refs_parse(text->str, text->len, REFS_MAX, error);
    git_clear(&git);
    if (!refs)
        return NULL;
    Node *answer = node_new_map(), *list = node_new_list();
    for (guint i = 0; i < refs->len; i++) {
        const Ref *ref = refs->pdata[i];
        Node *item = node_new_map();
        node_set_text(item, "name", ref->name);
        node_set_text(item, "commit", ref->commit);
        node_append(list, item);
    }
    node_set(answer, "refs", list);
    return answer;
}

/* "160000 commit OBJECT\tPATH" in the listing: another repository, which is not fetched. */
typedef struct Links {
    GString *line; /* the begun one, as far as it matters */
    gboolean found;
} Links;

static gboolean find_links(const char *bytes, gsize size, gpointer data, GError **error)
{
    Links *links = data;
    for (gsize i = 0; i < size; i++) {
        if (bytes[i] == '\0')
            g_string_truncate(links->line, 0);
        else if (links->line->len < 7)
            g_string_append_c(links->line, bytes[i]);
        links->found |= links->line->len == 7 && strcmp(links->line->str, "160000 ") == 0;
    }
    return TRUE;
}

static gboolean refuse_submodules(Git *git, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    Links links = {.line = line};
    const char *const argv[] = {GIT, "ls-tree", "-r", "-z", "--full-tree", WANTED, NULL};
    if (!git_do(git, argv, -1, find_links, &links, error))
        return FALSE;
    return !links.found ||
           fault_set(error, FAULT_SOURCE, "%s: it has submodules, which a source does not fetch",
                     git->transfer->shown) ||
           fault_hint(error, "let the publisher commit what belongs to a release");
}

static gboolean archive(Git *git, Node *answer, GError **error)
{
    const Node *request = git->transfer->request;
    const char *commit = node_get_text(request, "commit", ""), *ref = node_get_text(request, "ref", "");
    if (!git_init(git, commit, error) || !git_fetch(git, "--depth=1", ref, error))
        return FALSE;
    g_autofree char *object = git_object(git, WANTED, error);
    g_autofree char *got = object ? git_object(git, WANTED "^{commit}", error) : NULL;
    if (!got)
        return error && *error ? FALSE
                               : fault_set(error, FAULT_SOURCE, "%s: %s names no commit", git->transfer->shown, ref);
    if (strcmp(got, commit) != 0)
        return fault_set(error, FAULT_SOURCE, "%s: %s moved while we looked: %.12s instead of %.12s",
                         git->transfer->shown, ref, got, commit);
    const char *const argv[] = {GIT, "archive", "--format=tar", commit, NULL};
    return refuse_submodules(git, error) && set_object(git, answer, "commit", commit, error) &&
           (strcmp(object, commit) == 0 || set_object(git, answer, "tag", object, error)) &&
           git_do(git, argv, git->transfer->fds[1], NULL, NULL, error);
}

/* Objects go back as base64 of their bytes: {commit, tag}. */
Node *transfer_git_archive(const Transfer *transfer, GError **error)
{
    Git git;
    g_autoptr(Node) answer = node_new_map();
    gboolean good = git_open(&git, transfer, error) && archive(&git, answer, error);
    git_clear(&git);
    return good ? g_steal_pointer(&answer) : NULL;
}

/* Whether the history of `ref` holds the commit `held`: {holds}. Commits alone are fetched where the server can. */
Node *transfer_git_holds(const Transfer *transfer, GError **error)
{
    const char *held = node_get_text(transfer->request, "held", ""), *ref = node_get_text(transfer->request, "ref", "");
    const char *const argv[] = {GIT, "merge-base", "--is-ancestor", held, WANTED, NULL};
    Git git;
    int status = -1;
    if (git_open(&git, transfer, error) && git_init(&git, held, error) &&
        git_fetch(&git, "--filter=tree:0", ref, error))
        status = git_run(&git, argv, -1, NULL, NULL, error);
    git_clear(&git);
    if (status < 0)
        return NULL;
    Node *answer = node_new_map();
    node_set_bool(answer, "holds", status == 0); /* 128: there is no such commit at all */
    return answer;
}
