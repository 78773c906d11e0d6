#include "lake/delta_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "lake/delta_checkpoint.h"
#include "lake/parquet_checkpoint.h"
#include "tests/fakes/fake_log_store.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr char kProtocolLine[] =
    R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],)"
    R"("writerFeatures":["deletionVectors","domainMetadata"],"unknownField":1}})"
    "\n";
constexpr char kMetadataLine[] =
    R"({"metaData":{"id":"m1","name":null,"format":{"provider":"parquet","options":{"a":"b"}},)"
    R"("schemaString":"{\"type\":\"struct\",\"fields\":[]}","partitionColumns":[],)"
    R"("configuration":{"owner":"me"},"createdTime":5,"unknownField":{}}})"
    "\n";

std::string Txn(const std::string& app, int64_t version) {
  return absl::StrCat(R"({"txn":{"appId":")", app, R"(","version":)", version, "}}\n");
}
std::string Add(const std::string& path) {
  return absl::StrCat(R"({"add":{"path":")", path,
                      R"(","partitionValues":{},"size":1,"modificationTime":2,"dataChange":true,)"
                      R"("tags":{"k":"v"},"stats":"{\"numRecords\":1}"}})",
                      "\n");
}
std::string Remove(const std::string& path, int64_t at_ms) {
  return absl::StrCat(R"({"remove":{"path":")", path, R"(","deletionTimestamp":)", at_ms,
                      R"(,"dataChange":true,"size":1}})", "\n");
}

class DeltaLogTest : public testing::Test {
 protected:
  void Commit(const std::string& text) { log_.files[CommitFileName(next_++)] = text; }
  DeltaState Load() {
    auto state = LoadDeltaState(&store_, nullptr);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : DeltaState();
  }
  // Paths in a checkpoint, with "-" before tombstones and "@<dv>" behind.
  std::vector<std::string> FilesOf(int64_t version) {
    std::vector<std::string> out;
    const absl::Status status =
        ReadCheckpointFiles(log_.files.at(CheckpointFileName(version)), [&](DeltaFileAction file) {
          out.push_back(absl::StrCat(file.add ? "" : "-", file.path,
                                     file.deletion_vector_id.empty() ? "" : "@",
                                     file.deletion_vector_id));
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return out;
  }

  FakeLog log_;
  FakeLogStore store_{&log_};
  int64_t next_ = 0;
};

TEST(ListingTest, SortsOutNames) {
  const LogListing listing = ParseListing(
      {"00000000000000000000.json", "00000000000000000001.json", "00000000000000000001.crc",
       "00000000000000000002.checkpoint.parquet", "00000000000000000002.json",
       "00000000000000000003.checkpoint.0000000001.0000000002.parquet",
       "00000000000000000004.checkpoint.0000000001.0000000002.parquet",
       "00000000000000000004.checkpoint.0000000002.0000000002.parquet",
       "00000000000000000009.checkpoint.3a0d65cd-4056-49b8-937b-95f9e3ee90e5.parquet",
       "00000000000000000004.00000000000000000006.compacted.json", "_last_checkpoint", "_commits",
       "1.json", "0000000000000000000a.json", "00000000000000000005.json.tmp"});
  EXPECT_THAT(listing.commits, ElementsAre(0, 1, 2));
  ASSERT_EQ(listing.checkpoints.size(), 2u);
  EXPECT_EQ(listing.checkpoints[0].version, 2);
  EXPECT_EQ(listing.checkpoints[1].version, 4);
  EXPECT_EQ(listing.checkpoints[1].names.size(), 2u);
  EXPECT_EQ(listing.v2_checkpoint, 9);
}

TEST_F(DeltaLogTest, NoLogIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(LoadDeltaState(&store_, nullptr).status()));
}

TEST_F(DeltaLogTest, FoldsCommits) {
  Commit(std::string(kProtocolLine) + kMetadataLine);
  Commit(Txn("a", 1) + Txn("b", 5) + R"({"domainMetadata":{"domain":"d","configuration":"c"}})");
  Commit(Txn("a", 2) + R"({"domainMetadata":{"domain":"e","configuration":"f"}})");
  Commit(R"({"domainMetadata":{"domain":"d","configuration":"","removed":true}})");
  const DeltaState state = Load();
  EXPECT_EQ(state.version, 3);
  EXPECT_EQ(state.protocol.min_writer_version, 7);
  EXPECT_EQ(state.metadata.id, "m1");
  EXPECT_EQ(state.metadata.format_options.at("a"), "b");
  EXPECT_EQ(state.txns.at("a").version, 2);
  EXPECT_EQ(state.txns.at("b").version, 5);
  EXPECT_EQ(state.domains.size(), 1u);
  EXPECT_EQ(state.domains.at("e").configuration, "f");
}

TEST_F(DeltaLogTest, RefusesNumbersThatAreNoIntegers) {
  for (const char* number : {"7e70", "1.5", "1e400", "9223372036854775808", "true", "\"7\""}) {
    log_.files[CommitFileName(0)] = absl::StrCat(
        R"({"protocol":{"minReaderVersion":1,"minWriterVersion":)", number, "}}\n", kMetadataLine);
    const absl::Status status = LoadDeltaState(&store_, nullptr).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << number << ": " << status;
  }
  log_.files[CommitFileName(0)] = absl::StrCat(
      R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2.0}})", "\n", kMetadataLine);
  const auto loaded = LoadDeltaState(&store_, nullptr);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->protocol.min_writer_version, 2);
}

