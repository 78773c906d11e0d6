#include "lake/commit_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/string_view.h"
#include "lake/json_integer.h"
#include "model/time_text.h"

namespace weir {
namespace {

using Json = nlohmann::json;

std::string TextAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

std::optional<int64_t> IntegerAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number()) return std::nullopt;
  return JsonInteger<int64_t>(*it);
}

// Of something that can't be less than none.
std::optional<int64_t> CountAt(const Json& object, const char* key) {
  const std::optional<int64_t> found = IntegerAt(object, key);
  return found ? std::optional(std::max<int64_t>(0, *found)) : std::nullopt;
}

// The way back from JsonTime. Throws on what it doesn't write.
EventTime WatermarkFrom(const Json& weir) {
  const Json& watermark = weir.at("watermark");
  if (watermark.is_null()) return kMinEventTime;
  const std::string text = watermark.get<std::string>();
  if (text == "infinity") return kMaxEventTime;
  int64_t micros = 0;
  if (ParseTimestamptz(text, &micros) != TimeParse::kOk) {
    throw Json::other_error::create(501, absl::StrCat("watermark '", text, "' is no time"), &weir);
  }
  return EventTime{micros};
}

// A handover that waits for files of the job before says nothing of the table's state: no name.
std::optional<WeirCommit> WeirFrom(const Json& info) {
  const auto weir = info.find("weir");
  if (weir == info.end() || !weir->is_object() || !weir->contains("name")) return std::nullopt;
  WeirCommit out;
  out.job = weir->at("job").get<std::string>();
  out.name = weir->at("name").get<std::string>();
  out.app_id = absl::StrCat(weir->at("lineage").get<std::string>(), "/",
                            weir->at("sink").get<std::string>());
  out.generation = JsonInteger<int64_t>(weir->at("generation"));
  out.epoch = JsonInteger<int64_t>(weir->at("epoch"));
  out.watermark = WatermarkFrom(*weir);
  return out;
}

std::optional<int64_t> RowsOf(const Json& file) {
  // Inside the statistics is JSON again, as text.
  const Json stats = Json::parse(TextAt(file, "stats"), nullptr, false);
  if (!stats.is_object()) return std::nullopt;
  const std::optional<int64_t> rows = CountAt(stats, "numRecords");
  if (!rows) return std::nullopt;
  const auto vector = file.find("deletionVector");
  if (vector == file.end() || !vector->is_object()) return rows;
  return std::max<int64_t>(0, *rows - CountAt(*vector, "cardinality").value_or(0));
}

void AddAction(const Json& action, CommitSummary* summary) {
  if (const auto info = action.find("commitInfo"); info != action.end() && info->is_object()) {
    summary->timestamp_ms = IntegerAt(*info, "timestamp");
    summary->operation = TextAt(*info, "operation");
    summary->weir = WeirFrom(*info);
  }
  if (const auto add = action.find("add"); add != action.end() && add->is_object()) {
    ++summary->files_added;
    summary->bytes_added = CappedSum(summary->bytes_added, CountAt(*add, "size").value_or(0));
    summary->rows_added = CappedSum(summary->rows_added, RowsOf(*add).value_or(0));
  }
  if (const auto remove = action.find("remove"); remove != action.end() && remove->is_object()) {
    ++summary->files_removed;
  }
}

}  // namespace

absl::StatusOr<CommitSummary> ParseCommitSummary(int64_t version, std::string_view bytes) {
  CommitSummary summary;
  summary.version = version;
  int line_number = 0;
  for (const absl::string_view line : absl::StrSplit(AbslView(bytes), '\n')) {
    ++line_number;
    if (line.empty() || line == "\r") continue;
    try {
      const Json action = Json::parse(StdView(line));
      if (action.is_object()) AddAction(action, &summary);
    } catch (const Json::exception& e) {
      return absl::DataLossError(absl::StrCat("version ", version, " of the Delta log, line ",
                                              line_number, ": ", e.what()));
    }
  }
  return summary;
}

std::optional<int64_t> RowsOfFile(std::string_view json) {
  const Json file = Json::parse(json, nullptr, false);
  try {
    return file.is_object() ? RowsOf(file) : std::nullopt;
  } catch (const Json::exception&) {  // an integer that isn't one
    return std::nullopt;
  }
}

int64_t BytesOfFile(std::string_view json) {
  const Json file = Json::parse(json, nullptr, false);
  try {
    return file.is_object() ? CountAt(file, "size").value_or(0) : 0;
  } catch (const Json::exception&) {
    return 0;
  }
}

}  // namespace weir
