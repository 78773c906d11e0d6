#include "operators/source/source_operator.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_decoder.h"
#include "operators/time/watermark_tracker.h"

namespace weir {
namespace {

// A longer time between two polls says that the task was held up, not that partitions are silent.
constexpr int64_t kLongestGapUs = 100'000;

class KafkaSource : public SourceOperator {
 public:
  KafkaSource(OperatorSpec spec, PartitionReaderFactory* readers)
      : spec_(std::move(spec)),
        source_(std::get<SourceOp>(spec_.op)),
        readers_(readers),
        decoder_(source_),
        time_(source_.watermark_bound_us, source_.idle_timeout_us) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore& restore) override;
  absl::StatusOr<PollResult> Poll(Output& out) override;
  absl::StatusOr<PendingState> Capture(const Barrier& barrier) override;
  absl::Status AddPartitions(const std::vector<PartitionPosition>& positions) override;
  void SetWake(std::function<void()> wake) override;
  SourceStats Stats() const override;

  absl::Status Process(int, Batch, Output&) override { return NoInput(); }
  absl::Status OnWatermark(int, EventTime, Output&) override { return NoInput(); }
  absl::Status OnStatus(int, ChannelStatus, Output&) override { return NoInput(); }
  absl::Status Drain(Output&) override { return absl::OkStatus(); }
  void Published(CheckpointId) override {}
  Footprint StateFootprint() const override { return {}; }
  bool Blocked() const override { return false; }

 private:
  struct Partition {
    int32_t number = 0;
    int64_t next_offset = 0;
    int64_t stop_offset = -1;
    int64_t end_offset = -1;  // last heard; -1 = never
    bool finished = false;
    // Idle at the checkpoint. Rows may have come since: until that is known it counts as active.
    bool was_idle = false;
    // A partition not heard of may have anything.
    bool lag() const { return end_offset < 0 || end_offset > next_offset; }
  };

  static absl::Status NoInput() { return absl::InternalError("a source has no input"); }
  bool bounded() const { return source_.kafka.stop_at_latest; }

  absl::Status Add(const PartitionPosition& position);
  absl::StatusOr<PollResult> Finish(Output& out);
  // False when there was nothing to read, or nothing to be read later than `latest`.
  absl::StatusOr<bool> ReadOne(Partition* partition, EventTime latest, Output& out);
  absl::Status EmitRecords(Partition* partition, RawRecords records, Output& out);
  absl::Status Emit(const std::optional<WatermarkChange>& change, Output& out);
  absl::Status Announce(const WatermarkChange& change, Output& out);
  void PassTime();
  // Whether the end is known at this moment.
  bool RefreshEnd(Partition* partition) const;
  EventTime SlowestWithLag() const;
  absl::Status ReaderError(const absl::Status& status) const;
  static void DropFrom(int64_t offset, RawRecords* records);

  const OperatorSpec spec_;
  const SourceOp& source_;
  PartitionReaderFactory* const readers_;

  const OperatorContext* context_ = nullptr;
  std::vector<InsertCounters*> accounts_;
  std::unique_ptr<BadRowReporter> bad_rows_;
  std::unique_ptr<PartitionReader> reader_;
  std::function<void()> wake_;
  // Stats() asks the reader for news, so they change under a const operator.
  mutable std::vector<Partition> partitions_;
  size_t turn_ = 0;

