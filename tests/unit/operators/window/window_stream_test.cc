// Whole streams through both halves: several sources and owners, disorder, idleness, barriers,
// crashes, rescaling. What was published must equal an oracle that sees only the rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>
#include <thread>
#include <variant>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "operators/time/channel_watermarks.h"
#include "operators/window/final_aggregate.h"
#include "operators/window/partial_aggregate.h"
#include "operators/window/partial_format.h"
#include "state/keyed/file_merge_policy.h"
#include "tests/unit/operators/window/window_harness.h"

namespace weir {
namespace {

struct Scenario {
  WindowSpec window;
  int64_t disorder = 0;  // how far a row may lie behind the largest time before it
  int64_t bound = 0;     // of the watermark
  int sources = 2;
  int keys = 5;
  bool idle = false;         // sources fall idle now and then
  bool unique_keys = false;  // every row its own key
  int64_t memory = int64_t{1} << 30;
  bool threads = false;  // a real I/O pool
};

// A partition: its rows, and what a source task remembers of it in a checkpoint.
struct Partition {
  std::vector<TestRow> rows;
  size_t next = 0;
  int64_t max_time = kMinEventTime.micros;
};

class Cluster {
 public:
  Cluster(const Scenario& scenario, uint64_t seed)
      : scenario_(scenario), random_(seed), world_{.memory = MemoryBudget(scenario.memory)} {
    spec_ = TestSpec(scenario.window);
    if (scenario.threads) world_.io = MakeIoPool("io", 3);
    int64_t offset = 0;
    for (int s = 0; s < scenario.sources; ++s) {
      Partition partition;
      int64_t now = 0;
      for (int i = 0; i < 400; ++i, ++offset) {
        now += static_cast<int64_t>(random_() % 4);
        TestRow row;
        row.time =
            now -
            (scenario.disorder > 0 ? static_cast<int64_t>(random_() % (scenario.disorder + 1)) : 0);
        row.offset = offset;
        if (scenario.unique_keys) {
          row.key = absl::StrCat("key ", offset, " of a long name");
        } else if (random_() % 8 != 0) {
          row.key = absl::StrCat("k", random_() % scenario.keys);
        }
        if (random_() % 6 != 0) row.number = static_cast<int64_t>(random_() % 20) - 10;
        if (random_() % 6 != 0) row.real = static_cast<double>(random_() % 1000) / 8;
        partition.rows.push_back(row);
      }
      partitions_.push_back(std::move(partition));
    }
    published_ = partitions_;
    published_fired_.assign(kKeyGroups, kMinEventTime);
    Deploy(1 + static_cast<int>(random_() % 3));
  }

  void Run() {
    for (int step = 0; !Finished(); ++step) {
      ASSERT_LT(step, 100000);
      ASSERT_FALSE(testing::Test::HasFailure());
      const uint64_t dice = random_() % 100;
      if (dice < 40) {
        Read(random_() % partitions_.size());
      } else if (dice < 74) {
        Deliver(random_() % owners_.size(), random_() % sources_.size(), random_() % 8);
      } else if (dice < 76) {
        Checkpoint();
      } else if (dice < 78) {
        Deploy(static_cast<int>(owners_.size()));  // a crash
      } else if (dice < 79) {
        Deploy(1 + static_cast<int>(random_() % 3));
      } else if (scenario_.idle && dice < 84) {
        SetIdle(random_() % partitions_.size(), random_() % 2 == 0);
      }
    }
    for (size_t s = 0; s < partitions_.size(); ++s) {
      SetIdle(s, false);
      SendWatermark(s, kMaxEventTime);
    }
    Checkpoint();
  }

  void Check() {
    std::set<int64_t> late_offsets;
    int64_t total = 0;
    for (const Batch& batch : late_) {
      const auto& offsets = static_cast<const arrow::Int64Array&>(*batch.columns->column(3));
      for (int64_t i = 0; i < offsets.length(); ++i) {
        EXPECT_TRUE(late_offsets.insert(offsets.Value(i)).second) << "late twice";
      }
    }
    std::vector<TestRow> used;
    for (const Partition& partition : partitions_) {
      int64_t max_time = kMinEventTime.micros;
      for (const TestRow& row : partition.rows) {
        ++total;
        max_time = std::max(max_time, row.time);
        if (late_offsets.contains(row.offset)) continue;
        used.push_back(row);
        if (closed_.contains(row.offset)) used.back().closed = closed_[row.offset];
      }
    }
    EXPECT_EQ(counters_.used + counters_.late, total);
    EXPECT_EQ(counters_.late, static_cast<int64_t>(late_offsets.size()));
    if (scenario_.disorder <= scenario_.bound && !scenario_.idle) {
      EXPECT_TRUE(late_offsets.empty());
    }
    if (scenario_.disorder > 2 * scenario_.bound + 3 * scenario_.window.size_us) {
      EXPECT_FALSE(late_offsets.empty());
    }
    std::vector<std::string> rows = RowsAsText(results_);
    std::sort(rows.begin(), rows.end());
    EXPECT_EQ(rows, Oracle(scenario_.window, used, kMaxEventTime.micros));
    // No late row had an open window.
    for (const Batch& batch : late_) {
      const auto& times = static_cast<const arrow::TimestampArray&>(*batch.columns->column(0));
      const auto& marks = static_cast<const arrow::TimestampArray&>(*batch.columns->column(4));
      for (int64_t i = 0; i < times.length(); ++i) {
        EXPECT_LT(times.Value(i), marks.Value(i));
      }
    }
  }

