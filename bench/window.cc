// Cost of windowed aggregation per row: the source half (encode keys, find groups, update count(*)
// and sum(double), as in the user-activity job), the owner half (merge one partial per row), and
// firing, at several numbers of keys.
#include <benchmark/benchmark.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "base/blob_store.h"
#include "base/log.h"
#include "base/random.h"
#include "model/batch.h"
#include "operators/operator.h"
#include "operators/window/final_aggregate.h"
#include "operators/window/partial_aggregate.h"

namespace weir {
namespace {

constexpr int kBatches = 512;  // 4 M rows a round

AggregateSpec Spec() {
  AggregateSpec spec;
  spec.state_id = "bench";
  spec.window = {300'000'000, 300'000'000, 0};
  spec.time_column = 0;
  spec.key_columns = {1};
  spec.keys = {{{"key", DataType::Of(TypeKind::kText)}}};
  const DataType real = DataType::Of(TypeKind::kDouble);
  spec.aggregates = {{AggregateKind::kCountStar, -1, {}, -1, DataType::Of(TypeKind::kBigint)},
                     {AggregateKind::kSum, 2, real, -1, real}};
  return spec;
}

OperatorSpec PartialSpec() {
  OperatorSpec op;
  op.name = "partial_aggregate";
  op.op = PartialAggregateOp{Spec()};
  op.insert = 0;
  return op;
}

OperatorSpec FinalSpec() {
  const AggregateSpec spec = Spec();
  OperatorSpec op;
  op.name = "final_aggregate";
  op.op = FinalAggregateOp{spec};
  op.insert = 0;
  const DataType time = DataType::Of(TypeKind::kTimestamptz);
  op.output.columns = {{"window_start", time},
                       {"window_end", time},
                       spec.keys.columns[0],
                       {"count", spec.aggregates[0].result_type},
                       {"sum", spec.aggregates[1].result_type}};
  return op;
}

// 13-byte keys ("user-01234567") drawn uniformly; times inside one window.
std::vector<Batch> MakeInput(int keys, int batches) {
  std::mt19937_64 random(42);
  std::vector<Batch> input;
  auto schema =
      arrow::schema({arrow::field("time", ArrowType(DataType::Of(TypeKind::kTimestamptz))),
                     arrow::field("key", arrow::utf8()), arrow::field("amount", arrow::float64())});
  for (int b = 0; b < batches; ++b) {
    arrow::TimestampBuilder times(schema->field(0)->type(), arrow::default_memory_pool());
    arrow::StringBuilder names;
    arrow::DoubleBuilder amounts;
    for (int i = 0; i < kBatchRows; ++i) {
      std::string digits = absl::StrCat(random() % keys);
      std::string name = "user-" + std::string(8 - digits.size(), '0') + digits;
      WEIR_CHECK(times.Append(1 + static_cast<int64_t>(random() % 299'000'000)).ok());
      WEIR_CHECK(names.Append(name).ok());
      WEIR_CHECK(amounts.Append(static_cast<double>(random() % 10000) / 100).ok());
    }
    Batch batch;
    batch.columns = arrow::RecordBatch::Make(schema, kBatchRows,
                                             {*times.Finish(), *names.Finish(), *amounts.Finish()});
    input.push_back(std::move(batch));
  }
  return input;
}

struct Drop : Output {
  absl::Status Emit(int, Batch batch) override {
    rows += batch.num_rows();
    if (kept != nullptr) kept->push_back(std::move(batch));
    return absl::OkStatus();
  }
  absl::Status EmitWatermark(EventTime) override { return absl::OkStatus(); }
  absl::Status EmitStatus(ChannelStatus) override { return absl::OkStatus(); }
  int64_t rows = 0;
  std::vector<Batch>* kept = nullptr;
};

struct Instance {
  std::map<int, InsertCounters> counters;
  std::unique_ptr<Operator> op;

