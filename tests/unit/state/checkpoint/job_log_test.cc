#include "state/checkpoint/job_log.h"

#include <deque>
#include <functional>
#include <random>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/faulty_blob_store.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kJob[] = "activity-0123abcd";

SinkSpec MakeSink(std::string id) {
  SinkSpec sink;
  sink.id = std::move(id);
  return sink;
}

JobSpec MakeSpec() {
  JobSpec spec;
  spec.name = "activity";
  spec.script = "INSERT ...";
  spec.lineage = "3f0c6ad2-5c0c-4a08-8b1c-3f0c6ad25c0c";
  spec.plan.sinks = {MakeSink("activity"), MakeSink("activity#late")};
  spec.plan.settings.retain_checkpoints = 2;
  spec.submitted_ms = 1'700'000'000'000;
  return spec;
}

Manifest MakeManifest(int64_t generation, int64_t checkpoint, int64_t next_offset = 0) {
  Manifest manifest;
  manifest.generation = Generation(generation);
  manifest.checkpoint = CheckpointId(checkpoint);
  manifest.positions = {{.source = "s", .partition = 0, .next_offset = next_offset}};
  return manifest;
}

StagedFile MakeFile(std::string sink, std::string path) {
  StagedFile file;
  file.sink = std::move(sink);
  file.path = std::move(path);
  file.size = 10;
  file.rows = 1;
  return file;
}

template <class Body>
LogRecord Record(std::string id, Body body) {
  LogRecord record;
  record.id = std::move(id);
  record.written_ms = 42;
  record.body = std::move(body);
  return record;
}

// Applies records one after another and expects all to be taken.
class Folded {
 public:
  template <class Body>
  Folded& Then(Body body) {
    const int64_t n = state.tail + 1;
    EXPECT_EQ(Apply(n, Record("r", std::move(body)), &state), absl::OkStatus());
    return *this;
  }
  template <class Body>
  std::string Refused(Body body) {
    const JobLogState before = state;
    const absl::Status status = Apply(state.tail + 1, Record("r", std::move(body)), &state);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(state.tail, before.tail);
    EXPECT_EQ(state.checkpoints.size(), before.checkpoints.size());
    return std::string(status.message());
  }
  JobLogState state;
};

std::vector<int64_t> Epochs(const JobLogState& state) {
  std::vector<int64_t> epochs;
  for (const auto& published : state.checkpoints) epochs.push_back(published.epoch.value);
  return epochs;
}

Folded Started() {
  Folded folded;
  folded.Then(MakeSpec()).Then(StartedRecord{"c", "submitted", 2});
  return folded;
}

TEST(JobLogFoldTest, TheNumberOfARecordIsGenerationOrEpoch) {
  Folded folded = Started();
  EXPECT_EQ(folded.state.generation, Generation(2));
  folded.Then(MakeManifest(2, 0)).Then(MakeManifest(2, 1, 7));
  folded.Then(StartedRecord{"c", "worker lost", 2});
  EXPECT_EQ(folded.state.generation, Generation(5));
  EXPECT_THAT(Epochs(folded.state), ElementsAre(3, 4));
  EXPECT_EQ(folded.state.starts.size(), 2u);
}

TEST(JobLogFoldTest, RefusesWhatPrecedesSubmissionOrStart) {
  Folded folded;
  EXPECT_THAT(folded.Refused(StartedRecord{"c", "r", 1}), HasSubstr("never submitted"));
  folded.Then(MakeSpec());
  EXPECT_THAT(folded.Refused(MakeSpec()), HasSubstr("submitted already"));
  EXPECT_THAT(folded.Refused(MakeManifest(1, 0)), HasSubstr("before the first start"));
  EXPECT_THAT(folded.Refused(StartedRecord{"c", "r", 0}), HasSubstr("parallelism"));
}

TEST(JobLogFoldTest, RefusesAWrongNumber) {
  Folded folded = Started();
  EXPECT_FALSE(Apply(2, Record("r", StartedRecord{"c", "r", 1}), &folded.state).ok());
  EXPECT_FALSE(Apply(4, Record("r", StartedRecord{"c", "r", 1}), &folded.state).ok());
  EXPECT_EQ(folded.state.tail, 2);
}

TEST(JobLogFoldTest, RefusesAZombiesCheckpoint) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0)).Then(StartedRecord{"c2", "took over", 2});
  EXPECT_THAT(folded.Refused(MakeManifest(2, 1)), HasSubstr("generation 2 in generation 4"));
}

TEST(JobLogFoldTest, RefusesAFirstCheckpointThatIsNotTheFirst) {
  Folded folded = Started();
  EXPECT_THAT(folded.Refused(MakeManifest(2, 1)), HasSubstr("not 0"));
  folded.Then(MakeManifest(2, 0));
  EXPECT_THAT(folded.Refused(MakeManifest(2, 0)), HasSubstr("after checkpoint"));
}

