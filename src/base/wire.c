/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a stream socket, read as if the other side were hostile. */
#include "base/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union FdRoom {
    char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
    struct cmsghdr align;
} FdRoom;

static gboolean send_all(int socket, const char *bytes, gsize size)
{
    while (size > 0) {
        gssize n = send(socket, bytes, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        bytes += n;
        size -= (gsize)n;
    }
    return TRUE;
}

gboolean wire_send(int socket, const char *bytes, gsize size, const int *fds, guint n_fds)
{
    guint32 length = GUINT32_TO_LE((guint32)size);
    FdRoom room = {.bytes = {0}};
    struct iovec part = {.iov_base = &length, .iov_len = sizeof length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (size > WIRE_MAX_BYTES || n_fds > WIRE_MAX_FDS) {
        errno = EMSGSIZE;
        return FALSE;
    }
    if (n_fds) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
    }
    gssize n;
    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 || !send_all(socket, (const char *)&length + n, sizeof length - (gsize)n))
        return FALSE;
    return send_all(socket, bytes, size);
}

static WireOutcome wait_readable(int socket, gint64 deadline_ms)
{
    for (;;) {
        gint64 left_ms = deadline_ms < 0 ? -1 : MAX(0, deadline_ms - g_get_monotonic_time() / 1000);
        struct pollfd wait = {.fd = socket, .events = POLLIN};
        int n = poll(&wait, 1, (int)MIN(left_ms, G_MAXINT));
        if (n > 0)
            return WIRE_MESSAGE;
        if (n == 0)
            return WIRE_LATE;
        if (errno != EINTR)
            return WIRE_BROKEN;
    }
}

static void take_fds(struct msghdr *message, int *fds, guint *n_fds)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        guint n = (guint)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (guint i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (*n_fds < WIRE_MAX_FDS)
                fds[(*n_fds)++] = fd;
            else
                close(fd);
        }
    }
}

/* Without `fds` there is no room for descriptors and the kernel drops those that a hostile sender attaches. */
static WireOutcome receive_all(int socket, gint64 deadline_ms, char *bytes, gsize size, int *fds, guint *n_fds)
{
    for (gsize got = 0; got < size;) {
        WireOutcome outcome = wait_readable(socket, deadline_ms);
        if (outcome != WIRE_MESSAGE)
            return outcome;
        FdRoom room;
        struct iovec part = {.iov_base = bytes + got, .iov_len = size - got};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (fds) {
            message.msg_control = room.bytes;
            message.msg_controllen = sizeof room.bytes;
        }
        gssize n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n > 0 && fds)
            take_fds(&message, fds, n_fds);
        if (n <= 0)
            return got == 0 && (n == 0 || errno == ECONNRESET) ? WIRE_END : WIRE_BROKEN;
        got += (gsize)n;
    }
    return WIRE_MESSAGE;
}

WireOutcome wire_receive_fds(int socket, gint64 deadline_ms, char **bytes, gsize *size, int *fds, guint *n_fds)
{
    guint32 length = 0;
    WireOutcome outcome = receive_all(socket, deadline_ms, (char *)&length, sizeof length, fds, n_fds);
    if (outcome != WIRE_MESSAGE)
        return outcome;
    length = GUINT32_FROM_LE(length);
    g_autofree char *room = length <= WIRE_MAX_BYTES ? g_try_malloc((gsize)length + 1) : NULL;
    if (!room)
        return WIRE_BROKEN;
    outcome = receive_all(socket, deadline_ms, room, length, NULL, NULL);
    if (outcome != WIRE_MESSAGE)
        return outcome == WIRE_END ? WIRE_BROKEN : outcome;
    room[length] = '\0';
    *bytes = g_steal_pointer(&room);
    *size = length;
    return WIRE_MESSAGE;
}

WireOutcome wire_receive(int socket, gint64 deadline_ms, char **bytes, gsize *size)
{
    return wire_receive_fds(socket, deadline_ms, bytes, size, NULL, NULL);
}
