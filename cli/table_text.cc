#include "cli/table_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/byte_size.h"
#include "base/duration.h"
#include "cli/text_table.h"
#include "model/json_text.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

std::string TimeOf(int64_t micros) {
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

std::string TimeOfMs(const std::optional<int64_t>& ms) {
  return ms ? TimeOf(*ms * 1000) : std::string("-");
}

std::optional<int64_t> LastCommitMs(const TableShown& table) {
  return table.report.commits.empty() ? std::nullopt : table.report.commits.front().timestamp_ms;
}

bool IsInTime(EventTime watermark) {
  return watermark != kMinEventTime && watermark != kMaxEventTime;
}

std::string Ago(int64_t micros) {
  return micros < 0 ? "in the future" : absl::StrCat(FormatDuration(micros), " ago");
}

Json WatermarkJson(EventTime watermark) { return Json::parse(JsonTime(watermark)); }

Json JobsJson(const TableProgress& progress) {
  Json jobs = Json::array();
  for (const auto& [name, writer] : progress.writers()) {
    const WeirCommit& commit = writer.commit;
    jobs.push_back({{"name", name},
                    {"id", commit.job},
                    {"generation", commit.generation},
                    {"epoch", commit.epoch},
                    {"watermark", WatermarkJson(commit.watermark)},
                    {"version", writer.version}});
  }
  return jobs;
}

Json CommitJson(const CommitSummary& commit) {
  Json out = {{"version", commit.version},
              {"timestamp", commit.timestamp_ms ? Json(TimeOfMs(commit.timestamp_ms)) : Json()},
              {"operation", commit.operation},
              {"files_added", commit.files_added},
              {"files_removed", commit.files_removed},
              {"bytes_added", commit.bytes_added},
              {"rows_added", commit.rows_added}};
  const auto& weir = commit.weir;
  out["job"] = weir ? Json(weir->name) : Json();
  out["epoch"] = weir ? Json(weir->epoch) : Json();
  out["generation"] = weir ? Json(weir->generation) : Json();
  out["watermark"] = weir ? WatermarkJson(weir->watermark) : Json();
  return out;
}

void PrintCommits(const TableReport& report, std::ostream& out) {
  if (report.commits.empty()) return;
  out << "\n";
  TextTable table(
      {">VERSION", "AT", "OPERATION", ">FILES", ">ROWS", ">SIZE", "JOB", ">EPOCH", "WATERMARK"});
  for (const CommitSummary& commit : report.commits) {
    const auto& weir = commit.weir;
    std::string files = absl::StrCat("+", commit.files_added);
    if (commit.files_removed > 0) absl::StrAppend(&files, " -", commit.files_removed);
    table.AddRow({absl::StrCat(commit.version), TimeOfMs(commit.timestamp_ms), commit.operation,
                  files, absl::StrCat(commit.rows_added), FormatByteSize(commit.bytes_added),
                  weir ? weir->name : "-", weir ? absl::StrCat(weir->epoch) : "-",
                  weir ? WatermarkText(weir->watermark) : "-"});
  }
  table.Print(out);
}

void PrintJobs(const TableProgress& progress, std::ostream& out) {
  if (progress.writers().size() < 2) return;  // the watermark is that of the only one
  out << "\n";
  TextTable table({"JOB", ">EPOCH", ">VERSION", "WATERMARK"});
  for (const auto& [name, writer] : progress.writers()) {
    table.AddRow({name, absl::StrCat(writer.commit.epoch), absl::StrCat(writer.version),
                  WatermarkText(writer.commit.watermark)});
  }
  table.Print(out);
}

}  // namespace

std::string WatermarkText(EventTime watermark) {
  if (watermark == kMinEventTime) return "-";
  if (watermark == kMaxEventTime) return "infinity";
  return TimeOf(watermark.micros);
}

void PrintTable(const TableShown& table, std::ostream& out) {
  const EventTime watermark = table.progress.Watermark("");
  const std::optional<int64_t> last_ms = LastCommitMs(table);
  out << "path       " << table.path << "\nversion    " << table.progress.state().version
      << "\nwatermark  " << WatermarkText(watermark);
  if (IsInTime(watermark)) out << ", " << Ago(table.now_us - watermark.micros);
  out << "\ncommitted  " << TimeOfMs(last_ms);
  if (last_ms) out << ", " << Ago(table.now_us - *last_ms * 1000);
  out << "\nfiles      " << table.report.files << ", " << FormatByteSize(table.report.bytes)
      << "\nrows       " << (table.report.rows ? absl::StrCat(*table.report.rows) : "-")
      << "\ncolumns    ";
  const char* before = "";
  for (const DeltaColumn& column : table.report.columns) {
    out << before << column.name << " " << column.type;
    before = ", ";
  }
  out << "\n";
  PrintJobs(table.progress, out);
  PrintCommits(table.report, out);
}

Json ToJson(const TableShown& table) {
  const EventTime watermark = table.progress.Watermark("");
  const std::optional<int64_t> last_ms = LastCommitMs(table);
  const auto seconds_since = [&](int64_t micros) {
    return static_cast<double>(table.now_us - micros) / 1e6;
  };
  Json out = {{"path", table.path},
              {"version", table.progress.state().version},
              {"id", table.progress.state().metadata.id},
              {"files", table.report.files},
              {"bytes", table.report.bytes},
              {"rows", table.report.rows ? Json(*table.report.rows) : Json()},
              {"watermark", WatermarkJson(watermark)}};
  out["freshness_seconds"] = last_ms ? Json(seconds_since(*last_ms * 1000)) : Json();
  out["watermark_lag_seconds"] =
      IsInTime(watermark) ? Json(seconds_since(watermark.micros)) : Json();
  out["columns"] = Json::array();
  for (const DeltaColumn& column : table.report.columns) {
    out["columns"].push_back(
        {{"name", column.name}, {"type", column.type}, {"nullable", column.nullable}});
  }
  out["jobs"] = JobsJson(table.progress);
  out["commits"] = Json::array();
  for (const CommitSummary& commit : table.report.commits) {
    out["commits"].push_back(CommitJson(commit));
  }
  return out;
}

Json ToJson(const std::string& path, const TableProgress& progress, EventTime watermark) {
  return {{"path", path},
          {"version", progress.state().version},
          {"watermark", WatermarkJson(watermark)},
          {"jobs", JobsJson(progress)}};
}

}  // namespace weir
