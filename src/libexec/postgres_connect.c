/* SPDX-License-Identifier: Apache-2.0 */
/* From the file that holds the app's URL to a connection. Nothing here may print a URL or a password. */
#include "libexec/postgres.h"

#include "base/fault.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define URL_FILE_LIMIT_BYTES 65536
#define CONNECT_TIMEOUT_S "10"

typedef GHashTable Options; /* char * -> char *: libpq's keywords */

/* --- the URL --- */

static char *read_file(int fd)
{
    char *bytes = g_malloc(URL_FILE_LIMIT_BYTES + 1);
    ssize_t size = pread(fd, bytes, URL_FILE_LIMIT_BYTES, 0);
    bytes[MAX(size, 0)] = '\0';
    return bytes;
}

/* What stands behind KEY= in a .env file: "export" before it, quotes around it and a comment behind it go. */
static char *dotenv_value(const char *text, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    char *value = NULL;
    for (char **line = lines; *line; line++) {
        const char *at = *line + strspn(*line, " \t");
        if (g_str_has_prefix(at, "export ") || g_str_has_prefix(at, "export\t"))
            at += strlen("export ") + strspn(at + strlen("export "), " \t");
        gsize size = strlen(key);
        if (strncmp(at, key, size) != 0)
            continue;
        at += size + strspn(at + size, " \t");
        if (*at++ != '=')
            continue;
        at += strspn(at, " \t");
        const char *quote = *at == '"' || *at == '\'' ? at : NULL;
        const char *end = quote ? strchr(at + 1, *quote) : NULL;
        g_free(value); /* the last one counts */
        value = end ? g_strndup(at + 1, (gsize)(end - at - 1)) : g_strndup(at, strcspn(at, " \t\r#"));
    }
    return value;
}

/* Drivers of the app's language leave their mark on the scheme: "postgresql+psycopg2://". */
static char *plain_scheme(const char *url)
{
    static const char *const schemes[] = {"postgresql", "postgres"};
    const char *colon = strstr(url, "://");
    for (gsize i = 0; colon && i < G_N_ELEMENTS(schemes); i++) {
        gsize size = strlen(schemes[i]);
        if (strncmp(url, schemes[i], size) == 0 && (url + size == colon || url[size] == '+'))
            return g_strconcat("postgresql", colon, NULL);
    }
    return NULL;
}

static gboolean is_keyword(const char *name, gsize size)
{
    g_autofree char *keyword = g_strndup(name, size);
    PQconninfoOption *all = PQconndefaults();
    gboolean known = FALSE;
    for (PQconninfoOption *option = all; option && option->keyword && !known; option++)
        known = strcmp(option->keyword, keyword) == 0;
    PQconninfoFree(all);
    return known;
}

/* Parameters that only the app's own driver knows ("schema", "pool_size") would be errors. */
static char *known_parameters(const char *url)
{
    const char *query = strchr(url, '?');
    if (!query)
        return g_strdup(url);
    GString *kept = g_string_new_len(url, query - url);
    g_auto(GStrv) parameters = g_strsplit(query + 1, "&", -1);
    char separator = '?';
    for (char **parameter = parameters; *parameter; parameter++)
        if (is_keyword(*parameter, strcspn(*parameter, "="))) {
            g_string_append_printf(kept, "%c%s", separator, *parameter);
            separator = '&';
        }
    return g_string_free(kept, FALSE);
}

static Options *options_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void set(Options *options, const char *keyword, const char *value)
{
    if (value)
        g_hash_table_insert(options, g_strdup(keyword), g_strdup(value));
    else
        g_hash_table_remove(options, keyword);
}

/* A password with a bare '/' or '@' in it makes a host, a port or a name out of its rest, which messages would show. */
static gboolean is_torn(const Options *options)
{
    static const char *const shown[] = {"host", "dbname", "port"};
    for (gsize i = 0; i < G_N_ELEMENTS(shown); i++) {
        const char *value = g_hash_table_lookup((Options *)options, shown[i]);
        if (value && strchr(value, '@'))
            return TRUE;
    }
    const char *port = g_hash_table_lookup((Options *)options, "port");
    return port && strspn(port, "0123456789,") != strlen(port);
}

/* libpq's own words on a URL may quote the password: they stay here. */
static Options *options_of_url(const char *url)
{
    g_autofree char *plain = plain_scheme(url);
    g_autofree char *known = plain ? known_parameters(plain) : NULL;
    PQconninfoOption *all = known ? PQconninfoParse(known, NULL) : NULL;
    if (!all)
        return NULL;
    Options *options = options_new();
    for (PQconninfoOption *option = all; option->keyword; option++)
        if (option->val && *option->val)
            set(options, option->keyword, option->val);
    PQconninfoFree(all);
    if (is_torn(options))
        g_clear_pointer(&options, g_hash_table_unref);
    return options;
}

