/* SPDX-License-Identifier: Apache-2.0 */
/* Versions: what is one, which is newer, and which range holds which. */
#include "model/version.h"

#include <string.h>

static gboolean is_word_character(char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '_';
}

static gboolean is_version_character(char c)
{
    return is_word_character(c) || c == '.' || c == '+';
}

gboolean version_is_valid(const char *text)
{
    gsize length = text ? strnlen(text, VERSION_MAX + 1) : 0;
    if (length == 0 || length > VERSION_MAX)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (!is_version_character(text[i]))
            return FALSE;
    /* These name other things on disk: hidden files, options of commands, and trees that are still being made. */
    return text[0] != '.' && text[0] != '-' && !g_str_has_suffix(text, ".partial") &&
           !g_str_has_suffix(text, ".pending");
}

static const char *after_v(const char *text)
{
    return text[0] == 'v' && g_ascii_isdigit(text[1]) ? text + 1 : text;
}

/* The end of the numeric fields; NULL if the text does not begin with any. */
static const char *core_end(const char *core)
{
    const char *p = core;
    for (;;) {
        if (!g_ascii_isdigit(*p))
            return NULL;
        while (g_ascii_isdigit(*p))
            p++;
        if (*p != '.')
            return p;
        p++;
    }
}

/* The end of dot-separated words, none of them empty; NULL if one is. */
static const char *words_end(const char *words)
{
    const char *p = words;
    for (;;) {
        if (!is_word_character(*p))
            return NULL;
        while (is_word_character(*p))
            p++;
        if (*p != '.')
            return p;
        p++;
    }
}

gboolean version_is_ordered(const char *text)
{
    if (!version_is_valid(text))
        return FALSE;
    const char *p = core_end(after_v(text));
    if (p && *p == '-')
        p = words_end(p + 1);
    return p && (*p == '\0' || (*p == '+' && p[1] != '\0'));
}

gboolean version_is_prerelease(const char *text)
{
    return version_is_ordered(text) && *core_end(after_v(text)) == '-';
}

/* Digits of any length as numbers: no integer type is wide enough for what a publisher may write. */
static int compare_digits(const char *a, gsize a_length, const char *b, gsize b_length)
{
    while (a_length > 0 && *a == '0')
        a++, a_length--;
    while (b_length > 0 && *b == '0')
        b++, b_length--;
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return a_length ? memcmp(a, b, a_length) : 0;
}

static gsize digits_length(const char *p)
{
    gsize length = 0;
    while (g_ascii_isdigit(p[length]))
        length++;
    return length;
}

/* Compares the numeric fields and moves both behind them. */
static int compare_cores(const char **a, const char **b)
{
    int result = 0;
    gboolean more_a = TRUE, more_b = TRUE;
    while (more_a || more_b) {
        gsize a_length = more_a ? digits_length(*a) : 0, b_length = more_b ? digits_length(*b) : 0;
        if (result == 0)
            result = compare_digits(*a, a_length, *b, b_length);
        *a += a_length;
        *b += b_length;
        more_a = more_a && **a == '.';
        more_b = more_b && **b == '.';
        *a += more_a;
        *b += more_b;
    }
    return result;
}

/* One identifier of a pre-release: numbers by value and below words, words bytewise. */
static int compare_words(const char *a, gsize a_length, const char *b, gsize b_length)
{
    gboolean a_number = digits_length(a) >= a_length, b_number = digits_length(b) >= b_length;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number)
        return compare_digits(a, a_length, b, b_length);
    int result = memcmp(a, b, MIN(a_length, b_length));
    return result ? result : (a_length > b_length) - (a_length < b_length);
}

/* SemVer 2.0 section 11.4; both behind their "-". */
static int compare_prereleases(const char *a, const char *b)
{
    for (;;) {
        gsize a_length = strcspn(a, ".+"), b_length = strcspn(b, ".+");
        int result = compare_words(a, a_length, b, b_length);
        if (result)
            return result;
        a += a_length;
        b += b_length;
        if (*a != '.' || *b != '.')
            return (*a == '.') - (*b == '.');
        a++, b++;
    }
}

