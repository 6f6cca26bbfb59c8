/* SPDX-License-Identifier: Apache-2.0 */
/* Judging of signatures by the programs that made them. */
#include "trust/git_signature.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "base/remote.h"
#include "trust/git_object.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEYS_MAX (4 * 1024 * 1024)
#define JUDGE_MS (30 * 1000)

/* The three files of a judgement, in memory: the judge runs as another user, who may read nothing of ours. */
typedef struct Files {
    int keys, payload, signature;
} Files;

static void files_clear(Files *files)
{
    fs_fd_clear(&files->keys);
    fs_fd_clear(&files->payload);
    fs_fd_clear(&files->signature);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Files, files_clear)

static int file_of(const void *bytes, gsize size, GError **error)
{
    fs_fd int fd = memfd_create("judged", MFD_CLOEXEC);
    if (fd < 0 || !fs_write_all(fd, bytes, size)) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for a signature");
        return -1;
    }
    return fs_fd_steal(&fd);
}

static gboolean run(const char *line, const Files *files, const char *argument, GString *output,
                    ProcessOutcome *outcome, GError **error)
{
    uid_t uid;
    gid_t gid;
    if (!remote_child_user(&uid, &gid, error))
        return FALSE;
    g_autofree char *keys = g_strdup_printf("/proc/self/fd/%d", files->keys);
    g_autofree char *payload = g_strdup_printf("/proc/self/fd/%d", files->payload);
    g_autofree char *signature = g_strdup_printf("/proc/self/fd/%d", files->signature);
    const char *const argv[] = {"/bin/sh", "-c", line, "sh", keys, payload, signature, argument, NULL};
    const int keep[] = {files->keys, files->payload, files->signature};
    const char *const none[] = {NULL};
    ProcessSpec spec = {.argv = argv,
                        .change_user = geteuid() == 0,
                        .uid = uid,
                        .gid = gid,
                        .timeout_ms = JUDGE_MS,
                        .keep_fds = keep,
                        .n_keep_fds = G_N_ELEMENTS(keep),
                        .output = output,
                        .no_network = TRUE,
                        .read_only = TRUE,
                        .write_paths = none};
    return process_run(&spec, outcome, error);
}

static gboolean ended_well(const ProcessOutcome *outcome)
{
    return outcome->exited && outcome->status == 0;
}

static gboolean refuse(const char *what, GError **error)
{
    return fault_set(error, FAULT_VERIFY, "%s: the signature is of none of the keys that may sign, or does not fit",
                     what);
}

/* Whose key it is, and then whether it fits: the file of keys may limit a key to names, times and uses. */
static gboolean judge_ssh(const Files *files, const char *what, GError **error)
{
    static const char whose[] = "exec ssh-keygen -Y find-principals -f \"$1\" -s \"$3\"";
    static const char fits[] = "exec ssh-keygen -Y verify -n git -f \"$1\" -s \"$3\" -I \"$4\" <\"$2\"";
    g_autoptr(GString) names = g_string_new(NULL);
    ProcessOutcome outcome;
    if (!run(whose, files, NULL, names, &outcome, error))
        return FALSE;
    names->str[strcspn(names->str, "\n")] = '\0';
    if (!ended_well(&outcome) || !*names->str)
        return refuse(what, error);
    return run(fits, files, names->str, NULL, &outcome, error) && (ended_well(&outcome) || refuse(what, error));
}

static gboolean judge_pgp(const Files *files, const char *what, GError **error)
{
    static const char fits[] = "exec gpgv --homedir /nonexistent --weak-digest SHA1 --status-fd 1 --keyring \"$1\" "
                               "\"$3\" \"$2\"";
    static const char *const bad[] = {"EXPSIG ", "EXPKEYSIG ", "REVKEYSIG ", "BADSIG ", "ERRSIG "};
    g_autoptr(GString) said = g_string_new(NULL);
    ProcessOutcome outcome;
    if (!run(fits, files, NULL, said, &outcome, error))
        return FALSE;
    gboolean good = ended_well(&outcome) && strstr(said->str, "[GNUPG:] GOODSIG ") != NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *line = g_strconcat("[GNUPG:] ", bad[i], NULL);
        good = good && !strstr(said->str, line);
    }
    return good || refuse(what, error);
}

gboolean git_signature_verify(const char *bytes, gsize size, const char *what, const char *allowed_signers,
                              const char *keyring, GError **error)
{
    g_autoptr(GByteArray) payload = NULL;
    g_autofree char *signature = NULL, *keys = NULL;
    GitSigned kind = git_signature_split(bytes, size, &payload, &signature);
    const char *file = kind == GIT_SIGNED_SSH ? allowed_signers : keyring;
    if (kind == GIT_UNSIGNED)
        return fault_set(error, FAULT_VERIFY, "%s is not signed", what);
    if (!file)
        return fault_set(error, FAULT_VERIFY, "%s is signed with %s, but there is no '%s' in [trust]", what,
                         kind == GIT_SIGNED_SSH ? "an ssh key" : "OpenPGP",
                         kind == GIT_SIGNED_SSH ? "allowed_signers" : "keyring");
    gsize keys_size = 0;
    g_autoptr(GError) local = NULL;
    if (!g_file_get_contents(file, &keys, &keys_size, &local) || keys_size > KEYS_MAX)
        return fault_set(error, FAULT_CONFIG, "cannot read the keys in %s: %s", file,
                         local ? local->message : "it is too large");
    g_auto(Files) files = {-1, -1, -1};
    if ((files.keys = file_of(keys, keys_size, error)) < 0 ||
        (files.payload = file_of(payload->data, payload->len, error)) < 0 ||
        (files.signature = file_of(signature, strlen(signature), error)) < 0)
        return FALSE;
    return kind == GIT_SIGNED_SSH ? judge_ssh(&files, what, error) : judge_pgp(&files, what, error);
}
