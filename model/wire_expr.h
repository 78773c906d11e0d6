// The inner parts of model/wire.h: types, schemas and expressions. Used by wire*.cc only.
#ifndef WEIR_MODEL_WIRE_EXPR_H_
#define WEIR_MODEL_WIRE_EXPR_H_

#include "absl/status/statusor.h"
#include "model/expr.h"
#include "model/types.h"

namespace weir::v1 {
class DataType;
class Schema;
class Expr;
}  // namespace weir::v1

namespace weir {

// An expression deeper than this is refused: everything that walks it recurses.
inline constexpr int kExprDepthMax = 4096;

void ToProto(const DataType& type, v1::DataType* out);
absl::StatusOr<DataType> FromProto(const v1::DataType& in);

void ToProto(const Schema& schema, v1::Schema* out);
absl::StatusOr<Schema> FromProto(const v1::Schema& in);

void ToProto(const Expr& expr, v1::Expr* out);
// Every column must lie within 0..input_columns - 1; -1 when the input's width is not known.
absl::StatusOr<Expr> FromProto(const v1::Expr& in, int input_columns);

}  // namespace weir

#endif  // WEIR_MODEL_WIRE_EXPR_H_
