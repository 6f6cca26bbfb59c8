/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that liftlock starts for itself: `liftlock inner NAME ...`. Not for people. */
#pragma once

int inner_main(int argc, char **argv);
