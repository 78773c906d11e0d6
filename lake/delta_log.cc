#include "lake/delta_log.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "lake/log_store.h"
#include "lake/parquet_checkpoint.h"

namespace weir {
namespace {

// "00000000000000000007" → 7; -1 when it isn't such a number.
int64_t ParseVersion(std::string_view digits) {
  int64_t version = -1;
  const bool all_digits =
      digits.size() == 20 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return all_digits && absl::SimpleAtoi(AbslView(digits), &version) ? version : -1;
}

// Parts seen of checkpoints, by (version, number of parts); 1 part also stands for the plain name.
using Parts = std::map<std::pair<int64_t, int>, std::set<std::string>>;

// <version>.checkpoint.<part>.<parts>.parquet: both numbers have ten digits, so that the set sorts
// parts in order.
void AddMultiPart(int64_t version, const std::vector<std::string>& words, const std::string& name,
                  Parts* parts) {
  int part = 0, count = 0;
  if (absl::SimpleAtoi(words[2], &part) && absl::SimpleAtoi(words[3], &count) && part >= 1 &&
      part <= count)
    (*parts)[{version, count}].insert(name);
}

void AddName(const std::string& name, LogListing* listing, Parts* parts) {
  const std::vector<std::string> words = absl::StrSplit(name, '.');
  const int64_t version = ParseVersion(words[0]);
  if (version < 0) return;
  if (words.size() == 2 && words[1] == "json") listing->commits.push_back(version);
  if (words.size() < 3 || words[1] != "checkpoint") return;
  const std::string& extension = words.back();
  if (words.size() == 3 && extension == "parquet") (*parts)[{version, 1}].insert(name);
  if (words.size() == 5 && extension == "parquet") AddMultiPart(version, words, name, parts);
  if (words.size() == 4 && (extension == "parquet" || extension == "json"))
    listing->v2_checkpoint = std::max(listing->v2_checkpoint, version);
}

absl::Status NoStart(const LogListing& listing) {
  if (listing.v2_checkpoint >= 0)
    return absl::FailedPreconditionError(absl::StrCat(
        "the table's log starts from checkpoint ", listing.v2_checkpoint,
        " of the v2 kind (feature v2Checkpoint): set delta.checkpointPolicy to 'classic' and drop "
        "the feature, or write to another table"));
  return absl::DataLossError(absl::StrCat("the Delta log begins at version ",
                                          listing.commits.front(),
                                          " and has no complete checkpoint to start from"));
}

// Only a timestamp of the newest commit matters, and a checkpoint doesn't carry one.
absl::Status ReadMissingTimestamp(LogStore* store, DeltaState* state) {
  if (state->in_commit_timestamp || !state->protocol.writer_features) return absl::OkStatus();
  const absl::StatusOr<DeltaCommit> commit = ReadDeltaCommit(store, state->version);
  if (absl::IsNotFound(commit.status())) return absl::OkStatus();
  WEIR_RETURN_IF_ERROR(commit.status());
  if (commit->info) state->in_commit_timestamp = commit->info->in_commit_timestamp;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DeltaState> LoadDeltaCheckpoint(LogStore* store, const CheckpointFiles& checkpoint) {
  DeltaState state;
  for (const std::string& name : checkpoint.names) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, store->Read(name));
    if (absl::Status status = ReadCheckpointState(bytes, &state); !status.ok())
      return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
  }
  state.version = checkpoint.version;
  return state;
}

absl::StatusOr<DeltaCommit> ReadDeltaCommit(LogStore* store, int64_t version) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, store->Read(CommitFileName(version)));
  return ParseDeltaCommit(version, bytes);
}

void Apply(const DeltaCommit& commit, DeltaState* state) {
  WEIR_CHECK(commit.version == state->version + 1, commit.version, " after ", state->version);
  state->version = commit.version;
  if (commit.protocol) state->protocol = *commit.protocol;
  if (commit.metadata) state->metadata = *commit.metadata;
  for (const DeltaTxn& txn : commit.txns) state->txns[txn.app_id] = txn;
  for (const DeltaDomain& domain : commit.domains) {
    if (domain.removed)
      state->domains.erase(domain.name);
    else
      state->domains[domain.name] = domain;
  }
  state->in_commit_timestamp = std::nullopt;
  if (commit.info) state->in_commit_timestamp = commit.info->in_commit_timestamp;
}

