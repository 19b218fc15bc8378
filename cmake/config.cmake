# SPDX-License-Identifier: BSD-3-Clause
# The trimming options. They are baked into the installed config.h, so that a header and
# an archive can never disagree.
set(VGPIO_OPTIONS SPLIT PACKED EVENT_IDX INDIRECT IN_ORDER IRQ NAMES DIALECTS TRACE DIRTY MMIO_IO
    QUEUE_STOP FAST UNMAP)
foreach(opt IN LISTS VGPIO_OPTIONS)
    option(VGPIO_CFG_${opt} "build with ${opt}" ON)
endforeach()
if(NOT VGPIO_CFG_SPLIT AND NOT VGPIO_CFG_PACKED)
    message(FATAL_ERROR "VGPIO_CFG_SPLIT=OFF and VGPIO_CFG_PACKED=OFF leave no ring layout")
endif()

# A function, because the words ON and OFF become 1 and 0 in its scope only.
function(vgpio_write_config)
    foreach(opt IN LISTS VGPIO_OPTIONS)
        if(VGPIO_CFG_${opt})
            set(VGPIO_CFG_${opt} 1)
        else()
            set(VGPIO_CFG_${opt} 0)
        endif()
    endforeach()
    configure_file(include/virtiogpio/config.h.in include/virtiogpio/config.h @ONLY)
endfunction()
vgpio_write_config()
