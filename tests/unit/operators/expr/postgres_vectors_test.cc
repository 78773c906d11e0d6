// What PostgreSQL itself returned for each function and cast, against what the kernels return.
// The vectors are made by tests/tools/postgres_vectors.py.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "gtest/gtest.h"
#include "model/functions.h"
#include "nlohmann/json.hpp"
#include "operators/expr/evaluator.h"
#include "operators/expr/numeric.h"
#include "tests/unit/operators/expr/expr_builders.h"

namespace weir {
namespace {

using nlohmann::json;
using OptionalText = std::optional<std::string>;

struct Vector {
  std::string line;
  std::string function;  // or "cast"
  std::vector<OptionalText> args;
  std::vector<DataType> types;
  DataType to;  // of a cast
  OptionalText value;
  OptionalText error;
};

// Upwards from the test binary, which lies in the checkout's build folder.
std::filesystem::path VectorsFile() {
  const std::filesystem::path name = "tests/unit/operators/expr/postgres_vectors.jsonl";
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

std::vector<Vector> LoadVectors() {
  std::ifstream file(VectorsFile());
  std::vector<Vector> vectors;
  for (std::string line; std::getline(file, line);) {
    const json object = json::parse(line);
    Vector v;
    v.line = line;
    v.function = object["f"];
    for (const json& arg : object["a"]) v.args.push_back(TextOf(arg));
    for (const json& type : object["t"]) v.types.push_back(TypeNamed(type));
    if (object.contains("to")) v.to = TypeNamed(object["to"]);
    if (object.contains("v")) v.value = TextOf(object["v"]);
    if (object.contains("e")) v.error = TextOf(object["e"]);
    vectors.push_back(std::move(v));
  }
  return vectors;
}

// A value or an error, as text.
struct Answer {
  OptionalText value;
  OptionalText error;
};

std::string ToText(const Answer& a) {
  return a.error ? "error: " + *a.error : a.value ? "'" + *a.value + "'" : "NULL";
}

// The last row of a batch of one expression, cast to text.
Answer Evaluated(const Expr& expr, const Schema& schema, const arrow::RecordBatch& batch) {
  const Expr as_text = expr.type.kind == TypeKind::kText ? expr : CastTo(expr, TypeKind::kText);
  auto evaluator = Evaluator::Compile(as_text, schema);
  if (!evaluator.ok()) return {{}, std::string(evaluator.status().message())};
  const Evaluator::Result result = evaluator->Evaluate(batch);
  EXPECT_TRUE(result.values->ValidateFull().ok());
  const int64_t last = batch.num_rows() - 1;
  for (const Evaluator::Failed& failed : result.failed) {
    EXPECT_TRUE(result.values->IsNull(failed.row));
    if (failed.row == last) return {{}, failed.message};
  }
  if (result.values->IsNull(last)) return {};
  return {static_cast<const arrow::StringArray&>(*result.values).GetString(last), {}};
}

Expr CallOf(const Vector& v, std::vector<Expr> args) {
  if (v.function == "cast") return CastTo(std::move(args[0]), v.to);
  return Call(v.function, std::move(args));
}

// With literals, so that everything is folded.
Answer Folded(const Vector& v) {
  std::vector<Expr> args;
  for (size_t i = 0; i < v.args.size(); ++i) {
    if (v.types[i].kind == TypeKind::kInterval) {
      args.push_back(IntervalLiteral(v.args[i]));
    } else if (v.args[i]) {
      args.push_back(CastTo(TextLiteral(*v.args[i]), v.types[i]));
    } else {
      args.push_back(NullLiteral(v.types[i]));
    }
  }
  return Evaluated(CallOf(v, std::move(args)), Schema(), *EmptyBatch(1));
}

// With columns: rows before the one in question are NULL, so that nothing may rely on position.
Answer FromColumns(const Vector& v) {
  Schema texts, schema;
  std::vector<Expr> args;
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (size_t i = 0; i < v.args.size(); ++i) {
    if (v.types[i].kind == TypeKind::kInterval) {
      args.push_back(IntervalLiteral(v.args[i]));
      continue;
    }
    auto column = ColumnOf(v.types[i], {{}, {}, v.args[i]});
    if (column == nullptr) return {{}, "argument"};
    args.push_back(Column(schema.size(), v.types[i]));
    schema.columns.push_back({"c" + std::to_string(i), v.types[i], true});
    columns.push_back(column->Slice(1));  // an offset, as batches cut by barriers have
  }
  auto batch = arrow::RecordBatch::Make(ArrowSchema(schema), 2, std::move(columns));
  return Evaluated(CallOf(v, std::move(args)), schema, *batch);
}

// Where Weir differs from PostgreSQL on purpose: calls of `function` whose line holds `part`, for
// which ToText of our answer starts with `ours`.
struct Deviation {
  std::string function;
  std::string part;
  std::string ours;
  std::string why;
};

const std::vector<Deviation>& Deviations() {
  static const auto* const deviations = new std::vector<Deviation>{
      // NUMERIC has neither NaN nor infinity.
      {"", "", "error: cannot convert NaN or infinity to numeric", "no NaN in a decimal128"},
      {"cast", "\"NaN\"], \"t\": [\"text\"]", "error: invalid input syntax for type numeric",
       "same"},
      {"cast", "nf", "error: invalid input syntax for type numeric", "same"},
      // Times have no infinity; a watermark of +∞ means the end of the stream.
      {"to_timestamp(double)", "Infinity", "error: timestamp out of range", "no infinite times"},
      {"", "292240 years", "error: timestamp out of range",
       "int64 microseconds end in year 294247"},
      // JSONB is carried as it is written.
      {"cast", "\"to\": \"jsonb\"", "'", "JSONB keeps its text"},
      // Text forms that PostgreSQL takes besides.
      {"cast", "0x1", "error: invalid input syntax", "no hexadecimal floating numbers"},
      // The same refusal in other words.
      {"cast", "[\"123456789012345678901234567890.123\"]", "error: invalid input syntax",
       "wording"},
      {"cast", "+16:00", "error: date/time field value out of range", "wording"},
      {"decode(text,text)", "base64", "error: invalid base64 data", "wording"},
      {"regexp_", "invalid regular expression: ", "error: invalid regular expression \"",
       "wording"},
      {"regexp_", "\"a{2\"", "'", "RE2 reads an open brace as a character"},
      {"like(text,text,text)", "[null, ", "NULL", "a NULL argument comes before a bad escape"},
      {"ilike(text,text,text)", "[null, ", "NULL", "likewise"},
      {"right(text,integer)", "-2147483648", "''", "PostgreSQL's own overflow"},
      {"date_part(text,timestamp", "julian", "'2460370.297328'", "fields have six decimal places"},
  };
  return *deviations;
}

std::string WithoutTrailingZeros(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return number;
}

// The same number, when ours has been rounded to its scale.
bool SameNumber(const std::string& postgres, const std::string& ours, int scale) {
  expr::Int128 rounded = 0;
  const DataType type = DataType::Numeric(expr::kMaxDigits, scale);
  if (expr::ParseNumeric(postgres, type, &rounded) != expr::NumberParse::kOk) return false;
  if (WithoutTrailingZeros(expr::FormatNumeric(rounded, scale)) == WithoutTrailingZeros(ours)) {
    return true;
  }
  // PostgreSQL's quotients may have fewer digits than ours.
  const size_t point = postgres.find('.');
  const int places = point == std::string::npos ? 0 : static_cast<int>(postgres.size() - point - 1);
  const DataType coarse = DataType::Numeric(expr::kMaxDigits, std::min(places, scale));
  return expr::ParseNumeric(ours, coarse, &rounded) == expr::NumberParse::kOk &&
         WithoutTrailingZeros(expr::FormatNumeric(rounded, coarse.scale)) ==
             WithoutTrailingZeros(postgres);
}

// PostgreSQL's number, rounded to the type's scale, doesn't fit the type: 38 digits at most.
bool DoesNotFit(const std::string& postgres, const DataType& type) {
  expr::Int128 ignored = 0;
  return expr::ParseNumeric(postgres, type, &ignored) == expr::NumberParse::kRange;
}

bool Agree(const Vector& v, const DataType& type, const Answer& ours) {
  if (type.kind == TypeKind::kNumeric && v.value && ours.error) {
    return ours.error->starts_with("numeric field overflow") && DoesNotFit(*v.value, type);
  }
  // Our messages may go on where PostgreSQL has a separate detail.
  if (v.error || ours.error) return v.error && ours.error && ours.error->starts_with(*v.error);
  if (!v.value || !ours.value) return v.value == ours.value;
  // A type of ours has one scale, whatever the value.
  if (type.kind == TypeKind::kNumeric) return SameNumber(*v.value, *ours.value, type.scale);
  return *v.value == *ours.value;
}

// The index of the deviation that excuses an answer, or -1.
int DeviationOf(const Vector& v, const Answer& ours) {
  for (size_t i = 0; i < Deviations().size(); ++i) {
    const Deviation& d = Deviations()[i];
    if (v.function.starts_with(d.function) && v.line.find(d.part) != std::string::npos &&
        ToText(ours).starts_with(d.ours)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

DataType ResultTypeOf(const Vector& v) {
  return v.function == "cast" ? v.to : ResultType(*FindFunction(v.function), v.types);
}

TEST(PostgresVectorsTest, All) {
  const std::vector<Vector> vectors = LoadVectors();
  ASSERT_GT(vectors.size(), 1000u) << VectorsFile();
  std::set<int> used;
  for (const Vector& v : vectors) {
    const Answer folded = Folded(v);
    const Answer columns = FromColumns(v);
    if (columns.error != "argument") {
      EXPECT_EQ(ToText(columns), ToText(folded)) << v.line;
    }
    if (folded.error && v.function != "cast") {
      // AND and OR rely on it.
      EXPECT_TRUE(FindFunction(v.function)->fallible) << v.function << ": " << *folded.error;
    }
    if (Agree(v, ResultTypeOf(v), folded)) continue;
    const int deviation = DeviationOf(v, folded);
    EXPECT_GE(deviation, 0) << v.line << "\n  PostgreSQL: " << ToText({v.value, v.error})
                            << "\n  Weir: " << ToText(folded);
    used.insert(deviation);
  }
  for (int i = 0; i < static_cast<int>(Deviations().size()); ++i) {
    EXPECT_TRUE(used.contains(i)) << "deviation " << i << " (" << Deviations()[i].why
                                  << ") excuses nothing";
  }
}

// Every signature and every cast is asked of PostgreSQL.
TEST(PostgresVectorsTest, Complete) {
  std::set<std::string> functions;
  std::set<std::pair<TypeKind, TypeKind>> casts;
  for (const Vector& v : LoadVectors()) {
    functions.insert(v.function);
    if (v.function == "cast") casts.insert({v.types[0].kind, v.to.kind});
  }
  for (const FunctionSignature& f : AllFunctions()) EXPECT_TRUE(functions.contains(f.id)) << f.id;
  for (int from = 1; from <= static_cast<int>(TypeKind::kJsonb); ++from) {
    for (int to = 1; to <= static_cast<int>(TypeKind::kJsonb); ++to) {
      const auto a = static_cast<TypeKind>(from), b = static_cast<TypeKind>(to);
      if (a == b || CastAllowed(DataType::Of(a), DataType::Of(b)) == CastContext::kNone) continue;
      EXPECT_TRUE(casts.contains({a, b}))
          << ToString(DataType::Of(a)) << " to " << ToString(DataType::Of(b));
    }
  }
}

}  // namespace
}  // namespace weir
