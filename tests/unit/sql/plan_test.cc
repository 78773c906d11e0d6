// What holds for every plan, and ids that have to survive edits elsewhere in a script.
#include "model/plan.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "sql/explain.h"
#include "sql/fingerprint.h"
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

constexpr char kSource[] =
    "CREATE TABLE clicks (userId TEXT NOT NULL, page TEXT, ms INTEGER, at TIMESTAMPTZ) WITH "
    "(connector = 'kafka', brokers = 'k:1', topic = 'clicks', format = 'json', event_time = 'at', "
    "on_bad_row = 'dead_letter', dead_letter_path = 'bad');\n"
    "CREATE TABLE pages (start TIMESTAMPTZ, page TEXT, n BIGINT) WITH (connector = 'delta', "
    "path = 'pages', late_path = 'late');\n"
    "CREATE TABLE raw (page TEXT, ms INTEGER) WITH (connector = 'delta', path = 'raw');\n"
    "CREATE TABLE other (page TEXT, ms INTEGER) WITH (connector = 'delta', path = 'other');\n";
constexpr char kPages[] =
    "INSERT INTO pages SELECT window_start, page, count(*) FROM tumble(clicks, at, '1 minute') "
    "WHERE ms > 3 GROUP BY window_start, page;\n";
constexpr char kRaw[] = "INSERT INTO raw SELECT page, ms + 1 FROM clicks WHERE page <> 'x';\n";

Plan PlanOf(const std::string& script) {
  absl::StatusOr<CompiledScript> compiled = Compile(script);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() ? std::move(compiled->plan) : Plan();
}

const AggregateSpec* AggregateOf(const Plan& plan, int insert) {
  for (const VertexSpec& vertex : plan.vertices) {
    for (const OperatorSpec& op : vertex.operators) {
      const auto* final_op = std::get_if<FinalAggregateOp>(&op.op);
      if (final_op != nullptr && op.insert == insert) return &final_op->spec;
    }
  }
  return nullptr;
}

std::set<std::string> IdsOf(const Plan& plan, int insert) {
  std::set<std::string> ids;
  for (const VertexSpec& vertex : plan.vertices) {
    for (const OperatorSpec& op : vertex.operators) {
      if (op.insert == insert) ids.insert(op.id);
    }
  }
  return ids;
}

// What model/plan.h says of a plan.
void CheckPlan(const Plan& plan) {
  std::set<std::string> ids;
  for (size_t v = 0; v < plan.vertices.size(); ++v) {
    const VertexSpec& vertex = plan.vertices[v];
    EXPECT_TRUE(ids.insert(vertex.id).second) << vertex.id;
    for (size_t i = 0; i < vertex.operators.size(); ++i) {
      const OperatorSpec& op = vertex.operators[i];
      EXPECT_TRUE(ids.insert(op.id).second) << op.id;
      EXPECT_EQ(std::holds_alternative<SourceOp>(op.op), op.inputs.empty());
      for (const OperatorInput& input : op.inputs) EXPECT_LT(input.op, static_cast<int>(i));
      if (const auto* sink = std::get_if<SinkOp>(&op.op)) {
        const OperatorInput& input = op.inputs.at(0);
        if (plan.sinks.at(sink->sink).role != SinkRole::kMain) continue;
        const Schema& rows = vertex.operators.at(input.op).output;
        const Schema& table = plan.sinks[sink->sink].schema;
        ASSERT_EQ(rows.size(), table.size());
        for (int c = 0; c < rows.size(); ++c) {
          EXPECT_EQ(rows.columns[c].name, table.columns[c].name);
          EXPECT_EQ(rows.columns[c].type, table.columns[c].type);
        }
      }
    }
  }
  for (const EdgeSpec& edge : plan.edges) {
    const OperatorSpec& from = plan.vertices.at(edge.from_vertex).operators.at(edge.from_op);
    EXPECT_TRUE(std::holds_alternative<PartialAggregateOp>(from.op));
    EXPECT_LT(edge.to_vertex, static_cast<int>(plan.vertices.size()));
  }
  for (const InsertSpec& insert : plan.inserts) {
    EXPECT_TRUE(plan.vertices.at(insert.source_vertex).has_source());
    EXPECT_EQ(plan.sinks.at(insert.sink).role, SinkRole::kMain);
  }
}

TEST(Plan, KeepsItsContract) {
  CheckPlan(PlanOf(absl::StrCat(kSource, kPages, kRaw)));
  CheckPlan(PlanOf(absl::StrCat(kSource, kPages, kPages, kRaw, kRaw)));
  CheckPlan(PlanOf(absl::StrCat(
      kTables, "INSERT INTO o SELECT id, n FROM t WHERE lower(kind) IN ('a', 'b') AND id <> '';")));
}

