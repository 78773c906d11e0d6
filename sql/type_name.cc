#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "model/options.h"
#include "sql/literal.h"

namespace weir {
namespace {

struct NamedType {
  std::string_view name;
  TypeKind kind;
};

constexpr NamedType kTypes[] = {
    {"bool", TypeKind::kBoolean},        {"boolean", TypeKind::kBoolean},
    {"int2", TypeKind::kSmallint},       {"smallint", TypeKind::kSmallint},
    {"int4", TypeKind::kInteger},        {"integer", TypeKind::kInteger},
    {"int8", TypeKind::kBigint},         {"bigint", TypeKind::kBigint},
    {"float4", TypeKind::kReal},         {"real", TypeKind::kReal},
    {"float8", TypeKind::kDouble},       {"numeric", TypeKind::kNumeric},
    {"text", TypeKind::kText},           {"varchar", TypeKind::kText},
    {"bytea", TypeKind::kBytea},         {"date", TypeKind::kDate},
    {"timestamp", TypeKind::kTimestamp}, {"timestamptz", TypeKind::kTimestamptz},
    {"uuid", TypeKind::kUuid},           {"jsonb", TypeKind::kJsonb},
    {"interval", TypeKind::kInterval},
};

struct Instead {
  std::string_view name;
  std::string_view message;
};

// What other systems call them.
constexpr Instead kOthers[] = {
    {"string", "write TEXT"},
    {"bpchar", "CHAR pads with spaces; write TEXT"},
    {"json", "write JSONB"},
    {"double", "write DOUBLE PRECISION"},
    {"long", "write BIGINT"},
    {"tinyint", "write SMALLINT"},
    {"datetime", "write TIMESTAMPTZ for an instant, TIMESTAMP for a local time"},
    {"timestamp_ltz", "write TIMESTAMPTZ"},
    {"bytes", "write BYTEA"},
    {"binary", "write BYTEA"},
    {"varbinary", "write BYTEA"},
    {"time", "write TEXT for a time of day"},
    {"timetz", "write TEXT for a time of day"},
    {"money", "write NUMERIC(19,2)"},
    {"serial", "a source's rows have their numbers already: _partition and _offset"},
    {"bigserial", "a source's rows have their numbers already: _partition and _offset"},
    {"map", "write JSONB"},
    {"row", "write JSONB"},
    {"struct", "write JSONB"},
    {"array", "write JSONB"},
};

constexpr std::string_view kAccepted =
    "types are BOOLEAN, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, NUMERIC(p,s), TEXT, "
    "BYTEA, DATE, TIMESTAMP, TIMESTAMPTZ, UUID and JSONB";

absl::StatusOr<DataType> NumericType(const TypeName& name) {
  if (name.modifiers.empty() || name.modifiers.size() > 2) {
    return absl::InvalidArgumentError(
        "NUMERIC needs its digits here: NUMERIC(p,s) with p up to 38, as in NUMERIC(18,2)");
  }
  const int precision = name.modifiers[0];
  const int scale = name.modifiers.size() > 1 ? name.modifiers[1] : 0;
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
    return absl::InvalidArgumentError(
        absl::StrCat("NUMERIC(", precision, ",", scale,
                     ") isn't possible: digits are 1 to 38, those behind the point 0 to all"));
  }
  return DataType::Numeric(precision, scale);
}

}  // namespace

absl::StatusOr<DataType> ResolveType(const TypeName& name) {
  const std::string lower = absl::AsciiStrToLower(name.name);
  for (const NamedType& known : kTypes) {
    if (known.name != lower) continue;
    if (known.kind == TypeKind::kNumeric) return NumericType(name);
    if (name.modifiers.empty()) return DataType::Of(known.kind);
    if (known.kind == TypeKind::kText) {
      return absl::InvalidArgumentError("lengths of text aren't supported; write TEXT");
    }
    return absl::InvalidArgumentError(
        absl::StrCat("precisions of times aren't supported: they have microseconds; write ",
                     absl::AsciiStrToUpper(lower)));
  }
  for (const Instead& known : kOthers) {
    if (known.name == lower) {
      return absl::InvalidArgumentError(
          absl::StrCat("type ", name.written, " isn't supported: ", AbslView(known.message)));
    }
  }
  std::vector<std::string> names;
  for (const NamedType& known : kTypes) names.emplace_back(known.name);
  const std::string near = NearestSpelling(lower, names);
  return absl::InvalidArgumentError(absl::StrCat(
      "type \"", name.written, "\" doesn't exist; ",
      near.empty() ? "" : absl::StrCat("did you mean ", absl::AsciiStrToUpper(near), "? "),
      AbslView(kAccepted)));
}

}  // namespace weir