  explicit Instance(absl::StatusOr<std::unique_ptr<Operator>> made, OperatorContext context = {},
                    const TaskRestore& restore = {})
      : op(*std::move(made)) {
    counters[0];
    context.counters = &counters;
    const absl::Status status = op->Open(context, restore);
    WEIR_CHECK(status.ok(), status.ToString());
  }
};

void NsPerRow(benchmark::State& state, int64_t rows) {
  state.counters["ns/row"] = benchmark::Counter(
      static_cast<double>(rows) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Argument 0: keys. Argument 1: rows between two flushes, in batches (a flush is what a barrier
// costs).
void BM_Partial(benchmark::State& state) {
  const auto input = MakeInput(static_cast<int>(state.range(0)), kBatches);
  Instance partial(MakePartialAggregate(PartialSpec()));
  Drop out;
  int64_t rows = 0;
  for (auto _ : state) {
    for (int b = 0; b < kBatches; ++b) {
      WEIR_CHECK(partial.op->Process(0, input[b], out).ok());
      if ((b + 1) % state.range(1) == 0) WEIR_CHECK(partial.op->Drain(out).ok());
    }
    rows += int64_t{kBatches} * kBatchRows;
  }
  NsPerRow(state, rows);
}
BENCHMARK(BM_Partial)
    ->ArgsProduct({{5, 10'000, 100'000, 1'000'000}, {kBatches, 1 << 30}})
    ->Unit(benchmark::kMillisecond);

void BM_Final(benchmark::State& state) {
  const auto input = MakeInput(static_cast<int>(state.range(0)), kBatches / 4);
  std::vector<Batch> partials;
  {
    Instance partial(MakePartialAggregate(PartialSpec()));
    Drop out;
    out.kept = &partials;
    for (const Batch& batch : input) {
      WEIR_CHECK(partial.op->Process(0, batch, out).ok());
      WEIR_CHECK(partial.op->Drain(out).ok());
    }
  }
  int64_t rows = 0, fired = 0;
  double seconds = 0;
  for (auto _ : state) {
    Instance final(MakeFinalAggregate(FinalSpec()));
    Drop out;
    for (const Batch& batch : partials) {
      WEIR_CHECK(final.op->Process(0, batch, out).ok());
      rows += batch.num_rows();
    }
    const auto begin = std::chrono::steady_clock::now();
    WEIR_CHECK(final.op->OnWatermark(0, kMaxEventTime, out).ok());
    while (final.op->HasMore()) WEIR_CHECK(final.op->Continue(out).ok());
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fired += out.rows;
  }
  NsPerRow(state, rows);
  state.counters["fire_ns/group"] = seconds * 1e9 / static_cast<double>(fired);
}
BENCHMARK(BM_Final)->ArgsProduct({{5, 10'000, 100'000, 1'000'000}})->Unit(benchmark::kMillisecond);

// A barrier at which every group is dirty, and the restart from it. The slot thread waits for
// capture only.
void BM_Checkpoint(benchmark::State& state) {
  const auto input = MakeInput(static_cast<int>(state.range(0)), kBatches / 4);
  const std::string root = std::filesystem::temp_directory_path() / "weir-bench-window";
  auto blobs = OpenLocalBlobStore(root + "/blobs");
  WEIR_CHECK(blobs.ok(), blobs.status().ToString());
  Instance partial(MakePartialAggregate(PartialSpec()));
  Drop out;
  std::vector<Batch> partials;
  out.kept = &partials;
  for (const Batch& batch : input) WEIR_CHECK(partial.op->Process(0, batch, out).ok());
  WEIR_CHECK(partial.op->Drain(out).ok());
  OperatorContext context;
  context.job = "bench";
  context.blobs = blobs->get();
  context.random = SystemRandom();
  context.state_directory = root;
  double capture = 0, finish = 0, restore = 0;
  int64_t groups = 0, bytes = 0;
  auto since = [](std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  for (auto _ : state) {
    Instance owner(MakeFinalAggregate(FinalSpec()), context);
    for (const Batch& batch : partials) WEIR_CHECK(owner.op->Process(0, batch, out).ok());
    groups += owner.op->StateFootprint().keys;
    auto begin = std::chrono::steady_clock::now();
    auto pending = owner.op->Capture({});
    capture += since(begin);
    begin = std::chrono::steady_clock::now();
    auto captured = pending->finish();
    WEIR_CHECK(captured.ok(), captured.status().ToString());
    finish += since(begin);
    bytes += captured->states[0].files[0].size;
    TaskRestore stored;
    stored.states = captured->states;
    begin = std::chrono::steady_clock::now();
    Instance again(MakeFinalAggregate(FinalSpec()), context, stored);
    restore += since(begin);
  }
  const double per_group = 1e9 / static_cast<double>(groups);
  state.counters["capture_ns/group"] = capture * per_group;
  state.counters["finish_ns/group"] = finish * per_group;
  state.counters["restore_ns/group"] = restore * per_group;
  state.counters["bytes/group"] = static_cast<double>(bytes) / static_cast<double>(groups);
  std::filesystem::remove_all(root);
}
BENCHMARK(BM_Checkpoint)
    ->ArgsProduct({{5, 10'000, 100'000, 1'000'000}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir
