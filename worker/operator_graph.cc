#include "worker/operator_graph.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"

namespace weir {

// Where the rows of operator `op` go: other operators of the task, edges to other tasks.
class OperatorGraph::PortOutput : public Output {
 public:
  PortOutput(OperatorGraph* graph, int op) : graph_(graph), op_(op) {}

  absl::Status Emit(int port, Batch batch) override {
    WEIR_CHECK(port >= 0 && port < 2, "an operator has two output ports");
    if (batch.num_rows() == 0) return absl::OkStatus();
    WEIR_RETURN_IF_ERROR(graph_->Deliver(readers[port], batch));
    if (port != 0) return absl::OkStatus();
    for (EdgeOutput* edge : edges) WEIR_RETURN_IF_ERROR(edge->SendRows(batch));
    return absl::OkStatus();
  }

  absl::Status EmitWatermark(EventTime time) override {
    if (IsSource()) graph_->source_watermark_ = time;
    for (const std::vector<Target>& targets : readers) {
      WEIR_RETURN_IF_ERROR(graph_->DeliverWatermark(targets, time));
    }
    for (EdgeOutput* edge : edges) WEIR_RETURN_IF_ERROR(edge->Broadcast(Watermark{time}));
    return absl::OkStatus();
  }

  absl::Status EmitStatus(ChannelStatus status) override {
    if (IsSource()) {
      graph_->source_idle_ = status != ChannelStatus::kActive;
      // Owners stop waiting for an idle task, so nothing may stay behind in its buffers.
      if (status != ChannelStatus::kActive) WEIR_RETURN_IF_ERROR(graph_->Drain());
    }
    for (const std::vector<Target>& targets : readers) {
      WEIR_RETURN_IF_ERROR(graph_->DeliverStatus(targets, status));
    }
    for (EdgeOutput* edge : edges) WEIR_RETURN_IF_ERROR(edge->Broadcast(StatusChange{status}));
    return absl::OkStatus();
  }

  std::vector<Target> readers[2];  // by port
  std::vector<EdgeOutput*> edges;  // fed by port 0

 private:
  bool IsSource() const { return graph_->source_ == graph_->operators_[op_].get(); }

  OperatorGraph* const graph_;
  const int op_;
};

OperatorGraph::OperatorGraph(const VertexSpec& vertex,
                             std::vector<std::unique_ptr<Operator>> operators,
                             std::vector<std::unique_ptr<OperatorContext>> contexts,
                             std::vector<std::pair<int, EdgeOutput*>> edges_by_op, int input_ports)
    : contexts_(std::move(contexts)),
      operators_(std::move(operators)),
      readers_of_port_(input_ports) {
  WEIR_CHECK(operators_.size() == vertex.operators.size() && contexts_.size() == operators_.size());
  for (size_t i = 0; i < operators_.size(); ++i) {
    outputs_.push_back(std::make_unique<PortOutput>(this, static_cast<int>(i)));
    if (std::holds_alternative<SourceOp>(vertex.operators[i].op)) {
      source_ = static_cast<SourceOperator*>(operators_[i].get());
    }
  }
  for (size_t i = 0; i < operators_.size(); ++i) {
    const std::vector<OperatorInput>& inputs = vertex.operators[i].inputs;
    for (size_t k = 0; k < inputs.size(); ++k) {
      const Target target{static_cast<int>(i), static_cast<int>(k)};
      if (inputs[k].op < 0) {
        readers_of_port_[inputs[k].port].push_back(target);
      } else {
        WEIR_CHECK(inputs[k].op < static_cast<int>(i), "operators are in topological order");
        outputs_[inputs[k].op]->readers[inputs[k].port].push_back(target);
      }
    }
  }
  for (const auto& [op, edge] : edges_by_op) outputs_[op]->edges.push_back(edge);
}

OperatorGraph::~OperatorGraph() = default;

absl::Status OperatorGraph::Open(const TaskRestore& restore) {
  for (size_t i = 0; i < operators_.size(); ++i) {
    WEIR_RETURN_IF_ERROR(operators_[i]->Open(*contexts_[i], restore));
  }
  return absl::OkStatus();
}

absl::Status OperatorGraph::Deliver(const std::vector<Target>& targets, const Batch& batch) {
  for (const Target& target : targets) {
    WEIR_RETURN_IF_ERROR(operators_[target.op]->Process(target.input, batch, *outputs_[target.op]));
  }
  return absl::OkStatus();
}

absl::Status OperatorGraph::DeliverWatermark(const std::vector<Target>& targets, EventTime time) {
  for (const Target& target : targets) {
    WEIR_RETURN_IF_ERROR(
        operators_[target.op]->OnWatermark(target.input, time, *outputs_[target.op]));
  }
  return absl::OkStatus();
}

absl::Status OperatorGraph::DeliverStatus(const std::vector<Target>& targets,
                                          ChannelStatus status) {
  for (const Target& target : targets) {
    WEIR_RETURN_IF_ERROR(
        operators_[target.op]->OnStatus(target.input, status, *outputs_[target.op]));
  }
  return absl::OkStatus();
}

absl::Status OperatorGraph::Process(int port, const Batch& batch) {
  return Deliver(readers_of_port_[port], batch);
}

absl::Status OperatorGraph::OnWatermark(int port, EventTime time) {
  return DeliverWatermark(readers_of_port_[port], time);
}

absl::Status OperatorGraph::OnStatus(int port, ChannelStatus status) {
  return DeliverStatus(readers_of_port_[port], status);
}

absl::StatusOr<SourceOperator::PollResult> OperatorGraph::Poll() {
  return source_->Poll(*outputs_[0]);
}

bool OperatorGraph::HasMore() const {
  return std::any_of(operators_.begin(), operators_.end(),
                     [](const std::unique_ptr<Operator>& op) { return op->HasMore(); });
}

absl::Status OperatorGraph::Continue() {
  // The last one first: an operator that has more is fed nothing.
  for (size_t i = operators_.size(); i-- > 0;) {
    if (operators_[i]->HasMore()) return operators_[i]->Continue(*outputs_[i]);
  }
  return absl::OkStatus();
}

absl::Status OperatorGraph::Drain() {
  for (size_t i = 0; i < operators_.size(); ++i) {
    WEIR_RETURN_IF_ERROR(operators_[i]->Drain(*outputs_[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PendingState>> OperatorGraph::Capture(const Barrier& barrier) {
  std::vector<PendingState> pending;
  for (const std::unique_ptr<Operator>& op : operators_) {
    WEIR_ASSIGN_OR_RETURN(PendingState state, op->Capture(barrier));
    if (state.finish) pending.push_back(std::move(state));
  }
  return pending;
}

void OperatorGraph::Published(CheckpointId id) {
  for (const std::unique_ptr<Operator>& op : operators_) op->Published(id);
}

bool OperatorGraph::Blocked() const {
  return std::any_of(operators_.begin(), operators_.end(),
                     [](const std::unique_ptr<Operator>& op) { return op->Blocked(); });
}

Operator::Footprint OperatorGraph::StateFootprint() const {
  Operator::Footprint total;
  for (const std::unique_ptr<Operator>& op : operators_) {
    const Operator::Footprint one = op->StateFootprint();
    total.bytes += one.bytes;
    total.keys += one.keys;
    total.files += one.files;
    total.file_bytes += one.file_bytes;
    total.spilled_bytes += one.spilled_bytes;
    total.rewritten_bytes += one.rewritten_bytes;
  }
  return total;
}

}  // namespace weir
