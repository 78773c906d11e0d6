// The one place that knows all kinds of operators.
#include <variant>

#include "absl/strings/str_cat.h"
#include "operators/expr/filter_operator.h"
#include "operators/expr/project_operator.h"
#include "operators/operator.h"
#include "operators/sink/sink_operator.h"
#include "operators/source/source_operator.h"
#include "operators/window/final_aggregate.h"
#include "operators/window/partial_aggregate.h"

namespace weir {
namespace {

using Made = absl::StatusOr<std::unique_ptr<Operator>>;

struct Maker {
  const OperatorSpec& spec;
  const Plan& plan;
  PartitionReaderFactory* readers;

  Made operator()(const FilterOp&) const { return MakeFilterOperator(spec, plan); }
  Made operator()(const ProjectOp&) const { return MakeProjectOperator(spec, plan); }
  Made operator()(const SinkOp&) const { return MakeSinkOperator(spec, plan); }
  Made operator()(const SourceOp&) const { return MakeSourceOperator(spec, plan, readers); }
  Made operator()(const PartialAggregateOp&) const { return MakePartialAggregate(spec); }
  Made operator()(const FinalAggregateOp&) const { return MakeFinalAggregate(spec); }
};

}  // namespace

Made MakeOperator(const OperatorSpec& spec, const Plan& plan, PartitionReaderFactory* readers) {
  Made made = std::visit(Maker{spec, plan, readers}, spec.op);
  if (made.ok()) return made;
  return absl::Status(made.status().code(),
                      absl::StrCat("operator ", spec.name, ": ", made.status().message()));
}

}  // namespace weir
