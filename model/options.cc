#include "model/options.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/duration.h"
#include "base/string_view.h"
#include "model/ids.h"
#include "model/interval.h"
#include "model/table_path.h"

namespace weir {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400 * kSecond;

std::vector<OptionSchema> MakeKafkaOptions() {
  using enum OptionKind;
  return {
      {.name = "connector",
       .kind = kChoice,
       .required = true,
       .allowed = {"kafka"},
       .help = "what the table is"},
      {.name = "brokers", .required = true, .help = "host:port, comma-separated"},
      {.name = "topic", .required = true, .help = "topic to read"},
      {.name = "format",
       .kind = kChoice,
       .required = true,
       .allowed = {"json"},
       .help = "how payloads are encoded"},
      {.name = "event_time",
       .kind = kColumn,
       .help = "TIMESTAMPTZ column that tells when it happened"},
      {.name = "watermark",
       .kind = kDuration,
       .default_value = "0 seconds",
       .help = "bound on disorder: how far behind the latest event another may come"},
      {.name = "idle_timeout",
       .kind = kDuration,
       .default_value = "30 seconds",
       .min = 1,
       .help = "after which a partition without lag no longer holds the watermark back"},
      {.name = "start",
       .kind = kStart,
       .default_value = "earliest",
       .help = "where to start when no checkpoint says otherwise"},
      {.name = "stop",
       .kind = kChoice,
       .allowed = {"latest"},
       .help = "end the job at the offsets that are latest when it starts"},
      {.name = "max_future",
       .kind = kDuration,
       .default_value = "1 day",
       .help = "an event time further ahead of the record's Kafka timestamp is bad"},
      {.name = "max_drift",
       .kind = kDuration,
       .default_value = "1 hour",
       .min = 1,
       .help = "a partition further ahead of the slowest one with lag isn't polled"},
      {.name = "on_bad_row",
       .kind = kChoice,
       .default_value = "fail",
       .allowed = {"fail", "skip", "dead_letter"},
       .help = "what becomes of rows that can't be used"},
      {.name = "dead_letter_path",
       .kind = kPath,
       .help = "table for bad rows, with on_bad_row = 'dead_letter'"},
      {.name = "timestamp_unit",
       .kind = kChoice,
       .allowed = {"ms", "us", "s"},
       .help = "unit of times given as integers; without it they are refused"},
      {.name = "security.protocol",
       .kind = kChoice,
       .allowed = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"},
       .help = "how to talk to brokers"},
      {.name = "sasl.mechanism",
       .kind = kChoice,
       .allowed = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"},
       .help = "how to log in"},
      {.name = "sasl.username", .help = "whom to log in as"},
      {.name = "sasl.password", .kind = kSecret, .help = "the password"},
      {.name = "ssl.ca.location", .help = "file or directory of CA certificates, on workers"},
      {.name = "ssl.certificate.location", .help = "client certificate file, on workers"},
      {.name = "ssl.key.location", .help = "client key file, on workers"},
      {.name = "ssl.key.password", .kind = kSecret, .help = "password of the client key"},
      {.name = "ssl.endpoint.identification.algorithm",
       .kind = kChoice,
       .allowed = {"https", "none"},
       .help = "whether broker certificates must name the host"},
      {.name = "enable.ssl.certificate.verification",
       .kind = kChoice,
       .allowed = {"true", "false"},
       .help = "whether broker certificates are checked"},
      {.name = "client.id", .help = "name shown in the brokers' logs"},
      {.name = "client.rack", .help = "rack of the workers, to read from near replicas"},
  };
}

std::vector<OptionSchema> MakeDeltaOptions() {
  using enum OptionKind;
  return {
      {.name = "connector",
       .kind = kChoice,
       .required = true,
       .allowed = {"delta"},
       .help = "what the table is"},
      {.name = "path", .kind = kPath, .required = true, .help = "directory of the table"},
      {.name = "late_path", .kind = kPath, .help = "table for rows that came too late"},
      {.name = "freshness_interval",
       .kind = kDuration,
       .default_value = "1 minute",
       .min = kSecond,
       .help = "how often the watermark is committed when there are no rows"},
  };
}

std::vector<OptionSchema> MakeJobOptions() {
  using enum OptionKind;
  return {
      {.name = "checkpoint_interval",
       .kind = kDuration,
       .default_value = "10s",
       .min = kSecond / 10,
       .max = kDay,
       .help = "time between checkpoints, and so between commits"},
      {.name = "parallelism",
       .kind = kCount,
       .min = 1,
       .max = kKeyGroups,
       .help = "tasks per vertex; without it, all slots"},
      {.name = "retain_checkpoints",
       .kind = kCount,
       .default_value = "3",
       .min = 1,
       .max = 1000,
       .help = "how many checkpoints are kept"},
  };
}

std::string List(const std::vector<std::string_view>& values) {
  return absl::StrJoin(values, ", ", [](std::string* out, std::string_view value) {
    absl::StrAppend(out, "'", AbslView(value), "'");
  });
}

// ${env:WEIR_SECRET_...} or ${file:NAME}, as workers resolve them (operators/source).
bool IsSecretReference(std::string_view value) {
  if (value.size() < 4 || value.substr(0, 2) != "${" || value.back() != '}') return false;
  const std::string_view inside = value.substr(2, value.size() - 3);
  const auto names = [&](std::string_view prefix) {
    return inside.size() > prefix.size() && inside.substr(0, prefix.size()) == prefix &&
           inside.find_first_of("/{}$", prefix.size()) == std::string_view::npos;
  };
  return names("env:WEIR_SECRET_") || names("file:");
}

absl::Status Refused(const OptionSchema& option, std::string_view value, std::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("'", AbslView(value), "' isn't a value of ",
                                                 AbslView(option.name), ": ", AbslView(reason)));
}

