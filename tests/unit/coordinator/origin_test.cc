#include "coordinator/origin.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Manifest TestManifest() {
  Manifest manifest;
  manifest.generation = Generation(2);
  manifest.checkpoint = CheckpointId(7);
  manifest.positions = {{.source = "src", .partition = 0, .next_offset = 12}};
  OperatorState state;
  state.state_id = "agg";
  state.key_groups = {0, kKeyGroups};
  StateFile file;
  file.path = "state/agg/0000000002-0-4096-x.sst";
  state.files = {file};
  manifest.states = {state};
  manifest.counters[0].read = manifest.counters[0].used = 12;
  return manifest;
}

SourceOp& SourceIn(Plan* plan) { return std::get<SourceOp>(plan->vertices[0].operators[0].op); }
FinalAggregateOp& AggregateIn(Plan* plan) {
  return std::get<FinalAggregateOp>(plan->vertices[1].operators[0].op);
}

class PlanFitsTest : public ::testing::Test {
 protected:
  std::string Refused(const Plan& next) {
    const absl::Status status = FitCheckpoint(before_, manifest_, next, {}).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return std::string(status.message());
  }
  const Plan before_ = TestSpec().plan;
  Manifest manifest_ = TestManifest();
};

TEST_F(PlanFitsTest, TheSameQueryFits) {
  EXPECT_EQ(FitCheckpoint(before_, manifest_, before_, {}).status(), absl::OkStatus());
  Plan elsewhere = before_;
  elsewhere.sinks[0].path = "/tables/other";
  elsewhere.settings.parallelism = 7;
  elsewhere.settings.checkpoint_interval_us = 5;
  SourceIn(&elsewhere).watermark_bound_us = 99;
  EXPECT_EQ(FitCheckpoint(before_, manifest_, elsewhere, {}).status(), absl::OkStatus());
}

// Peers, row 18 (FLINK-27572, 30437, 35857): an upgrade that silently starts empty.
TEST_F(PlanFitsTest, Row18StateThatWouldStartEmptyIsRefused) {
  Plan next = before_;
  AggregateIn(&next).spec.state_id = "another";
  EXPECT_THAT(Refused(next), AllOf(HasSubstr("no state for activity"), HasSubstr("start empty")));
}

TEST_F(PlanFitsTest, Row18StateThatWouldBeLostIsRefused) {
  Plan next = before_;
  next.vertices.pop_back();
  EXPECT_THAT(Refused(next), HasSubstr("it would be lost"));
}

TEST_F(PlanFitsTest, ASourceMoreOrLessIsRefused) {
  Plan next = before_;
  next.vertices[0].operators[0].id = "src2";
  EXPECT_THAT(Refused(next), HasSubstr("has no positions of"));
  next = before_;
  next.vertices[0].operators.clear();
  EXPECT_THAT(Refused(next), HasSubstr("doesn't read"));
  next = before_;
  SourceIn(&next).kafka.stop_at_latest = true;
  EXPECT_THAT(Refused(next), HasSubstr("`stop`"));
}

TEST_F(PlanFitsTest, AnInsertMoreOrLessIsRefused) {
  Plan next = before_;
  next.inserts.push_back({0, "activity#2", 0});
  EXPECT_THAT(Refused(next), HasSubstr("would miss every row before it"));
  next = before_;
  next.inserts.clear();
  EXPECT_THAT(Refused(next), HasSubstr("which the script doesn't have"));
}

TEST_F(PlanFitsTest, AFinishedRunIsRefused) {
  manifest_.sources_finished = true;
  EXPECT_THAT(Refused(before_), HasSubstr("nothing to go on with"));
}

TEST_F(PlanFitsTest, CountersFollowTheInsertsNames) {
  Plan before = before_;
  before.inserts = {{0, "a", 0}, {0, "b", 0}};
  Plan next = before;
  std::swap(next.inserts[0], next.inserts[1]);
  manifest_.counters[0].read = 1;
  manifest_.counters[1].read = 2;
  const auto fit = FitCheckpoint(before, manifest_, next, {});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->manifest.counters.at(0).read, 2);
  EXPECT_EQ(fit->manifest.counters.at(1).read, 1);
}

using Kind = CarriedState::Kind;
using Fate = CarriedState::Fate;

TEST_F(PlanFitsTest, SaysWhatIsCarried) {
  manifest_.states[0].files[0].size = 70;
  manifest_.states.push_back(manifest_.states[0]);  // one file in two tasks' lists
  StagedFile file;
  manifest_.staged = {file};
  const auto fit = FitCheckpoint(before_, manifest_, before_, {});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_THAT(fit->states, ElementsAre(CarriedState{Kind::kPositions, "events", Fate::kKept, 0, 1},
                                       CarriedState{Kind::kWindows, "activity", Fate::kKept, 70},
                                       CarriedState{Kind::kCounters, "activity", Fate::kKept}));
  EXPECT_EQ(fit->manifest.states, manifest_.states);
  EXPECT_THAT(fit->manifest.staged, IsEmpty());
}

