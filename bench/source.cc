// CPU time of Kafka → columns per record, librdkafka's threads included: the reader alone, and the
// whole source operator. Reads a topic of a real broker; bench/source.py makes both and runs this.
//
//   WEIR_BENCH_BROKERS=host:port WEIR_BENCH_TOPIC=t build/release/bench/bench_source
#include <sys/resource.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "benchmark/benchmark.h"
#include "operators/source/kafka_reader.h"
#include "operators/source/source_operator.h"

namespace weir {
namespace {

const char* Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

KafkaSpec Topic() {
  KafkaSpec spec;
  spec.brokers = Variable("WEIR_BENCH_BROKERS");
  spec.topic = Variable("WEIR_BENCH_TOPIC");
  spec.stop_at_latest = true;
  return spec;
}

double ProcessCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return t.tv_sec + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// What a task does between polls without result.
class Sleeper {
 public:
  void Wake() {
    absl::MutexLock lock(&mutex_);
    awake_ = true;
  }
  void Sleep() {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&awake_), absl::Milliseconds(20));
    awake_ = false;
  }

 private:
  absl::Mutex mutex_;
  bool awake_ = false;
};

void Report(benchmark::State& state, int64_t records, double cpu_seconds) {
  state.SetItemsProcessed(records);
  state.counters["cpu_per_record"] = cpu_seconds / static_cast<double>(records);
}

void Reader(benchmark::State& state) {
  auto readers = MakeKafkaReaderFactory("");
  auto topic = readers->Describe(Topic(), true, 10'000);
  if (!topic.ok()) return state.SkipWithError(std::string(topic.status().message()).c_str());
  int64_t records = 0;
  double cpu = 0;
  for (auto _ : state) {
    Sleeper sleeper;
    auto reader = *readers->Open(Topic());
    reader->SetWake([&] { sleeper.Wake(); });
    for (const auto& p : topic->partitions) (void)reader->Assign(p.partition, p.start_offset);
    const double began = ProcessCpuSeconds();
    for (bool done = false; !done;) {
      done = true;
      bool any = false;
      for (const auto& p : topic->partitions) {
        auto polled = reader->Poll(p.partition, kBatchRows, 4 << 20);
        WEIR_CHECK(polled.ok(), polled.status().ToString());
        records += polled->records.size();
        any |= polled->records.size() > 0;
        done &= polled->position >= p.stop_offset;
      }
      if (!any && !done) sleeper.Sleep();
    }
    cpu += ProcessCpuSeconds() - began;
    reader.reset();
  }
  Report(state, records, cpu);
}

class Discard : public Output {
 public:
  absl::Status Emit(int, Batch batch) override {
    benchmark::DoNotOptimize(batch.columns);
    return absl::OkStatus();
  }
  absl::Status EmitWatermark(EventTime) override { return absl::OkStatus(); }
  absl::Status EmitStatus(ChannelStatus) override { return absl::OkStatus(); }
};

OperatorSpec UserTransactions() {
  SourceOp source;
  source.table = "user_transactions";
  source.kafka = Topic();
  source.declared.columns = {{"userId", DataType::Of(TypeKind::kText), true},
                             {"eventType", DataType::Of(TypeKind::kText), false},
                             {"amount", DataType::Of(TypeKind::kDouble), true},
                             {"eventTime", DataType::Of(TypeKind::kTimestamptz), false}};
  source.output = source.declared;
  source.event_time_column = 3;
  OperatorSpec spec;
  spec.id = "source";
  spec.op = source;
  return spec;
}

void Source(benchmark::State& state) {
  auto readers = MakeKafkaReaderFactory("");
  auto topic = readers->Describe(Topic(), true, 10'000);
  if (!topic.ok()) return state.SkipWithError(std::string(topic.status().message()).c_str());
  const OperatorSpec spec = UserTransactions();
  Plan plan;
  plan.inserts.push_back({.sink = 0, .name = "a", .source_vertex = 0});
  int64_t records = 0;
  double cpu = 0;
  for (auto _ : state) {
    std::map<int, InsertCounters> counters;
    OperatorContext context;
    context.plan = &plan;
    context.clock = SystemClock();
    context.counters = &counters;
    TaskRestore restore;
    for (const auto& p : topic->partitions) {
      restore.positions.push_back(
          {spec.id, p.partition, p.start_offset, p.stop_offset, kMinEventTime, false});
    }
    auto made = MakeSourceOperator(spec, plan, readers.get());
    auto* source = static_cast<SourceOperator*>(made->get());
    WEIR_CHECK(source->Open(context, restore).ok());
    Sleeper sleeper;
    source->SetWake([&] { sleeper.Wake(); });
    Discard discard;
    const double began = ProcessCpuSeconds();
    for (;;) {
      auto polled = source->Poll(discard);
      WEIR_CHECK(polled.ok(), polled.status().ToString());
      if (*polled == SourceOperator::PollResult::kFinished) break;
      if (*polled == SourceOperator::PollResult::kIdle) sleeper.Sleep();
    }
    cpu += ProcessCpuSeconds() - began;
    records += counters[0].read;
    made->reset();
  }
  Report(state, records, cpu);
}

BENCHMARK(Reader)->Unit(benchmark::kMillisecond)->Iterations(3)->UseRealTime();
BENCHMARK(Source)->Unit(benchmark::kMillisecond)->Iterations(3)->UseRealTime();

}  // namespace
}  // namespace weir
