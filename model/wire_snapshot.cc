#include <limits>
#include <utility>

#include "model/wire.h"
#include "model/wire_check.h"
#include "weir/v1/checkpoint.pb.h"

namespace weir {
namespace {

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr int kMaxInt = std::numeric_limits<int>::max();

absl::StatusOr<KeyGroupRange> KeyGroups(int begin, int end) {
  WEIR_RETURN_IN_FIELD("", CheckRange("key_group_begin", begin, 0, kKeyGroups));
  WEIR_RETURN_IN_FIELD("", CheckRange("key_group_end", end, begin, kKeyGroups));
  return KeyGroupRange{begin, end};
}

absl::StatusOr<StateFile> StateFileFromProto(const v1::StateFile& in) {
  StateFile file;
  if (in.path().empty()) return WireError("a state file without path");
  file.path = in.path();
  WEIR_RETURN_IN_FIELD("", CheckRange("size", in.size(), 0, kMaxInt64));
  file.size = in.size();
  file.checksum = in.checksum();
  WEIR_ASSIGN_IN_FIELD("", file.key_groups, KeyGroups(in.key_group_begin(), in.key_group_end()));
  return file;
}

absl::StatusOr<TaskSnapshot> ReadSnapshot(const v1::TaskSnapshot& in) {
  TaskSnapshot snapshot;
  WEIR_RETURN_IN_FIELD("", CheckRange("vertex", in.vertex(), 0, kMaxInt));
  WEIR_RETURN_IN_FIELD("", CheckRange("index", in.index(), 0, kKeyGroups));
  snapshot.task = {in.vertex(), in.index()};
  for (int i = 0; i < in.positions_size(); ++i) {
    PartitionPosition position;
    WEIR_ASSIGN_IN_FIELD(Indexed("positions", i), position, FromProto(in.positions(i)));
    snapshot.positions.push_back(std::move(position));
  }
  for (int i = 0; i < in.states_size(); ++i) {
    OperatorState state;
    WEIR_ASSIGN_IN_FIELD(Indexed("states", i), state, FromProto(in.states(i)));
    snapshot.states.push_back(std::move(state));
  }
  for (int i = 0; i < in.staged_size(); ++i) {
    StagedFile file;
    WEIR_ASSIGN_IN_FIELD(Indexed("staged", i), file, FromProto(in.staged(i)));
    snapshot.staged.push_back(std::move(file));
  }
  for (const auto& [insert, counters] : in.counters()) {
    WEIR_RETURN_IN_FIELD("", CheckRange("counters", insert, 0, kMaxInt));
    WEIR_ASSIGN_IN_FIELD(Indexed("counters", insert), snapshot.counters[insert],
                         FromProto(counters));
  }
  snapshot.watermark = EventTime{in.watermark_us()};
  snapshot.finished = in.finished();
  return snapshot;
}

absl::StatusOr<TaskRestore> ReadRestore(const v1::TaskRestore& in) {
  TaskRestore restore;
  for (int i = 0; i < in.positions_size(); ++i) {
    PartitionPosition position;
    WEIR_ASSIGN_IN_FIELD(Indexed("positions", i), position, FromProto(in.positions(i)));
    restore.positions.push_back(std::move(position));
  }
  for (int i = 0; i < in.states_size(); ++i) {
    OperatorState state;
    WEIR_ASSIGN_IN_FIELD(Indexed("states", i), state, FromProto(in.states(i)));
    restore.states.push_back(std::move(state));
  }
  WEIR_ASSIGN_IN_FIELD("", restore.key_groups, KeyGroups(in.key_group_begin(), in.key_group_end()));
  return restore;
}

}  // namespace

void ToProto(const PartitionPosition& position, v1::PartitionPosition* out) {
  out->set_source(position.source);
  out->set_partition(position.partition);
  out->set_next_offset(position.next_offset);
  out->set_stop_offset(position.stop_offset);
  out->set_max_event_time_us(position.max_event_time.micros);
  out->set_idle(position.idle);
}

absl::StatusOr<PartitionPosition> FromProto(const v1::PartitionPosition& in) {
  WEIR_RETURN_IN_FIELD("", CheckRange("partition", in.partition(), 0, kMaxInt));
  WEIR_RETURN_IN_FIELD("", CheckRange("next_offset", in.next_offset(), 0, kMaxInt64));
  WEIR_RETURN_IN_FIELD("", CheckRange("stop_offset", in.stop_offset(), -1, kMaxInt64));
  return PartitionPosition{in.source(),
                           in.partition(),
                           in.next_offset(),
                           in.stop_offset(),
                           EventTime{in.max_event_time_us()},
                           in.idle()};
}

void ToProto(const InsertCounters& counters, v1::InsertCounters* out) {
  out->set_read(counters.read);
  out->set_used(counters.used);
  out->set_late(counters.late);
  out->set_filtered(counters.filtered);
  out->mutable_bad()->insert(counters.bad.begin(), counters.bad.end());
}

absl::StatusOr<InsertCounters> FromProto(const v1::InsertCounters& in) {
  WEIR_RETURN_IN_FIELD("", CheckRange("read", in.read(), 0, kMaxInt64));
  WEIR_RETURN_IN_FIELD("", CheckRange("used", in.used(), 0, kMaxInt64));
  WEIR_RETURN_IN_FIELD("", CheckRange("late", in.late(), 0, kMaxInt64));
  WEIR_RETURN_IN_FIELD("", CheckRange("filtered", in.filtered(), 0, kMaxInt64));
  InsertCounters counters{in.read(), in.used(), in.late(), in.filtered(), {}};
  for (const auto& [reason, rows] : in.bad()) {
    WEIR_RETURN_IN_FIELD("", CheckRange("bad", rows, 0, kMaxInt64));
    counters.bad[reason] = rows;
  }
  return counters;
}

void ToProto(const OperatorState& state, v1::OperatorState* out) {
  out->set_state_id(state.state_id);
  out->set_schema(state.schema);
  out->set_key_group_begin(state.key_groups.begin);
  out->set_key_group_end(state.key_groups.end);
  for (const StateFile& file : state.files) {
    v1::StateFile* to = out->add_files();
    to->set_path(file.path);
    to->set_size(file.size);
    to->set_checksum(file.checksum);
    to->set_key_group_begin(file.key_groups.begin);
    to->set_key_group_end(file.key_groups.end);
  }
  out->set_watermark_us(state.watermark.micros);
}

absl::StatusOr<OperatorState> FromProto(const v1::OperatorState& in) {
  OperatorState state;
  state.state_id = in.state_id();
  state.schema = in.schema();
  WEIR_ASSIGN_IN_FIELD("", state.key_groups, KeyGroups(in.key_group_begin(), in.key_group_end()));
  for (int i = 0; i < in.files_size(); ++i) {
    StateFile file;
    WEIR_ASSIGN_IN_FIELD(Indexed("files", i), file, StateFileFromProto(in.files(i)));
    state.files.push_back(std::move(file));
  }
  state.watermark = EventTime{in.watermark_us()};
  return state;
}

void ToProto(const StagedFile& file, v1::StagedFile* out) {
  out->set_sink(file.sink);
  out->set_path(file.path);
  out->set_size(file.size);
  out->set_rows(file.rows);
  out->set_modification_time_ms(file.modification_time_ms);
  out->set_stats(file.stats);
  out->set_closed_by(file.closed_by.value);
}

absl::StatusOr<StagedFile> FromProto(const v1::StagedFile& in) {
  if (in.sink().empty() || in.path().empty())
    return WireError("a staged file without sink or path");
  WEIR_RETURN_IN_FIELD("", CheckRange("size", in.size(), 0, kMaxInt64));
  WEIR_RETURN_IN_FIELD("", CheckRange("rows", in.rows(), 0, kMaxInt64));
  WEIR_RETURN_IN_FIELD("", CheckRange("closed_by", in.closed_by(), 0, kMaxInt64));
  return StagedFile{in.sink(),
                    in.path(),
                    in.size(),
                    in.rows(),
                    in.modification_time_ms(),
                    in.stats(),
                    CheckpointId(in.closed_by())};
}

void ToProto(const TaskSnapshot& snapshot, v1::TaskSnapshot* out) {
  out->set_vertex(snapshot.task.vertex);
  out->set_index(snapshot.task.index);
  for (const PartitionPosition& position : snapshot.positions)
    ToProto(position, out->add_positions());
  for (const OperatorState& state : snapshot.states) ToProto(state, out->add_states());
  for (const StagedFile& file : snapshot.staged) ToProto(file, out->add_staged());
  for (const auto& [insert, counters] : snapshot.counters)
    ToProto(counters, &(*out->mutable_counters())[insert]);
  out->set_watermark_us(snapshot.watermark.micros);
  out->set_finished(snapshot.finished);
}

absl::StatusOr<TaskSnapshot> FromProto(const v1::TaskSnapshot& in) {
  absl::StatusOr<TaskSnapshot> snapshot = ReadSnapshot(in);
  if (!snapshot.ok()) return InField("task snapshot", snapshot.status());
  return snapshot;
}

void ToProto(const TaskRestore& restore, v1::TaskRestore* out) {
  for (const PartitionPosition& position : restore.positions)
    ToProto(position, out->add_positions());
  for (const OperatorState& state : restore.states) ToProto(state, out->add_states());
  out->set_key_group_begin(restore.key_groups.begin);
  out->set_key_group_end(restore.key_groups.end);
}

absl::StatusOr<TaskRestore> FromProto(const v1::TaskRestore& in) {
  absl::StatusOr<TaskRestore> restore = ReadRestore(in);
  if (!restore.ok()) return InField("task restore", restore.status());
  return restore;
}

}  // namespace weir
