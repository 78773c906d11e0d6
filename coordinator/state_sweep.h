// Which state files of a job nobody can need any more. Pure.
//
// A file may go when no kept checkpoint names it and none ever will. Lists of files only lose
// entries, so what can still be named is what the running generation has uploaded:
//
//   named by a kept checkpoint, or held for another job      stays
//   not a state file by its name                             stays: not ours to judge
//   of a newer generation than the log says                  stays: we are the ones left behind
//   of an older one, once the generation has a checkpoint    goes: that one restored what it needed
//   of the running one                                       may be on its way to a checkpoint:
//   goes
//      when it is still unnamed after kPublishesMin more of them. A file that lies there belongs to
//      every checkpoint triggered later, until its task drops it for good; at most 8 pending ones
//      were triggered before, and each publish ends at least one. The grace period only adds to it.
#ifndef WEIR_COORDINATOR_STATE_SWEEP_H_
#define WEIR_COORDINATOR_STATE_SWEEP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "state/checkpoint/job_log.h"

namespace weir {

// The generation that wrote a state file, by its name ("state/<state id>/<generation>-..."; 0 = it
// came from another job); nullopt for anything else.
std::optional<Generation> GenerationOfStateFile(std::string_view path);

class StateSweep {
 public:
  static constexpr int64_t kPublishesMin = 16;
  static constexpr int64_t kGraceMs = 600'000;

  // Those of `paths`, relative to the job's folder, that may be deleted now. `published` counts the
  // checkpoints that this process published; `needed`: named or held.
  std::vector<std::string> Decide(const std::vector<std::string>& paths, const JobLogState& log,
                                  const std::function<bool(const std::string&)>& needed,
                                  int64_t published, int64_t now_ms);

 private:
  struct Seen {
    int64_t published = 0;
    int64_t at_ms = 0;
  };
  std::map<std::string, Seen> seen_;  // of the running generation, unnamed
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_STATE_SWEEP_H_
