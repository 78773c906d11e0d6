#include "lake/delta_actions.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/short_text.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "lake/json_integer.h"
#include "model/json_text.h"
#include "simdjson.h"

namespace weir {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// A field that isn't what the protocol says. Thrown by what reads fields, caught by ReadObject.
struct BadField {
  std::string message;
};

[[noreturn]] void Bad(std::string_view key, std::string_view why) {
  throw BadField{absl::StrCat(AbslView(key), ": ", AbslView(why))};
}

template <class T>
T Integer(std::string_view key, element value) {
  int64_t whole = 0;
  double number = 0;
  std::optional<int64_t> found;
  if (value.get(whole) == simdjson::SUCCESS) {
    found = whole;
  } else if (value.is_double() && value.get(number) == simdjson::SUCCESS) {
    found = WholeNumber(number);
  }
  if (!found || !std::in_range<T>(*found)) {
    Bad(key, absl::StrCat("found ", ShortText(simdjson::minify(value), 100),
                          ", expected an integer of ", 8 * sizeof(T), " bits"));
  }
  return static_cast<T>(*found);
}

// T: std::string, bool, object, int, int64_t, or a list of texts.
template <class T>
T As(std::string_view key, element value) {
  using Texts = std::vector<std::string>;
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return Integer<T>(key, value);
  } else if constexpr (std::is_same_v<T, Texts>) {
    Texts texts;
    simdjson::dom::array array;
    if (const auto error = value.get(array)) Bad(key, simdjson::error_message(error));
    for (const element item : array) texts.push_back(As<std::string>(key, item));
    return texts;
  } else {
    std::conditional_t<std::is_same_v<T, std::string>, std::string_view, T> found;
    if (const auto error = value.get(found)) Bad(key, simdjson::error_message(error));
    return T(found);
  }
}

// The last of that name, as readers find it that fill a map; a null is as good as none.
template <class T>
std::optional<T> Optional(const object& fields, std::string_view key) {
  std::optional<element> found;
  for (const auto [name, value] : fields) {
    if (name == key) found = value;
  }
  if (!found || found->is_null()) return std::nullopt;
  return As<T>(key, *found);
}

template <class T>
T Required(const object& fields, std::string_view key) {
  std::optional<T> found = Optional<T>(fields, key);
  if (!found) Bad(key, "it is missing");
  return *std::move(found);
}

std::map<std::string, std::string> StringMap(const object& fields, std::string_view key) {
  std::map<std::string, std::string> out;
  const auto map = Optional<object>(fields, key);
  if (!map) return out;
  for (const auto [name, value] : *map) {
    if (value.is_null()) continue;
    out[std::string(name)] =
        value.is_string() ? As<std::string>(name, value) : simdjson::minify(value);
  }
  return out;
}

DeltaProtocol ProtocolFrom(const object& fields) {
  DeltaProtocol out;
  out.min_reader_version = Required<int>(fields, "minReaderVersion");
  out.min_writer_version = Required<int>(fields, "minWriterVersion");
  out.reader_features = Optional<std::vector<std::string>>(fields, "readerFeatures");
  out.writer_features = Optional<std::vector<std::string>>(fields, "writerFeatures");
  return out;
}

DeltaMetadata MetadataFrom(const object& fields) {
  DeltaMetadata out;
  out.id = Required<std::string>(fields, "id");
  out.name = Optional<std::string>(fields, "name");
  out.description = Optional<std::string>(fields, "description");
  if (const auto format = Optional<object>(fields, "format")) {
    out.format_provider = Optional<std::string>(*format, "provider").value_or("parquet");
    out.format_options = StringMap(*format, "options");
  }
  out.schema = Required<std::string>(fields, "schemaString");
  out.partition_columns = Optional<std::vector<std::string>>(fields, "partitionColumns")
                              .value_or(std::vector<std::string>());
  out.configuration = StringMap(fields, "configuration");
  out.created_ms = Optional<int64_t>(fields, "createdTime");
  return out;
}

