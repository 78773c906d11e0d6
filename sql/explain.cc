#include "sql/explain.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/string_view.h"
#include "model/interval.h"
#include "model/time_text.h"
#include "sql/lexer.h"

namespace weir {
namespace {

using Lines = std::vector<std::string>;

const char* KindName(EdgeKind kind) {
  switch (kind) {
    case EdgeKind::kAppend:
      return "append";
    case EdgeKind::kUpsert:
      return "upsert";
    case EdgeKind::kRetract:
      return "retract";
  }
  return "?";
}

const char* PolicyName(BadRowPolicy policy) {
  switch (policy) {
    case BadRowPolicy::kFail:
      return "fail the job";
    case BadRowPolicy::kSkip:
      return "are skipped";
    case BadRowPolicy::kDeadLetter:
      return "go to the dead-letter table";
  }
  return "?";
}

std::string ColumnText(const Column& column) {
  return absl::StrCat(QuoteIdentifier(column.name), " ", ToString(column.type),
                      column.nullable ? "" : " not null");
}

std::string SchemaText(const Schema& schema) {
  return absl::StrJoin(schema.columns, ", ", [](std::string* out, const Column& column) {
    absl::StrAppend(out, ColumnText(column));
  });
}

std::string StartText(const KafkaSpec& kafka) {
  switch (kafka.start.kind) {
    case StartPosition::Kind::kEarliest:
      return "from the earliest record";
    case StartPosition::Kind::kLatest:
      return "from the latest record";
    case StartPosition::Kind::kTimestamp:
      return absl::StrCat("from ", FormatTimestamptz(kafka.start.timestamp_ms * 1000));
  }
  return "?";
}

Lines SourceLines(const SourceOp& op, BadRowPolicy policy) {
  Lines lines = {absl::StrCat("kafka topic ", op.kafka.topic, " at ", op.kafka.brokers, ", ",
                              StartText(op.kafka),
                              op.kafka.stop_at_latest ? ", up to the latest at the start" : ""),
                 absl::StrCat("columns: ", SchemaText(op.output))};
  if (op.event_time_column >= 0) {
    lines.push_back(
        absl::StrCat("event time: ", QuoteIdentifier(op.output.columns[op.event_time_column].name),
                     ", watermark ", DurationText(op.watermark_bound_us), " behind"));
  }
  lines.push_back(absl::StrCat("bad rows ", PolicyName(policy)));
  return lines;
}

std::string ProjectText(const ProjectOp& op, const Schema& input, const Schema& output) {
  std::vector<std::string> items;
  for (size_t i = 0; i < op.exprs.size(); ++i) {
    std::string item = ToString(op.exprs[i], input);
    const std::string name = QuoteIdentifier(output.columns[i].name);
    if (item != name) absl::StrAppend(&item, " AS ", name);
    items.push_back(std::move(item));
  }
  return absl::StrJoin(items, ", ");
}

std::string CallText(const AggregateCall& call, const std::vector<std::string>& columns) {
  const auto named = [&](const char* name) {
    return absl::StrCat(name, "(", columns[call.argument], ")");
  };
  std::string text;
  switch (call.kind) {
    case AggregateKind::kCountStar:
      text = "count(*)";
      break;
    case AggregateKind::kCount:
      text = named("count");
      break;
    case AggregateKind::kCountDistinct:
      text = absl::StrCat("count(DISTINCT ", columns[call.argument], ")");
      break;
    case AggregateKind::kSum:
      text = named("sum");
      break;
    case AggregateKind::kAvg:
      text = named("avg");
      break;
    case AggregateKind::kMin:
      text = named("min");
      break;
    case AggregateKind::kMax:
      text = named("max");
      break;
    case AggregateKind::kStddevSamp:
      text = named("stddev_samp");
      break;
    case AggregateKind::kVarSamp:
      text = named("var_samp");
      break;
    case AggregateKind::kBoolAnd:
      text = named("bool_and");
      break;
    case AggregateKind::kBoolOr:
      text = named("bool_or");
      break;
  }
  if (call.filter >= 0) absl::StrAppend(&text, " FILTER (WHERE ", columns[call.filter], ")");
  return text;
}

std::string WindowText(const WindowSpec& window) {
  std::string text = window.slide_us == window.size_us
                         ? absl::StrCat("tumble ", DurationText(window.size_us))
                         : absl::StrCat("hop ", DurationText(window.size_us), " every ",
                                        DurationText(window.slide_us));
  if (window.origin_us != 0) {
    absl::StrAppend(&text, ", origin ", DurationText(window.origin_us), " after the epoch");
  }
  return absl::StrCat(text, ", panes of ", DurationText(window.pane_us()));
}

Lines PartialLines(const AggregateSpec& spec, const Schema& input) {
  std::vector<std::string> columns;
  for (const Column& column : input.columns) columns.push_back(QuoteIdentifier(column.name));
  std::vector<std::string> keys;
  for (int key : spec.key_columns) keys.push_back(columns[key]);
  std::vector<std::string> calls;
  for (const AggregateCall& call : spec.aggregates) calls.push_back(CallText(call, columns));
  Lines lines = {
      absl::StrCat("window: ", WindowText(spec.window), ", by ", columns[spec.time_column]),
      absl::StrCat("keys: ", keys.empty() ? "none" : absl::StrJoin(keys, ", ")),
      absl::StrCat("aggregates: ", calls.empty() ? "none" : absl::StrJoin(calls, ", "))};
  if (!spec.late.columns.empty()) {
    lines.push_back(absl::StrCat(
        "late rows carry: ",
        absl::StrJoin(spec.late.columns, ", ", [](std::string* out, const Column& column) {
          absl::StrAppend(out, QuoteIdentifier(column.name));
        })));
  }
  return lines;
}

Lines FinalLines(const AggregateSpec& spec, const Schema& output) {
  return {absl::StrCat("state: ", spec.state_id, ", one entry per pane and key"),
          absl::StrCat("columns: ", SchemaText(output)),
          spec.late.columns.empty() ? "late rows are counted" : "late rows leave by port 1"};
}

// The schema of an operator's input; empty behind an edge.
Schema InputSchema(const VertexSpec& vertex, const OperatorSpec& op) {
  if (op.inputs.empty() || op.inputs[0].op < 0) return {};
  return vertex.operators[op.inputs[0].op].output;
}

Lines OperatorLines(const Plan& plan, const VertexSpec& vertex, const OperatorSpec& spec) {
  const Schema input = InputSchema(vertex, spec);
  if (const auto* op = std::get_if<SourceOp>(&spec.op)) return SourceLines(*op, spec.on_bad_row);
  if (const auto* op = std::get_if<FilterOp>(&spec.op)) return {ToString(op->predicate, input)};
  if (const auto* op = std::get_if<ProjectOp>(&spec.op)) {
    return {ProjectText(*op, input, spec.output)};
  }
  if (const auto* op = std::get_if<PartialAggregateOp>(&spec.op)) {
    return PartialLines(op->spec, input);
  }
  if (const auto* op = std::get_if<FinalAggregateOp>(&spec.op)) {
    return FinalLines(op->spec, spec.output);
  }
  return {plan.sinks[std::get<SinkOp>(spec.op).sink].id};
}

std::string InputText(const OperatorInput& input) {
  std::string text = input.op < 0 ? absl::StrCat("edge ", input.port) : absl::StrCat(input.op);
  if (input.op >= 0 && input.port > 0) absl::StrAppend(&text, " port ", input.port);
  return text;
}

void AppendOperator(const Plan& plan, const VertexSpec& vertex, int index, std::string* out) {
  const OperatorSpec& spec = vertex.operators[index];
  const bool plain = spec.inputs.empty() || (spec.inputs.size() == 1 && spec.inputs[0].port == 0 &&
                                             spec.inputs[0].op == index - 1);
  std::string inputs;
  if (!plain) {
    inputs = absl::StrCat(
        " <- ", absl::StrJoin(spec.inputs, ", ", [](std::string* text, const OperatorInput& input) {
          absl::StrAppend(text, InputText(input));
        }));
  }
  absl::StrAppend(out, "  ", index, " ", spec.name, inputs, "\n");
  for (const std::string& line : OperatorLines(plan, vertex, spec)) {
    absl::StrAppend(out, "      ", line, "\n");
  }
}

void AppendEdges(const Plan& plan, int vertex, std::string* out) {
  for (const EdgeSpec& edge : plan.edges) {
    if (edge.from_vertex != vertex) continue;
    const OperatorSpec& from = plan.vertices[vertex].operators[edge.from_op];
    std::string keys = "the window's only group";
    if (const auto* partial = std::get_if<PartialAggregateOp>(&from.op)) {
      std::vector<std::string> names;
      for (const Column& key : partial->spec.keys.columns)
        names.push_back(QuoteIdentifier(key.name));
      if (!names.empty()) keys = absl::StrJoin(names, ", ");
    }
    absl::StrAppend(out, "  -> vertex ", edge.to_vertex, ", from ", edge.from_op,
                    ": partial aggregates shuffled by ", keys, ", ", KindName(edge.kind), "\n");
  }
}

std::string SettingsText(const JobSettings& settings) {
  return absl::StrCat(
      "checkpoint every ", DurationText(settings.checkpoint_interval_us), ", parallelism ",
      settings.parallelism == 0 ? std::string("of all slots") : absl::StrCat(settings.parallelism),
      ", ", settings.retain_checkpoints, " checkpoints kept\n");
}

}  // namespace

std::string ExplainPlan(const Plan& plan) {
  std::string out = SettingsText(plan.settings);
  for (size_t v = 0; v < plan.vertices.size(); ++v) {
    const VertexSpec& vertex = plan.vertices[v];
    absl::StrAppend(&out, "\nvertex ", v, " ", QuoteIdentifier(vertex.name), " (",
                    vertex.has_source() ? "reads" : "aggregates", ")\n");
    for (size_t i = 0; i < vertex.operators.size(); ++i) {
      AppendOperator(plan, vertex, static_cast<int>(i), &out);
    }
    AppendEdges(plan, static_cast<int>(v), &out);
  }
  absl::StrAppend(&out, "\ntables\n");
  for (const SinkSpec& sink : plan.sinks) {
    absl::StrAppend(&out, "  ", sink.id, " at ", sink.path, ", ", KindName(sink.kind), "\n      ",
                    SchemaText(sink.schema), "\n");
  }
  return out;
}

}  // namespace weir
