/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of tar. */
#include "base/tar.h"

#include "base/fault.h"
#include "base/shown.h"

#include <string.h>

enum {
    BLOCK = 512,
    LONG_NAME_MAX = 16 * 1024,      /* bytes of a GNU long name; the rules of archives are narrower */
    PAX_MAX = 1024 * 1024,          /* bytes of one pax header */
    PADDING_MAX = 16 * 1024 * 1024, /* zeros behind the end mark: writers fill up to a record, of 10 KiB by default */
};

/* Fields of a header block: offset and size (pax, "ustar Interchange Format"). */
typedef struct Field {
    guint at, size;
} Field;
static const Field field_name = {0, 100}, field_mode = {100, 8}, field_size = {124, 12}, field_mtime = {136, 12},
                   field_checksum = {148, 8}, field_link = {157, 100}, field_prefix = {345, 155};
enum { AT_TYPE = 156, AT_MAGIC = 257, MAGIC_SIZE = 8 };

/* Entries that no release may hold, by type flag. */
static const struct {
    char type;
    const char *what;
} refused_types[] = {
    {'3', "a character device"}, {'4', "a block device"}, {'6', "a named pipe"},
    {'7', "a contiguous file"},  {'s', "a socket"},       {'S', "a sparse file"},
};

/* Pax keys that would change what a file may do or is; all others that we do not use are dropped, never applied. */
static const struct {
    const char *prefix, *what;
} refused_keys[] = {
    {"GNU.sparse.", "a sparse file"},
    {"SUN.holesdata", "a sparse file"},
    {"SCHILY.realsize", "a sparse file"},
    {"SCHILY.acl.", "an access control list"},
    {"SCHILY.xattr.system.", "an access control list"},
    {"LIBARCHIVE.xattr.system.", "an access control list"},
    {"SCHILY.xattr.security.capability", "file capabilities"},
    {"LIBARCHIVE.xattr.security.capability", "file capabilities"},
    {"SCHILY.xattr.trusted.", "trusted attributes"},
    {"LIBARCHIVE.xattr.trusted.", "trusted attributes"},
};

/* What headers before an entry say of it. */
typedef struct Pending {
    char *path, *link;
    guint64 size;
    gint64 mtime_s;
    gboolean has_size, has_mtime;
    gboolean any; /* an entry must follow */
} Pending;

struct TarReader {
    char *name;
    TarSource source;
    gpointer data;
    const char *bytes; /* what is left of the source's last piece */
    gsize n_bytes;
    char block[BLOCK]; /* the header at hand */
    guint64 n_headers, max_headers;
    guint64 content_left, padding_left;
    TarEntry entry;
    Pending pending;
    gboolean ended;
};

TarReader *tar_reader_new(const char *name, guint64 max_headers, TarSource source, gpointer data)
{
    TarReader *reader = g_new0(TarReader, 1);
    reader->name = g_strdup(name);
    reader->max_headers = max_headers;
    reader->source = source;
    reader->data = data;
    return reader;
}

static void entry_clear(TarEntry *entry)
{
    g_free(entry->path);
    g_free(entry->link);
    *entry = (TarEntry){.kind = TAR_FILE};
}

static void pending_clear(Pending *pending)
{
    g_free(pending->path);
    g_free(pending->link);
    *pending = (Pending){.path = NULL};
}

void tar_reader_free(TarReader *reader)
{
    entry_clear(&reader->entry);
    pending_clear(&reader->pending);
    g_free(reader->name);
    g_free(reader);
}

static gboolean refuse(TarReader *reader, GError **error, const char *why)
{
    return fault_set(error, FAULT_ARCHIVE, "%s: %s", reader->name, why);
}

/* The path as far as it is known: headers before the entry may have named it. */
static gboolean refuse_entry(TarReader *reader, const char *header, GError **error, const char *why)
{
    g_autofree char *shown = NULL;
    if (reader->pending.path)
        shown = shown_text(reader->pending.path);
    else if (header)
        shown = shown_bytes(header, strnlen(header, field_name.size), field_name.size);
    if (!shown)
        return refuse(reader, error, why);
    return fault_set(error, FAULT_ARCHIVE, "%s: entry '%s': %s", reader->name, shown, why);
}

/* --- bytes -------------------------------------------------------------------------------------------------- */

/* Makes sure that bytes are at hand: 1, 0 at the end, -1 on error. */
static int fill(TarReader *reader, GError **error)
{
    while (reader->n_bytes == 0) {
        gssize n = reader->source(reader->data, &reader->bytes, error);
        if (n <= 0)
            return (int)n;
        reader->n_bytes = (gsize)n;
    }
    return 1;
}

