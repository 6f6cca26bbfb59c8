/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file from an SFTP server through ssh(1). The protocol is spoken here, and not by sftp(1), because that
 * shows times to the minute and takes names apart like a shell.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "libexec/sftp_packet.h"
#include "libexec/transfer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SSH "/usr/bin/ssh"

enum { PIECE = 32 * 1024, AHEAD = 32, VERSION = 3, TICK_MS = 100, SMALL_MAX = 64 * 1024 };

typedef struct Piece {
    guint32 id;
    guint64 offset;
    guint32 size;
} Piece;

typedef struct Sftp {
    const Transfer *transfer;
    const char *path; /* the file being read, for errors */
    pid_t pid;
    int in, out, err;
    GString *complaints;
    GByteArray *received; /* begun packets */
    guint32 next_id;
} Sftp;

/* --- packets ------------------------------------------------------------------------------------------------- */

static gboolean fail(const Sftp *sftp, enum fault_code code, const char *what, GError **error)
{
    return fault_set(error, code, "fetch %s: %s", sftp->transfer->shown, what);
}

static gboolean senseless(const Sftp *sftp, GError **error)
{
    return fail(sftp, FAULT_SOURCE, "the server's answer is no SFTP", error);
}

static gboolean send_packet(Sftp *sftp, const GByteArray *packet, GError **error)
{
    g_autoptr(GByteArray) whole = g_byte_array_new();
    sftp_add_number(whole, packet->len);
    g_byte_array_append(whole, packet->data, packet->len);
    if (fs_write_all(sftp->in, whole->data, whole->len))
        return TRUE;
    return fail(sftp, FAULT_NETWORK, "the server closed the connection", error);
}

static void hear_complaints(Sftp *sftp)
{
    char buffer[4096];
    ssize_t n;
    while (sftp->err >= 0 && (n = read(sftp->err, buffer, sizeof buffer)) > 0)
        if (sftp->complaints->len < 8192)
            g_string_append_len(sftp->complaints, buffer, n);
}

static gboolean say_closed(Sftp *sftp, GError **error)
{
    int status;
    hear_complaints(sftp);
    for (int i = 0; i < 20 && waitpid(sftp->pid, &status, WNOHANG) == 0; i++)
        g_usleep(50000); /* its last words */
    hear_complaints(sftp);
    if (sftp->complaints->len > 0)
        return transfer_complain(sftp->transfer, "ssh", sftp->complaints, error);
    return fail(sftp, FAULT_NETWORK, "the server closed the connection", error);
}

/* At least `size` bytes of the stream are in `received`. */
static gboolean fill(Sftp *sftp, gsize size, GError **error)
{
    const Transfer *transfer = sftp->transfer;
    gint64 heard_ms = transfer_now_ms();
    while (sftp->received->len < size) {
        guint8 buffer[64 * 1024];
        struct pollfd wait = {.fd = sftp->out, .events = POLLIN};
        if (poll(&wait, 1, TICK_MS) > 0) {
            ssize_t n = read(sftp->out, buffer, sizeof buffer);
            if (n == 0 || (n < 0 && errno != EINTR))
                return say_closed(sftp, error);
            g_byte_array_append(sftp->received, buffer, (guint)MAX(n, 0));
            heard_ms = transfer_now_ms();
        }
        hear_complaints(sftp);
        child_progress(0, 0, NULL);
        if (transfer_now_ms() - heard_ms > transfer->stall_ms)
            return fault_set(error, FAULT_NETWORK, "fetch %s: no data for %g s", transfer->shown,
                             (double)transfer->stall_ms / 1000);
        if (transfer_now_ms() > transfer->end_ms)
            return fail(sftp, FAULT_NETWORK, "it took too long", error);
    }
    return TRUE;
}

/* The next packet: *reader stands behind its type. It is valid until the next call. */
static gboolean receive(Sftp *sftp, GByteArray *packet, SftpReader *reader, guint8 *type, GError **error)
{
    if (!fill(sftp, 4, error))
        return FALSE;
    SftpReader head = {.at = sftp->received->data, .end = sftp->received->data + 4};
    guint32 size = sftp_number(&head);
    if (size == 0 || size > SFTP_PACKET_MAX)
        return senseless(sftp, error);
    if (!fill(sftp, 4 + (gsize)size, error))
        return FALSE;
    g_byte_array_set_size(packet, 0);
    g_byte_array_append(packet, sftp->received->data + 4, size);
    g_byte_array_remove_range(sftp->received, 0, 4 + size);
    *reader = (SftpReader){.at = packet->data, .end = packet->data + packet->len};
    *type = sftp_byte(reader);
    return TRUE;
}

static gboolean say_status(const Sftp *sftp, guint32 status, GError **error)
{
    g_autofree char *shown = shown_text(sftp->path);
    const char *why = status == SFTP_NO_SUCH_FILE        ? "there is no %s"
                      : status == SFTP_PERMISSION_DENIED ? "the server does not let us read %s"
                                                         : "the server cannot read %s";
    g_autoptr(GString) text = g_string_new(why);
    g_string_replace(text, "%s", shown, 1);
    return fail(sftp, FAULT_SOURCE, text->str, error);
}

