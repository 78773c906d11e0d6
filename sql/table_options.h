// The options of one CREATE TABLE, checked against a connector's list.
#ifndef WEIR_SQL_TABLE_OPTIONS_H_
#define WEIR_SQL_TABLE_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/options.h"
#include "sql/ast.h"
#include "sql/script.h"

namespace weir {

struct SourceTable;

class TableOptions {
 public:
  // All arguments outlive the object.
  TableOptions(const Script& script, const CreateTable& table,
               std::span<const OptionSchema> schemas)
      : script_(script), table_(table), schemas_(schemas) {}

  // Unknown, repeated, missing options and values that aren't accepted.
  absl::Status Check() const;

  // As written in the script; null when the default holds. REQUIRES: Check() passed.
  const OptionDefinition* Given(std::string_view name) const;
  // The value or its default; "" when there is neither.
  std::string Value(std::string_view name) const;
  int64_t Micros(std::string_view name) const;

  // INVALID_ARGUMENT at the option's value, or at its name.
  absl::Status ValueError(std::string_view name, std::string_view message) const;
  absl::Status NameError(std::string_view name, std::string_view message) const;

  const CreateTable& table() const { return table_; }
  std::span<const OptionSchema> schemas() const { return schemas_; }

 private:
  const Script& script_;
  const CreateTable& table_;
  const std::span<const OptionSchema> schemas_;
};

// Fills in all of `source` that options say, but for paths. REQUIRES: source->op.declared is set.
absl::Status ReadKafkaOptions(const TableOptions& options, SourceTable* source);

// `name` isn't `what` ("a setting"): with the nearest spelling, or all of them.
std::string UnknownOption(std::string_view what, std::string_view name,
                          std::span<const OptionSchema> schemas);

}  // namespace weir

#endif  // WEIR_SQL_TABLE_OPTIONS_H_
