/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's file, with the arithmetic of rings open to mutants. */
#include "drvq_mutable.h"

#include "drvq_split.c"
