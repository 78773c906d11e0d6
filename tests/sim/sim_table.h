// A Delta table of the simulation: the real committer over a log in memory, and a reader of that
// log that shares nothing with it.
#ifndef WEIR_TESTS_SIM_SIM_TABLE_H_
#define WEIR_TESTS_SIM_SIM_TABLE_H_

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/fakes/fake_log_store.h"

namespace weir {

struct SimVersion {
  int64_t epoch = 0;               // of the transaction; 0 when there is none
  std::vector<std::string> added;  // data files
};

class SimTable {
 public:
  FakeLog log;

  // The next version that nobody has read yet; false when there is none.
  bool ReadNext(SimVersion* version) {
    const auto file = log.files.find(absl::StrFormat("%020d.json", next_));
    if (file == log.files.end()) return false;
    ++next_;
    *version = {};
    std::string_view rest = file->second;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.starts_with("{\"add\"")) version->added.emplace_back(Text(line, "\"path\":\""));
      if (line.starts_with("{\"txn\"")) {
        const size_t at = line.find("\"version\":");
        version->epoch = std::strtoll(line.data() + at + 10, nullptr, 10);
      }
    }
    return true;
  }

 private:
  static std::string_view Text(std::string_view line, std::string_view key) {
    const size_t begin = line.find(key) + key.size();
    return line.substr(begin, line.find('"', begin) - begin);
  }

  int64_t next_ = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_SIM_SIM_TABLE_H_
