#include "tests/sim/sim_tasks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace weir {
namespace {

constexpr int kSourceVertex = 0;
constexpr int kOwnerVertex = 1;
constexpr size_t kChannelRoom = 24;  // elements; then the source is blocked

}  // namespace

SimGeneration::SimGeneration(SimWorld* world, Generation generation, int parallelism)
    : world_(world),
      generation_(generation),
      parallelism_(parallelism),
      sources_(static_cast<size_t>(parallelism)),
      owners_(static_cast<size_t>(parallelism)),
      channels_(static_cast<size_t>(parallelism * parallelism)) {}

void SimGeneration::Deploy(const TaskDeployment& deployment, int worker, SimReports* reports) {
  const auto index = static_cast<size_t>(deployment.task.index);
  const TaskRestore& restore = deployment.restore;
  if (deployment.task.vertex == kSourceVertex) {
    Source& source = sources_[index].emplace();
    source.worker = worker;
    source.reports = reports;
    for (const PartitionPosition& position : restore.positions) {
      source.tracker.Add(position.partition, position.max_event_time, position.idle);
      source.partitions[position.partition] = {position.next_offset, position.stop_offset};
    }
    return;
  }
  Owner& owner = owners_[index].emplace();
  owner.worker = worker;
  owner.reports = reports;
  owner.aligner.emplace(parallelism_);
  owner.inputs.emplace(parallelism_);
  owner.key_groups = restore.key_groups;
  for (int key = 0; key < SimStream::kKeys; ++key) {
    if (Owns(owner, key)) owner.state.fired[key] = kMinEventTime;
  }
  for (const OperatorState& state : restore.states) {
    for (const StateFile& file : state.files) {
      const SimState& stored = world_->state_files.at(file.path);
      for (const auto& [group, rows] : stored.open) {
        if (!Owns(owner, group.key)) continue;
        owner.state.open[group].insert(rows.begin(), rows.end());
      }
      for (const auto& [key, fired] : stored.fired) {
        if (Owns(owner, key)) owner.state.fired[key] = fired;
      }
    }
  }
}

bool SimGeneration::Owns(const Owner& owner, int key) {
  const int group = SimStream::KeyGroup(key);
  return group >= owner.key_groups.begin && group < owner.key_groups.end;
}

void SimGeneration::Drop(int worker) {
  for (auto& source : sources_) {
    if (source && source->worker == worker) source.reset();
  }
  for (auto& owner : owners_) {
    if (owner && owner->worker == worker) owner.reset();
  }
}

bool SimGeneration::empty() const {
  const auto gone = [](const auto& task) { return !task.has_value(); };
  return std::all_of(sources_.begin(), sources_.end(), gone) &&
         std::all_of(owners_.begin(), owners_.end(), gone);
}

bool SimGeneration::RunsOn(int worker) const {
  const auto on_it = [&](const auto& task) { return task && task->worker == worker; };
  return std::any_of(sources_.begin(), sources_.end(), on_it) ||
         std::any_of(owners_.begin(), owners_.end(), on_it);
}

void SimGeneration::Work(uint32_t choice) {
  const auto index = static_cast<int>(choice / 4 % static_cast<uint32_t>(parallelism_));
  if (choice % 4 == 0) {
    if (started_ && sources_[static_cast<size_t>(index)]) Read(index, choice / 4);
  } else if (owners_[static_cast<size_t>(index)]) {
    Receive(index, choice / 4);
  }
}

bool SimGeneration::Fail(uint32_t choice) {
  std::optional<Source>& source = sources_[choice % sources_.size()];
  if (!source) return false;
  source->reports->push_back(TaskFailedEvent{
      generation_, {kSourceVertex, static_cast<int>(choice % sources_.size())}, "as planned"});
  source.reset();
  return true;
}

// ---- Sources.

void SimGeneration::Broadcast(int from, const Element& element) {
  for (int to = 0; to < parallelism_; ++to) Channel(from, to).push_back(element);
}

