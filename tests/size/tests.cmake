# SPDX-License-Identifier: BSD-3-Clause
# The core for two microcontrollers, freestanding. A missing cross compiler is a skip that
# is named as such.
set(size_sources ${VGPIO_CORE_SOURCES})
list(TRANSFORM size_sources PREPEND ${PROJECT_SOURCE_DIR}/)
foreach(cpu cortex-m0plus rv32imac)
    add_test(NAME size_${cpu}
        COMMAND ${CMAKE_CURRENT_LIST_DIR}/size.sh ${cpu} ${size_sources})
    set_tests_properties(size_${cpu} PROPERTIES
        SKIP_RETURN_CODE 77 TIMEOUT 300
        ENVIRONMENT "VGPIO_BUILD=${PROJECT_BINARY_DIR};VGPIO_OUT=${CMAKE_CURRENT_BINARY_DIR}/size")
endforeach()
