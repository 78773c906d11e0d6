#include "sql/planner.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "sql/branch.h"
#include "sql/fingerprint.h"
#include "sql/rewrite.h"
#include "sql/stages.h"

namespace weir {
namespace {

// Columns of `row` (declared, then pseudo-columns) that the branches read, the source decodes
// because they are NOT NULL, or the watermark needs.
std::vector<int> SourceColumns(const SourceTable& source, const std::vector<Branch>& branches) {
  std::set<int> columns;
  for (const Branch& branch : branches) {
    for (int column : ColumnsRead(branch.below)) columns.insert(column);
  }
  const Schema& declared = source.op.declared;
  for (int i = 0; i < declared.size(); ++i) {
    if (!declared.columns[i].nullable || i == source.op.event_time_column) columns.insert(i);
  }
  // A batch needs a column to have rows; this one costs nothing.
  if (columns.empty()) columns.insert(declared.size() + 1);
  return {columns.begin(), columns.end()};
}

bool SameSchema(const Stage& project, const Schema& input, const Schema& output) {
  for (int i = 0; i < static_cast<int>(project.exprs.size()); ++i) {
    const Expr& expr = project.exprs[i];
    if (expr.kind != ExprKind::kColumn || expr.column != i) return false;
  }
  return input == output;
}

bool HasNotNull(const Schema& schema) {
  return std::any_of(schema.columns.begin(), schema.columns.end(),
                     [](const Column& column) { return !column.nullable; });
}

class PlanBuilder {
 public:
  PlanBuilder(const Script& script, const Catalog& catalog) : script_(script), catalog_(catalog) {}

  absl::StatusOr<Plan> Build(std::vector<PlannedInsert> inserts);

 private:
  // A row of operators as it grows: where its last one is and what its rows are.
  struct Chain {
    int vertex = 0;
    OperatorInput last;
    Schema schema;
    Lineage lineage;
    std::string id;  // of the last operator, before it was made unique
    int insert = -1;
    BadRowPolicy on_bad_row = BadRowPolicy::kFail;
    std::string filters;  // canonical text of the conditions so far
  };

  void AddSource(const SourceTable& source, std::vector<Branch>& branches);
  void AddBranch(const SourceTable& source, Branch& branch, Chain chain);
  void AddAggregation(const SourceTable& source, Branch& branch, Chain chain);
  void AddStages(const std::vector<Stage>& stages, Chain* chain);
  void AddFilter(const Stage& stage, Chain* chain);
  void AddProject(const Stage& stage, Chain* chain);
  // Notes that the chain ends in the sink; AddSinkOperators makes one of all that end there.
  void EndIn(int sink, const Chain& chain);
  void AddSinkOperators(int vertex);
  void AddDeadLetters(int vertex, const SourceTable& source);

  absl::Status AddSinks(const std::vector<PlannedInsert>& inserts,
                        const std::vector<Branch>& branches);
  absl::StatusOr<int> LateSink(const SinkTable& sink, const Schema& late, int at);

  // Appends the operator, reading chain->last; the chain goes on behind it.
  OperatorSpec& Append(std::string_view name, std::string canonical, Chain* chain);
  std::string Unique(const std::string& id);
  std::vector<OperatorSpec>& Operators(int vertex) { return plan_.vertices[vertex].operators; }

