/* SPDX-License-Identifier: Apache-2.0 */
/* [source] and [trust] of an app's configuration: the keys of every type of source, and what they need of each other.
 */
#include "model/config_inner.h"

#include "base/digest.h"
#include "base/fault.h"
#include "model/manifest_check.h"

#include <string.h>

#define IN(part, member) (offsetof(AppConfig, part.member) - offsetof(AppConfig, part))

static const char *const source_names[] = {"folder", "http", "https", "git", "sftp", "repository", NULL};
static const char *const order_names[] = {"semver", "listed", NULL};
static const char *const api_names[] = {"github", "gitea", NULL};

/* clang-format off */
const Key config_source_keys[] = {
    {"type", KEY_TEXT, IN(source, type), NULL, "kind of source", .required = TRUE, .words = source_names},
    {"url", KEY_TEXT, IN(source, url), NULL, "address of the source", .address = TRUE},
    {"path", KEY_ABSOLUTE, IN(source, path), NULL, "directory of a source of type folder or repository"},
    {"channel", KEY_TEXT, IN(source, channel), "stable", "which of the publisher's channels to follow"},
    {"headers_file", KEY_TEXTS, IN(source, headers_file), NULL, "files with HTTP headers such as tokens, one a line; or credential:NAME"},
    {"prereleases", KEY_BOOL, IN(source, prereleases), "false", "whether pre-releases may be chosen"},
    {"versions", KEY_TEXT, IN(source, versions), "semver", "how versions are ordered; listed: as the index lists them", .words = order_names},
    {"proxy", KEY_TEXT, IN(source, proxy), NULL, "http proxy of this source (ssh goes without one); default: the host's", .address = TRUE},
    {"no_proxy", KEY_TEXT, IN(source, no_proxy), NULL, "hosts that are reached without it; default: the host's"},
    {"ca_file", KEY_ABSOLUTE, IN(source, ca_file), NULL, "certificates (PEM) that the server is believed by; default: the host's"},
    {"mirrors", KEY_TEXTS, IN(source, mirrors), NULL, "https: further addresses of the archive, tried in order; with '/' at the end: folders that hold it", .address = TRUE},
    {"api", KEY_TEXT, IN(source, api), NULL, "https: 'url' is the address of the latest release at a forge of this kind", .words = api_names},
    {"asset", KEY_TEXT, IN(source, asset), NULL, "https: name of the archive in that release, a glob such as app-*.tar.gz"},
    {"sha256", KEY_TEXT, IN(source, sha256), NULL, "https, sftp: digest of the one archive that is taken"},
    {"checksum_url", KEY_TEXT, IN(source, checksum_url), NULL, "https: address of a file with the archive's SHA-256", .address = TRUE},
    {"checksum_path", KEY_ABSOLUTE, IN(source, checksum_path), NULL, "sftp: file at the server with the archive's SHA-256"},
    {"branch", KEY_TEXT, IN(source, branch), NULL, "git: every new commit of this branch is a release"},
    {"tags", KEY_TEXT, IN(source, tags), NULL, "git, api: which tags are releases; the one '*' stands for the version; default: *"},
    {"commit", KEY_TEXT, IN(source, commit), NULL, "git: the one commit that is taken"},
    {"allow_rewritten", KEY_BOOL, IN(source, allow_rewritten), "false", "git: take a branch whose history no longer holds the installed commit"},
    {"username", KEY_TEXT, IN(source, username), "git", "git: user at an http server"},
    {"token_file", KEY_TEXT, IN(source, token_file), NULL, "git: file with this user's token or password; or credential:NAME"},
    {"key_file", KEY_TEXT, IN(source, key_file), NULL, "git, sftp: file with our private ssh key; or credential:NAME"},
    {"host_key", KEY_TEXTS, IN(source, host_key), NULL, "git, sftp: the server's public ssh keys, such as 'ssh-ed25519 AAAA...'"},
    {0},
};

static const struct {
    const char *key, *types;
} meanings[] = {
    {"url", "http https git sftp repository"},
    {"path", "folder repository"},
    {"headers_file", "http https repository"},
    {"proxy", "http https git repository"},
    {"no_proxy", "http https git repository"},
    {"ca_file", "http https git repository"},
    {"mirrors", "https"},
    {"api", "https"},
    {"asset", "https"},
    {"sha256", "https sftp"},
    {"checksum_url", "https"},
    {"checksum_path", "sftp"},
    {"branch", "git"},
    {"tags", "git https"},
    {"commit", "git"},
    {"allow_rewritten", "git"},
    {"username", "git"},
    {"token_file", "git"},
    {"key_file", "git sftp"},
    {"host_key", "git sftp"},
};
/* clang-format on */

