#include "model/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "weir/v1/checkpoint.pb.h"
#include "weir/v1/plan.pb.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

const DataType kText = DataType::Of(TypeKind::kText);
const DataType kInt = DataType::Of(TypeKind::kInteger);
const DataType kBool = DataType::Of(TypeKind::kBoolean);
const DataType kTime = DataType::Of(TypeKind::kTimestamptz);

Expr Column(int column, const DataType& type) {
  return {.kind = ExprKind::kColumn, .type = type, .column = column};
}
Expr Literal(const DataType& type, decltype(Value::data) data) {
  return {.kind = ExprKind::kLiteral, .type = type, .literal = {type, std::move(data)}};
}

SourceOp Source() {
  SourceOp source;
  source.table = "user_transactions";
  source.kafka.brokers = "localhost:9092";
  source.kafka.topic = "user-transactions";
  source.kafka.start = {StartPosition::Kind::kTimestamp, 1'700'000'000'000};
  source.kafka.stop_at_latest = true;
  source.kafka.properties = {{"security.protocol", "SASL_SSL"}};
  source.declared = {{{"eventType", kText, false}, {"amount", DataType::Numeric(10, 2)}}};
  source.output = {{{"eventType", kText, false}, {"eventTime", kTime, false}}};
  source.event_time_column = 1;
  source.watermark_bound_us = 600'000'000;
  source.timestamp_unit = TimestampUnit::kMillis;
  return source;
}

AggregateSpec Aggregate() {
  AggregateSpec spec;
  spec.state_id = "f00d";
  spec.window = {300'000'000, 60'000'000, -5};
  spec.time_column = 1;
  spec.key_columns = {0};
  spec.keys = {{{"eventType", kText, false}}};
  spec.aggregates = {{AggregateKind::kCountStar, -1, {}, -1, DataType::Of(TypeKind::kBigint)},
                     {AggregateKind::kSum, 1, kInt, 0, DataType::Of(TypeKind::kBigint)}};
  spec.late_columns = {0, 1};
  spec.late = {{{"eventType", kText}, {"_offset", DataType::Of(TypeKind::kBigint)}}};
  return spec;
}

