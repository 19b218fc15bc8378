# SPDX-License-Identifier: BSD-3-Clause
# The core, and some of the sets of src/sources.cmake alone, for two microcontrollers,
# freestanding. A missing cross compiler is a skip that is named as such.
function(vgpio_size_test name)
    foreach(cpu cortex-m0plus rv32imac)
        add_test(NAME size_${name}${cpu}
            COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/size.sh ${cpu} ${ARGN})
        set(env "VGPIO_BUILD=${PROJECT_BINARY_DIR}"
            "VGPIO_OUT=${CMAKE_CURRENT_BINARY_DIR}/size/${name}")
        set_tests_properties(size_${name}${cpu} PROPERTIES
            SKIP_RETURN_CODE 77 TIMEOUT 300 ENVIRONMENT "${env}")
    endforeach()
endfunction()

set(size_core ${VGPIO_CORE_SOURCES})
set(size_driver ${VGPIO_SOURCES_DRIVER} ${VGPIO_SOURCES_MMIO_BUS} ${VGPIO_SOURCES_SYNC})
set(size_device ${VGPIO_SOURCES_DEVICE} ${VGPIO_SOURCES_MMIO_DEV} ${VGPIO_SOURCES_SIM})
list(TRANSFORM size_core PREPEND ${PROJECT_SOURCE_DIR}/)
list(TRANSFORM size_driver PREPEND ${PROJECT_SOURCE_DIR}/src/)
list(TRANSFORM size_device PREPEND ${PROJECT_SOURCE_DIR}/src/)
vgpio_size_test("" ${size_core})
vgpio_size_test(driver_ ${size_driver})
vgpio_size_test(device_ ${size_device})
