/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON under a signature: the strict reader, and the one form over which signatures and digests are made.
 *
 * Canonical JSON as in OLPC (also securesystemslib): keys in the order of their UTF-8 bytes, no white space, strings
 * with only '"' and '\' escaped (a newline stands as it is, so that this is not always JSON), integers in decimal.
 */
#pragma once

#include "base/document.h"

#define CANONICAL_MAX_BYTES (8 * 1024 * 1024)
#define CANONICAL_MAX_NODES 1000000
#define CANONICAL_MAX_DEPTH 32

/* Reads JSON as it came: as document_parse, and refuses floats, "-0" and integers that do not fit 64 bits. White space
 * around the value and unknown keys are good. Faults have the form "NAME:LINE:COLUMN: what is wrong". The caller
 * frees. */
Node *canonical_read(const char *bytes, gsize size, const char *name, int fault_code, GError **error);

/* Reads canonical JSON and takes nothing else: what it accepts, canonical_write gives back byte for byte. */
Node *canonical_read_exact(const char *bytes, gsize size, const char *name, int fault_code, GError **error);

/* The canonical form. Floats are a programmer's error. *size (may be NULL) without the NUL at its end. The caller
 * frees. */
char *canonical_write(const Node *node, gsize *size);
