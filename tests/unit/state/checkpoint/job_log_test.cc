#include "state/checkpoint/job_log.h"

#include <deque>
#include <random>

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
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/1009), absl::OkStatus());
  EXPECT_EQ(store.Snapshot().size(), 11u) << "the fold isn't old enough";
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/1010), absl::OkStatus());
  EXPECT_EQ(store.Snapshot().size(), 1u);
  ASSERT_EQ(log.Append(Record("11", MakeManifest(2, 7, 7)), &state).value(), 11);
  JobLogState fresh;
  ASSERT_EQ(JobLog(&store, kJob).CatchUp(&fresh), absl::OkStatus());
  EXPECT_EQ(fresh.tail, 11);
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
  ASSERT_EQ(log.RemoveFolded(/*before_ms=*/100'000), absl::OkStatus());
  // Its number is free again, and so is the next: only the fold tells.
  EXPECT_TRUE(absl::IsAborted(log.Append(Record("z", MakeManifest(2, 7, 9)), &asleep).status()));
  JobLogState fresh;
  ASSERT_EQ(log.CatchUp(&fresh), absl::OkStatus());
  EXPECT_EQ(fresh.tail, 12);
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
