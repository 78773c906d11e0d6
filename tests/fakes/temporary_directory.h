// A fresh directory, removed with its content at the end of the test.
#ifndef WEIR_TESTS_FAKES_TEMPORARY_DIRECTORY_H_
#define WEIR_TESTS_FAKES_TEMPORARY_DIRECTORY_H_

#include <filesystem>
#include <string>

#include "base/random.h"

namespace weir {

class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_(std::filesystem::temp_directory_path() /
              ("weir-test-" + RandomHex(*SystemRandom(), 16))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string path() const { return path_.string(); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  const std::filesystem::path path_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_TEMPORARY_DIRECTORY_H_
