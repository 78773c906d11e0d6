#include "operators/window/final_aggregate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "operators/bad_rows.h"
#include "operators/window/partial_aggregate.h"
#include "operators/window/partial_format.h"
#include "state/keyed/key_encoding.h"
#include "tests/unit/operators/window/window_harness.h"

namespace weir {
namespace {

constexpr WindowSpec kTumble{10, 10, 0};

TestRow Row(int64_t time, std::string key, int64_t number) {
  return {time, std::move(key), number, static_cast<double>(number) / 4, time};
}

// A source and an owner of all key groups.
class WindowTest : public testing::Test {
 protected:
  void Start(WindowSpec window, std::vector<OperatorState> states = {}) {
    spec_ = TestSpec(window);
    source_ = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
    TaskRestore restore;
    restore.states = std::move(states);
    owner_ = world_.Start(MakeFinalAggregate(FinalSpec(spec_)), restore);
  }
  void Send(const std::vector<TestRow>& rows) {
    Collected out;
    absl::Status status = source_->op->Process(0, MakeBatch(rows), out);
    ASSERT_TRUE(status.ok()) << status;
    Forward(out);
  }
  void Drain() {
    Collected out;
    ASSERT_TRUE(source_->op->Drain(out).ok());
    Forward(out);
  }
  void Watermark(int64_t time) {
    Collected out;
    ASSERT_TRUE(source_->op->OnWatermark(0, EventTime{time}, out).ok());
    Forward(out);
    absl::Status status =
        Finish(owner_->op->OnWatermark(0, EventTime{time}, result_), *owner_->op, result_);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Forward(const Collected& out) {
    for (const Batch& batch : out.batches[0]) {
      absl::Status status = owner_->op->Process(0, batch, result_);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  OperatorState Capture() {
    Drain();
    EXPECT_TRUE((*source_->op->Capture({})).finish == nullptr);
    auto pending = owner_->op->Capture({});
    EXPECT_TRUE(pending.ok()) << pending.status();
    auto captured = pending->finish();
    EXPECT_TRUE(captured.ok()) << captured.status();
    EXPECT_EQ(captured->states.size(), 1u);
    return captured->states[0];
  }
  std::vector<std::string> Result() {
    auto rows = RowsAsText(result_.batches[0]);
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  const InsertCounters& counters() { return owner_->counters[0]; }

  World world_;
  AggregateSpec spec_;
  std::unique_ptr<Task> source_, owner_;
  Collected result_;
};

TEST_F(WindowTest, TumblingWindowFiresAtItsEnd) {
  Start(kTumble);
  std::vector<TestRow> rows = {Row(1, "a", 1), Row(2, "b", 2), Row(9, "a", 3), Row(10, "a", 4)};
  Send(rows);
  Watermark(9);
  EXPECT_TRUE(Result().empty());
  Watermark(10);
  EXPECT_EQ(Result(), Oracle(kTumble, rows, 10));
  EXPECT_EQ(Result().size(), 2u);
  Watermark(20);
  EXPECT_EQ(Result(), Oracle(kTumble, rows, 20));
  EXPECT_EQ(counters().used, 4);
  EXPECT_EQ(counters().late, 0);
  EXPECT_EQ(owner_->op->StateFootprint().keys, 0);
  EXPECT_EQ(owner_->op->StateFootprint().bytes, 0);
  EXPECT_EQ(result_.watermarks.back(), EventTime{20});
}

TEST_F(WindowTest, LateIsARowWhoseWindowsHaveClosed) {
  Start(kTumble);
  Send({Row(5, "a", 1)});
  Watermark(15);
  // Equal to the watermark, older but of an open window: used. Of a closed window: late.
  Send({Row(15, "a", 2), Row(10, "a", 3), Row(9, "z", 4), Row(0, "z", 5)});
  Drain();
  EXPECT_EQ(counters().used, 3);
  EXPECT_EQ(counters().late, 2);
  EXPECT_EQ(RowsAsText(result_.batches[1]),
            (std::vector<std::string>{"9|z|3|9|15|0", "0|z|3|0|15|0"}));
  const auto& late = *result_.batches[1][0].columns;
  EXPECT_EQ(late.schema()->field(4)->name(), "_watermark");
  EXPECT_EQ(late.schema()->field(5)->name(), "_delay_ms");
  Watermark(20);
  EXPECT_EQ(Result(), Oracle(kTumble, {Row(5, "a", 1), Row(15, "a", 2), Row(10, "a", 3)}, 20));
}

TEST_F(WindowTest, DelayIsInMilliseconds) {
  Start({1'000'000, 1'000'000, 0});
  Watermark(5'500'000);
  Send({Row(4'000'000, "a", 1)});
  ASSERT_EQ(result_.batches[1].size(), 1u);
  EXPECT_EQ(RowsAsText(result_.batches[1])[0], "4000000|a|3|4000000|5500000|1500");
}

TEST_F(WindowTest, AHopRowThatOneOpenWindowTakesIsUsed) {
  const WindowSpec hop{10, 5, 0};
  Start(hop);
  Watermark(10);
  Send({Row(7, "a", 1), Row(4, "a", 2)});  // 7 is in [5, 15); 4 only in windows closed by 10
  EXPECT_EQ(counters().used, 1);
  EXPECT_EQ(counters().late, 1);
  Watermark(100);
  EXPECT_EQ(RowsAsText(result_.batches[0]).size(), 1u);
  EXPECT_EQ(RowsAsText(result_.batches[0])[0].substr(0, 9), "5|15|a|1|");
}

TEST_F(WindowTest, WindowsFireInOrderOfTheirEnds) {
  const WindowSpec hop{10, 4, 1};
  Start(hop);
  std::vector<TestRow> rows;
  for (int t = 0; t < 60; t += 7) rows.push_back(Row(t, "a", t));
  rows.push_back(Row(1'000'000, "b", 5));
  rows.push_back(Row(-1'000'000, "b", 6));
  Send(rows);
  Watermark(kMaxEventTime.micros);
  EXPECT_EQ(Result(), Oracle(hop, rows, kMaxEventTime.micros));
  int64_t last = kMinEventTime.micros;
  for (const Batch& batch : result_.batches[0]) {
    const auto& ends = static_cast<const arrow::TimestampArray&>(*batch.columns->column(1));
    for (int64_t i = 0; i < ends.length(); ++i) {
      EXPECT_LE(last, ends.Value(i));
      last = ends.Value(i);
    }
  }
}

TEST_F(WindowTest, RowsBetweenWindowsAreFiltered) {
  const WindowSpec gaps{3, 10, 0};
  Start(gaps);
  Send({Row(2, "a", 1), Row(3, "a", 2), Row(9, "a", 3), Row(10, "a", 4), Row(-8, "a", 5)});
  EXPECT_EQ(source_->counters[0].filtered, 2);
  Watermark(100);
  EXPECT_EQ(Result(), Oracle(gaps, {Row(2, "a", 1), Row(10, "a", 4), Row(-8, "a", 5)}, 100));
  EXPECT_EQ(counters().used, 3);
}

TEST_F(WindowTest, NoKeysMeansOneGroupPerWindow) {
  spec_ = TestSpec(kTumble);
  spec_.key_columns.clear();
  spec_.keys = {};
  source_ = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
  owner_ = world_.Start(MakeFinalAggregate(FinalSpec(spec_)), {});
  Send({Row(1, "a", 1), Row(2, "b", 2), Row(11, "c", 3)});
  Watermark(20);
  EXPECT_EQ(Result(),
            (std::vector<std::string>{"0|10|2|2|3|0.75|1|b|2|1", "10|20|1|1|3|0.75|3|c|1|0"}));
}

TEST_F(WindowTest, EmptyWindowsDontFire) {
  Start(kTumble);
  Send({Row(1, "a", 1), Row(10001, "a", 1)});
  Watermark(20000);
  EXPECT_EQ(Result().size(), 2u);
}

TEST_F(WindowTest, ManyGroupsLeaveInBatches) {
  Start(kTumble);
  std::vector<TestRow> rows;
  for (int i = 0; i < 20000; ++i) rows.push_back(Row(i % 10, absl::StrCat("key", i), i));
  for (int i = 0; i < 20000; i += 5000) {
    Send(std::vector<TestRow>(rows.begin() + i, rows.begin() + i + 5000));
  }
  Watermark(10);
  EXPECT_EQ(result_.batches[0].size(), 3u);
  EXPECT_EQ(Result(), Oracle(kTumble, rows, 10));
}

TEST_F(WindowTest, AStepEmitsAboutABatch) {
  for (WindowSpec window : {kTumble, WindowSpec{30, 10, 0}}) {
    SCOPED_TRACE(window.size_us);
    Start(window);
    result_ = Collected();
    std::vector<TestRow> rows;
    for (int i = 0; i < 40'000; ++i) rows.push_back(Row(i % 50, absl::StrCat("k", i % 9'011), i));
    for (size_t at = 0; at < rows.size(); at += 8'000) {
      Send({rows.begin() + at, rows.begin() + at + 8'000});
    }
    Drain();
    int64_t before = 0, steps = 1;
    absl::Status status = owner_->op->OnWatermark(0, EventTime{100}, result_);
    for (;; ++steps) {
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_LE(result_.rows(0) - before, 2 * kBatchRows);
      before = result_.rows(0);
      EXPECT_EQ(result_.watermarks.empty(), owner_->op->HasMore());
      if (!owner_->op->HasMore()) break;
      status = owner_->op->Continue(result_);
    }
    EXPECT_GT(steps, 4);
    EXPECT_EQ(Result(), Oracle(window, rows, 100));
  }
}

TEST_F(WindowTest, RestoredWindowsGoOnAndFiredOnesStayFired) {
  Start(kTumble);
  std::vector<TestRow> rows = {Row(1, "a", 1), Row(11, "a", 2), Row(12, "b", 3), Row(25, "b", 4)};
  Send(rows);
  Watermark(10);
  OperatorState first = Capture();
  EXPECT_EQ(first.watermark, EventTime{10});
  EXPECT_EQ(first.files.size(), 1u);
  EXPECT_EQ(first.state_id, spec_.state_id);
  Watermark(20);
  OperatorState second = Capture();
  EXPECT_EQ(second.files.size(), 1u);  // nothing changed; [20, 30) is in the file, too
  const size_t fired = Result().size();

  Start(kTumble, {second});
  EXPECT_EQ(owner_->op->StateFootprint().keys, 1);
  owner_->op->OnWatermark(0, EventTime{15}, result_).IgnoreError();
  EXPECT_EQ(Result().size(), fired);
  source_->echo.max = EventTime{20};
  Send({Row(26, "b", 7), Row(19, "a", 9)});
  Drain();
  EXPECT_EQ(counters().used, 1);
  EXPECT_EQ(counters().late, 1);
  Watermark(30);
  rows.push_back(Row(26, "b", 7));
  EXPECT_EQ(Result(), Oracle(kTumble, rows, 30));
}

// Owners of two halves stopped at different watermarks; one owner takes over from both, stops
// before it has passed the higher one, and a third goes on.
TEST_F(WindowTest, OwnersThatStoppedAtDifferentWatermarks) {
  for (WindowSpec window : {kTumble, WindowSpec{20, 10, 0}}) {
    for (int checkpoints : {0, 1, 2}) {
      SCOPED_TRACE(absl::StrCat("slide ", window.slide_us, ", checkpoints ", checkpoints));
      std::vector<TestRow> rows;
      for (int i = 0; i < 60; ++i) rows.push_back(Row(i, absl::StrCat("key", i % 12), i));
      spec_ = TestSpec(window);
      source_ = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
      result_ = Collected();
      Collected partials;
      ASSERT_TRUE(source_->op->Process(0, MakeBatch(rows), partials).ok());
      ASSERT_TRUE(source_->op->Drain(partials).ok());
      const Batch& batch = partials.batches[0][0];
      const auto& groups = static_cast<const arrow::UInt16Array&>(*batch.columns->column(0));
      std::vector<OperatorState> states;
      for (int half : {0, 1}) {
        TaskRestore restore;
        restore.key_groups = KeyGroupsOfTask(half, 2);
        auto owner = world_.Start(MakeFinalAggregate(FinalSpec(spec_)), restore);
        std::vector<uint32_t> mine;
        for (int64_t i = 0; i < groups.length(); ++i) {
          if (restore.key_groups.Contains(groups.Value(i))) mine.push_back(i);
        }
        ASSERT_FALSE(mine.empty());
        ASSERT_TRUE(owner->op->Process(0, TakeRows(batch, mine), result_).ok());
        ASSERT_TRUE(owner->op->OnWatermark(0, EventTime{half == 0 ? 10 : 40}, result_).ok());
        states.push_back((*owner->op->Capture({})).finish()->states[0]);
      }
      Start(window, states);
      for (int i = 0; i < checkpoints; ++i) {
        EXPECT_EQ(states.size(), i == 0 ? 2u : 1u);
        ASSERT_TRUE(owner_->op->OnWatermark(0, EventTime{10 + 10 * i}, result_).ok());
        states = {Capture()};
        EXPECT_EQ(states[0].watermark, EventTime{40});
        Start(window, states);
      }
      // Late for the half that had gone further, not for the other.
      auto send_raw = [&](std::string key) {
        source_->echo.max = EventTime{40};
        Send({Row(35, std::move(key), 1000)});
      };
      for (int i = 0; i < 12; ++i) send_raw(absl::StrCat("key", i));
      EXPECT_GT(counters().used, 0);
      EXPECT_EQ(counters().used + counters().late, 12);
      std::set<std::string> late;
      for (const std::string& row : RowsAsText(result_.batches[1])) {
        late.insert(row.substr(3, row.find('|', 3) - 3));
      }
      for (int i = 0; i < 12; ++i) {
        const std::string key = absl::StrCat("key", i);
        if (window.slide_us == window.size_us && late.contains(key)) continue;
        TestRow row = Row(35, key, 1000);
        const auto encoded = std::string(1, static_cast<char>(key.size() + 1)) + key;
        if (!KeyGroupsOfTask(0, 2).Contains(KeyGroupOfHash(HashKey(encoded)))) row.closed = 40;
        rows.push_back(row);
      }
      Watermark(30);
      Watermark(40);
      EXPECT_EQ(Capture().watermark, EventTime{40});
      Watermark(100);
      EXPECT_EQ(Result(), Oracle(window, rows, 100));
    }
  }
}

TEST_F(WindowTest, NothingChangedWritesNothing) {
  Start(kTumble);
  EXPECT_TRUE(Capture().files.empty());
  Send({Row(1, "a", 1)});
  EXPECT_EQ(Capture().files.size(), 1u);
  EXPECT_EQ(Capture().files.size(), 1u);
  // Seen and gone between two barriers: nothing of it was stored.
  Send({Row(1, "a", 1)});
  Capture();
  Send({Row(12, "x", 1)});
  Watermark(20);
  // And files of which everything has fired are named no longer.
  EXPECT_EQ(Capture().files.size(), 0u);
}

TEST_F(WindowTest, TheListStaysShort) {
  Start(kTumble);
  size_t longest = 0;
  std::vector<TestRow> rows;
  OperatorState state;
  for (int i = 0; i < 300; ++i) {
    rows.push_back(Row(5, absl::StrCat("k", i % 7), i));
    Send({rows.back()});
    state = Capture();
    longest = std::max(longest, state.files.size());
  }
  EXPECT_LE(longest, 24u);
  EXPECT_GT(owner_->op->StateFootprint().rewritten_bytes, 0);
  Start(kTumble, {state});
  Watermark(10);
  EXPECT_EQ(Result(), Oracle(kTumble, rows, 10));
}

TEST_F(WindowTest, DistinctValuesAreStoredOnce) {
  Start(kTumble);
  std::vector<TestRow> rows;
  for (int i = 0; i < 3000; ++i) rows.push_back(Row(5, "a", i));
  Send(rows);
  OperatorState first = Capture();
  Send({Row(5, "a", 7), Row(5, "a", 100000)});
  OperatorState second = Capture();
  EXPECT_GT(second.files[0].size, 5000);
  EXPECT_LT(second.files[1].size, 2500);
  Start(kTumble, {second});
  rows.push_back(Row(5, "a", 7));
  rows.push_back(Row(5, "a", 100000));
  Watermark(10);
  EXPECT_EQ(Result(), Oracle(kTumble, rows, 10));
}

TEST_F(WindowTest, StateOfAnotherQueryIsRefused) {
  Start(kTumble);
  Send({Row(1, "a", 1)});
  OperatorState state = Capture();
  TaskRestore restore;
  restore.states = {state};
  absl::Status status;
  world_.Start(MakeFinalAggregate(FinalSpec(TestSpec({20, 20, 0}))), restore, &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  // Another operator's state is none of its business.
  restore.states[0].state_id = "other";
  world_.Start(MakeFinalAggregate(FinalSpec(TestSpec({20, 20, 0}))), restore, &status);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(WindowTest, ALatePartialOfManyRowsIsABrokenProtocol) {
  Start(kTumble);
  Collected partials;
  ASSERT_TRUE(source_->op->Process(0, MakeBatch({Row(1, "a", 1)}), partials).ok());
  ASSERT_TRUE(source_->op->Drain(partials).ok());
  ASSERT_TRUE(owner_->op->OnWatermark(0, EventTime{10}, result_).ok());
  absl::Status status = owner_->op->Process(0, partials.batches[0][0], result_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(std::string(status.message()).find("protocol broken"), std::string::npos) << status;
  EXPECT_FALSE(IsFatal(status));
}

TEST_F(WindowTest, MisroutedAndMalformedPartialsAreRefused) {
  Start(kTumble);
  Collected partials;
  ASSERT_TRUE(source_->op->Process(0, MakeBatch({Row(1, "a", 1)}), partials).ok());
  ASSERT_TRUE(source_->op->Drain(partials).ok());
  const Batch good = partials.batches[0][0];
  const int group =
      static_cast<const arrow::UInt16Array&>(*good.columns->column(kPartialKeyGroup)).Value(0);
  TaskRestore restore;
  restore.key_groups = {group + 1, 4096};
  auto other = world_.Start(MakeFinalAggregate(FinalSpec(spec_)), restore);
  EXPECT_EQ(other->op->Process(0, good, result_).code(), absl::StatusCode::kInternal);

  auto with = [&good](int column, std::shared_ptr<arrow::Array> array) {
    Batch batch;
    batch.columns =
        good.columns->SetColumn(column, good.columns->schema()->field(column), array).ValueOrDie();
    return batch;
  };
  arrow::BinaryBuilder states;
  const std::string state(
      static_cast<const arrow::BinaryArray&>(*good.columns->column(kPartialState)).GetView(0));
  for (const std::string& bad : {std::string(), state.substr(0, state.size() - 1), state + "x"}) {
    ASSERT_TRUE(states.Append(bad).ok());
    EXPECT_EQ(
        owner_->op->Process(0, with(kPartialState, states.Finish().ValueOrDie()), result_).code(),
        absl::StatusCode::kDataLoss);
  }
  arrow::Int64Builder ends;
  ASSERT_TRUE(ends.Append(13).ok());
  EXPECT_EQ(
      owner_->op->Process(0, with(kPartialPaneEnd, ends.Finish().ValueOrDie()), result_).code(),
      absl::StatusCode::kInternal);
  Batch short_batch;
  short_batch.columns = good.columns->RemoveColumn(3).ValueOrDie();
  EXPECT_EQ(owner_->op->Process(0, short_batch, result_).code(), absl::StatusCode::kInternal);
}

// 80,000 keys, each seen three times, with room for a tenth of them.
TEST_F(WindowTest, StateBeyondTheMemoryGoesToDisk) {
  World small{.memory = MemoryBudget(3 << 20)};
  spec_ = TestSpec(kTumble);
  source_ = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
  owner_ = small.Start(MakeFinalAggregate(FinalSpec(spec_)), {});
  std::vector<TestRow> rows;
  OperatorState state;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      for (int k = 0; k < 8000; ++k) rows.push_back(Row(1, absl::StrCat(i, "/", k), k + round));
      Send({rows.end() - 8000, rows.end()});
      Drain();
      EXPECT_LE(small.memory.used(), small.memory.limit() + (2 << 20));
      EXPECT_LE(owner_->op->StateFootprint().bytes, 4 << 20);
    }
    state = Capture();
  }
  EXPECT_GT(owner_->op->StateFootprint().spilled_bytes, 1 << 20);
  EXPECT_GT(owner_->op->StateFootprint().file_bytes, 1 << 20);
  const std::vector<std::string> expected = Oracle(kTumble, rows, 10);
  Watermark(10);
  EXPECT_EQ(Result(), expected);
  // A task with as little memory, and one with plenty, go on from the checkpoint.
  for (World* world : {&small, &world_}) {
    for (const auto& [name, bytes] : small.blobs.Snapshot()) world_.blobs.Overwrite(name, bytes);
    TaskRestore restore;
    restore.states = {state};
    owner_ = world->Start(MakeFinalAggregate(FinalSpec(spec_)), restore);
    result_ = Collected();
    Watermark(10);
    EXPECT_EQ(Result(), expected);
  }
  owner_.reset();
  EXPECT_EQ(small.memory.used(), 0);
}

// A job stands still while state is loaded, so large keys count as well as their number.
TEST_F(WindowTest, OnlySmallStateIsLoadedAtTheStart) {
  World world{.memory = MemoryBudget(64 << 20)};  // of which loaded state may need a quarter
  spec_ = TestSpec(kTumble);
  source_ = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
  for (const auto& [key_bytes, loaded] : {std::pair(10, true), std::pair(10'000, false)}) {
    SCOPED_TRACE(key_bytes);
    owner_ = world.Start(MakeFinalAggregate(FinalSpec(spec_)), {});
    std::vector<TestRow> rows;
    for (int k = 0; k < 2'000; ++k) {
      rows.push_back(Row(1, absl::StrCat(std::string(key_bytes, 'k'), k), k));
    }
    Send(rows);
    TaskRestore restore;
    restore.states = {Capture()};
    owner_.reset();
    owner_ = world.Start(MakeFinalAggregate(FinalSpec(spec_)), restore);
    EXPECT_EQ(owner_->op->StateFootprint().keys, loaded ? 2'000 : 0);
    rows.push_back(Row(2, "more", 1));
    Send({rows.back()});
    Drain();
    result_ = Collected();
    absl::Status fired =
        Finish(owner_->op->OnWatermark(0, EventTime{10}, result_), *owner_->op, result_);
    ASSERT_TRUE(fired.ok()) << fired;
    EXPECT_EQ(Result(), Oracle(kTumble, rows, 10));
  }
}

// What is on disk is read back damaged: never a wrong row.
TEST_F(WindowTest, ADamagedFileEndsTheTask) {
  World small{.memory = MemoryBudget(3 << 20)};
  spec_ = TestSpec(kTumble);
  source_ = world_.Start(MakePartialAggregate(PartialSpec(spec_)), {});
  owner_ = small.Start(MakeFinalAggregate(FinalSpec(spec_)), {});
  for (int i = 0; i < 5; ++i) {
    std::vector<TestRow> rows;
    for (int k = 0; k < 8000; ++k) rows.push_back(Row(1, absl::StrCat(i, "/", k), k));
    Send(rows);
    Drain();
  }
  ASSERT_GT(owner_->op->StateFootprint().spilled_bytes, 0);
  for (const auto& file : std::filesystem::directory_iterator(owner_->cache->path())) {
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (int at = 100; at < static_cast<int>(file.file_size()) - 4096; at += 1000) {
      stream.seekp(at);
      stream.put('x');
    }
  }
  absl::Status status =
      Finish(owner_->op->OnWatermark(0, EventTime{10}, result_), *owner_->op, result_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(std::string(status.message()).find("state file jobs/job-1/state/"), std::string::npos)
      << status;
  EXPECT_TRUE(result_.watermarks.empty());
}

TEST_F(WindowTest, AnOverflowNamesWindowAndGroup) {
  AggregateSpec spec = TestSpec(kTumble);
  const DataType narrow = DataType::Numeric(3, 0);
  spec.aggregates = {{AggregateKind::kSum, kNumber, DataType::Of(TypeKind::kBigint), -1, narrow}};
  source_ = world_.Start(MakePartialAggregate(PartialSpec(spec)), {});
  owner_ = world_.Start(MakeFinalAggregate(FinalSpec(spec)), {});
  Send({Row(1, "a", 600), Row(2, "a", 500), Row(3, "b", 999)});
  Collected partials;
  ASSERT_TRUE(source_->op->OnWatermark(0, EventTime{10}, partials).ok());
  Forward(partials);
  absl::Status status = owner_->op->OnWatermark(0, EventTime{10}, result_);
  EXPECT_TRUE(IsFatal(status)) << status;
  EXPECT_EQ(status.message(),
            "sum(bigint) is out of range of numeric(3,0) in window [1970-01-01T00:00:00Z, "
            "1970-01-01T00:00:00.00001Z), group (key) = (a)");
}

TEST(FinalAggregate, RefusesPlansItCannotRun) {
  AggregateSpec spec = TestSpec(kTumble);
  auto code = [](const OperatorSpec& op) { return MakeFinalAggregate(op).status().code(); };
  EXPECT_EQ(code(FinalSpec(spec)), absl::StatusCode::kOk);
  for (WindowSpec bad : {WindowSpec{0, 10, 0}, WindowSpec{10, 0, 0}, WindowSpec{-10, 10, 0},
                         WindowSpec{int64_t{1} << 60, 10, 0}}) {
    AggregateSpec other = spec;
    other.window = bad;
    OperatorSpec op = FinalSpec(spec);
    op.op = FinalAggregateOp{other};
    EXPECT_EQ(code(op), absl::StatusCode::kInvalidArgument);
    op = PartialSpec(spec);
    op.op = PartialAggregateOp{other};
    EXPECT_EQ(MakePartialAggregate(op).status().code(), absl::StatusCode::kInvalidArgument);
  }
  OperatorSpec op = FinalSpec(spec);
  op.output.columns.pop_back();
  EXPECT_EQ(code(op), absl::StatusCode::kInvalidArgument);
  op = FinalSpec(spec);
  op.output.columns[4].type = DataType::Of(TypeKind::kText);
  EXPECT_EQ(code(op), absl::StatusCode::kInvalidArgument);
  op = FinalSpec(spec);
  op.insert = -1;
  EXPECT_EQ(code(op), absl::StatusCode::kInvalidArgument);
  AggregateSpec unknown = spec;
  unknown.aggregates[2].argument_type = DataType::Of(TypeKind::kText);
  EXPECT_EQ(code(FinalSpec(unknown)), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir
