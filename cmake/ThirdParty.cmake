# Libraries of the distribution, each behind one weir:: target, so that the lists in CMakeLists.txt name libraries and not
# how they happen to be packaged. pkg-config is used where the CMake package is missing in some Debian release.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)

function(weir_alias name)
  add_library(weir_third_party_${name} INTERFACE)
  target_link_libraries(weir_third_party_${name} INTERFACE ${ARGN})
  add_library(weir::${name} ALIAS weir_third_party_${name})
endfunction()

function(weir_pkg name module)
  pkg_check_modules(WEIR_PKG_${name} REQUIRED IMPORTED_TARGET ${module})
  weir_alias(${name} PkgConfig::WEIR_PKG_${name})
endfunction()

# For a library without any package description.
function(weir_plain name header library)
  find_path(WEIR_${name}_INCLUDE ${header} REQUIRED)
  find_library(WEIR_${name}_LIBRARY ${library} REQUIRED)
  add_library(weir_third_party_${name} INTERFACE)
  target_include_directories(weir_third_party_${name} SYSTEM INTERFACE ${WEIR_${name}_INCLUDE})
  target_link_libraries(weir_third_party_${name} INTERFACE ${WEIR_${name}_LIBRARY})
  add_library(weir::${name} ALIAS weir_third_party_${name})
endfunction()

find_package(absl REQUIRED)
weir_alias(absl
  absl::any_invocable absl::bits absl::btree absl::cleanup absl::core_headers absl::cord absl::failure_signal_handler
  absl::fixed_array absl::flat_hash_map absl::flat_hash_set absl::function_ref absl::hash absl::inlined_vector absl::int128
  absl::node_hash_map absl::node_hash_set absl::optional absl::random_random absl::span absl::stacktrace absl::status
  absl::statusor absl::str_format absl::strings absl::symbolize absl::synchronization absl::time absl::variant
  Threads::Threads)

find_package(Protobuf REQUIRED)
weir_alias(protobuf protobuf::libprotobuf)
weir_pkg(grpc grpc++)
weir_plain(grpc_reflection grpcpp/ext/proto_server_reflection_plugin.h grpc++_reflection)

find_package(CURL REQUIRED)
weir_alias(curl CURL::libcurl)
find_package(OpenSSL REQUIRED)
weir_alias(openssl OpenSSL::SSL OpenSSL::Crypto)
weir_pkg(prometheus prometheus-cpp-core)
weir_pkg(httplib cpp-httplib)

weir_pkg(rdkafka rdkafka)
weir_pkg(rocksdb rocksdb)
weir_pkg(xxhash libxxhash)
weir_pkg(zstd libzstd)
weir_pkg(re2 re2)
weir_pkg(simdjson simdjson)
# First on every link line, needed or not: the wheel's libparquet exports a simdjson of its own, and the loader calls whichever
# comes first. (Crashed: the object was laid out by the header of one version and used by the code of the other.)
add_link_options(LINKER:--push-state,--no-as-needed,-lsimdjson,-lre2,--pop-state)
# Likewise libparquet, which exports parts of another OpenSSL: whatever is named before libcrypto answers its own calls as
# well, and the mixture crashes where structures differ (a Kafka source with SSL and the system's certificates).
add_link_options(LINKER:--push-state,--no-as-needed,-lssl,-lcrypto,--pop-state)
weir_plain(roaring roaring/roaring.h roaring)
weir_plain(pg_query pg_query.h pg_query)
find_package(nlohmann_json REQUIRED)
weir_alias(nlohmann_json nlohmann_json::nlohmann_json)
find_package(CLI11 REQUIRED)
weir_alias(cli11 CLI11::CLI11)

find_package(GTest REQUIRED)
weir_alias(gtest_main GTest::gmock GTest::gtest GTest::gtest_main)
find_package(benchmark)
