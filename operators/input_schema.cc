#include "operators/input_schema.h"

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

int VertexOf(const OperatorSpec& spec, const Plan& plan) {
  for (size_t v = 0; v < plan.vertices.size(); ++v) {
    for (const OperatorSpec& op : plan.vertices[v].operators) {
      if (op.id == spec.id) return static_cast<int>(v);
    }
  }
  return -1;
}

absl::StatusOr<Schema> PortSchema(const OperatorSpec& op, int port) {
  if (port == 0) return op.output;
  if (const auto* aggregate = std::get_if<FinalAggregateOp>(&op.op)) {
    Schema late = aggregate->spec.late;
    late.columns.push_back({"_watermark", DataType::Of(TypeKind::kTimestamptz), true});
    late.columns.push_back({"_delay_ms", DataType::Of(TypeKind::kBigint), true});
    return late;
  }
  return DeadLetterSchema();
}

const OperatorSpec* OperatorAt(const VertexSpec& vertex, int index) {
  if (index < 0 || index >= static_cast<int>(vertex.operators.size())) return nullptr;
  return &vertex.operators[index];
}

}  // namespace

absl::StatusOr<Schema> InputSchema(const OperatorSpec& spec, const Plan& plan, int input) {
  const int vertex = VertexOf(spec, plan);
  if (vertex < 0 || input < 0 || input >= static_cast<int>(spec.inputs.size())) {
    return absl::InvalidArgumentError(absl::StrCat("operator ", spec.name, " (", spec.id,
                                                   ") has no input ", input, " in the plan"));
  }
  const OperatorInput& from = spec.inputs[input];
  if (from.op >= 0) {
    const OperatorSpec* op = OperatorAt(plan.vertices[vertex], from.op);
    if (op != nullptr) return PortSchema(*op, from.port);
  }
  for (const EdgeSpec& edge : plan.edges) {
    if (from.op >= 0 || edge.to_vertex != vertex || edge.to_port != from.port) continue;
    if (edge.from_vertex < 0 || edge.from_vertex >= static_cast<int>(plan.vertices.size())) break;
    const OperatorSpec* op = OperatorAt(plan.vertices[edge.from_vertex], edge.from_op);
    if (op != nullptr) return op->output;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("nothing in the plan feeds input ", input, " of operator ", spec.name));
}

const AggregateSpec* GroupsBelow(const OperatorSpec& spec, const Plan& plan) {
  const int vertex = VertexOf(spec, plan);
  const OperatorSpec* op = &spec;
  while (vertex >= 0 && op != nullptr && op->inputs.size() == 1) {
    op = OperatorAt(plan.vertices[vertex], op->inputs[0].op);
    if (op == nullptr) break;
    if (const auto* aggregate = std::get_if<FinalAggregateOp>(&op->op)) return &aggregate->spec;
    if (!std::holds_alternative<FilterOp>(op->op)) break;
  }
  return nullptr;
}

}  // namespace weir
