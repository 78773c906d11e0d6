#include "operators/window/final_aggregate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/memory_budget.h"
#include "base/memory_share.h"
#include "base/status_macros.h"
#include "operators/bad_rows.h"
#include "operators/window/aggregate_messages.h"
#include "operators/window/columns.h"
#include "operators/window/fired_watermarks.h"
#include "operators/window/pane_tables.h"
#include "operators/window/partial_format.h"
#include "operators/window/window_grid.h"
#include "operators/window/window_rows.h"
#include "state/keyed/key_encoding.h"
#include "state/keyed/keyed_state.h"

namespace weir {
namespace {

// A list of more deltas than this is rewritten as one; so is one that holds this many times the
// bytes that are alive.
constexpr int kDeltasMax = 32;
constexpr int64_t kDeadBytesFactor = 2;
constexpr int64_t kDeadBytesMin = 4 << 20;

// A delta on its way to disk, and its part of the memory budget.
struct HeldDelta {
  explicit HeldDelta(MemoryBudget* budget) : memory(budget) {}
  StateDelta delta;
  MemoryShare memory;
};

class FinalAggregate : public Operator {
 public:
  FinalAggregate(const OperatorSpec& op, const AggregateSpec& spec,
                 std::unique_ptr<AggregateStates> states, WindowRows rows)
      : op_(op),
        spec_(spec),
        key_types_(KeyTypes(spec_)),
        partial_schema_(PartialSchema(spec_)),
        grid_(spec_.window),
        states_(std::move(states)),
        result_(std::move(rows)),
        panes_(states_.get()) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore& restore) override {
    context_ = context;
    key_groups_ = restore.key_groups;
    memory_.emplace(context_.state_memory);
    KeyedStateOptions options;
    options.job = context_.job;
    options.state_id = spec_.state_id;
    options.schema = StateSchema(spec_);
    options.generation = context_.generation.value;
    options.key_groups = key_groups_;
    options.cache_directory = context_.cache_directory;
    options.blobs = context_.blobs;
    options.random = context_.random;
    keyed_ = MakeKeyedState(std::move(options));

    std::vector<OperatorState> states;
    for (const OperatorState& state : restore.states) {
      if (state.state_id != spec_.state_id) continue;
      states.push_back(state);
      fired_.Set({std::max(state.key_groups.begin, key_groups_.begin),
                  std::min(state.key_groups.end, key_groups_.end)},
                 state.watermark);
    }
    WEIR_RETURN_IF_ERROR(
        keyed_->Restore(states, key_groups_, [this](const StateEntry& e) { return Restore(e); }));
    fired_.FinishRestore(key_groups_);
    next_full_ = keyed_->needs_full();
    deltas_ = keyed_->file_count();
    for (const OperatorState& state : states) {
      for (const StateFile& file : state.files) delta_bytes_ += file.size;
    }
    return ReserveMemory();
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
    WEIR_RETURN_IF_ERROR(ReserveMemory());
    return EmitLate(batch, view, out);
  }

  absl::Status OnWatermark(int, EventTime time, Output& out) override {
    if (time > fired_.lowest()) {
      WEIR_RETURN_IF_ERROR(FireUpTo(time, out));
      fired_.Raise(time);
      ExpirePanes();
      memory_->Resize(panes_.bytes());
    }
    return out.EmitWatermark(time);
  }

  absl::Status OnStatus(int, ChannelStatus status, Output& out) override {
    return out.EmitStatus(status);
  }

  absl::Status Drain(Output&) override { return absl::OkStatus(); }

  absl::StatusOr<PendingState> Capture(const Barrier&) override {
    // Shared, because std::function wants a copyable owner.
    auto held = std::make_shared<HeldDelta>(context_.state_memory);
    StateDelta* delta = &held->delta;
    delta->full = next_full_ || deltas_ >= kDeltasMax ||
                  delta_bytes_ > kDeadBytesFactor * panes_.bytes() + kDeadBytesMin;
    panes_.Capture(delta);
    CaptureFired(delta);
    next_full_ = false;
    if (delta->full) deltas_ = 0, delta_bytes_ = 0;
    if (!delta->entries.empty() || !delta->deletes.empty()) ++deltas_;
    delta_bytes_ += static_cast<int64_t>(delta->arena.size());
    // It exists already; counted, it holds others back.
    held->memory.Take(static_cast<int64_t>(delta->arena.capacity() +
                                           delta->entries.capacity() * sizeof(StateDelta::Span)));

    OperatorState state;
    state.state_id = spec_.state_id;
    state.schema = StateSchema(spec_);
    state.key_groups = key_groups_;
    state.watermark = fired_.highest();
    PendingState pending;
    pending.finish = [keyed = keyed_, held,
                      state = std::move(state)]() mutable -> absl::StatusOr<CapturedState> {
      WEIR_ASSIGN_OR_RETURN(state.files, keyed->Write(held->delta));
      CapturedState captured;
      captured.states.push_back(std::move(state));
      return captured;
    };
    return pending;
  }

  void Published(CheckpointId) override {}
  Footprint StateFootprint() const override { return {panes_.bytes(), panes_.groups()}; }
  bool Blocked() const override { return false; }

