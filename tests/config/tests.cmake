# SPDX-License-Identifier: BSD-3-Clause
# One build without each option, and one without any: no warning, and what is left works.
foreach(opt EVENT_IDX INDIRECT IRQ NAMES TRACE ALL)
    string(TOLOWER config_no_${opt} name)
    add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/run.sh ${opt})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600
        ENVIRONMENT "VGPIO_OUT=${CMAKE_CURRENT_BINARY_DIR}/config;CC=${CMAKE_C_COMPILER}")
endforeach()