  int uneven() const { return uneven_; }
  int64_t spilled_bytes() const { return spilled_bytes_; }

 private:
  struct Source {
    std::unique_ptr<Task> task;
    bool idle = false;
    int asked = 0;                // how often it turned active
    std::set<size_t> unanswered;  // owners
  };
  // A turn to kActive is numbered: owners answer it.
  struct Turn {
    ChannelStatus status;
    int asked;
  };
  using Element = std::variant<Batch, EventTime, Turn>;
  struct Owner {
    std::unique_ptr<Task> task;
    std::unique_ptr<ChannelWatermarks> watermarks;
    std::vector<std::deque<Element>> channels;  // by source
    EventTime restored = kMinEventTime;
    KeyGroupRange groups;
    Collected out;
  };

  bool Finished() const {
    return std::all_of(partitions_.begin(), partitions_.end(),
                       [](const Partition& p) { return p.next == p.rows.size(); });
  }

  // A new generation from the last checkpoint; `parallelism` owners.
  void Deploy(int parallelism) {
    ++world_.generation;
    partitions_ = published_;
    fired_ = published_fired_;
    sources_.clear();
    owners_.clear();
    for (int o = 0; o < parallelism; ++o) {
      Owner owner;
      TaskRestore restore;
      restore.key_groups = KeyGroupsOfTask(o, parallelism);
      for (const OperatorState& state : states_) {
        if (!state.key_groups.Overlaps(restore.key_groups)) continue;
        restore.states.push_back(state);
        owner.restored = std::max(owner.restored, state.watermark);
      }
      owner.groups = restore.key_groups;
      owner.task = world_.Start(MakeFinalAggregate(FinalSpec(spec_)), restore);
      owner.watermarks = std::make_unique<ChannelWatermarks>(scenario_.sources);
      owner.channels.resize(partitions_.size());
      owners_.push_back(std::move(owner));
    }
    for (size_t s = 0; s < partitions_.size(); ++s) {
      Source source;
      source.task = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
      sources_.push_back(std::move(source));
      TurnActive(s);
    }
  }

  void Read(size_t s) {
    Partition& partition = partitions_[s];
    if (partition.next == partition.rows.size()) return;
    if (sources_[s].idle) SetIdle(s, false);
    const size_t count =
        std::min<size_t>(1 + random_() % 40, partition.rows.size() - partition.next);
    std::vector<TestRow> rows(partition.rows.begin() + partition.next,
                              partition.rows.begin() + partition.next + count);
    partition.next += count;
    for (const TestRow& row : rows) closed_.erase(row.offset);
    Collected out;
    ASSERT_TRUE(sources_[s].task->op->Process(0, MakeBatch(rows), out).ok());
    Route(s, out);
    for (const TestRow& row : rows) partition.max_time = std::max(partition.max_time, row.time);
    if (random_() % 2 == 0) {
      SendWatermark(s, EventTime{partition.max_time - scenario_.bound});
    }
  }

  void SendWatermark(size_t s, EventTime time) {
    Collected out;
    ASSERT_TRUE(sources_[s].task->op->OnWatermark(0, time, out).ok());
    Route(s, out);
    for (Owner& owner : owners_) owner.channels[s].push_back(time);
  }

  void SetIdle(size_t s, bool idle) {
    if (sources_[s].idle == idle) return;
    const ChannelStatus status = idle ? ChannelStatus::kIdle : ChannelStatus::kActive;
    Collected out;
    ASSERT_TRUE(sources_[s].task->op->OnStatus(0, status, out).ok());
    Route(s, out);
    sources_[s].idle = idle;
    if (!idle) return TurnActive(s);
    for (Owner& owner : owners_) owner.channels[s].push_back(Turn{status, 0});
  }

