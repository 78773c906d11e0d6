// SQL expressions through the whole of Weir that gives them a meaning (parser, binder, rewriting,
// kernels, filter and project) against what PostgreSQL returned for them. The answers are made by
// tests/tools/postgres_vectors.py.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/array/builder_binary.h"
#include "arrow/record_batch.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "operators/expr/evaluator.h"
#include "operators/expr/numeric.h"
#include "operators/operator.h"
#include "sql/compile.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

using nlohmann::json;
using OptionalText = std::optional<std::string>;

// Upwards from the test binary, which lies in the checkout's build folder.
std::filesystem::path AnswersFile() {
  const std::filesystem::path name = "tests/sim/postgres_sql.jsonl";
  std::filesystem::path at = std::filesystem::canonical("/proc/self/exe");
  while (at.has_relative_path()) {
    at = at.parent_path();
    if (std::filesystem::exists(at / name)) return at / name;
  }
  return name;
}

OptionalText TextOf(const json& value) {
  return value.is_null() ? OptionalText() : OptionalText(value.get<std::string>());
}

struct Answer {
  OptionalText value;
  OptionalText error;
};

std::string ToText(const Answer& a) {
  return a.error ? "error: " + *a.error : a.value ? "'" + *a.value + "'" : "NULL";
}

// A column of texts cast to `type`.
std::shared_ptr<arrow::Array> ColumnOf(const DataType& type, const OptionalText& value) {
  arrow::StringBuilder builder;
  EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  std::shared_ptr<arrow::Array> texts;
  EXPECT_TRUE(builder.Finish(&texts).ok());
  const Schema schema{{{"c", DataType::Of(TypeKind::kText), true}}};
  Expr column, cast;
  column.kind = ExprKind::kColumn;
  column.type = schema.columns[0].type;
  column.column = 0;
  if (type == column.type) return texts;
  cast.kind = ExprKind::kCast;
  cast.type = type;
  cast.explicit_cast = true;
  cast.args = {column};
  auto evaluator = Evaluator::Compile(cast, schema);
  EXPECT_TRUE(evaluator.ok()) << evaluator.status();
  auto result =
      evaluator->Evaluate(*arrow::RecordBatch::Make(ArrowSchema(schema), 1, {std::move(texts)}));
  EXPECT_TRUE(result.failed.empty());
  return result.values;
}

struct LastBatch : Output {
  std::optional<Batch> batch;
  absl::Status Emit(int port, Batch emitted) override {
    if (port == 0) batch = std::move(emitted);
    return absl::OkStatus();
  }
  absl::Status EmitWatermark(EventTime) override { return absl::OkStatus(); }
  absl::Status EmitStatus(ChannelStatus) override { return absl::OkStatus(); }
};

class SqlAgainstPostgres : public ::testing::Test {
 protected:
  // The table, and the lines about it.
  std::vector<json> Load() {
    std::ifstream file(AnswersFile());
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
    if (lines.empty()) return lines;
    table_ = lines.front();
    lines.erase(lines.begin());
    return lines;
  }

  // A job whose only output column is the expression, as text.
  absl::StatusOr<CompiledScript> Compile(const std::string& expression) {
    std::string script = "CREATE TABLE x (";
    for (const json& column : table_["columns"]) {
      absl::StrAppend(&script, column[0].get<std::string>(), " ", column[1].get<std::string>(),
                      ", ");
    }
    script.resize(script.size() - 2);
    absl::StrAppend(&script,
                    ") WITH (connector = 'kafka', brokers = 'b:9092', topic = 'x', format = "
                    "'json');\nCREATE TABLE y (v TEXT) WITH (connector = 'delta', path = '/y');\n"
                    "INSERT INTO y SELECT CAST((",
                    expression, ") AS TEXT) FROM x;\n");
    return CompileScript(script, {});
  }

  // Row `row` of the table through the plan's operators, the Kafka source and the sink apart.
  Answer Run(const Plan& plan, int row) {
    const VertexSpec& vertex = plan.vertices[0];
    std::map<int, InsertCounters> counters;
    FakeClock clock;
    OperatorContext context;
    context.plan = &plan;
    context.counters = &counters;
    context.clock = &clock;
    context.topic = "x";
    Batch batch = SourceRow(vertex.operators[0].output, row);
    for (size_t i = 1; i < vertex.operators.size(); ++i) {
      const OperatorSpec& spec = vertex.operators[i];
      if (std::holds_alternative<SinkOp>(spec.op)) break;
      auto op = MakeOperator(spec, plan, nullptr);
      if (!op.ok()) return {{}, std::string(op.status().message())};
      EXPECT_TRUE((*op)->Open(context, TaskRestore()).ok());
      LastBatch out;
      const absl::Status status = (*op)->Process(0, std::move(batch), out);
      if (!status.ok()) return {{}, std::string(status.message())};
      if (!out.batch) return {{}, "the row is gone"};
      batch = *std::move(out.batch);
    }
    const auto& values = static_cast<const arrow::StringArray&>(*batch.columns->column(0));
    if (values.IsNull(0)) return {};
    return {values.GetString(0), {}};
  }