static gboolean is_type(const AppConfig *config, const char *type)
{
    return strcmp(config->source.type, type) == 0;
}

static gboolean must_be(const ConfigChecker *checker, const char *key, const char *what, const char *value)
{
    g_autofree char *pointer = g_strconcat("/source/", key, NULL), *quoted = schema_quote(value);
    return config_fault_at(checker, pointer, "'%s' must be %s, not %s", key, what, quoted);
}

static gboolean check_meanings(const ConfigChecker *checker, const char *type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(meanings); i++) {
        g_auto(GStrv) types = g_strsplit(meanings[i].types, " ", -1);
        g_autofree char *pointer = g_strconcat("/source/", meanings[i].key, NULL);
        if (node_pointer(checker->document, pointer) && !g_strv_contains((const char *const *)types, type))
            return config_fault_at(checker, pointer, "'%s' has no meaning for a source of type '%s'", meanings[i].key,
                                   type);
    }
    return TRUE;
}

static gboolean check_references(const ConfigChecker *checker, const AppConfig *config)
{
    const GPtrArray *files = config->source.headers_file;
    for (guint i = 0; i < files->len; i++)
        if (!secret_reference_is_valid(files->pdata[i]))
            return must_be(checker, "headers_file", "an absolute path", files->pdata[i]);
    if (config->source.token_file && !secret_reference_is_valid(config->source.token_file))
        return must_be(checker, "token_file", "an absolute path", config->source.token_file);
    if (config->source.key_file && !secret_reference_is_valid(config->source.key_file))
        return must_be(checker, "key_file", "an absolute path", config->source.key_file);
    return TRUE;
}

/* --- addresses ----------------------------------------------------------------------------------------------- */

/* Whether an address holds a user or password, which logs of others would show. */
static gboolean has_credentials(const char *url)
{
    const char *host = strstr(url, "://");
    return host && memchr(host + 3, '@', strcspn(host + 3, "/?#")) != NULL;
}

static gboolean check_web(const ConfigChecker *checker, const char *key, const char *url, const char *hint)
{
    g_autofree char *pointer = g_strconcat("/source/", key, NULL);
    if (has_credentials(url))
        return config_fault_at(checker, pointer, "'%s' must not hold a user or password", key) ||
               fault_hint(checker->error, "%s", hint);
    return url_is_plain(url) || must_be(checker, key, "an http or https address", url);
}

#define HEADERS_HINT "put the header into a file of root's alone and name it in 'headers_file'"

static gboolean check_https(const ConfigChecker *checker, const AppConfig *config)
{
    const GPtrArray *mirrors = config->source.mirrors;
    for (guint i = 0; i < mirrors->len; i++)
        if (!check_web(checker, "mirrors", mirrors->pdata[i], HEADERS_HINT))
            return FALSE;
    if (config->source.checksum_url && !check_web(checker, "checksum_url", config->source.checksum_url, HEADERS_HINT))
        return FALSE;
    if (config->source.api && !config->source.asset)
        return config_fault_at(checker, "/source/api", "'api' needs 'asset', the name of the archive in a release");
    if (!config->source.api && config->source.asset)
        return config_fault_at(checker, "/source/asset", "'asset' has no meaning without 'api'");
    if (!config->source.api && config->source.tags)
        return config_fault_at(checker, "/source/tags", "'tags' has no meaning without 'api'");
    if (config->source.sha256 && config->source.checksum_url)
        return config_fault_at(checker, "/source/checksum_url", "'sha256' and 'checksum_url' exclude one another");
    return TRUE;
}

static gboolean check_proxy(const ConfigChecker *checker, const AppConfig *config)
{
    const char *proxy = config->source.proxy;
    if (!proxy)
        return TRUE;
    for (const char *c = proxy; *c; c++)
        if (!g_ascii_isgraph(*c) || *c == '"' || *c == '\\')
            return config_fault_at(checker, "/source/proxy", "'proxy' must be an address such as http://proxy:3128");
    return TRUE;
}

/* --- ssh ----------------------------------------------------------------------------------------------------- */

