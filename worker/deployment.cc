#include "worker/deployment.h"

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "operators/window/partial_format.h"
#include "operators/worker_memory.h"
#include "worker/edge_output.h"
#include "worker/job_files.h"
#include "worker/operator_graph.h"

namespace weir {
namespace {

// Layout of the rows on `edge`.
absl::StatusOr<std::shared_ptr<arrow::Schema>> EdgeSchema(const Plan& plan, const EdgeSpec& edge) {
  const OperatorSpec& from = plan.vertices[edge.from_vertex].operators[edge.from_op];
  if (const PartialAggregateOp* partial = std::get_if<PartialAggregateOp>(&from.op)) {
    return PartialSchema(partial->spec);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("operator ", from.name, " can't feed an edge in this version"));
}

std::string TopicOf(const VertexSpec& vertex) {
  for (const OperatorSpec& op : vertex.operators) {
    if (const SourceOp* source = std::get_if<SourceOp>(&op.op)) return source->kafka.topic;
  }
  return "";
}

}  // namespace

struct Deployment::LocalTask {
  TaskId id;
  Slot* slot = nullptr;
  const TaskRestore* restore = nullptr;
  struct Channel {
    int edge;
    int from_task;
    std::unique_ptr<Inbox> inbox;
  };
  std::vector<Channel> channels;                      // incoming
  std::vector<std::pair<int, EdgeOutput*>> outgoing;  // plan edge, owned by the task
  std::shared_ptr<Task> task;                         // shared with its slot
};

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Create(
    DeploymentSpec spec, const WorkerParts& parts, std::shared_ptr<TaskReporter> reporter) {
  std::unique_ptr<Deployment> deployment(new Deployment(std::move(spec), parts));
  for (const DeploymentSpec::Placement& placement : deployment->spec_.tasks) {
    if (placement.worker_address != parts.address) continue;
    WEIR_RETURN_IF_ERROR(deployment->MakeTask(placement, reporter));
  }
  return deployment;
}

Deployment::Deployment(DeploymentSpec spec, const WorkerParts& parts)
    : spec_(std::move(spec)), parts_(parts) {}

Deployment::~Deployment() {
  WEIR_CHECK(!running_, "a deployment is stopped before it goes");
  parts_.exchange->Close(spec_.job, spec_.generation);
}

absl::Status Deployment::MakeTask(const DeploymentSpec::Placement& placement,
                                  std::shared_ptr<TaskReporter> reporter) {
  const TaskId id = placement.task;
  if (id.vertex < 0 || id.vertex >= static_cast<int>(spec_.plan.vertices.size())) {
    return absl::InvalidArgumentError(absl::StrCat("no vertex ", id.vertex, " in the plan"));
  }
  const VertexSpec& vertex = spec_.plan.vertices[id.vertex];
  auto local = std::make_unique<LocalTask>();
  local->id = id;
  local->slot = (*parts_.slots)[placement.slot % parts_.slots->size()].get();
  local->restore = &placement.restore;

  std::vector<TaskInput> inputs;
  int ports = 0;
  MakeInputs(*local, &inputs, &ports);
  for (LocalTask::Channel& channel : local->channels) {
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Schema> schema,
                          EdgeSchema(spec_.plan, spec_.plan.edges[channel.edge]));
    parts_.exchange->Open({spec_.job, spec_.generation, channel.edge, channel.from_task, id.index},
                          std::move(schema), channel.inbox.get());
  }

  std::vector<std::unique_ptr<EdgeOutput>> edges;
  std::vector<std::pair<int, EdgeOutput*>> edges_by_op;
  for (size_t e = 0; e < spec_.plan.edges.size(); ++e) {
    if (spec_.plan.edges[e].from_vertex != id.vertex) continue;
    edges.push_back(std::make_unique<EdgeOutput>());
    local->outgoing.emplace_back(static_cast<int>(e), edges.back().get());
    edges_by_op.emplace_back(spec_.plan.edges[e].from_op, edges.back().get());
  }

  const std::string state = StateDirectory();
  const std::string cache = absl::StrCat(parts_.cache_directory, "/", spec_.job, "/",
                                         spec_.generation.value, "/", id.vertex, "-", id.index);
  std::error_code failed;
  std::filesystem::create_directories(cache, failed);
  if (!failed) std::filesystem::create_directories(state, failed);
  if (failed) {
    return absl::FailedPreconditionError(absl::StrCat("the cache directory ", cache,
                                                      " can't be made: ", failed.message(),
                                                      "; give the worker a writable --cache"));
  }

