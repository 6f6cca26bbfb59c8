/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/encryption.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "engine/backups.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DONE_SUFFIX ".encrypted"
#define PARTIAL_SUFFIX ".partial"
#define DAY_MS (24 * 60 * 60 * 1000)

static const char *const copied_notes[] = {".sha256", ".driver", NULL};

/* --- programs --- */

typedef struct Said {
    const PartContext *context;
    char *first; /* line: what follows it is advice */
} Said;

static void hear(const char *line, gpointer data)
{
    Said *said = data;
    if (!said->first)
        said->first = part_printable(line);
    if (said->context->on_line)
        said->context->on_line(line, said->context->on_line_data);
}

/* `what` is for the fault: "cannot encrypt data 'main'". */
static gboolean run(const PartContext *context, const char *const *argv, const char *what, GError **error)
{
    Said said = {.context = context};
    const ProcessSpec spec = {.argv = argv,
                              .timeout_ms = DAY_MS,
                              .keep_fds = &context->lock_fd,
                              .n_keep_fds = context->lock_fd >= 0 ? 1 : 0,
                              .on_line = hear,
                              .on_line_data = &said};
    ProcessOutcome outcome = {0};
    gboolean good = process_run(&spec, &outcome, error);
    if (good && !(outcome.exited && outcome.status == 0)) {
        g_autofree char *how = process_describe(&outcome);
        good = fault_set(error, FAULT_BACKUP, "%s: %s", what, said.first ? said.first : how);
    }
    g_free(said.first);
    return good;
}

/* --- names --- */

typedef struct Sealed {
    int fd;            /* of the backup's directory, borrowed */
    const char *path;  /* its path, borrowed */
    const char *set;   /* name of the data set */
    char *tar, *plain; /* paths: of the tree as one file, and of the data */
    char *digest_name; /* NAME.encrypted */
} Sealed;

static void sealed_init(Sealed *sealed, int fd, const char *path, const char *set)
{
    *sealed = (Sealed){.fd = fd, .path = path, .set = set};
    sealed->plain = g_build_filename(path, set, NULL);
    sealed->tar = g_strconcat(sealed->plain, ".tar", NULL);
    sealed->digest_name = g_strconcat(set, DONE_SUFFIX, NULL);
}