TEST(Plan, IdsOfAnInsertDontDependOnOthers) {
  const Plan alone = PlanOf(absl::StrCat(kSource, kPages));
  const Plan behind = PlanOf(
      absl::StrCat(kSource, "INSERT INTO other SELECT userId, ms FROM clicks;\n", kRaw, kPages));
  EXPECT_EQ(AggregateOf(alone, 0)->state_id, AggregateOf(behind, 2)->state_id);
  EXPECT_EQ(alone.vertices[0].id, behind.vertices[0].id);
  EXPECT_EQ(alone.vertices[0].operators[0].id, behind.vertices[0].operators[0].id);
  const std::set<std::string> there = IdsOf(behind, 2);
  int shared = 0;
  for (const std::string& id : IdsOf(alone, 0)) shared += static_cast<int>(there.count(id));
  EXPECT_GE(shared, 5);  // what narrows columns for several INSERTs is new, the rest isn't
}

TEST(Plan, StateIdsFollowMeaningNotSpelling) {
  const auto state = [](const std::string& insert) {
    return AggregateOf(PlanOf(absl::StrCat(kSource, insert)), 0)->state_id;
  };
  const std::string id = state(kPages);
  // Golden: job logs hold these. A change here makes every running job's state unreadable.
  EXPECT_EQ(id, "f1e11b16b1a57639");
  EXPECT_EQ(
      state("INSERT INTO pages SELECT window_start, page, count(*) AS c FROM TUMBLE((SELECT * "
            "FROM clicks WHERE ms > 3), at, INTERVAL '60' SECOND) GROUP BY page, 1"),
      id);
  for (const auto& [from, to] :
       std::map<std::string, std::string>{{"1 minute", "2 minutes"},
                                          {"ms > 3", "ms > 4"},
                                          {"count(*)", "count(ms)"},
                                          {"WHERE ms > 3", ""},
                                          {"page, count", "page, 2 * count"}}) {
    const std::string changed = absl::StrReplaceAll(kPages, {{from, to}});
    ASSERT_NE(changed, kPages);
    if (from == "page, count") {
      EXPECT_EQ(state(changed), id);  // what is above the state doesn't change it
    } else {
      EXPECT_NE(state(changed), id) << to;
    }
  }
}

TEST(Plan, EqualInsertsHaveStatesOfTheirOwn) {
  const Plan plan = PlanOf(absl::StrCat(kSource, kPages, kPages));
  EXPECT_NE(AggregateOf(plan, 0)->state_id, AggregateOf(plan, 1)->state_id);
  EXPECT_EQ(plan.inserts[0].name, "pages");
  EXPECT_EQ(plan.inserts[1].name, "pages#2");
  EXPECT_EQ(plan.inserts[0].sink, plan.inserts[1].sink);
  EXPECT_EQ(plan.sinks.size(), 3u);  // pages, its late rows, the dead letters
}

TEST(Plan, FingerprintIsStable) {
  EXPECT_EQ(Fingerprint(""), "0eda065b652ec4cf");
  EXPECT_EQ(Fingerprint("weir"), "d1ddcb0ee4023261");
  EXPECT_NE(Fingerprint("weir"), Fingerprint("weiR"));
}

TEST(Plan, ResolvesPathsAgainstTheBaseDirectory) {
  const std::string tables =
      "CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='k:1', topic='t', format='json');";
  const auto path = [&](const std::string& written) {
    return PlanOf(absl::StrCat(tables, "CREATE TABLE o (a TEXT) WITH (connector='delta', path='",
                               written, "'); INSERT INTO o SELECT a FROM t"))
        .sinks.at(0)
        .path;
  };
  EXPECT_EQ(path("lake/o"), "/data/lake/o");
  EXPECT_EQ(path("./lake/./o//"), "/data/lake/o");
  EXPECT_EQ(path("file:///abs/o"), "/abs/o");
  EXPECT_EQ(path("/abs/o/"), "/abs/o");
  EXPECT_EQ(path("s3://bucket/a/b/"), "s3://bucket/a/b");
}

