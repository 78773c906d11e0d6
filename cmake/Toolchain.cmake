# Language level, warnings, optimisation, linker and compiler cache. Third-party headers are SYSTEM, so -Werror is about
# our own code only.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# -g1 keeps line numbers for stack traces at a tenth of the size of full debug information. Invariant checks are our own
# macros and do not depend on NDEBUG, so they stay in release builds.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g1")

add_library(weir_warnings INTERFACE)
target_compile_options(weir_warnings INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  target_compile_options(weir_warnings INTERFACE -Wthread-safety)
endif()

option(WEIR_ASAN "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(WEIR_TSAN "ThreadSanitizer" OFF)
if(WEIR_ASAN AND WEIR_TSAN)
  message(FATAL_ERROR "WEIR_ASAN and WEIR_TSAN exclude each other")
endif()
if(WEIR_ASAN)
  # vptr needs type information of the libraries in the pyarrow wheel, which are built without it.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined -fno-sanitize=vptr)
endif()
option(WEIR_FUZZ "tests/fuzz as libFuzzer targets; needs Clang" OFF)
if(WEIR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link -O1)
endif()
if(WEIR_TSAN)
  # Without optimisation GCC's flow analysis trips over the instrumentation, and the tests take several times as long.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=thread)
endif()

# Paths in debug information and in __FILE__ are relative to the repository root: builds are the same in every checkout,
# and the compiler cache is shared between worktrees.
file(RELATIVE_PATH weir_root_from_build ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
string(REGEX REPLACE "/$" "" weir_root_from_build "${weir_root_from_build}")
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${weir_root_from_build}=.)

find_program(WEIR_CCACHE ccache)
find_program(WEIR_ENV env)
if(WEIR_CCACHE AND WEIR_ENV)
  set(weir_launcher ${WEIR_ENV} CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${WEIR_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${weir_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${weir_launcher})
endif()

find_program(WEIR_MOLD mold)
if(WEIR_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,--as-needed)
# Addresses of library functions are found at the start and read-only from then on.
add_link_options(LINKER:-z,relro,-z,now)
