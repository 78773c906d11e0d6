#include "state/checkpoint/recovery.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// source "s<i>" → vertex i for each topic, all feeding one vertex of owners with state "agg".
Plan MakePlan(int sources, bool stateful = true) {
  Plan plan;
  for (int i = 0; i < sources; ++i) {
    OperatorSpec op;
    op.id = "s" + std::to_string(i);
    SourceOp source;
    source.table = "t" + std::to_string(i);
    op.op = source;
    VertexSpec vertex;
    vertex.operators = {op};
    plan.vertices.push_back(vertex);
  }
  VertexSpec owners;
  if (stateful) {
    FinalAggregateOp aggregate;
    aggregate.spec.state_id = "agg";
    OperatorSpec op;
    op.id = "final";
    op.op = aggregate;
    owners.operators = {op};
  }
  plan.vertices.push_back(owners);
  plan.inserts = {{0, "activity", 0}};
  SinkSpec sink;
  sink.id = "activity";
  plan.sinks = {sink};
  return plan;
}

Manifest WithPartitions(std::vector<std::pair<std::string, int>> counts) {
  Manifest manifest;
  for (const auto& [source, count] : counts) {
    for (int p = 0; p < count; ++p) {
      manifest.positions.push_back({.source = source, .partition = p, .next_offset = 10 + p});
    }
  }
  return manifest;
}

TEST(BuildRestoreTest, PartitionsAreSpreadEvenlyAndSourcesOneBehindTheOther) {
  const Plan plan = MakePlan(2);
  const auto tasks = BuildRestore(WithPartitions({{"s0", 3}, {"s1", 3}}), plan, 4).value();
  ASSERT_EQ(tasks.size(), 12u);
  std::map<int, int> per_index;
  for (const auto& [task, restore] : tasks) {
    per_index[task.index] += static_cast<int>(restore.positions.size());
    for (const PartitionPosition& position : restore.positions) {
      EXPECT_EQ(position.source, "s" + std::to_string(task.vertex));
      EXPECT_EQ(position.next_offset, 10 + position.partition);
    }
  }
  // Six partitions on four indexes: none idles, none has three.
  EXPECT_THAT(per_index,
              ElementsAre(std::pair(0, 2), std::pair(1, 2), std::pair(2, 1), std::pair(3, 1)));
}

TEST(BuildRestoreTest, EveryPartitionGoesToExactlyOneTask) {
  for (int parallelism = 1; parallelism <= 9; ++parallelism) {
    const auto tasks = BuildRestore(WithPartitions({{"s0", 7}}), MakePlan(1), parallelism).value();
    std::multiset<int32_t> seen;
    for (const auto& [task, restore] : tasks) {
      for (const PartitionPosition& position : restore.positions) seen.insert(position.partition);
    }
    EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4, 5, 6)) << parallelism;
  }
}

TEST(BuildRestoreTest, StateGoesToEveryTaskThatOverlapsIt) {
  Manifest manifest;
  for (int i = 0; i < 2; ++i) {
    OperatorState state;
    state.state_id = "agg";
    state.key_groups = KeyGroupsOfTask(i, 2);
    manifest.states.push_back(state);
  }
  const auto tasks = BuildRestore(manifest, MakePlan(1), 3).value();
  EXPECT_EQ(tasks.at({1, 0}).states.size(), 1u);
  EXPECT_EQ(tasks.at({1, 1}).states.size(), 2u);
  EXPECT_EQ(tasks.at({1, 2}).states.size(), 1u);
  EXPECT_TRUE(tasks.at({0, 1}).states.empty());
  EXPECT_EQ(tasks.at({1, 2}).key_groups, KeyGroupsOfTask(2, 3));
}

TEST(BuildRestoreTest, RefusesPositionsAndStateThatThePlanDoesNotKnow) {
  EXPECT_THAT(BuildRestore(WithPartitions({{"gone", 1}}), MakePlan(1), 1).status().ToString(),
              HasSubstr("positions of source gone"));
  Manifest manifest;
  manifest.states.resize(1);
  manifest.states[0].state_id = "other";
  EXPECT_THAT(BuildRestore(manifest, MakePlan(1), 1).status().ToString(), HasSubstr("state other"));
}

