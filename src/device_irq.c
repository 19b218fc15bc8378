/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupts: a pair at the device is "unmasked", a pair given back is "masked". */
#include "device_impl.h"

#if VGPIO_CFG_IRQ

static int is_edge_type(unsigned type)
{
    return type <= VGPIO_IRQ_EDGE_BOTH;
}

static int level_active(const struct vgpio_line *l)
{
    return (l->irq_type == VGPIO_IRQ_LEVEL_HIGH && l->level == 1) ||
           (l->irq_type == VGPIO_IRQ_LEVEL_LOW && l->level == 0);
}

/* Is there a pair that may carry an event to the guest now? */
static int unmasked(const struct vgpio_dev *dev, const struct vgpio_line *l)
{
    return (l->flags & (LINE_PARKED | LINE_RETURN | LINE_OLD)) == LINE_PARKED &&
           l->irq_type != VGPIO_IRQ_NONE && vgpio_dev_answers(dev, VGPIO_EVENTQ);
}

/* Give a pair back with its one byte of status. */
static void give_back(struct vgpio_dev *dev, struct vgpio_head head, uint64_t gpa,
                      uint8_t status)
{
    uint32_t len = 1;

    if (vgpio_mem_write(dev->q[VGPIO_EVENTQ].mem, gpa, &status, 1) != 0) {
        TRACE(dev, VGPIO_TR_CHAIN_BAD, VGPIO_EVENTQ, head.id);
        len = 0; /* the memory went away since it was seen */
    }
    vgpio_dev_push(dev, VGPIO_EVENTQ, head, len);
}

static void unpark(struct vgpio_dev *dev, uint16_t line, uint8_t status)
{
    struct vgpio_line *l = &dev->lines[line];

    l->flags &= (uint16_t) ~(LINE_PARKED | LINE_RETURN | LINE_UNMASK);
    TRACE(dev,
          status == VGPIO_IRQ_STATUS_VALID ? VGPIO_TR_IRQ_VALID : VGPIO_TR_IRQ_INVALID,
          line, l->irq_type);
    give_back(dev, l->ev_head, l->ev_gpa, status);
}

/* Do what can be done for a line's interrupt. */
void vgpio_irq_run(struct vgpio_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];
    void (*unmask)(void *, uint16_t);

    if ((l->flags & (LINE_RETURN | LINE_OLD)) == LINE_RETURN &&
        vgpio_dev_answers(dev, VGPIO_EVENTQ)) {
        unpark(dev, line, VGPIO_IRQ_STATUS_INVALID);
        return;
    }
    if (!unmasked(dev, l)) {
        return;
    }
    if ((l->flags & LINE_LATCHED) != 0 || level_active(l)) {
        l->flags &= (uint16_t)~LINE_LATCHED;
        unpark(dev, line, VGPIO_IRQ_STATUS_VALID);
    } else if ((l->flags & LINE_UNMASK) != 0) {
        l->flags &= (uint16_t)~LINE_UNMASK;
        unmask = DEV_OP(dev, unmask);
        if (unmask != NULL) {
            unmask(dev->ctx, line);
        }
    }
}

/* ---- what the guest asks for ---------------------------------------------- */

static void drop_latch(struct vgpio_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    if ((l->flags & LINE_LATCHED) != 0) {
        l->flags &= (uint16_t)~LINE_LATCHED;
        TRACE(dev, VGPIO_TR_EDGE_DROPPED, line, 1);
    }
}

/* Disable: cannot fail; the pair goes back before the answer does (GPIO-DEV-11, -13). */
void vgpio_irq_off(struct vgpio_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    drop_latch(dev, line);
    l->irq_type = VGPIO_IRQ_NONE;
    l->flags &= (uint16_t) ~(LINE_ARMING | LINE_FAILED);
    if ((l->flags & LINE_PARKED) != 0) {
        l->flags |= LINE_RETURN;
        vgpio_irq_run(dev, line);
    }
}

/* A new type is about to go to the backend: edges count for it from here on. */
void vgpio_irq_arm(struct vgpio_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    drop_latch(dev, line);
    l->irq_type = VGPIO_IRQ_NONE;
    l->level = VGPIO_LEVEL_UNKNOWN;
    l->flags = (uint16_t)((l->flags & ~LINE_FAILED) | LINE_ARMING);
}

