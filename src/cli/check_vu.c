/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
const struct check_test check_vu_tests[] = {{NULL, NULL, NULL, NULL, NULL, 0}};