  Batch SourceRow(const Schema& schema, int row) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const Column& column : schema.columns) {
      for (size_t i = 0; i < table_["columns"].size(); ++i) {
        if (table_["columns"][i][0] != column.name) continue;
        columns.push_back(ColumnOf(column.type, TextOf(table_["rows"][row][i])));
      }
    }
    Batch batch;
    batch.columns = arrow::RecordBatch::Make(ArrowSchema(schema), 1, std::move(columns));
    auto raw = std::make_shared<RawRecords>();
    raw->offsets = {0};
    raw->payload_begin = raw->payload_end = {0};
    raw->key_begin = raw->key_end = {-1};
    raw->timestamps_ms = {-1};
    batch.raw = raw;
    return batch;
  }

  json table_;
};

// The type that the expression has before the cast to text.
std::string TypeOf(const Plan& plan) {
  for (const OperatorSpec& spec : plan.vertices[0].operators) {
    const auto* project = std::get_if<ProjectOp>(&spec.op);
    if (project == nullptr || project->exprs.size() != 1) continue;
    const Expr& expr = project->exprs[0];
    const bool is_cast = expr.kind == ExprKind::kCast && expr.type.kind == TypeKind::kText;
    const DataType& type = is_cast ? expr.args[0].type : expr.type;
    return type.kind == TypeKind::kNumeric ? "numeric" : ToString(type);
  }
  return "?";
}

std::string WithoutTrailingZeros(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return number;
}

int Places(const std::string& number) {
  const size_t point = number.find('.');
  return point == std::string::npos ? 0 : static_cast<int>(number.size() - point - 1);
}

// Equal when both are rounded to the places that both have: a type of ours has one scale, a value
// of PostgreSQL's has its own.
bool SameNumber(const std::string& a, const std::string& b) {
  const DataType type =
      DataType::Numeric(expr::kMaxDigits, std::min({Places(a), Places(b), expr::kMaxDigits}));
  expr::Int128 x = 0, y = 0;
  if (expr::ParseNumeric(a, type, &x) != expr::NumberParse::kOk) return a == b;
  return expr::ParseNumeric(b, type, &y) == expr::NumberParse::kOk && x == y &&
         (type.scale > 0 || WithoutTrailingZeros(a) == WithoutTrailingZeros(b) ||
          Places(a) != Places(b));
}

bool Agree(const Answer& postgres, const Answer& ours, const std::string& type) {
  if (postgres.error || ours.error) {
    // Ours goes on to name the expression, the record and the way out.
    return postgres.error && ours.error && absl::StrContains(*ours.error, *postgres.error);
  }
  if (!postgres.value || !ours.value) return postgres.value == ours.value;
  return *postgres.value == *ours.value ||
         (type == "numeric" && SameNumber(*postgres.value, *ours.value));
}

// Differences on purpose: expressions, and a part of what Weir says of them.
const std::map<std::string, std::string>& Deviations() {
  static const auto* const deviations = new std::map<std::string, std::string>{
      {"m * m", "numeric field overflow"},  // more than 38 digits
      {"m * m * m", "numeric field overflow"},
      {"d::numeric(20,3)", "cannot convert NaN or infinity to numeric"},
      {"to_timestamp(d)", "timestamp out of range"},  // no infinite times
  };
  return *deviations;
}

bool IsExcused(const std::string& sql, const Answer& ours) {
  const auto found = Deviations().find(sql);
  return found != Deviations().end() && absl::StrContains(ToText(ours), found->second);
}

TEST_F(SqlAgainstPostgres, All) {
  const std::vector<json> lines = Load();
  ASSERT_GT(lines.size(), 500u) << AnswersFile();
  std::set<std::string> excused;
  for (const json& line : lines) {
    const std::string sql = line["q"];
    const auto compiled = Compile(sql);
    if (line.contains("e")) {  // PostgreSQL refuses it whatever the row
      if (compiled.ok()) {
        const Answer ours = Run(compiled->plan, 0);
        EXPECT_TRUE(Agree({{}, TextOf(line["e"])}, ours, ""))
            << sql << "\n  PostgreSQL: " << line["e"] << "\n  Weir: " << ToText(ours);
      }
      continue;
    }
    EXPECT_TRUE(compiled.ok()) << sql << "\n  " << compiled.status();
    if (!compiled.ok()) continue;
    const std::string type = line["type"];
    // A cast to text of a text is no cast, so there is nothing to see.
    if (type != "text") {
      EXPECT_EQ(TypeOf(compiled->plan), type) << sql;
    }
    for (size_t row = 0; row < line["rows"].size(); ++row) {
      const json& answer = line["rows"][row];
      const Answer postgres{answer.contains("v") ? TextOf(answer["v"]) : OptionalText(),
                            answer.contains("e") ? TextOf(answer["e"]) : OptionalText()};
      const Answer ours = Run(compiled->plan, static_cast<int>(row));
      if (Agree(postgres, ours, type)) continue;
      EXPECT_TRUE(IsExcused(sql, ours))
          << sql << ", row " << row << "\n  PostgreSQL: " << ToText(postgres)
          << "\n  Weir: " << ToText(ours);
      excused.insert(sql);
    }
  }
  EXPECT_EQ(excused.size(), Deviations().size()) << "a deviation excuses nothing";
}

}  // namespace
}  // namespace weir
