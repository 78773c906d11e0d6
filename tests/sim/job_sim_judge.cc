// The judge of tests/sim/job_sim.h: reads the job's log and the tables' logs, and holds them
// against the stream.
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/job_sim.h"

namespace weir {
namespace {

constexpr char kJob[] = "activity-00000000";

// Rows found in a version: all of them, every time.
class FoundRows {
 public:
  // False when it was there already.
  bool Insert(const SimRow& row) {
    std::vector<bool>& offsets = partitions_[row.first];
    const auto offset = static_cast<size_t>(row.second);
    if (offset >= offsets.size()) offsets.resize(offset + 64);
    if (offsets[offset]) return false;
    offsets[offset] = true;
    ++size_;
    return true;
  }
  bool Contains(const SimRow& row) const {
    const auto partition = partitions_.find(row.first);
    const auto offset = static_cast<size_t>(row.second);
    return partition != partitions_.end() && offset < partition->second.size() &&
           partition->second[offset];
  }
  size_t size() const { return size_; }

 private:
  std::map<int32_t, std::vector<bool>> partitions_;
  size_t size_ = 0;
};

}  // namespace

const Manifest* JobSim::ManifestOf(int64_t epoch) {
  while (judged_records_ < epoch) {
    absl::StatusOr<std::string> bytes = absl::UnavailableError("");
    while (absl::IsUnavailable(bytes.status())) {
      bytes = store_.Get(LogRecordName(kJob, judged_records_ + 1));
    }
    if (!bytes.ok()) return nullptr;
    const absl::StatusOr<LogRecord> record = DecodeLogRecord(*bytes);
    if (!record.ok()) return nullptr;
    ++judged_records_;
    if (const auto* manifest = std::get_if<Manifest>(&record->body)) {
      manifests_[judged_records_] = *manifest;
      ++totals_->epochs;
    }
  }
  const auto it = manifests_.find(epoch);
  return it == manifests_.end() ? nullptr : &it->second;
}

void JobSim::JudgeTables() {
  SimVersion version;
  while (wrong_.empty() && windows_.ReadNext(&version)) {
    ++totals_->versions;
    for (const std::string& path : version.added) {
      for (const auto& [group, rows] : world_.window_files.at(path)) {
        if (!seen_windows_.emplace(group, rows).second) {
          Wrong(absl::StrCat("the window until ", group.window_end_us, " of key ", group.key,
                             " is there twice at epoch ", version.epoch));
        }
      }
    }
    if (version.epoch == 0) continue;
    if (version.epoch <= windows_epoch_) Wrong("epochs of the table go back");
    windows_epoch_ = version.epoch;
    JudgeWindows(version.epoch);
  }
  while (wrong_.empty() && late_.ReadNext(&version)) {
    ++totals_->versions;
    for (const std::string& path : version.added) {
      for (const SimRow& row : world_.late_files.at(path)) {
        if (!seen_late_.insert(row).second) Wrong("a late row is there twice");
      }
    }
    if (version.epoch == 0) continue;
    if (version.epoch <= late_epoch_) Wrong("epochs of the late table go back");
    late_epoch_ = version.epoch;
    JudgeLate(version.epoch);
  }
}

// Rows of the table's windows, rows published as late, and rows of open windows: together the
// prefix, each once.
void JobSim::JudgeWindows(int64_t epoch) {
  const Manifest* manifest = ManifestOf(epoch);
  if (manifest == nullptr) return Wrong(absl::StrCat("epoch ", epoch, " was never published"));
  FoundRows found;
  const auto take = [&](const SimRow& row, const char* where) {
    if (!found.Insert(row)) {
      Wrong(absl::StrCat("row ", row.first, ":", row.second, " a second time ", where, " at epoch ",
                         epoch));
    }
  };
  std::map<int, EventTime> fired;
  for (const OperatorState& state : manifest->states) {
    for (const StateFile& file : state.files) {
      const SimState& stored = world_.state_files.at(file.path);
      fired.insert(stored.fired.begin(), stored.fired.end());
      for (const auto& [group, rows] : stored.open) {
        if (EventTime{group.window_end_us} <= stored.fired.at(group.key)) {
          Wrong(absl::StrCat("an open window behind its owner's watermark at epoch ", epoch));
        }
        for (const SimRow& row : rows) take(row, "in an open window");
      }
    }
  }
  for (const auto& [key, of_key] : fired) {
    if (of_key < manifest->watermark) Wrong("an owner is behind the epoch's watermark");
  }
  for (const auto& [group, rows] : seen_windows_) {
    if (EventTime{group.window_end_us} > fired[group.key]) {
      Wrong(absl::StrCat("a window beyond its owner's watermark at epoch ", epoch));
    }
    for (const SimRow& row : rows) {
      if (world_.stream.Group(row) != group) Wrong("a row in another's window");
      take(row, "in a window");
    }
  }
  for (const auto& [published, of_epoch] : manifests_) {
    if (published > epoch) break;
    for (const StagedFile& file : of_epoch.staged) {
      const auto late = world_.late_files.find(file.path);
      if (late == world_.late_files.end()) continue;
      for (const SimRow& row : late->second) take(row, "as late");
    }
  }
  size_t expected = 0;
  for (const PartitionPosition& position : manifest->positions) {
    expected += static_cast<size_t>(position.next_offset);
    for (int64_t offset = 0; offset < position.next_offset; ++offset) {
      if (found.Contains({position.partition, offset})) continue;
      Wrong(absl::StrCat("row ", position.partition, ":", offset, " lost at epoch ", epoch));
    }
  }
  if (found.size() != expected) Wrong("rows beyond the epoch's positions");
  InsertCounters counters;  // none in the first checkpoint
  if (!manifest->counters.empty()) counters = manifest->counters.at(0);
  if (counters.read != static_cast<int64_t>(expected) ||
      counters.used + counters.late != counters.read) {
    Wrong(absl::StrCat("counters of epoch ", epoch, " don't add up"));
  }
}

void JobSim::JudgeLate(int64_t epoch) {
  if (ManifestOf(epoch) == nullptr) {
    return Wrong(absl::StrCat("epoch ", epoch, " was never published"));
  }
  size_t expected = 0;
  for (const auto& [published, manifest] : manifests_) {
    if (published > epoch) break;
    for (const StagedFile& file : manifest.staged) {
      const auto late = world_.late_files.find(file.path);
      if (late == world_.late_files.end()) continue;
      expected += late->second.size();
      for (const SimRow& row : late->second) {
        if (!seen_late_.contains(row)) Wrong(absl::StrCat("a late row is lost at epoch ", epoch));
      }
    }
  }
  if (seen_late_.size() != expected) Wrong("late rows beyond the epoch");
}

}  // namespace weir