int version_compare(const char *a, const char *b)
{
    gboolean a_ordered = version_is_ordered(a), b_ordered = version_is_ordered(b);
    if (a_ordered != b_ordered)
        return a_ordered ? -1 : 1;
    if (!a_ordered)
        return g_strcmp0(a, b);
    a = after_v(a);
    b = after_v(b);
    int result = compare_cores(&a, &b);
    if (result)
        return result;
    if (*a != '-' || *b != '-')
        return (*b == '-') - (*a == '-');
    return compare_prereleases(a + 1, b + 1);
}

typedef enum { RANGE_EQUAL, RANGE_NOT_EQUAL, RANGE_LESS, RANGE_AT_MOST, RANGE_GREATER, RANGE_AT_LEAST } RangeOperator;

static const struct {
    const char *sign;
    RangeOperator relation;
} range_signs[] = {
    {">=", RANGE_AT_LEAST}, {"<=", RANGE_AT_MOST}, {"!=", RANGE_NOT_EQUAL}, {"==", RANGE_EQUAL},
    {">", RANGE_GREATER},   {"<", RANGE_LESS},     {"=", RANGE_EQUAL},
};

/* Reads one comparison and moves behind it. FALSE: it is not one. */
static gboolean range_next(const char **range, RangeOperator *relation, char version[VERSION_MAX + 1])
{
    const char *p = *range;
    *relation = RANGE_EQUAL;
    for (gsize i = 0; i < G_N_ELEMENTS(range_signs); i++)
        if (g_str_has_prefix(p, range_signs[i].sign)) {
            *relation = range_signs[i].relation;
            p += strlen(range_signs[i].sign);
            p += strspn(p, " ");
            break;
        }
    gsize length = strcspn(p, " ,");
    if (length == 0 || length > VERSION_MAX)
        return FALSE;
    memcpy(version, p, length);
    version[length] = '\0';
    *range = p + length;
    return *relation <= RANGE_NOT_EQUAL ? version_is_valid(version) : version_is_ordered(version);
}

/* Moves over what may stand between two comparisons: spaces and at most one comma. */
static const char *range_gap(const char *p)
{
    p += strspn(p, " ");
    if (*p == ',')
        p++;
    return p + strspn(p, " ");
}

static gboolean comparison_holds(const char *version, RangeOperator relation, const char *bound)
{
    int result = version_compare(version, bound);
    switch (relation) {
    case RANGE_EQUAL:
        return result == 0;
    case RANGE_NOT_EQUAL:
        return result != 0;
    default:
        break;
    }
    /* "nightly" is not known to be at least 2.0, whatever the order of texts says. */
    if (!version_is_ordered(version))
        return FALSE;
    return relation == RANGE_LESS      ? result < 0
           : relation == RANGE_AT_MOST ? result <= 0
           : relation == RANGE_GREATER ? result > 0
                                       : result >= 0;
}

/* Walks the range; *holds (may be NULL) gets whether `version` satisfies it. FALSE: the range is not one. */
static gboolean range_walk(const char *range, const char *version, gboolean *holds)
{
    if (!range)
        return FALSE;
    const char *p = range + strspn(range, " ");
    if (!*p)
        return FALSE;
    for (guint equals = 0; *p;) {
        RangeOperator relation;
        char bound[VERSION_MAX + 1];
        if (!range_next(&p, &relation, bound))
            return FALSE;
        if (relation == RANGE_EQUAL && ++equals > 1) /* two at once hold for nothing: words, not a range */
            return FALSE;
        if (holds && !comparison_holds(version, relation, bound))
            *holds = FALSE;
        const char *next = range_gap(p);
        if (!*next && memchr(p, ',', (gsize)(next - p)))
            return FALSE;
        p = next;
    }
    return TRUE;
}

