// Tables in memory behind TableCommitter, with answers that can be planned to go wrong.
#ifndef WEIR_TESTS_FAKES_FAKE_TABLES_H_
#define WEIR_TESTS_FAKES_FAKE_TABLES_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
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
    bool undone = false;
  };
  // As TableCommitter::Rollback, except that what an undone rollback took out doesn't come back.
  struct Undo {
    std::string app_id;
    int64_t keep = 0;
  };
  struct Undone {
    bool already_there = false;
    int64_t files = 0;
    std::vector<std::optional<int64_t>> kept;
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
  Undone RollBack(const std::string& path, const std::vector<Undo>& undo, Commit commit,
                  bool check_only) {
    absl::MutexLock lock(&mutex_);
    Table& table = tables_[path];
    Undone out;
    const auto stored = table.app_versions.find(commit.app_id);
    out.already_there = stored != table.app_versions.end() && stored->second >= commit.version;
    if (out.already_there) return out;
    for (const Undo& one : undo) {
      std::optional<int64_t>& kept = out.kept.emplace_back();
      for (Commit& old : table.commits) {
        if (old.app_id != one.app_id || old.undone) continue;
        if (old.version <= one.keep) {
          kept = std::max(kept.value_or(0), old.version);
          continue;
        }
        out.files += static_cast<int64_t>(old.files.size());
        if (!check_only) old.undone = true;
      }
      if (!check_only) table.app_versions[one.app_id] = std::numeric_limits<int64_t>::max();
    }
    if (check_only) return out;
    table.app_versions[commit.app_id] = commit.version;
    table.commits.push_back(std::move(commit));
    return out;
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
