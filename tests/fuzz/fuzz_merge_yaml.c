/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the merging of YAML. */
#include "fuzz_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_merge("yaml", data, size);
    return 0;
}