static void sealed_clear(Sealed *sealed)
{
    g_free(sealed->plain);
    g_free(sealed->tar);
    g_free(sealed->digest_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sealed, sealed_clear)

static char *age_name(const Sealed *sealed, gboolean is_tree)
{
    return g_strconcat(sealed->set, is_tree ? ".tar.age" : ".age", NULL);
}

static gboolean is_directory(const Sealed *sealed)
{
    struct stat st;
    return fstatat(sealed->fd, sealed->set, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* --- closing --- */

/* On disk and read again, then under its own name, then noted: what is noted is whole. */
static gboolean age_finish(const Sealed *sealed, const char *partial, const char *name, GError **error)
{
    fs_fd int fd = openat(sealed->fd, partial, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return fault_errno(error, FAULT_BACKUP, errno, "cannot read back %s/%s", sealed->path, partial);
    g_autofree char *digest = digest_fd(fd, NULL, error);
    return digest && fs_rename(sealed->fd, partial, sealed->fd, name, error) &&
           fs_write_atomic(sealed->fd, sealed->digest_name, digest, strlen(digest), 0600, error);
}

static gboolean age_make(const PartContext *context, const Sealed *sealed, const char *recipient, GError **error)
{
    gboolean is_tree = is_directory(sealed);
    g_autofree char *name = age_name(sealed, is_tree);
    g_autofree char *partial = g_strconcat(name, PARTIAL_SUFFIX, NULL);
    g_autofree char *target = g_build_filename(sealed->path, partial, NULL);
    g_autofree char *what = g_strdup_printf("cannot encrypt data '%s'", sealed->set);
    const char *const tar[] = {"tar", "--numeric-owner", "--xattrs", "-C",        sealed->path,
                               "-cf", sealed->tar,       "--",       sealed->set, NULL};
    const char *const age[] = {"age", "-r", recipient, "-o", target, is_tree ? sealed->tar : sealed->plain, NULL};
    if (is_tree && !run(context, tar, what, error))
        return FALSE;
    return run(context, age, what, error) && age_finish(sealed, partial, name, error);
}

static gboolean remove_plain(const Sealed *sealed, GError **error)
{
    g_autofree char *tar = g_path_get_basename(sealed->tar);
    return fs_remove_tree(sealed->fd, sealed->set, error) && fs_remove_tree(sealed->fd, tar, error) &&
           fs_sync_dir(sealed->fd, error);
}

static gboolean close_set(const PartContext *context, const Sealed *sealed, const char *recipient, GError **error)
{
    if (!fs_exists(sealed->fd, sealed->set))
        return TRUE;
    if (!fs_exists(sealed->fd, sealed->digest_name)) {
        if (!recipient) /* it is to stay in plain */
            return TRUE;
        if (!age_make(context, sealed, recipient, error))
            return FALSE;
    }
    return remove_plain(sealed, error);
}

gboolean encryption_close(const PartContext *context, const AppConfig *config, const char *id, GError **error)
{
    g_autofree char *path = g_build_filename(context->place->backups, id, NULL);
    g_autoptr(GPtrArray) sets = backup_sets(context->place, id);
    fs_fd int fd = sets->len > 0 ? fs_open_dir(path, error) : -1;
    for (guint i = 0; fd >= 0 && i < sets->len; i++) {
        g_auto(Sealed) sealed = {0};
        sealed_init(&sealed, fd, path, sets->pdata[i]);
        if (!close_set(context, &sealed, config->backups.encrypt_to, error))
            return fault_prefix(error, "backup %s", id);
    }
    return fd >= 0 || sets->len == 0;
}

/* --- opening --- */

/* NULL: it is not encrypted. The file's name; the caller frees. */
static char *age_found(const Sealed *sealed, gboolean *is_tree)
{
    g_autofree char *tree = age_name(sealed, TRUE);
    *is_tree = fs_exists(sealed->fd, tree);
    return fs_exists(sealed->fd, sealed->digest_name) ? age_name(sealed, *is_tree) : NULL;
}

static gboolean age_check(const Sealed *sealed, const char *name, GError **error)
{
    g_autofree char *wanted = fs_read(sealed->fd, sealed->digest_name, 64, NULL, error);
    fs_fd int fd = wanted ? openat(sealed->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0)
        return !wanted ? FALSE
                       : fault_errno(error, FAULT_BACKUP, errno, "data '%s': cannot open %s", sealed->set, name);
    g_autofree char *digest = digest_fd(fd, NULL, error);
    if (digest && strcmp(digest, wanted) != 0)
        return fault_set(error, FAULT_BACKUP, "data '%s': %s is not what was written", sealed->set, name);
    return digest != NULL;
}

/* Into a name of its own first: half a file is never taken for the data. */
static gboolean open_set(const PartContext *context, const Sealed *sealed, const char *identity, const char *into,
                         GError **error)
{
    gboolean is_tree;
    g_autofree char *name = age_found(sealed, &is_tree);
    if (!name || !age_check(sealed, name, error) || !identity)
        return !name || (!identity && !(error && *error));
    fs_fd int fd = fs_open_dir(into, error);
    g_autofree char *partial = g_strconcat(sealed->set, PARTIAL_SUFFIX, NULL);
    g_autofree char *scratch = g_build_filename(into, partial, NULL);
    g_autofree char *source = g_build_filename(sealed->path, name, NULL);
    g_autofree char *what = g_strdup_printf("cannot decrypt data '%s'", sealed->set);
    if (fd < 0 || !fs_remove_tree(fd, partial, error) || !fs_remove_tree(fd, sealed->set, error))
        return FALSE;
    const char *const age[] = {"age", "-d", "-i", identity, "-o", scratch, source, NULL};
    const char *const tar[] = {"tar", "--numeric-owner", "--xattrs", "-C", into, "-xpf", scratch, NULL};
    if (!run(context, age, what, error))
        return FALSE;
    if (!is_tree)
        return fs_rename(fd, partial, fd, sealed->set, error);
    return run(context, tar, what, error) && fs_remove_tree(fd, partial, error);
}

static gboolean copy_notes(const Sealed *sealed, const char *into, GError **error)
{
    fs_fd int fd = fs_open_dir(into, error);
    for (guint i = 0; fd >= 0 && copied_notes[i]; i++) {
        gsize size;
        g_autofree char *name = g_strconcat(sealed->set, copied_notes[i], NULL);
        g_autofree char *text = fs_read(sealed->fd, name, 256, &size, error);
        if (!text || !fs_write_atomic(fd, name, text, size, 0600, error))
            return FALSE;
    }
    return fd >= 0;
}

gboolean encryption_open(const PartContext *context, const char *id, const char *identity, const char *into,
                         GError **error)
{
    g_autofree char *path = g_build_filename(context->place->backups, id, NULL);
    g_autoptr(GPtrArray) sets = backup_sets(context->place, id);
    fs_fd int fd = fs_open_dir(path, error);
    for (guint i = 0; fd >= 0 && i < sets->len; i++) {
        g_auto(Sealed) sealed = {0};
        sealed_init(&sealed, fd, path, sets->pdata[i]);
        if (!open_set(context, &sealed, identity, into, error) ||
            (identity && strcmp(path, into) != 0 && !copy_notes(&sealed, into, error)))
            return fault_prefix(error, "backup %s", id);
    }
    return fd >= 0;
}

/* --- asking --- */

gboolean encryption_hides(const Place *place, const char *id)
{
    g_autofree char *path = g_build_filename(place->backups, id, NULL);
    g_autoptr(GPtrArray) sets = backup_sets(place, id);
    fs_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (guint i = 0; fd >= 0 && i < sets->len; i++) {
        g_autofree char *note = g_strconcat(sets->pdata[i], DONE_SUFFIX, NULL);
        if (fs_exists(fd, note) && !fs_exists(fd, sets->pdata[i]))
            return TRUE;
    }
    return FALSE;
}

void encryption_object(const AppConfig *config, const Place *place, const char *backup, const char *identity,
                       GPtrArray *objections)
{
    gboolean hidden = backup && encryption_hides(place, backup);
    g_autofree char *age = g_find_program_in_path("age");
    if ((hidden || config->backups.encrypt_to) && !age)
        objection_add(objections, FAULT_REQUIREMENT, NULL, "install the package age",
                      "backups of %s are encrypted, and age(1) is not on this host", config->name);
    if (hidden && !identity)
        objection_add(objections, FAULT_REQUIREMENT, NULL, "say --identity with the file of its private key",
                      "backup %s is encrypted", backup);
    else if (hidden && access(identity, R_OK) != 0)
        objection_add(objections, FAULT_REQUIREMENT, NULL, NULL, "the private key in %s cannot be read: %s", identity,
                      g_strerror(errno));
}
