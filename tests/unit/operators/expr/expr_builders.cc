#include "tests/unit/operators/expr/expr_builders.h"

#include <cstdio>
#include <sstream>

#include "arrow/array.h"
#include "arrow/array/builder_binary.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/log.h"
#include "model/function_table.h"
#include "model/functions.h"
#include "operators/expr/evaluator.h"

namespace weir {
namespace {

using OptionalText = std::optional<std::string>;

Expr Literal(const DataType& type, decltype(Value::data) data) {
  Expr expr;
  expr.kind = ExprKind::kLiteral;
  expr.type = type;
  expr.literal = {type, std::move(data)};
  return expr;
}

std::shared_ptr<arrow::Array> TextColumn(const std::vector<OptionalText>& values) {
  arrow::StringBuilder builder;
  for (const OptionalText& value : values) {
    WEIR_CHECK((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  std::shared_ptr<arrow::Array> array;
  WEIR_CHECK(builder.Finish(&array).ok());
  return array;
}

Evaluator::Result CastColumn(const std::shared_ptr<arrow::Array>& array, const DataType& from,
                             const DataType& to) {
  const Schema schema{{{"c", from, true}}};
  auto batch = arrow::RecordBatch::Make(ArrowSchema(schema), array->length(), {array});
  auto evaluator = Evaluator::Compile(CastTo(Column(0, from), to), schema);
  WEIR_CHECK(evaluator.ok(), evaluator.status().ToString());
  return evaluator->Evaluate(*batch);
}

// "-00:00:01.5" in microseconds.
int64_t ClockMicros(const std::string& text) {
  const bool negative = text[0] == '-';
  long hours = 0, minutes = 0;
  double seconds = 0;
  std::sscanf(text.c_str() + (negative || text[0] == '+' ? 1 : 0), "%ld:%ld:%lf", &hours, &minutes,
              &seconds);
  const int64_t micros =
      (hours * 3600 + minutes * 60) * 1'000'000 + static_cast<int64_t>(seconds * 1e6 + 0.5);
  return negative ? -micros : micros;
}

}  // namespace

Expr Column(int index, const DataType& type) {
  Expr expr;
  expr.kind = ExprKind::kColumn;
  expr.type = type;
  expr.column = index;
  return expr;
}

Expr Column(int index, TypeKind kind) { return Column(index, DataType::Of(kind)); }
Expr TextLiteral(std::string text) {
  return Literal(DataType::Of(TypeKind::kText), std::move(text));
}
Expr IntegerLiteral(int64_t value, TypeKind kind) { return Literal(DataType::Of(kind), value); }
Expr DoubleLiteral(double value) { return Literal(DataType::Of(TypeKind::kDouble), value); }
Expr BooleanLiteral(bool value) { return Literal(DataType::Of(TypeKind::kBoolean), value); }
Expr NullLiteral(const DataType& type) { return Literal(type, std::monostate()); }

Expr IntervalLiteral(const OptionalText& text) {
  const DataType type = DataType::Of(TypeKind::kInterval);
  if (!text) return NullLiteral(type);
  Interval interval;
  std::istringstream in(*text);
  for (std::string word; in >> word;) {
    if (word.find(':') != std::string::npos) {
      interval.micros += ClockMicros(word);
      continue;
    }
    const int amount = std::stoi(word);
    in >> word;
    if (word.starts_with("year")) interval.months += 12 * amount;
    if (word.starts_with("mon")) interval.months += amount;
    if (word.starts_with("day")) interval.days += amount;
  }
  return Literal(type, interval);
}

Expr CastTo(Expr arg, const DataType& type) {
  Expr expr = Node(ExprKind::kCast, type, {std::move(arg)});
  expr.explicit_cast = true;
  return expr;
}

Expr CastTo(Expr arg, TypeKind kind) { return CastTo(std::move(arg), DataType::Of(kind)); }

Expr Call(const std::string& id, std::vector<Expr> args) {
  const FunctionSignature* signature = FindFunction(id);
  WEIR_CHECK(signature != nullptr, id);
  std::vector<DataType> types;
  for (const Expr& arg : args) types.push_back(arg.type);
  Expr expr = Node(ExprKind::kCall, ResultType(*signature, types), std::move(args));
  expr.function = id;
  return expr;
}

Expr Node(ExprKind kind, const DataType& type, std::vector<Expr> args) {
  Expr expr;
  expr.kind = kind;
  expr.type = type;
  expr.args = std::move(args);
  return expr;
}

DataType TypeNamed(const std::string& name) {
  int precision = 0, scale = 0;
  if (std::sscanf(name.c_str(), "numeric(%d,%d)", &precision, &scale) == 2) {
    return DataType::Numeric(precision, scale);
  }
  for (TypeKind kind :
       {TypeKind::kBoolean, TypeKind::kSmallint, TypeKind::kInteger, TypeKind::kBigint,
        TypeKind::kReal, TypeKind::kDouble, TypeKind::kText, TypeKind::kBytea, TypeKind::kDate,
        TypeKind::kTimestamp, TypeKind::kTimestamptz, TypeKind::kUuid, TypeKind::kJsonb,
        TypeKind::kInterval}) {
    if (name == KindWord(kind)) return DataType::Of(kind);
  }
  CheckFailed(__FILE__, __LINE__, "a type", name);
}

std::shared_ptr<arrow::Array> ColumnOf(const DataType& type,
                                       const std::vector<OptionalText>& values) {
  const std::shared_ptr<arrow::Array> texts = TextColumn(values);
  if (type.kind == TypeKind::kText) return texts;
  Evaluator::Result result = CastColumn(texts, DataType::Of(TypeKind::kText), type);
  return result.failed.empty() ? result.values : nullptr;
}

std::shared_ptr<arrow::RecordBatch> BatchOf(const Schema& schema,
                                            const std::vector<std::vector<OptionalText>>& columns) {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (int i = 0; i < schema.size(); ++i) {
    arrays.push_back(ColumnOf(schema.columns[i].type, columns[i]));
    WEIR_CHECK(arrays.back() != nullptr, "column ", i);
  }
  return arrow::RecordBatch::Make(ArrowSchema(schema), columns.empty() ? 0 : columns[0].size(),
                                  std::move(arrays));
}

std::shared_ptr<arrow::RecordBatch> EmptyBatch(int64_t rows) {
  return arrow::RecordBatch::Make(ArrowSchema(Schema()), rows,
                                  std::vector<std::shared_ptr<arrow::Array>>());
}

std::vector<std::string> Texts(const std::shared_ptr<arrow::Array>& array, const DataType& type) {
  const DataType text = DataType::Of(TypeKind::kText);
  const std::shared_ptr<arrow::Array> texts =
      type == text ? array : CastColumn(array, type, text).values;
  std::vector<std::string> out;
  for (int64_t i = 0; i < texts->length(); ++i) {
    out.push_back(texts->IsNull(i) ? "NULL"
                                   : static_cast<const arrow::StringArray&>(*texts).GetString(i));
  }
  return out;
}

}  // namespace weir
