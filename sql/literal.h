// Type names and literals of SQL, as values.
#ifndef WEIR_SQL_LITERAL_H_
#define WEIR_SQL_LITERAL_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/types.h"
#include "model/value.h"
#include "sql/ast.h"

namespace weir {

// Errors carry no place: the caller knows it.

// INVALID_ARGUMENT names the nearest type, or what to write instead.
absl::StatusOr<DataType> ResolveType(const TypeName& name);

// A number as PostgreSQL types it: integer, bigint or numeric by size; numeric with a point or an
// exponent.
absl::StatusOr<Value> NumberLiteral(std::string_view text);

// An untyped literal 'text' as a value of `type`, by the type's input syntax.
absl::StatusOr<Value> TextAs(std::string_view text, const DataType& type);

// The cast of a literal, when it is one among numbers and exact; absent when it has to be left to
// the row.
std::optional<Value> FoldNumberCast(const Value& value, const DataType& type);

// The numeric type that holds every integer of `kind`.
DataType NumericOfInteger(TypeKind kind);

}  // namespace weir

#endif  // WEIR_SQL_LITERAL_H_
