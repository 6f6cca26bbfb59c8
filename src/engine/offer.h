/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last look at an app's source found, for whoever asks without asking the source: VAR/NAME/offer.json.
 *
 * It is remembered for the version that was live then: after an update or a rollback nothing is offered until the next
 * look. A look without an answer changes nothing of what an earlier one found; it is remembered beside it.
 */
#pragma once

#include "model/index.h"
#include "model/place.h"

#include "base/document.h"

/* After a look: `release` is what policy offers (NULL: nothing), objections (Objection *) why it passes over the
 * others. A failure to write is swallowed: the time of the last look stays what it was. */
void offer_found(const Place *place, const char *installed, const Release *release, const GPtrArray *objections);
void offer_not_found(const Place *place, const GError *why); /* a look that failed */

/* A release that was tried here and turned out bad is not offered any more. */
void offer_spoil(const Place *place, const char *version);

void offer_retire(const Place *place); /* of an app that goes */

typedef enum {
    OFFER_FOR_ALL,       /* without what may quote the release's own programs */
    OFFER_FOR_OPERATORS, /* with passed_over[], and checked_age_s (null: never) */
} OfferReader;

/* Adds to a map: offered, changelog, severity, checked_at, check_failed_at, check_error. `installed` is what is live
 * now. offered is null where nothing is, checked_at where nobody has looked, check_failed_at and check_error
 * where the last look got an answer. */
void offer_tell(Node *map, const Place *place, const char *installed, OfferReader reader);