void SimGeneration::Announce(int from, const std::optional<WatermarkChange>& change) {
  if (!change) return;
  const absl::Status sent = change->Announce(
      [&](ChannelStatus status) {
        if (status == ChannelStatus::kIdle) ++world_->idle_spells;
        Broadcast(from, status);
        return absl::OkStatus();
      },
      [&](EventTime time) {
        Broadcast(from, time);
        return absl::OkStatus();
      });
  WEIR_CHECK(sent.ok());
}

void SimGeneration::Read(int index, uint32_t choice) {
  Source& source = *sources_[static_cast<size_t>(index)];
  if (source.closed) return;
  for (int to = 0; to < parallelism_; ++to) {
    if (Channel(index, to).size() > kChannelRoom) return;
  }
  if (!source.announced) {
    source.announced = true;
    Announce(index, source.tracker.TakeChange());
  }
  bool finished = world_->bounded;
  for (auto& [number, partition] : source.partitions) {
    const int64_t end =
        partition.stop >= 0 ? partition.stop : world_->available[static_cast<size_t>(number)];
    const int64_t rows = std::min<int64_t>(choice % 7, end - partition.next);
    EventTime latest = kMinEventTime;
    for (int64_t i = 0; i < rows; ++i) {
      const SimRow row{number, partition.next++};
      latest = std::max(latest, world_->stream.Time(row));
      const int group = SimStream::KeyGroup(world_->stream.Group(row).key);
      Channel(index, TaskOfKeyGroup(group, parallelism_)).push_back(Row{row});
      ++source.read;
    }
    if (rows > 0) {
      Announce(index, source.tracker.OnRows(number, latest));
    } else if (!partition.finished) {
      source.tracker.PassTime(500'000);
      Announce(index, source.tracker.OnNoRows(number, /*lag=*/partition.next < end));
    }
    if (partition.stop >= 0 && partition.next == partition.stop && !partition.finished) {
      partition.finished = true;
      Announce(index, source.tracker.OnFinished(number));
    }
    finished = finished && partition.finished;
  }
  if (finished && !source.said_finished) {
    source.said_finished = true;
    Broadcast(index, kMaxEventTime);
    Broadcast(index, ChannelStatus::kFinished);
    source.reports->push_back(SourcesFinishedEvent{generation_, {kSourceVertex, index}});
  }
}

void SimGeneration::AddPartitions(const AddPartitionsAction& action) {
  std::optional<Source>& source = sources_[static_cast<size_t>(action.task.index)];
  if (!source) return;
  for (const PartitionPosition& position : action.positions) {
    if (source->partitions.contains(position.partition)) continue;
    source->tracker.Add(position.partition, kMinEventTime, false);
    source->partitions[position.partition] = {position.next_offset, position.stop_offset};
  }
  source->announced = false;
}

void SimGeneration::Trigger(const TriggerAction& action) {
  for (int index = 0; index < parallelism_; ++index) {
    if (started_ && sources_[static_cast<size_t>(index)]) Capture(index, action);
  }
}

void SimGeneration::Capture(int index, const TriggerAction& action) {
  Source& source = *sources_[static_cast<size_t>(index)];
  if (source.closed) return;
  source.closed = action.last;
  Broadcast(index, Barrier{generation_, action.checkpoint, action.last});
  TaskSnapshot snapshot;
  snapshot.task = {kSourceVertex, index};
  for (const auto& [number, partition] : source.partitions) {
    snapshot.positions.push_back({"src", number, partition.next, partition.stop,
                                  source.tracker.max_event_time(number),
                                  source.tracker.partition_status(number) == ChannelStatus::kIdle});
  }
  snapshot.counters[0].read = source.read;
  snapshot.watermark = source.tracker.watermark();
  snapshot.finished = source.said_finished;
  source.reports->push_back(CapturedEvent{generation_, action.checkpoint, snapshot.task});
  source.reports->push_back(DurableEvent{generation_, action.checkpoint, snapshot});
}

// ---- Owners.

void SimGeneration::Receive(int index, uint32_t choice) {
  Owner& owner = *owners_[static_cast<size_t>(index)];
  for (int i = 0; i < parallelism_; ++i) {
    const int from =
        static_cast<int>((choice + static_cast<uint32_t>(i)) % static_cast<uint32_t>(parallelism_));
    std::deque<Element>& channel = Channel(from, index);
    for (uint32_t n = 1 + choice % 9; n > 0 && !channel.empty(); --n) {
      if (owner.aligner->IsBlocked(from)) break;
      const Element element = channel.front();
      channel.pop_front();
      Take(owner, from, element, index);
    }
  }
}

void SimGeneration::Take(Owner& owner, int channel, const Element& element, int index) {
  if (const auto* row = std::get_if<Row>(&element)) {
    const SimGroup group = world_->stream.Group(row->row);
    if (EventTime{group.window_end_us} <= owner.state.fired.at(group.key)) {
      owner.late.insert(row->row);
      ++owner.late_count;
      ++world_->late_rows;
    } else {
      owner.state.open[group].insert(row->row);
      ++owner.used;
    }
  } else if (const auto* time = std::get_if<EventTime>(&element)) {
    Merge(owner, owner.inputs->OnWatermark(channel, *time));
  } else if (const auto* status = std::get_if<ChannelStatus>(&element)) {
    Merge(owner, owner.inputs->OnStatus(channel, *status));
  } else {
    const auto complete = owner.aligner->OnBarrier(channel, std::get<Barrier>(element));
    WEIR_CHECK(complete.ok(), complete.status().ToString());
    if (*complete) Snapshot(owner, index, **complete);
  }
}

void SimGeneration::Merge(Owner& owner, const std::optional<WatermarkChange>& change) {
  if (!change || !change->watermark) return;
  for (auto& [key, fired] : owner.state.fired) fired = std::max(fired, *change->watermark);
  auto& open = owner.state.open;
  for (auto it = open.begin(); it != open.end();) {
    if (EventTime{it->first.window_end_us} > *change->watermark) break;  // in order of their ends
    owner.fired.insert(open.extract(it++));
  }
}

void SimGeneration::Snapshot(Owner& owner, int index, const Barrier& barrier) {
  TaskSnapshot snapshot;
  snapshot.task = {kOwnerVertex, index};
  const auto next_file = [this] { return absl::StrCat("f", ++world_->last_file); };
  const auto stage = [&](const std::string& sink, const std::string& path, size_t rows) {
    StagedFile file;
    file.sink = sink;
    file.path = path;
    file.size = 1;
    file.rows = static_cast<int64_t>(rows);
    file.stats = "{}";
    snapshot.staged.push_back(file);
  };
  if (!owner.fired.empty()) {
    const std::string path = next_file();
    stage("activity", path, owner.fired.size());
    world_->window_files[path] = std::exchange(owner.fired, {});
  }
  if (!owner.late.empty()) {
    const std::string path = next_file();
    stage("activity#late", path, owner.late.size());
    world_->late_files[path] = std::exchange(owner.late, {});
  }
  EventTime fired = owner.inputs->watermark();
  for (const auto& [key, of_key] : owner.state.fired) fired = std::max(fired, of_key);
  OperatorState state;
  state.state_id = "agg";
  state.schema = "rows";
  state.key_groups = owner.key_groups;
  state.watermark = fired;
  if (!owner.state.fired.empty()) {
    const std::string path = next_file();
    world_->state_files[path] = owner.state;
    state.files.push_back({path, 1, "", owner.key_groups});
  }
  snapshot.states.push_back(state);
  snapshot.counters[0].used = owner.used;
  snapshot.counters[0].late = owner.late_count;
  EventTime lowest = fired;
  for (const auto& [key, of_key] : owner.state.fired) lowest = std::min(lowest, of_key);
  snapshot.watermark = lowest;
  owner.reports->push_back(CapturedEvent{generation_, barrier.id, snapshot.task});
  owner.reports->push_back(DurableEvent{generation_, barrier.id, snapshot});
}

}  // namespace weir
