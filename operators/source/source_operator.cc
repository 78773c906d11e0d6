#include "operators/source/source_operator.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_decoder.h"
#include "operators/time/watermark_tracker.h"

namespace weir {
namespace {

constexpr int64_t kPollBytesMax = int64_t{4} << 20;
// The task polls every few milliseconds unless it is held up; a longer pause is no sign that the
// partitions are silent.
constexpr int64_t kIdleStepUsMax = 100'000;

class KafkaSource : public SourceOperator {
 public:
  KafkaSource(const OperatorSpec& spec, PartitionReaderFactory* readers)
      : spec_(spec),
        source_(std::get<SourceOp>(spec.op)),
        readers_(readers),
        decoder_(source_),
        tracker_(source_.watermark_bound_us, source_.idle_timeout_us) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore& restore) override {
    clock_ = context.clock;
    bad_rows_ = std::make_unique<BadRowReporter>(spec_, context);
    accounts_ = AccountsOf(spec_, context);
    WEIR_ASSIGN_OR_RETURN(reader_, readers_->Open(source_.kafka));
    last_poll_us_ = clock_->MonotonicMicros();
    return AddPartitions(restore.positions);
  }

  absl::Status AddPartitions(const std::vector<PartitionPosition>& positions) override {
    for (const PartitionPosition& position : positions) {
      if (position.source != spec_.id || partitions_.contains(position.partition)) continue;
      Partition& partition = partitions_[position.partition];
      partition.next_offset = position.next_offset;
      partition.stop_offset = position.stop_offset;
      tracker_.Add(position.partition, position.max_event_time, position.idle);
      if (!partition.AtStop()) {
        WEIR_RETURN_IF_ERROR(reader_->Assign(position.partition, position.next_offset));
      }
      announce_ = true;
    }
    return absl::OkStatus();
  }

  void SetWake(std::function<void()> wake) override { reader_->SetWake(std::move(wake)); }

  absl::StatusOr<PollResult> Poll(Output& out) override {
    if (last_barrier_seen_) return PollResult::kIdle;
    PassIdleTime();
    if (announce_) {
      announce_ = false;
      WEIR_RETURN_IF_ERROR(Announce(tracker_.TakeChange(), out));
      for (auto& [number, partition] : partitions_) {
        WEIR_RETURN_IF_ERROR(FinishIfAtStop(number, partition, out));
      }
    }
    if (AllFinished()) return Finish(out);

    const EventTime limit = DriftLimit();
    for (size_t tried = 0; tried < partitions_.size(); ++tried) {
      auto turn = partitions_.upper_bound(last_polled_);
      if (turn == partitions_.end()) turn = partitions_.begin();
      last_polled_ = turn->first;
      if (turn->second.finished || tracker_.max_event_time(turn->first) > limit) continue;
      WEIR_ASSIGN_OR_RETURN(const bool busy, PollPartition(turn->first, turn->second, out));
      if (busy) return PollResult::kBusy;
    }
    return PollResult::kIdle;
  }

  absl::StatusOr<PendingState> Capture(const Barrier& barrier) override {
    last_barrier_seen_ = last_barrier_seen_ || barrier.last;
    CapturedState state;
    for (const auto& [number, partition] : partitions_) {
      PartitionPosition position;
      position.source = spec_.id;
      position.partition = number;
      position.next_offset = partition.next_offset;
      position.stop_offset = partition.stop_offset;
      position.max_event_time = tracker_.max_event_time(number);
      position.idle = tracker_.partition_status(number) == ChannelStatus::kIdle;
      state.positions.push_back(std::move(position));
    }
    PendingState pending;
    pending.finish = [state = std::move(state)]() -> absl::StatusOr<CapturedState> {
      return state;
    };
    return pending;
  }

  SourceStats Stats() const override {
    SourceStats stats;
    stats.records = records_;
    stats.bytes = bytes_;
    stats.watermark = tracker_.watermark();
    if (reader_ == nullptr) return stats;
    for (const auto& [number, partition] : partitions_) {
      const int64_t lag = LagOf(number, partition).value_or(0);
      stats.lag_by_partition[number] = lag;
      stats.lag_records += lag;
    }
    stats.waiting_for = reader_->Trouble();
    return stats;
  }

  // A source has no input and keeps nothing back.
  absl::Status Process(int, Batch, Output&) override {
    return absl::InternalError("rows for a source");
  }
  absl::Status OnWatermark(int, EventTime, Output&) override {
    return absl::InternalError("a watermark for a source");
  }
  absl::Status OnStatus(int, ChannelStatus, Output&) override {
    return absl::InternalError("a status for a source");
  }
  absl::Status Drain(Output&) override { return absl::OkStatus(); }
  void Published(CheckpointId) override {}
  Footprint StateFootprint() const override { return {}; }
  bool Blocked() const override { return false; }

 private:
  struct Partition {
    int64_t next_offset = 0;
    int64_t stop_offset = -1;  // -1 = unbounded
    bool finished = false;
    bool AtStop() const { return stop_offset >= 0 && next_offset >= stop_offset; }
  };

  void PassIdleTime() {
    const int64_t now = clock_->MonotonicMicros();
    // Silence while brokers are away says nothing about a partition.
    if (reader_->Trouble().empty()) {
      tracker_.PassTime(std::min(now - last_poll_us_, kIdleStepUsMax));
    }
    last_poll_us_ = now;
  }

  // Records still to be read; nullopt when the reader doesn't know yet.
  std::optional<int64_t> LagOf(int32_t number, const Partition& partition) const {
    if (partition.finished) return 0;
    int64_t end = reader_->EndOffset(number);
    if (end < 0) return std::nullopt;
    if (partition.stop_offset >= 0) end = std::min(end, partition.stop_offset);
    return std::max<int64_t>(end - partition.next_offset, 0);
  }

