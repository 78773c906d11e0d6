// Runs the two halves of a windowed aggregation as tasks would: sources split a stream, partials
// are routed by key group to owners, watermarks are merged and echoed, barriers capture, tasks
// restart anywhere. And an oracle that computes windows from the rows alone.
#ifndef WEIR_TESTS_UNIT_OPERATORS_WINDOW_WINDOW_HARNESS_H_
#define WEIR_TESTS_UNIT_OPERATORS_WINDOW_WINDOW_HARNESS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io_pool.h"
#include "base/memory_budget.h"
#include "base/random.h"
#include "model/plan.h"
#include "operators/operator.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {

// A source row of the test stream: time, key text, a bigint, a double; each but the time may be
// NULL.
struct TestRow {
  int64_t time = 0;
  std::optional<std::string> key;
  std::optional<int64_t> number;
  std::optional<double> real;
  int64_t offset = 0;
  int64_t closed = kMinEventTime.micros;  // windows up to here were closed when the row came
};

// Columns of a partial aggregate's input in these tests.
enum TestColumn { kTime, kKey, kNumber, kReal, kFlag, kPartition, kOffset };
Schema TestSchema();
// kFlag is TRUE for even numbers, FALSE for odd ones, NULL for NULL.
Batch MakeBatch(const std::vector<TestRow>& rows);

// count(*), count(number), sum(number), sum(real), min(number), max(key), count(distinct number),
// count(*) FILTER (WHERE flag), by key.
AggregateSpec TestSpec(WindowSpec window);
OperatorSpec PartialSpec(const AggregateSpec& spec);
OperatorSpec FinalSpec(const AggregateSpec& spec);

// What an operator emitted: batches of port 0 and 1, and markers.
class Collected : public Output {
 public:
  absl::Status Emit(int port, Batch batch) override;
  absl::Status EmitWatermark(EventTime time) override;
  absl::Status EmitStatus(ChannelStatus status) override;

  std::vector<Batch> batches[2];
  std::vector<EventTime> watermarks;
  std::vector<ChannelStatus> statuses;
  int64_t rows(int port) const;
};

// Every column of every row as text: "start|end|key|...".
std::vector<std::string> RowsAsText(const std::vector<Batch>& batches);

// Expected result rows (as RowsAsText) of TestSpec(window) over `rows`, none of them late.
std::vector<std::string> Oracle(const WindowSpec& window, const std::vector<TestRow>& rows,
                                int64_t fired_up_to);

// One operator and what it needs from outside.
struct Task {
  OperatorContext context;
  std::map<int, InsertCounters> counters;
  OwnerEcho echo;
  std::unique_ptr<TemporaryDirectory> cache;
  std::unique_ptr<Operator> op;
};

// Takes `operator_status` of an OnWatermark and lets the operator emit what is still to come.
absl::Status Finish(absl::Status operator_status, Operator& op, Output& out);

// What all tasks of a job share.
struct World {
  FaultyBlobStore blobs;
  std::unique_ptr<Random> random = SeededRandom(99);
  MemoryBudget memory{int64_t{1} << 30};
  std::unique_ptr<IoPool> io = MakeInlineIoPool();
  int64_t generation = 1;

  std::unique_ptr<Task> Start(absl::StatusOr<std::unique_ptr<Operator>> op,
                              const TaskRestore& restore, absl::Status* status = nullptr);
};

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_OPERATORS_WINDOW_WINDOW_HARNESS_H_
