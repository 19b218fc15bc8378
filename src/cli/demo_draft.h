/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio demo --dialect draft`: the protocol from before the standard. */
#ifndef VGPIO_CLI_DEMO_DRAFT_H
#define VGPIO_CLI_DEMO_DRAFT_H

#include "bank.h"

#include <stdio.h>

/* Returns an exit code. */
int demo_draft(FILE *out, bool utf8, enum bank_dialect);

#endif /* VGPIO_CLI_DEMO_DRAFT_H */