TEST(JobLogFoldTest, RefusesPositionsThatGoBackOrVanish) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0, 5));
  EXPECT_THAT(folded.Refused(MakeManifest(2, 1, 4)), HasSubstr("goes back from offset 5 to 4"));
  Manifest without = MakeManifest(2, 1, 9);
  without.positions[0].partition = 1;
  EXPECT_THAT(folded.Refused(without), HasSubstr("partition 0 of source s is missing"));
  Manifest twice = MakeManifest(2, 1, 9);
  twice.positions.push_back(twice.positions[0]);
  EXPECT_THAT(folded.Refused(twice), HasSubstr("twice"));
}

TEST(JobLogFoldTest, RefusesCommitsOfUnknownEpochsAndSinksAndOnesThatGoBack) {
  Folded folded = Started();
  EXPECT_THAT(folded.Refused(CommittedRecord{"activity", Epoch(2), 0}), HasSubstr("never"));
  folded.Then(MakeManifest(2, 0)).Then(MakeManifest(2, 1));
  EXPECT_THAT(folded.Refused(CommittedRecord{"other", Epoch(3), 0}), HasSubstr("no sink other"));
  EXPECT_THAT(folded.Refused(CommittedRecord{"activity", Epoch(5), 0}), HasSubstr("never"));
  folded.Then(CommittedRecord{"activity", Epoch(4), 1});
  EXPECT_THAT(folded.Refused(CommittedRecord{"activity", Epoch(3), 0}), HasSubstr("goes back"));
  EXPECT_EQ(folded.state.committed.at("activity").table_version, 1);
}

TEST(JobLogFoldTest, KeepsCheckpointsForRetentionAndForSinksThatHaveNotCommitted) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0));  // epoch 3
  Manifest with_files = MakeManifest(2, 1);
  with_files.staged = {MakeFile("activity", "a.parquet"), MakeFile("activity#late", "b.parquet")};
  folded.Then(with_files).Then(MakeManifest(2, 2)).Then(MakeManifest(2, 3));  // 4, 5, 6
  EXPECT_THAT(Epochs(folded.state), ElementsAre(4, 5, 6));
  folded.Then(MakeManifest(2, 4));  // 7
  EXPECT_THAT(Epochs(folded.state), ElementsAre(4, 6, 7));
  folded.Then(CommittedRecord{"activity", Epoch(4), 1});
  EXPECT_THAT(Epochs(folded.state), ElementsAre(4, 6, 7));
  folded.Then(CommittedRecord{"activity#late", Epoch(5), 1});
  EXPECT_THAT(Epochs(folded.state), ElementsAre(6, 7));
}

TEST(JobLogFoldTest, EndsOnceAndNotBeforeTheLastCommit) {
  Folded folded = Started();
  Manifest with_files = MakeManifest(2, 0);
  with_files.staged = {MakeFile("activity", "a.parquet")};
  folded.Then(with_files);
  EXPECT_THAT(folded.Refused(EndedRecord{JobEnd::kStopped, ""}), HasSubstr("epoch 3 awaits"));
  EXPECT_THAT(folded.Refused(EndedRecord{JobEnd::kFinished, ""}), HasSubstr("awaits its commit"));
  Folded failed = folded;
  failed.Then(EndedRecord{JobEnd::kFailed, "bad row"});
  EXPECT_THAT(failed.Refused(StartedRecord{"c", "r", 1}), HasSubstr("has ended"));
  folded.Then(CommittedRecord{"activity", Epoch(3), 0}).Then(EndedRecord{JobEnd::kStopped, ""});
  EXPECT_EQ(folded.state.ended->how, JobEnd::kStopped);
}

LogRecord FullCheckpoint() {
  Manifest manifest = MakeManifest(2, 3, 17);
  manifest.positions[0].max_event_time = EventTime{-5};
  manifest.positions[0].stop_offset = 20;
  OperatorState state;
  state.state_id = "agg";
  state.schema = "v1";
  state.key_groups = {0, 2048};
  state.files = {{"state/x.sst", 9, "00ff", {0, 2048}}};
  manifest.states = {state};
  manifest.staged = {MakeFile("activity", "a.parquet")};
  manifest.counters[0].read = 3;
  manifest.counters[0].bad = {{"syntax", 1}, {"wrong_type", 2}};
  manifest.watermark = EventTime{1'000'000};
  manifest.sources_finished = true;
  return Record("0123456789abcdef", manifest);
}

