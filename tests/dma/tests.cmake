# SPDX-License-Identifier: BSD-3-Clause
# The driver side compiled with cache maintenance hooks; the rest comes from the library,
# whose own driver the linker then leaves out.
set(dma_sources ${VGPIO_CORE_SOURCES})
list(FILTER dma_sources INCLUDE REGEX "/(driver|drvq|mmio_bus)[a-z_]*\\.c$")
list(TRANSFORM dma_sources PREPEND ${PROJECT_SOURCE_DIR}/)
vgpio_test_program(dma_cache dma/test_cache.c ${dma_sources}
    $<TARGET_OBJECTS:vgpio_test_support>)
target_compile_definitions(dma_cache PRIVATE VGPIO_CONFIG_FILE="cache_config.h")
target_include_directories(dma_cache PRIVATE dma)
target_link_libraries(dma_cache PRIVATE PkgConfig::cmocka)
add_test(NAME dma_cache COMMAND dma_cache)
set_tests_properties(dma_cache PROPERTIES TIMEOUT 120)
