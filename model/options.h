// Which options connectors and jobs take: names, kinds, defaults, allowed values. Values, so that
// `sql/` checks a script without linking a connector, and help texts and errors come from one list.
#ifndef WEIR_MODEL_OPTIONS_H_
#define WEIR_MODEL_OPTIONS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace weir {

enum class OptionKind {
  kText,      // any text but the empty one
  kChoice,    // one of `allowed`
  kDuration,  // base/duration.h
  kCount,     // a whole number within [min, max]
  kColumn,    // a column of the table
  kPath,      // a directory: relative, absolute, or s3://bucket/prefix
  kStart,     // 'earliest', 'latest', 'timestamp:<RFC 3339>'
  kSecret,    // a reference, ${kind:name}; never the secret itself
};

struct OptionSchema {
  std::string_view name;
  OptionKind kind = OptionKind::kText;
  std::string_view default_value = {};  // as it would be written; empty = none
  bool required = false;
  std::vector<std::string_view> allowed = {};  // kChoice
  int64_t min = 0;                             // kCount; kDuration: microseconds
  int64_t max = 0;                             // likewise; 0 = unbounded
  std::string_view help = {};                  // half a sentence for people
};

// Of CREATE TABLE ... WITH (connector = 'kafka'): sources. Security settings have librdkafka's
// names and are passed to it.
std::span<const OptionSchema> KafkaSourceOptions();
// Of CREATE TABLE ... WITH (connector = 'delta'): sinks.
std::span<const OptionSchema> DeltaSinkOptions();
// Of SET name = value.
std::span<const OptionSchema> JobOptions();
// Names that `connector` accepts.
std::span<const std::string_view> Connectors();

const OptionSchema* FindOption(std::span<const OptionSchema> options, std::string_view name);

// Whether the option is one of librdkafka's security settings, passed on as it is.
bool IsSecuritySetting(const OptionSchema& option);

// INVALID_ARGUMENT says what was found and what is accepted; without the option's place. Kinds that
// need the table (kColumn) are checked for being non-empty only.
absl::Status CheckOptionValue(const OptionSchema& option, std::string_view value);

// The candidate nearest to `word` by edits (insert, delete, replace, swap of neighbours; case
// doesn't count), or "" when none is near enough to be meant.
std::string NearestSpelling(std::string_view word, std::span<const std::string> candidates);

}  // namespace weir

#endif  // WEIR_MODEL_OPTIONS_H_
