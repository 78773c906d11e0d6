#include "sql/branch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/aggregate_name.h"
#include "sql/rewrite.h"
#include "sql/share.h"
#include "sql/stages.h"

namespace weir {
namespace {

// The projection below a partial aggregate: each thing it needs, once.
class AggregateInput {
 public:
  // `names` are of the row the expressions read; "" = none.
  explicit AggregateInput(std::vector<std::string> names) : row_names_(std::move(names)) {}

  int Add(const Expr& expr, const char* role) {
    const auto found = std::find(stage_.exprs.begin(), stage_.exprs.end(), expr);
    if (found != stage_.exprs.end()) return static_cast<int>(found - stage_.exprs.begin());
    std::string name = expr.kind == ExprKind::kColumn ? row_names_[expr.column] : std::string();
    if (name.empty()) name = absl::StrCat(role, ++unnamed_);
    stage_.exprs.push_back(expr);
    stage_.names.push_back(std::move(name));
    return static_cast<int>(stage_.exprs.size()) - 1;
  }
  Stage Take() && { return std::move(stage_); }

 private:
  const std::vector<std::string> row_names_;
  Stage stage_{Stage::Kind::kProject, {}, {}};
  int unnamed_ = 0;
};

std::vector<std::string> NamesAbove(const std::vector<Stage>& stages, const Schema& row) {
  std::vector<std::string> names;
  for (const Column& column : row.columns) names.push_back(column.name);
  for (const Stage& stage : stages) {
    if (stage.kind == Stage::Kind::kProject) names = stage.names;
  }
  return names;
}

// Columns of the source's row that have to reach the aggregation whatever subqueries select: the
// event time, and what the late side table keeps.
std::vector<int> Carried(const SourceTable& source, const SinkTable& sink) {
  std::vector<int> carried = {source.op.event_time_column};
  if (sink.late_path.empty()) return carried;
  const int late = source.op.declared.size() + 2;  // and _partition, _offset
  for (int i = 0; i < late; ++i) carried.push_back(i);
  return carried;
}

// Columns are named after their aggregate; the two counts of one argument must not share a name.
const char* NameOf(AggregateKind kind) {
  return kind == AggregateKind::kCountDistinct ? "count_distinct" : AggregateName(kind);
}

// Aggregates that nothing above reads aren't computed: a view may have more than a query takes.
BoundAggregate DropUnread(const BoundAggregate& aggregate, std::vector<Stage>* above) {
  const int first_call = kFirstKeyColumn + static_cast<int>(aggregate.keys.size());
  const std::vector<int> reads = ColumnsRead(*above);
  std::vector<int> position(first_call + aggregate.calls.size(), -1);
  for (int i = 0; i < first_call; ++i) position[i] = i;
  BoundAggregate kept = aggregate;
  kept.calls.clear();
  for (int column : reads) {
    if (column < first_call) continue;
    position[column] = first_call + static_cast<int>(kept.calls.size());
    kept.calls.push_back(aggregate.calls[column - first_call]);
  }
  RenumberInput(position, above);
  return kept;
}

}  // namespace

Schema SourceRow(const SourceTable& source) {
  Schema row = source.op.declared;
  row.columns.push_back({kPartitionColumn, DataType::Of(TypeKind::kInteger), false});
  row.columns.push_back({kOffsetColumn, DataType::Of(TypeKind::kBigint), false});
  row.columns.push_back({kTimestampColumn, DataType::Of(TypeKind::kTimestamptz), true});
  row.columns.push_back({kKeyColumn, DataType::Of(TypeKind::kBytea), true});
  return row;
}

Schema AggregateOutput(const AggregateSpec& spec, const Schema& input) {
  Schema schema;
  schema.columns.push_back({"window_start", DataType::Of(TypeKind::kTimestamptz), false});
  schema.columns.push_back({"window_end", DataType::Of(TypeKind::kTimestamptz), false});
  for (const Column& key : spec.keys.columns) schema.columns.push_back(key);
  for (const AggregateCall& call : spec.aggregates) {
    std::string name = NameOf(call.kind);
    if (call.argument >= 0) absl::StrAppend(&name, "_", input.columns[call.argument].name);
    const auto taken = [&](const std::string& candidate) {
      return std::any_of(schema.columns.begin(), schema.columns.end(),
                         [&](const Column& column) { return column.name == candidate; });
    };
    std::string unique = name;
    for (int i = 2; taken(unique); ++i) unique = absl::StrCat(name, "_", i);
    const bool counts = call.kind == AggregateKind::kCountStar ||
                        call.kind == AggregateKind::kCount ||
                        call.kind == AggregateKind::kCountDistinct;
    schema.columns.push_back({std::move(unique), call.result_type, !counts});
  }
  return schema;
}

Branch MakeBranch(const Catalog& catalog, const BoundInsert& bound, int insert) {
  const BoundQuery& query = bound.query;
  const SourceTable& source = catalog.sources()[query.source];
  const SinkTable& sink = catalog.sinks()[bound.sink];
  Branch branch;
  branch.insert = insert;
  branch.source = query.source;
  branch.sink = bound.sink;
  branch.below = query.before;
  branch.above = query.after;
  if (!query.aggregate.has_value()) {
    Fuse(&branch.below);
    ShareSubexpressions(&branch.below);
    return branch;
  }
  Fuse(&branch.above);
  const BoundAggregate aggregate = DropUnread(*query.aggregate, &branch.above);
  const Schema row = SourceRow(source);
  const std::vector<int> carried = Carried(source, sink);
  const std::vector<int> places = CarryColumns(carried, row, &branch.below);

  AggregateInput input(NamesAbove(branch.below, row));
  AggregateSpec spec;
  spec.window = *query.window;
  spec.time_column = input.Add(ColumnExpr(places[0], DataType::Of(TypeKind::kTimestamptz)), "time");
  for (size_t i = 0; i < aggregate.keys.size(); ++i) {
    spec.key_columns.push_back(input.Add(aggregate.keys[i], "key"));
    spec.keys.columns.push_back(
        {aggregate.key_names[i], aggregate.keys[i].type, aggregate.key_nullable[i]});
  }
  for (const BoundCall& bound_call : aggregate.calls) {
    AggregateCall call;
    call.kind = bound_call.kind;
    call.result_type = bound_call.result;
    if (bound_call.argument.has_value()) {
      call.argument = input.Add(*bound_call.argument, "arg");
      call.argument_type = bound_call.argument->type;
    }
    if (bound_call.filter.has_value()) call.filter = input.Add(*bound_call.filter, "filter");
    spec.aggregates.push_back(call);
  }
  for (size_t i = 1; i < carried.size(); ++i) {
    const Column& column = row.columns[carried[i]];
    spec.late_columns.push_back(input.Add(ColumnExpr(places[i], column.type), "late"));
    spec.late.columns.push_back(column);
  }
  branch.late = spec.late;
  branch.aggregate = std::move(spec);
  branch.below.push_back(std::move(input).Take());
  Fuse(&branch.below);
  ShareSubexpressions(&branch.below);
  ShareSubexpressions(&branch.above);
  return branch;
}

}  // namespace weir
