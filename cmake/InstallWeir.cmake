# `cmake --install build/release --prefix DIR`: bin/weir, and beside it in lib/weir the Arrow libraries when they came from
# the wheel, found by the binary through a relative path.
include(GNUInstallDirs)
set_target_properties(weir PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/weir")
install(TARGETS weir RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
get_property(weir_wheel_libraries GLOBAL PROPERTY WEIR_WHEEL_LIBRARIES)
if(weir_wheel_libraries)
  install(FILES ${weir_wheel_libraries} DESTINATION lib/weir)
endif()