TEST(Plan, ReadsOptionsAndSettings) {
  const Plan plan = PlanOf(
      "SET checkpoint_interval = '500ms'; SET parallelism = 4; SET retain_checkpoints = '5';"
      "CREATE TABLE t (a TEXT, at TIMESTAMPTZ, b TIMESTAMP) WITH (connector='kafka', "
      "brokers='k:1', "
      "topic='t', format='json', event_time='AT', watermark='1m', idle_timeout='2m', "
      "max_future='3m', max_drift='4m', start='timestamp:2024-01-01T00:00:00Z', stop='latest', "
      "on_bad_row='skip', timestamp_unit='ms', security.protocol='SASL_SSL', "
      "sasl.mechanism='PLAIN', sasl.username='me', sasl.password='${env:WEIR_SECRET_P}', "
      "\"ssl.ca.location\"='/ca.pem');"
      "CREATE TABLE o (a TEXT) WITH (connector='delta', path='o', freshness_interval='5s');"
      "INSERT INTO o SELECT a FROM t");
  EXPECT_EQ(plan.settings.checkpoint_interval_us, 500'000);
  EXPECT_EQ(plan.settings.parallelism, 4);
  EXPECT_EQ(plan.settings.retain_checkpoints, 5);
  const OperatorSpec& source = plan.vertices.at(0).operators.at(0);
  const SourceOp& op = std::get<SourceOp>(source.op);
  EXPECT_EQ(source.on_bad_row, BadRowPolicy::kSkip);
  EXPECT_EQ(op.watermark_bound_us, 60'000'000);
  EXPECT_EQ(op.idle_timeout_us, 120'000'000);
  EXPECT_EQ(op.max_future_us, 180'000'000);
  EXPECT_EQ(op.max_drift_us, 240'000'000);
  EXPECT_EQ(op.kafka.start.kind, StartPosition::Kind::kTimestamp);
  EXPECT_EQ(op.kafka.start.timestamp_ms, 1'704'067'200'000);
  EXPECT_TRUE(op.kafka.stop_at_latest);
  EXPECT_EQ(op.timestamp_unit, TimestampUnit::kMillis);
  EXPECT_EQ(op.kafka.properties.at("sasl.password"), "${env:WEIR_SECRET_P}");
  EXPECT_EQ(op.kafka.properties.at("ssl.ca.location"), "/ca.pem");
  EXPECT_EQ(op.kafka.properties.size(), 5u);
  EXPECT_EQ(op.output.columns.at(op.event_time_column).name, "at");
  EXPECT_EQ(plan.sinks.at(0).freshness_interval_us, 5'000'000);
}

TEST(CompileScript, WarnsOfWhatIsUnused) {
  absl::StatusOr<CompiledScript> compiled = Compile(
      "CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='k:1', topic='t', format='json');\n"
      "CREATE TABLE u (a TEXT) WITH (connector='kafka', brokers='k:1', topic='u', format='json');\n"
      "CREATE TABLE o (a TEXT) WITH (connector='delta', path='o', late_path='late');\n"
      "CREATE TABLE p (a TEXT) WITH (connector='delta', path='p');\n"
      "CREATE VIEW v AS SELECT a FROM u;\n"
      "INSERT INTO o WITH x AS (SELECT a FROM t), y AS (SELECT a FROM x) SELECT a FROM t;");
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_EQ(
      compiled->warnings,
      (std::vector<std::string>{
          "line 6, column 44: nothing reads y", "line 2, column 14: no INSERT reads table u",
          "line 5, column 13: nothing reads view v",
          "line 3, column 14: late_path of o stays empty: rows are late only for windows, and "
          "no INSERT into it has one",
          "line 4, column 14: no INSERT writes table p"}));
}

// A row from the source that breaks an expectation is bad; a result that breaks it fails the job.
TEST(CompileScript, WarnsWhereNotNullMayFailTheJob) {
  const std::string strict = absl::StrCat(
      "CREATE TABLE t (id TEXT, n INTEGER, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', "
      "topic='t', format='json', event_time='ts');\n",
      "CREATE TABLE s (a TEXT NOT NULL, b BIGINT NOT NULL) WITH (connector='delta', path='s');\n");
  const auto warnings = [&](const std::string& insert) {
    absl::StatusOr<CompiledScript> compiled = Compile(strict + insert);
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    return compiled.ok() ? compiled->warnings : std::vector<std::string>();
  };
  const std::string grouped =
      " FROM tumble(t, ts, '1 minute') WHERE id <> '' GROUP BY window_end, id";
  EXPECT_TRUE(warnings("INSERT INTO s SELECT id, n FROM t").empty());
  EXPECT_TRUE(warnings("INSERT INTO s SELECT id, coalesce(sum(n), 0)" + grouped).empty());
  EXPECT_TRUE(warnings("INSERT INTO s SELECT id, count(*)" + grouped).empty());
  EXPECT_EQ(
      warnings("INSERT INTO s SELECT id, sum(n)" + grouped),
      (std::vector<std::string>{
          "line 3, column 26: column b is NOT NULL, but this value may be NULL, and then the job "
          "fails; write coalesce(sum, ...), or leave such rows out with WHERE ... IS NOT NULL"}));
}

TEST(CompileScript, ExplainsOnly) {
  absl::StatusOr<CompiledScript> compiled =
      Compile(absl::StrCat(kTables, "EXPLAIN INSERT INTO o SELECT id, ${N} FROM t"), {{"N", "3"}});
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_TRUE(compiled->explain_only);
  EXPECT_EQ(compiled->filled_script,
            absl::StrCat(kTables, "EXPLAIN INSERT INTO o SELECT id, 3 FROM t"));
}

TEST(CompileScript, LateRowsOfTwoSourcesDontShareATable) {
  const std::string script = absl::StrCat(
      kSource,
      "CREATE TABLE views (viewer TEXT, page TEXT, at TIMESTAMPTZ) WITH (connector = 'kafka', "
      "brokers = 'k:1', topic = 'views', format = 'json', event_time = 'at');\n",
      kPages,
      "INSERT INTO pages SELECT window_start, page, count(*) FROM tumble(views, at, '1 minute') "
      "GROUP BY window_start, page;");
  EXPECT_EQ(
      ErrorOf(script),
      "line 7, column 1: INSERTs from different sources into pages can't share its late_path: "
      "their late rows have different columns; write a table for each");
}

}  // namespace
}  // namespace weir
