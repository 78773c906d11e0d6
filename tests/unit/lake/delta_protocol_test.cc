#include "lake/delta_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir {
namespace {

using testing::HasSubstr;

std::string SchemaWith(const std::string& field_metadata) {
  return R"({"type":"struct","fields":[{"name":"n","type":"long","nullable":true,"metadata":)" +
         field_metadata + "}]}";
}

DeltaMetadata PlainTable() {
  DeltaMetadata metadata;
  metadata.id = "m";
  metadata.schema = SchemaWith("{}");
  return metadata;
}

DeltaProtocol WithFeature(const std::string& feature) {
  return {3, 7, std::vector<std::string>{}, std::vector<std::string>{feature}};
}

// Refused, in a sentence that names `what`.
void ExpectRefused(const DeltaProtocol& protocol, const DeltaMetadata& metadata,
                   const std::string& what) {
  const absl::Status status = CheckAppendAllowed(protocol, metadata).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << what << ": " << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

TEST(DeltaProtocolTest, TakesPlainTablesOfAllLegacyVersions) {
  for (int writer = 1; writer <= 6; ++writer)
    EXPECT_TRUE(CheckAppendAllowed({writer >= 5 ? 2 : 1, writer, {}, {}}, PlainTable()).ok());
}

TEST(DeltaProtocolTest, TakesFeaturesThatDoNotConcernAppends) {
  for (const char* feature :
       {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns",
        "columnMapping", "identityColumns", "deletionVectors", "timestampNtz", "domainMetadata",
        "inCommitTimestamp", "vacuumProtocolCheck", "allowColumnDefaults", "typeWidening"})
    EXPECT_TRUE(CheckAppendAllowed(WithFeature(feature), PlainTable()).ok()) << feature;
}

TEST(DeltaProtocolTest, TakesPropertiesThatDoNotConcernAppends) {
  DeltaMetadata metadata = PlainTable();
  metadata.configuration = {
      {"delta.appendOnly", "true"},          {"delta.enableChangeDataFeed", "true"},
      {"delta.columnMapping.mode", "none"},  {"delta.enableRowTracking", "false"},
      {"delta.checkpointPolicy", "classic"}, {"owner", "me"}};
  EXPECT_TRUE(CheckAppendAllowed({1, 4, {}, {}}, metadata).ok());
}

TEST(DeltaProtocolTest, RefusesFeaturesByName) {
  for (const char* feature :
       {"rowTracking", "v2Checkpoint", "catalogManaged", "catalogOwned-preview",
        "coordinatedCommits-preview", "clustering", "icebergCompatV1", "icebergCompatV2",
        "variantType", "notYetInvented"})
    ExpectRefused(WithFeature(feature), PlainTable(), feature);
}

TEST(DeltaProtocolTest, RefusesReaderFeaturesByName) {
  ExpectRefused({3, 7, std::vector<std::string>{"notYetInvented"}, std::vector<std::string>{}},
                PlainTable(), "notYetInvented");
}

TEST(DeltaProtocolTest, RefusesNewerVersions) {
  ExpectRefused({4, 7, {}, {}}, PlainTable(), "reader version 4");
  ExpectRefused({3, 8, {}, {}}, PlainTable(), "writer version 8");
}

TEST(DeltaProtocolTest, RefusesPropertiesByName) {
  const std::vector<std::pair<std::string, std::string>> properties = {
      {"delta.constraints.positive", "n > 0"},
      {"delta.setTransactionRetentionDuration", "interval 7 days"},
      {"delta.columnMapping.mode", "name"},
      {"delta.enableRowTracking", "true"},
      {"delta.checkpointPolicy", "v2"}};
  for (const auto& [key, value] : properties) {
    DeltaMetadata metadata = PlainTable();
    metadata.configuration[key] = value;
    ExpectRefused({1, 2, {}, {}}, metadata, key == "delta.constraints.positive" ? "positive" : key);
  }
}

TEST(DeltaProtocolTest, RefusesColumnsThatNeedExpressions) {
  for (const char* key : {"delta.invariants", "delta.generationExpression", "delta.identity.start",
                          "CURRENT_DEFAULT", "__CHAR_VARCHAR_TYPE_STRING"}) {
    DeltaMetadata metadata = PlainTable();
    metadata.schema = SchemaWith("{\"" + std::string(key) + "\":\"x\"}");
    ExpectRefused({1, 2, {}, {}}, metadata, key);
    ExpectRefused({1, 2, {}, {}}, metadata, "column n");
  }
}

TEST(DeltaProtocolTest, FindsThemInNestedFields) {
  DeltaMetadata metadata = PlainTable();
  metadata.schema =
      R"({"type":"struct","fields":[{"name":"a","nullable":true,"metadata":{},"type":{"type":"array",)"
      R"("containsNull":true,"elementType":{"type":"struct","fields":[{"name":"b","type":"long",)"
      R"("nullable":true,"metadata":{"delta.invariants":"x"}}]}}}]})";
  ExpectRefused({1, 2, {}, {}}, metadata, "column a");
}

TEST(DeltaProtocolTest, RefusesPartitionsAndOtherFormats) {
  DeltaMetadata partitioned = PlainTable();
  partitioned.partition_columns = {"day"};
  ExpectRefused({1, 2, {}, {}}, partitioned, "partitioned by day");
  DeltaMetadata orc = PlainTable();
  orc.format_provider = "orc";
  ExpectRefused({1, 2, {}, {}}, orc, "orc");
}

TEST(DeltaProtocolTest, ReadsIntervals) {
  DeltaMetadata metadata = PlainTable();
  EXPECT_EQ(TombstoneRetentionMs(metadata), 7LL * 86'400'000);
  const std::vector<std::pair<std::string, int64_t>> cases = {
      {"interval 1 week", 7LL * 86'400'000},
      {"interval 2 days", 2LL * 86'400'000},
      {"INTERVAL 36 HOURS", 36LL * 3'600'000},
      {"0 days", 0},
      {"interval 1 month", -1},
      {"interval 1 day 2 hours", -1},
      {"soon", -1},
      {"-1 days", -1}};
  for (const auto& [text, expected] : cases) {
    metadata.configuration["delta.deletedFileRetentionDuration"] = text;
    EXPECT_EQ(TombstoneRetentionMs(metadata), expected) << text;
  }
  EXPECT_EQ(CheckpointInterval(metadata, 0), 10);
  EXPECT_EQ(CheckpointInterval(metadata, 10'999), 10);
  EXPECT_EQ(CheckpointInterval(metadata, 100'000), 100);
  metadata.configuration["delta.checkpointInterval"] = "25";
  EXPECT_EQ(CheckpointInterval(metadata, 100'000), 25);
  metadata.configuration["delta.checkpointInterval"] = "-3";
  EXPECT_EQ(CheckpointInterval(metadata, 0), 10);
}

TEST(DeltaProtocolTest, TimestampsInCommitsOnlyWhenEnabled) {
  DeltaMetadata metadata = PlainTable();
  EXPECT_FALSE(NeedsInCommitTimestamp(WithFeature("inCommitTimestamp"), metadata));
  metadata.configuration["delta.enableInCommitTimestamps"] = "true";
  EXPECT_TRUE(NeedsInCommitTimestamp(WithFeature("inCommitTimestamp"), metadata));
  EXPECT_FALSE(NeedsInCommitTimestamp({1, 2, {}, {}}, metadata));
}

}  // namespace
}  // namespace weir