static gboolean read_exactly(TarReader *reader, char *to, gsize size, GError **error)
{
    while (size > 0) {
        int n = fill(reader, error);
        if (n <= 0)
            return n < 0 ? FALSE : refuse(reader, error, "it is cut off");
        gsize piece = MIN(size, reader->n_bytes);
        if (to) {
            memcpy(to, reader->bytes, piece);
            to += piece;
        }
        reader->bytes += piece;
        reader->n_bytes -= piece;
        size -= piece;
    }
    return TRUE;
}

static gboolean is_zero(const char *bytes, gsize size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* --- fields ------------------------------------------------------------------------------------------------- */

/* Octal, or binary with the highest bit of the first byte set (GNU, star). FALSE: neither, negative, or over 2^63-1. */
static gboolean parse_number(const char *header, Field field, gint64 *value, gboolean *negative)
{
    const guchar *at = (const guchar *)header + field.at, *end = at + field.size;
    guint64 number = 0;
    *negative = FALSE;
    if (*at & 0x80) {
        *negative = (*at & 0x40) != 0;
        number = *at++ & 0x3f;
        for (; at < end; at++) {
            if (number > (guint64)G_MAXINT64 >> 8)
                return FALSE;
            number = number << 8 | *at;
        }
        *value = (gint64)number;
        return !*negative;
    }
    while (at < end && *at == ' ')
        at++;
    for (; at < end && *at >= '0' && *at <= '7'; at++)
        number = number << 3 | (guint64)(*at - '0'); /* 12 digits at most: 36 bits */
    if (at < end && *at == '-')
        *negative = TRUE;
    for (; at < end; at++) {
        if (*at != ' ' && *at != '\0')
            return FALSE;
    }
    *value = (gint64)number;
    return TRUE;
}

static gboolean checksum_fits(const char *header)
{
    gint64 said;
    gboolean negative;
    if (!parse_number(header, field_checksum, &said, &negative))
        return FALSE;
    gint64 sum = 0;
    for (guint i = 0; i < BLOCK; i++) {
        gboolean own = i >= field_checksum.at && i < field_checksum.at + field_checksum.size;
        sum += own ? ' ' : (guchar)header[i];
    }
    return sum == said;
}

static char *parse_text(const char *header, Field field)
{
    return g_strndup(header + field.at, strnlen(header + field.at, field.size));
}

/* Name and, in ustar, the prefix before it. GNU's magic has other things where ustar has the prefix. */
static char *parse_path(const char *header)
{
    g_autofree char *name = parse_text(header, field_name);
    if (memcmp(header + AT_MAGIC, "ustar\0", 6) != 0 || header[field_prefix.at] == '\0')
        return g_steal_pointer(&name);
    g_autofree char *prefix = parse_text(header, field_prefix);
    return g_strconcat(prefix, "/", name, NULL);
}

static gboolean has_magic(const char *header)
{
    const char *magic = header + AT_MAGIC;
    return memcmp(magic, "ustar\00000", MAGIC_SIZE) == 0 || memcmp(magic, "ustar  \0", MAGIC_SIZE) == 0;
}

/* --- headers before an entry -------------------------------------------------------------------------------- */

/* Reads the content of a header that is itself content, with its padding. */
static char *read_extra(TarReader *reader, guint64 size, guint64 limit, GError **error)
{
    if (size == 0 || size > limit) {
        refuse_entry(reader, NULL, error, size ? "a header that is too large" : "an empty header");
        return NULL;
    }
    g_autofree char *text = g_malloc(size + 1);
    if (!read_exactly(reader, text, size, error) || !read_exactly(reader, NULL, (BLOCK - size % BLOCK) % BLOCK, error))
        return NULL;
    text[size] = '\0';
    return g_steal_pointer(&text);
}

static gboolean take_long_name(TarReader *reader, guint64 size, char **place, GError **error)
{
    g_autofree char *text = read_extra(reader, size, LONG_NAME_MAX, error);
    if (!text)
        return FALSE;
    gsize length = strlen(text);
    if (length + 1 < size) /* bytes behind the first NUL: another reader may see another name */
        return refuse_entry(reader, text, error, "its name holds NUL");
    if (*place)
        return refuse_entry(reader, NULL, error, "two long names");
    *place = g_steal_pointer(&text);
    reader->pending.any = TRUE;
    return TRUE;
}

/* A decimal number, for mtime perhaps with a fraction and a sign. */
static gboolean parse_decimal(const char *text, gboolean is_time, guint64 *value)
{
    gboolean negative = is_time && *text == '-';
    const char *end = NULL;
    if (!g_ascii_isdigit(text[negative]))
        return FALSE;
    guint64 number = g_ascii_strtoull(text + negative, (char **)&end, 10);
    if (is_time && *end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    *value = negative ? 0 : number;
    return *end == '\0' && number <= G_MAXINT64;
}

static gboolean take_record(TarReader *reader, const char *key, char *value, gsize size, gboolean global,
                            GError **error)
{
    Pending *pending = &reader->pending;
    for (gsize i = 0; i < G_N_ELEMENTS(refused_keys); i++) {
        if (g_str_has_prefix(key, refused_keys[i].prefix))
            return refuse_entry(reader, NULL, error, refused_keys[i].what);
    }
    gboolean path = g_str_equal(key, "path"), link = g_str_equal(key, "linkpath");
    gboolean length = g_str_equal(key, "size"), mtime = g_str_equal(key, "mtime");
    if (!path && !link && !length && !mtime)
        return TRUE;
    if (global)
        return refuse(reader, error, "a global header that names or sizes entries");
    if (strlen(value) != size)
        return refuse_entry(reader, value, error, "its name holds NUL");
    if ((path && pending->path) || (link && pending->link) || (length && pending->has_size) ||
        (mtime && pending->has_mtime))
        return refuse_entry(reader, NULL, error, "a pax header says a thing twice");
    guint64 number = 0;
    if ((length || mtime) && !parse_decimal(value, mtime, &number))
        return refuse_entry(reader, NULL, error, length ? "its size is no number" : "its time is no number");
    if (path)
        pending->path = g_strdup(value);
    else if (link)
        pending->link = g_strdup(value);
    else if (length) {
        pending->size = number;
        pending->has_size = TRUE;
    } else {
        pending->mtime_s = (gint64)number;
        pending->has_mtime = TRUE;
    }
    return TRUE;
}

/* Records "SIZE KEY=VALUE\n", SIZE in decimal counting the whole record. */
static gboolean take_pax(TarReader *reader, guint64 size, gboolean global, GError **error)
{
    g_autofree char *text = read_extra(reader, size, PAX_MAX, error);
    if (!text)
        return FALSE;
    for (char *at = text, *end = text + size; at < end;) {
        char *digits = at;
        gsize length = 0;
        while (at < end && g_ascii_isdigit(*at) && at - digits < 8)
            length = length * 10 + (gsize)(*at++ - '0');
        char *record_end = length <= (gsize)(end - digits) ? digits + length : NULL;
        if (at == digits || *at != ' ' || !record_end || record_end <= at + 1 || record_end[-1] != '\n')
            return refuse_entry(reader, NULL, error, "a malformed pax header");
        record_end[-1] = '\0';
        char *key = at + 1, *equals = memchr(key, '=', (gsize)(record_end - 1 - key));
        if (!equals || equals == key || memchr(key, '\0', (gsize)(equals - key)))
            return refuse_entry(reader, NULL, error, "a malformed pax header");
        *equals = '\0';
        if (!take_record(reader, key, equals + 1, (gsize)(record_end - 1 - (equals + 1)), global, error))
            return FALSE;
        at = record_end;
    }
    reader->pending.any |= !global;
    return TRUE;
}

/* --- entries ------------------------------------------------------------------------------------------------ */

static gboolean check_type(TarReader *reader, const char *header, char type, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refused_types); i++) {
        if (type == refused_types[i].type)
            return refuse_entry(reader, header, error, refused_types[i].what);
    }
    if (strchr("0125", type))
        return TRUE;
    g_autofree char *why = g_strdup_printf("unknown kind 0x%02x", (guchar)type);
    return refuse_entry(reader, header, error, why);
}

