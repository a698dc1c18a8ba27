# Install rules: headers, one export file per component, the CMake package, the pkg-config file, the licence.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(cppo_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/cppo")
set(cppo_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(TARGETS cppo_cppo EXPORT cppo-targets FILE_SET core FILE_SET device)
install(TARGETS cppo_simd EXPORT cppo-simd-targets FILE_SET simd)
install(TARGETS cppo_eigen EXPORT cppo-eigen-targets FILE_SET eigen)
set(export_sets cppo-targets cppo-simd-targets cppo-eigen-targets)
if(TARGET cppo_c)
  # A component of its own, so that a package of another language can take these files alone.
  install(TARGETS ${cppo_c_targets} EXPORT cppo-c-targets
          LIBRARY COMPONENT c_library NAMELINK_COMPONENT c_development FILE_SET c COMPONENT c_development)
  list(APPEND export_sets cppo-c-targets)
endif()
foreach(set IN LISTS export_sets)
  install(EXPORT ${set} NAMESPACE cppo:: DESTINATION "${cppo_package_dir}")
endforeach()

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/cppo-config.cmake.in" "${PROJECT_BINARY_DIR}/cppo-config.cmake"
  INSTALL_DESTINATION "${cppo_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cppo-config-version.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/cppo-config.cmake" "${PROJECT_BINARY_DIR}/cppo-config-version.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/cppo_dependencies.cmake"
        DESTINATION "${cppo_package_dir}")

# The prefix is taken from the place of the .pc file, so that an installed tree may be moved.
file(RELATIVE_PATH cppo_pc_to_prefix "/prefix/${cppo_pkgconfig_dir}" "/prefix")
string(REGEX REPLACE "/$" "" cppo_pc_to_prefix "${cppo_pc_to_prefix}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(cppo_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(cppo_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/cppo.pc.in" "${PROJECT_BINARY_DIR}/cppo.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cppo.pc" DESTINATION "${cppo_pkgconfig_dir}")

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
