/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/schema.h: reading, errors, showing, units. */
#include "model/schema.h"

#include "model_read.h"

#define OF(member) offsetof(Thing, member)

typedef struct Part {
    char *name;
    gint64 count;
} Part;

typedef struct Thing {
    char *text, *word, *value, *version, *range, *path, *absolute;
    gboolean flag;
    gint64 keep, wait_ms, size_bytes;
    int mode;
    GPtrArray *lines, *levels, *pairs, *steps, *parts, *rooms;
    struct {
        char *inner;
    } table;
    const Node *node;
} Thing;

static const char *const modes[] = {"stop", "file", "none", NULL};
static const char *const words[] = {"one", "two", NULL};

static const Key part_keys[] = {
    {"name", KEY_TEXT, offsetof(Part, name), .required = TRUE},
    {"count", KEY_INT, offsetof(Part, count), "7"},
    {0},
};
static const Key room_keys[] = {
    {"count", KEY_INT, offsetof(Part, count), "9"},
    {0},
};
static const Key inner_keys[] = {
    {"inner", KEY_TEXT, 0, "deep"},
    {0},
};
static const Key keys[] = {
    {"text", KEY_TEXT, OF(text), "plain"},
    {"name_of_text", KEY_TEXT, OF(text)},
    {"word", KEY_TEXT, OF(word), .words = words},
    {"value", KEY_VALUE, OF(value)},
    {"version", KEY_VERSION, OF(version), .required = TRUE},
    {"range", KEY_RANGE, OF(range)},
    {"path", KEY_PATH, OF(path)},
    {"absolute", KEY_ABSOLUTE, OF(absolute)},
    {"flag", KEY_BOOL, OF(flag), "true"},
    {"keep", KEY_INT, OF(keep), "3", .min = 1, .max = 50, .env = "LIFTLOCK_TEST_KEEP"},
    {"wait", KEY_DURATION, OF(wait_ms), "5m"},
    {"size", KEY_SIZE, OF(size_bytes), "1MiB", .min = 1000, .max = 1000000000},
    {"mode", KEY_ENUM, OF(mode), "file", .words = modes},
    {"lines", KEY_TEXTS, OF(lines)},
    {"levels", KEY_TEXTS, OF(levels), .words = words},
    {"pairs", KEY_TEXT_MAP, OF(pairs)},
    {"steps", KEY_TEXTS_MAP, OF(steps)},
    {"parts", KEY_TABLES, OF(parts), .table = part_keys, .size = sizeof(Part)},
    {"rooms", KEY_TABLE_MAP, OF(rooms), .table = room_keys, .size = sizeof(Part)},
    {"table", KEY_TABLE, OF(table), .table = inner_keys},
    {"node", KEY_NODE, OF(node)},
    {0},
};

static void expect(const char *yaml, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = yaml_from(yaml);
    Thing thing = {0};
    g_assert_false(schema_read(keys, node, "t.yaml", FAULT_MANIFEST, &thing, &error));
    schema_clear(keys, &thing);
    assert_fault(&error, FAULT_MANIFEST, message);
}

static void read_into(const char *yaml, Thing *thing, Node **node)
{
    g_autoptr(GError) error = NULL;
    *node = yaml_from(yaml);
    *thing = (Thing){0};
    schema_read(keys, *node, "t.yaml", FAULT_MANIFEST, thing, &error);
    g_assert_no_error(error);
}

static void defaults(void)
{
    g_autoptr(Node) node = NULL;
    Thing thing;
    read_into("version: 1", &thing, &node);
    g_assert_cmpstr(thing.text, ==, "plain");
    g_assert_null(thing.word);
    g_assert_true(thing.flag);
    g_assert_cmpint(thing.keep, ==, 3);
    g_assert_cmpint(thing.wait_ms, ==, 300000);
    g_assert_cmpint(thing.size_bytes, ==, 1048576);
    g_assert_cmpint(thing.mode, ==, 1);
    g_assert_cmpuint(thing.lines->len + thing.pairs->len + thing.steps->len + thing.parts->len + thing.rooms->len, ==,
                     0);
    g_assert_cmpstr(thing.table.inner, ==, "deep");
    g_assert_null(thing.node);
    schema_clear(keys, &thing);
}

