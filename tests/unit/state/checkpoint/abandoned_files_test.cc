#include "state/checkpoint/abandoned_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kJob[] = "activity-0a1b2c3d";

OperatorSpec SinkOperatorOf(int sink) {
  OperatorSpec spec;
  spec.id = absl::StrCat("op", sink);
  spec.op = SinkOp{.sink = sink};
  return spec;
}

// Vertex 0 ends in the dead-letter table (sink 2); vertex 1 in the main table (0) and its late rows
// (1).
JobSpec MakeSpec() {
  JobSpec spec;
  spec.name = "activity";
  spec.plan.sinks.resize(3);
  spec.plan.sinks[0].id = "activity";
  spec.plan.sinks[1].id = "activity#late";
  spec.plan.sinks[2].id = "t#dead_letter";
  spec.plan.vertices.resize(2);
  spec.plan.vertices[0].operators = {SinkOperatorOf(2)};
  spec.plan.vertices[1].operators = {SinkOperatorOf(0), SinkOperatorOf(1)};
  spec.plan.settings.retain_checkpoints = 1;
  return spec;
}

std::string Name(int64_t generation, int vertex, int op, int task, int64_t number) {
  return DataFileName(kJob, {{Generation(generation), {vertex, task}, op}, number});
}
std::string Main(int64_t generation, int task, int64_t number) {
  return Name(generation, 1, 0, task, number);
}

// A job's log; record 1 is its submission.
class AbandonedFilesTest : public ::testing::Test {
 protected:
  AbandonedFilesTest() { Append(MakeSpec()); }

  template <class Body>
  int64_t Append(Body body) {
    const LogRecord record{absl::StrCat(log_.tail), 1, std::move(body)};
    const absl::Status status = Apply(log_.tail + 1, record, &log_);
    EXPECT_TRUE(status.ok()) << status;
    return log_.tail;
  }
  int64_t Start(int parallelism = 2) {
    const int64_t n = Append(StartedRecord{"c", "r", parallelism});
    if (log_.checkpoints.empty()) Publish({});  // made before a row is read
    return n;
  }
  // A checkpoint with these files of the main table.
  int64_t Publish(const std::vector<std::string>& files, const std::string& sink = "activity") {
    Manifest manifest;
    manifest.generation = log_.generation;
    manifest.checkpoint = CheckpointId(checkpoint_++);
    for (const std::string& name : files) {
      StagedFile file;
      file.sink = sink;
      file.path = name;
      manifest.staged.push_back(file);
    }
    return Append(manifest);
  }
  void Commit(int64_t epoch) {
    for (const SinkSpec& sink : log_.spec->plan.sinks)
      Append(CommittedRecord{sink.id, Epoch(epoch), 1});
  }
  std::vector<std::string> Abandoned(const std::vector<std::string>& found,
                                     const std::set<std::string>& in_table = {}) const {
    return AbandonedFiles(kJob, log_, 0, found, in_table);
  }

  JobLogState log_;
  int64_t checkpoint_ = 0;
};

TEST_F(AbandonedFilesTest, TakesWhatAFencedGenerationNeverPublished) {
  const int64_t old = Start();
  Commit(Publish({Main(old, 0, 0), Main(old, 0, 1), Main(old, 1, 0)}));
  const int64_t current = Start();
  Publish({Main(current, 0, 0)});
  EXPECT_THAT(MayBeAbandoned(log_, 0), SizeIs(2));
  EXPECT_EQ(DataFileName(kJob, MayBeAbandoned(log_, 0)[0]), Main(old, 0, 2));
  EXPECT_EQ(DataFileName(kJob, MayBeAbandoned(log_, 0)[1]), Main(old, 1, 1));
  EXPECT_THAT(Abandoned({Main(old, 0, 2), Main(old, 0, 3), Main(old, 1, 1)}),
              ElementsAre(Main(old, 0, 2), Main(old, 0, 3), Main(old, 1, 1)));
}