 private:
  absl::Status Restore(const StateEntry& entry) {
    WEIR_ASSIGN_OR_RETURN(PaneEntry parsed, ParsePaneEntry(entry, key_types_));
    if (parsed.kind == PaneEntry::Kind::kFired) {
      fired_.Set({parsed.key_group, parsed.key_group + 1}, parsed.fired);
      stored_fired_ = true;
      return absl::OkStatus();
    }
    WEIR_RETURN_IF_ERROR(CheckPane(parsed.pane_end));
    return panes_.Restore(parsed);
  }

  absl::Status CheckPane(int64_t pane_end) const {
    if (grid_.Representable(pane_end) && grid_.PaneEnd(pane_end - 1) == pane_end &&
        grid_.InWindow(pane_end)) {
      return absl::OkStatus();
    }
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

  // Fires the windows that end in (lowest fired, time], in order, skipping stretches without panes.
  absl::Status FireUpTo(EventTime time, Output& out) {
    const int64_t fired = fired_.lowest().micros;
    int64_t pane_end = 0;
    if (panes_.empty()) return absl::OkStatus();
    pane_end = panes_.first_end();
    int64_t window_end = grid_.FirstWindowEnd(pane_end);
    if (window_end <= fired) {
      // Panes of open windows that earlier windows, already fired, held too.
      window_end += ((fired - window_end) / grid_.slide() + 1) * grid_.slide();
    }
    while (window_end <= time.micros) {
      WEIR_RETURN_IF_ERROR(FireWindow(window_end, out));
      window_end += grid_.slide();
      // The next window that holds any pane.
      if (!panes_.NextEnd(window_end - grid_.size(), &pane_end)) break;
      window_end = std::max(window_end, grid_.FirstWindowEnd(pane_end));
    }
    return result_.Flush(out);
  }

  absl::Status FireWindow(int64_t window_end, Output& out) {
    const int64_t window_start = window_end - grid_.size();
    std::vector<GroupTable*> tables = panes_.Between(window_start + grid_.pane(), window_end);
    if (tables.empty()) return absl::OkStatus();
    if (tables.size() == 1) return EmitGroups(*tables[0], window_start, window_end, out);
    GroupTable merged(states_->width());
    for (GroupTable* table : tables) {
      GroupRow* failed = nullptr;
      absl::Status status = MergeTable(*states_, *table, merged, &failed);
      if (!status.ok()) return InGroup(status, spec_, window_start, window_end, failed->key());
    }
    return EmitGroups(merged, window_start, window_end, out);
  }

  absl::Status EmitGroups(GroupTable& table, int64_t window_start, int64_t window_end,
                          Output& out) {
    for (int64_t i = 0; i < table.size(); ++i) {
      GroupRow* group = table.row(i);
      if (fired_.Of(group->key_group).micros >= window_end) continue;
      absl::Status status =
          result_.Add(window_start, window_end, group->key(), group->states(), out);
      if (!status.ok()) return InGroup(status, spec_, window_start, window_end, group->key());
    }
    return absl::OkStatus();
  }

  // Panes that no window still to fire holds. The last window of a pane ends no earlier than that
  // of the pane before, so they are the oldest ones.
  void ExpirePanes() {
    while (!panes_.empty() && grid_.LastWindowEnd(panes_.first_end()) <= fired_.lowest().micros) {
      panes_.Expire(panes_.first_end());
    }
  }

  // OperatorState::watermark is the highest; groups that lag behind it have entries of their own.
  void CaptureFired(StateDelta* delta) {
    PaneEntryWriter writer(delta);
    if (stored_fired_ && !delta->full) writer.DeleteFired();
    stored_fired_ = false;
    if (fired_.even()) return;
    for (int g = key_groups_.begin; g < key_groups_.end; ++g) {
      if (fired_.Of(g) == fired_.highest()) continue;
      writer.AddFired(static_cast<uint16_t>(g), fired_.Of(g));
      stored_fired_ = true;
    }
  }

  absl::Status ReserveMemory() {
    if (memory_->Resize(panes_.bytes())) return absl::OkStatus();
    constexpr int64_t kMiB = 1 << 20;
    return FatalError(absl::StrCat(
        "the state of job ", context_.job, " needs more than the ",
        context_.state_memory->limit() / kMiB, " MiB that this worker has for state: ", op_.name,
        " alone holds ", panes_.groups(), " open groups in ", panes_.bytes() / kMiB,
        " MiB; give the workers more memory (--memory), or spread the job over more of them, "
        "or use shorter windows or fewer keys"));
  }

  const OperatorSpec op_;
  const AggregateSpec spec_;
  const std::vector<DataType> key_types_;
  const std::shared_ptr<arrow::Schema> partial_schema_;
  const WindowGrid grid_;
  const std::unique_ptr<AggregateStates> states_;  // of fixed address: panes_ and result_ refer
  OperatorContext context_;
  KeyGroupRange key_groups_;
  std::optional<MemoryShare> memory_;

  WindowRows result_;
  PaneTables panes_;
  FiredWatermarks fired_;

  // Shared with captured states that are still being written when the operator ends.
  std::shared_ptr<KeyedState> keyed_;
  bool next_full_ = false;
  int deltas_ = 0;           // in the list
  int64_t delta_bytes_ = 0;  // of them, about
  bool stored_fired_ = false;

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
  auto states = std::make_unique<AggregateStates>(std::move(made));
  WEIR_ASSIGN_OR_RETURN(WindowRows rows, WindowRows::Make(aggregate, spec.output, states.get()));
  return std::make_unique<FinalAggregate>(spec, aggregate, std::move(states), std::move(rows));
}

}  // namespace weir
