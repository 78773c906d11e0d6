#include "lake/delta_protocol.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr int kReaderVersionMax = 3;
constexpr int kWriterVersionMax = 7;

// Features under which a blind append of unpartitioned Parquet files is correct as we do it. Those
// that only count once a property or column uses them are checked there.
constexpr std::array<absl::string_view, 16> kKnownFeatures = {
    "appendOnly",       "invariants",          "checkConstraints",     "changeDataFeed",
    "generatedColumns", "columnMapping",       "identityColumns",      "deletionVectors",
    "timestampNtz",     "domainMetadata",      "inCommitTimestamp",    "vacuumProtocolCheck",
    "typeWidening",     "allowColumnDefaults", "checkpointProtection", "typeWidening-preview",
};

struct Refusal {
  absl::string_view name;
  absl::string_view advice;
};

constexpr absl::string_view kAnotherTable = "write to another table";

// Features with a better answer than "unknown".
constexpr std::array<Refusal, 8> kRefusedFeatures = {{
    {"rowTracking",
     "every writer must number the rows; drop the feature (ALTER TABLE ... DROP "
     "FEATURE rowTracking), or write to another table"},
    {"v2Checkpoint",
     "set delta.checkpointPolicy to 'classic' and drop the feature, or write to "
     "another table"},
    {"catalogManaged",
     "commits go through its catalog, which Weir doesn't speak; write to a table "
     "by path"},
    {"catalogOwned-preview",
     "commits go through its catalog, which Weir doesn't speak; write to a "
     "table by path"},
    {"coordinatedCommits-preview",
     "commits go through its coordinator, which Weir doesn't speak; "
     "write to a table by path"},
    {"clustering",
     "drop it (ALTER TABLE ... CLUSTER BY NONE and DROP FEATURE clustering), or "
     "write to another table"},
    {"icebergCompatV1", kAnotherTable},
    {"icebergCompatV2", kAnotherTable},
}};

// Column metadata by which a table wants expressions evaluated or values made up on write.
constexpr std::array<Refusal, 9> kRefusedColumnMetadata = {{
    {"delta.invariants", "an invariant"},
    {"delta.generationExpression", "a generated column"},
    {"delta.identity.start", "an identity column"},
    {"delta.identity.step", "an identity column"},
    {"delta.identity.highWaterMark", "an identity column"},
    {"delta.identity.allowExplicitInsert", "an identity column"},
    {"CURRENT_DEFAULT", "a column default"},
    {"__CHAR_VARCHAR_TYPE_STRING", "a CHAR or VARCHAR length"},
    {"__COLLATIONS", "a collation"},
}};

absl::Status Refuse(absl::string_view what, absl::string_view advice) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", advice));
}

absl::Status CheckFeature(const std::string& feature) {
  for (const Refusal& refusal : kRefusedFeatures)
    if (feature == refusal.name)
      return Refuse(absl::StrCat("the table has the feature ", feature), refusal.advice);
  if (std::find(kKnownFeatures.begin(), kKnownFeatures.end(), feature) != kKnownFeatures.end())
    return absl::OkStatus();
  return Refuse(
      absl::StrCat("the table has the feature ", feature, ", which this Weir doesn't know"),
      "drop the feature, write to another table, or use a newer Weir");
}

absl::Status CheckVersions(const DeltaProtocol& protocol) {
  if (protocol.min_reader_version > kReaderVersionMax ||
      protocol.min_writer_version > kWriterVersionMax)
    return Refuse(
        absl::StrCat("the table needs Delta reader version ", protocol.min_reader_version,
                     " and writer version ", protocol.min_writer_version, "; Weir writes up to ",
                     kReaderVersionMax, " and ", kWriterVersionMax),
        "write to another table, or use a newer Weir");
  for (const auto* features : {&protocol.reader_features, &protocol.writer_features}) {
    if (!*features) continue;
    for (const std::string& feature : **features) WEIR_RETURN_IF_ERROR(CheckFeature(feature));
  }
  return absl::OkStatus();
}

absl::string_view Property(const DeltaMetadata& metadata, const std::string& key) {
  const auto it = metadata.configuration.find(key);
  return it == metadata.configuration.end() ? "" : absl::string_view(it->second);
}

bool IsTrue(const DeltaMetadata& metadata, const std::string& key) {
  return absl::EqualsIgnoreCase(Property(metadata, key), "true");
}

