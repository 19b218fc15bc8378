/* SPDX-License-Identifier: BSD-3-Clause */
/* From reset, in supervisor mode, to guest_main(); and the vectors. */

    .section .text.start, "ax"
    .global _start
_start:
    lea     stack_top, %sp
    lea     vectors, %a0
    movec   %a0, %vbr
    lea     bss_start, %a0
    move.l  #bss_end, %d0
1:  cmp.l   %a0, %d0
    jls     2f
    clr.l   (%a0)+
    jra     1b
2:  jsr     guest_main
    jsr     board_off

    /* board_irq() is C: it keeps the other registers. */
irq:
    movem.l %d0-%d1/%a0-%a1, -(%sp)
    jsr     board_irq
    movem.l (%sp)+, %d0-%d1/%a0-%a1
    rte

    /* Interrupts of level 1 to 7 are 25 to 31. */
    .balign 4
vectors:
    .rept 25
    .long   board_fault
    .endr
    .rept 7
    .long   irq
    .endr
    .rept 224
    .long   board_fault
    .endr