TEST(JobLogCodecTest, EveryKindComesBackAsItWas) {
  const absl::StatusOr<LogRecord> back = DecodeLogRecord(EncodeLogRecord(FullCheckpoint()));
  ASSERT_TRUE(back.ok()) << back.status();
  const auto& got = std::get<Manifest>(back->body);
  const LogRecord full = FullCheckpoint();
  const auto& want = std::get<Manifest>(full.body);
  EXPECT_EQ(back->id, "0123456789abcdef");
  EXPECT_EQ(got.positions, want.positions);
  EXPECT_EQ(got.states, want.states);
  EXPECT_EQ(got.staged, want.staged);
  EXPECT_EQ(got.counters, want.counters);
  EXPECT_EQ(got.watermark, want.watermark);
  EXPECT_TRUE(got.sources_finished);

  const auto ended =
      DecodeLogRecord(EncodeLogRecord(Record("e", EndedRecord{JobEnd::kFailed, "x"})));
  EXPECT_EQ(std::get<EndedRecord>(ended->body).reason, "x");
  const auto started = DecodeLogRecord(EncodeLogRecord(Record("s", StartedRecord{"c", "why", 7})));
  EXPECT_EQ(std::get<StartedRecord>(started->body).parallelism, 7);
  const auto spec = DecodeLogRecord(EncodeLogRecord(Record("j", MakeSpec())));
  EXPECT_EQ(std::get<JobSpec>(spec->body).plan.sinks.size(), 2u);
}

TEST(JobLogCodecTest, AnyCutOrFlippedByteIsDataLoss) {
  const std::string bytes = EncodeLogRecord(FullCheckpoint());
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeLogRecord(bytes.substr(0, i)).status())) << i;
    std::string flipped = bytes;
    flipped[i] ^= 0x10;
    EXPECT_TRUE(absl::IsDataLoss(DecodeLogRecord(flipped).status())) << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeLogRecord(bytes + "x").status()));
}

class JobLogTest : public ::testing::Test {
 protected:
  JobLogTest() : log_(&store_, kJob) {
    EXPECT_TRUE(log_.Append(Record("1", MakeSpec()), &state_).ok());
  }
  LogRecord Start(std::string id) { return Record(std::move(id), StartedRecord{"c", "r", 1}); }

  FaultyBlobStore store_;
  JobLogState state_;
  JobLog log_;
};

TEST_F(JobLogTest, AppendsAndCatchesUp) {
  ASSERT_EQ(log_.Append(Start("2"), &state_).value(), 2);
  JobLogState other;
  ASSERT_EQ(JobLog(&store_, kJob).CatchUp(&other), absl::OkStatus());
  EXPECT_EQ(other.tail, 2);
  EXPECT_EQ(other.generation, Generation(2));
  EXPECT_THAT(ListJobs(&store_).value(), ElementsAre(kJob));
}

TEST_F(JobLogTest, AnotherWritersRecordAborts) {
  JobLogState theirs = state_;
  ASSERT_TRUE(JobLog(&store_, kJob).Append(Start("theirs"), &theirs).ok());
  EXPECT_TRUE(absl::IsAborted(log_.Append(Start("ours"), &state_).status()));
  EXPECT_EQ(state_.tail, 1);
  ASSERT_EQ(log_.CatchUp(&state_), absl::OkStatus());
  EXPECT_EQ(state_.tail, 2);
}

TEST_F(JobLogTest, UnknownOutcomesAreReadBack) {
  store_.PlanPuts({PutFault::kDoneUnknown});
  EXPECT_EQ(log_.Append(Start("2"), &state_).value(), 2);
  store_.PlanPuts({PutFault::kLost, PutFault::kUnavailable});
  EXPECT_EQ(log_.Append(Start("3"), &state_).value(), 3);
  store_.PlanPuts({PutFault::kDoneUnknown});
  store_.FailGets(1);
  EXPECT_EQ(log_.Append(Start("4"), &state_).value(), 4);
}

TEST_F(JobLogTest, AStillUnknownAppendConcludesNothingAndTheSameRecordFindsOut) {
  store_.PlanPuts({PutFault::kLate, PutFault::kLost, PutFault::kLost});
  EXPECT_TRUE(absl::IsUnavailable(log_.Append(Start("2"), &state_).status()));
  EXPECT_EQ(state_.tail, 1);
  store_.DeliverLate();
  EXPECT_EQ(log_.Append(Start("2"), &state_).value(), 2);
}

TEST_F(JobLogTest, ALateWriteIsSeenByTheSuccessor) {
  store_.PlanPuts({PutFault::kLate, PutFault::kLost, PutFault::kLost});
  EXPECT_FALSE(log_.Append(Start("2"), &state_).ok());
  store_.DeliverLate();
  JobLogState theirs;
  JobLog their_log(&store_, kJob);
  ASSERT_EQ(their_log.CatchUp(&theirs), absl::OkStatus());
  ASSERT_EQ(their_log.Append(Start("3"), &theirs).value(), 3);
  // Ours stands at 2, but somebody acted upon it already.
  EXPECT_TRUE(absl::IsAborted(log_.Append(Start("2"), &state_).status()));
}

TEST_F(JobLogTest, WhatCanNotBeWrittenIsUnavailable) {
  store_.PlanPuts({PutFault::kDenied, PutFault::kDenied, PutFault::kDenied});
  EXPECT_TRUE(absl::IsUnavailable(log_.Append(Start("2"), &state_).status()));
  EXPECT_EQ(state_.tail, 1);
}

