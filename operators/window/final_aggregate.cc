#include "operators/window/final_aggregate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "operators/bad_rows.h"
#include "operators/row_samples.h"
#include "operators/window/aggregate_messages.h"
#include "operators/window/columns.h"
#include "operators/window/fired_watermarks.h"
#include "operators/window/owner_state.h"
#include "operators/window/pane_tables.h"
#include "operators/window/partial_format.h"
#include "operators/window/window_firing.h"
#include "operators/window/window_grid.h"
#include "operators/window/window_rows.h"
#include "state/keyed/key_encoding.h"

namespace weir {
namespace {

class FinalAggregate : public Operator {
 public:
  FinalAggregate(const OperatorSpec& op, const AggregateSpec& spec,
                 std::shared_ptr<const AggregateStates> states, WindowRows rows)
      : op_(op),
        spec_(spec),
        key_types_(KeyTypes(spec_)),
        partial_schema_(PartialSchema(spec_)),
        grid_(spec_.window),
        states_(std::move(states)),
        result_(std::move(rows)),
        panes_(states_.get()),
        owner_(spec_, states_, &grid_, &panes_, &fired_),
        firing_(&spec_, &grid_, states_.get(), &panes_, &owner_, &fired_, &result_) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore& restore) override {
    context_ = context;
    key_groups_ = restore.key_groups;
    return owner_.Open(context_, restore);
  }

  absl::Status Process(int, Batch batch, Output& out) override {
    WEIR_ASSIGN_OR_RETURN(PartialBatchView view,
                          PartialBatchView::Make(*batch.columns, *partial_schema_));
    const int64_t count = batch.num_rows();
    hashes_.resize(count);
    for (int64_t i = 0; i < count; ++i) hashes_[i] = HashKey(view.keys->GetView(i));
    InsertCounters& counters = (*context_.counters)[op_.insert];
    late_.clear();
    for (int64_t begin = 0, end = 0; begin < count; begin = end) {
      const int64_t pane_end = view.pane_ends[begin];
      WEIR_RETURN_IF_ERROR(CheckPane(pane_end));
      const int64_t last_window = grid_.LastWindowEnd(pane_end);
      selected_.clear();
      for (end = begin; end < count && view.pane_ends[end] == pane_end; ++end) {
        const int group = view.key_groups[end];
        if (!key_groups_.Contains(group)) return Misrouted(group);
        if (last_window > fired_.Of(group).micros) {
          selected_.push_back(static_cast<uint32_t>(end));
          counters.used += view.rows[end];
          continue;
        }
        if (!view.raw->Value(end)) return LatePartial(pane_end, group);
        counters.late += view.rows[end];
        late_.push_back(static_cast<uint32_t>(end));
      }
      WEIR_RETURN_IF_ERROR(MergeSelected(view, pane_end));
    }
    WEIR_RETURN_IF_ERROR(owner_.Settle());
    SampleLate(view);
    return EmitLate(batch, view, out);
  }

  absl::Status OnWatermark(int, EventTime time, Output& out) override {
    if (time <= fired_.lowest()) return out.EmitWatermark(time);
    firing_.Begin(time);
    return Continue(out);
  }

  bool HasMore() const override { return firing_.active(); }

  absl::Status Continue(Output& out) override {
    WEIR_RETURN_IF_ERROR(owner_.status());
    WEIR_RETURN_IF_ERROR(firing_.Continue(out));
    if (firing_.active()) return absl::OkStatus();
    fired_.Raise(firing_.up_to());
    ExpirePanes();
    owner_.Shrink();
    return out.EmitWatermark(firing_.up_to());
  }

  absl::Status OnStatus(int, ChannelStatus status, Output& out) override {
    return out.EmitStatus(status);
  }

  absl::Status Drain(Output&) override { return absl::OkStatus(); }

  absl::StatusOr<PendingState> Capture(const Barrier& barrier) override {
    WEIR_RETURN_IF_ERROR(owner_.status());
    return owner_.Capture(barrier);
  }

  void Published(CheckpointId id) override { owner_.Published(id); }

  Footprint StateFootprint() const override {
    const OwnerState::Figures figures = owner_.figures();
    Footprint footprint;
    footprint.bytes = panes_.bytes();
    footprint.keys = panes_.groups();
    footprint.spilled_bytes = figures.spilled_bytes;
    footprint.files = figures.files.files;
    footprint.file_bytes = figures.files.bytes;
    footprint.rewritten_bytes = figures.files.rewritten_bytes;
    return footprint;
  }

  bool Blocked() const override { return owner_.Blocked() || firing_.waiting(); }

 private:
  absl::Status CheckPane(int64_t pane_end) const {
    if (grid_.IsPaneEnd(pane_end)) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("no pane of aggregation ", op_.name, " ends at ", pane_end, " us"));
  }