TEST_F(AbandonedFilesTest, KnowsLateAndDeadLetterTables) {
  const int64_t old = Start(1);
  Publish({Name(old, 1, 1, 0, 0)}, "activity#late");
  Commit(Publish({Name(old, 0, 0, 0, 0)}, "t#dead_letter"));
  Start(1);
  Publish({});
  EXPECT_EQ(DataFileName(kJob, MayBeAbandoned(log_, 1).at(0)), Name(old, 1, 1, 0, 1));
  EXPECT_EQ(DataFileName(kJob, MayBeAbandoned(log_, 2).at(0)), Name(old, 0, 0, 0, 1));
  EXPECT_THAT(AbandonedFiles(kJob, log_, 1, {Name(old, 1, 1, 0, 1), Name(old, 0, 0, 0, 1)}, {}),
              ElementsAre(Name(old, 1, 1, 0, 1)));
}

TEST_F(AbandonedFilesTest, KnowsEveryTaskOfEveryStart) {
  const int64_t first_start = Start(3);
  const int64_t second_start = Start(1);  // no files of it are published: they may begin anywhere
  Commit(Publish({}));
  Start(2);
  Publish({});
  std::vector<std::string> first;
  for (const PlannedDataFile& file : MayBeAbandoned(log_, 0))
    first.push_back(DataFileName(kJob, file));
  EXPECT_THAT(first, ElementsAre(Main(first_start, 0, 0), Main(first_start, 1, 0),
                                 Main(first_start, 2, 0), Main(second_start, 0, 0)));
}

// ---- What must stay

TEST_F(AbandonedFilesTest, LeavesOutGenerationsBeforeTheOneAskedFor) {
  Start();
  const int64_t second = Start();
  Start();
  Publish({});
  const size_t all = MayBeAbandoned(log_, 0).size();
  EXPECT_THAT(MayBeAbandoned(log_, 0, Generation(second)), SizeIs(all / 2));
  EXPECT_EQ(MayBeAbandoned(log_, 0, Generation(second)).front().writer.generation.value, second);
  EXPECT_THAT(MayBeAbandoned(log_, 0, Generation(second + 1)), IsEmpty());
}

TEST_F(AbandonedFilesTest, NothingBeforeTheNewGenerationHasPublished) {
  const int64_t old = Start();
  Commit(Publish({Main(old, 0, 0)}));
  Start();
  EXPECT_THAT(MayBeAbandoned(log_, 0), IsEmpty());
  EXPECT_THAT(Abandoned({Main(old, 0, 1)}), IsEmpty());
}

TEST_F(AbandonedFilesTest, NothingWhileAnEpochOfTheOldOneAwaitsItsCommit) {
  const int64_t old = Start();
  Publish({Main(old, 0, 0)});
  Start();
  const int64_t ours = Publish({});
  EXPECT_THAT(Abandoned({Main(old, 0, 1)}), IsEmpty());
  Commit(ours);
  EXPECT_THAT(Abandoned({Main(old, 0, 1)}), SizeIs(1));
}

TEST_F(AbandonedFilesTest, NothingOfTheRunningGeneration) {
  Start();
  Commit(Publish({}));
  const int64_t current = Start();
  Publish({Main(current, 0, 0)});
  EXPECT_THAT(Abandoned({Main(current, 0, 0), Main(current, 0, 1), Main(current + 1, 0, 0)}),
              IsEmpty());
}

TEST_F(AbandonedFilesTest, NothingThatWasPublished) {
  const int64_t old = Start();
  Publish({Main(old, 0, 0)});
  Commit(Publish({Main(old, 0, 1)}));
  Start();
  Commit(Publish({}));
  Commit(Publish({}));  // and whose manifests are gone by now
  EXPECT_THAT(log_.checkpoints, SizeIs(1));
  EXPECT_THAT(Abandoned({Main(old, 0, 0), Main(old, 0, 1), Main(old, 0, 2)}),
              ElementsAre(Main(old, 0, 2)));
}