TEST_F(JobLogTest, RefusesToWriteWhatCanNotFollow) {
  const auto before = store_.Snapshot();
  EXPECT_EQ(log_.Append(Record("x", MakeSpec()), &state_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.Snapshot(), before);
}

TEST_F(JobLogTest, DamagedAndMissingRecordsAreNamed) {
  ASSERT_TRUE(log_.Append(Start("2"), &state_).ok());
  ASSERT_TRUE(log_.Append(Start("3"), &state_).ok());
  JobLogState fresh;
  ASSERT_EQ(store_.Delete(LogRecordName(kJob, 2)), absl::OkStatus());
  absl::Status status = log_.CatchUp(&fresh);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(LogRecordName(kJob, 2) + " is missing"));
  store_.Overwrite(LogRecordName(kJob, 2), "nonsense");
  fresh = {};
  status = log_.CatchUp(&fresh);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(LogRecordName(kJob, 2)));
  JobLogState none;
  EXPECT_TRUE(absl::IsNotFound(JobLog(&store_, "other").CatchUp(&none)));
}

// ---- Folds

JobLogState LongLog(FaultyBlobStore* store) {
  JobLogState state;
  JobLog log(store, kJob);
  const auto append = [&](decltype(LogRecord::body) body, int64_t written_ms) {
    LogRecord record;
    record.id = std::to_string(state.tail + 1);
    record.written_ms = written_ms;
    record.body = std::move(body);
    EXPECT_TRUE(log.Append(record, &state).ok());
  };
  append(MakeSpec(), 1000);
  append(StartedRecord{"c", "submitted", 2}, 1001);
  append(MakeManifest(2, 0), 1002);
  for (int64_t i = 1; i <= 6; ++i) {
    Manifest manifest = MakeManifest(2, i, i);
    manifest.staged = {MakeFile("activity", "f" + std::to_string(i))};
    append(manifest, 1002 + i);
  }
  append(CommittedRecord{"activity", Epoch(5), 1}, 1009);  // record 10
  return state;
}

TEST(JobLogFoldTest, AFoldIsWhatTheRecordsAmountTo) {
  FaultyBlobStore store;
  const JobLogState state = LongLog(&store);
  const absl::StatusOr<JobLogState> back = DecodeFold(EncodeFold(state));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->tail, state.tail);
  EXPECT_EQ(back->generation, state.generation);
  EXPECT_EQ(back->parallelism, state.parallelism);
  EXPECT_EQ(Epochs(*back), Epochs(state));
  EXPECT_EQ(back->checkpoints.back().manifest.staged, state.checkpoints.back().manifest.staged);
  EXPECT_EQ(back->committed.at("activity").epoch, Epoch(5));
  EXPECT_EQ(back->spec->lineage, state.spec->lineage);
  EXPECT_EQ(back->starts.at(0).second.at_ms, 1001);
  // What is encoded again is the same: nothing was left out.
  EXPECT_EQ(EncodeFold(*back), EncodeFold(state));
}

TEST(JobLogFoldTest, RecoveryBeginsWithTheFoldAndOlderRecordsCanGo) {
  FaultyBlobStore store;
  JobLogState state = LongLog(&store);
  JobLog log(&store, kJob);
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus()) << "again";
  ASSERT_EQ(log.Append(Record("11", MakeManifest(2, 7, 7)), &state).value(), 11);
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/42, /*before_n=*/0), absl::OkStatus());
  EXPECT_EQ(store.Snapshot().size(), 13u) << "no fold is old enough";
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/1010, /*before_n=*/0), absl::OkStatus());
  EXPECT_EQ(store.Snapshot().size(), 3u) << "both folds and the record between them";
  ASSERT_EQ(log.Append(Record("12", MakeManifest(2, 8, 8)), &state).value(), 12);
  JobLogState fresh;
  ASSERT_EQ(JobLog(&store, kJob).CatchUp(&fresh), absl::OkStatus());
  EXPECT_EQ(fresh.tail, 12);
  EXPECT_EQ(Epochs(fresh), Epochs(state));
  EXPECT_THAT(ListJobs(&store).value(), ElementsAre(kJob));
}

TEST(JobLogFoldTest, AWriterThatSleptThroughAFoldStops) {
  FaultyBlobStore store;
  JobLogState state = LongLog(&store);
  JobLogState asleep = state;
  JobLog log(&store, kJob);
  ASSERT_TRUE(log.Append(Record("11", MakeManifest(2, 7, 7)), &state).ok());
  ASSERT_TRUE(log.Append(Record("12", MakeManifest(2, 8, 8)), &state).ok());
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_TRUE(log.Append(Record("13", MakeManifest(2, 9, 9)), &state).ok());
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/100'000, /*before_n=*/0), absl::OkStatus());
  ASSERT_FALSE(store.Snapshot().contains(LogRecordName(kJob, 11)));
  // Its number is free again, and so is the next: only the fold tells.
  EXPECT_TRUE(absl::IsAborted(log.Append(Record("z", MakeManifest(2, 7, 9)), &asleep).status()));
  JobLogState fresh;
  ASSERT_EQ(log.CatchUp(&fresh), absl::OkStatus());
  EXPECT_EQ(fresh.tail, 13);
  // What it wrote all the same is removed with the next old records.
  EXPECT_TRUE(store.Snapshot().contains(LogRecordName(kJob, 11)));
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/100'000, /*before_n=*/0), absl::OkStatus());
  EXPECT_FALSE(store.Snapshot().contains(LogRecordName(kJob, 11)));
}

