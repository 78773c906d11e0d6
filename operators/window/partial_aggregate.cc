#include "operators/window/partial_aggregate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/memory_share.h"
#include "base/status_macros.h"
#include "operators/bad_rows.h"
#include "operators/window/accumulators.h"
#include "operators/window/aggregate_messages.h"
#include "operators/window/group_table.h"
#include "operators/window/partial_format.h"
#include "operators/window/window_grid.h"
#include "state/keyed/key_encoding.h"

namespace weir {
namespace {

// A pane is bypassed when this many rows were met and this share of them were new groups. A wrong
// bypass sends every row through the exchange, so the share is high.
constexpr int64_t kProbeRows = 100'000;
constexpr double kProbeDistinct = 0.95;
// Tables never take more than this, whatever the worker's memory: past the caches, flushing earlier
// costs little.
constexpr int64_t kMemoryMax = int64_t{256} << 20;
// A drain sends all tables in one step, whatever the channels hold: partials take about half of
// what their groups took. In halves of the tables' bytes.
constexpr int64_t kWayOut = 3;
// A set of distinct values larger than this leaves in pieces, so that frames stay small.
constexpr int64_t kSetBytesMax = 64 << 10;
// Rows looked up and then aggregated at once: their groups stay in the first-level cache.
constexpr size_t kBlockRows = 512;

struct Pane {
  explicit Pane(size_t width) : table(width) {}
  GroupTable table;
  int64_t probed_rows = 0;  // since the table was last empty
  bool bypass = false;
};

// The rows of a batch that fall into one pane.
struct PaneRows {
  int64_t end = 0;
  std::vector<uint32_t> rows;
};

class PartialAggregate : public Operator {
 public:
  PartialAggregate(const OperatorSpec& op, const AggregateSpec& spec, AggregateStates states)
      : op_(op),
        spec_(spec),
        key_types_(KeyTypes(spec_)),
        grid_(spec_.window),
        states_(std::move(states)),
        grouped_(spec_),
        singles_(spec_),
        raw_(spec_) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore&) override {
    context_ = context;
    bad_rows_.emplace(op_, context_);
    memory_.emplace(context_.partial_memory);
    return absl::OkStatus();
  }

  absl::Status Process(int, Batch batch, Output& out) override {
    const arrow::RecordBatch& input = *batch.columns;
    std::vector<std::shared_ptr<arrow::Array>> keys;
    for (int column : spec_.key_columns) keys.push_back(input.column(column));
    WEIR_RETURN_IF_ERROR(EncodeKeys(key_types_, keys, input.num_rows(), &keys_));
    WEIR_RETURN_IF_ERROR(SplitByPane(batch));
    WEIR_RETURN_IF_ERROR(bad_rows_->Flush(out));
    raw_rows_.clear();
    for (size_t i = 0; i < panes_in_batch_; ++i) {
      WEIR_RETURN_IF_ERROR(ProcessPane(input, split_[i], out));
    }
    if (singles_.num_rows() > 0) WEIR_RETURN_IF_ERROR(out.Emit(0, singles_.Finish()));
    if (!raw_rows_.empty()) WEIR_RETURN_IF_ERROR(out.Emit(0, raw_.FinishRaw(input, raw_rows_)));
    return KeepToMemory(out);
  }

  absl::Status OnWatermark(int, EventTime time, Output& out) override {
    local_ = std::max(local_, time);
    while (!panes_.empty() && panes_.begin()->first <= local_.micros) {
      WEIR_RETURN_IF_ERROR(FlushPane(panes_.begin()->first, panes_.begin()->second, out));
      panes_.erase(panes_.begin());
    }
    WEIR_RETURN_IF_ERROR(EmitGrouped(out));
    memory_->Resize(TableBytes() * kWayOut / 2);
    return out.EmitWatermark(time);
  }

  absl::Status OnStatus(int, ChannelStatus status, Output& out) override {
    WEIR_RETURN_IF_ERROR(Drain(out));
    return out.EmitStatus(status);
  }

