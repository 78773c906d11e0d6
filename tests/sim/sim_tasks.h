// The tasks of one generation of a simulated job: sources that read partitions and keep watermarks,
// owners that align barriers, judge lateness and fire windows, and the channels between them. The
// pure parts are the real ones (WatermarkTracker, Aligner, ChannelWatermarks); rows are their
// numbers, files are sets of rows.
#ifndef WEIR_TESTS_SIM_SIM_TASKS_H_
#define WEIR_TESTS_SIM_SIM_TASKS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/job_events.h"
#include "model/element.h"
#include "operators/time/channel_watermarks.h"
#include "operators/time/watermark_tracker.h"
#include "tests/sim/sim_stream.h"
#include "worker/aligner.h"

namespace weir {

// Of one owner. Owners' watermarks may differ: each depends on the order in which it heard of its
// channels turning idle and active.
struct SimState {
  std::map<SimGroup, std::set<SimRow>> open;
  std::map<int, EventTime> fired;  // by key: its windows until then are closed
};

// What the world holds beside the log: Kafka, files of tables and of state. Never forgets a file.
struct SimWorld {
  explicit SimWorld(uint32_t seed) : stream(seed) {}
  const SimStream stream;
  std::vector<int64_t> available;  // records of each partition
  bool bounded = false;            // stop at `available`, which doesn't grow then
  std::map<std::string, std::map<SimGroup, std::set<SimRow>>> window_files;
  std::map<std::string, std::set<SimRow>> late_files;
  std::map<std::string, SimState> state_files;
  int last_file = 0;
  int64_t late_rows = 0, idle_spells = 0;  // seen so far, by anybody
};

// One side of a task's life towards the coordinator: what it reports, in order.
using SimReports = std::deque<JobEvent>;

class SimGeneration {
 public:
  SimGeneration(SimWorld* world, Generation generation, int parallelism);

  // `worker` runs the task from now on.
  void Deploy(const TaskDeployment& deployment, int worker, SimReports* reports);
  void Start() { started_ = true; }
  void Trigger(const TriggerAction& action);
  void AddPartitions(const AddPartitionsAction& action);
  // The tasks of a worker vanish; the others go on, unaware.
  void Drop(int worker);
  bool empty() const;
  bool RunsOn(int worker) const;

  // A bounded piece of work of one task, chosen by `choice`.
  void Work(uint32_t choice);
  // A task fails; it says so and does nothing any more. False when there is none.
  bool Fail(uint32_t choice);

 private:
  struct Row {
    SimRow row;
  };
  using Element = std::variant<Row, EventTime, ChannelStatus, Barrier>;

  struct Partition {
    int64_t next = 0, stop = -1;
    int quiet = 0;  // looks in a row that found nothing
    bool finished = false;
  };
  struct Source {
    int worker = 0;
    SimReports* reports = nullptr;
    WatermarkTracker tracker{SimStream::kBoundUs, /*idle_timeout_us=*/3'000'000};
    std::map<int32_t, Partition> partitions;
    int64_t read = 0;
    bool announced = false, closed = false, said_finished = false;
  };
  struct Owner {
    int worker = 0;
    SimReports* reports = nullptr;
    std::optional<Aligner> aligner;
    std::optional<ChannelWatermarks> inputs;
    SimState state;
    std::map<SimGroup, std::set<SimRow>> fired;
    std::set<SimRow> late;
    KeyGroupRange key_groups;
    int64_t used = 0, late_count = 0;
  };

  static bool Owns(const Owner& owner, int key);
  std::deque<Element>& Channel(int from, int to) {
    return channels_[static_cast<size_t>(from * parallelism_ + to)];
  }
  void Broadcast(int from, const Element& element);
  void Announce(int from, const std::optional<WatermarkChange>& change);
  void Read(int index, uint32_t choice);
  void Capture(int index, const TriggerAction& action);
  void Receive(int index, uint32_t choice);
  void Take(Owner& owner, int channel, const Element& element, int index);
  void Merge(Owner& owner, const std::optional<WatermarkChange>& change);
  void Snapshot(Owner& owner, int index, const Barrier& barrier);

  SimWorld* const world_;
  const Generation generation_;
  const int parallelism_;
  bool started_ = false;
  std::vector<std::optional<Source>> sources_;
  std::vector<std::optional<Owner>> owners_;
  std::vector<std::deque<Element>> channels_;  // from * parallelism + to
};

}  // namespace weir

#endif  // WEIR_TESTS_SIM_SIM_TASKS_H_