// A clock that stands still, or runs back, must not let the log grow for ever.
TEST(JobLogFoldTest, ManyRecordsMakeAFoldOldWhateverTheClockSays) {
  FaultyBlobStore store;
  JobLogState state = LongLog(&store);
  JobLog log(&store, kJob);
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_TRUE(log.Append(Record("11", MakeManifest(2, 7, 7)), &state).ok());
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/0, /*before_n=*/10), absl::OkStatus());
  EXPECT_EQ(store.Snapshot().size(), 13u) << "one old fold is not enough";
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/0, /*before_n=*/11), absl::OkStatus());
  EXPECT_EQ(store.Snapshot().size(), 3u);
}

// Peers, row 17: one damaged object wedges recovery for good.
TEST(JobLogFoldTest, Row17ADamagedFoldLeavesTheOneBeforeIt) {
  FaultyBlobStore store;
  JobLogState state = LongLog(&store);
  JobLog log(&store, kJob);
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  for (int64_t i = 7; i <= 9; ++i) {
    ASSERT_TRUE(log.Append(Record(std::to_string(i), MakeManifest(2, i, i)), &state).ok());
  }
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/100'000, /*before_n=*/0), absl::OkStatus());
  ASSERT_FALSE(store.Snapshot().contains(LogRecordName(kJob, 10)));
  store.Overwrite(LogFoldName(kJob, 13), "torn");
  JobLogState fresh;
  ASSERT_EQ(JobLog(&store, kJob).CatchUp(&fresh), absl::OkStatus());
  EXPECT_EQ(EncodeFold(fresh), EncodeFold(state));
  // Without the other one there is nothing to begin from, and the damaged one is named.
  ASSERT_EQ(store.Delete(LogFoldName(kJob, 10)), absl::OkStatus());
  fresh = {};
  const absl::Status status = JobLog(&store, kJob).CatchUp(&fresh);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(LogFoldName(kJob, 13)));
}

// Peers, row 17: a record that a fold holds as well is not missed.
TEST(JobLogFoldTest, Row17ARecordBelowAFoldIsNotNeeded) {
  FaultyBlobStore store;
  JobLogState state = LongLog(&store);
  JobLog log(&store, kJob);
  ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  ASSERT_EQ(store.Delete(LogRecordName(kJob, 5)), absl::OkStatus());
  store.Overwrite(LogRecordName(kJob, 7), "nonsense");
  JobLogState fresh;
  ASSERT_EQ(JobLog(&store, kJob).CatchUp(&fresh), absl::OkStatus());
  EXPECT_EQ(fresh.tail, 10);
}

// Peers, row 17: what stood before the damage is still told.
TEST(JobLogFoldTest, Row17ADamagedRecordLeavesWhatCameBeforeIt) {
  FaultyBlobStore store;
  LongLog(&store);
  ASSERT_EQ(store.Delete(LogRecordName(kJob, 7)), absl::OkStatus());
  JobLogState fresh;
  EXPECT_TRUE(absl::IsDataLoss(JobLog(&store, kJob).CatchUp(&fresh)));
  EXPECT_EQ(fresh.tail, 6);
  EXPECT_EQ(fresh.checkpoints.back().epoch, Epoch(6));
}

// A writer that is paused anywhere inside an append, while others fold the log and remove what is
// below: it never believes that it appended, and what it left behind changes nothing.
class PausedStore : public BlobStore {
 public:
  PausedStore(FaultyBlobStore* store, int pause_at, std::function<void()> meanwhile)
      : store_(store), pause_at_(pause_at), meanwhile_(std::move(meanwhile)) {}
  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override {
    Pause();
    return store_->PutIfAbsent(name, bytes);
  }
  absl::Status PutFileIfAbsent(const std::string& name, const std::string& local) override {
    return store_->PutFileIfAbsent(name, local);
  }
  absl::StatusOr<std::string> Get(const std::string& name) override {
    Pause();
    return store_->Get(name);
  }
  absl::StatusOr<int64_t> Size(const std::string& name) override { return store_->Size(name); }
  absl::Status GetToFile(const std::string& name, const std::string& local) override {
    return store_->GetToFile(name, local);
  }
  absl::StatusOr<std::vector<Entry>> List(const std::string& prefix,
                                          const std::string& start_after) override {
    Pause();
    return store_->List(prefix, start_after);
  }
  absl::Status Delete(const std::string& name) override { return store_->Delete(name); }
  absl::StatusOr<Versioned> GetVersioned(const std::string& name) override {
    return store_->GetVersioned(name);
  }
  absl::StatusOr<std::string> PutIfVersion(const std::string& name, std::string_view bytes,
                                           const std::string& version) override {
    return store_->PutIfVersion(name, bytes, version);
  }
  absl::Status Replace(const std::string& name, std::string_view bytes) override {
    return store_->Replace(name, bytes);
  }
  bool paused() const { return meanwhile_ == nullptr; }

