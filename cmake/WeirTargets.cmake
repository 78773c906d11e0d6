# weir_library(<name> DIRS <dir>... [EXCLUDE <file>...] [PUBLIC <target>...] [PRIVATE <target>...])
# The library weir_<name> of all *.cc directly in the given folders. PRIVATE libraries are seen by this folder's sources
# only: that is what keeps a third-party header from spreading.
function(weir_library name)
  cmake_parse_arguments(arg "" "" "DIRS;EXCLUDE;PUBLIC;PRIVATE" ${ARGN})
  weir_glob(sources ${arg_DIRS})
  list(TRANSFORM arg_EXCLUDE PREPEND ${CMAKE_SOURCE_DIR}/)
  list(REMOVE_ITEM sources ${arg_EXCLUDE} "")
  if(NOT sources)
    add_library(weir_${name} INTERFACE)
    target_link_libraries(weir_${name} INTERFACE ${arg_PUBLIC})
    target_include_directories(weir_${name} INTERFACE ${CMAKE_SOURCE_DIR})
    return()
  endif()
  add_library(weir_${name} STATIC ${sources})
  target_include_directories(weir_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(weir_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} weir_warnings)
endfunction()

# All *.cc directly in each of the folders. CONFIGURE_DEPENDS: ninja looks for new and removed files on every run.
function(weir_glob out)
  set(patterns ${ARGN})
  list(TRANSFORM patterns REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/\\1/*.cc")
  file(GLOB found CONFIGURE_DEPENDS ${patterns})
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# weir_proto_library(<target>): messages and gRPC stubs of proto/weir/v1, included as "weir/v1/<name>.pb.h", and the
# google/rpc error messages they carry. Generated code lives in the build tree and is not held to our warnings.
function(weir_proto_library target)
  set(out ${CMAKE_BINARY_DIR}/gen)
  set(google google/rpc/code.proto google/rpc/status.proto google/rpc/error_details.proto)
  file(GLOB ours CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/proto ${CMAKE_SOURCE_DIR}/proto/weir/v1/*.proto)
  find_program(WEIR_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
  file(MAKE_DIRECTORY ${out})
  list(TRANSFORM ours PREPEND ${CMAKE_SOURCE_DIR}/proto/ OUTPUT_VARIABLE our_files)
  foreach(proto ${google} ${ours})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(options --cpp_out=${out})
    set(depends ${our_files})
    if(proto IN_LIST google)
      set(depends ${WEIR_SITE_PACKAGES}/${proto})
    else()
      list(APPEND outputs ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      list(APPEND options --grpc_out=${out} --plugin=protoc-gen-grpc=${WEIR_GRPC_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND protobuf::protoc -I ${CMAKE_SOURCE_DIR}/proto -I ${WEIR_SITE_PACKAGES} ${options} ${proto}
      DEPENDS ${depends} protobuf::protoc
      COMMENT "protoc ${proto}"
      VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  list(FILTER generated INCLUDE REGEX "\\.cc$")
  add_library(${target} STATIC ${generated})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_compile_options(${target} PRIVATE -w)
  target_link_libraries(${target} PUBLIC weir::protobuf weir::grpc)
endfunction()

# weir_unit_test(<folder> LINK <target>...): the binary unit_<folder> of tests/unit/<folder>/**/*_test.cc and of the fakes.
function(weir_unit_test folder)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${folder}/*.cc)
  weir_gtest(unit_${folder} "${sources}" ${arg_LINK})
endfunction()

# The binary `sim`: tests/sim drives the pure cores of several layers together, so it links them all.
function(weir_sim_test)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/sim/*.cc)
  weir_gtest(sim "${sources}" weir_cli)
endfunction()

function(weir_gtest target sources)
  if(NOT sources)
    return()
  endif()
  weir_fakes()
  add_executable(${target} ${sources})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE ${ARGN} weir_fakes weir::gtest_main weir_warnings)
  # Test data names the fields that matter: Expr{.kind = ..., .type = ...}. GCC takes the rest for forgotten.
  target_compile_options(${target} PRIVATE -Wno-missing-field-initializers)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  weir_sanitizer_support(${target})
endfunction()

# weir_fuzz_target(<name> LINK <target>...): the program fuzz_<name> of tests/fuzz/<name>.cc: a fuzzer with WEIR_FUZZ, else
# a replay of its corpus.
function(weir_fuzz_target name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  weir_fakes()
  add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.cc)
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(fuzz_${name} PRIVATE ${arg_LINK} weir_fakes weir_warnings)
  if(WEIR_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cc)
  endif()
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  weir_sanitizer_support(fuzz_${name})
endfunction()

# What an executable needs besides the compiler's flags in a sanitizer build.
function(weir_sanitizer_support target)
  if(WEIR_TSAN)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/tsan/absl_sync.cc)
    target_link_libraries(${target} PRIVATE weir::absl ${CMAKE_DL_LIBS})
  endif()
endfunction()

# weir_test_tool(<name> LINK <target>...): the program tests/tools/<name>.cc, which integration tests drive.
function(weir_test_tool name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  add_executable(${name} ${CMAKE_SOURCE_DIR}/tests/tools/${name}.cc)
  target_link_libraries(${name} PRIVATE ${arg_LINK} weir_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

# weir_mutants(<source>...): `weir` once more, these sources compiled with the mistakes of base/mutant.h. They come before
# the libraries, whose own objects of the same sources are then never asked for.
function(weir_mutants)
  list(TRANSFORM ARGN PREPEND ${CMAKE_SOURCE_DIR}/ OUTPUT_VARIABLE sources)
  add_executable(weir_mutants ${CMAKE_SOURCE_DIR}/tests/faults/mutant.cc ${sources})
  target_compile_definitions(weir_mutants PRIVATE WEIR_MUTANTS WEIR_VERSION="${PROJECT_VERSION}")
  target_link_libraries(weir_mutants PRIVATE weir_cli weir_proto weir::grpc weir::grpc_reflection weir::cli11
                                             weir::parquet weir::nlohmann_json weir_warnings)
  set_target_properties(weir_mutants PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  weir_sanitizer_support(weir_mutants)
endfunction()

# tests/fakes: stand-ins for the seams of base/ and model/, shared by all tests.
function(weir_fakes)
  if(TARGET weir_fakes)
    return()
  endif()
  weir_library(fakes DIRS tests/fakes PUBLIC weir_model weir_base)
endfunction()

# One benchmark binary bench_<name> per bench/<name>.cc.
function(weir_benchmarks)
  weir_glob(sources bench)
  if(NOT sources OR NOT benchmark_FOUND)
    return()
  endif()
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(bench_${name} ${source})
    target_link_libraries(bench_${name} PRIVATE weir_cli weir::rdkafka benchmark::benchmark
                                                benchmark::benchmark_main weir_warnings)
    set_target_properties(bench_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  endforeach()
endfunction()