static void values(void)
{
    g_autoptr(Node) node = NULL;
    Thing thing;
    read_into("version: 2.10\ntext: hello\nword: two\nvalue: 0\nrange: '>=1 <2'\npath: a/b/\nabsolute: /srv/x/\n"
              "flag: false\nkeep: 50\nwait: 90\nsize: 10MB\nmode: none\nlines: [a, 'b c']\nlevels: one\n"
              "pairs: {PORT: 8080, NAME: x}\nsteps: {'1.0': [x, y], '2.0': z}\n"
              "parts: [{name: p, count: 1}, {name: q}]\nrooms: {red: {count: 2}, blue: {}}\ntable: {inner: i}\n"
              "node: {any: [thing]}\n",
              &thing, &node);
    g_assert_cmpstr(thing.version, ==, "2.10");
    g_assert_cmpstr(thing.text, ==, "hello");
    g_assert_cmpstr(thing.word, ==, "two");
    g_assert_cmpstr(thing.value, ==, "0");
    g_assert_cmpstr(thing.range, ==, ">=1 <2");
    g_assert_cmpstr(thing.path, ==, "a/b");
    g_assert_cmpstr(thing.absolute, ==, "/srv/x");
    g_assert_false(thing.flag);
    g_assert_cmpint(thing.keep, ==, 50);
    g_assert_cmpint(thing.wait_ms, ==, 90000);
    g_assert_cmpint(thing.size_bytes, ==, 10000000);
    g_assert_cmpint(thing.mode, ==, 2);
    g_assert_cmpuint(thing.lines->len, ==, 2);
    g_assert_cmpstr(thing.lines->pdata[1], ==, "b c");
    g_assert_cmpstr(thing.levels->pdata[0], ==, "one");
    const KeyPair *pair = thing.pairs->pdata[0];
    g_assert_cmpstr(pair->name, ==, "PORT");
    g_assert_cmpstr(pair->value, ==, "8080");
    const KeyTexts *steps = thing.steps->pdata[0];
    g_assert_cmpstr(steps->name, ==, "1.0");
    g_assert_cmpstr(steps->texts->pdata[1], ==, "y");
    g_assert_cmpuint(((const KeyTexts *)thing.steps->pdata[1])->texts->len, ==, 1);
    const Part *part = thing.parts->pdata[1];
    g_assert_cmpstr(part->name, ==, "q");
    g_assert_cmpint(part->count, ==, 7);
    const Part *room = thing.rooms->pdata[1];
    g_assert_cmpstr(room->name, ==, "blue");
    g_assert_cmpint(room->count, ==, 9);
    g_assert_cmpstr(thing.table.inner, ==, "i");
    g_assert_true(thing.node == node_get(node, "node"));
    schema_clear(keys, &thing);
}

static void empty_values(void)
{
    g_autoptr(Node) node = NULL;
    Thing thing;
    read_into("version: 1\nlines:\npairs:\nsteps:\nparts:\nrooms: ~\ntable: null\n", &thing, &node);
    g_assert_cmpuint(thing.lines->len + thing.pairs->len + thing.steps->len + thing.parts->len + thing.rooms->len, ==,
                     0);
    g_assert_cmpstr(thing.table.inner, ==, "deep");
    schema_clear(keys, &thing);
    expect("version: 1\ntext:\n", "t.yaml:2:6: 'text' must be a text, not nothing");
    expect("version: ~\n", "t.yaml:1:10: 'version' must be a version such as 2.1.0, not nothing");
    expect("version: 1\nkeep:\n", "t.yaml:2:6: 'keep' must be a whole number from 1 to 50, not nothing");
}

static void unknown_keys(void)
{
    expect("version: 1\nsise: 3\n", "t.yaml:2:1: unknown key 'sise'; did you mean 'size'?");
    expect("version: 1\nvresion: 3\n", "t.yaml:2:1: unknown key 'vresion'; did you mean 'version'?");
    expect("version: 1\nzebra: 3\n", "t.yaml:2:1: unknown key 'zebra'");
    expect("version: 1\nparts:\n  - name: x\n    cuont: 1\n", "t.yaml:4:5: unknown key 'cuont'; did you mean 'count'?");
    expect("version: 1\n'*': 3\n", "t.yaml:2:1: unknown key '*'");
    expect("version: 1\n\"a\\e[31m\\nb\": 3\n", "t.yaml:2:1: unknown key 'a\\x1b[31m\\x0ab'");
}