  absl::Status Drain(Output& out) override {
    for (auto& [end, pane] : panes_) WEIR_RETURN_IF_ERROR(FlushPane(end, pane, out));
    WEIR_RETURN_IF_ERROR(EmitGrouped(out));
    memory_->Resize(TableBytes() * kWayOut / 2);
    return absl::OkStatus();
  }

  absl::StatusOr<PendingState> Capture(const Barrier&) override {
    for (auto& [end, pane] : panes_) {
      WEIR_CHECK(pane.table.size() == 0, "Drain comes before Capture, pane=", end);
    }
    return PendingState{};
  }

  void Published(CheckpointId) override {}

  Footprint StateFootprint() const override {
    Footprint footprint;
    for (auto& [end, pane] : panes_) {
      footprint.bytes += pane.table.bytes();
      footprint.keys += pane.table.size();
    }
    return footprint;
  }

  bool Blocked() const override { return false; }

 private:
  // Fills split_[0 .. panes_in_batch_) with the usable rows of the batch.
  absl::Status SplitByPane(const Batch& batch) {
    const auto& times =
        static_cast<const arrow::TimestampArray&>(*batch.columns->column(spec_.time_column));
    const int64_t* values = times.raw_values();
    const bool nulls = times.null_count() > 0;
    panes_in_batch_ = 0;
    split_index_.clear();
    // Of the pane of the row before: neighbours mostly share it.
    int64_t begin = 0, end = 0;
    std::vector<uint32_t>* rows = nullptr;
    for (int64_t row = 0; row < times.length(); ++row) {
      const int64_t time = values[row];
      if (rows != nullptr && time >= begin && time < end && !nulls) [[likely]] {
        rows->push_back(static_cast<uint32_t>(row));
        continue;
      }
      if (nulls && times.IsNull(row)) {
        WEIR_RETURN_IF_ERROR(ReportBad(batch, row, kBadMissing, "the event time is NULL"));
        continue;
      }
      if (!grid_.Representable(time)) {
        WEIR_RETURN_IF_ERROR(ReportBad(
            batch, row, kBadRange,
            absl::StrCat("event time ", time, " us is too far from 1970 for its window")));
        continue;
      }
      const int64_t pane_end = grid_.PaneEnd(time);
      if (!grid_.InWindow(pane_end)) {
        // Between two windows (slide > size): no window asks for it.
        if (InsertCounters* counters = Counters()) ++counters->filtered;
        continue;
      }
      end = pane_end;
      begin = end - grid_.pane();
      rows = &RowsOfPane(end);
      rows->push_back(static_cast<uint32_t>(row));
    }
    return absl::OkStatus();
  }

  // Good until the next call.
  std::vector<uint32_t>& RowsOfPane(int64_t end) {
    auto [it, added] = split_index_.try_emplace(end, panes_in_batch_);
    if (added) {
      if (panes_in_batch_ == split_.size()) split_.emplace_back();
      split_[panes_in_batch_].end = end;
      split_[panes_in_batch_].rows.clear();
      ++panes_in_batch_;
    }
    return split_[it->second].rows;
  }

  absl::Status ReportBad(const Batch& batch, int64_t row, std::string_view reason,
                         const std::string& message) {
    if (batch.raw == nullptr) {
      return absl::InternalError(absl::StrCat(message, ", and the source record is gone"));
    }
    return bad_rows_->Report(*batch.raw, batch.RawRow(row), reason, message);
  }

  InsertCounters* Counters() {
    if (context_.counters == nullptr) return nullptr;
    return &(*context_.counters)[op_.insert];
  }

  bool MustTravelRaw(int64_t pane_end) const {
    if (pane_end <= local_.micros) return true;
    if (context_.echo == nullptr) return false;
    return !context_.echo->complete || pane_end <= context_.echo->max.micros;
  }

