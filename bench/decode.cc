// CPU time of JSON → columns per record of about 200 bytes, as source tasks pay it.
//
//   build/release/bench/bench_decode
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_format.h"
#include "arrow/record_batch.h"
#include "benchmark/benchmark.h"
#include "model/plan.h"
#include "operators/decode/json_decoder.h"

namespace weir {
namespace {

constexpr int kRecords = 8192;

Column Make(const char* name, TypeKind kind) { return {name, DataType::Of(kind), true}; }

// The user-activity source of the README.
SourceOp UserTransactions() {
  SourceOp source;
  source.table = "user_transactions";
  source.declared.columns = {Make("userId", TypeKind::kText), Make("eventType", TypeKind::kText),
                             Make("amount", TypeKind::kDouble),
                             Make("eventTime", TypeKind::kTimestamptz)};
  source.declared.columns[1].nullable = false;
  source.declared.columns[3].nullable = false;
  source.output = source.declared;
  source.event_time_column = 3;
  return source;
}

enum class Shape { kPlain, kEscapes, kOneBad };

// As the Kafka reader leaves them.
RawRecords Records(Shape shape) {
  std::mt19937 random(1);
  RawRecords raw;
  for (int i = 0; i < kRecords; ++i) {
    std::string json = absl::StrFormat(
        R"({"userId":"user-%08d","eventType":"%s","amount":%d.%02d,)"
        R"("eventTime":"2024-03-01T%02d:%02d:%02d.%03dZ","note":"%s"})",
        random() % 1000000, i % 3 == 0 ? "purchase" : "view", static_cast<int>(random() % 1000),
        static_cast<int>(random() % 100), static_cast<int>(random() % 24),
        static_cast<int>(random() % 60), static_cast<int>(random() % 60),
        static_cast<int>(random() % 1000),
        shape == Shape::kEscapes ? std::string(60, 'x') + "\\n" + std::string(22, 'y')
                                 : std::string(84, 'x'));
    if (shape == Shape::kOneBad && i == kRecords / 2) json.resize(json.size() - 20);
    raw.payload_begin.push_back(static_cast<int64_t>(raw.arena.size()));
    raw.arena += json;
    raw.payload_end.push_back(static_cast<int64_t>(raw.arena.size()));
    raw.arena.push_back('\n');
    raw.key_begin.push_back(-1);
    raw.key_end.push_back(-1);
    raw.offsets.push_back(i);
    raw.timestamps_ms.push_back(1709300000000);
  }
  raw.arena.reserve(raw.arena.size() + 64);
  return raw;
}

void Run(benchmark::State& state, const SourceOp& source, Shape shape) {
  const RawRecords raw = Records(shape);
  JsonDecoder decoder(source);
  for (auto _ : state) {
    DecodedRecords decoded = decoder.Decode(raw);
    benchmark::DoNotOptimize(decoded.columns);
  }
  state.SetItemsProcessed(state.iterations() * kRecords);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(raw.arena.size()));
  state.counters["cpu_per_record"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kRecords,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void FourColumns(benchmark::State& state) { Run(state, UserTransactions(), Shape::kPlain); }
void FourColumnsWithEscapes(benchmark::State& state) {
  Run(state, UserTransactions(), Shape::kEscapes);
}
// An unclosed string fails the pass that it is in, whose records are then parsed one by one.
void FourColumnsOneUnclosedString(benchmark::State& state) {
  Run(state, UserTransactions(), Shape::kOneBad);
}
void ThreeOfFourColumns(benchmark::State& state) {
  SourceOp source = UserTransactions();
  source.output.columns.erase(source.output.columns.begin());
  source.event_time_column = 2;
  Run(state, source, Shape::kPlain);
}
void WithPartitionAndOffset(benchmark::State& state) {
  SourceOp source = UserTransactions();
  source.output.columns.push_back(Make(kPartitionColumn, TypeKind::kInteger));
  source.output.columns.push_back(Make(kOffsetColumn, TypeKind::kBigint));
  Run(state, source, Shape::kPlain);
}

BENCHMARK(FourColumns);
BENCHMARK(FourColumnsWithEscapes);
BENCHMARK(FourColumnsOneUnclosedString);
BENCHMARK(ThreeOfFourColumns);
BENCHMARK(WithPartitionAndOffset);

}  // namespace
}  // namespace weir