static void missing_keys(void)
{
    expect("text: a\n", "t.yaml:1:1: 'version' is missing");
    expect("version: 1\nparts: [{name: a}, {count: 1}]\n", "t.yaml:2:20: 'name' is missing");
}

static void wrong_scalars(void)
{
    expect("version: 1\nkeep: many\n", "t.yaml:2:7: 'keep' must be a whole number from 1 to 50, not 'many'");
    expect("version: 1\nkeep: 0\n", "t.yaml:2:7: 'keep' must be a whole number from 1 to 50, not '0'");
    expect("version: 1\nkeep: 51\n", "t.yaml:2:7: 'keep' must be a whole number from 1 to 50, not '51'");
    expect("version: 1\nkeep: '3'\n", "t.yaml:2:7: 'keep' must be a whole number from 1 to 50, not the text '3'");
    expect("version: 1\nkeep: 1.5\n", "t.yaml:2:7: 'keep' must be a whole number from 1 to 50, not '1.5'");
    expect("version: 1\nkeep: 99999999999999999999\n",
           "t.yaml:2:7: 'keep' must be a whole number from 1 to 50, not '99999999999999999999'");
    expect("version: 1\nflag: yes\n", "t.yaml:2:7: 'flag' must be true or false, not 'yes'");
    expect("version: 1\nflag: 'true'\n", "t.yaml:2:7: 'flag' must be true or false, not the text 'true'");
    expect("version: 1\nwait: soon\n", "t.yaml:2:7: 'wait' must be a time such as 30s, 5m or 2h, not 'soon'");
    expect("version: 1\nwait: -5s\n", "t.yaml:2:7: 'wait' must be a time such as 30s, 5m or 2h, not '-5s'");
    expect("version: 1\nsize: 1\n", "t.yaml:2:7: 'size' must be a size from 1kB to 1GB, such as 10MB or 1GiB, not '1'");
    expect("version: 1\nmode: stopp\n", "t.yaml:2:7: 'mode' must be stop, file or none, not 'stopp'");
    expect("version: 1\nword: three\n", "t.yaml:2:7: 'word' must be one or two, not 'three'");
    expect("version: a b\n", "t.yaml:1:10: 'version' must be a version such as 2.1.0, not 'a b'");
    expect("version: 1\nrange: '>'\n", "t.yaml:2:8: 'range' must be a range of versions such as >=2.0.0 <3, not '>'");
    expect("version: 1\ntext: [a]\n", "t.yaml:2:7: 'text' must be a text, not a list");
}

static void wrong_lines(void)
{
    static const char *const booleans[] = {"true", "False", "yes", "NO", "on", "Off"};
    static const char *const numbers[] = {"7", "-1", "2.0", "1e3", "0x1F", ".5"};
    for (gsize i = 0; i < G_N_ELEMENTS(booleans); i++) {
        g_autofree char *yaml = g_strdup_printf("version: 1\nlines: %s\n", booleans[i]);
        g_autofree char *text = g_strdup_printf("t.yaml:2:8: 'lines' must be a list of texts, not the boolean %s; if "
                                                "that text is meant, quote it",
                                                booleans[i]);
        expect(yaml, text);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *yaml = g_strdup_printf("version: 1\nlines: [make, %s]\n", numbers[i]);
        g_autofree char *text = g_strdup_printf(
            "t.yaml:2:15: an item of 'lines' must be a text, not the number %s; if that text is meant, quote it",
            numbers[i]);
        expect(yaml, text);
    }
    expect("version: 1\nlines: [make, ~]\n", "t.yaml:2:15: an item of 'lines' must be a text, not nothing");
    expect("version: 1\nsteps: {'1': [a, no]}\n",
           "t.yaml:2:18: an item of '1' must be a text, not the boolean no; if that text is meant, quote it");
}

