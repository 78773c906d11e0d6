#include "tests/unit/operators/window/window_harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "arrow/api.h"
#include "operators/window/partial_format.h"
#include "operators/window/window_grid.h"

namespace weir {
namespace {

template <class Builder, class T>
std::shared_ptr<arrow::Array> Build(const DataType& type,
                                    const std::vector<std::optional<T>>& values) {
  auto builder = arrow::MakeBuilder(ArrowType(type)).ValueOrDie();
  for (const auto& v : values) {
    EXPECT_TRUE(
        (v ? static_cast<Builder*>(builder.get())->Append(*v) : builder->AppendNull()).ok());
  }
  return builder->Finish().ValueOrDie();
}

// Enough digits to tell sums apart, few enough to hide the order of additions.
std::string DoubleText(double v) { return absl::StrFormat("%.9g", v); }

std::string ValueText(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return "NULL";
  switch (column.type_id()) {
    case arrow::Type::TIMESTAMP:
      return absl::StrCat(static_cast<const arrow::TimestampArray&>(column).Value(row));
    case arrow::Type::DOUBLE:
      return DoubleText(static_cast<const arrow::DoubleArray&>(column).Value(row));
    case arrow::Type::INT64:
      return absl::StrCat(static_cast<const arrow::Int64Array&>(column).Value(row));
    default:
      return column.GetScalar(row).ValueOrDie()->ToString();
  }
}

template <class T>
std::string OrNull(const std::optional<T>& v) {
  return v ? absl::StrCat(*v) : "NULL";
}

}  // namespace

Schema TestSchema() {
  return {{{"time", DataType::Of(TypeKind::kTimestamptz), false},
           {"key", DataType::Of(TypeKind::kText)},
           {"number", DataType::Of(TypeKind::kBigint)},
           {"real", DataType::Of(TypeKind::kDouble)},
           {"flag", DataType::Of(TypeKind::kBoolean)},
           {"_partition", DataType::Of(TypeKind::kInteger), false},
           {"_offset", DataType::Of(TypeKind::kBigint), false}}};
}

Batch MakeBatch(const std::vector<TestRow>& rows) {
  std::vector<std::optional<int64_t>> times, numbers, offsets;
  std::vector<std::optional<std::string>> keys;
  std::vector<std::optional<double>> reals;
  std::vector<std::optional<bool>> flags;
  std::vector<std::optional<int32_t>> partitions;
  auto raw = std::make_shared<RawRecords>();
  for (const TestRow& row : rows) {
    times.push_back(row.time);
    keys.push_back(row.key);
    numbers.push_back(row.number);
    reals.push_back(row.real);
    flags.push_back(row.number ? std::optional(*row.number % 2 == 0) : std::nullopt);
    partitions.push_back(3);
    offsets.push_back(row.offset);
    raw->offsets.push_back(row.offset);
  }
  raw->payload_begin = raw->key_begin = std::vector<int64_t>(rows.size(), -1);
  raw->payload_end = raw->key_end = raw->timestamps_ms = raw->payload_begin;
  const Schema schema = TestSchema();
  auto type = [&schema](int c) { return schema.columns[c].type; };
  Batch batch;
  batch.raw = raw;
  batch.columns =
      arrow::RecordBatch::Make(ArrowSchema(schema), static_cast<int64_t>(rows.size()),
                               {Build<arrow::TimestampBuilder>(type(kTime), times),
                                Build<arrow::StringBuilder>(type(kKey), keys),
                                Build<arrow::Int64Builder>(type(kNumber), numbers),
                                Build<arrow::DoubleBuilder>(type(kReal), reals),
                                Build<arrow::BooleanBuilder>(type(kFlag), flags),
                                Build<arrow::Int32Builder>(type(kPartition), partitions),
                                Build<arrow::Int64Builder>(type(kOffset), offsets)});
  return batch;
}

AggregateSpec TestSpec(WindowSpec window) {
  const DataType bigint = DataType::Of(TypeKind::kBigint), text = DataType::Of(TypeKind::kText),
                 real = DataType::Of(TypeKind::kDouble);
  AggregateSpec spec;
  spec.state_id = "0123abcd";
  spec.window = window;
  spec.time_column = kTime;
  spec.key_columns = {kKey};
  spec.keys = {{{"key", text}}};
  spec.aggregates = {
      {AggregateKind::kCountStar, -1, {}, -1, bigint},
      {AggregateKind::kCount, kNumber, bigint, -1, bigint},
      {AggregateKind::kSum, kNumber, bigint, -1, DataType::Numeric(38, 0)},
      {AggregateKind::kSum, kReal, real, -1, real},
      {AggregateKind::kMin, kNumber, bigint, -1, bigint},
      {AggregateKind::kMax, kKey, text, -1, text},
      {AggregateKind::kCountDistinct, kNumber, bigint, -1, bigint},
      {AggregateKind::kCountStar, -1, {}, kFlag, bigint},
  };
  spec.late_columns = {kTime, kKey, kPartition, kOffset};
  for (int c : spec.late_columns) spec.late.columns.push_back(TestSchema().columns[c]);
  return spec;
}

OperatorSpec PartialSpec(const AggregateSpec& spec) {
  OperatorSpec op;
  op.id = op.name = "partial_aggregate";
  op.op = PartialAggregateOp{spec};
  op.insert = 0;
  op.on_bad_row = BadRowPolicy::kSkip;
  return op;
}

OperatorSpec FinalSpec(const AggregateSpec& spec) {
  OperatorSpec op;
  op.id = op.name = "final_aggregate";
  op.op = FinalAggregateOp{spec};
  op.insert = 0;
  const DataType time = DataType::Of(TypeKind::kTimestamptz);
  op.output.columns = {{"window_start", time, false}, {"window_end", time, false}};
  for (const Column& key : spec.keys.columns) op.output.columns.push_back(key);
  for (const AggregateCall& call : spec.aggregates) {
    op.output.columns.push_back({absl::StrCat("a", op.output.size()), call.result_type});
  }
  return op;
}

absl::Status Collected::Emit(int port, Batch batch) {
  EXPECT_LE(batch.num_rows(), kBatchRows);
  EXPECT_GT(batch.num_rows(), 0);
  EXPECT_TRUE(batch.columns->ValidateFull().ok()) << batch.columns->ValidateFull().ToString();
  batches[port].push_back(std::move(batch));
  return absl::OkStatus();
}

absl::Status Collected::EmitWatermark(EventTime time) {
  watermarks.push_back(time);
  return absl::OkStatus();
}

absl::Status Collected::EmitStatus(ChannelStatus status) {
  statuses.push_back(status);
  return absl::OkStatus();
}

int64_t Collected::rows(int port) const {
  int64_t rows = 0;
  for (const Batch& batch : batches[port]) rows += batch.num_rows();
  return rows;
}

std::vector<std::string> RowsAsText(const std::vector<Batch>& batches) {
  std::vector<std::string> rows;
  for (const Batch& batch : batches) {
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      std::string row;
      for (int c = 0; c < batch.columns->num_columns(); ++c) {
        absl::StrAppend(&row, c > 0 ? "|" : "", ValueText(*batch.columns->column(c), i));
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::vector<std::string> Oracle(const WindowSpec& window, const std::vector<TestRow>& rows,
                                int64_t fired_up_to) {
  struct Group {
    int64_t count = 0, numbers = 0, sum = 0, flagged = 0;
    double real = 0;
    bool any_real = false;
    std::optional<int64_t> min;
    std::optional<std::string> max_key;
    std::set<int64_t> distinct;
  };
  std::map<std::pair<int64_t, std::optional<std::string>>, Group> groups;  // by window end and key
  for (const TestRow& row : rows) {
    // Straight from the definition: every k with start <= time < start + size.
    int64_t k = (row.time - window.origin_us) / window.slide_us + 1;
    for (; window.origin_us + k * window.slide_us + window.size_us > row.time; --k) {
      const int64_t start = window.origin_us + k * window.slide_us;
      const int64_t end = start + window.size_us;
      if (start > row.time || end > fired_up_to || end <= row.closed) continue;
      Group& group = groups[{end, row.key}];
      ++group.count;
      if (row.key) group.max_key = row.key;
      if (row.real) group.real += *row.real, group.any_real = true;
      if (!row.number) continue;
      ++group.numbers;
      group.sum += *row.number;
      group.flagged += *row.number % 2 == 0 ? 1 : 0;
      group.min = std::min(group.min.value_or(*row.number), *row.number);
      group.distinct.insert(*row.number);
    }
  }
  std::vector<std::string> result;
  for (const auto& [id, g] : groups) {
    result.push_back(absl::StrCat(id.first - window.size_us, "|", id.first, "|", OrNull(id.second),
                                  "|", g.count, "|", g.numbers, "|",
                                  g.numbers > 0 ? absl::StrCat(g.sum) : "NULL", "|",
                                  g.any_real ? DoubleText(g.real) : "NULL", "|", OrNull(g.min), "|",
                                  OrNull(g.max_key), "|", g.distinct.size(), "|", g.flagged));
  }
  std::sort(result.begin(), result.end());
  return result;
}

absl::Status Finish(absl::Status operator_status, Operator& op, Output& out) {
  while (operator_status.ok() && op.HasMore()) {
    if (op.Blocked()) {
      std::this_thread::yield();  // the I/O pool reads
    } else {
      operator_status = op.Continue(out);
    }
  }
  return operator_status;
}

std::unique_ptr<Task> World::Start(absl::StatusOr<std::unique_ptr<Operator>> op,
                                   const TaskRestore& restore, absl::Status* status) {
  EXPECT_TRUE(op.ok()) << op.status();
  auto task = std::make_unique<Task>();
  task->cache = std::make_unique<TemporaryDirectory>();
  task->op = *std::move(op);
  task->counters[0];
  OperatorContext& context = task->context;
  context.job = "job-1";
  context.generation = Generation(generation);
  context.clock = SystemClock();
  context.random = random.get();
  context.state_memory = &memory;
  context.partial_memory = &memory;
  context.io = io.get();
  context.blobs = &blobs;
  context.state_directory = task->cache->path();
  context.counters = &task->counters;
  context.echo = &task->echo;
  absl::Status opened = task->op->Open(context, restore);
  if (status != nullptr) {
    *status = opened;
  } else {
    EXPECT_TRUE(opened.ok()) << opened;
  }
  return task;
}

}  // namespace weir
