#include "lake/table_progress.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "lake/delta_rollback.h"
#include "lake/log_store.h"

namespace weir {

bool TableProgress::IsFenced(const std::string& app_id) const {
  const auto txn = state_.txns.find(app_id);
  return txn != state_.txns.end() && txn->second.version >= kFencedVersion;
}

void TableProgress::Note(const CommitSummary& summary, bool newer) {
  if (!summary.weir || IsFenced(summary.weir->app_id)) return;
  const Writer writer{*summary.weir, summary.version, summary.timestamp_ms};
  if (newer) {
    writers_.insert_or_assign(summary.weir->name, writer);
  } else {
    writers_.emplace(summary.weir->name, writer);
  }
}

absl::Status TableProgress::LookBack() {
  WEIR_ASSIGN_OR_RETURN(state_, LoadDeltaState(store_, nullptr));
  std::set<std::string> sought;  // whose newest commit isn't found yet
  for (const auto& [app_id, txn] : state_.txns) {
    // Ours are "<lineage>/<sink>"; other writers of the table have ids of their own.
    if (app_id.find('/') != std::string::npos && !IsFenced(app_id)) sought.insert(app_id);
  }
  const int64_t oldest = std::max<int64_t>(0, state_.version - kCommitsMax + 1);
  for (int64_t version = state_.version; version >= oldest && !sought.empty(); --version) {
    const absl::StatusOr<std::string> bytes = store_->Read(CommitFileName(version));
    if (absl::IsNotFound(bytes.status())) break;  // cleaned away, and all before it
    WEIR_RETURN_IF_ERROR(bytes.status());
    WEIR_ASSIGN_OR_RETURN(const CommitSummary summary, ParseCommitSummary(version, *bytes));
    Note(summary, /*newer=*/false);
    if (summary.weir) sought.erase(summary.weir->app_id);
  }
  return absl::OkStatus();
}

absl::Status TableProgress::Refresh() {
  if (state_.version < 0) return LookBack();
  WEIR_ASSIGN_OR_RETURN(const bool still_there, store_->Exists(CommitFileName(state_.version)));
  if (!still_there) {  // dropped, replaced, or cleaned while nobody looked
    writers_.clear();
    return LookBack();
  }
  while (true) {
    const int64_t next = state_.version + 1;
    const absl::StatusOr<std::string> bytes = store_->Read(CommitFileName(next));
    if (absl::IsNotFound(bytes.status())) break;
    WEIR_RETURN_IF_ERROR(bytes.status());
    WEIR_ASSIGN_OR_RETURN(const CommitSummary summary, ParseCommitSummary(next, *bytes));
    WEIR_ASSIGN_OR_RETURN(const DeltaCommit commit, ParseDeltaCommit(next, *bytes));
    Apply(commit, &state_);
    Note(summary, /*newer=*/true);
  }
  std::erase_if(writers_, [&](const auto& item) { return IsFenced(item.second.commit.app_id); });
  return absl::OkStatus();
}

EventTime TableProgress::Watermark(const std::string& job) const {
  EventTime lowest = kMaxEventTime;
  bool any = false;
  for (const auto& [name, writer] : writers_) {
    if (!job.empty() && name != job) continue;
    any = true;
    lowest = std::min(lowest, writer.commit.watermark);
  }
  return any ? lowest : kMinEventTime;
}

}  // namespace weir
