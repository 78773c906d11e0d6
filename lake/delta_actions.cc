#include "lake/delta_actions.h"

#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "lake/json_integer.h"

namespace weir {
namespace {

using Json = nlohmann::json;

// The helpers throw on a value of the wrong type; every caller is under ReadJson.
template <class T>
std::optional<T> Optional(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return std::nullopt;
  if constexpr (std::is_same_v<T, int64_t>) {
    return JsonInteger<T>(*it);
  } else {
    return it->get<T>();
  }
}

std::map<std::string, std::string> StringMap(const Json& object, const char* key) {
  std::map<std::string, std::string> out;
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return out;
  for (const auto& [name, value] : it->items())
    if (!value.is_null()) out[name] = value.is_string() ? value.get<std::string>() : value.dump();
  return out;
}

DeltaProtocol ProtocolFrom(const Json& object) {
  DeltaProtocol out;
  out.min_reader_version = JsonInteger<int>(object.at("minReaderVersion"));
  out.min_writer_version = JsonInteger<int>(object.at("minWriterVersion"));
  out.reader_features = Optional<std::vector<std::string>>(object, "readerFeatures");
  out.writer_features = Optional<std::vector<std::string>>(object, "writerFeatures");
  return out;
}

DeltaMetadata MetadataFrom(const Json& object) {
  DeltaMetadata out;
  out.id = object.at("id").get<std::string>();
  out.name = Optional<std::string>(object, "name");
  out.description = Optional<std::string>(object, "description");
  if (const auto format = object.find("format"); format != object.end() && format->is_object()) {
    out.format_provider = Optional<std::string>(*format, "provider").value_or("parquet");
    out.format_options = StringMap(*format, "options");
  }
  out.schema = object.at("schemaString").get<std::string>();
  out.partition_columns = Optional<std::vector<std::string>>(object, "partitionColumns")
                              .value_or(std::vector<std::string>());
  out.configuration = StringMap(object, "configuration");
  out.created_ms = Optional<int64_t>(object, "createdTime");
  return out;
}

DeltaTxn TxnFrom(const Json& object) {
  return {object.at("appId").get<std::string>(), JsonInteger<int64_t>(object.at("version")),
          Optional<int64_t>(object, "lastUpdated")};
}

DeltaDomain DomainFrom(const Json& object) {
  return {object.at("domain").get<std::string>(),
          Optional<std::string>(object, "configuration").value_or(""),
          Optional<bool>(object, "removed").value_or(false)};
}

DeltaCommitInfo CommitInfoFrom(const Json& object) {
  DeltaCommitInfo out;
  out.operation = Optional<std::string>(object, "operation").value_or("");
  out.txn_id = Optional<std::string>(object, "txnId").value_or("");
  out.in_commit_timestamp = Optional<int64_t>(object, "inCommitTimestamp");
  return out;
}

// PROTOCOL.md, "Deletion Vectors", derived field uniqueId.
std::string DeletionVectorId(const Json& file) {
  const auto dv = file.find("deletionVector");
  if (dv == file.end() || dv->is_null()) return "";
  std::string id = absl::StrCat(dv->at("storageType").get<std::string>(),
                                dv->at("pathOrInlineDv").get<std::string>());
  if (const auto offset = Optional<int64_t>(*dv, "offset")) absl::StrAppend(&id, "@", *offset);
  return id;
}

DeltaFileAction FileFrom(bool add, const Json& object) {
  return {add, object.at("path").get<std::string>(), DeletionVectorId(object), object.dump()};
}

void AddAction(const Json& action, DeltaCommit* commit) {
  for (const auto& [kind, body] : action.items()) {
    if (body.is_null()) continue;
    if (kind == "add") commit->files.push_back(FileFrom(true, body));
    if (kind == "remove") commit->files.push_back(FileFrom(false, body));
    if (kind == "txn") commit->txns.push_back(TxnFrom(body));
    if (kind == "protocol") commit->protocol = ProtocolFrom(body);
    if (kind == "metaData") commit->metadata = MetadataFrom(body);
    if (kind == "domainMetadata") commit->domains.push_back(DomainFrom(body));
    if (kind == "commitInfo") commit->info = CommitInfoFrom(body);
  }
}

// Runs `read` on the parsed text; the library's exceptions end here.
template <class T, class Read>
absl::StatusOr<T> ReadJson(std::string_view json, Read read) {
  try {
    return read(Json::parse(json));
  } catch (const Json::exception& e) {
    return absl::DataLossError(e.what());
  }
}

template <class T>
void PutOptional(Json* object, const char* key, const std::optional<T>& value) {
  if (value) (*object)[key] = *value;
}

// Text of other writers is UTF-8 already, ours is checked before it gets here; replacing beats
// throwing on what slips through.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<DeltaCommit> ParseDeltaCommit(int64_t version, std::string_view bytes) {
  DeltaCommit commit;
  commit.version = version;
  int line_number = 0;
  for (const absl::string_view line : absl::StrSplit(AbslView(bytes), '\n')) {
    ++line_number;
    if (line.empty() || line == "\r") continue;
    const absl::StatusOr<bool> read = ReadJson<bool>(StdView(line), [&commit](const Json& action) {
      AddAction(action, &commit);
      return true;
    });
    if (!read.ok())
      return absl::DataLossError(absl::StrCat("version ", version, " of the Delta log, line ",
                                              line_number, ": ", read.status().message()));
  }
  return commit;
}

std::string FormatDeltaAction(const DeltaProtocol& protocol) {
  Json body = {{"minReaderVersion", protocol.min_reader_version},
               {"minWriterVersion", protocol.min_writer_version}};
  PutOptional(&body, "readerFeatures", protocol.reader_features);
  PutOptional(&body, "writerFeatures", protocol.writer_features);
  return Dump(Json{{"protocol", std::move(body)}});
}

std::string FormatDeltaAction(const DeltaMetadata& metadata) {
  Json body = {{"id", metadata.id},
               {"format", {{"provider", metadata.format_provider}, {"options", Json::object()}}},
               {"schemaString", metadata.schema},
               {"partitionColumns", metadata.partition_columns},
               {"configuration", Json(metadata.configuration)}};
  for (const auto& [key, value] : metadata.format_options) body["format"]["options"][key] = value;
  PutOptional(&body, "name", metadata.name);
  PutOptional(&body, "description", metadata.description);
  PutOptional(&body, "createdTime", metadata.created_ms);
  return Dump(Json{{"metaData", std::move(body)}});
}

std::string FormatDeltaAction(const DeltaTxn& txn) {
  Json body = {{"appId", txn.app_id}, {"version", txn.version}};
  PutOptional(&body, "lastUpdated", txn.last_updated_ms);
  return Dump(Json{{"txn", std::move(body)}});
}

absl::StatusOr<DeltaProtocol> ParseDeltaProtocol(std::string_view json) {
  return ReadJson<DeltaProtocol>(json, ProtocolFrom);
}

absl::StatusOr<DeltaMetadata> ParseDeltaMetadata(std::string_view json) {
  return ReadJson<DeltaMetadata>(json, MetadataFrom);
}

absl::StatusOr<DeltaTxn> ParseDeltaTxn(std::string_view json) {
  return ReadJson<DeltaTxn>(json, TxnFrom);
}

absl::StatusOr<DeltaDomain> ParseDeltaDomain(std::string_view json) {
  return ReadJson<DeltaDomain>(json, DomainFrom);
}

absl::StatusOr<DeltaFileAction> ParseDeltaFileAction(bool add, std::string_view json) {
  return ReadJson<DeltaFileAction>(json, [add](const Json& body) { return FileFrom(add, body); });
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