/* "TYPE BASE64", and the type again in the key itself (RFC 4253 section 6.6). */
static gboolean check_host_key(const ConfigChecker *checker, const char *text)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", NULL};
    g_auto(GStrv) words = g_strsplit(text, " ", 3);
    guint n = g_strv_length(words);
    if (n > 0 && (strcmp(words[0], "ssh-rsa") == 0 || g_str_has_prefix(words[0], "rsa-sha2-")))
        return config_fault_at(checker, "/source/host_key", "'host_key' is an RSA key, which sources do not take") ||
               fault_hint(checker->error, "servers still sign with them over SHA-1; take the line of "
                                          "'ssh-keyscan -t ed25519 HOST', after comparing it with what the server's "
                                          "owner says");
    gsize size = 0;
    gboolean good = n >= 2 && g_strv_contains(types, words[0]) && strlen(words[1]) < 1024 &&
                    words[1][strspn(words[1], G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "+/=")] == '\0';
    g_autofree guchar *key = good ? g_base64_decode(words[1], &size) : NULL;
    gsize length = good ? strlen(words[0]) : 0;
    good = good && size > length + 4 && key[0] == 0 && key[1] == 0 && key[2] == 0 && key[3] == length &&
           memcmp(key + 4, words[0], length) == 0;
    return good || must_be(checker, "host_key", "a public key such as 'ssh-ed25519 AAAA...'", text);
}

static gboolean check_ssh(const ConfigChecker *checker, const AppConfig *config)
{
    if (!config->source.key_file)
        return config_fault_at(checker, "/source/key_file", "a source over ssh needs 'key_file'") ||
               fault_hint(checker->error, "'ssh-keygen -t ed25519 -N \"\" -f FILE' makes one");
    if (config->source.host_key->len == 0)
        return config_fault_at(checker, "/source/host_key", "a source over ssh needs 'host_key'") ||
               fault_hint(checker->error, "a server is never believed at first sight: compare what "
                                          "'ssh-keyscan -t ed25519 HOST' prints with what its owner says");
    for (guint i = 0; i < config->source.host_key->len; i++)
        if (!check_host_key(checker, config->source.host_key->pdata[i]))
            return FALSE;
    return TRUE;
}

static gboolean check_no_ssh(const ConfigChecker *checker, const AppConfig *config)
{
    if (config->source.key_file)
        return config_fault_at(checker, "/source/key_file", "'key_file' has no meaning for an http address");
    if (config->source.host_key->len > 0)
        return config_fault_at(checker, "/source/host_key", "'host_key' has no meaning for an http address");
    return TRUE;
}

/* --- git ----------------------------------------------------------------------------------------------------- */