DeltaTxn TxnFrom(const object& fields) {
  return {Required<std::string>(fields, "appId"), Required<int64_t>(fields, "version"),
          Optional<int64_t>(fields, "lastUpdated")};
}

DeltaDomain DomainFrom(const object& fields) {
  return {Required<std::string>(fields, "domain"),
          Optional<std::string>(fields, "configuration").value_or(""),
          Optional<bool>(fields, "removed").value_or(false)};
}

DeltaCommitInfo CommitInfoFrom(const object& fields) {
  DeltaCommitInfo out;
  out.operation = Optional<std::string>(fields, "operation").value_or("");
  out.txn_id = Optional<std::string>(fields, "txnId").value_or("");
  out.in_commit_timestamp = Optional<int64_t>(fields, "inCommitTimestamp");
  return out;
}

// PROTOCOL.md, "Deletion Vectors", derived field uniqueId.
std::string DeletionVectorId(const object& file) {
  const auto dv = Optional<object>(file, "deletionVector");
  if (!dv) return "";
  std::string id = absl::StrCat(Required<std::string>(*dv, "storageType"),
                                Required<std::string>(*dv, "pathOrInlineDv"));
  if (const auto offset = Optional<int64_t>(*dv, "offset")) absl::StrAppend(&id, "@", *offset);
  return id;
}

DeltaFileAction FileFrom(bool add, const object& fields) {
  return {add, Required<std::string>(fields, "path"), DeletionVectorId(fields),
          simdjson::minify(fields)};
}

void AddAction(const object& action, DeltaCommit* commit) {
  for (const auto [kind, value] : action) {
    if (value.is_null()) continue;
    const auto body = [kind = kind, value = value] { return As<object>(kind, value); };
    if (kind == "add") commit->files.push_back(FileFrom(true, body()));
    if (kind == "remove") commit->files.push_back(FileFrom(false, body()));
    if (kind == "txn") commit->txns.push_back(TxnFrom(body()));
    if (kind == "protocol") commit->protocol = ProtocolFrom(body());
    if (kind == "metaData") commit->metadata = MetadataFrom(body());
    if (kind == "domainMetadata") commit->domains.push_back(DomainFrom(body()));
    if (kind == "commitInfo") commit->info = CommitInfoFrom(body());
  }
}

// A copy, behind which there are bytes that the parser may read.
std::string Padded(std::string_view text) {
  std::string padded;
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded += text;
  return padded;
}

// Runs `read` on the object that `text`, a part of a padded copy, is; what it throws ends here.
template <class Read>
absl::Status ReadObject(std::string_view text, simdjson::dom::parser* parser, Read read) {
  object fields;
  if (const auto error =
          parser->parse(text.data(), text.size(), /*realloc_if_needed=*/false).get(fields)) {
    return absl::DataLossError(simdjson::error_message(error));
  }
  try {
    read(fields);
    return absl::OkStatus();
  } catch (const BadField& bad) {
    return absl::DataLossError(bad.message);
  }
}

template <class T>
absl::StatusOr<T> ReadOne(std::string_view json, T (*from)(const object&)) {
  simdjson::dom::parser parser;
  T out;
  WEIR_RETURN_IF_ERROR(
      ReadObject(Padded(json), &parser, [&](const object& fields) { out = from(fields); }));
  return out;
}

std::string TextArray(const std::vector<std::string>& texts) {
  return absl::StrCat(
      "[",
      absl::StrJoin(texts, ",",
                    [](std::string* out, const std::string& text) { *out += JsonString(text); }),
      "]");
}

std::string TextMap(const std::map<std::string, std::string>& map) {
  JsonObject out;
  for (const auto& [key, value] : map) out.Add(key, value);
  return out.str();
}

}  // namespace

