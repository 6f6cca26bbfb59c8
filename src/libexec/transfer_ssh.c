/* SPDX-License-Identifier: Apache-2.0 */
/* ssh(1) as sources use it: one key, one pinned host, nothing of the system's or a user's configuration. */
#include "base/fault.h"
#include "base/shown.h"
#include "libexec/transfer.h"

#include <string.h>

/* No RSA: neither its keys nor its signatures, with whatever hash. */
#define ALGORITHMS "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"

static const char settings[] = "Host *\n"
                               "BatchMode yes\n"
                               "StrictHostKeyChecking yes\n"
                               "UserKnownHostsFile known_hosts\n"
                               "GlobalKnownHostsFile /dev/null\n"
                               "HostKeyAlias liftlock\n"
                               "HostKeyAlgorithms " ALGORITHMS "\n"
                               "PubkeyAcceptedAlgorithms " ALGORITHMS "\n"
                               "IdentityFile key\n"
                               "IdentitiesOnly yes\n"
                               "IdentityAgent none\n"
                               "PreferredAuthentications publickey\n"
                               "PasswordAuthentication no\n"
                               "KbdInteractiveAuthentication no\n"
                               "ForwardAgent no\n"
                               "ForwardX11 no\n"
                               "ClearAllForwardings yes\n"
                               "PermitLocalCommand no\n"
                               "UpdateHostKeys no\n"
                               "CheckHostIP no\n"
                               "VerifyHostKeyDNS no\n"
                               "CanonicalizeHostname no\n"
                               "ControlMaster no\n"
                               "ControlPath none\n"
                               "ConnectTimeout 10\n"
                               "ServerAliveInterval 10\n"
                               "ServerAliveCountMax 3\n"
                               "LogLevel INFO\n";

gboolean transfer_ssh_settings(const Transfer *transfer, GError **error)
{
    const char *key = node_get_text(transfer->request, "key", NULL);
    if (!key)
        return TRUE;
    g_autoptr(GString) hosts = g_string_new(NULL);
    g_autofree const char **host_keys = child_strings(node_get(transfer->request, "host_keys"));
    for (guint i = 0; host_keys[i]; i++)
        g_string_append_printf(hosts, "liftlock %s\n", host_keys[i]);
    return transfer_write("key", key, error) && transfer_write("known_hosts", hosts->str, error) &&
           transfer_write("ssh_config", settings, error);
}

/* --- complaints ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *part; /* of a line */
    enum fault_code code;
    const char *meaning, *hint; /* meaning NULL: the line itself */
} complaints_known[] = {
    {"Host key verification failed", FAULT_VERIFY, "the server's host key is not the one in 'host_key'",
     "if the server was renewed, ask its owner for the new key; else somebody stands between"},
    {"no matching host key type found", FAULT_VERIFY, "the server offers RSA host keys only, which sources do not take",
     "its owner makes one with 'ssh-keygen -t ed25519'"},
    {"Permission denied (", FAULT_SOURCE, "the server does not let us in with the key in 'key_file'", NULL},
    {"Could not resolve host", FAULT_NETWORK, "its name is not known", NULL},
    {"Connection refused", FAULT_NETWORK, "connection refused", NULL},
    {"Connection timed out", FAULT_NETWORK, "no answer", NULL},
    {"No route to host", FAULT_NETWORK, "no route to host", NULL},
    {"Authentication failed for", FAULT_SOURCE, "the server does not take the token", NULL},
    {"could not read Username", FAULT_SOURCE, "the server asks who we are", "name a token in 'token_file'"},
    {"could not read Password", FAULT_SOURCE, "the server asks for a password", "name a token in 'token_file'"},
    {"Couldn't connect to server", FAULT_NETWORK, "connection refused", NULL},
    {"Failed to connect to", FAULT_NETWORK, "connection refused", NULL},
    {"Operation too slow", FAULT_NETWORK, "less than 1 kB/s for 30 s", NULL},
    {"certificate", FAULT_VERIFY, "the server's certificate is not believed here", NULL},
    {"unable to update url base from redirection", FAULT_SOURCE, "the server sends us elsewhere", NULL},
    {"Connection closed by", FAULT_NETWORK, "the server closed the connection", NULL},
    {"Connection reset by", FAULT_NETWORK, "the server closed the connection", NULL},
};

static gboolean complain_known(const Transfer *transfer, const char *text, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(complaints_known); i++) {
        if (!strstr(text, complaints_known[i].part))
            continue;
        fault_set(error, complaints_known[i].code, "fetch %s: %s", transfer->shown, complaints_known[i].meaning);
        if (complaints_known[i].hint)
            fault_hint(error, "%s", complaints_known[i].hint);
        return TRUE;
    }
    return FALSE;
}

gboolean transfer_complain(const Transfer *transfer, const char *program, const GString *complaints, GError **error)
{
    if (complain_known(transfer, complaints->str, error))
        return FALSE;
    /* The last line that says "fatal" or "error"; else the last one. */
    g_auto(GStrv) lines = g_strsplit_set(complaints->str, "\r\n", -1);
    const char *chosen = NULL, *last = "no reason given";
    for (guint i = 0; lines[i]; i++) {
        if (*lines[i])
            last = lines[i];
        if (g_str_has_prefix(lines[i], "fatal: ") || g_str_has_prefix(lines[i], "error: "))
            chosen = lines[i] + strlen("fatal: ");
    }
    g_autofree char *shown = shown_text(chosen ? chosen : last);
    return fault_set(error, FAULT_NETWORK, "fetch %s: %s: %s", transfer->shown, program, shown);
}
