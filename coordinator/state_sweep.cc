#include "coordinator/state_sweep.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/string_view.h"

namespace weir {

std::optional<Generation> GenerationOfStateFile(std::string_view path) {
  constexpr std::string_view kFolder = "state/";
  if (path.substr(0, kFolder.size()) != kFolder) return std::nullopt;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dash = name.find('-');
  int64_t generation = 0;
  if (dash == std::string_view::npos ||
      !absl::SimpleAtoi(AbslView(name.substr(0, dash)), &generation)) {
    return std::nullopt;
  }
  return Generation(generation);
}

std::vector<std::string> StateSweep::Decide(const std::vector<std::string>& paths,
                                            const JobLogState& log,
                                            const std::function<bool(const std::string&)>& needed,
                                            int64_t published, int64_t now_ms) {
  std::vector<std::string> out;
  if (log.checkpoints.empty()) return out;
  const Manifest& last = log.checkpoints.back().manifest;
  const bool stands =
      log.ended.has_value() || (last.generation == log.generation && last.checkpoint.value > 0);
  if (!stands) return out;
  std::map<std::string, Seen> seen;
  for (const std::string& path : paths) {
    const std::optional<Generation> generation = GenerationOfStateFile(path);
    if (!generation || *generation > log.generation || needed(path)) continue;
    if (*generation < log.generation || log.ended) {
      out.push_back(path);
      continue;
    }
    const auto before = seen_.find(path);
    const Seen first = before == seen_.end() ? Seen{published, now_ms} : before->second;
    if (published - first.published >= kPublishesMin && now_ms - first.at_ms >= kGraceMs) {
      out.push_back(path);
    } else {
      seen.emplace(path, first);
    }
  }
  seen_ = std::move(seen);
  return out;
}

}  // namespace weir