/* A quoted word is what it says; and 2.0 without quotes is a version, yes a text, where one is asked for. */
static void words_that_look_otherwise(void)
{
    g_autoptr(Node) node = NULL;
    Thing thing;
    read_into("version: 2.0\ntext: yes\nvalue: 2.0\nlines: ['yes', \"7\", 7z x, -v, yes | make, .nonsense]\n", &thing,
              &node);
    g_assert_cmpstr(thing.version, ==, "2.0");
    g_assert_cmpstr(thing.text, ==, "yes");
    g_assert_cmpstr(thing.value, ==, "2.0");
    g_assert_cmpuint(thing.lines->len, ==, 6);
    g_assert_cmpstr(thing.lines->pdata[0], ==, "yes");
    g_assert_cmpstr(thing.lines->pdata[1], ==, "7");
    schema_clear(keys, &thing);
}

static void wrong_paths(void)
{
    static const char *const bad[] = {"/etc", "..", "../x", "a/../b", "a//b", "./a", "a/.", "/"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *yaml = g_strdup_printf("version: 1\npath: %s\n", bad[i]);
        g_autofree char *message =
            g_strdup_printf("t.yaml:2:7: 'path' must be a relative path that stays inside, not '%s'", bad[i]);
        expect(yaml, message);
    }
    expect("version: 1\npath: ''\n", "t.yaml:2:7: 'path' must be a relative path that stays inside, not ''");
    expect("version: 1\npath: \"a\\tb\"\n",
           "t.yaml:2:7: 'path' must be a relative path that stays inside, not 'a\\x09b'");
    expect("version: 1\nabsolute: a\n", "t.yaml:2:11: 'absolute' must be an absolute path without '..', not 'a'");
    expect("version: 1\nabsolute: /a/../b\n",
           "t.yaml:2:11: 'absolute' must be an absolute path without '..', not '/a/../b'");
}

static void wrong_shapes(void)
{
    expect("[1]\n", "t.yaml:1:1: must be a map, not a list");
    expect("version: 1\ntable: [a]\n", "t.yaml:2:8: 'table' must be a map, not a list");
    expect("version: 1\npairs: x\n", "t.yaml:2:8: 'pairs' must be a map, not 'x'");
    expect("version: 1\npairs: {a: [b]}\n", "t.yaml:2:12: 'a' in 'pairs' must be a text, not a list");
    expect("version: 1\nsteps: [a]\n", "t.yaml:2:8: 'steps' must be a map, not a list");
    expect("version: 1\nsteps: {'1': {a: b}}\n", "t.yaml:2:14: '1' must be a list of texts, not a map");
    expect("version: 1\nparts: {name: x}\n", "t.yaml:2:8: 'parts' must be a list of maps, not a map");
    expect("version: 1\nparts: [x]\n", "t.yaml:2:9: an item of 'parts' must be a map, not 'x'");
    expect("version: 1\nrooms: {red: 5}\n", "t.yaml:2:14: an entry of 'rooms' must be a map, not '5'");
    expect("version: 1\nlines: {a: b}\n", "t.yaml:2:8: 'lines' must be a list of texts, not a map");
    expect("version: 1\nlines: [a, [b]]\n", "t.yaml:2:12: an item of 'lines' must be a text, not a list");
    expect("version: 1\nlevels: [one, three]\n", "t.yaml:2:15: an item of 'levels' must be one or two, not 'three'");
}

static void two_names(void)
{
    g_autoptr(Node) node = NULL;
    Thing thing;
    read_into("version: 1\nname_of_text: other\n", &thing, &node);
    g_assert_cmpstr(thing.text, ==, "other");
    schema_clear(keys, &thing);
    expect("version: 1\ntext: a\nname_of_text: b\n",
           "t.yaml:3:1: 'name_of_text' is another name of 'text'; give one of them");
}

/* What YAML leaves open, JSON has said. */
static void json_types(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = document_from(DOCUMENT_JSON, "{\"version\": 2.10}");
    Thing thing = {0};
    g_assert_false(schema_read(keys, node, "t.json", FAULT_MANIFEST, &thing, &error));
    assert_fault(&error, FAULT_MANIFEST, "t.json:1:13: 'version' must be a version such as 2.1.0, not '2.10'");
    schema_clear(keys, &thing);
    g_autoptr(Node) good =
        document_from(DOCUMENT_JSON, "{\"version\": \"2.10\", \"value\": 0, \"keep\": 4, \"wait\": 5}");
    thing = (Thing){0};
    g_assert_true(schema_read(keys, good, "t.json", FAULT_MANIFEST, &thing, &error));
    g_assert_cmpstr(thing.value, ==, "0");
    g_assert_cmpint(thing.keep, ==, 4);
    g_assert_cmpint(thing.wait_ms, ==, 5000);
    schema_clear(keys, &thing);
}

