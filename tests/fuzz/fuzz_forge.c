/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of a forge's latest release, and that of digests beside an archive. */
#include "base/digest.h"
#include "base/fault.h"
#include "model/manifest_check.h"
#include "model/version.h"
#include "parts/source/checksum.h"
#include "parts/source/forge.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* fuzz: src/parts/source/forge.c src/parts/source/checksum.c */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_release(const ForgeRelease *release)
{
    g_assert_true(version_is_valid(release->version) && version_is_ordered(release->version));
    g_assert_true(url_is_plain(release->url));
    g_assert_true(!release->sha256 || digest_is_valid(release->sha256));
    g_assert_true(!release->checksum_url || url_is_plain(release->checksum_url));
    g_assert_true(!release->signature || url_is_plain(release->signature));
    g_assert_cmpint(release->size_bytes, >=, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *digest = checksum_parse(text, "sums", "app.tar.gz", NULL);
    g_assert_true(!digest || digest_is_valid(digest));
    g_autoptr(Node) document = document_parse(DOCUMENT_JSON, (const char *)data, size, "latest", FAULT_SOURCE, NULL);
    g_auto(ForgeRelease) release = {.size_bytes = 0};
    g_autoptr(GError) error = NULL;
    if (!document)
        return 0;
    if (forge_read(document, "latest", "v*", "app-*.tar.gz", &release, &error))
        check_release(&release);
    else
        g_assert_error(error, FAULT, FAULT_SOURCE);
    return 0;
}