absl::Status CheckChoice(const OptionSchema& option, std::string_view value) {
  if (std::find(option.allowed.begin(), option.allowed.end(), value) != option.allowed.end()) {
    return absl::OkStatus();
  }
  const std::vector<std::string> names(option.allowed.begin(), option.allowed.end());
  const std::string near = NearestSpelling(value, names);
  return Refused(option, value,
                 absl::StrCat("accepted ", names.size() == 1 ? "is " : "are ", List(option.allowed),
                              near.empty() ? "" : absl::StrCat("; did you mean '", near, "'?")));
}

absl::Status CheckDuration(const OptionSchema& option, std::string_view value) {
  absl::StatusOr<int64_t> micros = ParseDuration(value);
  if (!micros.ok()) {
    return Refused(
        option, value,
        "accepted are durations such as '500ms', '10 seconds' or '1h30m'; months have no "
        "fixed length");
  }
  if (*micros < option.min) {
    return Refused(option, value, absl::StrCat("the least is ", DurationText(option.min)));
  }
  if (option.max > 0 && *micros > option.max) {
    return Refused(option, value, absl::StrCat("the most is ", DurationText(option.max)));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(const OptionSchema& option, std::string_view value) {
  int64_t count = 0;
  if (absl::SimpleAtoi(AbslView(value), &count) && count >= option.min && count <= option.max) {
    return absl::OkStatus();
  }
  return Refused(option, value,
                 absl::StrCat("accepted are whole numbers from ", option.min, " to ", option.max));
}

absl::Status CheckPath(const OptionSchema& option, std::string_view value) {
  // Relative to any directory: which one doesn't decide whether a path is accepted.
  const absl::Status status = NormalTablePath(std::string(value), "/").status();
  if (status.ok()) return absl::OkStatus();
  // What stands before an '@' may be a password.
  const size_t at = value.find('@');
  return Refused(option, at == std::string_view::npos ? value : value.substr(at),
                 StdView(status.message()));
}

// Damerau–Levenshtein in the "optimal string alignment" form.
int Edits(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> cost(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::span<const OptionSchema> KafkaSourceOptions() {
  static const auto* const options = new std::vector<OptionSchema>(MakeKafkaOptions());
  return *options;
}

std::span<const OptionSchema> DeltaSinkOptions() {
  static const auto* const options = new std::vector<OptionSchema>(MakeDeltaOptions());
  return *options;
}

std::span<const OptionSchema> JobOptions() {
  static const auto* const options = new std::vector<OptionSchema>(MakeJobOptions());
  return *options;
}

std::span<const std::string_view> Connectors() {
  static constexpr std::string_view kConnectors[] = {"kafka", "delta"};
  return kConnectors;
}

const OptionSchema* FindOption(std::span<const OptionSchema> options, std::string_view name) {
  for (const OptionSchema& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

bool IsSecuritySetting(const OptionSchema& option) {
  return option.name.find('.') != std::string_view::npos;
}

absl::Status CheckOptionValue(const OptionSchema& option, std::string_view value) {
  if (value.empty()) return Refused(option, value, "it is empty");
  if (option.kind == OptionKind::kSecret && !IsSecretReference(value)) {
    // The value isn't repeated: it may be the secret.
    return absl::InvalidArgumentError(
        absl::StrCat(AbslView(option.name),
                     " takes a reference to a secret, ${env:WEIR_SECRET_NAME} or ${file:NAME}: a "
                     "script is kept in the job log, where anyone may read it"));
  }
  if (value.find("${") != std::string_view::npos) {
    if (IsSecuritySetting(option) && IsSecretReference(value)) return absl::OkStatus();
    return Refused(option, value,
                   IsSecuritySetting(option)
                       ? "references to secrets are ${env:WEIR_SECRET_NAME} and ${file:NAME}, by "
                         "themselves"
                       : "references to secrets are for security settings; for other values write "
                         "${NAME} and submit with --var NAME=VALUE");
  }
  switch (option.kind) {
    case OptionKind::kText:
    case OptionKind::kColumn:
    case OptionKind::kStart:
      return absl::OkStatus();
    case OptionKind::kChoice:
      return CheckChoice(option, value);
    case OptionKind::kDuration:
      return CheckDuration(option, value);
    case OptionKind::kCount:
      return CheckCount(option, value);
    case OptionKind::kPath:
      return CheckPath(option, value);
    case OptionKind::kSecret:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

std::string NearestSpelling(std::string_view word, std::span<const std::string> candidates) {
  const std::string wanted = absl::AsciiStrToLower(AbslView(word));
  std::string best;
  int best_edits = 0;
  for (const std::string& candidate : candidates) {
    const int edits = Edits(wanted, absl::AsciiStrToLower(candidate));
    // A third of the letters may be wrong, yet never all of a short word.
    const int limit =
        std::max<int>(1, static_cast<int>(std::max(word.size(), candidate.size())) / 3);
    if (edits > limit || edits >= static_cast<int>(wanted.size())) continue;
    if (best.empty() || edits < best_edits) {
      best = candidate;
      best_edits = edits;
    }
  }
  return best;
}

}  // namespace weir
