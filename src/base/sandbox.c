/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by its system calls, since the C library has no wrappers; see landlock(7). */
#include "base/sandbox.h"
#include "base/fault.h"
#include "base/sandbox_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came after the headers that we may be built with. */
#define ACCESS_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define SCOPE_ALL 3ULL                /* ABI 6: abstract sockets and signals stay inside */

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                  \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                     \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE)
#define ACCESS_ALL (ACCESS_READ | ACCESS_WRITE | LANDLOCK_ACCESS_FS_EXECUTE | ACCESS_IOCTL_DEV)
/* What a rule on something that is no directory may grant. */
#define ACCESS_OF_FILE                                                                                                 \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_TRUNCATE |     \
     ACCESS_IOCTL_DEV)

/* struct landlock_ruleset_attr as it grew; `size` of the call says how much of it the kernel knows. */
typedef struct RulesetAttr {
    guint64 fs, net, scoped;
} RulesetAttr;

/* 0: no Landlock. */
static int abi_version(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

static guint64 known_rights(int abi)
{
    guint64 rights = ACCESS_ALL;
    if (abi < 5)
        rights &= ~ACCESS_IOCTL_DEV;
    if (abi < 3)
        rights &= ~ACCESS_TRUNCATE;
    if (abi < 2)
        rights &= ~(guint64)LANDLOCK_ACCESS_FS_REFER;
    return rights;
}

static int ruleset_new(int abi, guint64 handled, guint64 scoped)
{
    RulesetAttr attr = {.fs = handled, .scoped = scoped};
    gsize size = abi >= 6 ? sizeof attr : abi >= 4 ? 2 * sizeof(guint64) : sizeof(guint64);
    return (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

static gboolean allow_fd(int ruleset, int fd, guint64 rights)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return FALSE;
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = S_ISDIR(st.st_mode) ? rights : rights & ACCESS_OF_FILE,
        .parent_fd = fd,
    };
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
}

static gboolean allow_path(int ruleset, const char *path, guint64 rights)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    gboolean good = allow_fd(ruleset, fd, rights);
    int saved = errno;
    close(fd);
    errno = saved;
    return good;
}

static gboolean allow_paths(int ruleset, const char *const *paths, guint64 rights)
{
    for (; paths && *paths; paths++)
        if (!allow_path(ruleset, *paths, rights))
            return FALSE;
    return TRUE;
}

/* Takes the ruleset. */
static gboolean enforce(int ruleset, gboolean complete)
{
    gboolean good = complete && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int saved = errno;
    close(ruleset);
    errno = saved;
    return good;
}

gboolean sandbox_available(void)
{
    return abi_version() > 0;
}

gboolean sandbox_restrict_writes(const char *const *paths)
{
    /* /dev as a whole would let shared memory of others and, to root, disks be written. */
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
                                          "/dev/tty",  "/dev/ptmx", "/dev/pts",  NULL};
    int abi = abi_version();
    if (abi == 0) {
        errno = ENOSYS;
        return FALSE;
    }
    guint64 rights = ACCESS_WRITE & known_rights(abi);
    int ruleset = ruleset_new(abi, rights, 0);
    return ruleset >= 0 &&
           enforce(ruleset,
                   allow_paths(ruleset, paths, rights) &&
                       allow_paths(ruleset, devices, rights & (LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)));
}

static gboolean allow_rules(int ruleset, const SandboxRules *rules, guint64 known)
{
    guint64 read = ACCESS_READ | (rules->allow_exec ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
    guint64 write = (ACCESS_READ | ACCESS_WRITE) & known;
    if (!allow_paths(ruleset, rules->read_paths, read) || !allow_paths(ruleset, rules->write_paths, write))
        return FALSE;
    for (guint i = 0; i < rules->n_write_fds; i++)
        if (!allow_fd(ruleset, rules->write_fds[i], write))
            return FALSE;
    return TRUE;
}

gboolean sandbox_enter(const SandboxRules *rules, gboolean *confined, GError **error)
{
    const struct rlimit no_core = {0, 0};
    *confined = FALSE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot give up rights");
    int abi = abi_version();
    if (abi > 0) {
        guint64 known = known_rights(abi);
        int ruleset = ruleset_new(abi, known, abi >= 6 ? SCOPE_ALL : 0);
        if (ruleset < 0 || !enforce(ruleset, allow_rules(ruleset, rules, known)))
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot give up rights");
        *confined = TRUE;
    }
    /* Last: it hides our own /proc entries from us. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot give up rights");
    return TRUE;
}
