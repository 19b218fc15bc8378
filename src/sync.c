/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/sync.h>
