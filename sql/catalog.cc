#include "sql/catalog.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/options.h"
#include "model/table_path.h"
#include "sql/literal.h"
#include "sql/table_options.h"

namespace weir {
namespace {

constexpr std::string_view kReserved[] = {kPartitionColumn, kOffsetColumn, kTimestampColumn,
                                          kKeyColumn,       "_watermark",  "_delay_ms"};

const OptionDefinition* FindDefinition(const CreateTable& table, std::string_view name) {
  for (const OptionDefinition& option : table.options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

}  // namespace

bool Matches(const Name& name, const std::string& spelling) {
  return name.quoted ? name.text == spelling : absl::EqualsIgnoreCase(name.text, spelling);
}

int MatchName(const Name& name, const std::vector<std::string>& spellings) {
  int found = -1;
  for (size_t i = 0; i < spellings.size(); ++i) {
    if (spellings[i] == name.text) return static_cast<int>(i);
    if (Matches(name, spellings[i])) found = found == -1 ? static_cast<int>(i) : -2;
  }
  return found;
}

absl::Status Catalog::Add(const CreateTable& table) {
  const OptionDefinition* connector = FindDefinition(table, "connector");
  if (connector == nullptr) {
    const std::string word = "connector";
    for (const OptionDefinition& option : table.options) {
      if (NearestSpelling(option.name, {&word, 1}) != word) continue;
      return script_.Error(option.at, absl::StrCat("\"", option.name,
                                                   "\" isn't an option of a table; did you mean "
                                                   "connector?"));
    }
    return script_.Error(
        table.name.at,
        absl::StrCat("table ", table.name.text,
                     " doesn't say what it is: write "
                     "WITH (connector = 'kafka', ...) for a source, 'delta' for a sink"));
  }
  if (connector->value == "kafka") {
    WEIR_ASSIGN_OR_RETURN(SourceTable source, MakeSource(table));
    sources_.push_back(std::move(source));
    return AddName(table.name,
                   {CatalogEntry::Kind::kSource, static_cast<int>(sources_.size()) - 1});
  }
  if (connector->value == "delta") {
    WEIR_ASSIGN_OR_RETURN(SinkTable sink, MakeSink(table));
    sinks_.push_back(std::move(sink));
    return AddName(table.name, {CatalogEntry::Kind::kSink, static_cast<int>(sinks_.size()) - 1});
  }
  const std::vector<std::string> names(Connectors().begin(), Connectors().end());
  const std::string near = NearestSpelling(connector->value, names);
  return script_.Error(
      connector->value_at,
      absl::StrCat("connector '", connector->value,
                   "' doesn't exist; connectors are 'kafka' "
                   "(sources) and 'delta' (sinks)",
                   near.empty() ? "" : absl::StrCat("; did you mean '", near, "'?")));
}

absl::Status Catalog::Add(const CreateView& view) {
  views_.push_back({view.name, view.columns, view.select});
  return AddName(view.name, {CatalogEntry::Kind::kView, static_cast<int>(views_.size()) - 1});
}

absl::Status Catalog::AddName(const Name& name, CatalogEntry entry) {
  for (const Entry& known : names_) {
    if (!absl::EqualsIgnoreCase(known.name.text, name.text)) continue;
    return script_.Error(name.at, absl::StrCat("\"", name.text, "\" is declared twice; first on ",
                                               script_.Place(known.name.at)));
  }
  names_.push_back({name, entry});
  return absl::OkStatus();
}

absl::StatusOr<CatalogEntry> Catalog::Find(const Name& name) const {
  std::vector<std::string> spellings;
  for (const Entry& known : names_) spellings.push_back(known.name.text);
  const int found = MatchName(name, spellings);
  if (found >= 0) return names_[found].entry;
  for (const Name& later : later_) {
    if (!Matches(name, later.text)) continue;
    return script_.Error(name.at, absl::StrCat("table ", name.text, " is declared only on line ",
                                               script_.Line(later.at),
                                               "; move its CREATE in front of this statement"));
  }
  const std::string near = NearestSpelling(name.text, spellings);
  return script_.Error(name.at,
                       absl::StrCat("table ", name.text, " doesn't exist; ",
                                    near.empty() ? "declare it with CREATE TABLE ... WITH (...)"
                                                 : absl::StrCat("did you mean ", near, "?")));
}

absl::StatusOr<Schema> Catalog::MakeSchema(const CreateTable& table) const {
  Schema schema;
  if (table.columns.size() > kColumnsMax) {
    return script_.Error(table.columns[kColumnsMax].name.at,
                         absl::StrCat("table ", table.name.text, " has ", table.columns.size(),
                                      " columns; at most ", kColumnsMax, " are accepted"));
  }
  for (const ColumnDefinition& column : table.columns) {
    for (const Column& known : schema.columns) {
      if (!absl::EqualsIgnoreCase(known.name, column.name.text)) continue;
      return script_.Error(column.name.at,
                           absl::StrCat("column ", column.name.text, " is declared twice",
                                        known.name == column.name.text
                                            ? ""
                                            : " (names that differ only in case are one to many "
                                              "readers)"));
    }
    absl::StatusOr<DataType> type = ResolveType(column.type);
    if (!type.ok()) return script_.Error(column.type.at, StdView(type.status().message()));
    if (type->kind == TypeKind::kInterval) {
      return script_.Error(column.type.at,
                           "INTERVAL isn't a type of columns; write BIGINT and "
                           "store a number of milliseconds");
    }
    schema.columns.push_back({column.name.text, *type, !column.not_null});
  }
  if (schema.columns.empty()) {
    return script_.Error(table.name.at, absl::StrCat("table ", table.name.text, " has no columns"));
  }
  return schema;
}

absl::StatusOr<SourceTable> Catalog::MakeSource(const CreateTable& table) {
  SourceTable source;
  source.name = table.name;
  source.op.table = table.name.text;
  WEIR_ASSIGN_OR_RETURN(source.op.declared, MakeSchema(table));
  for (const ColumnDefinition& column : table.columns) {
    for (std::string_view reserved : kReserved) {
      if (!absl::EqualsIgnoreCase(column.name.text, AbslView(reserved))) continue;
      return script_.Error(column.name.at,
                           absl::StrCat("column name ", column.name.text,
                                        " is taken: every "
                                        "source has _partition, _offset, _timestamp and _key"));
    }
  }
  TableOptions options(script_, table, KafkaSourceOptions());
  WEIR_RETURN_IF_ERROR(options.Check());
  WEIR_RETURN_IF_ERROR(ReadKafkaOptions(options, &source));
  if (const OptionDefinition* path = options.Given("dead_letter_path")) {
    WEIR_ASSIGN_OR_RETURN(source.dead_letter_path, NormalPath(*path));
    WEIR_RETURN_IF_ERROR(ClaimPath(*path, source.dead_letter_path));
  }
  return source;
}

absl::StatusOr<SinkTable> Catalog::MakeSink(const CreateTable& table) {
  SinkTable sink;
  sink.name = table.name;
  WEIR_ASSIGN_OR_RETURN(sink.schema, MakeSchema(table));
  TableOptions options(script_, table, DeltaSinkOptions());
  WEIR_RETURN_IF_ERROR(options.Check());
  WEIR_ASSIGN_OR_RETURN(sink.path, NormalPath(*options.Given("path")));
  WEIR_RETURN_IF_ERROR(ClaimPath(*options.Given("path"), sink.path));
  if (const OptionDefinition* path = options.Given("late_path")) {
    WEIR_ASSIGN_OR_RETURN(sink.late_path, NormalPath(*path));
    WEIR_RETURN_IF_ERROR(ClaimPath(*path, sink.late_path));
  }
  sink.freshness_interval_us = options.Micros("freshness_interval");
  return sink;
}

absl::StatusOr<std::string> Catalog::NormalPath(const OptionDefinition& option) const {
  absl::StatusOr<std::string> path = NormalTablePath(option.value, base_directory_);
  if (!path.ok()) return script_.Error(option.value_at, StdView(path.status().message()));
  return path;
}

absl::Status Catalog::ClaimPath(const OptionDefinition& option, const std::string& path) {
  for (const ClaimedPath& claimed : paths_) {
    const bool inside =
        absl::StartsWith(path, claimed.path + "/") || absl::StartsWith(claimed.path, path + "/");
    if (claimed.path != path && !inside) continue;
    return script_.Error(
        option.value_at,
        absl::StrCat("'", option.value, "' is ",
                     inside ? "inside, or holds, the directory" : "also the path", " of ",
                     script_.Place(claimed.at), "; each table needs a directory of its own"));
  }
  paths_.push_back({path, option.value_at});
  return absl::OkStatus();
}

}  // namespace weir
