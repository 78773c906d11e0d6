// Table schemas in Delta's JSON (PROTOCOL.md, "Schema Serialization Format") and what they take.
#ifndef WEIR_LAKE_DELTA_SCHEMA_H_
#define WEIR_LAKE_DELTA_SCHEMA_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/types.h"

namespace weir {

// "string", "long", "decimal(10,2)", ...: how Delta spells the type.
std::string DeltaTypeName(const DataType& type);

std::string FormatDeltaSchema(const Schema& schema);

// A column of an existing table. Other writers have types of their own, so the type stays text.
struct DeltaColumn {
  std::string name;
  std::string type;  // "long"; for nested types "struct", "array", "map"
  bool nullable = true;
  std::vector<std::string> metadata_keys;  // "delta.invariants", ...; of nested fields too
};

absl::StatusOr<std::vector<DeltaColumn>> ParseDeltaSchema(std::string_view json);

// Whether rows of `ours` may be appended to a table with the columns `table`; then `ours` as the
// table spells it. A column of the table that we don't have is NULL in our rows.
// FAILED_PRECONDITION naming the column and what to write instead.
absl::StatusOr<Schema> MatchSchema(const Schema& ours, const std::vector<DeltaColumn>& table);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_SCHEMA_H_
