/* SPDX-License-Identifier: Apache-2.0 */
/* What the drivers of sources share. */
#pragma once

#include "parts/source/source.h"

#define SOURCE_INDEX_NAME "releases.json"
#define SOURCE_SIGNATURE_SUFFIX ".minisig"
#define SOURCE_SIGNATURE_MAX (16 * 1024) /* bytes; minisign's longest comments make it 10 KiB */

extern const SourceDriver source_folder, source_http, source_https, source_git, source_sftp, source_repository;

/* An unlinked file in memory. -1 on failure. */
int source_memory(const char *name, GError **error);

/* Fills `bytes` from memory. */
gboolean source_bytes_fill(SourceBytes *bytes, const char *name, const char *content, gsize size, GError **error);