static Options *options_in_file(const Node *request, const char *fd_key, const char *key, GError **error)
{
    int fd = (int)node_get_int(request, fd_key, -1);
    g_autofree char *text = read_file(fd);
    g_autofree char *url = key ? dotenv_value(text, key) : g_strndup(text, strcspn(text, "\r\n"));
    const char *name = node_get_text(request, strcmp(fd_key, "url_fd") == 0 ? "url_name" : "admin_name", "the file");
    if (!url) {
        fault_set(error, FAULT_CONFIG, "%s has no %s", name, key);
        return NULL;
    }
    Options *options = options_of_url(url);
    if (!options) {
        fault_set(error, FAULT_CONFIG, "%s%s%s is no URL of a PostgreSQL database", key ? key : "", key ? " in " : "",
                  name);
        fault_hint(
            error,
            "it looks like this: postgresql://USER:PASSWORD@HOST/DATABASE, with %%XX for what is no letter or digit");
    }
    return options;
}

static Options *options_of_app(const Node *request, GError **error)
{
    Options *options = options_in_file(request, "url_fd", node_get_text(request, "url_key", NULL), error);
    if (options && !g_hash_table_contains(options, "dbname")) {
        const char *user = g_hash_table_lookup(options, "user");
        struct passwd *self = user ? NULL : getpwuid(geteuid());
        set(options, "dbname", user ? user : self ? self->pw_name : ""); /* what libpq would take */
    }
    return options;
}

/* Where the app's server is; who we are there is another matter. */
static Options *options_of_server(const Options *app)
{
    static const char *const keywords[] = {"host", "hostaddr", "port", "sslmode", "sslrootcert"};
    Options *options = options_new();
    for (gsize i = 0; i < G_N_ELEMENTS(keywords); i++)
        set(options, keywords[i], g_hash_table_lookup((Options *)app, keywords[i]));
    return options;
}

static gboolean is_local(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "[::1]"};
    for (gsize i = 0; host && i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i], host) == 0)
            return TRUE;
    return FALSE;
}

static Options *options_of_admin(const Node *request, GError **error)
{
    g_autoptr(GHashTable) app = options_of_app(request, error);
    if (!app)
        return NULL;
    if (node_get_int(request, "admin_fd", -1) >= 0)
        return options_in_file(request, "admin_fd", NULL, error);
    if (!node_get_bool(request, "admin", FALSE))
        return g_steal_pointer(&app);
    struct passwd *self = getpwuid(geteuid());
    Options *options = options_of_server(app);
    if (is_local(g_hash_table_lookup(options, "host"))) { /* who an account is, the server only knows on its socket */
        set(options, "host", NULL);
        set(options, "hostaddr", NULL);
    }
    set(options, "user", self ? self->pw_name : NULL);
    return options;
}

/* --- connecting --- */

static PGconn *open_with(const Options *options)
{
    g_autoptr(GPtrArray) keywords = g_ptr_array_new();
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    GHashTableIter iter;
    gpointer keyword, value;
    g_hash_table_iter_init(&iter, (Options *)options);
    while (g_hash_table_iter_next(&iter, &keyword, &value)) {
        g_ptr_array_add(keywords, keyword);
        g_ptr_array_add(values, value);
    }
    g_ptr_array_add(keywords, NULL);
    g_ptr_array_add(values, NULL);
    return PQconnectdbParams((const char *const *)keywords->pdata, (const char *const *)values->pdata, 0);
}

static const char *place_of(const Options *options)
{
    const char *host = g_hash_table_lookup((Options *)options, "host");
    return host ? host : "the local server";
}

/* One line for each address that was tried, "connection to ... failed: REASON", and advice behind a tab. The last one
 * counts. */
static char *reason_of(const char *message)
{
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);
    const char *last = "no reason given";
    for (char **line = lines; *line; line++)
        if (**line && **line != '\t' && !g_str_has_prefix(*line, "DETAIL:") && !g_str_has_prefix(*line, "HINT:"))
            last = *line;
    const char *fatal = strstr(last, "FATAL:  "), *failed = strstr(last, " failed: ");
    return g_strdup(fatal ? fatal + strlen("FATAL:  ") : failed ? failed + strlen(" failed: ") : last);
}

static gboolean refuse_connection(PGconn *connection, const Options *options, const char *database, GError **error)
{
    g_autofree char *reason = reason_of(PQerrorMessage(connection));
    return fault_set(error, FAULT_BACKUP, "cannot reach database '%s' at %s: %s", database, place_of(options), reason);
}

