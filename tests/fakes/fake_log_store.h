// A Delta log in memory that fails as told.
#ifndef WEIR_TESTS_FAKES_FAKE_LOG_STORE_H_
#define WEIR_TESTS_FAKES_FAKE_LOG_STORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lake/log_store.h"

namespace weir {

// What becomes of one PutIfAbsent.
enum class PutOutcome {
  kOrdinary,
  kLandsUnknown,  // happens, answered UNKNOWN
  kLostUnknown,   // doesn't happen, answered UNKNOWN
  kUnavailable,
  kDiskFull
};

// Files of a log, shared by the stores of several writers.
struct FakeLog {
  std::map<std::string, std::string> files;
  std::set<std::string> missing_data_files;  // all others are there
  std::deque<PutOutcome> outcomes;           // of the next puts of commits; ordinary when empty
  // Runs before each put of a commit: where another writer gets in.
  std::function<void(const std::string& name)> before_put;
  int reads = 0;
  int lists = 0;
};

class FakeLogStore : public LogStore {
 public:
  explicit FakeLogStore(FakeLog* log) : log_(log) {}

  absl::StatusOr<std::vector<std::string>> List(const std::string& after) override {
    ++log_->lists;
    std::vector<std::string> names;
    for (auto it = log_->files.upper_bound(after); it != log_->files.end(); ++it)
      names.push_back(it->first);
    return names;
  }
  absl::StatusOr<bool> Exists(const std::string& name) override {
    return log_->files.count(name) != 0;
  }
  absl::StatusOr<std::string> Read(const std::string& name) override {
    ++log_->reads;
    const auto it = log_->files.find(name);
    if (it == log_->files.end()) return absl::NotFoundError(name);
    return it->second;
  }
  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override {
    const bool is_commit = name.size() == 25;
    if (const auto hook = log_->before_put; is_commit && hook) hook(name);  // may replace itself
    PutOutcome outcome = PutOutcome::kOrdinary;
    if (is_commit && !log_->outcomes.empty()) {
      outcome = log_->outcomes.front();
      log_->outcomes.pop_front();
    }
    switch (outcome) {
      case PutOutcome::kOrdinary:
        return Put(name, bytes);
      case PutOutcome::kLandsUnknown:
        Put(name, bytes).IgnoreError();
        return absl::UnknownError("the answer was lost");
      case PutOutcome::kLostUnknown:
        return absl::UnknownError("the request was lost");
      case PutOutcome::kUnavailable:
        return absl::UnavailableError("try again");
      case PutOutcome::kDiskFull:
        return absl::ResourceExhaustedError("disk full");
    }
    return absl::InternalError("no such outcome");
  }
  absl::StatusOr<bool> DataFileExists(const std::string& path) override {
    return log_->missing_data_files.count(path) == 0;
  }
  absl::Status Replace(const std::string& name, std::string_view bytes) override {
    log_->files[name] = std::string(bytes);
    return absl::OkStatus();
  }

 private:
  absl::Status Put(const std::string& name, std::string_view bytes) {
    if (!log_->files.emplace(name, bytes).second) return absl::AlreadyExistsError(name);
    return absl::OkStatus();
  }
  FakeLog* const log_;
};

// For MakeDeltaCommitter.
inline auto OpenFake(FakeLog* log) {
  return [log]() -> absl::StatusOr<std::unique_ptr<LogStore>> {
    return std::make_unique<FakeLogStore>(log);
  };
}

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_LOG_STORE_H_
