#include "state/checkpoint/abandoned_files.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>

namespace weir {
namespace {

using Next = std::map<DataFileWriterId, int64_t>;

// Writers of a plan's sink: vertex and index of the operator.
std::vector<std::pair<int, int>> OperatorsOf(const Plan& plan, int sink) {
  std::vector<std::pair<int, int>> found;
  for (size_t v = 0; v < plan.vertices.size(); ++v) {
    const std::vector<OperatorSpec>& operators = plan.vertices[v].operators;
    for (size_t o = 0; o < operators.size(); ++o) {
      const auto* op = std::get_if<SinkOp>(&operators[o].op);
      if (op != nullptr && op->sink == sink)
        found.emplace_back(static_cast<int>(v), static_cast<int>(o));
    }
  }
  return found;
}

// Whether no file of an older generation can still be on its way into the sink's table.
bool IsSettled(const JobLogState& log, const std::string& sink) {
  if (!log.spec || log.checkpoints.empty()) return false;
  const Manifest& newest = log.checkpoints.back().manifest;
  // Its own checkpoint, so it runs; the first one of a job is made before a row is read.
  if (newest.generation != log.generation || newest.checkpoint.value == 0) return false;
  const auto committed = log.committed.find(sink);
  const Epoch last = committed == log.committed.end() ? Epoch() : committed->second.epoch;
  return std::all_of(log.checkpoints.begin(), log.checkpoints.end(), [&](const auto& published) {
    return published.manifest.generation == log.generation || published.epoch <= last;
  });
}

bool IsInManifest(const JobLogState& log, const std::string& name) {
  return std::any_of(log.checkpoints.begin(), log.checkpoints.end(), [&](const auto& published) {
    const std::vector<StagedFile>& staged = published.manifest.staged;
    return std::any_of(staged.begin(), staged.end(),
                       [&](const StagedFile& file) { return file.path == name; });
  });
}

}  // namespace

std::vector<PlannedDataFile> NextDataFiles(const std::vector<PlannedDataFile>& next,
                                           const Manifest& manifest) {
  Next numbers;
  for (const PlannedDataFile& file : next) numbers[file.writer] = file.number;
  for (const StagedFile& staged : manifest.staged) {
    const std::optional<PlannedDataFile> file = ParseDataFileName(staged.path);
    if (!file || file->writer.generation != manifest.generation) continue;
    int64_t& number = numbers[file->writer];
    number = std::max(number, file->number + 1);
  }
  std::vector<PlannedDataFile> out;
  for (const auto& [writer, number] : numbers) out.push_back({writer, number});
  return out;
}

std::vector<PlannedDataFile> MayBeAbandoned(const JobLogState& log, int sink, Generation from) {
  std::vector<PlannedDataFile> files;
  if (!log.spec) return files;
  const Plan& plan = log.spec->plan;
  if (!IsSettled(log, plan.sinks[static_cast<size_t>(sink)].id)) return files;
  for (size_t i = 0; i + 1 < log.starts.size(); ++i) {
    if (log.starts[i].first < from.value) continue;
    Next next;
    for (const PlannedDataFile& file : log.starts[i + 1].second.fenced_files)
      next[file.writer] = file.number;
    for (const auto& [vertex, op] : OperatorsOf(plan, sink)) {
      for (int task = 0; task < log.starts[i].second.parallelism; ++task) {
        const DataFileWriterId writer{Generation(log.starts[i].first), {vertex, task}, op};
        const auto it = next.find(writer);
        files.push_back({writer, it == next.end() ? 0 : it->second});
      }
    }
  }
  return files;
}

std::vector<std::string> AbandonedFiles(const JobId& job, const JobLogState& log, int sink,
                                        const std::vector<std::string>& found,
                                        const std::set<std::string>& in_table) {
  Next first;
  for (const PlannedDataFile& file : MayBeAbandoned(log, sink)) first[file.writer] = file.number;
  std::vector<std::string> abandoned;
  for (const std::string& name : found) {
    const std::optional<PlannedDataFile> file = ParseDataFileName(name);
    if (!file || DataFileName(job, *file) != name) continue;
    const auto it = first.find(file->writer);
    if (it == first.end() || file->number < it->second) continue;
    if (in_table.count(name) != 0 || IsInManifest(log, name)) continue;
    abandoned.push_back(name);
  }
  return abandoned;
}

}  // namespace weir