absl::StatusOr<DeltaCommit> ParseDeltaCommit(int64_t version, std::string_view bytes) {
  DeltaCommit commit;
  commit.version = version;
  const std::string padded = Padded(bytes);
  simdjson::dom::parser parser;
  std::string_view rest = padded;
  for (int line_number = 1; !rest.empty(); ++line_number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.empty() || line == "\r") continue;
    const absl::Status read =
        ReadObject(line, &parser, [&commit](const object& action) { AddAction(action, &commit); });
    if (!read.ok())
      return absl::DataLossError(absl::StrCat("version ", version, " of the Delta log, line ",
                                              line_number, ": ", read.message()));
  }
  return commit;
}

bool IsJsonObject(std::string_view text) {
  simdjson::dom::parser parser;
  return ReadObject(Padded(text), &parser, [](const object&) {}).ok();
}

std::string FormatDeltaAction(const DeltaProtocol& protocol) {
  JsonObject body;
  body.Add("minReaderVersion", protocol.min_reader_version)
      .Add("minWriterVersion", protocol.min_writer_version);
  if (protocol.reader_features) body.AddRaw("readerFeatures", TextArray(*protocol.reader_features));
  if (protocol.writer_features) body.AddRaw("writerFeatures", TextArray(*protocol.writer_features));
  return JsonObject().AddRaw("protocol", body.str()).str();
}

std::string FormatDeltaAction(const DeltaMetadata& metadata) {
  JsonObject body;
  body.Add("id", metadata.id)
      .AddRaw("format", JsonObject()
                            .Add("provider", metadata.format_provider)
                            .AddRaw("options", TextMap(metadata.format_options))
                            .str())
      .Add("schemaString", metadata.schema)
      .AddRaw("partitionColumns", TextArray(metadata.partition_columns))
      .AddRaw("configuration", TextMap(metadata.configuration));
  if (metadata.name) body.Add("name", *metadata.name);
  if (metadata.description) body.Add("description", *metadata.description);
  if (metadata.created_ms) body.Add("createdTime", *metadata.created_ms);
  return JsonObject().AddRaw("metaData", body.str()).str();
}

std::string FormatDeltaAction(const DeltaTxn& txn) {
  JsonObject body;
  body.Add("appId", txn.app_id).Add("version", txn.version);
  if (txn.last_updated_ms) body.Add("lastUpdated", *txn.last_updated_ms);
  return JsonObject().AddRaw("txn", body.str()).str();
}

absl::StatusOr<DeltaProtocol> ParseDeltaProtocol(std::string_view json) {
  return ReadOne<DeltaProtocol>(json, ProtocolFrom);
}

absl::StatusOr<DeltaMetadata> ParseDeltaMetadata(std::string_view json) {
  return ReadOne<DeltaMetadata>(json, MetadataFrom);
}

absl::StatusOr<DeltaTxn> ParseDeltaTxn(std::string_view json) {
  return ReadOne<DeltaTxn>(json, TxnFrom);
}

absl::StatusOr<DeltaDomain> ParseDeltaDomain(std::string_view json) {
  return ReadOne<DeltaDomain>(json, DomainFrom);
}

absl::StatusOr<DeltaFileAction> ParseDeltaFileAction(bool add, std::string_view json) {
  return add ? ReadOne<DeltaFileAction>(json, [](const object& f) { return FileFrom(true, f); })
             : ReadOne<DeltaFileAction>(json, [](const object& f) { return FileFrom(false, f); });
}

std::string PercentEncodePath(std::string_view path) {
  std::string out;
  for (const unsigned char c : path) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                            c == '~' || c == '/';
    if (unreserved)
      out.push_back(static_cast<char>(c));
    else
      absl::StrAppend(&out, "%", absl::Hex(c, absl::kZeroPad2));
  }
  return out;
}

std::string PercentDecodePath(std::string_view uri) {
  std::string out;
  for (size_t i = 0; i < uri.size(); ++i) {
    int byte = 0;
    if (uri[i] == '%' && i + 2 < uri.size() && absl::ascii_isxdigit(uri[i + 1]) &&
        absl::ascii_isxdigit(uri[i + 2]) &&
        absl::SimpleHexAtoi(AbslView(uri.substr(i + 1, 2)), &byte)) {
      out.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      out.push_back(uri[i]);
    }
  }
  return out;
}

}  // namespace weir
