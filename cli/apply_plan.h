// What `weir job apply` does about the job of a name, from what is declared and what is there.
// Pure.
//
// Every step leaves a state from which this decides the rest again, so an apply that broke off is
// finished by the next one.
#ifndef WEIR_CLI_APPLY_PLAN_H_
#define WEIR_CLI_APPLY_PLAN_H_

#include <cstdint>
#include <string>

namespace weir {

enum class ApplyAction {
  kCreate,     // there is no job of the name: submit
  kUnchanged,  // it runs, or has read its bounded sources to their end, with these words
  kContinue,   // the newest job of the name has ended: go on from its last checkpoint
  kReplace,    // it runs with other words, or is stopping: stop it, then go on from it
};

// The newest job of the name.
struct ApplyFacts {
  bool exists = false;
  bool live = false;
  bool stopping = false;  // live, but on its way to STOPPED
  bool finished = false;  // ended by itself, at the end of its sources
  bool same_words = false;
  std::string job;  // id
  int64_t epoch = 0;
  std::string from_job;  // whose checkpoint it went on from
  int64_t from_epoch = 0;
};

ApplyAction DecideApply(const ApplyFacts& facts);
// "create", "unchanged", "continue", "replace".
const char* NameOf(ApplyAction action);

// Whose checkpoint the new job goes on from; no job: it begins anew.
struct ApplyOrigin {
  std::string job;
  int64_t epoch = 0;  // 0 = its newest
};
// A job that ended before its first checkpoint leads back to the one that it went on from.
ApplyOrigin OriginOf(const ApplyFacts& facts);

// The same for the same step, so that two who apply at once make one job.
std::string ApplyRequestId(const ApplyFacts& facts, const std::string& name,
                           const std::string& script);

}  // namespace weir

#endif  // WEIR_CLI_APPLY_PLAN_H_