/* One question, and the packet of type `wanted` that answers it. */
static gboolean ask(Sftp *sftp, const GByteArray *question, guint32 id, SftpType wanted, GByteArray *packet,
                    SftpReader *reader, GError **error)
{
    guint8 type;
    if (!send_packet(sftp, question, error) || !receive(sftp, packet, reader, &type, error))
        return FALSE;
    guint32 answered = sftp_number(reader);
    if (reader->broken || answered != id || (type != wanted && type != SFTP_STATUS))
        return senseless(sftp, error);
    return type == wanted || say_status(sftp, sftp_number(reader), error);
}

/* --- the connection ------------------------------------------------------------------------------------------ */

static gboolean connect_to(Sftp *sftp, GError **error)
{
    const Node *request = sftp->transfer->request;
    g_autofree char *port = g_strdup_printf("%" G_GINT64_FORMAT, node_get_int(request, "port", 22));
    const char *const argv[] = {SSH,
                                "-F",
                                "ssh_config",
                                "-p",
                                port,
                                "-l",
                                node_get_text(request, "user", ""),
                                "-s",
                                "--",
                                node_get_text(request, "host", ""),
                                "sftp",
                                NULL};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "SSH_ASKPASS_REQUIRE=never", NULL};
    TransferRun run = {.argv = argv, .environment = environment, .output_fd = -1};
    sftp->pid = transfer_start(sftp->transfer, &run, &sftp->in, &sftp->out, &sftp->err, error);
    if (sftp->pid < 0)
        return FALSE;
    g_autoptr(GByteArray) hello = g_byte_array_new();
    g_autoptr(GByteArray) packet = g_byte_array_new();
    SftpReader reader;
    guint8 type;
    sftp_add_byte(hello, SFTP_INIT);
    sftp_add_number(hello, VERSION);
    if (!send_packet(sftp, hello, NULL))
        return say_closed(sftp, error);
    if (!receive(sftp, packet, &reader, &type, error))
        return FALSE;
    return (type == SFTP_VERSION && sftp_number(&reader) >= VERSION) || senseless(sftp, error);
}

static void disconnect(Sftp *sftp)
{
    fs_fd_clear(&sftp->in);
    fs_fd_clear(&sftp->out);
    fs_fd_clear(&sftp->err);
    if (sftp->pid > 0 && kill(sftp->pid, SIGKILL) == 0)
        waitpid(sftp->pid, NULL, 0);
    g_string_free(sftp->complaints, TRUE);
    g_byte_array_unref(sftp->received);
}

/* --- files --------------------------------------------------------------------------------------------------- */

static gboolean stat_file(Sftp *sftp, SftpAttributes *attributes, GError **error)
{
    g_autoptr(GByteArray) question = g_byte_array_new();
    g_autoptr(GByteArray) packet = g_byte_array_new();
    SftpReader reader;
    guint32 id = sftp->next_id++;
    sftp_add_byte(question, SFTP_STAT);
    sftp_add_number(question, id);
    sftp_add_string(question, sftp->path, strlen(sftp->path));
    if (!ask(sftp, question, id, SFTP_ATTRS, packet, &reader, error))
        return FALSE;
    sftp_attributes(&reader, attributes);
    if (reader.broken || !attributes->has_size || !attributes->has_mtime)
        return senseless(sftp, error);
    if (attributes->has_mode && !S_ISREG(attributes->mode)) {
        g_autofree char *shown = shown_text(sftp->path);
        return fault_set(error, FAULT_SOURCE, "fetch %s: %s is not a regular file", sftp->transfer->shown, shown);
    }
    return TRUE;
}

static gboolean open_file(Sftp *sftp, GByteArray *handle, GError **error)
{
    g_autoptr(GByteArray) question = g_byte_array_new();
    g_autoptr(GByteArray) packet = g_byte_array_new();
    SftpReader reader;
    guint32 id = sftp->next_id++, size = 0;
    sftp_add_byte(question, SFTP_OPEN);
    sftp_add_number(question, id);
    sftp_add_string(question, sftp->path, strlen(sftp->path));
    sftp_add_number(question, 1); /* for reading */
    sftp_add_number(question, 0); /* no attributes */
    if (!ask(sftp, question, id, SFTP_HANDLE, packet, &reader, error))
        return FALSE;
    const guint8 *bytes = sftp_string(&reader, &size);
    if (reader.broken || size > 256)
        return senseless(sftp, error);
    g_byte_array_append(handle, bytes, size);
    return TRUE;
}