static void nearest(void)
{
    static const char *const known[] = {"source", "size", "url", "keep_backups", NULL};
    g_assert_cmpstr(schema_nearest("sorce", known), ==, "source");
    g_assert_cmpstr(schema_nearest("suorce", known), ==, "source");
    g_assert_cmpstr(schema_nearest("keep_backup", known), ==, "keep_backups");
    g_assert_cmpstr(schema_nearest("ulr", known), ==, "url");
    g_assert_null(schema_nearest("ur1x", known));
    g_assert_null(schema_nearest("destination", known));
    g_autofree char *endless = g_strnfill(100000, 'a');
    g_assert_null(schema_nearest(endless, known));
}

static const char *origin_of(const Node *shown, const char *key)
{
    return node_get_text(node_get(shown, key), "origin", NULL);
}

static void show(void)
{
    g_autoptr(Node) node = NULL;
    Thing thing;
    read_into("version: 1\nname_of_text: x\nwait: 120s\nparts:\n  - name: p\nrooms: {red: {count: 4}}\n", &thing,
              &node);
    g_autoptr(Node) shown = schema_show(keys, node, "t.yaml", &thing);
    g_assert_cmpstr(node_get_text(node_get(shown, "version"), "value", NULL), ==, "1");
    g_assert_cmpstr(origin_of(shown, "version"), ==, "t.yaml:1");
    g_assert_cmpstr(node_get_text(node_get(shown, "text"), "value", NULL), ==, "x");
    g_assert_cmpstr(origin_of(shown, "text"), ==, "t.yaml:2");
    g_assert_null(node_get(shown, "name_of_text"));
    g_assert_cmpstr(node_get_text(node_get(shown, "wait"), "value", NULL), ==, "2m");
    g_assert_cmpstr(origin_of(shown, "size"), ==, "default");
    g_assert_cmpstr(node_get_text(node_get(shown, "mode"), "value", NULL), ==, "file");
    g_assert_cmpstr(origin_of(node_pointer(shown, "/parts/0"), "name"), ==, "t.yaml:5");
    g_assert_cmpstr(origin_of(node_pointer(shown, "/parts/0"), "count"), ==, "default");
    g_assert_cmpint(node_get_int(node_pointer(shown, "/rooms/red/count"), "value", 0), ==, 4);
    schema_clear(keys, &thing);
}

static void environment(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = yaml_from("version: 1\nkeep: 4\n");
    g_setenv("LIFTLOCK_TEST_KEEP", "lots", TRUE);
    g_assert_false(schema_environment(keys, node, FAULT_CONFIG, &error));
    assert_fault(&error, FAULT_CONFIG, "LIFTLOCK_TEST_KEEP: 'keep' must be a whole number from 1 to 50, not 'lots'");
    g_setenv("LIFTLOCK_TEST_KEEP", "12", TRUE);
    g_assert_true(schema_environment(keys, node, FAULT_CONFIG, &error));
    Thing thing = {0};
    g_assert_true(schema_read(keys, node, "t.yaml", FAULT_CONFIG, &thing, &error));
    g_assert_cmpint(thing.keep, ==, 12);
    g_autoptr(Node) shown = schema_show(keys, node, "t.yaml", &thing);
    g_assert_cmpstr(origin_of(shown, "keep"), ==, "LIFTLOCK_TEST_KEEP");
    schema_clear(keys, &thing);
    g_unsetenv("LIFTLOCK_TEST_KEEP");
}

