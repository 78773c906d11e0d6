#include <limits>
#include <utility>

#include "model/ids.h"
#include "model/wire.h"
#include "model/wire_check.h"
#include "model/wire_expr.h"
#include "weir/v1/plan.pb.h"

namespace weir {
namespace {

constexpr int64_t kMaxMicros = std::numeric_limits<int64_t>::max();
constexpr int kMaxInt = std::numeric_limits<int>::max();

// --- to proto ---

void SourceToProto(const SourceOp& source, v1::SourceOp* out) {
  out->set_table(source.table);
  ToProto(source.kafka, out->mutable_kafka());
  ToProto(source.declared, out->mutable_declared());
  ToProto(source.output, out->mutable_output());
  out->set_event_time_column(source.event_time_column);
  out->set_watermark_bound_us(source.watermark_bound_us);
  out->set_idle_timeout_us(source.idle_timeout_us);
  out->set_max_future_us(source.max_future_us);
  out->set_max_drift_us(source.max_drift_us);
  out->set_timestamp_unit(static_cast<int>(source.timestamp_unit));
}

void AggregateToProto(const AggregateSpec& spec, v1::AggregateSpec* out) {
  out->set_state_id(spec.state_id);
  out->mutable_window()->set_size_us(spec.window.size_us);
  out->mutable_window()->set_slide_us(spec.window.slide_us);
  out->mutable_window()->set_origin_us(spec.window.origin_us);
  out->set_time_column(spec.time_column);
  for (const int column : spec.key_columns) out->add_key_columns(column);
  ToProto(spec.keys, out->mutable_keys());
  for (const AggregateCall& call : spec.aggregates) {
    v1::AggregateCall* to = out->add_aggregates();
    to->set_kind(static_cast<int>(call.kind));
    to->set_argument(call.argument);
    ToProto(call.argument_type, to->mutable_argument_type());
    to->set_filter(call.filter);
    ToProto(call.result_type, to->mutable_result_type());
  }
  for (const int column : spec.late_columns) out->add_late_columns(column);
  ToProto(spec.late, out->mutable_late());
}

struct OperatorWriter {
  v1::OperatorSpec* out;
  void operator()(const SourceOp& op) const { SourceToProto(op, out->mutable_source()); }
  void operator()(const FilterOp& op) const {
    ToProto(op.predicate, out->mutable_filter()->mutable_predicate());
  }
  void operator()(const ProjectOp& op) const {
    v1::ProjectOp* project = out->mutable_project();
    for (const Expr& expr : op.exprs) ToProto(expr, project->add_exprs());
  }
  void operator()(const PartialAggregateOp& op) const {
    AggregateToProto(op.spec, out->mutable_partial_aggregate()->mutable_spec());
  }
  void operator()(const FinalAggregateOp& op) const {
    AggregateToProto(op.spec, out->mutable_final_aggregate()->mutable_spec());
  }
  void operator()(const SinkOp& op) const { out->mutable_sink()->set_sink(op.sink); }
};

void OperatorToProto(const OperatorSpec& spec, v1::OperatorSpec* out) {
  out->set_id(spec.id);
  out->set_name(spec.name);
  std::visit(OperatorWriter{out}, spec.op);
  for (const OperatorInput& input : spec.inputs) {
    v1::OperatorInput* to = out->add_inputs();
    to->set_op(input.op);
    to->set_port(input.port);
  }
  ToProto(spec.output, out->mutable_output());
  out->set_insert(spec.insert);
  out->set_on_bad_row(static_cast<int>(spec.on_bad_row));
}

// --- from proto ---

absl::StatusOr<KafkaSpec> ReadKafka(const v1::KafkaSpec& in) {
  KafkaSpec spec;
  spec.brokers = in.brokers();
  spec.topic = in.topic();
  WEIR_ASSIGN_IN_FIELD(
      "", spec.start.kind,
      EnumFromNumber("start_kind", in.start_kind(), StartPosition::Kind::kTimestamp));
  spec.start.timestamp_ms = in.start_timestamp_ms();
  spec.stop_at_latest = in.stop_at_latest();
  spec.properties = {in.properties().begin(), in.properties().end()};
  return spec;
}

absl::StatusOr<SourceOp> SourceFromProto(const v1::SourceOp& in) {
  SourceOp source;
  source.table = in.table();
  WEIR_ASSIGN_IN_FIELD(".kafka", source.kafka, ReadKafka(in.kafka()));
  WEIR_ASSIGN_IN_FIELD(".declared", source.declared, FromProto(in.declared()));
  WEIR_ASSIGN_IN_FIELD(".output", source.output, FromProto(in.output()));
  WEIR_RETURN_IN_FIELD(
      "", CheckRange("event_time_column", in.event_time_column(), -1, source.output.size() - 1));
  source.event_time_column = in.event_time_column();
  WEIR_RETURN_IN_FIELD("",
                       CheckRange("watermark_bound_us", in.watermark_bound_us(), 0, kMaxMicros));
  WEIR_RETURN_IN_FIELD("", CheckRange("idle_timeout_us", in.idle_timeout_us(), 0, kMaxMicros));
  WEIR_RETURN_IN_FIELD("", CheckRange("max_future_us", in.max_future_us(), 0, kMaxMicros));
  WEIR_RETURN_IN_FIELD("", CheckRange("max_drift_us", in.max_drift_us(), 0, kMaxMicros));
  source.watermark_bound_us = in.watermark_bound_us();
  source.idle_timeout_us = in.idle_timeout_us();
  source.max_future_us = in.max_future_us();
  source.max_drift_us = in.max_drift_us();
  WEIR_ASSIGN_IN_FIELD(
      "", source.timestamp_unit,
      EnumFromNumber("timestamp_unit", in.timestamp_unit(), TimestampUnit::kSeconds));
  return source;
}

absl::StatusOr<AggregateCall> CallFromProto(const v1::AggregateCall& in, int last_column) {
  AggregateCall call;
  WEIR_ASSIGN_IN_FIELD("", call.kind, EnumFromNumber("kind", in.kind(), AggregateKind::kBoolOr));
  const bool takes_argument = call.kind != AggregateKind::kCountStar;
  WEIR_RETURN_IN_FIELD("",
                       CheckRange("argument", in.argument(), takes_argument ? 0 : -1, last_column));
  WEIR_RETURN_IN_FIELD("", CheckRange("filter", in.filter(), -1, last_column));
  call.argument = in.argument();
  call.filter = in.filter();
  WEIR_ASSIGN_IN_FIELD(".argument_type", call.argument_type, FromProto(in.argument_type()));
  WEIR_ASSIGN_IN_FIELD(".result_type", call.result_type, FromProto(in.result_type()));
  return call;
}

// Columns are those of the partial aggregate's input: `input_columns` of them, -1 when that is not
// known here.
absl::StatusOr<AggregateSpec> AggregateFromProto(const v1::AggregateSpec& in, int input_columns) {
  const int last_column = input_columns < 0 ? kMaxInt : input_columns - 1;
  AggregateSpec spec;
  spec.state_id = in.state_id();
  WEIR_RETURN_IN_FIELD(".window", CheckRange("size_us", in.window().size_us(), 1, kMaxMicros));
  WEIR_RETURN_IN_FIELD(".window", CheckRange("slide_us", in.window().slide_us(), 1, kMaxMicros));
  spec.window = {in.window().size_us(), in.window().slide_us(), in.window().origin_us()};
  WEIR_RETURN_IN_FIELD("", CheckRange("time_column", in.time_column(), 0, last_column));
  spec.time_column = in.time_column();
  for (int i = 0; i < in.key_columns_size(); ++i) {
    WEIR_RETURN_IN_FIELD("", CheckRange("key_columns", in.key_columns(i), 0, last_column));
    spec.key_columns.push_back(in.key_columns(i));
  }
  WEIR_ASSIGN_IN_FIELD(".keys", spec.keys, FromProto(in.keys()));
  if (spec.keys.columns.size() != spec.key_columns.size())
    return WireError(absl::StrCat(spec.key_columns.size(), " key columns, but ", spec.keys.size(),
                                  " names for them"));
  for (int i = 0; i < in.aggregates_size(); ++i) {
    AggregateCall call;
    WEIR_ASSIGN_IN_FIELD(Indexed("aggregates", i), call,
                         CallFromProto(in.aggregates(i), last_column));
    spec.aggregates.push_back(call);
  }
  for (int i = 0; i < in.late_columns_size(); ++i) {
    WEIR_RETURN_IN_FIELD("", CheckRange("late_columns", in.late_columns(i), 0, last_column));
    spec.late_columns.push_back(in.late_columns(i));
  }
  WEIR_ASSIGN_IN_FIELD(".late", spec.late, FromProto(in.late()));
  if (spec.late.columns.size() != spec.late_columns.size())
    return WireError(absl::StrCat(spec.late_columns.size(), " late columns, but ", spec.late.size(),
                                  " names for them"));
  return spec;
}

// The width of what the operator's first input carries, -1 when the plan doesn't tell here: rows
// from another vertex, or from a side port.
int InputColumns(const v1::OperatorSpec& in, const std::vector<OperatorSpec>& before) {
  if (in.inputs().empty()) return -1;
  const v1::OperatorInput& input = in.inputs(0);
  if (input.op() < 0 || input.port() != 0) return -1;
  return before[input.op()].output.size();
}

absl::Status BodyFromProto(const v1::OperatorSpec& in, int input_columns, OperatorSpec* spec) {
  switch (in.op_case()) {
    case v1::OperatorSpec::kSource: {
      WEIR_ASSIGN_IN_FIELD(".source", spec->op, SourceFromProto(in.source()));
      return absl::OkStatus();
    }
    case v1::OperatorSpec::kFilter: {
      FilterOp filter;
      WEIR_ASSIGN_IN_FIELD(".filter.predicate", filter.predicate,
                           FromProto(in.filter().predicate(), input_columns));
      spec->op = std::move(filter);
      return absl::OkStatus();
    }
    case v1::OperatorSpec::kProject: {
      ProjectOp project;
      for (int i = 0; i < in.project().exprs_size(); ++i) {
        Expr expr;
        WEIR_ASSIGN_IN_FIELD(".project" + Indexed("exprs", i), expr,
                             FromProto(in.project().exprs(i), input_columns));
        project.exprs.push_back(std::move(expr));
      }
      spec->op = std::move(project);
      return absl::OkStatus();
    }
    case v1::OperatorSpec::kPartialAggregate: {
      PartialAggregateOp partial;
      WEIR_ASSIGN_IN_FIELD(".partial_aggregate.spec", partial.spec,
                           AggregateFromProto(in.partial_aggregate().spec(), input_columns));
      spec->op = std::move(partial);
      return absl::OkStatus();
    }
    case v1::OperatorSpec::kFinalAggregate: {
      FinalAggregateOp final_aggregate;
      WEIR_ASSIGN_IN_FIELD(".final_aggregate.spec", final_aggregate.spec,
                           AggregateFromProto(in.final_aggregate().spec(), -1));
      spec->op = std::move(final_aggregate);
      return absl::OkStatus();
    }
    case v1::OperatorSpec::kSink:
      spec->op = SinkOp{in.sink().sink()};
      return absl::OkStatus();
    case v1::OperatorSpec::OP_NOT_SET:
      break;
  }
  return WireError("an operator of a kind unknown to this version of Weir");
}

absl::StatusOr<OperatorSpec> OperatorFromProto(const v1::OperatorSpec& in, const v1::Plan& plan,
                                               const std::vector<OperatorSpec>& before) {
  OperatorSpec spec;
  spec.id = in.id();
  spec.name = in.name();
  for (const v1::OperatorInput& input : in.inputs()) {
    WEIR_RETURN_IN_FIELD(
        "", CheckRange("inputs.op", input.op(), -1, static_cast<int64_t>(before.size()) - 1));
    WEIR_RETURN_IN_FIELD("", CheckRange("inputs.port", input.port(), 0, kMaxInt));
    spec.inputs.push_back({input.op(), input.port()});
  }
  WEIR_RETURN_IN_FIELD("", BodyFromProto(in, InputColumns(in, before), &spec));
  const bool is_source = in.op_case() == v1::OperatorSpec::kSource;
  if (is_source != spec.inputs.empty())
    return WireError(is_source ? "a source with an input" : "an operator without input");
  if (in.op_case() == v1::OperatorSpec::kSink)
    WEIR_RETURN_IN_FIELD("", CheckRange("sink", in.sink().sink(), 0, plan.sinks_size() - 1));
  WEIR_ASSIGN_IN_FIELD(".output", spec.output, FromProto(in.output()));
  WEIR_RETURN_IN_FIELD("", CheckRange("insert", in.insert(), -1, plan.inserts_size() - 1));
  spec.insert = in.insert();
  WEIR_ASSIGN_IN_FIELD("", spec.on_bad_row,
                       EnumFromNumber("on_bad_row", in.on_bad_row(), BadRowPolicy::kDeadLetter));
  return spec;
}

absl::StatusOr<VertexSpec> VertexFromProto(const v1::VertexSpec& in, const v1::Plan& plan) {
  VertexSpec vertex;
  vertex.id = in.id();
  vertex.name = in.name();
  for (int i = 0; i < in.operators_size(); ++i) {
    OperatorSpec spec;
    WEIR_ASSIGN_IN_FIELD(Indexed("operators", i), spec,
                         OperatorFromProto(in.operators(i), plan, vertex.operators));
    vertex.operators.push_back(std::move(spec));
  }
  return vertex;
}

absl::StatusOr<EdgeSpec> EdgeFromProto(const v1::EdgeSpec& in, const Plan& plan) {
  const auto vertices = static_cast<int64_t>(plan.vertices.size());
  WEIR_RETURN_IN_FIELD("", CheckRange("from_vertex", in.from_vertex(), 0, vertices - 1));
  WEIR_RETURN_IN_FIELD("", CheckRange("to_vertex", in.to_vertex(), 0, vertices - 1));
  const auto operators = static_cast<int64_t>(plan.vertices[in.from_vertex()].operators.size());
  WEIR_RETURN_IN_FIELD("", CheckRange("from_op", in.from_op(), 0, operators - 1));
  WEIR_RETURN_IN_FIELD("", CheckRange("to_port", in.to_port(), 0, kMaxInt));
  EdgeSpec edge{in.from_vertex(), in.from_op(), in.to_vertex(), in.to_port(), EdgeKind::kAppend};
  WEIR_ASSIGN_IN_FIELD("", edge.kind, EnumFromNumber("kind", in.kind(), EdgeKind::kRetract));
  return edge;
}

absl::StatusOr<SinkSpec> SinkFromProto(const v1::SinkSpec& in) {
  SinkSpec sink;
  sink.id = in.id();
  WEIR_ASSIGN_IN_FIELD("", sink.role, EnumFromNumber("role", in.role(), SinkRole::kDeadLetter));
  sink.path = in.path();
  WEIR_ASSIGN_IN_FIELD(".schema", sink.schema, FromProto(in.schema()));
  WEIR_ASSIGN_IN_FIELD("", sink.kind, EnumFromNumber("kind", in.kind(), EdgeKind::kRetract));
  WEIR_RETURN_IN_FIELD(
      "", CheckRange("freshness_interval_us", in.freshness_interval_us(), 0, kMaxMicros));
  sink.freshness_interval_us = in.freshness_interval_us();
  return sink;
}

absl::StatusOr<JobSettings> SettingsFromProto(const v1::JobSettings& in) {
  WEIR_RETURN_IN_FIELD(
      "", CheckRange("checkpoint_interval_us", in.checkpoint_interval_us(), 1, kMaxMicros));
  WEIR_RETURN_IN_FIELD("", CheckRange("parallelism", in.parallelism(), 0, kKeyGroups));
  WEIR_RETURN_IN_FIELD("", CheckRange("retain_checkpoints", in.retain_checkpoints(), 1, kMaxInt));
  return JobSettings{in.checkpoint_interval_us(), in.parallelism(), in.retain_checkpoints()};
}

absl::StatusOr<Plan> ReadPlan(const v1::Plan& in) {
  Plan plan;
  WEIR_ASSIGN_IN_FIELD(".settings", plan.settings, SettingsFromProto(in.settings()));
  for (int i = 0; i < in.vertices_size(); ++i) {
    VertexSpec vertex;
    WEIR_ASSIGN_IN_FIELD(Indexed("vertices", i), vertex, VertexFromProto(in.vertices(i), in));
    plan.vertices.push_back(std::move(vertex));
  }
  for (int i = 0; i < in.edges_size(); ++i) {
    EdgeSpec edge;
    WEIR_ASSIGN_IN_FIELD(Indexed("edges", i), edge, EdgeFromProto(in.edges(i), plan));
    plan.edges.push_back(edge);
  }
  for (int i = 0; i < in.sinks_size(); ++i) {
    SinkSpec sink;
    WEIR_ASSIGN_IN_FIELD(Indexed("sinks", i), sink, SinkFromProto(in.sinks(i)));
    plan.sinks.push_back(std::move(sink));
  }
  for (int i = 0; i < in.inserts_size(); ++i) {
    const v1::InsertSpec& insert = in.inserts(i);
    WEIR_RETURN_IN_FIELD(Indexed("inserts", i),
                         CheckRange("sink", insert.sink(), 0, in.sinks_size() - 1));
    WEIR_RETURN_IN_FIELD(Indexed("inserts", i), CheckRange("source_vertex", insert.source_vertex(),
                                                           0, in.vertices_size() - 1));
    plan.inserts.push_back({insert.sink(), insert.name(), insert.source_vertex()});
  }
  return plan;
}

}  // namespace

void ToProto(const KafkaSpec& spec, v1::KafkaSpec* out) {
  out->set_brokers(spec.brokers);
  out->set_topic(spec.topic);
  out->set_start_kind(static_cast<int>(spec.start.kind));
  out->set_start_timestamp_ms(spec.start.timestamp_ms);
  out->set_stop_at_latest(spec.stop_at_latest);
  out->mutable_properties()->insert(spec.properties.begin(), spec.properties.end());
}

absl::StatusOr<KafkaSpec> FromProto(const v1::KafkaSpec& in) {
  absl::StatusOr<KafkaSpec> spec = ReadKafka(in);
  if (!spec.ok()) return InField("kafka", spec.status());
  return spec;
}

void ToProto(const Plan& plan, v1::Plan* out) {
  v1::JobSettings* settings = out->mutable_settings();
  settings->set_checkpoint_interval_us(plan.settings.checkpoint_interval_us);
  settings->set_parallelism(plan.settings.parallelism);
  settings->set_retain_checkpoints(plan.settings.retain_checkpoints);
  for (const VertexSpec& vertex : plan.vertices) {
    v1::VertexSpec* to = out->add_vertices();
    to->set_id(vertex.id);
    to->set_name(vertex.name);
    for (const OperatorSpec& spec : vertex.operators) OperatorToProto(spec, to->add_operators());
  }
  for (const EdgeSpec& edge : plan.edges) {
    v1::EdgeSpec* to = out->add_edges();
    to->set_from_vertex(edge.from_vertex);
    to->set_from_op(edge.from_op);
    to->set_to_vertex(edge.to_vertex);
    to->set_to_port(edge.to_port);
    to->set_kind(static_cast<int>(edge.kind));
  }
  for (const SinkSpec& sink : plan.sinks) {
    v1::SinkSpec* to = out->add_sinks();
    to->set_id(sink.id);
    to->set_role(static_cast<int>(sink.role));
    to->set_path(sink.path);
    ToProto(sink.schema, to->mutable_schema());
    to->set_kind(static_cast<int>(sink.kind));
    to->set_freshness_interval_us(sink.freshness_interval_us);
  }
  for (const InsertSpec& insert : plan.inserts) {
    v1::InsertSpec* to = out->add_inserts();
    to->set_sink(insert.sink);
    to->set_name(insert.name);
    to->set_source_vertex(insert.source_vertex);
  }
}

absl::StatusOr<Plan> FromProto(const v1::Plan& in) {
  absl::StatusOr<Plan> plan = ReadPlan(in);
  if (!plan.ok()) return InField("plan", plan.status());
  return plan;
}

}  // namespace weir