/* The backend has answered. A refused type leaves a pair where it is: Linux posts it
 * again at once if it comes back INVALID, and nothing here could slow it down. */
void vgpio_irq_armed(struct vgpio_dev *dev, uint16_t line, unsigned type, int ok)
{
    struct vgpio_line *l = &dev->lines[line];

    if ((l->flags & LINE_ARMING) == 0) {
        return; /* refused before it reached the backend */
    }
    l->flags &= (uint16_t)~LINE_ARMING;
    if (ok) {
        l->irq_type = (uint8_t)type;
        if ((l->flags & LINE_PARKED) != 0) {
            l->flags |= LINE_UNMASK;
        }
    } else {
        drop_latch(dev, line);
        l->flags |= LINE_FAILED;
    }
}

/* ---- what the lines report ------------------------------------------------- */

static unsigned both(unsigned edges)
{
    return edges == (VGPIO_RISING | VGPIO_FALLING) ? 2u : edges != 0;
}

static PORT_NOINLINE void change_of_type(struct vgpio_dev *dev, uint16_t line,
                                         unsigned type, unsigned edges)
{
    struct vgpio_line *l = &dev->lines[line];
    unsigned matching = is_edge_type(type) ? edges & type : 0;
    unsigned merged = both(matching), others = both(edges) - merged;

    if (others != 0 && is_edge_type(type)) {
        TRACE(dev, VGPIO_TR_EDGE_DROPPED, line, others);
    }
    if (matching != 0) {
        if ((l->flags & LINE_LATCHED) == 0) {
            l->flags |= LINE_LATCHED;
            merged--;
            if (!unmasked(dev, l)) {
                TRACE(dev, VGPIO_TR_EDGE_LATCHED, line, 1);
            }
        }
        if (merged != 0) {
            TRACE(dev, VGPIO_TR_EDGE_MERGED, line, merged);
        }
    }
    if ((l->flags & LINE_PARKED) != 0) { /* else there is nothing to answer with */
        vgpio_dev_mark(dev, line);
    }
}

void vgpio_irq_change(struct vgpio_dev *dev, uint16_t line, unsigned edges,
                      unsigned level)
{
    struct vgpio_line *l = &dev->lines[line];
    unsigned type =
        (l->flags & LINE_ARMING) != 0 ? dev->reqs[l->q_first].arg : l->irq_type;

    l->level = (uint8_t)level;
    if (type != VGPIO_IRQ_NONE) {
        change_of_type(dev, line, type, edges);
    } else if (edges != 0 && l->dir != VGPIO_DIR_OUT) {
        /* Of an output nobody could have asked for one. */
        TRACE(dev, VGPIO_TR_EDGE_DROPPED, line, both(edges));
    }
}

/* ---- pairs from the ring ---------------------------------------------------- */

static void park(struct vgpio_dev *dev, uint16_t line, struct vgpio_head head,
                 uint64_t gpa)
{
    struct vgpio_line *l = &dev->lines[line];

    l->ev_head = head;
    l->ev_gpa = gpa;
    l->flags &= (uint16_t) ~(LINE_OLD | LINE_RETURN);
    l->flags |= LINE_PARKED | LINE_UNMASK;
    if (l->irq_type == VGPIO_IRQ_NONE) {
        TRACE(dev, VGPIO_TR_IRQ_HELD, line, 0);
    } else {
        TRACE(dev, VGPIO_TR_IRQ_PARKED, line, l->irq_type);
    }
    vgpio_dev_mark(dev, line);
}

/* May this line hold a pair that comes now? A pair from before a stop that nobody vouched
 * for yet yields: a guest that goes on would not have posted another. */
static int takes_pair(const struct vgpio_dev *dev, uint16_t line)
{
    const struct vgpio_line *l = &dev->lines[line];

    return (l->flags & (LINE_PARKED | LINE_OLD)) != LINE_PARKED &&
           (l->irq_type != VGPIO_IRQ_NONE || (l->flags & LINE_FAILED) != 0);
}

