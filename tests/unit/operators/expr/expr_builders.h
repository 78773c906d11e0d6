// Short ways to write expressions and columns in tests.
#ifndef WEIR_TESTS_UNIT_OPERATORS_EXPR_EXPR_BUILDERS_H_
#define WEIR_TESTS_UNIT_OPERATORS_EXPR_EXPR_BUILDERS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "model/expr.h"

namespace weir {

Expr Column(int index, const DataType& type);
Expr Column(int index, TypeKind kind);
Expr TextLiteral(std::string text);
Expr IntegerLiteral(int64_t value, TypeKind kind = TypeKind::kInteger);
Expr DoubleLiteral(double value);
Expr BooleanLiteral(bool value);
Expr NullLiteral(const DataType& type);
// PostgreSQL's output form: "1 mon 2 days 03:04:05.6", "13 months".
Expr IntervalLiteral(const std::optional<std::string>& text);
Expr CastTo(Expr arg, const DataType& type);
Expr CastTo(Expr arg, TypeKind kind);
// By signature id; the result type follows from the arguments.
Expr Call(const std::string& id, std::vector<Expr> args);
Expr Node(ExprKind kind, const DataType& type, std::vector<Expr> args);

// "numeric(10,2)", "timestamptz", "double", ...
DataType TypeNamed(const std::string& name);

// A column of values in text form; null when one isn't a value of the type.
std::shared_ptr<arrow::Array> ColumnOf(const DataType& type,
                                       const std::vector<std::optional<std::string>>& values);
// A batch of columns in text form.
std::shared_ptr<arrow::RecordBatch> BatchOf(
    const Schema& schema, const std::vector<std::vector<std::optional<std::string>>>& columns);
// Without columns.
std::shared_ptr<arrow::RecordBatch> EmptyBatch(int64_t rows);

// A column's values in text form; "NULL" for NULL.
std::vector<std::string> Texts(const std::shared_ptr<arrow::Array>& array, const DataType& type);

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_OPERATORS_EXPR_EXPR_BUILDERS_H_
