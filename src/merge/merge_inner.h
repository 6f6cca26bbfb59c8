/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of merge/: every structured language is reduced to items with byte spans.
 *
 * Two orders stand beside one another. The *tree* of items is what the text means (path -> value). A *place* is where
 * entries stand one after the other in the bytes: the body of a section, the lines of a YAML map, the braces of a JSON
 * object. Deciding works on the tree (decide.c), writing on the places (lay.c, flow.c).
 */
#pragma once

#include "base/document_reader.h"
#include "merge/merge.h"

typedef struct MergeItem MergeItem;
typedef struct MergePlace MergePlace;

typedef struct MergeSpan {
    gsize start, end; /* bytes */
} MergeSpan;

typedef enum { FATE_STAYS, FATE_REPLACED, FATE_GOES } MergeFate;

struct MergeItem {
    MergeItem *parent;
    char *key; /* decoded; NULL for the root */
    gboolean map;
    char *value; /* as merge_item_value gives it; of a map filled on demand */
    guint line, column;

    MergePlace *in;     /* where its bytes stand; NULL for the root and for TOML tables without bytes of their own */
    MergePlace *holds;  /* of a map: where its entries stand; NULL for such tables, and what cannot be entered */
    MergeSpan lead;     /* the comment lines directly above */
    MergeSpan block;    /* all of it: whole lines, or in braces from the key to the end of the value */
    MergeSpan text;     /* the value */
    MergeSpan rest;     /* all behind the key, YAML: behind its colon, to the end of the last line */
    gboolean loose;     /* a value that is nothing, YAML: or more than a line: `rest` is written, not `text` */
    gsize name;         /* where the last part of the key begins: a.b.NAME = 1 */
    gsize key_start;    /* where the whole key begins */
    gsize tail;         /* braces: where what belongs to it ends: comma and comment in the same line */
    gsize comma;        /* braces: offset of the comma behind it, 0 if there is none */
    gboolean own_lines; /* braces: no other entry stands in its lines */

    const char *closed; /* why neither it nor what is in it may be edited; NULL if it may */
    gboolean knotted;   /* something in it is closed */
    char *properties;   /* of a YAML map: what belongs to its value besides its entries */
    GString *more;      /* a key that stands there several times: what all but the last of them say */
    MergeSpan last;     /* and the last */
    gboolean scattered; /* other entries stand between them */
    GPtrArray *items;   /* of a map, in order; borrowed */
    GTree *by_key;      /* a tree, for hashes can be made to collide */
    GTree *by_folded;   /* the same, letter case aside; made when it is needed */

    /* What was decided. Of the user's items: */
    MergeFate fate;
    MergeItem *with;    /* the release's, FATE_REPLACED */
    MergeItem *old;     /* the base's of the same path */
    GPtrArray *joining; /* of a map: items of the release that are new in it; borrowed */
    /* of the release's: */
    MergeItem *twin; /* the user's of the same path */
    gboolean arrives;
    MergeItem *behind, *before; /* of what arrives: the twins of the nearest neighbours that have one */
};

struct MergePlace {
    MergeItem *owner;    /* whose entries; NULL: the sections of a file */
    GPtrArray *entries;  /* MergeItem *, in the order of bytes; borrowed */
    gsize start;         /* where the first entry goes */
    gsize close;         /* braces: the closing one */
    gboolean flow;       /* entries stand in braces, between commas */
    const char *shut;    /* why nothing can be added here; NULL if it can */
    GPtrArray *arrivals; /* MergeArrival *, what comes into this place */
};

/* An item of the release on its way into a place of the user's file. */
typedef struct MergeArrival {
    MergeItem *item;
    char *prefix;         /* of a dotted key, which its neighbours have; NULL: the key as it was */
    gboolean bare;        /* the key without the dots that it had */
    gboolean header_only; /* a section whose lines come one by one */
} MergeArrival;

/* How far indentation follows the place that something comes to. */
typedef enum {
    SHIFT_NONE,
    SHIFT_FIRST, /* comments and first line: the rest may be text */
    SHIFT_ALL
} MergeShift;

