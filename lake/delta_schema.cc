#include "lake/delta_schema.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "model/json_text.h"

namespace weir {
namespace {

using Json = nlohmann::json;

// SQL for a Delta type, to tell people what to write in CREATE TABLE; empty when there is none.
std::string SqlForDeltaType(const std::string& type) {
  if (type == "string") return "TEXT";
  if (type == "long") return "BIGINT";
  if (type == "integer") return "INTEGER";
  if (type == "short") return "SMALLINT";
  if (type == "float") return "REAL";
  if (type == "double") return "DOUBLE PRECISION";
  if (type == "boolean") return "BOOLEAN";
  if (type == "binary") return "BYTEA";
  if (type == "date") return "DATE";
  if (type == "timestamp") return "TIMESTAMPTZ";
  if (type == "timestamp_ntz") return "TIMESTAMP";
  if (absl::StartsWith(type, "decimal(")) return absl::StrCat("NUMERIC", type.substr(7));
  return "";
}

// Metadata may sit on fields at any depth.
void CollectMetadataKeys(const Json& node, std::vector<std::string>* keys) {
  if (node.is_array())
    for (const Json& element : node) CollectMetadataKeys(element, keys);
  if (!node.is_object()) return;
  for (const auto& [key, value] : node.items()) {
    if (key != "metadata" || !value.is_object()) {
      CollectMetadataKeys(value, keys);
      continue;
    }
    for (const auto& [name, ignored] : value.items()) keys->push_back(name);
  }
}

std::string TypeText(const Json& type) {
  return type.is_string() ? type.get<std::string>() : type.at("type").get<std::string>();
}

const DeltaColumn* FindIgnoringCase(const std::vector<DeltaColumn>& table,
                                    const std::string& name) {
  for (const DeltaColumn& column : table)
    if (absl::EqualsIgnoreCase(column.name, name)) return &column;
  return nullptr;
}

std::string Names(const std::vector<DeltaColumn>& table) {
  return absl::StrJoin(table, ", ", [](std::string* out, const DeltaColumn& column) {
    absl::StrAppend(out, column.name);
  });
}

absl::Status CheckColumn(const Column& ours, const DeltaColumn& table) {
  const std::string type = DeltaTypeName(ours.type);
  if (type != table.type) {
    const std::string sql = SqlForDeltaType(table.type);
    return absl::FailedPreconditionError(absl::StrCat(
        "column ", table.name, " of the table is ", table.type, ", but CREATE TABLE declares it ",
        ToString(ours.type), " (", type, "): ",
        sql.empty() ? absl::StrCat("Weir has no type for ", table.type, "; use another table")
                    : absl::StrCat("declare it ", sql, ", or use another table")));
  }
  if (ours.nullable && !table.nullable)
    return absl::FailedPreconditionError(
        absl::StrCat("column ", table.name, " of the table is NOT NULL, but CREATE TABLE declares ",
                     "it without: add NOT NULL to the column"));
  return absl::OkStatus();
}

}  // namespace

std::string DeltaTypeName(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return "boolean";
    case TypeKind::kSmallint:
      return "short";
    case TypeKind::kInteger:
      return "integer";
    case TypeKind::kBigint:
      return "long";
    case TypeKind::kReal:
      return "float";
    case TypeKind::kDouble:
      return "double";
    case TypeKind::kNumeric:
      return absl::StrCat("decimal(", type.precision, ",", type.scale, ")");
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
      return "string";
    case TypeKind::kBytea:
      return "binary";
    case TypeKind::kDate:
      return "date";
    case TypeKind::kTimestamp:
      return "timestamp_ntz";
    case TypeKind::kTimestamptz:
      return "timestamp";
    case TypeKind::kNull:
    case TypeKind::kInterval:
      break;
  }
  WEIR_CHECK(false, "no column has type ", ToString(type));
}

std::string FormatDeltaSchema(const Schema& schema) {
  const auto field = [](std::string* out, const Column& column) {
    *out += JsonObject()
                .Add("name", column.name)
                .Add("type", DeltaTypeName(column.type))
                .AddRaw("nullable", column.nullable ? "true" : "false")
                .AddRaw("metadata", "{}")
                .str();
  };
  return JsonObject()
      .Add("type", "struct")
      .AddRaw("fields", absl::StrCat("[", absl::StrJoin(schema.columns, ",", field), "]"))
      .str();
}

absl::StatusOr<std::vector<DeltaColumn>> ParseDeltaSchema(std::string_view json) {
  try {
    const Json root = Json::parse(json);
    std::vector<DeltaColumn> columns;
    for (const Json& field : root.at("fields")) {
      DeltaColumn column{field.at("name").get<std::string>(),
                         TypeText(field.at("type")),
                         field.at("nullable").get<bool>(),
                         {}};
      CollectMetadataKeys(field, &column.metadata_keys);
      columns.push_back(std::move(column));
    }
    return columns;
  } catch (const Json::exception& e) {
    return absl::DataLossError(absl::StrCat("the table's schema can't be read: ", e.what()));
  }
}

absl::StatusOr<Schema> MatchSchema(const Schema& ours, const std::vector<DeltaColumn>& table) {
  Schema matched;
  std::set<std::string> taken;
  for (const Column& column : ours.columns) {
    const DeltaColumn* found = FindIgnoringCase(table, column.name);
    if (found == nullptr)
      return absl::FailedPreconditionError(
          absl::StrCat("the table has no column ", column.name, "; it has ", Names(table),
                       ": rename or drop the column in CREATE TABLE, or add it to the table"));
    if (absl::Status status = CheckColumn(column, *found); !status.ok()) return status;
    if (!taken.insert(found->name).second)
      return absl::FailedPreconditionError(
          absl::StrCat("two columns of CREATE TABLE are both ", found->name,
                       " in the table, where names are unique ignoring case: rename one"));
    matched.columns.push_back({found->name, column.type, column.nullable});
  }
  for (const DeltaColumn& column : table)
    if (!column.nullable && taken.count(column.name) == 0)
      return absl::FailedPreconditionError(
          absl::StrCat("column ", column.name,
                       " of the table is NOT NULL, but CREATE TABLE doesn't have it: add it"));
  return matched;
}

}  // namespace weir
