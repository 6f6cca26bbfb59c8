/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/offer.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/policy.h"

#include <string.h>
#include <unistd.h>

#define RECORD "offer.json"
#define RECORD_LIMIT (256 * 1024)

static Node *record_read(const Place *place)
{
    g_autofree char *path = g_build_filename(place->state, RECORD, NULL), *bytes = NULL;
    gsize size = 0;
    Node *node = NULL;
    if (g_file_get_contents(path, &bytes, &size, NULL) && size <= RECORD_LIMIT)
        node = document_parse(DOCUMENT_JSON, bytes, size, RECORD, FAULT_STATE, NULL);
    if (node && node->kind == NODE_MAP)
        return node;
    node_free(node);
    return node_new_map();
}

static void record_write(const Place *place, const Node *record)
{
    g_autofree char *json = node_to_json(record, 0);
    if (strlen(json) > RECORD_LIMIT || !fs_make_path(place->state, 0755, NULL))
        return;
    fs_fd int fd = fs_open_dir(place->state, NULL);
    if (fd >= 0)
        fs_write_atomic(fd, RECORD, json, strlen(json), 0600, NULL);
}

static void set_now(Node *record, const char *key)
{
    g_autofree char *now = clock_format(clock_now_s());
    node_set_text(record, key, now);
}

static Node *texts_of(const GPtrArray *objections)
{
    Node *list = node_new_list();
    for (guint i = 0; i < objections->len; i++)
        node_append(list, node_new_scalar(SCALAR_STRING, ((const Objection *)g_ptr_array_index(objections, i))->text));
    return list;
}

void offer_found(const Place *place, const char *installed, const Release *release, const GPtrArray *objections)
{
    g_autoptr(Node) record = node_new_map();
    node_set_text(record, "installed", installed);
    node_set_text(record, "offered", release ? release->version + (release->version[0] == 'v') : NULL);
    node_set_text(record, "changelog", release ? release->changelog : NULL);
    node_set_text(record, "severity", release ? release->severity : NULL);
    node_set(record, "passed_over", texts_of(objections));
    set_now(record, "checked_at");
    record_write(place, record);
}

void offer_not_found(const Place *place, const GError *why)
{
    g_autoptr(Node) record = record_read(place);
    g_autofree char *text = fault_text(why);
    set_now(record, "check_failed_at");
    node_set_text(record, "check_error", text);
    record_write(place, record);
}

static void offer_nothing(Node *record)
{
    static const char *const keys[] = {"offered", "changelog", "severity"};
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        node_set_text(record, keys[i], NULL);
}

void offer_spoil(const Place *place, const char *version)
{
    g_autoptr(Node) record = record_read(place);
    if (g_strcmp0(node_get_text(record, "offered", NULL), version) != 0)
        return;
    offer_nothing(record);
    record_write(place, record);
}

void offer_retire(const Place *place)
{
    g_autofree char *path = g_build_filename(place->state, RECORD, NULL);
    unlink(path);
}

static Node *texts_again(const Node *list)
{
    Node *texts = node_new_list();
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        const Node *text = g_ptr_array_index(list->items, i);
        if (text->kind == NODE_SCALAR)
            node_append(texts, node_new_scalar(SCALAR_STRING, text->text));
    }
    return texts;
}

static void set_age(Node *node)
{
    gint64 checked_s = 0;
    if (clock_parse(node_get_text(node, "checked_at", ""), &checked_s))
        node_set_int(node, "checked_age_s", MAX(clock_now_s() - checked_s, 0));
    else
        node_set_text(node, "checked_age_s", NULL);
}

void offer_tell(Node *map, const Place *place, const char *installed, OfferReader reader)
{
    static const char *const keys[] = {"offered",    "changelog",       "severity",
                                       "checked_at", "check_failed_at", "check_error"};
    g_autoptr(Node) record = record_read(place);
    gboolean holds = g_strcmp0(node_get_text(record, "installed", NULL), installed) == 0;
    if (!holds)
        offer_nothing(record);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        node_set_text(map, keys[i], node_get_text(record, keys[i], NULL));
    if (reader == OFFER_FOR_ALL)
        return;
    node_set(map, "passed_over", texts_again(holds ? node_get(record, "passed_over") : NULL));
    set_age(map);
}