typedef struct MergeDoc {
    Reading reading; /* the text without its byte order mark */
    gboolean bom, crlf;
    gboolean trims;       /* INI: the indentation of lines that go on is no part of a value */
    const char *open_end; /* why nothing can be added at the end; NULL if it can */
    MergeItem *root;
    MergePlace *sections; /* TOML, INI: where the sections of the file stand */
    GPtrArray *items;     /* owns all */
    GPtrArray *places;    /* owns all */
} MergeDoc;

struct MergeLanguage {
    const char *name, *patterns;                     /* of file names, separated by spaces */
    gboolean (*read)(MergeDoc *doc, GError **error); /* fills root and places; NULL: a text of lines */
    MergeShift shift;
    const char *comments;         /* what comments inside values begin with, separated by spaces; NULL: none can be */
    gboolean any_case;            /* keys that differ in case only are one to some readers */
    gboolean last_newline_counts; /* a missing last newline may change what is above it */
    gboolean (*confirm)(const MergeDoc *user, const MergeDoc *output, const char *intended); /* more to hold; or NULL */
};

/* --- item.c --------------------------------------------------------------------------------------------------- */

/* Reads a text; NULL with the text's fault. */
MergeDoc *merge_doc_read(const MergeLanguage *language, const MergeText *text, GError **error);
void merge_doc_free(MergeDoc *doc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MergeDoc, merge_doc_free)

/* Whether it begins with a byte order mark. */
gboolean merge_has_bom(const MergeText *text);

/* A new item below `parent` (NULL: the root). Takes key. NULL beyond the limit of values. */
MergeItem *merge_item_new(MergeDoc *doc, MergeItem *parent, char *key, gboolean map, guint line, guint column,
                          GError **error);
MergePlace *merge_place_new(MergeDoc *doc, MergeItem *owner);
MergeItem *merge_item_get(const MergeItem *map, const char *key);

/* What an item means, in a form that is equal exactly where the values are; the order of keys does not count. */
const char *merge_item_value(MergeItem *item);

/* The same of a document's node. The caller frees. */
char *merge_node_value(const Node *node);
void merge_value_node(GString *form, const Node *node);

/* The pieces that such forms are made of. */
void merge_value_scalar(GString *form, char type, const char *text);
void merge_value_map(GString *form, GPtrArray *keys_and_forms);

/* "a.b.c"; parts that need quotes get them when it is for people. The caller frees. */
char *merge_item_path(const MergeItem *item, gboolean for_people);

/* One line of a text. */
typedef struct MergeLine {
    gsize start, end, next; /* `end` before the newline */
    guint number;
} MergeLine;

/* The line that begins at *at; FALSE at the end. Moves *at and *number. */
gboolean merge_line_next(const Reading *reading, gsize *at, guint *number, MergeLine *line);
gsize merge_skip_space(const Reading *reading, gsize at, gsize end); /* spaces and tabs */
gsize merge_trim(const Reading *reading, gsize start, gsize end);
gboolean merge_ends_in_backslash(const Reading *reading, const MergeLine *line);
gboolean merge_fault_at(const Reading *reading, gsize at, GError **error, const char *what); /* returns FALSE */
gboolean merge_same_text(const Reading *a, MergeSpan in_a, const Reading *b,
                         MergeSpan in_b); /* line ends and indentation aside */
gboolean merge_line_is_blank(const Reading *reading, gsize at);
gsize merge_line_start(const Reading *reading, gsize at);
gsize merge_line_end(const Reading *reading, gsize at); /* behind its newline */

/* A key in a line of `place`, which may have stood there before: then both are one item, closed where something stands
 * between them. Takes key. NULL beyond the limit of values. */
typedef struct MergeEntry {
    char *key;
    guint line, column;
    MergeSpan lead, block, text;
    gsize key_end;
    gboolean bare; /* there is no '=' */
} MergeEntry;
MergeItem *merge_entry_add(MergeDoc *doc, MergePlace *place, const MergeEntry *entry, GError **error);

/* Why nothing can be added behind a backslash that ends the file. */
extern const char merge_goes_on[];

/* The value of the key that was added last goes on in a line. */
void merge_entry_more(MergeDoc *doc, MergeItem *item, const MergeLine *line);

/* All keys are there: their values are what was written. */
void merge_entries_close(MergeDoc *doc);

/* --- one file per language -------------------------------------------------------------------------------------- */

