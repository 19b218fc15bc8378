/* SPDX-License-Identifier: BSD-3-Clause */
/* From reset, in a privileged mode with the MMU off, to guest_main(); and the vectors. */

    .syntax unified
    .arm
    .section .text.start, "ax"
    .global _start
_start:
    cpsid   if, #0x12           /* the stack of interrupts */
    ldr     sp, =irq_stack_top
    cpsid   if, #0x13           /* ours */
    ldr     sp, =stack_top
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0
    isb
    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
1:  cmp     r0, r1
    strlo   r2, [r0], #4
    blo     1b
    bl      guest_main
    bl      board_off

irq:
    sub     lr, lr, #4
    push    {r0-r3, ip, lr}
    bl      board_irq
    ldm     sp!, {r0-r3, ip, pc}^   /* and the state before */

    .balign 32
vectors:
    .rept 6
    b       board_fault
    .endr
    b       irq
    b       board_fault

    .bss
    .balign 8
    .skip   1024
irq_stack_top:
