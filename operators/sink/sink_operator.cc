#include "operators/sink/sink_operator.h"

#include <arrow/api.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "lake/data_file_writer.h"
#include "model/data_file_name.h"
#include "operators/bad_rows.h"
#include "operators/sink/file_stager.h"

namespace weir {
namespace {

// Rows that keep more than this times their own bytes alive are copied.
constexpr int64_t kPinnedFactor = 2;

// "window_start=2026-01-01 00:00:00, event_type=null, ..."
std::string DescribeRow(const arrow::RecordBatch& batch, const Schema& schema, int64_t row) {
  std::string out;
  for (int c = 0; c < schema.size(); ++c) {
    const auto value = batch.column(c)->GetScalar(row);
    absl::StrAppend(&out, c == 0 ? "" : ", ", schema.columns[c].name, "=",
                    value.ok() ? (*value)->ToString() : "?");
  }
  return out;
}

bool HasOnlyInserts(const Batch& batch) {
  if (batch.row_kinds == nullptr) return true;
  const auto& kinds = static_cast<const arrow::Int8Array&>(*batch.row_kinds);
  for (int64_t i = 0; i < kinds.length(); ++i)
    if (kinds.Value(i) != static_cast<int8_t>(RowKind::kInsert)) return false;
  return true;
}

class SinkOperator : public Operator {
 public:
  SinkOperator(const OperatorSpec& spec, const SinkSpec& sink) : spec_(spec), sink_(sink) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore& restore) override;
  absl::Status Process(int input, Batch batch, Output& out) override;
  absl::StatusOr<PendingState> Capture(const Barrier& barrier) override;

  // Rows are written as they come and nothing here depends on time.
  absl::Status OnWatermark(int, EventTime, Output&) override { return absl::OkStatus(); }
  absl::Status OnStatus(int, ChannelStatus, Output&) override { return absl::OkStatus(); }
  absl::Status Drain(Output&) override { return absl::OkStatus(); }
  void Published(CheckpointId) override {}
  Footprint StateFootprint() const override { return {}; }
  bool Blocked() const override { return stager_->full(); }

 private:
  // Of one input: whose rows they are.
  struct Source {
    InsertCounters* account = nullptr;
    std::unique_ptr<BadRowReporter> bad_rows;
  };

  int InsertOf(const VertexSpec& vertex, const OperatorInput& input) const;
  absl::Status CheckLayout(const Batch& batch) const;
  // First NOT NULL column that is NULL in `row`, or -1.
  int MissingColumn(const arrow::RecordBatch& columns, int64_t row) const;
  absl::Status RemoveBadRows(int input, Batch* batch, Output& out);

  const OperatorSpec spec_;
  const SinkSpec sink_;
  OperatorContext context_;
  std::vector<int> not_null_;    // columns
  std::vector<Source> sources_;  // by input; empty above an aggregate and for side tables
  std::unique_ptr<FileStager> stager_;
};

absl::Status SinkOperator::Open(const OperatorContext& context, const TaskRestore&) {
  context_ = context;
  // Also when a file is opened; here, so that a job ends at once and not with its first row.
  WEIR_RETURN_IF_ERROR(context_.table_roots.Check(sink_.path));
  for (int c = 0; c < sink_.schema.size(); ++c)
    if (!sink_.schema.columns[c].nullable) not_null_.push_back(c);
  const VertexSpec& vertex = context_.plan->vertices[context_.task.vertex];
  const auto self = std::find_if(vertex.operators.begin(), vertex.operators.end(),
                                 [this](const OperatorSpec& op) { return op.id == spec_.id; });
  const DataFileWriterId writer{context_.generation, context_.task,
                                static_cast<int>(self - vertex.operators.begin())};
  stager_ = std::make_unique<FileStager>(
      context_.io,
      [job = context_.job, writer](int64_t number) {
        return DataFileName(job, {writer, number});
      },
      context_.sink_memory,
      FileStager::Place{sink_.path, context_.cache_directory, context_.table_roots}, sink_.schema,
      kDataFileBytesMax);
  if (!vertex.has_source() || sink_.role != SinkRole::kMain) return absl::OkStatus();
  for (const OperatorInput& input : spec_.inputs) {
    OperatorSpec spec = spec_;
    spec.insert = InsertOf(vertex, input);
    if (spec.insert < 0)
      return absl::InvalidArgumentError(
          absl::StrCat("the plan doesn't say which INSERT feeds the sink ", sink_.id));
    Source source;
    source.account = &(*context_.counters)[spec.insert];
    source.bad_rows = std::make_unique<BadRowReporter>(spec, context_);
    sources_.push_back(std::move(source));
  }
  return absl::OkStatus();
}

// Branches of several INSERTs may end in one sink: the operator below knows whose it is, else the
// sink itself, else there is only one INSERT from this source into this table.
int SinkOperator::InsertOf(const VertexSpec& vertex, const OperatorInput& input) const {
  if (input.op >= 0 && vertex.operators[input.op].insert >= 0)
    return vertex.operators[input.op].insert;
  if (spec_.insert >= 0) return spec_.insert;
  const std::vector<InsertSpec>& inserts = context_.plan->inserts;
  int found = -1;
  for (int i = 0; i < static_cast<int>(inserts.size()); ++i) {
    if (inserts[i].source_vertex != context_.task.vertex ||
        context_.plan->sinks[inserts[i].sink].id != sink_.id)
      continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}

absl::Status SinkOperator::Process(int input, Batch batch, Output& out) {
  WEIR_RETURN_IF_ERROR(stager_->status());
  WEIR_RETURN_IF_ERROR(CheckLayout(batch));
  WEIR_RETURN_IF_ERROR(RemoveBadRows(input, &batch, out));
  const int64_t rows = batch.num_rows();
  if (rows == 0) return absl::OkStatus();
  if (!sources_.empty()) sources_[input].account->used += rows;
  int64_t bytes = arrow::util::TotalBufferSize(*batch.columns);
  if (bytes > kPinnedFactor * batch.ByteSize()) {
    // A few rows of a batch: as a slice they would keep all of it while they wait.
    std::vector<uint32_t> all(rows);
    std::iota(all.begin(), all.end(), 0);
    arrow::ArrayVector columns;
    for (const auto& column : batch.columns->columns()) columns.push_back(TakeArray(column, all));
    batch.columns = arrow::RecordBatch::Make(batch.columns->schema(), rows, std::move(columns));
    bytes = batch.ByteSize();
  }
  stager_->Add(std::move(batch.columns), bytes);
  return absl::OkStatus();
}

absl::Status SinkOperator::CheckLayout(const Batch& batch) const {
  if (!HasOnlyInserts(batch))
    return absl::InternalError(
        absl::StrCat("the sink ", sink_.id, " appends, but got updates or deletes"));
  if (batch.columns->num_columns() != sink_.schema.size())
    return absl::InternalError(absl::StrCat("the sink ", sink_.id, " has ", sink_.schema.size(),
                                            " columns, but got ", batch.columns->num_columns()));
  return absl::OkStatus();
}

int SinkOperator::MissingColumn(const arrow::RecordBatch& columns, int64_t row) const {
  for (const int c : not_null_)
    if (columns.column(c)->IsNull(row)) return c;
  return -1;
}

absl::Status SinkOperator::RemoveBadRows(int input, Batch* batch, Output& out) {
  const arrow::RecordBatch& columns = *batch->columns;
  if (std::none_of(not_null_.begin(), not_null_.end(),
                   [&columns](int c) { return columns.column(c)->null_count() > 0; }))
    return absl::OkStatus();
  const bool reportable = !sources_.empty() && batch->raw != nullptr;
  std::vector<uint32_t> good;
  for (int64_t row = 0; row < columns.num_rows(); ++row) {
    const int missing = MissingColumn(columns, row);
    if (missing < 0) {
      good.push_back(static_cast<uint32_t>(row));
      continue;
    }
    const std::string message = absl::StrCat("NULL for column ", sink_.schema.columns[missing].name,
                                             " of ", sink_.id, ", which is NOT NULL");
    if (!reportable)
      return FatalError(absl::StrCat(message, ", in the row ",
                                     DescribeRow(columns, sink_.schema, row),
                                     ": drop NOT NULL, or leave such rows out with WHERE"));
    WEIR_RETURN_IF_ERROR(
        sources_[input].bad_rows->Report(*batch->raw, batch->RawRow(row), kBadMissing, message));
  }
  WEIR_RETURN_IF_ERROR(sources_[input].bad_rows->Flush(out));
  *batch = TakeRows(*batch, good);
  return absl::OkStatus();
}

absl::StatusOr<PendingState> SinkOperator::Capture(const Barrier& barrier) {
  WEIR_RETURN_IF_ERROR(stager_->status());
  FileStager::FinishCut finish_cut = stager_->Cut();
  if (finish_cut == nullptr) return PendingState{};
  PendingState pending;
  pending.finish = [finish_cut = std::move(finish_cut), sink = sink_.id,
                    id = barrier.id]() -> absl::StatusOr<CapturedState> {
    WEIR_ASSIGN_OR_RETURN(std::vector<DataFile> files, finish_cut());
    CapturedState captured;
    for (DataFile& file : files) {
      StagedFile staged;
      staged.sink = sink;
      staged.path = std::move(file.path);
      staged.size = file.size;
      staged.rows = file.rows;
      staged.modification_time_ms = file.modification_time_ms;
      staged.stats = std::move(file.stats);
      staged.closed_by = id;
      captured.staged.push_back(std::move(staged));
    }
    return captured;
  };
  return pending;
}

}  // namespace

std::unique_ptr<Operator> MakeSinkOperator(const OperatorSpec& spec, const Plan& plan) {
  const SinkOp& op = std::get<SinkOp>(spec.op);
  return std::make_unique<SinkOperator>(spec, plan.sinks[op.sink]);
}

}  // namespace weir
