/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/sync.h>

/* 1: our answer, in *result; 0: none for now; < 0: the driver failed. */
static int drain(const struct vgpio_sync *s, const void *cookie, int *result)
{
    struct vgpio_drv_event ev;
    int n;

    while ((n = vgpio_drv_poll(s->drv, &ev)) > 0) {
        if (ev.kind == VGPIO_DONE && ev.cookie == cookie) {
            *result = ev.result;
            return 1;
        }
        if (s->on_event != NULL) {
            s->on_event(s->ctx, &ev);
        }
    }
    return n;
}

static int wait_answer(const struct vgpio_sync *s, const void *cookie, int *result)
{
    for (;;) {
        /* First, also in later rounds: the hooks may have staged something. */
        int n = vgpio_drv_flush(s->drv);

        /* Also where a hook stopped the driver: then our cookie comes back as stale. */
        if (n == 0 || n == VGPIO_ERR_STATE) {
            n = drain(s, cookie, result);
        }
        if (n == 0) {
            n = vgpio_drv_rearm(s->drv);
            if (n > 0) {
                continue;
            }
            if (n == 0 && s->wait(s->ctx) < 0) {
                n = VGPIO_ERR_TIMEOUT;
            }
        }
        if (n != 0) {
            return n;
        }
    }
}

int vgpio_sync_call(struct vgpio_sync *s, unsigned type, uint16_t line, uint32_t value)
{
    int result = 0;
    int n;

    if (s->ops_size < sizeof *s) {
        return VGPIO_ERR_ABI;
    }
    if (s->drv == NULL || s->wait == NULL) {
        return VGPIO_ERR_INVAL;
    }
    /* The address of this call's own variable: no other request has that cookie. */
    n = vgpio_drv_submit(s->drv, type, line, value, &result);
    if (n < 0) {
        return n;
    }
    n = wait_answer(s, &result, &result);
    if (n > 0) {
        return result;
    }
    (void)vgpio_drv_cancel(s->drv, &result);
    return n;
}
