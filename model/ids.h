// Strong types for the numbers that name things, so that an epoch can't be passed as a generation.
#ifndef WEIR_MODEL_IDS_H_
#define WEIR_MODEL_IDS_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace weir {

template <class Tag, class Rep>
struct StrongNumber {
  Rep value = 0;
  constexpr StrongNumber() = default;
  constexpr explicit StrongNumber(Rep v) : value(v) {}
  friend constexpr auto operator<=>(StrongNumber, StrongNumber) = default;
  friend std::ostream& operator<<(std::ostream& out, StrongNumber n) { return out << n.value; }
};

// The number of a job's (re)start: the position of its STARTED record in the job log. Messages of
// an older generation are fenced. 0 means "none yet".
using Generation = StrongNumber<struct GenerationTag, int64_t>;
// The number of a published checkpoint: the position of its CHECKPOINT record in the job log.
// Epochs of a lineage never repeat and never go back. 0 means "none yet".
using Epoch = StrongNumber<struct EpochTag, int64_t>;
// The number of a checkpoint attempt within a generation, from 1. Not the epoch: an attempt that
// fails never becomes one.
using CheckpointId = StrongNumber<struct CheckpointIdTag, int64_t>;

// Name + 8 hexadecimal digits, unique in a cluster and safe as a path segment.
using JobId = std::string;

// Keys hash to this many groups, fixed for the life of a job; the unit of rescaling.
inline constexpr int kKeyGroups = 4096;

// Key groups [begin, end) that one task owns.
struct KeyGroupRange {
  int begin = 0;
  int end = kKeyGroups;
  bool Contains(int group) const { return group >= begin && group < end; }
  bool Overlaps(const KeyGroupRange& other) const { return begin < other.end && other.begin < end; }
  friend bool operator==(const KeyGroupRange&, const KeyGroupRange&) = default;
};

// The range of task `index` of `parallelism`: contiguous, disjoint, covering all groups.
inline KeyGroupRange KeyGroupsOfTask(int index, int parallelism) {
  return {index * kKeyGroups / parallelism, (index + 1) * kKeyGroups / parallelism};
}
// The inverse of KeyGroupsOfTask.
inline int TaskOfKeyGroup(int group, int parallelism) {
  return ((group + 1) * parallelism - 1) / kKeyGroups;
}

// One parallel instance of a vertex. `vertex` indexes Plan::vertices.
struct TaskId {
  int vertex = 0;
  int index = 0;
  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};

}  // namespace weir

template <class Tag, class Rep>
struct std::hash<weir::StrongNumber<Tag, Rep>> {
  size_t operator()(weir::StrongNumber<Tag, Rep> n) const { return std::hash<Rep>()(n.value); }
};

#endif  // WEIR_MODEL_IDS_H_
