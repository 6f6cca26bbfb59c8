/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed document as it travels: {"signed": {...}, "signatures": [{"keyid": "...", "sig": "..."}...]} (TUF
 * specification, section 4.2). Taking it apart says nothing about who signed it: what is signed comes out as the bytes
 * that signatures are made over, to be looked into only after one of them holds (docs/decisions/030).
 */
#pragma once

#include "base/document.h"

#define ENVELOPE_MAX_SIGNATURES 256
#define ENVELOPE_MAX_KEYID_BYTES 128
#define ENVELOPE_MAX_SIG_BYTES 8192

typedef struct EnvelopeSignature {
    char *keyid, *sig; /* as they stand there; sig may be anything, also empty */
} EnvelopeSignature;

typedef struct Envelope {
    char *bytes; /* canonical form of what is signed */
    gsize size;
    GPtrArray *signatures; /* of EnvelopeSignature; no keyid twice */
} Envelope;

Envelope *envelope_new(void);
void envelope_free(Envelope *envelope);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Envelope, envelope_free)

/* FALSE, and nothing added, if that key has signed already, or it is more than the limits above. */
gboolean envelope_add(Envelope *envelope, const char *keyid, const char *sig);

/* Faults name `name` and have the given code. The caller frees. */
Envelope *envelope_read(const char *bytes, gsize size, const char *name, int fault_code, GError **error);

/* The text of a file, on one line. `content` is a map. *size (may be NULL) without the NUL at its end. The caller
 * frees. */
char *envelope_write(const Node *content, const GPtrArray *signatures, gsize *size);
