/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of one file, several requests at a time: each answer is held to what was asked, and to the first of them. */
#include "base/fault.h"
#include "base/http.h"
#include "base/http_inner.h"

#include <string.h>

enum { POLL_MS = 1000 };

/* --- the answer's head -------------------------------------------------------------------------------------- */

/* file_bytes: as the server says it; negative: it does not. */
static gboolean check_size(Transfer *transfer, gint64 file_bytes)
{
    guint64 expected = transfer->request->file_bytes;
    return file_bytes < 0 || (guint64)file_bytes == expected ||
           http_refuse(transfer, FAULT_SOURCE, "it has %" G_GINT64_FORMAT " bytes, and not %" G_GUINT64_FORMAT,
                       file_bytes, expected);
}

static gboolean say_changed(Transfer *transfer)
{
    return http_refuse(transfer, FAULT_SOURCE, "it changed while parts of it were fetched");
}

/* All answers are of one file, as far as the server tells its files apart. */
static gboolean check_file(Transfer *transfer)
{
    Parts *parts = transfer->parts;
    const HttpResponse *response = transfer->response;
    if (!parts->begun) {
        long version = 0;
        curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_VERSION, &version);
        parts->begun = TRUE;
        parts->shares = version >= CURL_HTTP_VERSION_2_0;
        parts->etag = g_strdup(response->etag);
        parts->last_modified = g_strdup(response->last_modified);
        return TRUE;
    }
    gboolean same = parts->etag ? g_strcmp0(parts->etag, response->etag) == 0
                                : !response->etag && g_strcmp0(parts->last_modified, response->last_modified) == 0;
    return same || say_changed(transfer);
}

static gboolean begin_range(Transfer *transfer)
{
    const Answer *answer = &transfer->answer;
    const ByteRange *part = transfer->part;
    ContentRange said;
    if (answer->several)
        return http_refuse(transfer, FAULT_SOURCE, "asked for one range, got several");
    gboolean good = answer->content_range && content_range_parse(answer->content_range, &said);
    if (good && !check_size(transfer, said.file_bytes))
        return FALSE;
    if (!good || said.range.at != part->at || said.range.size != part->size || answer->huge ||
        (answer->content_length >= 0 && (guint64)answer->content_length != part->size))
        return http_refuse(transfer, FAULT_SOURCE,
                           "asked for the bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ", got others", part->at,
                           part->at + part->size - 1);
    transfer->position = part->at;
    return check_file(transfer);
}

/* The whole file comes, of which all ranges are taken, also those that came before. */
static gboolean begin_whole(Transfer *transfer)
{
    Parts *parts = transfer->parts;
    if (transfer->answer.huge)
        return http_refuse(transfer, FAULT_SOURCE, "it has more than %" G_GUINT64_FORMAT " bytes",
                           transfer->request->file_bytes);
    if (!check_size(transfer, transfer->answer.content_length) || !check_file(transfer))
        return FALSE;
    transfer->position = 0;
    if (parts->whole) { /* another gets it already */
        transfer->enough = TRUE;
        return FALSE;
    }
    parts->whole = transfer;
    parts->done = 0;
    return TRUE;
}

gboolean http_begin_part(Transfer *transfer, int status)
{
    ContentRange said;
    const char *text = transfer->answer.content_range;
    if (status == 206)
        return begin_range(transfer);
    if (status == 200)
        return begin_whole(transfer);
    if (status == 412 && transfer->parts->begun)
        return say_changed(transfer);
    return status != 416 || !text || !content_range_parse(text, &said) || check_size(transfer, said.file_bytes);
}

/* --- its body ----------------------------------------------------------------------------------------------- */

/* Of the whole file's next bytes those that lie in a range. */
static size_t take_whole(Transfer *transfer, const char *bytes, size_t size)
{
    Parts *parts = transfer->parts;
    const HttpRequest *request = transfer->request;
    guint64 from = transfer->position, to = from + size;
    for (; parts->whole_next < request->n_ranges; parts->whole_next++) {
        const ByteRange *range = &request->ranges[parts->whole_next];
        guint64 end = range->at + range->size, first = MAX(range->at, from), behind = MIN(end, to);
        if (first >= to)
            break;
        transfer->position = first;
        if (!http_write(transfer, bytes + (first - from), behind - first))
            return 0;
        parts->done += behind - first;
        if (end > to)
            break;
    }
    transfer->position = to;
    transfer->enough = parts->whole_next == request->n_ranges; /* what follows is nobody's */
    return transfer->enough ? 0 : size;
}

size_t http_take_part(Transfer *transfer, const char *bytes, size_t size)
{
    const ByteRange *part = transfer->part;
    if (transfer == transfer->parts->whole)
        return take_whole(transfer, bytes, size);
    if (size > part->at + part->size - transfer->position) {
        http_refuse(transfer, FAULT_VERIFY, "more than the %" G_GUINT64_FORMAT " bytes that were asked for",
                    part->size);
        return 0;
    }
    if (!http_write(transfer, bytes, size))
        return 0;
    transfer->parts->done += size;
    return size;
}

gboolean http_end_part(Transfer *transfer)
{
    const ByteRange *part = transfer->part;
    if (transfer == transfer->parts->whole)
        return transfer->parts->whole_next == transfer->request->n_ranges ||
               check_size(transfer, (gint64)transfer->position);
    return transfer->response->status != 206 || transfer->position == part->at + part->size ||
           http_fail_broken(transfer);
}

/* --- requests side by side ---------------------------------------------------------------------------------- */

/* One of those under way; transfer.curl NULL: none is. */
typedef struct Slot {
    Transfer transfer;
    HttpResponse response;
} Slot;

