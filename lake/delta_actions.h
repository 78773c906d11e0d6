// Actions of a Delta log as values, and one commit file as text.
// Format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md, "Actions". Unknown actions and
// fields are ignored, as the protocol asks.
#ifndef WEIR_LAKE_DELTA_ACTIONS_H_
#define WEIR_LAKE_DELTA_ACTIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

struct DeltaProtocol {
  int min_reader_version = 1;
  int min_writer_version = 2;
  // Present from reader version 3 and writer version 7 on.
  std::optional<std::vector<std::string>> reader_features, writer_features;
  friend bool operator==(const DeltaProtocol&, const DeltaProtocol&) = default;
};

struct DeltaMetadata {
  std::string id;
  std::optional<std::string> name, description;
  std::string format_provider = "parquet";
  std::map<std::string, std::string> format_options;
  std::string schema;  // JSON, see lake/delta_schema.h
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;
  std::optional<int64_t> created_ms;
  friend bool operator==(const DeltaMetadata&, const DeltaMetadata&) = default;
};

struct DeltaTxn {
  std::string app_id;
  int64_t version = 0;
  std::optional<int64_t> last_updated_ms;
  friend bool operator==(const DeltaTxn&, const DeltaTxn&) = default;
};

struct DeltaDomain {
  std::string name;
  std::string configuration;
  bool removed = false;
  friend bool operator==(const DeltaDomain&, const DeltaDomain&) = default;
};

// An `add` or `remove`, kept as the text it was written in: deletion vectors, tags and what else
// belongs to the file survive a checkpoint of ours.
struct DeltaFileAction {
  bool add = true;
  std::string path;                // as in the log, percent-encoded
  std::string deletion_vector_id;  // empty without one; part of the file's identity
  std::string json;                // the object inside {"add": ...}
};

struct DeltaCommitInfo {
  std::string operation;
  std::string txn_id;                          // unique per attempt; empty when not given
  std::optional<int64_t> in_commit_timestamp;  // milliseconds
};

// The content of one <version>.json.
struct DeltaCommit {
  int64_t version = -1;
  std::optional<DeltaCommitInfo> info;
  std::optional<DeltaProtocol> protocol;
  std::optional<DeltaMetadata> metadata;
  std::vector<DeltaTxn> txns;
  std::vector<DeltaDomain> domains;
  std::vector<DeltaFileAction> files;
};

// DATA_LOSS naming version and line when a line isn't an action: no JSON object, an action of ours
// without its fields, text that isn't UTF-8, a number beyond 64 bits, more than 1,024 levels. Of
// fields named alike the last one counts.
absl::StatusOr<DeltaCommit> ParseDeltaCommit(int64_t version, std::string_view bytes);

// Whether `text` may stand in a commit file as an object, as far as the parser above goes.
bool IsJsonObject(std::string_view text);

// Each as one line of a commit file, without the newline.
std::string FormatDeltaAction(const DeltaProtocol& protocol);
std::string FormatDeltaAction(const DeltaMetadata& metadata);
std::string FormatDeltaAction(const DeltaTxn& txn);

// From the object inside the action, as JSON text: the way back from a checkpoint.
absl::StatusOr<DeltaProtocol> ParseDeltaProtocol(std::string_view json);
absl::StatusOr<DeltaMetadata> ParseDeltaMetadata(std::string_view json);
absl::StatusOr<DeltaTxn> ParseDeltaTxn(std::string_view json);
absl::StatusOr<DeltaDomain> ParseDeltaDomain(std::string_view json);
absl::StatusOr<DeltaFileAction> ParseDeltaFileAction(bool add, std::string_view json);

// `path` as a relative URI: all but unreserved characters and '/' percent-encoded.
std::string PercentEncodePath(std::string_view path);
// The way back; a '%' that isn't followed by two hexadecimal digits stays.
std::string PercentDecodePath(std::string_view uri);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_ACTIONS_H_
