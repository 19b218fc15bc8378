# SPDX-License-Identifier: BSD-3-Clause
# One build without each option, and one without any: no warning, and what is left works.
set(config_env
    "VGPIO_OUT=${CMAKE_CURRENT_BINARY_DIR}/config"
    "VGPIO_BUILD=${PROJECT_BINARY_DIR}"
    "CC=${CMAKE_C_COMPILER}")
foreach(opt ${VGPIO_OPTIONS} ALL)
    string(TOLOWER config_no_${opt} name)
    add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/run.sh ${opt})
    list(APPEND config_tests ${name})
endforeach()

# The core without CMake, with a config file of the user's.
set(config_sources ${VGPIO_CORE_SOURCES})
list(TRANSFORM config_sources PREPEND ${PROJECT_SOURCE_DIR}/)
add_test(NAME config_file COMMAND ${CMAKE_CURRENT_LIST_DIR}/foreign.sh ${config_sources})

set_tests_properties(${config_tests} config_file PROPERTIES
    TIMEOUT 600 ENVIRONMENT "${config_env}")