  const Script& script_;
  const Catalog& catalog_;
  Plan plan_;
  std::map<int, int> sink_of_table_;                       // catalog index → plan index
  std::map<int, int> late_sink_of_table_;                  // likewise
  std::map<int, std::map<int, std::vector<Chain>>> ends_;  // vertex → sink → chains
  std::map<std::string, int> ids_;
};

absl::StatusOr<Plan> PlanBuilder::Build(std::vector<PlannedInsert> inserts) {
  std::vector<Branch> branches;
  std::map<int, int> inserts_into;
  for (size_t i = 0; i < inserts.size(); ++i) {
    branches.push_back(MakeBranch(catalog_, inserts[i].bound, static_cast<int>(i)));
    const int ordinal = ++inserts_into[inserts[i].bound.sink];
    InsertSpec insert;
    insert.name = catalog_.sinks()[inserts[i].bound.sink].name.text;
    if (ordinal > 1) absl::StrAppend(&insert.name, "#", ordinal);
    plan_.inserts.push_back(std::move(insert));
  }
  WEIR_RETURN_IF_ERROR(AddSinks(inserts, branches));
  std::vector<int> sources;
  for (const Branch& branch : branches) {
    if (std::find(sources.begin(), sources.end(), branch.source) == sources.end()) {
      sources.push_back(branch.source);
    }
  }
  plan_.vertices.resize(sources.size());
  for (size_t vertex = 0; vertex < sources.size(); ++vertex) {
    std::vector<Branch> of_source;
    for (Branch& branch : branches) {
      if (branch.source != sources[vertex]) continue;
      plan_.inserts[branch.insert].source_vertex = static_cast<int>(vertex);
      of_source.push_back(std::move(branch));
      of_source.back().vertex = static_cast<int>(vertex);
    }
    AddSource(catalog_.sources()[sources[vertex]], of_source);
  }
  return std::move(plan_);
}

absl::Status PlanBuilder::AddSinks(const std::vector<PlannedInsert>& inserts,
                                   const std::vector<Branch>& branches) {
  for (size_t i = 0; i < inserts.size(); ++i) {
    const int table = inserts[i].bound.sink;
    if (sink_of_table_.count(table) == 0) {
      const SinkTable& sink = catalog_.sinks()[table];
      sink_of_table_[table] = static_cast<int>(plan_.sinks.size());
      plan_.sinks.push_back({sink.name.text, SinkRole::kMain, sink.path, sink.schema,
                             EdgeKind::kAppend, sink.freshness_interval_us});
    }
    plan_.inserts[i].sink = sink_of_table_[table];
  }
  for (size_t i = 0; i < inserts.size(); ++i) {
    if (branches[i].late.columns.empty()) continue;
    const int table = inserts[i].bound.sink;
    WEIR_ASSIGN_OR_RETURN(late_sink_of_table_[table],
                          LateSink(catalog_.sinks()[table], branches[i].late, inserts[i].at));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> PlanBuilder::LateSink(const SinkTable& sink, const Schema& late, int at) {
  SinkSpec spec;
  spec.id = absl::StrCat(sink.name.text, "#late");
  spec.role = SinkRole::kLate;
  spec.path = sink.late_path;
  spec.schema = late;
  spec.schema.columns.push_back({"_watermark", DataType::Of(TypeKind::kTimestamptz), false});
  spec.schema.columns.push_back({"_delay_ms", DataType::Of(TypeKind::kBigint), false});
  spec.freshness_interval_us = sink.freshness_interval_us;
  for (size_t i = 0; i < plan_.sinks.size(); ++i) {
    if (plan_.sinks[i].id != spec.id) continue;
    if (plan_.sinks[i].schema == spec.schema) return static_cast<int>(i);
    return script_.Error(at,
                         absl::StrCat("INSERTs from different sources into ", sink.name.text,
                                      " can't share its late_path: their late rows have different "
                                      "columns; write a table for each"));
  }
  plan_.sinks.push_back(std::move(spec));
  return static_cast<int>(plan_.sinks.size()) - 1;
}

std::string PlanBuilder::Unique(const std::string& id) {
  const int seen = ++ids_[id];
  return seen == 1 ? id : absl::StrCat(id, "-", seen);
}

OperatorSpec& PlanBuilder::Append(std::string_view name, std::string canonical, Chain* chain) {
  OperatorSpec spec;
  spec.name = std::string(name);
  chain->id = Fingerprint(absl::StrCat(spec.name, " ", canonical, " of ", chain->id));
  spec.id = Unique(chain->id);
  spec.inputs.push_back(chain->last);
  spec.insert = chain->insert;
  spec.on_bad_row = chain->on_bad_row;
  std::vector<OperatorSpec>& operators = Operators(chain->vertex);
  operators.push_back(std::move(spec));
  chain->last = {static_cast<int>(operators.size()) - 1, 0};
  return operators.back();
}

void PlanBuilder::AddSource(const SourceTable& source, std::vector<Branch>& branches) {
  const int vertex = branches.front().vertex;
  const Schema row = SourceRow(source);
  const std::vector<int> columns = SourceColumns(source, branches);
  SourceOp op = source.op;
  std::vector<int> position(row.columns.size(), -1);
  for (int column : columns) {
    position[column] = op.output.size();
    op.output.columns.push_back(row.columns[column]);
  }
  if (op.event_time_column >= 0) op.event_time_column = position[op.event_time_column];

  VertexSpec& spec = plan_.vertices[vertex];
  spec.name = source.name.text;
  OperatorSpec head;
  head.name = "source";
  // What is read may change with other INSERTs: positions in the topic have to survive that.
  const std::string id =
      Fingerprint(absl::StrCat("source ", op.kafka.topic, " as ", source.name.text));
  head.id = Unique(id);
  head.output = op.output;
  head.on_bad_row = source.on_bad_row;
  head.insert = branches.size() == 1 ? branches.front().insert : -1;
  head.op = op;
  spec.id = Fingerprint(absl::StrCat("vertex ", id));
  spec.operators.push_back(std::move(head));

  for (Branch& branch : branches) {
    RenumberInput(position, &branch.below);
    Chain chain;
    chain.vertex = vertex;
    chain.last = {0, 0};
    chain.schema = op.output;
    chain.lineage = LineageOf(op.output);
    if (op.event_time_column >= 0) {
      chain.schema.columns[op.event_time_column].nullable = false;  // a row without is bad
    }
    // An INSERT's operators are its own: equal ones of two tables have different ids.
    chain.id = absl::StrCat(id, " into ", catalog_.sinks()[branch.sink].name.text);
    chain.insert = branch.insert;
    chain.on_bad_row = source.on_bad_row;
    AddBranch(source, branch, std::move(chain));
  }
  AddSinkOperators(vertex);
  if (source.on_bad_row == BadRowPolicy::kDeadLetter) AddDeadLetters(vertex, source);
}

void PlanBuilder::AddBranch(const SourceTable& source, Branch& branch, Chain chain) {
  const std::vector<int> reads = ColumnsRead(branch.below);
  const bool filters_first = branch.below.front().kind == Stage::Kind::kFilter;
  if (filters_first && !reads.empty() && reads.size() < chain.schema.columns.size()) {
    // Columns of other INSERTs aren't worth copying row by row.
    Stage narrow{Stage::Kind::kProject, {}, {}};
    std::vector<int> position(chain.schema.columns.size(), -1);
    for (int column : reads) {
      position[column] = static_cast<int>(narrow.exprs.size());
      narrow.exprs.push_back(ColumnExpr(column, chain.schema.columns[column].type));
      narrow.names.push_back(chain.schema.columns[column].name);
    }
    RenumberInput(position, &branch.below);
    branch.below.insert(branch.below.begin(), std::move(narrow));
  }
  AddStages(branch.below, &chain);
  if (branch.aggregate.has_value()) {
    AddAggregation(source, branch, std::move(chain));
  } else {
    EndIn(sink_of_table_[branch.sink], chain);
  }
}

void PlanBuilder::AddStages(const std::vector<Stage>& stages, Chain* chain) {
  for (const Stage& stage : stages) {
    if (stage.kind == Stage::Kind::kFilter) {
      AddFilter(stage, chain);
    } else {
      AddProject(stage, chain);
    }
  }
}

void PlanBuilder::AddFilter(const Stage& stage, Chain* chain) {
  FilterOp op;
  op.predicate = LogicExpr(ExprKind::kAnd, stage.exprs);
  const std::string canonical = Canonical(op.predicate, chain->lineage);
  absl::StrAppend(&chain->filters, " where ", canonical);
  OperatorSpec& spec = Append("filter", canonical, chain);
  for (int column : NotNullWhere(stage.exprs)) chain->schema.columns[column].nullable = false;
  spec.output = chain->schema;
  spec.op = std::move(op);
}

void PlanBuilder::AddProject(const Stage& stage, Chain* chain) {
  std::vector<bool> nullable;
  for (const Column& column : chain->schema.columns) nullable.push_back(column.nullable);
  Schema output;
  for (size_t i = 0; i < stage.exprs.size(); ++i) {
    const Expr& expr = stage.exprs[i];
    const bool named = !stage.names[i].empty() || expr.kind != ExprKind::kColumn;
    output.columns.push_back({named ? stage.names[i] : chain->schema.columns[expr.column].name,
                              expr.type, CanBeNull(expr, nullable)});
  }
  if (SameSchema(stage, chain->schema, output)) return;
  chain->lineage = LineageOf(stage.exprs, chain->lineage);
  std::string canonical;
  for (const std::string& column : chain->lineage) absl::StrAppend(&canonical, column, ";");
  OperatorSpec& spec = Append("project", std::move(canonical), chain);
  spec.output = output;
  spec.op = ProjectOp{stage.exprs};
  chain->schema = std::move(output);
}

void PlanBuilder::AddAggregation(const SourceTable& source, Branch& branch, Chain chain) {
  AggregateSpec& spec = *branch.aggregate;
  const std::string canonical = Canonical(spec, chain.lineage);
  spec.state_id = Unique(Fingerprint(
      absl::StrCat("state ", source.op.kafka.topic, " as ", source.name.text, chain.filters, " ",
                   canonical, " into ", catalog_.sinks()[branch.sink].name.text)));
  // The partial's rows have a layout of their own (operators/window): no schema here.
  Append("partial_aggregate", canonical, &chain).op = PartialAggregateOp{spec};

  const int vertex = static_cast<int>(plan_.vertices.size());
  plan_.edges.push_back({chain.vertex, chain.last.op, vertex, 0, EdgeKind::kAppend});
  VertexSpec owner;
  owner.name = plan_.inserts[branch.insert].name;
  owner.id = Fingerprint(absl::StrCat("vertex ", spec.state_id));
  plan_.vertices.push_back(std::move(owner));

  chain.vertex = vertex;
  chain.last = {-1, 0};
  chain.on_bad_row = BadRowPolicy::kFail;
  chain.lineage = LineageOf(spec, chain.lineage);
  chain.schema = AggregateOutput(spec, chain.schema);
  OperatorSpec& final_op = Append("final_aggregate", canonical, &chain);
  final_op.output = chain.schema;
  final_op.op = FinalAggregateOp{spec};
  Chain late = chain;
  late.last.port = 1;
  AddStages(branch.above, &chain);
  EndIn(sink_of_table_[branch.sink], chain);
  if (!branch.late.columns.empty()) EndIn(late_sink_of_table_[branch.sink], late);
  AddSinkOperators(vertex);
}

void PlanBuilder::EndIn(int sink, const Chain& chain) {
  ends_[chain.vertex][sink].push_back(chain);
}

// INSERTs of one vertex into one table share its sink. Behind all other operators, so that the
// order stays topological.
void PlanBuilder::AddSinkOperators(int vertex) {
  for (const auto& [sink, chains] : ends_[vertex]) {
    Chain end = chains.front();
    end.id = absl::StrCat("vertex ", plan_.vertices[vertex].id);
    OperatorSpec& spec = Append("sink", plan_.sinks[sink].id, &end);
    spec.op = SinkOp{sink};
    spec.inputs.clear();
    for (const Chain& chain : chains) spec.inputs.push_back(chain.last);
    if (chains.size() > 1) spec.insert = -1;
  }
  ends_.erase(vertex);
}

void PlanBuilder::AddDeadLetters(int vertex, const SourceTable& source) {
  SinkSpec spec;
  spec.id = absl::StrCat(source.name.text, "#dead_letter");
  spec.role = SinkRole::kDeadLetter;
  spec.path = source.dead_letter_path;
  spec.schema = DeadLetterSchema();
  const int sink = static_cast<int>(plan_.sinks.size());
  plan_.sinks.push_back(std::move(spec));
  for (size_t i = 0; i < Operators(vertex).size(); ++i) {
    const auto* table = std::get_if<SinkOp>(&Operators(vertex)[i].op);
    if (table != nullptr && !HasNotNull(plan_.sinks[table->sink].schema)) continue;
    Chain letters;
    letters.vertex = vertex;
    letters.last = {static_cast<int>(i), 1};
    EndIn(sink, letters);
  }
  AddSinkOperators(vertex);
}

}  // namespace

absl::StatusOr<Plan> MakePlan(const Script& script, const Catalog& catalog,
                              std::vector<PlannedInsert> inserts) {
  return PlanBuilder(script, catalog).Build(std::move(inserts));
}

}  // namespace weir