/* Whatever database, role and server say otherwise: we wait for the disk, and have a time limit of our own. */
static gboolean settle(PGconn *connection, GError **error)
{
    return postgres_run(connection,
                        "SET synchronous_commit TO on; SET statement_timeout TO 0; SET lock_timeout TO 0;"
                        " SET client_min_messages TO warning; SET idle_in_transaction_session_timeout TO 0",
                        error);
}

/* *answered (may be NULL): there is a server, whatever it says. */
static PGconn *connect_with(const Node *request, Options *options, const char *database, gboolean *answered,
                            GError **error)
{
    g_autofree char *name = g_strconcat("liftlock ", node_get_text(request, "job", ""), NULL);
    set(options, "dbname", database);
    set(options, "application_name", g_strstrip(name));
    set(options, "connect_timeout", CONNECT_TIMEOUT_S);
    set(options, "client_encoding", "UTF8");
    g_autoptr(PGconn) connection = open_with(options);
    /* Not as parameters of the connection: a pooler would refuse them in words of its own. */
    if (PQstatus(connection) == CONNECTION_OK)
        return settle(connection, error) ? g_steal_pointer(&connection) : NULL;
    if (answered)
        *answered = strstr(PQerrorMessage(connection), "FATAL:") != NULL;
    refuse_connection(connection, options, database, error);
    return NULL;
}

PGconn *postgres_connect(const Node *request, Destination destination, GError **error)
{
    g_autoptr(GHashTable) options =
        destination == TO_APP ? options_of_app(request, error) : options_of_admin(request, error);
    if (!options)
        return NULL;
    if (destination == TO_APP) {
        g_autofree char *database = g_strdup(g_hash_table_lookup(options, "dbname"));
        return connect_with(request, options, database, NULL, error);
    }
    gboolean answered = FALSE;
    g_autoptr(GError) local = NULL;
    PGconn *connection = connect_with(request, options, "postgres", &answered, &local);
    if (!connection && answered) /* this database is not for us */
        return connect_with(request, options, "template1", NULL, error);
    if (!connection)
        g_propagate_error(error, g_steal_pointer(&local));
    return connection;
}

PGconn *postgres_connect_to(const Node *request, const char *database, GError **error)
{
    g_autoptr(GHashTable) options = options_of_admin(request, error);
    return options ? connect_with(request, options, database, NULL, error) : NULL;
}

char *postgres_database(const Node *request, GError **error)
{
    const char *named = node_get_text(request, "database", NULL);
    g_autoptr(GHashTable) options = named ? NULL : options_of_app(request, error);
    return named ? g_strdup(named) : options ? g_strdup(g_hash_table_lookup(options, "dbname")) : NULL;
}

/* --- for pg_dump and pg_restore --- */

/* HOST:PORT:DATABASE:USER:PASSWORD, libpq's documentation, "The Password File". */
static int passfile_of(const char *password, GError **error)
{
    g_autoptr(GString) line = g_string_new("*:*:*:*:");
    for (const char *at = password; *at; at++) {
        if (*at == ':' || *at == '\\')
            g_string_append_c(line, '\\');
        g_string_append_c(line, *at);
    }
    int fd = memfd_create("passfile", 0); /* inherited */
    if (fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, line->str, line->len) == (gssize)line->len)
        return fd;
    fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over a password");
    if (fd >= 0)
        close(fd);
    return -1;
}

static void append_option(GString *text, const char *keyword, const char *value)
{
    g_string_append_printf(text, "%s%s='", text->len > 0 ? " " : "", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *value);
    }
    g_string_append_c(text, '\'');
}

char *postgres_conninfo(const Node *request, gboolean as_admin, const char *database, int *passfile, GError **error)
{
    *passfile = -1;
    g_autoptr(GHashTable) options = as_admin ? options_of_admin(request, error) : options_of_app(request, error);
    if (!options)
        return NULL;
    const char *password = g_hash_table_lookup(options, "password");
    if (password && (*passfile = passfile_of(password, error)) < 0)
        return NULL;
    set(options, "password", NULL);
    set(options, "dbname", database);
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer keyword, value;
    g_hash_table_iter_init(&iter, options);
    while (g_hash_table_iter_next(&iter, &keyword, &value))
        append_option(text, keyword, value);
    return g_strdup(text->str);
}

/* --- for a rehearsal --- */

char *postgres_url_file(const Node *request)
{
    return read_file((int)node_get_int(request, "url_fd", -1));
}

char *postgres_url(const Node *request)
{
    g_autofree char *text = postgres_url_file(request);
    const char *key = node_get_text(request, "url_key", NULL);
    return key ? dotenv_value(text, key) : g_strndup(text, strcspn(text, "\r\n"));
}
