// SQL types and table schemas, shared by every layer.
#ifndef WEIR_MODEL_TYPES_H_
#define WEIR_MODEL_TYPES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"

namespace weir {

enum class TypeKind {
  kNull,  // the type of a bare NULL literal; never the type of a column
  kBoolean,
  kSmallint,
  kInteger,
  kBigint,
  kReal,
  kDouble,
  kNumeric,  // precision 1..38, scale 0..precision
  kText,
  kBytea,
  kDate,
  kTimestamp,    // without time zone
  kTimestamptz,  // an instant
  kUuid,         // carried as text
  kJsonb,        // carried as text
  kInterval,     // literals only; never the type of a column
};

struct DataType {
  TypeKind kind = TypeKind::kNull;
  int precision = 0;  // kNumeric only
  int scale = 0;      // kNumeric only
  friend bool operator==(const DataType&, const DataType&) = default;

  static DataType Of(TypeKind kind) { return {kind, 0, 0}; }
  static DataType Numeric(int precision, int scale) {
    return {TypeKind::kNumeric, precision, scale};
  }
};

// PostgreSQL's spelling: "double precision", "numeric(10,2)", "timestamp with time zone".
std::string ToString(const DataType& type);

// How values of the type lie in a batch:
//   boolean → bool, smallint → int16, integer → int32, bigint → int64, real → float32,
//   double precision → float64, numeric(p,s) → decimal128(p,s), text/uuid/jsonb → utf8,
//   bytea → binary, date → date32, timestamp → timestamp[us],
//   timestamp with time zone → timestamp[us, "UTC"]; null → null.
// kInterval has no Arrow type: CHECKs.
std::shared_ptr<arrow::DataType> ArrowType(const DataType& type);

struct Column {
  std::string name;  // spelling as written in CREATE TABLE
  DataType type;
  bool nullable = true;
  friend bool operator==(const Column&, const Column&) = default;
};

struct Schema {
  std::vector<Column> columns;
  friend bool operator==(const Schema&, const Schema&) = default;
  int size() const { return static_cast<int>(columns.size()); }
};

std::shared_ptr<arrow::Schema> ArrowSchema(const Schema& schema);

// Index of the column that equals `name`, else of the only one that equals it ignoring ASCII case;
// -1 when there is none or the case-insensitive match is ambiguous.
int FindColumn(const Schema& schema, std::string_view name);

}  // namespace weir

#endif  // WEIR_MODEL_TYPES_H_