TEST_F(DeltaLogTest, SaysWhatIsMissingOrDamaged) {
  Commit(std::string(kProtocolLine) + kMetadataLine);
  Commit("{}\n{\"add\":{\"size\":1}}\n");
  EXPECT_THAT(std::string(LoadDeltaState(&store_, nullptr).status().message()),
              HasSubstr("version 1 of the Delta log, line 2"));
  log_.files[CommitFileName(1)] = "{\"add\":";
  EXPECT_TRUE(absl::IsDataLoss(LoadDeltaState(&store_, nullptr).status()));
  log_.files.erase(CommitFileName(1));
  log_.files[CommitFileName(2)] = "{}";
  EXPECT_THAT(std::string(LoadDeltaState(&store_, nullptr).status().message()),
              HasSubstr("version 1 is missing"));
  log_.files.erase(CommitFileName(0));
  EXPECT_THAT(std::string(LoadDeltaState(&store_, nullptr).status().message()),
              HasSubstr("begins at version 2"));
  log_.files["00000000000000000002.checkpoint.3a0d65cd-4056-49b8-937b-95f9e3ee90e5.json"] = "";
  EXPECT_THAT(std::string(LoadDeltaState(&store_, nullptr).status().message()),
              HasSubstr("v2Checkpoint"));
}

TEST_F(DeltaLogTest, CheckpointCarriesEverythingOn) {
  const int64_t day_ms = 86'400'000;
  const int64_t now_ms = 100 * day_ms;
  Commit(std::string(kProtocolLine) + kMetadataLine);
  Commit(Txn("a", 1) + R"({"domainMetadata":{"domain":"d","configuration":"c"}})" + "\n" +
         Add("one") + Add("two") + Add("three"));
  Commit(Remove("one", now_ms - 8 * day_ms) + Remove("two", now_ms - day_ms));
  Commit(Txn("a", 2) + Add("four") +
         R"({"add":{"path":"three","partitionValues":{},"size":1,"modificationTime":2,)"
         R"("dataChange":true,"deletionVector":{"storageType":"u","pathOrInlineDv":"xyz",)"
         R"("offset":4,"sizeInBytes":40,"cardinality":6}}})"
         "\n" +
         Remove("three", now_ms - day_ms));
  const DeltaState before = Load();
  ASSERT_TRUE(WriteCheckpoint(&store_, before, now_ms).ok());
  EXPECT_THAT(FilesOf(3), UnorderedElementsAre("-two", "four", "three@uxyz@4", "-three"));

  for (int64_t v = 0; v <= 3; ++v) log_.files.erase(CommitFileName(v));
  const DeltaState after = Load();
  EXPECT_EQ(after.version, 3);
  EXPECT_EQ(after.protocol, before.protocol);
  EXPECT_EQ(after.metadata, before.metadata);
  EXPECT_EQ(after.txns, before.txns);
  EXPECT_EQ(after.domains, before.domains);

  // And the next one is made from it.
  Commit(Add("five") + Remove("four", now_ms));
  ASSERT_TRUE(WriteCheckpoint(&store_, Load(), now_ms + 7 * day_ms).ok());
  EXPECT_THAT(FilesOf(4), UnorderedElementsAre("three@uxyz@4", "five", "-four"));
  EXPECT_EQ(ReadLastCheckpointHint(&store_), 4);
}