TEST_F(PlanFitsTest, NamedStateIsDroppedAndTheNewOneBeginsWhereItEnded) {
  manifest_.watermark = EventTime{50};
  manifest_.states[0].watermark = EventTime{60};
  Plan next = before_;
  AggregateIn(&next).spec.state_id = "another";
  const auto fit = FitCheckpoint(before_, manifest_, next, {"activity"});
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_EQ(fit->manifest.states.size(), 1u);
  const OperatorState& begins = fit->manifest.states[0];
  EXPECT_EQ(begins.state_id, "another");
  EXPECT_THAT(begins.files, IsEmpty());
  EXPECT_EQ(begins.watermark, EventTime{60}) << "what has fired doesn't fire again";
  EXPECT_EQ(begins.key_groups, (KeyGroupRange{0, kKeyGroups}));
  EXPECT_THAT(fit->states,
              UnorderedElementsAre(CarriedState{Kind::kPositions, "events", Fate::kKept, 0, 1},
                                   CarriedState{Kind::kWindows, "activity", Fate::kEmpty},
                                   CarriedState{Kind::kWindows, "activity", Fate::kDropped},
                                   CarriedState{Kind::kCounters, "activity", Fate::kKept}));
}

TEST_F(PlanFitsTest, DroppingOneNameAllowsNoOther) {
  Plan next = before_;
  AggregateIn(&next).spec.state_id = "another";
  const auto fit = FitCheckpoint(before_, manifest_, next, {"activity2", "agg"});
  EXPECT_TRUE(absl::IsFailedPrecondition(fit.status())) << fit.status();
  EXPECT_THAT(std::string(fit.status().message()), HasSubstr("--drop-state activity"));
}

TEST_F(PlanFitsTest, PositionsAreNeverDropped) {
  Plan next = before_;
  next.vertices[0].operators[0].id = "src2";
  EXPECT_FALSE(FitCheckpoint(before_, manifest_, next, {"events", "activity"}).ok());
}

TEST_F(PlanFitsTest, ANamedInsertIsLeftBehind) {
  Plan next = before_;
  next.inserts.clear();
  next.vertices.pop_back();
  const auto fit = FitCheckpoint(before_, manifest_, next, {"activity"});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_THAT(fit->manifest.states, IsEmpty());
  EXPECT_THAT(fit->manifest.counters, IsEmpty());
  next = before_;
  next.inserts.push_back({0, "new", 0});
  EXPECT_FALSE(FitCheckpoint(before_, manifest_, next, {"new"}).ok())
      << "dropping can't give a new INSERT the rows before it";
}

TEST(ChooseCheckpointTest, NamesWhatThereIs) {
  OriginJob origin;
  origin.id = "old";
  EXPECT_TRUE(absl::IsFailedPrecondition(ChooseCheckpoint(origin, Epoch()).status()));
  Manifest savepoint = TestManifest();
  savepoint.savepoint = true;
  origin.log.checkpoints = {{Epoch(5), savepoint}, {Epoch(9), TestManifest()}};
  EXPECT_EQ((*ChooseCheckpoint(origin, Epoch()))->epoch, Epoch(9));
  EXPECT_EQ((*ChooseCheckpoint(origin, Epoch(5)))->epoch, Epoch(5));
  EXPECT_THAT(std::string(ChooseCheckpoint(origin, Epoch(7)).status().message()),
              HasSubstr("there are 5*, 9"));
}

