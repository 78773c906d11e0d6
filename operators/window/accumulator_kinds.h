// Makers of the families of accumulators, and what their files share. Private to operators/window.
#ifndef WEIR_OPERATORS_WINDOW_ACCUMULATOR_KINDS_H_
#define WEIR_OPERATORS_WINDOW_ACCUMULATOR_KINDS_H_

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "base/log.h"
#include "operators/window/accumulators.h"

namespace weir {

// Null when the family has no such function or type.
std::unique_ptr<Accumulator> MakeCount(const AggregateCall& call);     // count, bool_and, bool_or
std::unique_ptr<Accumulator> MakeSum(const AggregateCall& call);       // sum, avg
std::unique_ptr<Accumulator> MakeVariance(const AggregateCall& call);  // var_samp, stddev_samp
std::unique_ptr<Accumulator> MakeExtreme(const AggregateCall& call);   // min, max
std::unique_ptr<Accumulator> MakeDistinct(const AggregateCall& call);  // count(DISTINCT)

// "sum(numeric(10,2))"
std::string CallForPeople(const AggregateCall& call);
absl::Status ResultOutOfRange(const AggregateCall& call);

// Arrow's builders fail only for want of memory.
template <class ArrowStatus>
void Must(const ArrowStatus& status) {
  WEIR_CHECK(status.ok(), status.ToString());
}

// Base of accumulators whose state is a plain struct, encoded as its bytes.
template <class State>
class FixedAccumulator : public Accumulator {
  static_assert(std::is_trivially_copyable_v<State> && sizeof(State) % 8 == 0);

 public:
  size_t width() const override { return sizeof(State); }
  void Encode(const uint8_t* state, DistinctIn, std::string* out) const override {
    out->append(reinterpret_cast<const char*>(state), sizeof(State));
  }
  absl::Status Merge(uint8_t* state, std::string_view& in, StateArena&) const override {
    if (in.size() < sizeof(State)) return absl::DataLossError("aggregate state cut short");
    State other;
    std::memcpy(&other, in.data(), sizeof(State));
    in.remove_prefix(sizeof(State));
    return Combine(*At(state), other);
  }
  absl::Status MergeState(uint8_t* state, const uint8_t* other, StateArena&) const override {
    return Combine(*At(state), *At(other));
  }

 protected:
  static State* At(uint8_t* state) { return reinterpret_cast<State*>(state); }
  static const State* At(const uint8_t* state) { return reinterpret_cast<const State*>(state); }
  virtual absl::Status Combine(State& into, const State& other) const = 0;
};

// Calls add(state, values[row]) for every selected row whose value isn't NULL; stops, naming the
// group, when it returns false.
template <class State, class ArrayType, class Values, class Add>
bool ForEachValue(const ArrayType& argument, const Values& values, const RowSelection& selection,
                  size_t offset, uint8_t** failed, Add add) {
  const bool nulls = argument.null_count() > 0;
  for (int64_t i = 0; i < selection.size; ++i) {
    const uint32_t row = selection.rows[i];
    if (nulls && argument.IsNull(row)) continue;
    if (!add(*reinterpret_cast<State*>(selection.groups[i] + offset), values[row])) {
      *failed = selection.groups[i];
      return false;
    }
  }
  return true;
}

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_ACCUMULATOR_KINDS_H_