  absl::Status ProcessPane(const arrow::RecordBatch& input, const PaneRows& selected, Output& out) {
    if (MustTravelRaw(selected.end)) {
      raw_rows_.insert(raw_rows_.end(), selected.rows.begin(), selected.rows.end());
      return AddSingles(input, selected, raw_);
    }
    Pane& pane = panes_.try_emplace(selected.end, states_.width()).first->second;
    if (pane.bypass) {
      WEIR_RETURN_IF_ERROR(AddSingles(input, selected, singles_));
      return singles_.full() ? out.Emit(0, singles_.Finish()) : absl::OkStatus();
    }
    for (size_t begin = 0; begin < selected.rows.size(); begin += kBlockRows) {
      WEIR_RETURN_IF_ERROR(
          UpdateGroups(input, selected, begin, selected.rows.size() - begin, pane.table));
    }
    const int64_t count = static_cast<int64_t>(selected.rows.size());
    pane.probed_rows += count;
    if (pane.probed_rows >= kProbeRows &&
        static_cast<double>(pane.table.size()) >=
            kProbeDistinct * static_cast<double>(pane.probed_rows)) {
      pane.bypass = true;
      WEIR_RETURN_IF_ERROR(FlushPane(selected.end, pane, out));
      return EmitGrouped(out);
    }
    return absl::OkStatus();
  }

  // Adds rows [begin, begin + at most kBlockRows) of `selected`, of which `left` are there.
  absl::Status UpdateGroups(const arrow::RecordBatch& input, const PaneRows& selected, size_t begin,
                            size_t left, GroupTable& table) {
    const int64_t count = static_cast<int64_t>(std::min(left, kBlockRows));
    const uint32_t* rows = selected.rows.data() + begin;
    const KeySpan keys{keys_.bytes.data(), static_cast<int64_t>(keys_.bytes.size()),
                       keys_.offsets.data(), keys_.hashes.data()};
    groups_.resize(count);
    table.FindOrInsert(keys, rows, count, groups_.data());
    for (uint8_t* states : groups_) ++GroupRow::FromStates(states)->rows;
    uint8_t* failed = nullptr;
    absl::Status status =
        states_.Update(input, {rows, groups_.data(), count}, table.arena(), &failed);
    if (status.ok()) return status;
    return InGroup(status, spec_, selected.end - grid_.pane(), selected.end,
                   failed == nullptr ? "" : GroupRow::FromStates(failed)->key());
  }

  // One partial per row.
  absl::Status AddSingles(const arrow::RecordBatch& input, const PaneRows& selected,
                          PartialBatchBuilder& builder) {
    const size_t words = states_.width() / 8;
    single_states_.assign(words * selected.rows.size() + 1, 0);
    groups_.resize(selected.rows.size());
    for (size_t i = 0; i < groups_.size(); ++i) {
      groups_[i] = reinterpret_cast<uint8_t*>(single_states_.data() + i * words);
    }
    StateArena arena;
    uint8_t* failed = nullptr;
    const RowSelection selection{selected.rows.data(), groups_.data(),
                                 static_cast<int64_t>(groups_.size())};
    absl::Status status = states_.Update(input, selection, arena, &failed);
    if (!status.ok()) {
      const auto at = std::find(groups_.begin(), groups_.end(), failed) - groups_.begin();
      return InGroup(status, spec_, selected.end - grid_.pane(), selected.end,
                     keys_.key(selected.rows[at]));
    }
    for (size_t i = 0; i < groups_.size(); ++i) {
      const uint32_t row = selected.rows[i];
      states_.Encode(groups_[i], DistinctIn::kState, builder.states());
      builder.Add(static_cast<uint16_t>(KeyGroupOfHash(keys_.hashes[row])), selected.end,
                  keys_.key(row), 1);
    }
    return absl::OkStatus();
  }