/* As git-check-ref-format(1), and stricter: letters, digits and . _ / + @ - alone. `stars`: how many "*". */
static gboolean is_ref(const char *name, guint stars)
{
    static const char set[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._/+@-*";
    guint n = 0;
    for (const char *c = name; *c; c++)
        n += *c == '*';
    return *name && strlen(name) <= 200 && n == stars && name[strspn(name, set)] == '\0' && !strchr("-/.", *name) &&
           !strstr(name, "..") && !strstr(name, "//") && !strstr(name, "/.") && !g_str_has_suffix(name, "/") &&
           !g_str_has_suffix(name, ".") && !g_str_has_suffix(name, ".lock") && strcmp(name, "@") != 0;
}

static gboolean is_commit(const char *text)
{
    gsize size = strlen(text);
    return (size == 40 || size == 64) && text[strspn(text, "0123456789abcdef")] == '\0';
}

static gboolean check_wanted(const ConfigChecker *checker, const AppConfig *config)
{
    const char *branch = config->source.branch, *tags = config->source.tags, *commit = config->source.commit;
    if (!!branch + !!tags + !!commit > 1)
        return config_fault_at(checker, branch ? "/source/branch" : "/source/commit",
                               "'branch', 'tags' and 'commit' exclude one another");
    if (branch && !is_ref(branch, 0))
        return must_be(checker, "branch", "the name of a branch", branch);
    if (tags && !is_ref(tags, 1))
        return must_be(checker, "tags", "a pattern of tags with one '*', such as v*", tags);
    if (commit && !is_commit(commit))
        return must_be(checker, "commit", "40 or 64 digits 0-9 a-f", commit);
    if (config->source.allow_rewritten && !branch)
        return config_fault_at(checker, "/source/allow_rewritten", "'allow_rewritten' has no meaning without 'branch'");
    return TRUE;
}

/* "ssh://user:secret@..." */
static gboolean has_password(const char *url)
{
    const char *user = strstr(url, "://");
    const char *at = user ? strchr(user, '@') : NULL, *colon = at ? strchr(user + 1, ':') : NULL;
    return colon && colon < at;
}

/* "git@example.org:app.git", as scp(1) and most forges write it: the ssh address that is meant, or NULL. The caller
 * frees. */
static char *address_meant(const char *url)
{
    const char *at = strchr(url, '@'), *colon = at ? strchr(at, ':') : NULL;
    if (!colon || memchr(url, '/', (gsize)(colon - url)))
        return NULL;
    char *meant = g_strdup_printf("ssh://%.*s/%s", (int)(colon - url), url, colon + 1 + (colon[1] == '/'));
    g_auto(SshAddress) address = {.port = 0};
    if (ssh_address_parse(meant, &address))
        return meant;
    g_free(meant);
    return NULL;
}

static gboolean refuse_git_address(const ConfigChecker *checker, const char *url)
{
    g_autofree char *meant = address_meant(url);
    must_be(checker, "url", "an https or ssh address such as ssh://git@example.org/app.git", url);
    return meant ? fault_hint(checker->error, "most servers have it at %s", meant) : FALSE;
}

static gboolean check_git(const ConfigChecker *checker, const AppConfig *config)
{
    const char *url = config->source.url;
    if (!check_wanted(checker, config))
        return FALSE;
    if (!g_str_has_prefix(url, "ssh://")) {
        if (g_ascii_strncasecmp(url, "http", 4) != 0)
            return refuse_git_address(checker, url);
        return check_web(checker, "url", url,
                         "put the token into a file of root's alone and name it in 'token_file'") &&
               check_no_ssh(checker, config);
    }
    g_auto(SshAddress) address = {.port = 0};
    if (!ssh_address_parse(url, &address)) {
        if (has_password(url))
            return config_fault_at(checker, "/source/url", "'url' must not hold a password");
        return must_be(checker, "url", "an https or ssh address such as ssh://git@example.org/app.git", url);
    }
    if (config->source.token_file)
        return config_fault_at(checker, "/source/token_file", "'token_file' has no meaning for an ssh address");
    if (config->source.proxy)
        return config_fault_at(checker, "/source/proxy", "'proxy' has no meaning for an ssh address");
    return check_ssh(checker, config);
}

static gboolean check_sftp(const ConfigChecker *checker, const AppConfig *config)
{
    g_auto(SshAddress) address = {.port = 0};
    const char *url = config->source.url;
    gboolean good = g_str_has_prefix(url, "sftp://") && ssh_address_parse(url, &address) && address.user &&
                    !g_str_has_suffix(url, "/");
    if (!good) {
        g_autofree char *shown = g_strdup(url);
        const char *at = strchr(url, '@'), *host = strstr(url, "://");
        if (at && host && memchr(host + 3, ':', (gsize)MAX(at - host - 3, 0)))
            return config_fault_at(checker, "/source/url", "'url' must not hold a password");
        return must_be(checker, "url", "an address such as sftp://user@example.org/releases/app.tar.gz", shown);
    }
    if (config->source.sha256 && config->source.checksum_path)
        return config_fault_at(checker, "/source/checksum_path", "'sha256' and 'checksum_path' exclude one another");
    return check_ssh(checker, config);
}

static gboolean check_http(const ConfigChecker *checker, const AppConfig *config)
{
    return check_web(checker, "url", config->source.url, HEADERS_HINT);
}

static gboolean check_plain(const ConfigChecker *checker, const AppConfig *config)
{
    return check_http(checker, config) && check_https(checker, config);
}

static gboolean check_repository(const ConfigChecker *checker, const AppConfig *config)
{
    if (config->source.url && config->source.path)
        return config_fault_at(checker, "/source/path", "'url' and 'path' exclude one another");
    return !config->source.url || check_http(checker, config);
}

static const struct {
    const char *type;
    gboolean (*check)(const ConfigChecker *checker, const AppConfig *config);
} types[] = {{"http", check_http},
             {"https", check_plain},
             {"git", check_git},
             {"sftp", check_sftp},
             {"repository", check_repository}};

gboolean config_source_check(const ConfigChecker *checker, const AppConfig *config)
{
    gboolean folder = is_type(config, "folder");
    char *digest = config->source.sha256;
    if (folder && !config->source.path)
        return config_fault_at(checker, "/source/path", "a source of type 'folder' needs 'path'");
    if (!folder && !config->source.url && !(is_type(config, "repository") && config->source.path))
        return config_fault_at(checker, "/source/url", "a source of type '%s' needs 'url'", config->source.type);
    if (!check_meanings(checker, config->source.type) || !check_references(checker, config) ||
        !check_proxy(checker, config))
        return FALSE;
    for (char *c = digest; c && *c; c++)
        *c = g_ascii_tolower(*c);
    if (digest && !digest_is_valid(digest))
        return must_be(checker, "sha256", "64 hexadecimal digits", digest);
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (is_type(config, types[i].type))
            return types[i].check(checker, config);
    return TRUE;
}

/* --- trust --------------------------------------------------------------------------------------------------- */

/* minisign's public keys: base64 of "Ed", 8 bytes of id and 32 of key. */
static gboolean is_minisign_key(const char *text)
{
    if (strlen(text) != 56 || text[strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "+/")] != '\0')
        return FALSE;
    gsize size = 0;
    g_autofree guchar *bytes = g_base64_decode(text, &size);
    return size == 42 && bytes[0] == 'E' && bytes[1] == 'd';
}

