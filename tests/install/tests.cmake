# SPDX-License-Identifier: BSD-3-Clause
# Installs this build into a folder of its own, moves the tree, and uses it from outside.
set(install_run ${CMAKE_CURRENT_LIST_DIR}/run.sh)
set(install_env
    "VGPIO_BUILD=${PROJECT_BINARY_DIR}"
    "VGPIO_LIBDIR=${CMAKE_INSTALL_LIBDIR}"
    "VGPIO_CMAKE=${CMAKE_COMMAND}"
    "VGPIO_STAGE=${CMAKE_CURRENT_BINARY_DIR}/install"
    "CC=${CMAKE_C_COMPILER}")

add_test(NAME install_tree COMMAND ${install_run} tree)
set_tests_properties(install_tree PROPERTIES FIXTURES_SETUP install)
foreach(case cmake_shared cmake_static pkgconfig_shared pkgconfig_static headers symbols
        version subdirectory release examples pc_paths board)
    add_test(NAME install_${case} COMMAND ${install_run} ${case})
    set_tests_properties(install_${case} PROPERTIES FIXTURES_REQUIRED install)
    list(APPEND install_tests install_${case})
endforeach()
set_tests_properties(install_tree ${install_tests} PROPERTIES
    ENVIRONMENT "${install_env}" TIMEOUT 300 SKIP_RETURN_CODE 77)