  // Empties the table of a pane into partials.
  absl::Status FlushPane(int64_t end, Pane& pane, Output& out) {
    for (int64_t i = 0; i < pane.table.size(); ++i) {
      GroupRow* group = pane.table.row(i);
      const bool small = SetBytes(group->states()) <= kSetBytesMax;
      states_.Encode(group->states(), small ? DistinctIn::kState : DistinctIn::kEntries,
                     grouped_.states());
      grouped_.Add(group->key_group, end, group->key(), group->rows);
      if (grouped_.full()) WEIR_RETURN_IF_ERROR(EmitGrouped(out));
      if (!small) WEIR_RETURN_IF_ERROR(AddSetsInPieces(end, group, out));
    }
    pane.table.Clear();
    pane.probed_rows = 0;
    return absl::OkStatus();
  }

  int64_t SetBytes(const uint8_t* states) const {
    int64_t bytes = 0;
    for (size_t column : states_.distinct_columns()) {
      if (const DistinctValues* set = states_.Distinct(column, states)) bytes += set->bytes;
    }
    return bytes;
  }

  // Partials of no rows that carry nothing but distinct values of the group.
  absl::Status AddSetsInPieces(int64_t end, GroupRow* group, Output& out) {
    for (size_t column : states_.distinct_columns()) {
      const DistinctValues* set = states_.Distinct(column, group->states());
      if (set == nullptr) continue;
      std::vector<const std::string*> piece;
      int64_t bytes = 0;
      auto add_piece = [&] {
        states_.EncodeValues(column, piece, grouped_.states());
        grouped_.Add(group->key_group, end, group->key(), 0);
        piece.clear();
        bytes = 0;
        return grouped_.full() ? EmitGrouped(out) : absl::OkStatus();
      };
      for (const std::string& value : set->values) {
        piece.push_back(&value);
        bytes += static_cast<int64_t>(value.size());
        if (bytes >= kSetBytesMax) WEIR_RETURN_IF_ERROR(add_piece());
      }
      if (!piece.empty()) WEIR_RETURN_IF_ERROR(add_piece());
    }
    return absl::OkStatus();
  }

  absl::Status EmitGrouped(Output& out) {
    return grouped_.num_rows() > 0 ? out.Emit(0, grouped_.Finish()) : absl::OkStatus();
  }

  int64_t TableBytes() const {
    int64_t bytes = 0;
    for (auto& [end, pane] : panes_) bytes += pane.table.bytes();
    return bytes;
  }

  // Partials may leave early at any time, so a refused reservation only makes them smaller.
  absl::Status KeepToMemory(Output& out) {
    const int64_t bytes = TableBytes() * kWayOut / 2;
    if (bytes <= std::min(kMemoryMax, memory_->fair()) && memory_->Resize(bytes)) {
      return absl::OkStatus();
    }
    WEIR_RETURN_IF_ERROR(Drain(out));
    for (auto& [end, pane] : panes_) pane.table = GroupTable(states_.width());
    memory_->Resize(TableBytes() * kWayOut / 2);
    return absl::OkStatus();
  }

  const OperatorSpec op_;
  const AggregateSpec spec_;
  const std::vector<DataType> key_types_;
  const WindowGrid grid_;
  const AggregateStates states_;
  OperatorContext context_;
  std::optional<BadRowReporter> bad_rows_;
  std::optional<MemoryShare> memory_;

  EventTime local_ = kMinEventTime;
  std::map<int64_t, Pane> panes_;  // by end
  PartialBatchBuilder grouped_, singles_, raw_;

  // Of the batch at hand.
  EncodedKeys keys_;
  std::vector<PaneRows> split_;
  size_t panes_in_batch_ = 0;
  absl::flat_hash_map<int64_t, size_t> split_index_;
  std::vector<uint8_t*> groups_;
  std::vector<uint64_t> single_states_;
  std::vector<uint32_t> raw_rows_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> MakePartialAggregate(const OperatorSpec& spec) {
  const AggregateSpec& aggregate = std::get<PartialAggregateOp>(spec.op).spec;
  WEIR_RETURN_IF_ERROR(CheckSpec(aggregate));
  WEIR_ASSIGN_OR_RETURN(AggregateStates states, AggregateStates::Make(aggregate.aggregates));
  return std::make_unique<PartialAggregate>(spec, aggregate, std::move(states));
}

}  // namespace weir