 private:
  void Pause() {
    if (pause_at_-- == 0) std::exchange(meanwhile_, nullptr)();
  }
  FaultyBlobStore* const store_;
  int pause_at_;
  std::function<void()> meanwhile_;
};

TEST(JobLogFoldTest, AWriterPausedAnywhereInAnAppendIsNotDeceived) {
  int pauses = 0;
  int appended = 0;
  for (int pause_at = 0; pause_at < 8; ++pause_at) {
    for (int others = 1; others <= 5; ++others) {
      SCOPED_TRACE(testing::Message() << "pause " << pause_at << " others " << others);
      FaultyBlobStore store;
      JobLogState asleep = LongLog(&store);
      JobLogState awake;
      JobLog log(&store, kJob);
      PausedStore paused(&store, pause_at, [&] {
        ASSERT_EQ(log.CatchUp(&awake), absl::OkStatus());
        for (int i = 0; i < others; ++i) {
          ASSERT_TRUE(
              log.Append(Record("o" + std::to_string(i), StartedRecord{"b", "r", 1}), &awake).ok());
          ASSERT_EQ(log.KeepFold(awake), absl::OkStatus());
        }
        ASSERT_EQ(log.RemoveFolded(/*before_ms=*/100'000, /*before_n=*/0), absl::OkStatus());
      });
      const auto n = JobLog(&paused, kJob).Append(Record("z", StartedRecord{"a", "r", 1}), &asleep);
      if (!paused.paused()) continue;
      ++pauses;
      JobLogState fresh;
      ASSERT_EQ(log.CatchUp(&fresh), absl::OkStatus());
      // Either the others built on its record, or it was told to stop; never both lines in one log.
      if (n.ok()) {
        ++appended;
        EXPECT_EQ(*n, 11);
        EXPECT_EQ(awake.starts[1].first, 11);
        EXPECT_EQ(awake.starts[1].second.coordinator, "a");
      } else {
        EXPECT_TRUE(absl::IsAborted(n.status())) << n.status();
      }
      EXPECT_EQ(EncodeFold(fresh), EncodeFold(awake)) << "the others' log is unharmed";
    }
  }
  EXPECT_GE(pauses, 10);
  EXPECT_LE(appended, 0) << "it can't be told of success after others went on";
}

// A reader that is paused between two looks finds the records it wanted gone, and a fold instead.
TEST(JobLogFoldTest, AReaderThatSleptThroughAFoldGoesOnFromIt) {
  FaultyBlobStore store;
  JobLogState state = LongLog(&store);
  JobLogState asleep;
  JobLog log(&store, kJob);
  ASSERT_EQ(log.CatchUp(&asleep), absl::OkStatus());
  for (int64_t i = 7; i <= 9; ++i) {
    ASSERT_TRUE(log.Append(Record(std::to_string(i), MakeManifest(2, i, i)), &state).ok());
    ASSERT_EQ(log.KeepFold(state), absl::OkStatus());
  }
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/100'000, /*before_n=*/0), absl::OkStatus());
  ASSERT_FALSE(store.Snapshot().contains(LogRecordName(kJob, 11)));
  ASSERT_EQ(log.CatchUp(&asleep), absl::OkStatus());
  EXPECT_EQ(EncodeFold(asleep), EncodeFold(state));
}

// ---- Savepoints and going back

Manifest MakeSavepoint(int64_t id) {
  Manifest manifest = MakeManifest(2, id, id);
  manifest.savepoint = true;
  return manifest;
}

TEST(JobLogFoldTest, SavepointsAreKeptUntilTheyAreDropped) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0)).Then(MakeSavepoint(1));  // 3, 4
  for (int64_t i = 2; i <= 6; ++i) folded.Then(MakeManifest(2, i, i));
  EXPECT_THAT(Epochs(folded.state), ElementsAre(4, 8, 9));
  EXPECT_THAT(folded.Refused(DroppedSavepointRecord{Epoch(8)}), HasSubstr("not a savepoint"));
  EXPECT_THAT(folded.Refused(DroppedSavepointRecord{Epoch(5)}), HasSubstr("not a savepoint"));
  folded.Then(DroppedSavepointRecord{Epoch(4)});
  EXPECT_THAT(Epochs(folded.state), ElementsAre(8, 9));
  EXPECT_THAT(folded.Refused(DroppedSavepointRecord{Epoch(4)}), HasSubstr("not a savepoint"));
}

