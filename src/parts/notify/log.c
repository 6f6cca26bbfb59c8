/* SPDX-License-Identifier: Apache-2.0 */
/* The notification "log": one line of JSON in the app's logs/notify.log. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/document.h"
#include "base/fs.h"
#include "parts/log_file.h"
#include "parts/notify/senders.h"

static const Key log_keys[] = {{0}};

static char *log_line(const char *message, const NotifyFacts *facts)
{
    g_autoptr(Node) line = node_new_map();
    g_autofree char *time = clock_format(clock_now_s()), *valid = g_utf8_make_valid(message, -1);
    node_set_text(line, "time", time);
    node_set_text(line, "app", facts->app);
    node_set_text(line, "version", facts->version);
    node_set_text(line, "from", facts->from);
    node_set_text(line, "verdict", facts->verdict);
    node_set_text(line, "job", facts->job);
    node_set_text(line, "message", valid);
    g_autofree char *json = node_to_json(line, 0);
    return g_strconcat(json, "\n", NULL);
}

static gboolean log_send(const PartContext *context, const NotifyConfig *config, const char *message,
                         const NotifyFacts *facts, GError **error)
{
    fs_fd int fd = log_file_open(context->place, "notify.log", error);
    if (fd < 0)
        return FALSE;
    g_autofree char *line = log_line(message, facts);
    gsize size = strlen(line);
    if (write(fd, line, size) == (gssize)size) /* one write: lines of two jobs never mix */
        return TRUE;
    return fault_errno(error, FAULT_SYSTEM, errno, "write '%s/notify.log'", context->place->logs);
}

const NotifyDriver notify_log = {
    .name = "log", .summary = "a line in the app's logs/notify.log", .keys = log_keys, .send = log_send};
