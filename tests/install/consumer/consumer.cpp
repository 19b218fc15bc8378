/* SPDX-License-Identifier: BSD-3-Clause */
/* The same from C++: the headers must need no help from the user. */
#include <cstdio>

#include <virtiogpio/vhost_user.h>
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/virtiogpio.h>

int main()
{
    const vgpio_config config = {16, 32};
    uint8_t bytes[8];

    if (vgpio_version() != VGPIO_VERSION) {
        std::fprintf(stderr, "header %x, library %x\n", unsigned(VGPIO_VERSION),
                     unsigned(vgpio_version()));
        return 1;
    }
    vgpio_config_encode(bytes, &config);
    std::printf("C++: %d lines, %d bytes of names\n", bytes[0], bytes[4]);
    return bytes[0] == 16 && bytes[4] == 32 ? 0 : 1;
}