static void quotes(void)
{
    static const char *const rows[][2] = {{"", "''"},
                                          {"a'b", "'a'b'"},
                                          {"\xc3\xbc", "'\xc3\xbc'"},
                                          {"\x1b[2J\xff", "'\\x1b[2J\\xff'"},
                                          {"a\xe2\x80\xae"
                                           "b",
                                           "'a\\xe2\\x80\\xaeb'"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *quoted = schema_quote(rows[i][0]);
        g_assert_cmpstr(quoted, ==, rows[i][1]);
    }
    g_autofree char *sixty = g_strnfill(60, 'a'), *more = g_strnfill(61, 'a');
    g_autofree char *whole = schema_quote(sixty), *cut = schema_quote(more);
    g_autofree char *whole_expected = g_strconcat("'", sixty, "'", NULL);
    g_autofree char *cut_expected = g_strconcat("'", sixty, "...'", NULL);
    g_assert_cmpstr(whole, ==, whole_expected);
    g_assert_cmpstr(cut, ==, cut_expected);
}

static void durations(void)
{
    static const struct {
        const char *text;
        gint64 value;
    } good[] = {{"0", 0},       {"30", 30000},   {"250ms", 250},   {"90s", 90000},
                {"5m", 300000}, {"2h", 7200000}, {"1d", 86400000}, {"007s", 7000}};
    static const char *const bad[] = {
        "",   "s", "-1", "1.5s", "5 m", "5min", "1h30m", "9223372036854775807", "99999999999999999999", "106751991168d",
        "+5", " 5"};
    gint64 value = 77;
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(duration_parse(good[i].text, &value));
        g_assert_cmpint(value, ==, good[i].value);
    }
    value = 77;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(duration_parse(bad[i], &value));
    g_assert_cmpint(value, ==, 77);
}

static void sizes(void)
{
    static const struct {
        const char *text;
        gint64 value;
    } good[] = {
        {"0", 0},       {"10", 10},         {"10B", 10},          {"10kB", 10000},        {"10KB", 10000},
        {"1KiB", 1024}, {"10MB", 10000000}, {"1GiB", 1073741824}, {"2TB", 2000000000000}, {"1TiB", 1099511627776}};
    static const char *const bad[] = {"", "MB", "1.5GiB", "1 MB", "1X", "8388608TiB", "-1", "9223372036854775808"};
    gint64 value = 77;
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(size_parse(good[i].text, &value));
        g_assert_cmpint(value, ==, good[i].value);
    }
    value = 77;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(size_parse(bad[i], &value));
    g_assert_cmpint(value, ==, 77);
}

static void formats(void)
{
    static const struct {
        gint64 value;
        const char *duration, *size;
    } rows[] = {{0, "0s", "0B"},
                {1, "1ms", "1B"},
                {1000, "1s", "1kB"},
                {90000, "90s", "90kB"},
                {300000, "5m", "300kB"},
                {86400000, "1d", "86400kB"},
                {1048576, "1048576ms", "1MiB"},
                {-1, "-1ms", "-1B"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *duration = duration_format(rows[i].value), *size = size_format(rows[i].value);
        g_assert_cmpstr(duration, ==, rows[i].duration);
        g_assert_cmpstr(size, ==, rows[i].size);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schema/keys that are absent get their default", defaults);
    g_test_add_func("/schema/each type is read", values);
    g_test_add_func("/schema/no value is an empty list or map but no scalar", empty_values);
    g_test_add_func("/schema/an unknown key is refused with the nearest known one", unknown_keys);
    g_test_add_func("/schema/a missing key is named at its map", missing_keys);
    g_test_add_func("/schema/a wrong scalar is told what it must be", wrong_scalars);
    g_test_add_func("/schema/a boolean or a number is no line", wrong_lines);
    g_test_add_func("/schema/a word that only looks like one is taken where it is meant", words_that_look_otherwise);
    g_test_add_func("/schema/a path that leaves is refused", wrong_paths);
    g_test_add_func("/schema/a list is no map and a map is no list", wrong_shapes);
    g_test_add_func("/schema/a key may have two names but only one at a time", two_names);
    g_test_add_func("/schema/types that JSON gives are kept to", json_types);
    g_test_add_func("/schema/the nearest word is at most two slips away", nearest);
    g_test_add_func("/schema/each value is shown with its origin", show);
    g_test_add_func("/schema/the environment overrides and is checked", environment);
    g_test_add_func("/schema/foreign text is quoted so that no terminal obeys it", quotes);
    g_test_add_func("/units/durations are whole numbers with one unit", durations);
    g_test_add_func("/units/sizes are whole numbers with one unit", sizes);
    g_test_add_func("/units/the shortest exact form is written", formats);
    return g_test_run();
}
