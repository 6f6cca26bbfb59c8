/* SPDX-License-Identifier: Apache-2.0 */
/* One mail by SMTP (libcurl). Linked only into the child without rights (libexec/fetch.c). */
#pragma once

#include <glib.h>

typedef struct MailRequest {
    const char *server;     /* "HOST:PORT" */
    gboolean tls, starttls; /* from the first byte; after STARTTLS, without which nothing is sent; else in the clear */
    const char *user, *password; /* NULL: none */
    const char *from;            /* addresses alone: "me@example.org" */
    const char *const *to;       /* NULL-terminated */
    const char *text;            /* the whole mail (RFC 5322), lines end in CRLF */
    const char *ca_pem;          /* certificates that replace the system's; NULL */
    gint64 timeout_ms;           /* for all of it */
} MailRequest;

/* TRUE once the server has taken it for all recipients. "cannot reach HOST:PORT: why" and temporary refusals are
 * FAULT_NETWORK, permanent ones and a wrong password FAULT_CONFIG: "mail HOST:PORT: why". */
gboolean mail_perform(const MailRequest *request, GError **error);
