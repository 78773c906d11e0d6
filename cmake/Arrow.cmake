# Apache Arrow C++ and Parquet as weir::arrow and weir::parquet: an installed development package if there is one, else the
# headers and shared libraries inside the pyarrow wheel of the project's Python environment (Debian ships no Arrow). The wheel
# has only versioned library files and no CMake package, hence the hand-made targets. Its libarrow_compute is left out: it
# exports the symbols of its own RE2, which would be called instead of the one that we and gRPC were compiled against.

set(WEIR_PYTHON "" CACHE FILEPATH "Python interpreter that has pyarrow (default: .venv of the checkout)")
if(NOT WEIR_PYTHON)
  set(WEIR_PYTHON ${CMAKE_SOURCE_DIR}/.venv/bin/python)
endif()

# The environment's package directory also holds google/rpc/*.proto.
file(GLOB WEIR_SITE_PACKAGES ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages)
if(NOT WEIR_PYTHON STREQUAL ${CMAKE_SOURCE_DIR}/.venv/bin/python OR NOT WEIR_SITE_PACKAGES)
  execute_process(COMMAND ${WEIR_PYTHON} -c "import sysconfig; print(sysconfig.get_path('purelib'))"
                  OUTPUT_VARIABLE WEIR_SITE_PACKAGES OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE weir_python_result)
  if(NOT weir_python_result EQUAL 0)
    message(FATAL_ERROR "No Python environment at ${WEIR_PYTHON}: run scripts/bootstrap, or pass -DWEIR_PYTHON=...")
  endif()
endif()

find_package(Arrow QUIET)
find_package(Parquet QUIET)

if(Arrow_FOUND AND Parquet_FOUND)
  weir_alias(arrow Arrow::arrow_shared)
  weir_alias(parquet Parquet::parquet_shared Arrow::arrow_shared)
  message(STATUS "Arrow ${Arrow_VERSION} from its CMake package")
else()
  set(WEIR_PYARROW ${WEIR_SITE_PACKAGES}/pyarrow)
  function(weir_pyarrow_library name)
    file(GLOB path ${WEIR_PYARROW}/lib${name}.so.*)
    list(LENGTH path count)
    if(NOT count EQUAL 1)
      message(FATAL_ERROR "Expected one lib${name}.so.* in ${WEIR_PYARROW}, found '${path}': run scripts/bootstrap")
    endif()
    add_library(weir::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(weir::${name} PROPERTIES
      IMPORTED_LOCATION ${path}
      INTERFACE_INCLUDE_DIRECTORIES ${WEIR_PYARROW}/include
      INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${WEIR_PYARROW}/include)
    set_property(GLOBAL APPEND PROPERTY WEIR_WHEEL_LIBRARIES ${path})
    message(STATUS "Arrow: ${path}")
  endfunction()
  weir_pyarrow_library(arrow)
  weir_pyarrow_library(parquet)
  target_link_libraries(weir::parquet INTERFACE weir::arrow)
endif()