int vgpio_irq_pop(struct vgpio_dev *dev)
{
    struct vgpio_chain chain;
    uint8_t bytes[VGPIO_IRQ_REQUEST_SIZE];
    struct vgpio_irq_request m;
    uint64_t gpa = 0;
    uint32_t len;
    int room, err;
    int got = vgpio_devq_pop(&dev->q[VGPIO_EVENTQ], &chain);

    if (got <= 0) {
        return got;
    }
    len = vgpio_chain_read(&chain, bytes, sizeof bytes);
    room = vgpio_chain_where(&chain, &gpa) == 0;
    err = vgpio_chain_finish(&chain, NULL);
    if (err < 0) {
        return err;
    }
    vgpio_irq_request_decode(&m, bytes);
    if (!room) {
        TRACE(dev, VGPIO_TR_CHAIN_BAD, VGPIO_EVENTQ, chain.head.id);
        vgpio_dev_push(dev, VGPIO_EVENTQ, chain.head, 0);
    } else if (len == sizeof bytes && m.line < dev->ngpio && takes_pair(dev, m.line)) {
        park(dev, m.line, chain.head, gpa);
    } else {
        TRACE(dev, VGPIO_TR_IRQ_INVALID, m.line, 0);
        give_back(dev, chain.head, gpa, VGPIO_IRQ_STATUS_INVALID);
    }
    return 1;
}

/* ---- stop and resume --------------------------------------------------------- */

/* The ring is let go of: pairs wait for the verdict. */
void vgpio_irq_hold(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        dev->lines[i].flags |= LINE_OLD; /* without a pair it means nothing */
    }
}

/* The ring goes on. A level that the backend reported meanwhile, and took back, was not
 * kept: so it is asked once more. */
void vgpio_irq_mark_all(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        if ((dev->lines[i].flags & LINE_PARKED) != 0) {
            dev->lines[i].flags |= LINE_UNMASK;
            vgpio_dev_mark(dev, i);
        }
    }
}

void vgpio_irq_resume(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        dev->lines[i].flags &= (uint16_t)~LINE_OLD;
    }
    vgpio_irq_mark_all(dev);
}

/* The guest is gone, and with it what was kept for it. */
void vgpio_irq_forget(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        drop_latch(dev, i);
    }
}

/* Forget the pairs of a ring that is gone (only_old: of the ring before this one). */
void vgpio_irq_drop(struct vgpio_dev *dev, int only_old)
{
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        if (!only_old || (dev->lines[i].flags & LINE_OLD) != 0) {
            dev->lines[i].flags &=
                (uint16_t) ~(LINE_PARKED | LINE_RETURN | LINE_UNMASK | LINE_OLD);
        }
    }
}

#else /* without interrupts the eventq is never offered, and a line is never enabled */

void vgpio_irq_run(struct vgpio_dev *dev, uint16_t line)
{
    (void)dev, (void)line;
}

void vgpio_irq_off(struct vgpio_dev *dev, uint16_t line)
{
    (void)dev, (void)line;
}

void vgpio_irq_arm(struct vgpio_dev *dev, uint16_t line)
{
    (void)dev, (void)line;
}

void vgpio_irq_armed(struct vgpio_dev *dev, uint16_t line, unsigned type, int ok)
{
    (void)dev, (void)line, (void)type, (void)ok;
}

void vgpio_irq_change(struct vgpio_dev *dev, uint16_t line, unsigned edges,
                      unsigned level)
{
    (void)dev, (void)line, (void)edges, (void)level;
}

int vgpio_irq_pop(struct vgpio_dev *dev)
{
    (void)dev;
    return 0;
}

void vgpio_irq_hold(struct vgpio_dev *dev)
{
    (void)dev;
}

void vgpio_irq_mark_all(struct vgpio_dev *dev)
{
    (void)dev;
}

void vgpio_irq_resume(struct vgpio_dev *dev)
{
    (void)dev;
}

void vgpio_irq_forget(struct vgpio_dev *dev)
{
    (void)dev;
}

void vgpio_irq_drop(struct vgpio_dev *dev, int only_old)
{
    (void)dev, (void)only_old;
}

#endif /* VGPIO_CFG_IRQ */