static gboolean check_level(const ConfigChecker *checker, const AppConfig *config)
{
    int level = config->trust.level;
    gboolean git = is_type(config, "git");
    if ((level == TRUST_TUF) != is_type(config, "repository"))
        return config_fault_at(checker, "/trust/level",
                               level == TRUST_TUF ? "trust level 'tuf' needs a source of type 'repository'"
                                                  : "a source of type 'repository' needs trust level 'tuf'");
    if (level == TRUST_TUF && !config->trust.root)
        return config_fault_at(checker, "/trust/level", "trust level 'tuf' needs 'root'");
    gboolean digest =
        config->source.sha256 || config->source.checksum_url || config->source.checksum_path || config->source.api;
    if (level == TRUST_GIT && !git)
        return config_fault_at(checker, "/trust/level", "trust level 'git' needs a source of type 'git'");
    if (level == TRUST_GIT && !config->trust.allowed_signers && !config->trust.keyring)
        return config_fault_at(checker, "/trust/level", "trust level 'git' needs 'allowed_signers' or 'keyring'");
    if (level == TRUST_MINISIGN && git)
        return config_fault_at(checker, "/trust/level",
                               "trust level 'minisign' has no meaning for a source of type "
                               "'git'") ||
               fault_hint(checker->error, "level 'git' asks for signed tags or commits");
    if (level == TRUST_CHECKSUM && is_type(config, "https") && !digest)
        return config_fault_at(checker, "/trust/level", "trust level 'checksum' needs 'sha256' or 'checksum_url'");
    if (level == TRUST_CHECKSUM && is_type(config, "sftp") && !digest)
        return config_fault_at(checker, "/trust/level", "trust level 'checksum' needs 'sha256' or 'checksum_path'");
    return TRUE;
}

gboolean config_trust_check(const ConfigChecker *checker, const AppConfig *config)
{
    const char *key = config->trust.key;
    int level = config->trust.level;
    const struct {
        const char *key, *value;
    } of_git[] = {{"allowed_signers", config->trust.allowed_signers}, {"keyring", config->trust.keyring}};
    if (level == TRUST_MINISIGN && !key)
        return config_fault_at(checker, "/trust/key", "trust level 'minisign' needs 'key'");
    if (level == TRUST_MINISIGN && !is_minisign_key(key)) {
        g_autofree char *quoted = schema_quote(key);
        return config_fault_at(checker, "/trust/key",
                               "'key' must be a minisign public key (RW and 54 more characters), not %s", quoted);
    }
    if (level != TRUST_MINISIGN && key)
        return config_fault_at(checker, "/trust/key", "'key' has no meaning with trust level '%s'", trust_names[level]);
    if (level != TRUST_TUF && config->trust.root)
        return config_fault_at(checker, "/trust/root", "'root' has no meaning with trust level '%s'",
                               trust_names[level]);
    for (gsize i = 0; i < G_N_ELEMENTS(of_git); i++)
        if (of_git[i].value && level != TRUST_GIT) {
            g_autofree char *pointer = g_strconcat("/trust/", of_git[i].key, NULL);
            return config_fault_at(checker, pointer, "'%s' has no meaning with trust level '%s'", of_git[i].key,
                                   trust_names[level]);
        }
    return check_level(checker, config);
}
