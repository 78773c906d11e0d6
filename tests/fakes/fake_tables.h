// Tables in memory behind TableCommitter, with answers that can be planned to go wrong.
#ifndef WEIR_TESTS_FAKES_FAKE_TABLES_H_
#define WEIR_TESTS_FAKES_FAKE_TABLES_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace weir {

// Stands for lake/ where a test may not include it: the test adapts it to TableCommitter.
// Thread-safe.
class FakeTables {
 public:
  struct Commit {
    std::string app_id;
    int64_t version = 0;
    std::vector<std::string> files;
    std::string info;
  };
  struct Table {
    std::vector<Commit> commits;
    std::map<std::string, int64_t> app_versions;
  };

  bool Exists(const std::string& path) {
    absl::MutexLock lock(&mutex_);
    return tables_.contains(path);
  }
  void Create(const std::string& path) {
    absl::MutexLock lock(&mutex_);
    tables_[path];
  }
  Table Get(const std::string& path) {
    absl::MutexLock lock(&mutex_);
    return tables_[path];
  }
  // False, changing nothing, when the app's stored version is not below.
  bool Add(const std::string& path, Commit commit) {
    absl::MutexLock lock(&mutex_);
    Table& table = tables_[path];
    int64_t& stored = table.app_versions[commit.app_id];
    if (stored >= commit.version) return false;
    stored = commit.version;
    table.commits.push_back(std::move(commit));
    return true;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, Table> tables_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_TABLES_H_