  // Partitions with rows later than this wait. Only those with lag hold others back: an empty one
  // would hold them forever.
  EventTime DriftLimit() const {
    if (source_.event_time_column < 0) return kMaxEventTime;
    EventTime slowest = kMaxEventTime;
    for (const auto& [number, partition] : partitions_) {
      const EventTime reached = tracker_.max_event_time(number);
      if (reached == kMinEventTime || reached >= slowest) continue;
      if (LagOf(number, partition).value_or(1) > 0) slowest = reached;
    }
    return SaturatingAdd(slowest, source_.max_drift_us);
  }

  // Whether anything was read or passed.
  absl::StatusOr<bool> PollPartition(int32_t number, Partition& partition, Output& out) {
    absl::StatusOr<PartitionReader::Polled> polled =
        reader_->Poll(number, kBatchRows, kPollBytesMax);
    if (!polled.ok()) return FatalError(AsString(polled.status().message()));
    const bool moved = polled->position > partition.next_offset;
    DropFromStop(partition, &polled->records);
    if (polled->records.size() > 0) {
      WEIR_RETURN_IF_ERROR(Take(number, std::move(polled->records), out));
    } else {
      const bool lag = LagOf(number, partition).value_or(1) > 0;
      WEIR_RETURN_IF_ERROR(Announce(tracker_.OnNoRows(number, lag), out));
    }
    partition.next_offset = std::max(partition.next_offset, polled->position);
    WEIR_RETURN_IF_ERROR(FinishIfAtStop(number, partition, out));
    return moved;
  }

  static void DropFromStop(const Partition& partition, RawRecords* records) {
    if (partition.stop_offset < 0) return;
    const auto stop =
        std::lower_bound(records->offsets.begin(), records->offsets.end(), partition.stop_offset);
    const size_t keep = stop - records->offsets.begin();
    records->offsets.resize(keep);
    records->timestamps_ms.resize(keep);
    records->payload_begin.resize(keep);
    records->payload_end.resize(keep);
    records->key_begin.resize(keep);
    records->key_end.resize(keep);
  }

  absl::Status Take(int32_t number, RawRecords records, Output& out) {
    const auto raw = std::make_shared<const RawRecords>(std::move(records));
    DecodedRecords decoded = decoder_.Decode(*raw);
    records_ += raw->size();
    for (int64_t i = 0; i < raw->size(); ++i) {
      if (!raw->IsTombstone(i)) bytes_ += raw->payload_end[i] - raw->payload_begin[i];
    }
    for (InsertCounters* account : accounts_) {
      account->read += raw->size();
      account->filtered += decoded.tombstones;
    }
    for (const BadRecord& bad : decoded.bad) {
      WEIR_RETURN_IF_ERROR(bad_rows_->Report(*raw, bad.record, bad.reason, bad.message));
    }
    WEIR_RETURN_IF_ERROR(bad_rows_->Flush(out));
    Batch batch;
    batch.columns = std::move(decoded.columns);
    batch.raw = raw;
    batch.raw_row = std::move(decoded.raw_row);
    if (batch.num_rows() > 0) WEIR_RETURN_IF_ERROR(out.Emit(0, std::move(batch)));
    return Announce(tracker_.OnRows(number, decoded.max_event_time), out);
  }

  absl::Status FinishIfAtStop(int32_t number, Partition& partition, Output& out) {
    if (partition.finished || !partition.AtStop()) return absl::OkStatus();
    partition.finished = true;
    return Announce(tracker_.OnFinished(number), out);
  }

  bool AllFinished() const {
    if (partitions_.empty()) return source_.kafka.stop_at_latest;
    return std::all_of(partitions_.begin(), partitions_.end(),
                       [](const auto& entry) { return entry.second.finished; });
  }

  absl::StatusOr<PollResult> Finish(Output& out) {
    // With partitions, the tracker announced it with the last one.
    if (partitions_.empty()) {
      WEIR_RETURN_IF_ERROR(out.EmitWatermark(kMaxEventTime));
      WEIR_RETURN_IF_ERROR(out.EmitStatus(ChannelStatus::kFinished));
    }
    return PollResult::kFinished;
  }

  static absl::Status Announce(const std::optional<WatermarkChange>& change, Output& out) {
    if (!change) return absl::OkStatus();
    return change->Announce([&](ChannelStatus status) { return out.EmitStatus(status); },
                            [&](EventTime time) { return out.EmitWatermark(time); });
  }

  static std::string AsString(absl::string_view text) {
    return std::string(text.data(), text.size());
  }

  const OperatorSpec& spec_;
  const SourceOp& source_;
  PartitionReaderFactory* const readers_;
  JsonDecoder decoder_;
  WatermarkTracker tracker_;
  Clock* clock_ = nullptr;
  std::unique_ptr<PartitionReader> reader_;
  std::unique_ptr<BadRowReporter> bad_rows_;
  std::vector<InsertCounters*> accounts_;
  std::map<int32_t, Partition> partitions_;
  int32_t last_polled_ = -1;
  int64_t last_poll_us_ = 0;
  int64_t records_ = 0;
  int64_t bytes_ = 0;
  // What the tracker has to say of restored or added partitions is still to be announced; at first,
  // also that there is none.
  bool announce_ = true;
  bool last_barrier_seen_ = false;
};

}  // namespace

std::unique_ptr<SourceOperator> MakeSourceOperator(const OperatorSpec& spec,
                                                   PartitionReaderFactory* readers) {
  return std::make_unique<KafkaSource>(spec, readers);
}

}  // namespace weir