TEST_F(AbandonedFilesTest, NothingThatTheTableOrAManifestNames) {
  const int64_t old = Start();
  Commit(Publish({Main(old, 0, 0)}));
  Start();
  // Nobody publishes another generation's file; if it were so all the same, it stays.
  Publish({Main(old, 0, 1)});
  EXPECT_THAT(Abandoned({Main(old, 0, 1), Main(old, 0, 2), Main(old, 0, 3)}, {Main(old, 0, 3)}),
              ElementsAre(Main(old, 0, 2)));
}

TEST_F(AbandonedFilesTest, NothingThatWasNotPlanned) {
  const int64_t old = Start(2);
  Commit(Publish({}));
  Start(2);
  Publish({});
  const std::string ours = Main(old, 0, 0);
  EXPECT_THAT(
      Abandoned({"part-00000-7d0c.snappy.parquet", "", "_delta_log", ours + ".crc",
                 // Another job's, another task than there were, another operator's table.
                 DataFileName("other-0a1b2c3d", {{Generation(old), {1, 0}, 0}, 0}), Main(old, 2, 0),
                 Name(old, 1, 1, 0, 0), Name(old, 0, 0, 0, 0), Main(old - 1, 0, 0)}),
      IsEmpty());
  EXPECT_THAT(Abandoned({ours}), SizeIs(1));
}

TEST_F(AbandonedFilesTest, NothingOfAJobThatNeverStartedAnew) {
  const int64_t only = Start();
  Commit(Publish({Main(only, 0, 0)}));
  EXPECT_THAT(MayBeAbandoned(log_, 0), IsEmpty());
  EXPECT_THAT(MayBeAbandoned(JobLogState(), 0), IsEmpty());
}

TEST_F(AbandonedFilesTest, AFoldKnowsTheSame) {
  const int64_t old = Start();
  Commit(Publish({Main(old, 0, 4)}));
  Start();
  Publish({Main(log_.generation.value, 1, 0)});
  const std::vector<PlannedDataFile> before = MayBeAbandoned(log_, 0);
  EXPECT_EQ(before.at(0).number, 5);
  const std::vector<VertexSpec> vertices = std::exchange(log_.spec->plan.vertices, {});
  auto decoded = DecodeFold(EncodeFold(log_));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->next_files, log_.next_files);
  decoded->spec->plan.vertices = vertices;  // these aren't whole enough to be stored
  EXPECT_EQ(MayBeAbandoned(*decoded, 0), before);
}

// Seeded by hand: every order of the events of two generations, and a sweep after each. A file that
// a manifest names must outlive all of them, whoever closed it and whenever. Each condition left
// out of the decision deletes one.
TEST_F(AbandonedFilesTest, EveryConditionCounts) {
  const int64_t old = Start(1);
  const std::string published = Main(old, 0, 0), open = Main(old, 0, 1);
  const auto sweep = [&] { return Abandoned({published, open}); };
  EXPECT_THAT(sweep(), IsEmpty()) << "it runs";
  const int64_t epoch = Publish({published});
  EXPECT_THAT(sweep(), IsEmpty()) << "it runs, and may publish the open file next";
  Start(1);
  EXPECT_THAT(sweep(), IsEmpty()) << "fenced, but nothing shows that the new one lives";
  Publish({});
  EXPECT_THAT(sweep(), IsEmpty()) << "its epoch isn't in the table";
  Append(CommittedRecord{"activity#late", Epoch(epoch), 1});
  EXPECT_THAT(sweep(), IsEmpty()) << "another table's commit says nothing of this one";
  Append(CommittedRecord{"activity", Epoch(epoch), 1});
  EXPECT_THAT(sweep(), ElementsAre(open));
}

}  // namespace
}  // namespace weir