  auto counters = std::make_unique<std::map<int, InsertCounters>>();
  auto samples = std::make_unique<RowSamples>();
  std::vector<std::unique_ptr<Operator>> operators;
  std::vector<std::unique_ptr<OperatorContext>> contexts;
  for (size_t i = 0; i < vertex.operators.size(); ++i) {
    auto context = std::make_unique<OperatorContext>();
    context->job = spec_.job;
    context->generation = spec_.generation;
    context->task = id;
    context->parallelism = spec_.parallelism;
    context->topic = TopicOf(vertex);
    context->plan = &spec_.plan;
    context->clock = parts_.clock;
    context->random = parts_.random;
    context->io = parts_.io;
    context->state_memory = &parts_.memory->state;
    context->store_memory = &parts_.memory->store;
    context->partial_memory = &parts_.memory->partials;
    context->sink_memory = &parts_.memory->sink;
    context->batch_bytes = parts_.memory->plan.batch;
    context->blobs = parts_.blobs;
    context->cache_directory = cache;
    context->state_directory = state;
    if (parts_.table_roots != nullptr) context->table_roots = *parts_.table_roots;
    context->counters = counters.get();
    context->samples = samples.get();
    context->wake = [slot = local->slot] { slot->Wake(); };
    for (const auto& [op, edge] : edges_by_op) {
      if (op == static_cast<int>(i)) context->echo = edge->echo();
    }
    WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Operator> made,
                          MakeOperator(vertex.operators[i], spec_.plan, parts_.readers));
    operators.push_back(std::move(made));
    contexts.push_back(std::move(context));
  }

  EventTime restored = kMinEventTime;
  for (const OperatorState& state : placement.restore.states) {
    restored = std::max(restored, state.watermark);
  }
  auto graph = std::make_unique<OperatorGraph>(vertex, std::move(operators), std::move(contexts),
                                               std::move(edges_by_op), ports);
  local->task =
      std::make_shared<Task>(id, spec_.generation, std::move(graph), std::move(edges),
                             std::move(inputs), ports, std::move(counters), std::move(samples),
                             restored, std::move(reporter), parts_.io, parts_.clock);
  tasks_.push_back(std::move(local));
  return absl::OkStatus();
}

void Deployment::MakeInputs(LocalTask& local, std::vector<TaskInput>* inputs, int* ports) {
  for (size_t e = 0; e < spec_.plan.edges.size(); ++e) {
    const EdgeSpec& edge = spec_.plan.edges[e];
    if (edge.to_vertex != local.id.vertex) continue;
    *ports = std::max(*ports, edge.to_port + 1);
    for (int from = 0; from < spec_.parallelism; ++from) {
      const DeploymentSpec::Placement& sender = PlacementOf({edge.from_vertex, from});
      const ChannelKey key{spec_.job, spec_.generation, static_cast<int>(e), from, local.id.index};
      const bool remote = sender.worker_address != parts_.address;
      Slot* const receiver_slot = local.slot;
      Slot* const sender_slot =
          remote ? nullptr : (*parts_.slots)[sender.slot % parts_.slots->size()].get();
      Exchange* const exchange = parts_.exchange;
      auto drained = [exchange, key, sender_slot](int64_t bytes) {
        if (sender_slot != nullptr) {
          sender_slot->Wake();
        } else {
          exchange->Grant(key, bytes);
        }
      };
      local.channels.push_back({static_cast<int>(e), from,
                                std::make_unique<Inbox>([receiver_slot] { receiver_slot->Wake(); },
                                                        drained, &parts_.memory->exchange)});
      TaskInput input;
      input.port = edge.to_port;
      input.inbox = local.channels.back().inbox.get();
      if (remote) {
        input.echo = [exchange, key](EventTime time) { exchange->Echo(key, time); };
      }  // MakeSender sets that of a local channel
      inputs->push_back(std::move(input));
    }
  }
}

std::string Deployment::StateDirectory() const {
  return absl::StrCat(parts_.cache_directory, "/", spec_.job, "/", kStateFolder);
}

absl::Status Deployment::Open() {
  // What the manifest doesn't name is of no use to this generation or a later one.
  std::set<std::string> named;
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    for (const OperatorState& state : local->restore->states) {
      for (const StateFile& file : state.files) {
        named.insert(std::filesystem::path(file.path).filename());
      }
    }
  }
  RemoveOtherFiles(StateDirectory(), named);
  // Beside one another: the files of several tasks come from the store at once.
  return RunForEach(parts_.io, tasks_.size(),
                    [this](size_t i) { return tasks_[i]->task->Open(*tasks_[i]->restore); });
}