gboolean version_range_is_valid(const char *range)
{
    return range_walk(range, NULL, NULL);
}

gboolean version_matches(const char *version, const char *range)
{
    gboolean holds = TRUE;
    return version_is_valid(version) && range_walk(range, version, &holds) && holds;
}

/* The digits and points that a word begins with; NULL: it begins otherwise. */
static char *version_of_word(const char *word)
{
    word += *word == 'v';
    gsize size = strspn(word, G_CSET_DIGITS ".");
    while (size > 0 && word[size - 1] == '.')
        size--;
    g_autofree char *version = g_strndup(word, size);
    return version_is_valid(version) && version_is_ordered(version) ? g_steal_pointer(&version) : NULL;
}

char *version_find(const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n()[],;:/\"'=", -1);
    g_autofree char *bare = NULL;
    for (char **word = words; *word; word++) {
        g_autofree char *version = version_of_word(*word);
        if (version && strchr(version, '.'))
            return g_steal_pointer(&version);
        if (version && !bare)
            bare = g_steal_pointer(&version);
    }
    return g_steal_pointer(&bare);
}

#define COMMIT_DIGITS 12

char *version_with_commit(const char *version, const char *commit)
{
    return g_strdup_printf("%s%cg%.*s", version, strchr(version, '+') ? '.' : '+', COMMIT_DIGITS, commit);
}

char *version_without_commit(const char *version)
{
    gsize size = strlen(version), suffix = COMMIT_DIGITS + 2;
    const char *at = size > suffix ? version + size - suffix : "";
    if (!strchr(version, '+') || (*at != '+' && *at != '.') || at[1] != 'g' ||
        strspn(at + 2, "0123456789abcdef") != COMMIT_DIGITS)
        return g_strdup(version);
    return g_strndup(version, size - suffix);
}

/* --- the next version --------------------------------------------------------------------------------------------- */

const char *const version_part_names[] = {"major", "minor", "patch", NULL};

/* One more, in as many digits: 05 is followed by 06, 99 by 100. */
static void increment(GString *digits)
{
    gsize at = digits->len;
    while (at > 0 && digits->str[at - 1] == '9')
        digits->str[--at] = '0';
    if (at > 0)
        digits->str[at - 1]++;
    else
        g_string_prepend_c(digits, '1');
}

static gboolean is_zero(const char *digits)
{
    return digits[strspn(digits, "0")] == '\0';
}

/* A pre-release leads to its own version, unless a higher part is asked for: 1.3.0-rc.1 is before 1.3.0, not 1.3.1. */
static gboolean leads_there(const char *version, char **fields, guint n_fields, VersionPart part)
{
    gboolean leads = version_is_prerelease(version) && n_fields > part;
    for (guint i = part + 1; i < n_fields; i++)
        leads = leads && is_zero(fields[i]);
    return leads;
}

char *version_bump(const char *version, VersionPart part)
{
    if (!version_is_ordered(version))
        return NULL;
    const char *core = after_v(version);
    g_autofree char *digits = g_strndup(core, core_end(core) - core);
    g_auto(GStrv) fields = g_strsplit(digits, ".", -1);
    guint n_fields = g_strv_length(fields);
    if (leads_there(version, fields, n_fields, part))
        return g_steal_pointer(&digits);
    GString *next = g_string_new(NULL);
    for (guint i = 0; i < MAX(n_fields, part + 1); i++) {
        g_autoptr(GString) field = g_string_new(i < n_fields && i <= part ? fields[i] : "0");
        if (i == part)
            increment(field);
        g_string_append_printf(next, "%s%s", i ? "." : "", field->str);
    }
    char *text = g_string_free(next, FALSE);
    if (!version_is_ordered(text))
        g_clear_pointer(&text, g_free);
    return text;
}