Plan ActivityPlan() {
  Plan plan;
  plan.settings = {500'000, 4, 5};
  const Schema rows = Source().output;
  VertexSpec source{"v0", "user_transactions", {}};
  source.operators.push_back({"s", "source", Source(), {}, rows, -1, BadRowPolicy::kDeadLetter});
  const Expr is_buy{.kind = ExprKind::kCall,
                    .type = kBool,
                    .function = "eq(text,text)",
                    .args = {Column(0, kText), Literal(kText, std::string("buy"))}};
  source.operators.push_back({"f", "filter", FilterOp{is_buy}, {{0, 0}}, rows, 0});
  source.operators.push_back(
      {"p", "partial_aggregate", PartialAggregateOp{Aggregate()}, {{1, 0}}, rows, 0});
  VertexSpec owner{"v1", "activity", {}};
  owner.operators.push_back(
      {"a", "final_aggregate", FinalAggregateOp{Aggregate()}, {{-1, 0}}, rows, 0});
  owner.operators.push_back(
      {"j", "project", ProjectOp{{Column(1, kTime), is_buy}}, {{0, 0}}, rows, 0});
  owner.operators.push_back({"k", "sink", SinkOp{0}, {{1, 0}}, rows, 0});
  owner.operators.push_back({"l", "sink", SinkOp{1}, {{0, 1}}, rows, 0});
  plan.vertices = {source, owner};
  plan.edges = {{0, 2, 1, 0, EdgeKind::kUpsert}};
  plan.sinks = {{"activity", SinkRole::kMain, "/lake/activity", rows, EdgeKind::kUpsert, 1},
                {"activity#late", SinkRole::kLate, "/lake/late", rows}};
  plan.inserts = {{0, "activity", 0}};
  return plan;
}

v1::Plan Wire(const Plan& plan) {
  v1::Plan wire;
  ToProto(plan, &wire);
  // Through bytes, as in life.
  v1::Plan parsed;
  EXPECT_TRUE(parsed.ParseFromString(wire.SerializeAsString()));
  return parsed;
}

TEST(PlanWireTest, GivesBackTheSamePlan) {
  const v1::Plan wire = Wire(ActivityPlan());
  const absl::StatusOr<Plan> plan = FromProto(wire);
  ASSERT_TRUE(plan.ok()) << plan.status();
  // The wire form mirrors the plan field by field, so equal bytes mean equal plans ...
  EXPECT_EQ(Wire(*plan).SerializeAsString(), wire.SerializeAsString());
  // ... as far as the fields were written at all.
  const auto& source = std::get<SourceOp>(plan->vertices[0].operators[0].op);
  EXPECT_EQ(source.declared, Source().declared);
  EXPECT_EQ(source.kafka.start.timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(source.kafka.properties, Source().kafka.properties);
  EXPECT_EQ(source.timestamp_unit, TimestampUnit::kMillis);
  EXPECT_EQ(source.max_drift_us, SourceOp().max_drift_us);
  EXPECT_EQ(plan->vertices[0].operators[0].on_bad_row, BadRowPolicy::kDeadLetter);
  const auto& spec = std::get<FinalAggregateOp>(plan->vertices[1].operators[0].op).spec;
  EXPECT_EQ(spec.window, Aggregate().window);
  EXPECT_EQ(spec.aggregates, Aggregate().aggregates);
  EXPECT_EQ(spec.late, Aggregate().late);
  EXPECT_EQ(plan->vertices[1].operators[3].inputs[0].port, 1);
  EXPECT_EQ(plan->edges[0].kind, EdgeKind::kUpsert);
  EXPECT_EQ(plan->sinks[1].role, SinkRole::kLate);
  EXPECT_EQ(plan->settings.parallelism, 4);
}

Plan PlanWith(const Expr& expr) {
  Plan plan = ActivityPlan();
  std::get<FilterOp>(plan.vertices[0].operators[1].op).predicate = expr;
  return plan;
}

absl::StatusOr<Expr> RoundTrip(const Expr& expr) {
  const absl::StatusOr<Plan> plan = FromProto(Wire(PlanWith(expr)));
  if (!plan.ok()) return plan.status();
  return std::get<FilterOp>(plan->vertices[0].operators[1].op).predicate;
}

TEST(ExprWireTest, GivesBackEveryKindOfLiteral) {
  const Expr literals[] = {
      Literal(kText, std::monostate()),
      Literal(DataType::Of(TypeKind::kNull), std::monostate()),
      Literal(kBool, false),
      Literal(DataType::Of(TypeKind::kSmallint), int64_t{-32768}),
      Literal(DataType::Of(TypeKind::kBigint), std::numeric_limits<int64_t>::min()),
      Literal(kTime, int64_t{-1}),
      Literal(DataType::Of(TypeKind::kDouble), -0.0),
      Literal(DataType::Numeric(38, 2), absl::int128(-1)),
      Literal(DataType::Numeric(38, 0), absl::MakeInt128(-5, 77)),
      Literal(kText, std::string("snow \xe2\x98\x83")),
      Literal(DataType::Of(TypeKind::kBytea), std::string("\0\xff", 2)),
      Literal(DataType::Of(TypeKind::kInterval), Interval{1, -2, 3}),
  };
  for (const Expr& literal : literals) {
    const absl::StatusOr<Expr> back = RoundTrip(literal);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, literal) << ToString(literal.literal);
  }
}

TEST(ExprWireTest, GivesBackTrees) {
  const Expr a = Column(0, kText), b = Column(1, kTime);
  const Expr tree{
      .kind = ExprKind::kCase,
      .type = kBool,
      .args = {{.kind = ExprKind::kIsNull, .type = kBool, .args = {a}},
               {.kind = ExprKind::kCast, .type = kInt, .args = {b}, .explicit_cast = true},
               {.kind = ExprKind::kCall, .type = kInt, .function = "f()", .args = {}}}};
  const absl::StatusOr<Expr> back = RoundTrip(tree);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, tree);
}

Expr Chain(int depth) {
  Expr chain = Column(0, kText);
  for (int i = 1; i < depth; ++i) {
    Expr next{.kind = ExprKind::kCall, .type = kText, .function = "concat_op(text,text)"};
    next.args.push_back(std::move(chain));
    next.args.push_back(Column(0, kText));
    chain = std::move(next);
  }
  return chain;
}

TEST(ExprWireTest, CarriesChainsDeeperThanMessagesNest) {
  const Expr chain = Chain(2000);
  const absl::StatusOr<Expr> back = RoundTrip(chain);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, chain);
}

TEST(ExprWireTest, RefusesWhatWouldOverflowAStack) {
  EXPECT_THAT(std::string(RoundTrip(Chain(5000)).status().message()), HasSubstr("nested more"));
}

v1::Expr* Predicate(v1::Plan& plan) {
  return plan.mutable_vertices(0)->mutable_operators(1)->mutable_filter()->mutable_predicate();
}

struct Refusal {
  const char* message;  // part of it
  std::function<void(v1::Plan&)> change;
};

