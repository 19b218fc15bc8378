/* SPDX-License-Identifier: BSD-3-Clause */
/* A C program outside the tree: header and library must agree, and both must link. */
#include <stdio.h>

#include <virtiogpio/vhost_user.h>
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/virtiogpio.h>

int main(void)
{
    const struct vgpio_request ask = {VGPIO_MSG_GET_VALUE, 3, 0};
    uint8_t bytes[8];

    if (vgpio_version() != VGPIO_VERSION) {
        fprintf(stderr, "header %x, library %x\n", (unsigned)VGPIO_VERSION,
                (unsigned)vgpio_version());
        return 1;
    }
    vgpio_request_encode(bytes, &ask);
    printf("C: GET_VALUE is %d, for line %d; 0 is \"%s\"\n", bytes[0], bytes[2],
           vgpio_strerror(0));
    return bytes[0] == 4 && bytes[2] == 3 ? 0 : 1;
}