gboolean merge_read_env(MergeDoc *doc, GError **error);
gboolean merge_read_ini(MergeDoc *doc, GError **error);
gboolean merge_read_toml(MergeDoc *doc, GError **error);
gboolean merge_read_json(MergeDoc *doc, GError **error);
gboolean merge_read_yaml(MergeDoc *doc, GError **error);

/* What the document reader accepted before, it accepts after, with the intended values. */
gboolean merge_confirm_yaml(const MergeDoc *user, const MergeDoc *output, const char *intended);

/* A text of lines: the output and notes, or NULL. The caller frees. */
char *merge_lines_of_texts(const MergeRequest *request, gboolean verbatim, GPtrArray *notes, gsize *size,
                           GError **error);

/* --- decide.c --------------------------------------------------------------------------------------------------- */

typedef struct Merge {
    const MergeRequest *request;
    MergeDoc *base, *user, *release; /* base may be NULL */
    GTree *rules;                    /* path -> strategy + 1; NULL if there are none */
    gboolean verbatim;               /* the release's bytes come as a whole: nothing is too closed for that */
    GPtrArray *notes;
} Merge;

/* Decides for every item; fills fates, arrivals and notes. */
void merge_decide(Merge *merge);

/* Why this item may not be changed or copied, with all in it; NULL if it may. */
const char *merge_why_closed(const Merge *merge, const MergeItem *item);

/* arrive.c: sends what is new to a place of the user's file; FALSE with *why where it cannot go. */
gboolean merge_bring(Merge *merge, MergeItem *item, const char **why);

/* The user's table of the same path as the release's, or NULL. */
MergeItem *merge_twin_table(const Merge *merge, const MergeItem *release);

/* intended.c: what the output must mean, after merge_decide. The caller frees. */
char *merge_intended(Merge *merge);

void merge_note_add(GPtrArray *notes, MergeAct act, char *path, guint line, guint release_line, const char *reason);

/* --- lay.c, flow.c, edits.c: writing ------------------------------------------------------------------------------ */

/* Replaces [start, end) by text; edits at one offset in the order in which they were made. */
typedef struct MergeEdit {
    gsize start, end;
    guint order;
    char *text;     /* NULL: nothing */
    gboolean lines; /* whole lines */
} MergeEdit;

typedef struct MergeWriter {
    const MergeLanguage *language;
    MergeDoc *base, *user, *release; /* base may be NULL */
    GArray *edits;                   /* of MergeEdit */
} MergeWriter;

/* The output, after merge_decide. The caller frees. */
char *merge_write(const MergeLanguage *language, MergeDoc *base, MergeDoc *user, MergeDoc *release, gsize *size);

/* What arrives in a place, in the order of the release, with its neighbours here. */
void merge_sort_arrivals(MergePlace *place);
MergeItem *merge_neighbour_behind(const MergePlace *place, const MergeArrival *arrival);
MergeItem *merge_neighbour_before(const MergePlace *place, const MergeArrival *arrival);

/* Whether the comment above goes with what goes: not one that the user wrote. */
gboolean merge_lead_goes(const MergeWriter *writer, const MergeItem *item);

/* Entries in braces: what goes from a place and what comes into it. */
void merge_lay_flow(MergeWriter *writer, MergePlace *place);

/* Takes text. */
void merge_edit_add(MergeWriter *writer, gsize start, gsize end, char *text, gboolean lines);

/* The user's bytes with all edits. The caller frees. */
char *merge_edits_apply(MergeWriter *writer, gsize *size);

/* Bytes of the release as they go into the user's file: line ends follow it, and where lines begin with `from`, they
 * begin with `to` (both NULL: as they are). A span that does not begin a line keeps its first piece. */
void merge_carry(const MergeWriter *writer, GString *out, MergeSpan span, const char *from, const char *to);
const char *merge_newline(const MergeWriter *writer);
void merge_end_line(const MergeWriter *writer, GString *text); /* unless it is ended */

/* Whether a span reaches into a second line: only then does its indentation matter, and is looked for: all of a file
 * may be one line. */
gboolean merge_has_lines(const Reading *reading, MergeSpan span);

/* The white space at the beginning of the line of a byte. The caller frees. */
char *merge_indent_at(const Reading *reading, gsize at);