static gboolean ask_piece(Sftp *sftp, const GByteArray *handle, GArray *pieces, guint64 offset, guint32 size,
                          GError **error)
{
    g_autoptr(GByteArray) question = g_byte_array_new();
    Piece piece = {.id = sftp->next_id++, .offset = offset, .size = size};
    sftp_add_byte(question, SFTP_READ);
    sftp_add_number(question, piece.id);
    sftp_add_string(question, handle->data, handle->len);
    sftp_add_long(question, offset);
    sftp_add_number(question, size);
    g_array_append_val(pieces, piece);
    return send_packet(sftp, question, error);
}

/* Takes the piece with this id out of those that were asked for. */
static gboolean take_piece(GArray *pieces, guint32 id, Piece *piece)
{
    for (guint i = 0; i < pieces->len; i++)
        if (g_array_index(pieces, Piece, i).id == id) {
            *piece = g_array_index(pieces, Piece, i);
            g_array_remove_index_fast(pieces, i);
            return TRUE;
        }
    return FALSE;
}

static gboolean take_data(Sftp *sftp, const GByteArray *handle, GArray *pieces, int fd, GError **error)
{
    g_autoptr(GByteArray) packet = g_byte_array_new();
    SftpReader reader;
    Piece piece;
    guint8 type;
    guint32 size = 0;
    if (!receive(sftp, packet, &reader, &type, error))
        return FALSE;
    if (!take_piece(pieces, sftp_number(&reader), &piece) || (type != SFTP_DATA && type != SFTP_STATUS))
        return senseless(sftp, error);
    if (type == SFTP_STATUS)
        return sftp_number(&reader) == SFTP_EOF
                   ? fail(sftp, FAULT_NETWORK, "the file became shorter as we read it", error)
                   : say_status(sftp, SFTP_STATUS, error);
    const guint8 *bytes = sftp_string(&reader, &size);
    if (reader.broken || size == 0 || size > piece.size)
        return senseless(sftp, error);
    if (pwrite(fd, bytes, size, (off_t)piece.offset) != (ssize_t)size)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write what was fetched");
    return size == piece.size || ask_piece(sftp, handle, pieces, piece.offset + size, piece.size - size, error);
}

static gboolean read_file(Sftp *sftp, guint64 size, int fd, GError **error)
{
    g_autoptr(GByteArray) handle = g_byte_array_new();
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    if (ftruncate(fd, 0) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write what is fetched");
    if (!open_file(sftp, handle, error))
        return FALSE;
    for (guint64 asked = 0; asked < size || pieces->len > 0;) {
        while (asked < size && pieces->len < AHEAD) {
            guint32 piece = (guint32)MIN(size - asked, (guint64)PIECE);
            if (!ask_piece(sftp, handle, pieces, asked, piece, error))
                return FALSE;
            asked += piece;
        }
        if (!take_data(sftp, handle, pieces, fd, error))
            return FALSE;
        child_progress(asked, size, NULL);
    }
    return TRUE;
}

/* The whole file, which must not change meanwhile. */
static gboolean fetch_file(Sftp *sftp, const SftpAttributes *before, guint64 limit, int fd, GError **error)
{
    SftpAttributes after;
    if (before->size > limit)
        return fault_set(error, FAULT_VERIFY, "fetch %s: more than %" G_GUINT64_FORMAT " bytes", sftp->transfer->shown,
                         limit);
    if (!read_file(sftp, before->size, fd, error) || !stat_file(sftp, &after, error))
        return FALSE;
    if (after.size != before->size || after.mtime_s != before->mtime_s)
        return fail(sftp, FAULT_NETWORK, "the file changed while we read it", error);
    return TRUE;
}

/* fds: scratch, where the file goes. {size, mtime, changed}; what is as the request knows it is not read again. */
static gboolean fetch(Sftp *sftp, Node *answer, GError **error)
{
    const Node *request = sftp->transfer->request;
    SftpAttributes attributes;
    sftp->path = node_get_text(request, "path", "");
    if (!stat_file(sftp, &attributes, error))
        return FALSE;
    gboolean changed = (gint64)attributes.size != node_get_int(request, "known_size", -1) ||
                       (gint64)attributes.mtime_s != node_get_int(request, "known_mtime", -1);
    node_set_int(answer, "size", (gint64)MIN(attributes.size, (guint64)G_MAXINT64));
    node_set_int(answer, "mtime", attributes.mtime_s);
    node_set_bool(answer, "changed", changed);
    return !changed || fetch_file(sftp, &attributes, sftp->transfer->limit_bytes, sftp->transfer->fds[1], error);
}

Node *transfer_sftp(const Transfer *transfer, GError **error)
{
    Sftp sftp = {.transfer = transfer,
                 .path = "",
                 .pid = -1,
                 .in = -1,
                 .out = -1,
                 .err = -1,
                 .complaints = g_string_new(NULL),
                 .received = g_byte_array_new()};
    g_autoptr(Node) answer = node_new_map();
    signal(SIGPIPE, SIG_IGN);
    gboolean good = transfer_ssh_settings(transfer, error) && connect_to(&sftp, error) && fetch(&sftp, answer, error);
    disconnect(&sftp);
    return good ? g_steal_pointer(&answer) : NULL;
}