  void TurnActive(size_t s) {
    Source& source = sources_[s];
    source.task->echo.complete = false;
    ++source.asked;
    for (size_t o = 0; o < owners_.size(); ++o) {
      source.unanswered.insert(o);
      owners_[o].channels[s].push_back(Turn{ChannelStatus::kActive, source.asked});
    }
  }

  // Lets an owner take up to `count` elements of a channel.
  void Deliver(size_t o, size_t s, size_t count) {
    Owner& owner = owners_[o];
    for (std::deque<Element>& channel = owner.channels[s]; count > 0 && !channel.empty(); --count) {
      const Element element = std::move(channel.front());
      channel.pop_front();
      if (const auto* time = std::get_if<EventTime>(&element)) {
        Announce(owner, owner.watermarks->OnWatermark(static_cast<int>(s), *time));
      } else if (const auto* turn = std::get_if<Turn>(&element)) {
        Announce(owner, owner.watermarks->OnStatus(static_cast<int>(s), turn->status));
        if (turn->status == ChannelStatus::kActive) Answer(o, s, turn->asked);
      } else {
        Receive(owner, std::get<Batch>(element));
      }
    }
  }

  void DeliverAll() {
    for (size_t o = 0; o < owners_.size(); ++o) {
      for (size_t s = 0; s < sources_.size(); ++s) Deliver(o, s, SIZE_MAX);
    }
  }

  void Answer(size_t o, size_t s, int asked) {
    Source& source = sources_[s];
    OwnerEcho& echo = source.task->echo;
    echo.max = std::max({echo.max, owners_[o].watermarks->watermark(), owners_[o].restored});
    if (asked != source.asked) return;
    source.unanswered.erase(o);
    echo.complete = source.unanswered.empty();
  }

  void Announce(Owner& owner, std::optional<WatermarkChange> change) {
    if (!change) return;
    absl::Status status = change->Announce(
        [&](ChannelStatus s) { return owner.task->op->OnStatus(0, s, owner.out); },
        [&](EventTime t) {
          return Finish(owner.task->op->OnWatermark(0, t, owner.out), *owner.task->op, owner.out);
        });
    ASSERT_TRUE(status.ok()) << status;
    if (!change->watermark) return;
    for (int g = owner.groups.begin; g < owner.groups.end; ++g) {
      fired_[g] = std::max(fired_[g], *change->watermark);
    }
  }

  // As the exchange does: by the key group in column 0.
  void Route(size_t s, const Collected& out) {
    const int parallelism = static_cast<int>(owners_.size());
    for (const Batch& batch : out.batches[0]) {
      const auto& groups = static_cast<const arrow::UInt16Array&>(*batch.columns->column(0));
      for (int o = 0; o < parallelism; ++o) {
        std::vector<uint32_t> rows;
        for (int64_t i = 0; i < groups.length(); ++i) {
          if (TaskOfKeyGroup(groups.Value(i), parallelism) == o) {
            rows.push_back(static_cast<uint32_t>(i));
          }
        }
        if (!rows.empty()) owners_[o].channels[s].push_back(TakeRows(batch, rows));
      }
    }
  }

  void Receive(Owner& owner, const Batch& batch) {
    const auto& groups = static_cast<const arrow::UInt16Array&>(*batch.columns->column(0));
    const auto& raw = static_cast<const arrow::BooleanArray&>(*batch.columns->column(kPartialRaw));
    const auto& offsets =
        static_cast<const arrow::Int64Array&>(*batch.columns->column(kPartialLate + 3));
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      if (raw.Value(i)) closed_[offsets.Value(i)] = fired_[groups.Value(i)].micros;
    }
    while (owner.task->op->Blocked()) std::this_thread::yield();
    absl::Status status = owner.task->op->Process(0, batch, owner.out);
    ASSERT_TRUE(status.ok()) << status;
  }

  void Checkpoint() {
    for (Source& source : sources_) {
      Collected out;
      ASSERT_TRUE(source.task->op->Drain(out).ok());
      Route(static_cast<size_t>(&source - sources_.data()), out);
      ASSERT_TRUE(source.task->op->Capture({}).ok());
    }
    DeliverAll();  // aligned: what came before the barrier is in
    states_.clear();
    const Barrier barrier{Generation(world_.generation), CheckpointId(++checkpoints_), false};
    std::set<int64_t> watermarks;
    for (Owner& owner : owners_) {
      auto pending = owner.task->op->Capture(barrier);
      ASSERT_TRUE(pending.ok()) << pending.status();
      auto captured = pending->finish();
      ASSERT_TRUE(captured.ok()) << captured.status();
      states_.push_back(captured->states[0]);
      EXPECT_LE(states_.back().files.size(), 2u * kStateFilesMax);
      owner.task->op->Published(barrier.id);
      spilled_bytes_ += owner.task->op->StateFootprint().spilled_bytes;
      watermarks.insert(captured->states[0].watermark.micros);
      auto keep = [](std::vector<Batch>& from, std::vector<Batch>& to) {
        to.insert(to.end(), from.begin(), from.end());
        from.clear();
      };
      keep(owner.out.batches[0], results_);
      keep(owner.out.batches[1], late_);
      counters_.Add(owner.task->counters[0]);
      owner.task->counters[0] = {};
    }
    published_ = partitions_;
    published_fired_ = fired_;
    uneven_ += watermarks.size() > 1 ? 1 : 0;
  }