TEST(JobLogFoldTest, OnlyADroppedSavepointFollowsTheEnd) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0)).Then(MakeSavepoint(1));
  for (int64_t i = 2; i <= 3; ++i) folded.Then(MakeManifest(2, i, i));
  folded.Then(EndedRecord{JobEnd::kStopped, ""});
  EXPECT_THAT(folded.Refused(StartedRecord{"c", "r", 1}), HasSubstr("ended"));
  EXPECT_THAT(folded.Refused(RestoredRecord{Epoch(4), "r"}), HasSubstr("ended"));
  folded.Then(DroppedSavepointRecord{Epoch(4)});
  EXPECT_THAT(Epochs(folded.state), ElementsAre(5, 6));
  EXPECT_TRUE(folded.state.ended.has_value());
}

TEST(JobLogFoldTest, GoingBackForgetsTheLaterCheckpointsAndNeedsANewGeneration) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0)).Then(MakeManifest(2, 1, 10)).Then(MakeManifest(2, 2, 20));
  folded.Then(RestoredRecord{Epoch(4), "a file is damaged"});  // 6
  EXPECT_THAT(Epochs(folded.state), ElementsAre(4));
  EXPECT_THAT(folded.Refused(MakeManifest(2, 3, 30)), HasSubstr("went back to epoch 4"));
  // A table may have taken the forgotten epoch's metadata: that is still a commit of ours.
  folded.Then(CommittedRecord{"activity", Epoch(5), 1});
  folded.Then(StartedRecord{"c", "went back", 2});  // 8
  folded.Then(MakeManifest(8, 1, 15));
  EXPECT_THAT(Epochs(folded.state), ElementsAre(4, 9));
  EXPECT_EQ(folded.state.last_epoch, Epoch(9));
}

TEST(JobLogFoldTest, RefusesToGoBackOverRowsOfATable) {
  JobSpec spec = MakeSpec();
  spec.plan.settings.retain_checkpoints = 10;
  Folded folded;
  folded.Then(spec).Then(StartedRecord{"c", "submitted", 2});
  folded.Then(MakeManifest(2, 0)).Then(MakeManifest(2, 1, 10));
  Manifest with_rows = MakeManifest(2, 2, 20);
  with_rows.staged = {MakeFile("activity", "f")};
  folded.Then(with_rows).Then(MakeManifest(2, 3, 30));  // 5, 6
  EXPECT_THAT(folded.Refused(RestoredRecord{Epoch(4), "r"}), HasSubstr("epoch 5 gave rows"));
  folded.Then(RestoredRecord{Epoch(5), "r"});
  EXPECT_THAT(folded.Refused(RestoredRecord{Epoch(5), "r"}), HasSubstr("is the newest"));
  EXPECT_THAT(folded.Refused(RestoredRecord{Epoch(6), "r"}), HasSubstr("is not kept"));
}

TEST(JobLogFoldTest, RefusesToGoBackOverEpochsItNoLongerKnows) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0)).Then(MakeSavepoint(1));
  for (int64_t i = 2; i <= 6; ++i) folded.Then(MakeManifest(2, i, i));
  ASSERT_THAT(Epochs(folded.state), ElementsAre(4, 8, 9));
  EXPECT_THAT(folded.Refused(RestoredRecord{Epoch(4), "r"}), HasSubstr("no longer kept"));
  folded.Then(RestoredRecord{Epoch(8), "r"});
}

TEST(JobLogFoldTest, AFoldKnowsSavepointsAndGoingBack) {
  Folded folded = Started();
  folded.Then(MakeManifest(2, 0)).Then(MakeSavepoint(1));
  for (int64_t i = 2; i <= 6; ++i) folded.Then(MakeManifest(2, i, i));
  folded.Then(RestoredRecord{Epoch(8), "r"});
  const absl::StatusOr<JobLogState> back = DecodeFold(EncodeFold(folded.state));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->last_epoch, Epoch(9));
  EXPECT_EQ(back->dropped_epoch, Epoch(7));
  EXPECT_EQ(back->restored_at, 10);
  EXPECT_TRUE(back->checkpoints.front().manifest.savepoint);
  EXPECT_EQ(EncodeFold(*back), EncodeFold(folded.state));
}

TEST(JobLogCodecTest, TheOriginOfAJobComesBackWhole) {
  JobOrigin origin;
  origin.job = "old-0123abcd";
  origin.lineage = "lineage";
  origin.epoch = Epoch(17);
  origin.manifest = MakeManifest(2, 5, 99);
  origin.staged = {{Epoch(16), MakeFile("activity", "a")}, {Epoch(17), MakeFile("activity", "b")}};
  origin.restore_tables = true;
  origin.continued = {"activity"};
  origin.undone = {"other"};
  JobSpec spec = MakeSpec();
  spec.origin = std::make_shared<const JobOrigin>(origin);
  const auto record = DecodeLogRecord(EncodeLogRecord(Record("1", spec)));
  ASSERT_TRUE(record.ok()) << record.status();
  const JobOrigin& back = *std::get<JobSpec>(record->body).origin;
  EXPECT_EQ(back.job, origin.job);
  EXPECT_EQ(back.lineage, origin.lineage);
  EXPECT_EQ(back.epoch, origin.epoch);
  EXPECT_EQ(back.manifest.positions, origin.manifest.positions);
  ASSERT_EQ(back.staged.size(), 2u);
  EXPECT_EQ(back.staged[1].epoch, Epoch(17));
  EXPECT_EQ(back.staged[1].file, origin.staged[1].file);
  EXPECT_TRUE(back.restore_tables);
  EXPECT_EQ(back.continued, origin.continued);
  EXPECT_EQ(back.undone, origin.undone);
  EXPECT_EQ(
      std::get<JobSpec>(DecodeLogRecord(EncodeLogRecord(Record("1", MakeSpec())))->body).origin,
      nullptr);
}