absl::Status CheckProperties(const DeltaMetadata& metadata) {
  for (const auto& [key, value] : metadata.configuration) {
    if (absl::StartsWith(key, "delta.constraints."))
      return Refuse(absl::StrCat("the table has the CHECK constraint ", key.substr(18), " (", value,
                                 "), which Weir can't evaluate"),
                    absl::StrCat("drop it (ALTER TABLE ... DROP CONSTRAINT ", key.substr(18),
                                 "), or write to another table"));
    if (key == "delta.setTransactionRetentionDuration")
      return Refuse(absl::StrCat("the table's property ", key, " is set (", value,
                                 "): a forgotten transaction would be written twice"),
                    absl::StrCat("unset it (ALTER TABLE ... UNSET TBLPROPERTIES ('", key, "'))"));
  }
  const absl::string_view mapping = Property(metadata, "delta.columnMapping.mode");
  if (!mapping.empty() && !absl::EqualsIgnoreCase(mapping, "none"))
    return Refuse(
        absl::StrCat("the table uses column mapping (delta.columnMapping.mode = '", mapping, "')"),
        "write to a table without it");
  if (IsTrue(metadata, "delta.enableRowTracking"))
    return Refuse("the table's property delta.enableRowTracking is true", kAnotherTable);
  if (absl::EqualsIgnoreCase(Property(metadata, "delta.checkpointPolicy"), "v2"))
    return Refuse("the table's property delta.checkpointPolicy is 'v2'", "set it to 'classic'");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeltaColumn>> CheckColumns(const DeltaMetadata& metadata) {
  if (!metadata.partition_columns.empty())
    return Refuse(absl::StrCat("the table is partitioned by ", metadata.partition_columns.front()),
                  "write to a table without partitions: readers skip files by their statistics");
  WEIR_ASSIGN_OR_RETURN(std::vector<DeltaColumn> columns, ParseDeltaSchema(metadata.schema));
  for (const DeltaColumn& column : columns)
    for (const std::string& key : column.metadata_keys)
      for (const Refusal& refusal : kRefusedColumnMetadata)
        if (key == refusal.name)
          return Refuse(absl::StrCat("column ", column.name, " of the table has ", refusal.advice,
                                     " (", key, "), which Weir can't evaluate"),
                        "drop that, or write to another table");
  return columns;
}

}  // namespace

absl::StatusOr<std::vector<DeltaColumn>> CheckAppendAllowed(const DeltaProtocol& protocol,
                                                            const DeltaMetadata& metadata) {
  WEIR_RETURN_IF_ERROR(CheckVersions(protocol));
  if (metadata.format_provider != "parquet")
    return Refuse(absl::StrCat("the table's data format is ", metadata.format_provider),
                  "Weir writes parquet only");
  WEIR_RETURN_IF_ERROR(CheckProperties(metadata));
  return CheckColumns(metadata);
}

DeltaProtocol ProtocolForNewTable(const Schema& schema) {
  DeltaProtocol protocol;
  const bool has_timestamp =
      std::any_of(schema.columns.begin(), schema.columns.end(),
                  [](const Column& column) { return column.type.kind == TypeKind::kTimestamp; });
  if (!has_timestamp) return protocol;
  protocol.min_reader_version = 3;
  protocol.min_writer_version = 7;
  protocol.reader_features = std::vector<std::string>{"timestampNtz"};
  // Writer version 2 had the first two without naming them; Spark refuses to read a NOT NULL column
  // where "invariants" isn't listed.
  protocol.writer_features = std::vector<std::string>{"appendOnly", "invariants", "timestampNtz"};
  return protocol;
}

bool NeedsInCommitTimestamp(const DeltaProtocol& protocol, const DeltaMetadata& metadata) {
  if (!protocol.writer_features) return false;
  const std::vector<std::string>& features = *protocol.writer_features;
  return std::find(features.begin(), features.end(), "inCommitTimestamp") != features.end() &&
         IsTrue(metadata, "delta.enableInCommitTimestamps");
}

bool IsAppendOnly(const DeltaMetadata& metadata) { return IsTrue(metadata, "delta.appendOnly"); }

int64_t CheckpointInterval(const DeltaMetadata& metadata, int64_t live_files) {
  int interval = 0;
  if (absl::SimpleAtoi(Property(metadata, "delta.checkpointInterval"), &interval) && interval > 0)
    return interval;
  return std::max<int64_t>(10, live_files / 1000);
}

int64_t TombstoneRetentionMs(const DeltaMetadata& metadata) {
  constexpr int64_t kHourMs = 3'600'000;
  const std::string text =
      absl::AsciiStrToLower(Property(metadata, "delta.deletedFileRetentionDuration"));
  if (text.empty()) return 7 * 24 * kHourMs;
  std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (!words.empty() && words.front() == "interval") words.erase(words.begin());
  int64_t count = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &count) || count < 0 || count > 1'000'000)
    return -1;
  std::string unit = words[1];
  if (absl::EndsWith(unit, "s")) unit.pop_back();
  if (unit == "week") return count * 7 * 24 * kHourMs;
  if (unit == "day") return count * 24 * kHourMs;
  if (unit == "hour") return count * kHourMs;
  if (unit == "minute") return count * 60'000;
  if (unit == "second") return count * 1'000;
  return -1;
}

}  // namespace weir