typedef struct Pool {
    const Transfer *first; /* it found the way */
    Slot slots[HTTP_PARALLEL];
    guint next, n_busy;
    int status; /* neither 200 nor 206, or 0; after it or an error nothing else is asked */
    GError *error;
} Pool;

/* The next transfer of `multi` that has ended; NULL: none has. */
static CURL *next_ended(CURLM *multi, CURLcode *code)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            *code = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

CURLcode http_run_first(Transfer *transfer)
{
    CURLM *multi = transfer->parts->multi; /* its connections: where a redirect finds one, it is of this call */
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl_multi_add_handle(multi, transfer->curl) != CURLM_OK)
        return code;
    int running = 0;
    while (curl_multi_perform(multi, &running) == CURLM_OK && !next_ended(multi, &code) &&
           curl_multi_poll(multi, NULL, 0, POLL_MS, NULL) == CURLM_OK)
        ;
    curl_multi_remove_handle(multi, transfer->curl);
    return code;
}

static gboolean is_good(int status)
{
    return status == 200 || status == 206;
}

static void end_slot(Pool *pool, Slot *slot, CURLcode code)
{
    g_autofree char *redirect = NULL;
    Transfer *transfer = &slot->transfer;
    curl_multi_remove_handle(transfer->parts->multi, transfer->curl);
    http_exchange_end(transfer, code, &redirect);
    int status = transfer->response->status;
    if (transfer->error && !pool->error)
        pool->error = g_steal_pointer(&transfer->error);
    g_clear_error(&transfer->error);
    if (!is_good(status) && !pool->status)
        pool->status = status;
    http_answer_clear(&transfer->answer);
    http_response_clear(&slot->response);
    pool->n_busy--;
}

static void begin_slot(Pool *pool, Slot *slot)
{
    const Transfer *first = pool->first;
    slot->transfer = (Transfer){
        .request = first->request,
        .response = &slot->response,
        .shown = first->shown,
        .url = first->url,
        .host = first->host,
        .connect_ms = first->connect_ms,
        .stall_ms = first->stall_ms,
        .deadline_ms = first->deadline_ms,
        .redirected = first->redirected,
        .other_host = first->other_host,
        .origin = first->origin,
        .parts = first->parts,
        .part = &first->request->ranges[pool->next++],
    };
    if (!http_exchange_begin(&slot->transfer)) {
        pool->error = g_steal_pointer(&slot->transfer.error);
        return;
    }
    pool->n_busy++;
    if (curl_multi_add_handle(first->parts->multi, slot->transfer.curl) != CURLM_OK)
        end_slot(pool, slot, CURLE_OUT_OF_MEMORY);
}

static void drop_slot(Pool *pool, Slot *slot)
{
    slot->transfer.enough = TRUE;
    end_slot(pool, slot, CURLE_ABORTED_BY_CALLBACK);
}

static void end_ended(Pool *pool)
{
    CURLcode code = CURLE_OK;
    for (CURL *curl; (curl = next_ended(pool->first->parts->multi, &code));)
        for (guint i = 0; i < HTTP_PARALLEL; i++)
            if (pool->slots[i].transfer.curl == curl)
                end_slot(pool, &pool->slots[i], code);
}

/* Keeps all slots busy while there is something to ask for. Once the whole file comes, or all is lost, nobody else is
 * waited for. */
static void fill_slots(Pool *pool)
{
    const Parts *parts = pool->first->parts;
    gboolean lost = pool->error || pool->status;
    for (guint i = 0; i < HTTP_PARALLEL; i++) {
        Slot *slot = &pool->slots[i];
        if (slot->transfer.curl && (lost || (parts->whole && parts->whole != &slot->transfer)))
            drop_slot(pool, slot);
        else if (!slot->transfer.curl && !lost && !parts->whole && pool->next < pool->first->request->n_ranges)
            begin_slot(pool, slot);
    }
}

static void run_pool(Pool *pool)
{
    CURLM *multi = pool->first->parts->multi;
    int running = 0;
    for (fill_slots(pool); pool->n_busy; fill_slots(pool)) {
        gboolean good = curl_multi_perform(multi, &running) == CURLM_OK;
        guint n_before = pool->n_busy;
        end_ended(pool);
        if (good && pool->n_busy == n_before)
            good = curl_multi_poll(multi, NULL, 0, POLL_MS, NULL) == CURLM_OK;
        if (!good && !pool->error)
            fault_set(&pool->error, FAULT_SYSTEM, "fetch %s: out of memory", pool->first->shown);
    }
}

/* --- the request -------------------------------------------------------------------------------------------- */

static gboolean run(Transfer *first, const HttpRequest *request, HttpResponse *response)
{
    if (!http_transfer_run(first, request, response))
        return FALSE;
    if (!is_good(response->status) || first->parts->whole)
        return TRUE;
    Pool pool = {.first = first, .next = 1};
    run_pool(&pool);
    if (pool.status)
        response->status = pool.status;
    first->error = pool.error;
    return first->error == NULL;
}

gboolean http_perform_ranges(const HttpRequest *request, HttpResponse *response, GError **error)
{
    *response = (HttpResponse){.status = 0};
    Parts parts = {.multi = curl_multi_init(), .total = ranges_sum(request->ranges, request->n_ranges)};
    Transfer first = {.parts = &parts, .part = request->ranges};
    if (!parts.multi)
        return fault_set(error, FAULT_SYSTEM, "out of memory");
    curl_multi_setopt(parts.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_PARALLEL);
    gboolean done = run(&first, request, response);
    http_transfer_clear(&first, error);
    curl_multi_cleanup(parts.multi);
    g_free(parts.etag);
    g_free(parts.last_modified);
    return done;
}
