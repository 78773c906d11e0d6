#include "model/types.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "arrow/type.h"
#include "base/log.h"
#include "base/string_view.h"

namespace weir {

std::string ToString(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kNull:
      return "unknown";
    case TypeKind::kBoolean:
      return "boolean";
    case TypeKind::kSmallint:
      return "smallint";
    case TypeKind::kInteger:
      return "integer";
    case TypeKind::kBigint:
      return "bigint";
    case TypeKind::kReal:
      return "real";
    case TypeKind::kDouble:
      return "double precision";
    case TypeKind::kNumeric:
      return absl::StrCat("numeric(", type.precision, ",", type.scale, ")");
    case TypeKind::kText:
      return "text";
    case TypeKind::kBytea:
      return "bytea";
    case TypeKind::kDate:
      return "date";
    case TypeKind::kTimestamp:
      return "timestamp without time zone";
    case TypeKind::kTimestamptz:
      return "timestamp with time zone";
    case TypeKind::kUuid:
      return "uuid";
    case TypeKind::kJsonb:
      return "jsonb";
    case TypeKind::kInterval:
      return "interval";
  }
  CheckFailed(__FILE__, __LINE__, "known type kind", absl::StrCat(static_cast<int>(type.kind)));
}

std::shared_ptr<arrow::DataType> ArrowType(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kNull:
      return arrow::null();
    case TypeKind::kBoolean:
      return arrow::boolean();
    case TypeKind::kSmallint:
      return arrow::int16();
    case TypeKind::kInteger:
      return arrow::int32();
    case TypeKind::kBigint:
      return arrow::int64();
    case TypeKind::kReal:
      return arrow::float32();
    case TypeKind::kDouble:
      return arrow::float64();
    case TypeKind::kNumeric:
      return arrow::decimal128(type.precision, type.scale);
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
      return arrow::utf8();
    case TypeKind::kBytea:
      return arrow::binary();
    case TypeKind::kDate:
      return arrow::date32();
    case TypeKind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case TypeKind::kTimestamptz:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case TypeKind::kInterval:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "type has an Arrow layout", ToString(type));
}

std::shared_ptr<arrow::Schema> ArrowSchema(const Schema& schema) {
  arrow::FieldVector fields;
  fields.reserve(schema.columns.size());
  for (const Column& column : schema.columns)
    fields.push_back(arrow::field(column.name, ArrowType(column.type), column.nullable));
  return arrow::schema(std::move(fields));
}

int FindColumn(const Schema& schema, std::string_view name) {
  int found = -1;
  int matches = 0;
  for (int i = 0; i < schema.size(); ++i) {
    const std::string& candidate = schema.columns[i].name;
    if (candidate == name) return i;
    if (absl::EqualsIgnoreCase(candidate, AbslView(name))) {
      found = i;
      ++matches;
    }
  }
  return matches == 1 ? found : -1;
}

}  // namespace weir
