/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Simulated lines, and a bus without a machine.
 */
#ifndef VIRTIOGPIO_SIM_H
#define VIRTIOGPIO_SIM_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VGPIO_PULL_DOWN = 0, VGPIO_PULL_UP = 1 };
struct vgpio_sim_line { uint32_t changes; uint8_t dir, out, pull, irq_type; };  /* OPAQUE */
struct vgpio_sim_config {
    struct vgpio_sink sink;  /* may be taken before the device's init */
    struct vgpio_sim_line *lines; uint16_t nlines;
    void (*on_change)(void *ctx, uint16_t line, unsigned level); void *ctx;  /* wiring, VCD */
};
struct vgpio_sim { uint64_t opaque[8]; };
#define vgpio_sim_init(sim, cfg) vgpio_sim_init_abi((sim), (cfg), \
    VGPIO_ABI(sizeof *(sim), sizeof *(cfg), sizeof(struct vgpio_sim_line), 0))
VGPIO_API int vgpio_sim_init_abi(struct vgpio_sim *, const struct vgpio_sim_config *, uint64_t abi);
VGPIO_API int vgpio_sim_pull(struct vgpio_sim *, uint16_t line, unsigned level);
VGPIO_API int vgpio_sim_level(const struct vgpio_sim *, uint16_t line);
extern VGPIO_API const struct vgpio_line_ops vgpio_sim_ops;  /* ctx: the sim */

struct vgpio_loop { uint64_t opaque[8]; };
#define vgpio_loop_init(l, vdev, mem) \
    vgpio_loop_init_abi((l), (vdev), (mem), VGPIO_ABI(sizeof *(l), 0, 0, 0))
VGPIO_API int vgpio_loop_init_abi(struct vgpio_loop *, struct vgpio_vdev, const struct vgpio_mem *, uint64_t);
VGPIO_API unsigned vgpio_loop_take_kicks(struct vgpio_loop *);  /* queues, returns and clears */
extern VGPIO_API const struct vgpio_bus_ops vgpio_loop_bus_ops;  /* ctx: the loop */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_SIM_H */
