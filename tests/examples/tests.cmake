# SPDX-License-Identifier: BSD-3-Clause
# Examples that need somebody to talk to; the others check themselves (examples/).
vgpio_test_program(drive_vhost_user_daemon
    examples/test_vhost_user_daemon.c $<TARGET_OBJECTS:vgpio_test_support>)
target_compile_definitions(drive_vhost_user_daemon PRIVATE
    EXAMPLE_PATH="$<TARGET_FILE:example_vhost_user_daemon>")
target_link_libraries(drive_vhost_user_daemon PRIVATE PkgConfig::cmocka)
add_dependencies(drive_vhost_user_daemon example_vhost_user_daemon)
add_test(NAME example_vhost_user_daemon COMMAND drive_vhost_user_daemon)
set_tests_properties(example_vhost_user_daemon PROPERTIES TIMEOUT 600)

if(TARGET example_front_end AND TARGET vgpio)
    add_test(NAME example_front_end
        COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/front_end.sh $<TARGET_FILE:example_front_end>
            $<TARGET_FILE:vgpio> $<TARGET_FILE:vgpio-ctl>)
    set_tests_properties(example_front_end PROPERTIES TIMEOUT 600)
endif()
