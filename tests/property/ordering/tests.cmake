# SPDX-License-Identifier: BSD-3-Clause
# The ring engine compiled a second time, with a port of this test's own. The short form
# runs everywhere; scripts/test.sh runs the long one once.
set(ordering_src ${PROJECT_SOURCE_DIR}/src)
add_executable(property_ordering
    ${CMAKE_CURRENT_LIST_DIR}/main.c ${CMAKE_CURRENT_LIST_DIR}/litmus.c
    ${CMAKE_CURRENT_LIST_DIR}/model.c ${CMAKE_CURRENT_LIST_DIR}/state.c
    ${CMAKE_CURRENT_LIST_DIR}/explore.c
    ${CMAKE_CURRENT_LIST_DIR}/sides.c ${CMAKE_CURRENT_LIST_DIR}/mutant.c
    ${CMAKE_CURRENT_LIST_DIR}/devq_split_mutable.c
    ${CMAKE_CURRENT_LIST_DIR}/devq_packed_mutable.c
    ${CMAKE_CURRENT_LIST_DIR}/devq_fast_mutable.c
    ${CMAKE_CURRENT_LIST_DIR}/drvq_fast_mutable.c
    ${CMAKE_CURRENT_LIST_DIR}/drvq_split_mutable.c
    ${CMAKE_CURRENT_LIST_DIR}/drvq_packed_mutable.c
    ${ordering_src}/devq.c ${ordering_src}/drvq.c ${ordering_src}/mem.c)
set_target_properties(property_ordering PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_include_directories(property_ordering PRIVATE
    ${CMAKE_CURRENT_LIST_DIR} ${ordering_src}
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
target_compile_definitions(property_ordering PRIVATE VGPIO_PORT_FILE="port_model.h")
# It visits millions of states in every build, and is no measure of what tests cover.
target_compile_options(property_ordering PRIVATE
    -O2 -fno-profile-arcs -fno-test-coverage)
# Sanitizers are for the engine: what visits the states takes nearly all of the time.
set_source_files_properties(
    ${CMAKE_CURRENT_LIST_DIR}/model.c ${CMAKE_CURRENT_LIST_DIR}/state.c
    ${CMAKE_CURRENT_LIST_DIR}/explore.c
    PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
target_link_libraries(property_ordering PRIVATE vgpio_warnings)
add_test(NAME property_ordering COMMAND property_ordering)
set_tests_properties(property_ordering PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
