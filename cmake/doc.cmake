# SPDX-License-Identifier: BSD-3-Clause
find_program(DOXYGEN doxygen)
if(DOXYGEN)
    configure_file(docs/Doxyfile.in Doxyfile @ONLY)
    add_custom_target(doc
        COMMAND ${DOXYGEN} ${CMAKE_CURRENT_BINARY_DIR}/Doxyfile
        COMMENT "Reference manual: ${CMAKE_CURRENT_BINARY_DIR}/html/index.html"
        VERBATIM)
endif()