TEST(JobLogCodecTest, SavepointRecordsComeBack) {
  const auto dropped =
      DecodeLogRecord(EncodeLogRecord(Record("1", DroppedSavepointRecord{Epoch(7)})));
  EXPECT_EQ(std::get<DroppedSavepointRecord>(dropped->body).epoch, Epoch(7));
  const auto back = DecodeLogRecord(EncodeLogRecord(Record("1", RestoredRecord{Epoch(8), "why"})));
  EXPECT_EQ(std::get<RestoredRecord>(back->body).epoch, Epoch(8));
  EXPECT_EQ(std::get<RestoredRecord>(back->body).reason, "why");
  const auto kept = DecodeLogRecord(EncodeLogRecord(Record("1", MakeSavepoint(1))));
  EXPECT_TRUE(std::get<Manifest>(kept->body).savepoint);
}

TEST(JobLogFoldTest, ADamagedFoldIsDataLoss) {
  FaultyBlobStore store;
  const JobLogState state = LongLog(&store);
  const std::string bytes = EncodeFold(state);
  for (size_t i = 0; i < bytes.size(); i += 7) {
    std::string flipped = bytes;
    flipped[i] ^= 0x20;
    EXPECT_TRUE(absl::IsDataLoss(DecodeFold(flipped).status())) << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeFold(EncodeLogRecord(FullCheckpoint())).status()));
  store.Overwrite(LogFoldName(kJob, 10), bytes.substr(0, 40));
  JobLogState fresh;
  EXPECT_EQ(JobLog(&store, kJob).CatchUp(&fresh), absl::OkStatus())
      << "all records are still there";
  ASSERT_EQ(store.Delete(LogRecordName(kJob, 1)), absl::OkStatus());
  fresh = {};
  EXPECT_TRUE(absl::IsDataLoss(JobLog(&store, kJob).CatchUp(&fresh)));
}

// Two coordinators that both believe they act, over a store that loses and delays answers: whatever
// either was told it appended stands in the log exactly once, in order.
TEST(JobLogRaceTest, AppendedRecordsStandExactlyOnce) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    FaultyBlobStore store;
    JobLogState states[2];
    std::optional<LogRecord> unknown[2];
    std::map<std::string, int64_t> told;
    ASSERT_TRUE(JobLog(&store, kJob).Append(Record("spec", MakeSpec()), &states[0]).ok());
    states[1] = states[0];
    int next_id = 0;
    for (int step = 0; step < 60; ++step) {
      const int who = static_cast<int>(random() % 2);
      JobLog log(&store, kJob);
      std::deque<PutFault> faults;
      for (int i = 0; i < kAppendAttempts; ++i)
        faults.push_back(static_cast<PutFault>(random() % 5));
      store.PlanPuts(faults);
      if (random() % 4 == 0) store.FailGets(1 + static_cast<int>(random() % 3));
      const LogRecord record = unknown[who]
                                   ? *unknown[who]
                                   : Record(std::to_string(next_id++), StartedRecord{"c", "r", 1});
      const absl::StatusOr<int64_t> n = log.Append(record, &states[who]);
      unknown[who].reset();
      if (n.ok()) {
        ASSERT_TRUE(told.emplace(record.id, *n).second);
      } else if (absl::IsUnavailable(n.status())) {
        unknown[who] = record;
      } else {
        ASSERT_TRUE(absl::IsAborted(n.status())) << n.status();
        store.FailGets(0);
        ASSERT_EQ(log.CatchUp(&states[who]), absl::OkStatus());
      }
      store.FailGets(0);
      if (random() % 3 == 0) store.DeliverLate();
    }
    store.PlanPuts({});
    store.DeliverLate();
    JobLogState final_state;
    ASSERT_EQ(JobLog(&store, kJob).CatchUp(&final_state), absl::OkStatus());
    std::map<std::string, int64_t> stands;
    for (const auto& [name, bytes] : store.Snapshot()) {
      const LogRecord record = DecodeLogRecord(bytes).value();
      ASSERT_TRUE(stands.emplace(record.id, std::stoll(name.substr(name.size() - 20))).second)
          << record.id << " stands twice";
    }
    for (const auto& [id, n] : told) ASSERT_EQ(stands.at(id), n) << "record " << id;
  }
}

}  // namespace
}  // namespace weir
