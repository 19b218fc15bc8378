# SPDX-License-Identifier: BSD-3-Clause
# The command as users run it: test_X.c and X.sh become the ctest "cli_X".
file(GLOB cli_programs CONFIGURE_DEPENDS cli/test_*.c)
foreach(file ${cli_programs})
    get_filename_component(stem ${file} NAME_WE)
    string(REPLACE test_ cli_ name ${stem})
    vgpio_test_program(${name} ${file} cli/server_run.c cli/tool_run.c
        $<TARGET_OBJECTS:vgpio_test_support>)
    target_compile_definitions(${name} PRIVATE VGPIO_PATH="$<TARGET_FILE:vgpio>")
    target_link_libraries(${name} PRIVATE PkgConfig::cmocka)
    add_dependencies(${name} vgpio)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endforeach()

file(GLOB cli_scripts CONFIGURE_DEPENDS cli/*.sh)
foreach(file ${cli_scripts})
    get_filename_component(stem ${file} NAME_WE)
    add_test(NAME cli_${stem} COMMAND sh ${file} $<TARGET_FILE:vgpio>)
    set_tests_properties(cli_${stem} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
endforeach()

# The driver that `vgpio trap` is tried with.
vgpio_test_program(trap_driver cli/trap_driver.c)
set_tests_properties(cli_trap PROPERTIES TIMEOUT 600 ENVIRONMENT
    "TRAP_DRIVER=$<TARGET_FILE:trap_driver>")