  const Scenario scenario_;
  std::mt19937_64 random_;
  AggregateSpec spec_;
  World world_;
  std::vector<Partition> partitions_;
  std::vector<Source> sources_;
  std::vector<Owner> owners_;
  std::vector<EventTime> fired_;       // by key group
  std::map<int64_t, int64_t> closed_;  // by offset of a raw row: its owner's watermark
  // The last checkpoint, and what was published up to it.
  std::vector<Partition> published_;
  std::vector<EventTime> published_fired_;
  std::vector<OperatorState> states_;
  std::vector<Batch> results_, late_;
  InsertCounters counters_;
  int uneven_ = 0;  // checkpoints at which the owners' watermarks differed
  int64_t checkpoints_ = 0, spilled_bytes_ = 0;
};

// How many checkpoints had owners at different watermarks.
int RunSeeds(const Scenario& scenario, uint64_t seeds) {
  int uneven = 0;
  int64_t spilled_bytes = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Cluster cluster(scenario, seed);
    cluster.Run();
    if (!testing::Test::HasFailure()) cluster.Check();
    if (testing::Test::HasFailure()) break;
    uneven += cluster.uneven();
    spilled_bytes += cluster.spilled_bytes();
  }
  EXPECT_EQ(spilled_bytes > 0, scenario.memory < (1 << 20));
  return uneven;
}

TEST(WindowStream, TumbleInOrder) { RunSeeds({.window = {50, 50, 0}}, 4); }

TEST(WindowStream, TumbleWithDisorderWithinTheBound) {
  RunSeeds({.window = {40, 40, 7}, .disorder = 30, .bound = 30, .sources = 3}, 4);
}

TEST(WindowStream, TumbleWithLateRows) {
  RunSeeds({.window = {10, 10, -3}, .disorder = 60, .bound = 5, .sources = 3}, 4);
}

TEST(WindowStream, HopWithLateRows) {
  RunSeeds({.window = {30, 10, 0}, .disorder = 120, .bound = 5}, 4);
}

TEST(WindowStream, HopWhoseSizeIsNoMultipleOfItsSlide) {
  RunSeeds({.window = {35, 15, 4}, .disorder = 20, .bound = 20}, 4);
}

TEST(WindowStream, SourcesFallIdleAndComeBack) {
  // Owners hear of idleness in different orders and stop at different watermarks.
  EXPECT_GT(
      RunSeeds({.window = {20, 20, 0}, .disorder = 10, .bound = 10, .sources = 3, .idle = true}, 8),
      0);
}

TEST(WindowStream, HopWithIdleSources) {
  RunSeeds({.window = {20, 5, 0}, .disorder = 30, .bound = 4, .sources = 3, .idle = true}, 6);
}

// The budget is smaller than a table: state is evicted nearly always, restored into files, and read
// from there.
TEST(WindowStream, StateBeyondTheMemory) {
  RunSeeds({.window = {40, 40, 7}, .disorder = 60, .bound = 20, .sources = 3, .memory = 6000}, 4);
}

TEST(WindowStream, HopsBeyondTheMemory) {
  RunSeeds({.window = {35, 15, 4}, .disorder = 30, .bound = 10, .memory = 5000}, 3);
}

TEST(WindowStream, IdleSourcesBeyondTheMemory) {
  RunSeeds({.window = {20, 5, 0},
            .disorder = 30,
            .bound = 4,
            .sources = 3,
            .idle = true,
            .memory = 10'000},
           3);
}

TEST(WindowStream, BeyondTheMemoryWithThreads) {
  RunSeeds({.window = {25, 25, 0},
            .disorder = 40,
            .bound = 10,
            .unique_keys = true,
            .memory = 40'000,
            .threads = true},
           3);
}

TEST(WindowStream, EveryRowItsOwnKey) {
  RunSeeds({.window = {25, 25, 0}, .disorder = 40, .bound = 10, .unique_keys = true}, 2);
}

}  // namespace
}  // namespace weir