TEST(PlanWireTest, NamesTheFieldItRefuses) {
  const Refusal refusals[] = {
      {"plan.settings.checkpoint_interval_us: 0",
       [](v1::Plan& p) { p.mutable_settings()->set_checkpoint_interval_us(0); }},
      {"plan.settings.parallelism: 5000",
       [](v1::Plan& p) { p.mutable_settings()->set_parallelism(5000); }},
      {"plan.edges[0].to_vertex: 2", [](v1::Plan& p) { p.mutable_edges(0)->set_to_vertex(2); }},
      {"plan.edges[0].from_op: 9", [](v1::Plan& p) { p.mutable_edges(0)->set_from_op(9); }},
      {"plan.edges[0].kind: 3 is unknown", [](v1::Plan& p) { p.mutable_edges(0)->set_kind(3); }},
      {"plan.sinks[1].role: -1 is unknown", [](v1::Plan& p) { p.mutable_sinks(1)->set_role(-1); }},
      {"plan.inserts[0].sink: 2", [](v1::Plan& p) { p.mutable_inserts(0)->set_sink(2); }},
      {"plan.vertices[1].operators[2].sink: 2",
       [](v1::Plan& p) {
         p.mutable_vertices(1)->mutable_operators(2)->mutable_sink()->set_sink(2);
       }},
      {"plan.vertices[0].operators[1].inputs.op: 1",
       [](v1::Plan& p) {
         p.mutable_vertices(0)->mutable_operators(1)->mutable_inputs(0)->set_op(1);
       }},
      {"plan.vertices[0].operators[1]: an operator without input",
       [](v1::Plan& p) { p.mutable_vertices(0)->mutable_operators(1)->clear_inputs(); }},
      {"plan.vertices[0].operators[1]: an operator of a kind unknown",
       [](v1::Plan& p) { p.mutable_vertices(0)->mutable_operators(1)->clear_op(); }},
      {"operators[0].source.event_time_column: 2",
       [](v1::Plan& p) {
         p.mutable_vertices(0)->mutable_operators(0)->mutable_source()->set_event_time_column(2);
       }},
      {"source.declared.columns[1].type.precision: 39",
       [](v1::Plan& p) {
         p.mutable_vertices(0)
             ->mutable_operators(0)
             ->mutable_source()
             ->mutable_declared()
             ->mutable_columns(1)
             ->mutable_type()
             ->set_precision(39);
       }},
      {"no column can be of type interval",
       [](v1::Plan& p) {
         p.mutable_sinks(0)->mutable_schema()->mutable_columns(0)->mutable_type()->set_kind(
             static_cast<int>(TypeKind::kInterval));
       }},
      {"source.kafka.start_kind: 3 is unknown",
       [](v1::Plan& p) {
         p.mutable_vertices(0)
             ->mutable_operators(0)
             ->mutable_source()
             ->mutable_kafka()
             ->set_start_kind(3);
       }},
      {"partial_aggregate.spec.window.slide_us: 0",
       [](v1::Plan& p) {
         p.mutable_vertices(0)
             ->mutable_operators(2)
             ->mutable_partial_aggregate()
             ->mutable_spec()
             ->mutable_window()
             ->set_slide_us(0);
       }},
      {"partial_aggregate.spec.aggregates[1].kind: 99 is unknown",
       [](v1::Plan& p) {
         p.mutable_vertices(0)
             ->mutable_operators(2)
             ->mutable_partial_aggregate()
             ->mutable_spec()
             ->mutable_aggregates(1)
             ->set_kind(99);
       }},
      {"partial_aggregate.spec: 1 key columns, but 0 names",
       [](v1::Plan& p) {
         p.mutable_vertices(0)
             ->mutable_operators(2)
             ->mutable_partial_aggregate()
             ->mutable_spec()
             ->clear_keys();
       }},
      {"partial_aggregate.spec.time_column: 2 is not within 0..1",
       [](v1::Plan& p) {
         p.mutable_vertices(0)
             ->mutable_operators(2)
             ->mutable_partial_aggregate()
             ->mutable_spec()
             ->set_time_column(2);
       }},
      {"filter.predicate: 0 trees", [](v1::Plan& p) { Predicate(p)->clear_nodes(); }},
      {"filter.predicate: 2 trees",
       [](v1::Plan& p) { *Predicate(p)->add_nodes() = Predicate(p)->nodes(0); }},
      {"predicate.nodes[0].column: 2",
       [](v1::Plan& p) { Predicate(p)->mutable_nodes(0)->set_column(2); }},
      {"predicate.nodes[2].args: 3",
       [](v1::Plan& p) { Predicate(p)->mutable_nodes(2)->set_args(3); }},
      {"predicate.nodes[2].args: -1",
       [](v1::Plan& p) { Predicate(p)->mutable_nodes(2)->set_args(-1); }},
      {"predicate.nodes[2].kind: 77 is unknown",
       [](v1::Plan& p) { Predicate(p)->mutable_nodes(2)->set_kind(77); }},
      {"predicate.nodes[2]: a call without function",
       [](v1::Plan& p) { Predicate(p)->mutable_nodes(2)->clear_function(); }},
      {"nodes[1].literal: the data is not of type text",
       [](v1::Plan& p) { Predicate(p)->mutable_nodes(1)->mutable_literal()->set_integer(1); }},
      {"nodes[1]: a literal of type text in an expression of type integer",
       [](v1::Plan& p) {
         Predicate(p)->mutable_nodes(1)->mutable_type()->set_kind(
             static_cast<int>(TypeKind::kInteger));
       }},
  };
  for (const Refusal& refusal : refusals) {
    v1::Plan wire = Wire(ActivityPlan());
    refusal.change(wire);
    const absl::Status status = FromProto(wire).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

TaskSnapshot Snapshot() {
  TaskSnapshot snapshot;
  snapshot.task = {1, 3};
  snapshot.positions = {{"s", 2, 100, 200, EventTime{-7}, true}, {"s", 3, 0}};
  OperatorState state{"f00d", "keys text", {1024, 2048}, {}, kMaxEventTime};
  state.files = {{"state/1.sst", 10, "abc", {0, 4096}}, {"state/2.sst", 0, "def", {1024, 2048}}};
  snapshot.states = {state};
  snapshot.staged = {
      {"activity", "part-1.parquet", 4096, 12, 1'700'000'000'000, "{\"n\":1}", CheckpointId(9)}};
  snapshot.counters[0] = {10, 5, 1, 1, {{"syntax", 3}}};
  snapshot.counters[2] = {};
  snapshot.watermark = EventTime{123};
  snapshot.finished = true;
  return snapshot;
}

TEST(SnapshotWireTest, GivesBackTheSameSnapshot) {
  v1::TaskSnapshot wire;
  ToProto(Snapshot(), &wire);
  const absl::StatusOr<TaskSnapshot> back = FromProto(wire);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->task, Snapshot().task);
  EXPECT_EQ(back->positions, Snapshot().positions);
  EXPECT_EQ(back->states, Snapshot().states);
  EXPECT_EQ(back->staged, Snapshot().staged);
  EXPECT_EQ(back->counters, Snapshot().counters);
  EXPECT_EQ(back->watermark, Snapshot().watermark);
  EXPECT_TRUE(back->finished);
}

TEST(SnapshotWireTest, NamesTheFieldItRefuses) {
  const struct {
    const char* message;
    std::function<void(v1::TaskSnapshot&)> change;
  } refusals[] = {
      {"task snapshot.index: 5000", [](v1::TaskSnapshot& s) { s.set_index(5000); }},
      {"positions[1].next_offset: -1",
       [](v1::TaskSnapshot& s) { s.mutable_positions(1)->set_next_offset(-1); }},
      {"positions[0].stop_offset: -2",
       [](v1::TaskSnapshot& s) { s.mutable_positions(0)->set_stop_offset(-2); }},
      {"states[0].key_group_end: 1023",
       [](v1::TaskSnapshot& s) { s.mutable_states(0)->set_key_group_end(1023); }},
      {"states[0].files[1].key_group_end: 4097",
       [](v1::TaskSnapshot& s) { s.mutable_states(0)->mutable_files(1)->set_key_group_end(4097); }},
      {"states[0].files[0]: a state file without path",
       [](v1::TaskSnapshot& s) { s.mutable_states(0)->mutable_files(0)->clear_path(); }},
      {"staged[0]: a staged file without",
       [](v1::TaskSnapshot& s) { s.mutable_staged(0)->clear_path(); }},
      {"staged[0].rows: -1", [](v1::TaskSnapshot& s) { s.mutable_staged(0)->set_rows(-1); }},
      {"counters[0].late: -1",
       [](v1::TaskSnapshot& s) { (*s.mutable_counters())[0].set_late(-1); }},
      {"counters: -1", [](v1::TaskSnapshot& s) { (*s.mutable_counters())[-1]; }},
  };
  for (const auto& refusal : refusals) {
    v1::TaskSnapshot wire;
    ToProto(Snapshot(), &wire);
    refusal.change(wire);
    const absl::Status status = FromProto(wire).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

TEST(RestoreWireTest, GivesBackTheSameRestore) {
  const TaskRestore restore{Snapshot().positions, Snapshot().states, {1024, 1536}};
  v1::TaskRestore wire;
  ToProto(restore, &wire);
  const absl::StatusOr<TaskRestore> back = FromProto(wire);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->positions, restore.positions);
  EXPECT_EQ(back->states, restore.states);
  EXPECT_EQ(back->key_groups, restore.key_groups);
  wire.set_key_group_begin(-1);
  EXPECT_EQ(FromProto(wire).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir
