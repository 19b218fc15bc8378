# SPDX-License-Identifier: BSD-3-Clause
include(CMakePackageConfigHelpers)

install(TARGETS ${VGPIO_LIBRARIES} EXPORT virtiogpioTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/virtiogpio ${CMAKE_CURRENT_BINARY_DIR}/include/virtiogpio
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(VGPIO_BUILD_CLI)
    install(TARGETS vgpio RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    file(GLOB man_pages CONFIGURE_DEPENDS docs/man/*.1)
    install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    file(GLOB man_pages CONFIGURE_DEPENDS docs/man/*.5)
    install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
    # For a service, and for those who look for back ends. The units go where systemd does
    # not look: whoever packages this knows where that is.
    foreach(unit vgpio@.socket vgpio-control@.socket vgpio@.service)
        configure_file(src/service/${unit}.in service/${unit} @ONLY)
        install(FILES ${CMAKE_CURRENT_BINARY_DIR}/service/${unit}
            DESTINATION ${CMAKE_INSTALL_DATADIR}/libvirtiogpio/systemd)
    endforeach()
    configure_file(src/service/50-vgpio.json.in service/50-vgpio.json @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/service/50-vgpio.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/qemu/vhost-user)
    file(RELATIVE_PATH to_vgpio ${CMAKE_INSTALL_FULL_LIBEXECDIR}
        ${CMAKE_INSTALL_FULL_BINDIR}/vgpio)
    file(CREATE_LINK ${to_vgpio} ${CMAKE_CURRENT_BINARY_DIR}/service/vhost-user-gpio SYMBOLIC)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/service/vhost-user-gpio
        DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})
    install(FILES src/python/virtiogpio.py
        DESTINATION ${CMAKE_INSTALL_DATADIR}/libvirtiogpio/python)
    install(FILES completions/vgpio.bash RENAME vgpio
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

# pkg-config: an installed tree can be moved as a whole, unless libdir lies outside of it.
set(VGPIO_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" AND NOT CMAKE_INSTALL_LIBDIR MATCHES "\\.\\.")
    file(RELATIVE_PATH up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(VGPIO_PC_PREFIX "\${pcfiledir}/${up}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
        set(VGPIO_PC_${dir} "${CMAKE_INSTALL_${dir}}")
    else()
        set(VGPIO_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
configure_file(pkgconfig/libvirtiogpio.pc.in pkgconfig/libvirtiogpio.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pkgconfig/libvirtiogpio.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# CMake: find_package(virtiogpio).
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/virtiogpio)
install(EXPORT virtiogpioTargets NAMESPACE virtiogpio:: DESTINATION ${package_dir})
configure_package_config_file(cmake/virtiogpioConfig.cmake.in
    cmake/virtiogpioConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(cmake/virtiogpioConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/cmake/virtiogpioConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/cmake/virtiogpioConfigVersion.cmake
    DESTINATION ${package_dir})
