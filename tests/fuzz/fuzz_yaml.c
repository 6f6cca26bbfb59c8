/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the YAML reader. */
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    check_document(DOCUMENT_YAML, bytes, size);
    return 0;
}
