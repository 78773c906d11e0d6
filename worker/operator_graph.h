// The operators of one task, wired by ports as the plan says.
#ifndef WEIR_WORKER_OPERATOR_GRAPH_H_
#define WEIR_WORKER_OPERATOR_GRAPH_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "model/plan.h"
#include "operators/operator.h"
#include "worker/edge_output.h"

namespace weir {

// Slot thread, except Open.
class OperatorGraph {
 public:
  // `operators` and the contexts they were made with are in the order of `vertex`. `edges_by_op`:
  // operator and outgoing edge; edges outlive the graph.
  OperatorGraph(const VertexSpec& vertex, std::vector<std::unique_ptr<Operator>> operators,
                std::vector<std::unique_ptr<OperatorContext>> contexts,
                std::vector<std::pair<int, EdgeOutput*>> edges_by_op, int input_ports);
  ~OperatorGraph();

  // Opens every operator. I/O pool, before all else.
  absl::Status Open(const TaskRestore& restore);

  // The source at its head, or null.
  SourceOperator* source() const { return source_; }

  // Hands over what arrived on incoming edge `port`.
  absl::Status Process(int port, const Batch& batch);
  absl::Status OnWatermark(int port, EventTime time);
  absl::Status OnStatus(int port, ChannelStatus status);

  absl::StatusOr<SourceOperator::PollResult> Poll();

  // Whether some operator has more rows of a watermark to emit; emits some.
  bool HasMore() const;
  absl::Status Continue();

  // Empties every operator's buffers downstream, in topological order.
  absl::Status Drain();
  // Captures every operator. Drain comes first.
  absl::StatusOr<std::vector<PendingState>> Capture(const Barrier& barrier);
  void Published(CheckpointId id);

  bool Blocked() const;
  Operator::Footprint StateFootprint() const;
  // Last watermark emitted by the source; kMinEventTime without one.
  EventTime source_watermark() const { return source_watermark_; }
  bool source_idle() const { return source_idle_; }

 private:
  class PortOutput;
  struct Target {
    int op;
    int input;
  };

  absl::Status Deliver(const std::vector<Target>& targets, const Batch& batch);
  absl::Status DeliverWatermark(const std::vector<Target>& targets, EventTime time);
  absl::Status DeliverStatus(const std::vector<Target>& targets, ChannelStatus status);

  std::vector<std::unique_ptr<OperatorContext>> contexts_;  // outlive the operators
  std::vector<std::unique_ptr<Operator>> operators_;
  std::vector<std::unique_ptr<PortOutput>> outputs_;  // by operator
  std::vector<std::vector<Target>> readers_of_port_;  // by incoming edge port
  SourceOperator* source_ = nullptr;
  EventTime source_watermark_ = kMinEventTime;
  bool source_idle_ = false;
};

}  // namespace weir

#endif  // WEIR_WORKER_OPERATOR_GRAPH_H_
