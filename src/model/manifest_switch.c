/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are switched: what a manifest must say of them, and what an instance is called. */
#include "model/manifest_switch.h"

#include "base/fault.h"
#include "model/config.h"
#include "model/manifest_check.h"

#include <string.h>
#include <sys/un.h>

#define VERSION "{version}"

const char *const proxy_names[] = {"caddy", "nginx", NULL};

typedef struct Checker {
    const char *name;
    const Manifest *manifest;
    GError **error;
} Checker;

static gboolean fault_at(const Checker *checker, const Node *node, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean fault_at(const Checker *checker, const Node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return schema_fault(checker->error, FAULT_MANIFEST, checker->name, node ? node->line : 0, node ? node->column : 0,
                        "%s", text);
}

static const Node *place_of(const Node *map, const char *key)
{
    const Node *value = map ? node_get(map, key) : NULL;
    return value ? value : map;
}

/* The directory of the release: no "v" in front. */
static const char *plain_version(const Manifest *manifest)
{
    return manifest->version[0] == 'v' ? manifest->version + 1 : manifest->version;
}

static char *with_version(const Manifest *manifest, const char *text)
{
    g_autoptr(GString) filled = g_string_new(text);
    g_string_replace(filled, VERSION, plain_version(manifest), 0);
    return g_string_free(g_steal_pointer(&filled), FALSE);
}

/* --- checking ------------------------------------------------------------------------------------------------- */

/* It stands as it is in the configuration of a program with rights: nothing there may mean something. */
static gboolean is_socket_path(const char *path)
{
    g_autoptr(GString) rest = g_string_new(path);
    if (g_string_replace(rest, VERSION, "", 0) == 0)
        return FALSE;
    return rest->str[strspn(rest->str, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "/_.-")] == '\0' &&
           !strstr(path, "//") && !strstr(path, "/.") && !g_str_has_suffix(path, "/");
}

static gboolean check_socket(const Checker *checker, const Service *service, const Node *node)
{
    const char *path = service->switch_.socket;
    g_autofree char *quoted = schema_quote(path), *full = with_version(checker->manifest, path);
    if (!is_socket_path(path))
        return fault_at(checker, place_of(node, "socket"),
                        "'socket' must be a path of letters, digits and '/_.-' with {version} in it, not %s", quoted);
    if (strlen(full) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return fault_at(checker, place_of(node, "socket"),
                        "'socket' is longer than the %d bytes that a socket's may be",
                        (int)sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    return TRUE;
}

static gboolean is_system_file(const char *path)
{
    const char *name = g_str_has_prefix(path, "system/") ? path + strlen("system/") : "";
    return *name && *name != '.' && strlen(name) <= 100 &&
           name[strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.-")] == '\0';
}

static gboolean check_proxy(const Checker *checker, const Service *service, const Node *node)
{
    const Switch *own = &service->switch_;
    g_autofree char *file = own->file ? schema_quote(own->file) : NULL;
    g_autofree char *unit = own->unit ? schema_quote(own->unit) : NULL;
    if (own->file && !is_system_file(own->file))
        return fault_at(checker, place_of(node, "file"), "'file' must be system/NAME, not %s", file);
    if (own->unit && !unit_is_plain(own->unit))
        return fault_at(checker, place_of(node, "unit"), "'unit' must be a unit such as caddy.service, not %s", unit);
    return !own->url || url_is_plain(own->url) ||
           fault_at(checker, place_of(node, "url"), "'url' must be an http or https address");
}

/* The instance itself must be asked, and only it: through the proxy the old one would answer. */
static gboolean check_identity(const Checker *checker, const Service *service)
{
    const Manifest *manifest = checker->manifest;
    const Node *node = node_get(manifest->document, "identity");
    if (manifest->identity.http && g_strcmp0(manifest->identity.unix_socket, service->switch_.socket) == 0)
        return TRUE;
    return fault_at(checker, node ? node : manifest->document,
                    "service '%s' is switched: 'identity' must ask by 'http' with its socket, %s, as 'unix'",
                    service->name, service->switch_.socket);
}

static gboolean check_switch(const Checker *checker, const Service *service, const Node *node)
{
    const Manifest *manifest = checker->manifest;
    const Node *own = place_of(node, "switch");
    gboolean is_template = service->unit && strstr(service->unit, "@.service");
    if (!is_template)
        return fault_at(checker, place_of(node, "unit"),
                        "service '%s' is switched: its unit must be a template such as "
                        "app@.service",
                        service->name);
    if (service->starts != STARTS_BEFORE_COMMIT)
        return fault_at(checker, place_of(node, "starts"),
                        "service '%s' is switched: it must start before commit, to be proven", service->name);
    if (manifest->fence.mode != FENCE_NONE)
        return fault_at(checker, place_of(manifest->document, "fence"),
                        "service '%s' is switched: two releases write at a time, which only fence mode 'none' allows",
                        service->name);
    return check_socket(checker, service, own) && check_proxy(checker, service, own) &&
           check_identity(checker, service);
}

gboolean manifest_check_switches(const Manifest *manifest, const char *name, GError **error)
{
    const Checker checker = {.name = name, .manifest = manifest, .error = error};
    const Node *list = node_get(manifest->document, "services");
    const Service *switched = NULL;
    for (guint i = 0; i < manifest->services->len; i++) {
        const Service *service = manifest->services->pdata[i];
        const Node *node = list && list->kind == NODE_LIST ? list->items->pdata[i] : NULL;
        if (service->switch_.socket && switched)
            return fault_at(&checker, place_of(node, "switch"),
                            "services '%s' and '%s' are both switched; 'identity' speaks for one", switched->name,
                            service->name);
        if (service->switch_.socket && !check_switch(&checker, service, node))
            return FALSE;
        if (!service->switch_.socket && service->unit && strstr(service->unit, "@."))
            return fault_at(&checker, place_of(node, "unit"), "unit '%s' is a template, which only a 'switch' starts",
                            service->unit);
        switched = service->switch_.socket ? service : switched;
    }
    return TRUE;
}

/* --- instances ------------------------------------------------------------------------------------------------ */

static char *unit_escape(const char *text)
{
    g_autoptr(GString) escaped = g_string_new(NULL);
    for (const char *at = text; *at; at++) {
        gboolean plain = g_ascii_isalnum(*at) || strchr(":_.", *at) != NULL;
        if (plain && !(at == text && *at == '.'))
            g_string_append_c(escaped, *at);
        else
            g_string_append_printf(escaped, "\\x%02x", (guint)(guchar)*at);
    }
    return g_string_free(g_steal_pointer(&escaped), FALSE);
}

char *unit_of_version(const char *template, const char *version)
{
    const char *at = strstr(template, "@.");
    g_autofree char *prefix = g_strndup(template, (gsize)(at - template));
    g_autofree char *instance = unit_escape(version);
    return g_strconcat(prefix, "@", instance, at + 1, NULL);
}

void manifest_fill_instances(Manifest *manifest)
{
    for (guint i = 0; i < manifest->services->len; i++) {
        Service *service = manifest->services->pdata[i];
        if (!service->switch_.socket)
            continue;
        g_autofree char *socket = g_steal_pointer(&service->switch_.socket);
        service->switch_.socket = with_version(manifest, socket);
        service->template_ = service->unit;
        service->unit = unit_of_version(service->template_, plain_version(manifest));
    }
}

const char *service_own_unit(const Service *service)
{
    return service->template_ ? service->template_ : service->unit;
}

/* --- the host's word ------------------------------------------------------------------------------------------ */

SwitchView switch_view(const AppConfig *config, const Service *service)
{
    static const SwitchConfig nothing = {0};
    const SwitchConfig *ours = &nothing;
    for (guint i = 0; i < config->switch_->len; i++)
        if (strcmp(((const SwitchConfig *)config->switch_->pdata[i])->name, service->name) == 0)
            ours = config->switch_->pdata[i];
    const Switch *theirs = &service->switch_;
    const char *proxy = ours->proxy ? ours->proxy : theirs->proxy;
    /* The publisher's unit is that of the publisher's proxy. */
    gboolean same = strcmp(proxy, theirs->proxy) == 0;
    const char *unit = ours->unit ? ours->unit : same ? theirs->unit : NULL;
    return (SwitchView){
        .proxy = g_strdup(proxy),
        .file = same && theirs->file ? g_strdup(theirs->file) : g_strdup_printf("system/%s.%s", service->name, proxy),
        .unit = unit ? g_strdup(unit) : g_strconcat(proxy, ".service", NULL),
        .url = g_strdup(ours->url ? ours->url : theirs->url),
    };
}

void switch_view_clear(SwitchView *view)
{
    g_free(view->proxy);
    g_free(view->file);
    g_free(view->unit);
    g_free(view->url);
    *view = (SwitchView){0};
}
