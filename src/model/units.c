/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and sizes as people write them: whole numbers with one unit. */
#include "model/schema.h"

#include <string.h>

typedef struct Unit {
    const char *name;
    gint64 factor;
} Unit;

/* Largest first: of two forms of one length the larger unit is written. */
static const Unit durations[] = {
    {"d", 24 * 60 * 60 * 1000}, {"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const Unit sizes[] = {
    {"TiB", (gint64)1 << 40}, {"TB", 1000000000000}, {"GiB", 1 << 30}, {"GB", 1000000000}, {"MiB", 1 << 20},
    {"MB", 1000000},          {"KiB", 1 << 10},      {"kB", 1000},     {"B", 1},           {NULL, 0},
};

/* Digits only, then one of the units or nothing (`bare`). Nothing wraps around. */
static gboolean parse(const char *text, const Unit *units, gint64 bare, gint64 *value)
{
    if (!text || !g_ascii_isdigit(*text))
        return FALSE;
    gint64 number = 0;
    for (; g_ascii_isdigit(*text); text++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *text - '0', &number))
            return FALSE;
    gint64 factor = *text ? 0 : bare;
    for (const Unit *unit = units; unit->name && !factor; unit++)
        if (g_ascii_strcasecmp(unit->name, text) == 0)
            factor = unit->factor;
    if (!factor || __builtin_mul_overflow(number, factor, &number))
        return FALSE;
    *value = number;
    return TRUE;
}

/* The shortest of the exact forms: "90s", but "1d" and not "24h". */
static char *format(gint64 value, const Unit *units)
{
    char *shortest = NULL;
    for (const Unit *unit = units; unit->name; unit++) {
        if (value % unit->factor != 0)
            continue;
        char *text = g_strdup_printf("%" G_GINT64_FORMAT "%s", value / unit->factor, unit->name);
        gboolean shorter = !shortest || strlen(text) < strlen(shortest);
        g_free(shorter ? shortest : text);
        shortest = shorter ? text : shortest;
    }
    return shortest;
}

gboolean duration_parse(const char *text, gint64 *duration_ms)
{
    return parse(text, durations, 1000, duration_ms);
}

gboolean size_parse(const char *text, gint64 *size_bytes)
{
    return parse(text, sizes, 1, size_bytes);
}

char *duration_format(gint64 duration_ms)
{
    return duration_ms == 0 ? g_strdup("0s") : format(duration_ms, durations);
}

char *size_format(gint64 size_bytes)
{
    return size_bytes == 0 ? g_strdup("0B") : format(size_bytes, sizes);
}