/* A long name has the last word; a short one that would lead out is there only for a reader that does not know it. */
static gboolean check_short_name(TarReader *reader, const char *header, GError **error)
{
    g_autofree char *name = parse_path(header);
    if (reader->pending.path && (name[0] == '/' || g_str_has_prefix(name, "../")))
        return refuse_entry(reader, header, error, "its two names disagree");
    return TRUE;
}

static gboolean parse_entry(TarReader *reader, const char *header, guint64 size, char type, GError **error)
{
    TarEntry *entry = &reader->entry;
    Pending *pending = &reader->pending;
    gint64 mode, mtime_s;
    gboolean negative;
    if (!check_type(reader, header, type, error) || !check_short_name(reader, header, error))
        return FALSE;
    if (!parse_number(header, field_mode, &mode, &negative))
        return refuse_entry(reader, header, error, "its mode is no number");
    if (!parse_number(header, field_mtime, &mtime_s, &negative) && !negative)
        return refuse_entry(reader, header, error, "its time is no number");
    if (pending->has_size)
        size = pending->size;
    if (type != TAR_FILE && size != 0)
        return refuse_entry(reader, header, error, "content where there can be none");
    gboolean is_link = type == TAR_SYMLINK || type == TAR_HARDLINK;
    entry_clear(entry);
    *entry = (TarEntry){
        .kind = (TarKind)type,
        .path = pending->path ? g_steal_pointer(&pending->path) : parse_path(header),
        .link = !is_link        ? NULL
                : pending->link ? g_steal_pointer(&pending->link)
                                : parse_text(header, field_link),
        .size = size,
        .mode = (guint)(mode & 07777),
        .mtime_s = pending->has_mtime ? pending->mtime_s
                   : negative         ? 0
                                      : mtime_s,
    };
    pending_clear(pending);
    reader->content_left = size;
    reader->padding_left = (BLOCK - size % BLOCK) % BLOCK;
    return TRUE;
}