TEST_F(DeltaLogTest, CheckpointKeepsWhatBelongsToAFile) {
  Commit(std::string(kProtocolLine) + kMetadataLine + Add("one"));
  ASSERT_TRUE(WriteCheckpoint(&store_, Load(), 0).ok());
  std::string json;
  ASSERT_TRUE(ReadCheckpointFiles(log_.files.at(CheckpointFileName(0)), [&](DeltaFileAction file) {
                json = file.json;
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(
      json,
      R"({"dataChange":false,"modificationTime":2,"partitionValues":{},"path":"one","size":1,)"
      R"("stats":"{\"numRecords\":1}","tags":{"k":"v"}})");
}

TEST_F(DeltaLogTest, ReadsACheckpointInParts) {
  Commit(std::string(kProtocolLine) + kMetadataLine + Txn("a", 7) + Add("one"));
  ASSERT_TRUE(WriteCheckpoint(&store_, Load(), 0).ok());
  const auto writer = *OpenCheckpointWriter();
  ASSERT_TRUE(writer->AddFile(*ParseDeltaFileAction(true, R"({"path":"two","size":1})")).ok());
  const std::string part = "00000000000000000000.checkpoint.000000000";
  log_.files[part + "1.0000000002.parquet"] = log_.files.at(CheckpointFileName(0));
  log_.files[part + "2.0000000002.parquet"] = *writer->Finish();
  log_.files.erase(CheckpointFileName(0));
  log_.files.erase(CommitFileName(0));
  next_ = 1;
  Commit(Add("three"));
  EXPECT_EQ(Load().txns.at("a").version, 7);
  ASSERT_TRUE(WriteCheckpoint(&store_, Load(), 0).ok());
  EXPECT_THAT(FilesOf(1), UnorderedElementsAre("one", "two", "three"));

  log_.files.erase(part + "2.0000000002.parquet");
  log_.files.erase(CheckpointFileName(1));
  EXPECT_TRUE(absl::IsDataLoss(LoadDeltaState(&store_, nullptr).status()));
}

TEST_F(DeltaLogTest, TheHintIsOnlyAHint) {
  Commit(std::string(kProtocolLine) + kMetadataLine);
  Commit(Txn("a", 1));
  for (const char* hint : {"", "nonsense", "[]", "{\"version\":\"x\"}", "{\"version\":1}",
                           "{\"version\":77}", "{\"version\":-5}"}) {
    log_.files[kLastCheckpointName] = hint;
    EXPECT_EQ(Load().version, 1) << hint;
    EXPECT_EQ(Load().txns.size(), 1u) << hint;
  }
}

TEST_F(DeltaLogTest, ADamagedCheckpointIsNamed) {
  Commit(std::string(kProtocolLine) + kMetadataLine);
  log_.files[CheckpointFileName(0)] = "PAR1 nothing PAR1";
  const absl::Status status = LoadDeltaState(&store_, nullptr).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(CheckpointFileName(0)));
}

TEST_F(DeltaLogTest, AdvancesThroughWhatIsNewInOrder) {
  Commit(std::string(kProtocolLine) + kMetadataLine);
  DeltaState state = Load();
  Commit(Txn("a", 1));
  Commit(Txn("a", 2));
  std::vector<int64_t> seen;
  const auto note = [&seen](const DeltaCommit& commit) {
    seen.push_back(commit.version);
    return absl::OkStatus();
  };
  ASSERT_TRUE(AdvanceDeltaState(&store_, true, note, &state).ok());
  EXPECT_THAT(seen, ElementsAre(1, 2));
  EXPECT_EQ(state.txns.at("a").version, 2);
  ASSERT_TRUE(AdvanceDeltaState(&store_, true, note, &state).ok());
  EXPECT_EQ(seen.size(), 2u);
}

TEST_F(DeltaLogTest, AnErrorWhileAdvancingAppliesNothingMore) {
  Commit(std::string(kProtocolLine) + kMetadataLine);
  DeltaState state = Load();
  Commit(Txn("a", 1));
  Commit("not json");
  const auto ignore = [](const DeltaCommit&) { return absl::OkStatus(); };
  EXPECT_TRUE(absl::IsDataLoss(AdvanceDeltaState(&store_, false, ignore, &state)));
  EXPECT_EQ(state.version, 1);
}

TEST(DeltaActionsTest, SurviveARoundTrip) {
  const DeltaProtocol protocol{3, 7, std::vector<std::string>{"x"}, std::vector<std::string>{}};
  DeltaMetadata metadata;
  metadata.id = "id";
  metadata.name = "näme";
  metadata.schema = "{}";
  metadata.partition_columns = {"p"};
  metadata.configuration = {{"a", "b"}};
  metadata.created_ms = 5;
  const DeltaTxn txn{"app", 1LL << 60, 7};
  const auto commit =
      ParseDeltaCommit(4, FormatDeltaAction(protocol) + "\r\n" + FormatDeltaAction(metadata) +
                              "\n\n" + FormatDeltaAction(txn));
  ASSERT_TRUE(commit.ok()) << commit.status();
  EXPECT_EQ(*commit->protocol, protocol);
  EXPECT_EQ(*commit->metadata, metadata);
  EXPECT_THAT(commit->txns, ElementsAre(txn));
  EXPECT_THAT(commit->files, IsEmpty());
}

TEST(DeltaActionsTest, IgnoresWhatItDoesNotKnow) {
  const auto commit = ParseDeltaCommit(
      4,
      R"({"cdc":{"path":"c"},"sidecar":5,"txn":null})"
      "\n"
      R"({"commitInfo":{"operation":"WRITE","engine":{"deep":[1,{"a":1.5e300}]},"txnId":null}})");
  ASSERT_TRUE(commit.ok()) << commit.status();
  ASSERT_TRUE(commit->info.has_value());
  EXPECT_EQ(commit->info->operation, "WRITE");
  EXPECT_EQ(commit->info->txn_id, "");
  EXPECT_THAT(commit->txns, IsEmpty());
  EXPECT_THAT(commit->files, IsEmpty());
}

TEST(DeltaActionsTest, OfFieldsNamedAlikeTheLastCounts) {
  const auto commit =
      ParseDeltaCommit(4, R"({"txn":{"appId":"a","version":1,"appId":"b","version":2}})");
  ASSERT_TRUE(commit.ok()) << commit.status();
  EXPECT_THAT(commit->txns, ElementsAre(DeltaTxn{"b", 2, std::nullopt}));
}

TEST(DeltaActionsTest, KeepsAllOfAFile) {
  const std::string file =
      R"({"path":"a%20b","size":18446744073709551615,"tags":{"k":"v","n":null},)"
      R"("stats":"{\"numRecords\":3,\"maxValues\":{\"t\":\"é\\n\u0001\"}}",)"
      R"("deletionVector":{"storageType":"u","pathOrInlineDv":"xyz","offset":4},"share":0.25})";
  const auto commit = ParseDeltaCommit(4, absl::StrCat("{\"remove\":", file, "}"));
  ASSERT_TRUE(commit.ok()) << commit.status();
  ASSERT_EQ(commit->files.size(), 1u);
  EXPECT_FALSE(commit->files[0].add);
  EXPECT_EQ(commit->files[0].path, "a%20b");
  EXPECT_EQ(commit->files[0].deletion_vector_id, "uxyz@4");
  EXPECT_EQ(nlohmann::json::parse(commit->files[0].json), nlohmann::json::parse(file));
}

TEST(DeltaActionsTest, RefusesWhatIsNoAction) {
  const std::string deep = std::string(2000, '[') + std::string(2000, ']');
  for (const std::string& line : std::vector<std::string>{
           "[1]",
           "5",
           "null",
           " ",
           "{} {}",
           "{",
           "{\"a\":}",
           "{\"a\":01}",
           "{'a':1}",
           "{\"a\":\"\xff\"}",
           "{\"a\":1e400}",
           "{\"a\":18446744073709551616}",
           "{\"a\":" + deep + "}",
           "{\"txn\":5}",
           "{\"txn\":[]}",
           "{\"txn\":{\"appId\":\"a\"}}",
           "{\"txn\":{\"appId\":7,\"version\":1}}",
           "{\"add\":{\"path\":null}}",
           "{\"add\":{\"path\":\"a\",\"deletionVector\":{}}}",
           "{\"commitInfo\":\"x\"}",
           "{\"metaData\":{\"id\":\"m\",\"schemaString\":\"\",\"partitionColumns\":[1]}}",
           "{\"domainMetadata\":{\"domain\":\"d\",\"removed\":\"yes\"}}"}) {
    const absl::Status status = ParseDeltaCommit(4, "{}\n" + line + "\n").status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << line << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("version 4 of the Delta log, line 2: "));
  }
}

TEST(DeltaActionsTest, TellsObjectsFromOtherText) {
  for (const char* text : {"{}", R"({"a":[1,{"b":null}]})", " {} "})
    EXPECT_TRUE(IsJsonObject(text)) << text;
  for (const char* text : {"", " ", "[]", "1", "{}{}", "{\"a\":1,}", "{\"a\"", "{\"a\":\"\xff\"}"})
    EXPECT_FALSE(IsJsonObject(text)) << text;
}

TEST(DeltaActionsTest, PercentEncodesPaths) {
  EXPECT_EQ(PercentEncodePath("3f2a-part.parquet"), "3f2a-part.parquet");
  EXPECT_EQ(PercentEncodePath("a/b c%=?#é"), "a/b%20c%25%3d%3f%23%c3%a9");
}

}  // namespace
}  // namespace weir
