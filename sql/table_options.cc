#include "sql/table_options.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/duration.h"
#include "base/metadata_address.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/time_text.h"
#include "sql/catalog.h"

namespace weir {
namespace {

constexpr std::string_view kTimestampStart = "timestamp:";

bool IsBroker(absl::string_view broker) {
  const size_t colon = broker.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(broker.substr(colon + 1), &port) && port > 0 && port < 65536 &&
         broker.find_first_of(" /") == absl::string_view::npos;
}

absl::Status ReadBrokers(const TableOptions& options, KafkaSpec* kafka) {
  kafka->brokers = options.Value("brokers");
  if (kafka->brokers == "dev") return absl::OkStatus();
  for (absl::string_view broker : absl::StrSplit(kafka->brokers, ',')) {
    if (IsMetadataHost(StdView(broker.substr(0, broker.rfind(':'))))) {
      return options.ValueError(
          "brokers", absl::StrCat("'", broker,
                                  "' is the address of a metadata service, which answers with the "
                                  "credentials of its machine: no broker is there"));
    }
    if (IsBroker(broker)) continue;
    return options.ValueError("brokers",
                              absl::StrCat("'", broker,
                                           "' isn't host:port; brokers are written "
                                           "'host1:9092,host2:9092', or 'dev' for the broker of "
                                           "weir dev --kafka"));
  }
  return absl::OkStatus();
}

absl::Status ReadTopic(const TableOptions& options, KafkaSpec* kafka) {
  kafka->topic = options.Value("topic");
  const bool legal = kafka->topic.size() <= 249 && kafka->topic != "." && kafka->topic != ".." &&
                     std::all_of(kafka->topic.begin(), kafka->topic.end(), [](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                     });
  if (legal) return absl::OkStatus();
  return options.ValueError("topic", absl::StrCat("'", kafka->topic,
                                                  "' isn't the name of a topic: letters, "
                                                  "digits, '.', '_' and '-', at most 249"));
}

// Settings that would have no effect, and those that others need.
absl::Status CheckSecurity(const TableOptions& options) {
  const std::string protocol = options.Value("security.protocol");
  const bool sasl = absl::StartsWith(protocol, "SASL_");
  const bool ssl = protocol == "SSL" || protocol == "SASL_SSL";
  for (const OptionSchema& schema : options.schemas()) {
    const std::string name(schema.name);
    if (options.Given(name) == nullptr) continue;
    if (absl::StartsWith(name, "sasl.") && !sasl) {
      return options.NameError(name, absl::StrCat(name,
                                                  " needs security.protocol = 'SASL_SSL' or "
                                                  "'SASL_PLAINTEXT'"));
    }
    const bool of_ssl =
        absl::StartsWith(name, "ssl.") || name == "enable.ssl.certificate.verification";
    if (of_ssl && !ssl) {
      return options.NameError(
          name, absl::StrCat(name, " needs security.protocol = 'SSL' or 'SASL_SSL'"));
    }
  }
  for (const char* name : {"sasl.mechanism", "sasl.username", "sasl.password"}) {
    if (!sasl || options.Given(name) != nullptr) continue;
    return options.ValueError("security.protocol", absl::StrCat(protocol, " needs ", name));
  }
  return absl::OkStatus();
}

absl::Status ReadStart(const TableOptions& options, KafkaSpec* kafka) {
  const std::string start = options.Value("start");
  if (start == "earliest") return absl::OkStatus();
  if (start == "latest") {
    kafka->start.kind = StartPosition::Kind::kLatest;
    return absl::OkStatus();
  }
  int64_t micros = 0;
  const bool timestamp = absl::StartsWith(start, AbslView(kTimestampStart)) &&
                         ParseTimestamptz(std::string_view(start).substr(kTimestampStart.size()),
                                          &micros) == TimeParse::kOk;
  if (!timestamp || micros < 0) {
    return options.ValueError("start", absl::StrCat("'", start,
                                                    "' isn't a value of start: accepted are "
                                                    "'earliest', 'latest' and "
                                                    "'timestamp:2024-02-29T07:08:09Z'"));
  }
  kafka->start = {StartPosition::Kind::kTimestamp, micros / 1000};
  return absl::OkStatus();
}

absl::Status ReadEventTime(const TableOptions& options, SourceOp* op) {
  const OptionDefinition* event_time = options.Given("event_time");
  if (event_time == nullptr) {
    for (const char* name : {"watermark", "idle_timeout", "max_future", "max_drift"}) {
      if (options.Given(name) == nullptr) continue;
      return options.NameError(name, absl::StrCat(name,
                                                  " needs event_time: name the column that "
                                                  "tells when a row happened"));
    }
    return absl::OkStatus();
  }
  op->event_time_column = FindColumn(op->declared, event_time->value);
  if (op->event_time_column < 0) {
    std::vector<std::string> names;
    for (const Column& column : op->declared.columns) names.push_back(column.name);
    const std::string near = NearestSpelling(event_time->value, names);
    return options.ValueError(
        "event_time",
        absl::StrCat("table ", op->table, " has no column ", event_time->value, "; ",
                     near.empty() ? absl::StrCat("its columns are ", absl::StrJoin(names, ", "))
                                  : absl::StrCat("did you mean ", near, "?")));
  }
  const Column& column = op->declared.columns[op->event_time_column];
  if (column.type.kind == TypeKind::kTimestamptz) return absl::OkStatus();
  return options.ValueError(
      "event_time",
      absl::StrCat("column ", column.name, " is ", ToString(column.type),
                   "; an event time is an instant: declare it TIMESTAMPTZ",
                   column.type.kind == TypeKind::kBigint ? " with timestamp_unit = 'ms'" : ""));
}

absl::Status ReadBadRows(const TableOptions& options, SourceTable* source) {
  const std::string policy = options.Value("on_bad_row");
  const bool has_path = options.Given("dead_letter_path") != nullptr;
  if (policy == "skip") source->on_bad_row = BadRowPolicy::kSkip;
  if (policy == "dead_letter") source->on_bad_row = BadRowPolicy::kDeadLetter;
  if (policy == "dead_letter" && !has_path) {
    return options.ValueError("on_bad_row",
                              "'dead_letter' needs dead_letter_path: the table that "
                              "bad rows go to");
  }
  if (policy != "dead_letter" && has_path) {
    return options.NameError("dead_letter_path",
                             "dead_letter_path needs on_bad_row = 'dead_letter'");
  }
  return absl::OkStatus();
}

absl::Status ReadUnit(const TableOptions& options, SourceOp* op) {
  const std::string unit = options.Value("timestamp_unit");
  if (unit.empty()) return absl::OkStatus();
  op->timestamp_unit = unit == "ms"   ? TimestampUnit::kMillis
                       : unit == "us" ? TimestampUnit::kMicros
                                      : TimestampUnit::kSeconds;
  for (const Column& column : op->declared.columns) {
    const TypeKind kind = column.type.kind;
    if (kind == TypeKind::kTimestamptz || kind == TypeKind::kTimestamp) return absl::OkStatus();
  }
  return options.NameError(
      "timestamp_unit", absl::StrCat("timestamp_unit says how integers are read into TIMESTAMPTZ "
                                     "columns, but table ",
                                     op->table, " has none"));
}

}  // namespace

absl::Status TableOptions::Check() const {
  for (size_t i = 0; i < table_.options.size(); ++i) {
    const OptionDefinition& option = table_.options[i];
    const OptionSchema* schema = FindOption(schemas_, option.name);
    if (schema == nullptr) {
      const std::string connector = Given("connector") ? Given("connector")->value : "";
      return script_.Error(option.at,
                           UnknownOption(absl::StrCat("an option of a ", connector, " table"),
                                         option.name, schemas_));
    }
    if (Given(option.name) != &option) {
      return script_.Error(option.at, absl::StrCat("option ", option.name, " is given twice"));
    }
    if (absl::Status ok = CheckOptionValue(*schema, option.value); !ok.ok()) {
      return script_.Error(option.value_at, StdView(ok.message()));
    }
  }
  for (const OptionSchema& schema : schemas_) {
    if (!schema.required || Given(schema.name) != nullptr) continue;
    const std::string name(schema.name);
    return script_.Error(table_.name.at,
                         absl::StrCat("table ", table_.name.text, " lacks option ", name, " (",
                                      AbslView(schema.help), "); add ", name, " = '",
                                      schema.allowed.size() == 1 ? std::string(schema.allowed[0])
                                                                 : std::string("..."),
                                      "' to its WITH"));
  }
  return absl::OkStatus();
}

const OptionDefinition* TableOptions::Given(std::string_view name) const {
  for (const OptionDefinition& option : table_.options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::string TableOptions::Value(std::string_view name) const {
  if (const OptionDefinition* given = Given(name)) return given->value;
  const OptionSchema* schema = FindOption(schemas_, name);
  return schema == nullptr ? "" : std::string(schema->default_value);
}

int64_t TableOptions::Micros(std::string_view name) const {
  return ParseDuration(Value(name)).value_or(0);
}

absl::Status TableOptions::ValueError(std::string_view name, std::string_view message) const {
  const OptionDefinition* given = Given(name);
  return script_.Error(given == nullptr ? table_.name.at : given->value_at, message);
}

absl::Status TableOptions::NameError(std::string_view name, std::string_view message) const {
  const OptionDefinition* given = Given(name);
  return script_.Error(given == nullptr ? table_.name.at : given->at, message);
}

absl::Status ReadKafkaOptions(const TableOptions& options, SourceTable* source) {
  SourceOp& op = source->op;
  WEIR_RETURN_IF_ERROR(ReadBrokers(options, &op.kafka));
  WEIR_RETURN_IF_ERROR(ReadTopic(options, &op.kafka));
  WEIR_RETURN_IF_ERROR(ReadStart(options, &op.kafka));
  WEIR_RETURN_IF_ERROR(CheckSecurity(options));
  op.kafka.stop_at_latest = options.Value("stop") == "latest";
  for (const OptionSchema& schema : options.schemas()) {
    if (!IsSecuritySetting(schema) || options.Given(schema.name) == nullptr) continue;
    op.kafka.properties[std::string(schema.name)] = options.Value(schema.name);
  }
  WEIR_RETURN_IF_ERROR(ReadEventTime(options, &op));
  op.watermark_bound_us = options.Micros("watermark");
  op.idle_timeout_us = options.Micros("idle_timeout");
  op.max_future_us = options.Micros("max_future");
  op.max_drift_us = options.Micros("max_drift");
  WEIR_RETURN_IF_ERROR(ReadBadRows(options, source));
  return ReadUnit(options, &op);
}

std::string UnknownOption(std::string_view what, std::string_view name,
                          std::span<const OptionSchema> schemas) {
  std::vector<std::string> names;
  for (const OptionSchema& schema : schemas) names.emplace_back(schema.name);
  const std::string near = NearestSpelling(name, names);
  return absl::StrCat("\"", AbslView(name), "\" isn't ", AbslView(what), "; ",
                      near.empty() ? absl::StrCat("accepted are ", absl::StrJoin(names, ", "))
                                   : absl::StrCat("did you mean ", near, "?"));
}

}  // namespace weir
