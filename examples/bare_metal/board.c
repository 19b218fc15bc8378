/* SPDX-License-Identifier: BSD-3-Clause */
#include "board.h"

/* An exception that nobody expects. */
void board_fault(void)
{
    const char *s = "fault\n";

    while (*s != '\0') {
        board_putc(*s++);
    }
    board_off();
}