std::string CommitFileName(int64_t version) {
  return absl::StrCat(absl::Dec(version, absl::kZeroPad20), ".json");
}

std::string CheckpointFileName(int64_t version) {
  return absl::StrFormat("%020d.checkpoint.parquet", version);
}

LogListing ParseListing(const std::vector<std::string>& names) {
  LogListing listing;
  Parts parts;
  for (const std::string& name : names) AddName(name, &listing, &parts);
  std::sort(listing.commits.begin(), listing.commits.end());
  for (const auto& [key, found] : parts) {
    const auto [version, count] = key;
    if (static_cast<int>(found.size()) != count) continue;
    // The map sorts by version first, so a second complete set of one version just replaces.
    if (!listing.checkpoints.empty() && listing.checkpoints.back().version == version)
      listing.checkpoints.pop_back();
    listing.checkpoints.push_back({version, {found.begin(), found.end()}});
  }
  return listing;
}

int64_t ReadLastCheckpointHint(LogStore* store) {
  const absl::StatusOr<std::string> text = store->Read(kLastCheckpointName);
  if (!text.ok()) return -1;
  const nlohmann::json hint = nlohmann::json::parse(*text, nullptr, false);
  if (!hint.is_object()) return -1;
  const auto version = hint.find("version");
  if (version == hint.end() || !version->is_number_integer()) return -1;
  return version->get<int64_t>();
}

absl::StatusOr<LogListing> ListLog(LogStore* store) {
  const int64_t hint = ReadLastCheckpointHint(store);
  if (hint >= 0) {
    WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          store->List(absl::StrFormat("%020d", hint)));
    LogListing listing = ParseListing(names);
    if (!listing.checkpoints.empty()) return listing;
  }
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, store->List(""));
  return ParseListing(names);
}

absl::StatusOr<DeltaState> LoadDeltaState(LogStore* store, int64_t* checkpoint_version) {
  WEIR_ASSIGN_OR_RETURN(const LogListing listing, ListLog(store));
  if (listing.commits.empty() && listing.checkpoints.empty())
    return absl::NotFoundError("there is no Delta log");
  DeltaState state;
  if (!listing.checkpoints.empty()) {
    WEIR_ASSIGN_OR_RETURN(state, LoadDeltaCheckpoint(store, listing.checkpoints.back()));
  } else if (listing.commits.front() != 0) {
    return NoStart(listing);
  }
  if (checkpoint_version != nullptr) *checkpoint_version = state.version;
  for (const int64_t version : listing.commits) {
    if (version <= state.version) continue;
    if (version != state.version + 1)
      return absl::DataLossError(
          absl::StrCat("version ", state.version + 1, " is missing in the Delta log"));
    WEIR_ASSIGN_OR_RETURN(const DeltaCommit commit, ReadDeltaCommit(store, version));
    Apply(commit, &state);
  }
  if (state.metadata.id.empty())
    return absl::DataLossError("the Delta log holds no metaData action");
  WEIR_RETURN_IF_ERROR(ReadMissingTimestamp(store, &state));
  return state;
}

absl::Status AdvanceDeltaState(LogStore* store, bool look_around,
                               const std::function<absl::Status(const DeltaCommit&)>& seen,
                               DeltaState* state) {
  WEIR_ASSIGN_OR_RETURN(const bool still_there, store->Exists(CommitFileName(state->version)));
  if (!still_there)
    return absl::FailedPreconditionError(
        absl::StrCat("version ", state->version,
                     " is gone from the Delta log: the table was dropped, replaced or cleaned"));
  while (true) {
    absl::StatusOr<DeltaCommit> commit = ReadDeltaCommit(store, state->version + 1);
    if (absl::IsNotFound(commit.status())) break;
    WEIR_RETURN_IF_ERROR(commit.status());
    WEIR_RETURN_IF_ERROR(seen(*commit));
    Apply(*commit, state);
  }
  if (!look_around) return absl::OkStatus();
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                        store->List(CommitFileName(state->version)));
  const LogListing listing = ParseListing(names);
  // One more may have come since; what counts is a hole before it.
  if (listing.commits.empty() || listing.commits.front() == state->version + 1)
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("version ", state->version + 1, " is gone from the Delta log, which goes on at ",
                   listing.commits.front(), ": start again from its checkpoint"));
}

}  // namespace weir