TaskSnapshot Snapshot(int vertex, int index, int64_t read = 0) {
  TaskSnapshot snapshot;
  snapshot.task = {vertex, index};
  if (vertex == 0) {
    snapshot.positions = {{.source = "s0", .partition = index, .next_offset = 100}};
    snapshot.counters[0].read = read;
  } else {
    snapshot.counters[0].used = read;
    snapshot.watermark = EventTime{1000 + index};
  }
  return snapshot;
}

CheckpointParts Parts() {
  CheckpointParts parts;
  parts.generation = Generation(2);
  parts.checkpoint = CheckpointId(3);
  parts.snapshots = {Snapshot(0, 0, 5), Snapshot(0, 1, 7), Snapshot(1, 0, 4), Snapshot(1, 1, 8)};
  return parts;
}

TEST(BuildManifestTest, TotalsAreTheBasePlusWhatTasksCounted) {
  CheckpointParts parts = Parts();
  parts.base[0].read = 100;
  parts.base[0].used = 90;
  parts.base[0].bad["syntax"] = 10;
  const Manifest manifest = BuildManifest(parts, Manifest(), MakePlan(1), 2).value();
  EXPECT_EQ(manifest.counters.at(0).read, 112);
  EXPECT_EQ(manifest.counters.at(0).used, 102);
  EXPECT_EQ(manifest.counters.at(0).bad_total(), 10);
  EXPECT_EQ(manifest.positions.size(), 2u);
  EXPECT_EQ(manifest.watermark, EventTime{1000});
}

TEST(BuildManifestTest, TheWatermarkNeverGoesBack) {
  Manifest previous;
  previous.watermark = EventTime{5000};
  EXPECT_EQ(BuildManifest(Parts(), previous, MakePlan(1), 2)->watermark, EventTime{5000});
}

TEST(BuildManifestTest, RefusesMissingAndRepeatedTasks) {
  CheckpointParts parts = Parts();
  parts.snapshots.pop_back();
  EXPECT_THAT(BuildManifest(parts, Manifest(), MakePlan(1), 2).status().ToString(),
              HasSubstr("task 1/1 is missing"));
  parts = Parts();
  parts.snapshots.push_back(parts.snapshots[0]);
  EXPECT_FALSE(BuildManifest(parts, Manifest(), MakePlan(1), 2).ok());
}

TEST(BuildManifestTest, RefusesFilesStagedTwiceOrFromTheFuture) {
  CheckpointParts parts = Parts();
  StagedFile file;
  file.sink = "activity";
  file.path = "a.parquet";
  file.closed_by = CheckpointId(3);
  parts.staged = {file, file};
  EXPECT_THAT(BuildManifest(parts, Manifest(), MakePlan(1), 2).status().ToString(),
              HasSubstr("staged twice"));
  file.closed_by = CheckpointId(4);
  parts.staged = {file};
  EXPECT_THAT(BuildManifest(parts, Manifest(), MakePlan(1), 2).status().ToString(),
              HasSubstr("closed by checkpoint 4"));
}

TEST(BuildManifestTest, RefusesRowsWithoutAnOutcome) {
  CheckpointParts parts = Parts();
  parts.snapshots[0].counters[0].read += 1;
  EXPECT_THAT(BuildManifest(parts, Manifest(), MakePlan(1), 2).status().ToString(),
              HasSubstr("read 13 rows but accounts for 12"));
}

TEST(EpochsToCommitTest, OldestFirstAndOnlyThoseWithFilesOfTheSink) {
  JobLogState log;
  for (int64_t epoch = 3; epoch <= 6; ++epoch) {
    Manifest manifest;
    manifest.staged.resize(1);
    manifest.staged[0].sink = epoch == 5 ? "other" : "activity";
    log.checkpoints.push_back({Epoch(epoch), manifest});
  }
  EXPECT_THAT(EpochsToCommit(log, "activity", Epoch(3)), ElementsAre(Epoch(4), Epoch(6)));
  EXPECT_THAT(EpochsToCommit(log, "activity", Epoch(6)), ElementsAre());
}

}  // namespace
}  // namespace weir