  JsonDecoder decoder_;
  WatermarkTracker time_;
  int64_t last_poll_us_ = -1;
  bool finished_ = false;
  bool stopped_ = false;  // by the barrier of the last checkpoint
  int64_t records_ = 0;
  int64_t bytes_ = 0;
};

absl::Status KafkaSource::Open(const OperatorContext& context, const TaskRestore& restore) {
  context_ = &context;
  accounts_ = AccountsOf(spec_, context);
  bad_rows_ = std::make_unique<BadRowReporter>(spec_, context);
  WEIR_ASSIGN_OR_RETURN(reader_, readers_->Open(source_.kafka));
  if (wake_) reader_->SetWake(wake_);
  for (const PartitionPosition& position : restore.positions) {
    if (position.source == spec_.id) WEIR_RETURN_IF_ERROR(Add(position));
  }
  return absl::OkStatus();
}

absl::Status KafkaSource::Add(const PartitionPosition& position) {
  Partition partition{.number = position.partition,
                      .next_offset = position.next_offset,
                      .stop_offset = position.stop_offset,
                      .was_idle = position.idle};
  partitions_.push_back(partition);
  time_.Add(position.partition, position.max_event_time, /*idle=*/false);
  // One at its stop is never read again: its offsets may be gone by now.
  if (partition.stop_offset >= 0 && partition.next_offset >= partition.stop_offset) {
    return absl::OkStatus();
  }
  return reader_->Assign(position.partition, position.next_offset);
}

absl::StatusOr<SourceOperator::PollResult> KafkaSource::Poll(Output& out) {
  if (stopped_) return PollResult::kIdle;
  if (finished_) return PollResult::kFinished;
  PassTime();
  WEIR_RETURN_IF_ERROR(Emit(time_.TakeChange(), out));
  const EventTime latest = SaturatingAdd(SlowestWithLag(), source_.max_drift_us);
  bool all_finished = true;
  for (size_t tried = 0; tried < partitions_.size(); ++tried) {
    Partition& partition = partitions_[turn_];
    turn_ = (turn_ + 1) % partitions_.size();
    if (partition.finished) continue;
    if (partition.stop_offset >= 0 && partition.next_offset >= partition.stop_offset) {
      partition.finished = true;
      partition.was_idle = false;
      WEIR_RETURN_IF_ERROR(Emit(time_.OnFinished(partition.number), out));
      continue;
    }
    all_finished = false;
    WEIR_ASSIGN_OR_RETURN(const bool read, ReadOne(&partition, latest, out));
    if (read) return PollResult::kBusy;
  }
  if (bounded() && all_finished) return Finish(out);
  return PollResult::kIdle;
}

absl::StatusOr<SourceOperator::PollResult> KafkaSource::Finish(Output& out) {
  finished_ = true;
  if (partitions_.empty()) {
    WEIR_RETURN_IF_ERROR(Announce({ChannelStatus::kFinished, kMaxEventTime}, out));
  }
  return PollResult::kFinished;
}

absl::StatusOr<bool> KafkaSource::ReadOne(Partition* partition, EventTime latest, Output& out) {
  if (time_.max_event_time(partition->number) > latest) {
    RefreshEnd(partition);
    WEIR_RETURN_IF_ERROR(Emit(time_.OnNoRows(partition->number, /*lag=*/true), out));
    return false;
  }
  absl::StatusOr<PartitionReader::Polled> polled =
      reader_->Poll(partition->number, kBatchRows, context_->batch_bytes);
  if (!polled.ok()) return ReaderError(polled.status());
  int64_t position = polled->position;
  if (partition->stop_offset >= 0) {
    DropFrom(partition->stop_offset, &polled->records);
    position = std::min(position, partition->stop_offset);
  }
  const bool moved = position > partition->next_offset;
  partition->next_offset = position;
  const bool known = RefreshEnd(partition);
  if (polled->records.size() > 0) {
    partition->was_idle = false;
    WEIR_RETURN_IF_ERROR(EmitRecords(partition, std::move(polled->records), out));
    return true;
  }
  const bool lag = moved || !known || partition->lag();
  if (known && std::exchange(partition->was_idle, false) && !lag) {
    WEIR_RETURN_IF_ERROR(Emit(time_.OnStillIdle(partition->number), out));
  }
  WEIR_RETURN_IF_ERROR(Emit(time_.OnNoRows(partition->number, lag), out));
  // Control records alone: the next turn may end the partition.
  return moved;
}

absl::Status KafkaSource::EmitRecords(Partition* partition, RawRecords records, Output& out) {
  const int64_t count = records.size();
  if (records_ == 0) {
    WEIR_LOG(kInfo, "first rows", {"job", context_->job},
             {"generation", context_->generation.value}, {"task", context_->task.index});
  }
  records_ += count;
  for (int64_t i = 0; i < count; ++i) bytes_ += records.payload_end[i] - records.payload_begin[i];
  auto raw = std::make_shared<const RawRecords>(std::move(records));
  DecodedRecords decoded = decoder_.Decode(*raw);
  for (InsertCounters* account : accounts_) {
    account->read += count;
    account->filtered += decoded.tombstones;
  }
  std::optional<WatermarkChange> change = time_.OnRows(partition->number, decoded.max_event_time);
  // Operators must know that the source is active before they see its rows.
  if (change && change->status_first()) {
    WEIR_RETURN_IF_ERROR(out.EmitStatus(*change->status));
    change->status.reset();
  }
  for (const BadRecord& bad : decoded.bad) {
    WEIR_RETURN_IF_ERROR(bad_rows_->Report(*raw, bad.record, bad.reason, bad.message));
  }
  WEIR_RETURN_IF_ERROR(bad_rows_->Flush(out));
  Batch batch;
  batch.columns = std::move(decoded.columns);
  batch.raw = std::move(raw);
  batch.raw_row = std::move(decoded.raw_row);
  if (batch.num_rows() > 0) WEIR_RETURN_IF_ERROR(out.Emit(0, std::move(batch)));
  return Emit(change, out);
}

absl::Status KafkaSource::Emit(const std::optional<WatermarkChange>& change, Output& out) {
  return change ? Announce(*change, out) : absl::OkStatus();
}

absl::Status KafkaSource::Announce(const WatermarkChange& change, Output& out) {
  return change.Announce([&out](ChannelStatus status) { return out.EmitStatus(status); },
                         [&out](EventTime time) { return out.EmitWatermark(time); });
}

void KafkaSource::PassTime() {
  const int64_t now = context_->clock->MonotonicMicros();
  // While brokers are away nobody knows whether there is something to read.
  if (last_poll_us_ >= 0 && reader_->Trouble().empty()) {
    time_.PassTime(std::min(now - last_poll_us_, kLongestGapUs));
  }
  last_poll_us_ = now;
}

bool KafkaSource::RefreshEnd(Partition* partition) const {
  const int64_t end = reader_->EndOffset(partition->number);
  if (end >= 0) partition->end_offset = end;
  return end >= 0;
}

// An empty partition, or one that has shown no event yet, pauses nobody.
EventTime KafkaSource::SlowestWithLag() const {
  EventTime slowest = kMaxEventTime;
  for (const Partition& partition : partitions_) {
    if (partition.finished || partition.end_offset <= partition.next_offset) continue;
    const EventTime time = time_.max_event_time(partition.number);
    if (time != kMinEventTime) slowest = std::min(slowest, time);
  }
  return slowest;
}

absl::Status KafkaSource::ReaderError(const absl::Status& status) const {
  if (absl::IsOutOfRange(status)) return FatalError(StdView(status.message()));
  return status;
}

void KafkaSource::DropFrom(int64_t offset, RawRecords* records) {
  const auto first = std::lower_bound(records->offsets.begin(), records->offsets.end(), offset);
  const auto keep = static_cast<size_t>(first - records->offsets.begin());
  for (std::vector<int64_t>* column :
       {&records->payload_begin, &records->payload_end, &records->key_begin, &records->key_end,
        &records->offsets, &records->timestamps_ms}) {
    column->resize(keep);
  }
}

absl::StatusOr<PendingState> KafkaSource::Capture(const Barrier& barrier) {
  if (barrier.last) stopped_ = true;
  CapturedState captured;
  for (const Partition& partition : partitions_) {
    PartitionPosition position;
    position.source = spec_.id;
    position.partition = partition.number;
    position.next_offset = partition.next_offset;
    position.stop_offset = partition.stop_offset;
    position.max_event_time = time_.max_event_time(partition.number);
    position.idle =
        partition.was_idle || time_.partition_status(partition.number) == ChannelStatus::kIdle;
    captured.positions.push_back(std::move(position));
  }
  return PendingState{
      [captured = std::move(captured)]() -> absl::StatusOr<CapturedState> { return captured; }};
}

absl::Status KafkaSource::AddPartitions(const std::vector<PartitionPosition>& positions) {
  for (const PartitionPosition& position : positions) {
    if (position.source != spec_.id) continue;
    const bool known =
        std::any_of(partitions_.begin(), partitions_.end(),
                    [&position](const Partition& p) { return p.number == position.partition; });
    // A bounded run ends at offsets that were known when it began.
    if (known || (bounded() && position.stop_offset < 0)) continue;
    finished_ = false;
    WEIR_RETURN_IF_ERROR(Add(position));
  }
  return absl::OkStatus();
}

void KafkaSource::SetWake(std::function<void()> wake) {
  wake_ = std::move(wake);
  if (reader_ != nullptr) reader_->SetWake(wake_);
}

SourceOperator::SourceStats KafkaSource::Stats() const {
  SourceStats stats;
  stats.records = records_;
  stats.bytes = bytes_;
  stats.watermark = time_.watermark();
  stats.waiting_for = reader_->Trouble();
  for (Partition& partition : partitions_) {
    int64_t end = partition.stop_offset;
    if (!partition.finished) RefreshEnd(&partition);
    if (end < 0) end = partition.end_offset;
    const int64_t lag = std::max<int64_t>(end - partition.next_offset, 0);
    stats.lag_by_partition[partition.number] = lag;
    const EventTime newest = time_.max_event_time(partition.number);
    stats.partitions[partition.number] = {
        partition.next_offset, partition.end_offset,
        newest == kMinEventTime ? newest : SaturatingSubtract(newest, source_.watermark_bound_us),
        partition.finished ? ChannelStatus::kFinished : time_.partition_status(partition.number)};
    stats.lag_records += lag;
  }
  return stats;
}

bool IsPseudoColumn(std::string_view name) {
  return name == kPartitionColumn || name == kOffsetColumn || name == kTimestampColumn ||
         name == kKeyColumn;
}

// A plan may come from another version, or from nobody we know.
absl::Status CheckSource(const SourceOp& source) {
  auto invalid = [&source](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("source ", source.table, ": ", what));
  };
  for (const Column& column : source.output.columns) {
    if (column.type.kind == TypeKind::kNull || column.type.kind == TypeKind::kInterval) {
      return invalid(absl::StrCat("column ", column.name, " can't be ", ToString(column.type)));
    }
    const bool declared =
        std::any_of(source.declared.columns.begin(), source.declared.columns.end(),
                    [&column](const Column& d) { return d.name == column.name; });
    if (!declared && !IsPseudoColumn(column.name)) {
      return invalid(absl::StrCat("column ", column.name, " isn't declared"));
    }
  }
  if (source.event_time_column < 0) return absl::OkStatus();
  if (source.event_time_column >= source.output.size()) return invalid("no such event time column");
  const Column& time = source.output.columns[source.event_time_column];
  if (time.type.kind != TypeKind::kTimestamp && time.type.kind != TypeKind::kTimestamptz) {
    return invalid(absl::StrCat("the event time ", time.name, " is ", ToString(time.type),
                                ", accepted are timestamps"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> MakeSourceOperator(const OperatorSpec& spec, const Plan&,
                                                             PartitionReaderFactory* readers) {
  if (!std::holds_alternative<SourceOp>(spec.op)) {
    return absl::InvalidArgumentError("not a source");
  }
  WEIR_RETURN_IF_ERROR(CheckSource(std::get<SourceOp>(spec.op)));
  if (readers == nullptr) return absl::InvalidArgumentError("nothing here reads Kafka");
  return std::make_unique<KafkaSource>(spec, readers);
}

}  // namespace weir
