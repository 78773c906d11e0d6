#include "lake/table_report.h"

#include <utility>

#include "base/status_macros.h"
#include "lake/delta_checkpoint.h"
#include "lake/json_integer.h"
#include "lake/log_store.h"

namespace weir {

absl::StatusOr<TableReport> ReadTableReport(LogStore* store, const TableProgress& progress,
                                            int commits_max) {
  TableReport report;
  const DeltaState& state = progress.state();
  WEIR_ASSIGN_OR_RETURN(report.columns, ParseDeltaSchema(state.metadata.schema));
  int64_t rows = 0;
  bool all_counted = true;
  WEIR_RETURN_IF_ERROR(ForEachFile(store, state.version, [&](const DeltaFileAction& file) {
    if (!file.add) return absl::OkStatus();
    ++report.files;
    report.bytes = CappedSum(report.bytes, BytesOfFile(file.json));
    const std::optional<int64_t> counted = RowsOfFile(file.json);
    all_counted = all_counted && counted.has_value();
    rows = CappedSum(rows, counted.value_or(0));
    return absl::OkStatus();
  }));
  if (all_counted) report.rows = rows;
  for (int i = 0; i < commits_max && i <= state.version; ++i) {
    const int64_t version = state.version - i;
    const absl::StatusOr<std::string> bytes = store->Read(CommitFileName(version));
    if (absl::IsNotFound(bytes.status())) break;
    WEIR_RETURN_IF_ERROR(bytes.status());
    WEIR_ASSIGN_OR_RETURN(CommitSummary summary, ParseCommitSummary(version, *bytes));
    report.commits.push_back(std::move(summary));
  }
  return report;
}

}  // namespace weir