  absl::Status Misrouted(int group) const {
    return absl::InternalError(absl::StrCat("key group ", group, " sent to the owner of [",
                                            key_groups_.begin, ", ", key_groups_.end, ")"));
  }

  absl::Status LatePartial(int64_t pane_end, int group) const {
    return absl::InternalError(absl::StrCat(
        "protocol broken: a partial of many rows for the pane ending at ", TimeForPeople(pane_end),
        " came behind the owner's watermark ", TimeForPeople(fired_.Of(group).micros),
        "; sources must send such rows one by one"));
  }

  absl::Status MergeSelected(const PartialBatchView& view, int64_t pane_end) {
    if (selected_.empty()) return absl::OkStatus();
    const std::shared_ptr<arrow::Buffer> bytes = view.keys->value_data();
    const KeySpan keys{bytes == nullptr ? nullptr : bytes->data(),
                       bytes == nullptr ? 0 : bytes->size(), view.keys->raw_value_offsets(),
                       hashes_.data()};
    uint32_t failed = 0;
    absl::Status status = panes_.Merge(pane_end, keys, selected_, *view.states, &failed);
    if (status.ok()) return status;
    return InGroup(status, spec_, pane_end - grid_.pane(), pane_end, view.keys->GetView(failed));
  }

  void SampleLate(const PartialBatchView& view) {
    if (context_.samples == nullptr) return;
    for (uint32_t row : late_) {
      if (!context_.samples->wants_late()) return;
      const EventTime fired = fired_.Of(view.key_groups[row]);
      const EventTime time{view.event_times[row]};
      RowSample sample;
      sample.reason = kLateReason;
      sample.message =
          absl::StrCat("event time ", TimeForPeople(time.micros), ", behind the watermark ",
                       TimeForPeople(fired.micros), " of ", op_.name);
      sample.at_ms = context_.clock->WallMicros() / 1000;
      context_.samples->AddLate(std::move(sample));
    }
  }

  absl::Status EmitLate(const Batch& batch, const PartialBatchView& view, Output& out) {
    if (late_.empty() || spec_.late.size() == 0) return absl::OkStatus();
    std::vector<int64_t> watermarks, delays;
    for (uint32_t row : late_) {
      const EventTime fired = fired_.Of(view.key_groups[row]);
      watermarks.push_back(fired.micros);
      delays.push_back(SaturatingSubtract(fired, view.event_times[row]).micros / 1000);
    }
    const Batch taken = TakeRows(batch, late_);
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int c = kPartialLate; c < taken.columns->num_columns(); ++c) {
      columns.push_back(taken.columns->column(c));
    }
    const DataType timestamptz = DataType::Of(TypeKind::kTimestamptz);
    columns.push_back(Int64Column(ArrowType(timestamptz), std::move(watermarks)));
    columns.push_back(Int64Column(arrow::int64(), std::move(delays)));
    Schema schema = spec_.late;
    schema.columns.push_back({"_watermark", timestamptz, false});
    schema.columns.push_back({"_delay_ms", DataType::Of(TypeKind::kBigint), false});
    Batch late;
    late.columns =
        arrow::RecordBatch::Make(ArrowSchema(schema), static_cast<int64_t>(late_.size()), columns);
    return out.Emit(1, std::move(late));
  }

  // Panes that no window still to fire holds. The last window of a pane ends no earlier than that
  // of the pane before, so they are the oldest ones.
  void ExpirePanes() {
    while (!panes_.empty() && grid_.LastWindowEnd(panes_.first_end()) <= fired_.lowest().micros) {
      panes_.Expire(panes_.first_end());
    }
  }

  const OperatorSpec op_;
  const AggregateSpec spec_;
  const std::vector<DataType> key_types_;
  const std::shared_ptr<arrow::Schema> partial_schema_;
  const WindowGrid grid_;
  // Shared with work on the I/O pool; panes_ and result_ refer to it.
  const std::shared_ptr<const AggregateStates> states_;
  OperatorContext context_;
  KeyGroupRange key_groups_;

  WindowRows result_;
  PaneTables panes_;
  FiredWatermarks fired_;
  OwnerState owner_;
  WindowFiring firing_;

  // Of the batch at hand.
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> selected_, late_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> MakeFinalAggregate(const OperatorSpec& spec) {
  const AggregateSpec& aggregate = std::get<FinalAggregateOp>(spec.op).spec;
  WEIR_RETURN_IF_ERROR(CheckSpec(aggregate));
  if (spec.insert < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("aggregation ", spec.name, " serves no INSERT to count its rows for"));
  }
  WEIR_ASSIGN_OR_RETURN(AggregateStates made, AggregateStates::Make(aggregate.aggregates));
  auto states = std::make_shared<const AggregateStates>(std::move(made));
  WEIR_ASSIGN_OR_RETURN(WindowRows rows, WindowRows::Make(aggregate, spec.output, states.get()));
  return std::make_unique<FinalAggregate>(spec, aggregate, std::move(states), std::move(rows));
}

}  // namespace weir