std::unique_ptr<ChannelSender> Deployment::MakeSender(LocalTask& from, int edge, EdgeOutput* output,
                                                      int to_task) {
  const TaskId to{spec_.plan.edges[edge].to_vertex, to_task};
  const DeploymentSpec::Placement& placement = PlacementOf(to);
  Slot* const slot = from.slot;
  auto echo = [callback = output->EchoCallback(), slot](EventTime time) {
    callback(time);
    slot->Wake();
  };
  if (placement.worker_address != parts_.address) {
    const ChannelKey key{spec_.job, spec_.generation, edge, from.id.index, to_task};
    return parts_.exchange->Connect(placement.worker_address, key,
                                    {[slot] { slot->Wake(); }, echo});
  }
  LocalTask* receiver = Find(to);
  for (size_t i = 0; i < receiver->channels.size(); ++i) {
    LocalTask::Channel& channel = receiver->channels[i];
    if (channel.edge != edge || channel.from_task != from.id.index) continue;
    receiver->task->SetEcho(static_cast<int>(i), echo);
    return MakeLocalSender(channel.inbox.get());
  }
  WEIR_CHECK(false, "every local channel has an inbox");
  return nullptr;
}

void Deployment::Run() {
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    for (const auto& [edge, output] : local->outgoing) {
      std::vector<std::unique_ptr<ChannelSender>> senders;
      for (int to = 0; to < spec_.parallelism; ++to) {
        senders.push_back(MakeSender(*local, edge, output, to));
      }
      output->SetSenders(std::move(senders));
    }
  }
  running_ = !tasks_.empty();
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    Slot* const slot = local->slot;
    local->task->SetWake([slot] { slot->Wake(); });
    slot->Add(local->task);
  }
}

void Deployment::PostAll(std::function<absl::Status(Task&)> message) {
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    local->task->Post(message);
    local->slot->Wake();
  }
}

void Deployment::Start() {
  PostAll([](Task& task) { return task.Start(); });
}

void Deployment::Trigger(CheckpointId id, bool last) {
  const Barrier barrier{spec_.generation, id, last};
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    // Tasks behind an edge get the barrier through it.
    if (!spec_.plan.vertices[local->id.vertex].has_source()) continue;
    local->task->Post([barrier](Task& task) { return task.Trigger(barrier); });
    local->slot->Wake();
  }
}

void Deployment::Published(CheckpointId id) {
  PostAll([id](Task& task) { return task.Published(id); });
}

void Deployment::AddPartitions(TaskId task, std::vector<PartitionPosition> positions) {
  LocalTask* local = Find(task);
  if (local == nullptr) return;
  local->task->Post(
      [positions = std::move(positions)](Task& t) { return t.AddPartitions(positions); });
  local->slot->Wake();
}

void Deployment::Stop(std::function<void()> done) {
  parts_.exchange->Close(spec_.job, spec_.generation);
  if (!running_) {
    done();
    return;
  }
  running_ = false;
  // Shared by the slots that let go one task each; the last one reports.
  auto left = std::make_shared<std::atomic<int>>(static_cast<int>(tasks_.size()));
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    local->slot->Remove(std::move(local->task), [left, done] {
      if (left->fetch_sub(1) == 1) done();
    });
  }
}

void Deployment::PauseOwners(bool paused) {
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    if (local->task == nullptr || local->channels.empty()) continue;
    local->task->SetPaused(paused);
    local->slot->Wake();
  }
}

std::vector<TaskStats> Deployment::stats() const {
  std::vector<TaskStats> all;
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    if (local->task != nullptr) all.push_back(local->task->stats());
  }
  return all;
}

Deployment::LocalTask* Deployment::Find(TaskId task) {
  for (const std::unique_ptr<LocalTask>& local : tasks_) {
    if (local->id == task) return local.get();
  }
  return nullptr;
}

const DeploymentSpec::Placement& Deployment::PlacementOf(TaskId task) const {
  for (const DeploymentSpec::Placement& placement : spec_.tasks) {
    if (placement.task == task) return placement;
  }
  WEIR_CHECK(false, "task ", task.vertex, "/", task.index, " has no place in the deployment");
  return spec_.tasks.front();
}

}  // namespace weir