/* The second zero block, and nothing but zeros behind it. */
static TarOutcome read_end(TarReader *reader, GError **error)
{
    reader->ended = TRUE;
    if (reader->pending.any)
        refuse(reader, error, "a header without its entry at the end");
    else if (read_exactly(reader, reader->block, BLOCK, error)) {
        gboolean clean = is_zero(reader->block, BLOCK);
        guint64 padding = 0;
        int n = clean ? fill(reader, error) : 0;
        for (; clean && n > 0; n = fill(reader, error)) {
            padding += reader->n_bytes;
            clean = is_zero(reader->bytes, reader->n_bytes) && padding <= PADDING_MAX;
            reader->n_bytes = 0;
        }
        if (clean && n == 0)
            return TAR_END;
        if (!clean)
            refuse(reader, error, "something follows its end");
    }
    return TAR_ERROR;
}

static gboolean check_header(TarReader *reader, const char *header, GError **error)
{
    if (!has_magic(header) || !checksum_fits(header))
        return refuse(reader, error, reader->n_headers ? "a damaged header" : "it is no tar archive");
    if (++reader->n_headers <= reader->max_headers)
        return TRUE;
    return fault_set(error, FAULT_ARCHIVE, "%s: more than %" G_GUINT64_FORMAT " headers", reader->name,
                     reader->max_headers);
}

static TarOutcome read_one(TarReader *reader, const TarEntry **entry, GError **error)
{
    const char *header = reader->block;
    if (!read_exactly(reader, reader->block, BLOCK, error))
        return TAR_ERROR;
    if (is_zero(header, BLOCK))
        return read_end(reader, error);
    gint64 size = 0;
    gboolean negative = FALSE;
    if (!check_header(reader, header, error))
        return TAR_ERROR;
    if (!parse_number(header, field_size, &size, &negative)) {
        refuse_entry(reader, header, error, negative ? "its size is negative" : "its size is no number");
        return TAR_ERROR;
    }
    gboolean good;
    char type = header[AT_TYPE] ? header[AT_TYPE] : (char)TAR_FILE;
    switch (type) {
    case 'L':
        good = take_long_name(reader, (guint64)size, &reader->pending.path, error);
        break;
    case 'K':
        good = take_long_name(reader, (guint64)size, &reader->pending.link, error);
        break;
    case 'x':
    case 'g':
        good = take_pax(reader, (guint64)size, type == 'g', error);
        break;
    default:
        good = parse_entry(reader, header, (guint64)size, type, error);
        if (good) {
            *entry = &reader->entry;
            return TAR_ENTRY;
        }
    }
    return good ? TAR_END : TAR_ERROR;
}

TarOutcome tar_next(TarReader *reader, const TarEntry **entry, GError **error)
{
    const char *rest;
    gssize n;
    while ((n = tar_content(reader, &rest, error)) > 0)
        ;
    if (n < 0)
        return TAR_ERROR;
    while (!reader->ended) {
        TarOutcome outcome = read_one(reader, entry, error);
        if (outcome != TAR_END)
            return outcome;
    }
    return TAR_END;
}

gssize tar_content(TarReader *reader, const char **bytes, GError **error)
{
    if (reader->content_left == 0) {
        guint64 padding = reader->padding_left;
        reader->padding_left = 0;
        return read_exactly(reader, NULL, padding, error) ? 0 : -1;
    }
    int n = fill(reader, error);
    if (n < 0)
        return -1;
    if (n == 0) {
        g_autofree char *shown = shown_text(reader->entry.path);
        fault_set(error, FAULT_ARCHIVE, "%s: entry '%s': it is cut off", reader->name, shown);
        return -1;
    }
    gsize piece = (gsize)MIN(reader->content_left, reader->n_bytes);
    *bytes = reader->bytes;
    reader->bytes += piece;
    reader->n_bytes -= piece;
    reader->content_left -= piece;
    return (gssize)piece;
}