TEST(FamilyTest, BranchesAreAllButAncestors) {
  // a → b → c, a → d → e; x → y.
  const std::map<std::string, std::string> parents{
      {"b", "a"}, {"c", "b"}, {"d", "a"}, {"e", "d"}, {"y", "x"}};
  EXPECT_THAT(FamilyOf("d", parents), UnorderedElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(BranchesOf("a", parents), UnorderedElementsAre("b", "c", "d", "e"));
  EXPECT_THAT(BranchesOf("d", parents), UnorderedElementsAre("b", "c", "e"));
  EXPECT_THAT(BranchesOf("c", parents), UnorderedElementsAre("d", "e"));
  EXPECT_THAT(BranchesOf("alone", parents), IsEmpty());
}

TEST(ImportedManifestTest, TakesAllButTheFilesOfTheTables) {
  JobOrigin origin;
  origin.epoch = Epoch(9);
  origin.manifest = TestManifest();
  origin.manifest.savepoint = true;
  StagedFile file;
  file.path = "late-committed";
  file.closed_by = CheckpointId(6);
  origin.staged = {{Epoch(8), file}};
  const Manifest manifest = ImportedManifest(origin, Generation(2), 42);
  EXPECT_EQ(manifest.checkpoint, CheckpointId(0));
  EXPECT_EQ(manifest.created_ms, 42);
  EXPECT_FALSE(manifest.savepoint);
  EXPECT_EQ(manifest.positions, origin.manifest.positions);
  EXPECT_EQ(manifest.counters.at(0).read, 12);
  ASSERT_EQ(manifest.staged.size(), 1u);
  EXPECT_EQ(manifest.staged[0].path, "late-committed");
  EXPECT_EQ(manifest.staged[0].closed_by, CheckpointId(0));
  EXPECT_EQ(manifest.states[0].files[0].path, "state/agg/0000000000-0000000002-0-4096-x.sst");
}

TEST(ImportedManifestTest, APathIsRenamedOnce) {
  const std::string once = ImportedStatePath("state/agg/0000000002-x.sst");
  EXPECT_EQ(ImportedStatePath(once), once);
}

// ---- The machine's part

class ImportingMachineTest : public ::testing::Test {
 protected:
  ImportingMachineTest() : job_(Spec()) {
    job_.AddWorker("a");
    job_.AppendOk();
  }
  static JobSpec Spec() {
    JobSpec spec = TestSpec();
    JobOrigin origin;
    origin.job = "old";
    origin.epoch = Epoch(9);
    origin.manifest = TestManifest();
    spec.origin = std::make_shared<const JobOrigin>(origin);
    return spec;
  }
  JobHarness job_;
};

TEST_F(ImportingMachineTest, TheFirstCheckpointIsTheOthers) {
  const auto import = job_.Expect<ImportAction>();
  EXPECT_FALSE(job_.Take<DescribeSourceAction>().has_value());
  EXPECT_FALSE(job_.Take<AppendAction>().has_value()) << "not before the import is done";
  job_.Send(ImportedEvent{import.generation, absl::OkStatus()});
  const Manifest first = std::get<Manifest>(job_.AppendOk().body);
  EXPECT_EQ(first.positions[0].next_offset, 12);
  const DeployAction deploy = job_.FinishDeploy();
  bool restored = false;
  for (const TaskDeployment& task : deploy.tasks) restored |= !task.restore.states.empty();
  EXPECT_TRUE(restored);
  EXPECT_EQ(job_.machine->base_counters().at(0).read, 12);
}

TEST_F(ImportingMachineTest, WhatMayPassIsWaitedFor) {
  auto import = job_.Expect<ImportAction>();
  job_.Send(ImportedEvent{import.generation, absl::UnavailableError("the table is away")});
  EXPECT_EQ(job_.machine->state(), JobState::kWaiting);
  EXPECT_THAT(job_.machine->reason(), HasSubstr("the table is away"));
  job_.Pass(1'000'000);
  import = job_.Expect<ImportAction>("again");
  job_.Send(ImportedEvent{import.generation, absl::OkStatus()});
  EXPECT_TRUE(std::holds_alternative<Manifest>(job_.AppendOk().body));
}

TEST_F(ImportingMachineTest, WhatCanNotBeDoneFailsTheJob) {
  const auto import = job_.Expect<ImportAction>();
  job_.Send(ImportedEvent{import.generation, absl::FailedPreconditionError("file x is gone")});
  const EndedRecord ended = std::get<EndedRecord>(job_.AppendOk().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, AllOf(HasSubstr("epoch 9 of job old"), HasSubstr("file x is gone")));
}

TEST_F(ImportingMachineTest, ANewCoordinatorBeginsAgainUntilTheFirstCheckpointStands) {
  job_.Expect<ImportAction>();
  job_.Boot(job_.machine->log(), /*took_over=*/true);
  job_.Pass(3'000'000);
  job_.AppendOk();
  const auto again = job_.Expect<ImportAction>();
  // The answer to the machine before this one doesn't count.
  job_.Send(ImportedEvent{Generation(2), absl::OkStatus()});
  EXPECT_FALSE(job_.Take<AppendAction>().has_value());
  job_.Send(ImportedEvent{again.generation, absl::OkStatus()});
  EXPECT_TRUE(std::holds_alternative<Manifest>(job_.AppendOk().body));
  job_.Boot(job_.machine->log(), /*took_over=*/true);
  job_.Pass(3'000'000);
  job_.AppendOk();
  EXPECT_FALSE(job_.Take<ImportAction>().has_value());
  job_.FinishDeploy();
}

}  // namespace
}  // namespace weir
