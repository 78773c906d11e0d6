// Tables and how far they are complete, as text for people and as JSON for scripts.
#ifndef WEIR_CLI_TABLE_TEXT_H_
#define WEIR_CLI_TABLE_TEXT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "lake/table_progress.h"
#include "lake/table_report.h"

namespace weir {

struct TableShown {
  const std::string& path;
  const TableProgress& progress;
  const TableReport& report;
  int64_t now_us = 0;
};

void PrintTable(const TableShown& table, std::ostream& out);

// {"path", "version", "id", "files", "bytes", "rows": n | null, "watermark": RFC 3339 | "infinity"
// |
//  null, "freshness_seconds": since the last commit, "watermark_lag_seconds": now less the
//  watermark, null without one, "columns": [{"name", "type", "nullable"}], "jobs": as below,
//  "commits": [{"version", "timestamp", "operation", "files_added", "files_removed", "bytes_added",
//  "rows_added", "job", "epoch", "generation", "watermark"}]}, newest first; the last four null for
// commits of others.
nlohmann::ordered_json ToJson(const TableShown& table);
// {"path", "version", "watermark", "jobs": [{"name", "id", "generation", "epoch", "watermark",
//  "version"}]}
nlohmann::ordered_json ToJson(const std::string& path, const TableProgress& progress,
                              EventTime watermark);

// RFC 3339 in UTC with as many digits as are needed, "infinity", or "-" when there is none.
std::string WatermarkText(EventTime watermark);

}  // namespace weir

#endif  // WEIR_CLI_TABLE_TEXT_H_
