// Aggregate functions as states of fixed width in a group's row.
//
// A state of zero bytes is the empty one. States are merged in any order and any grouping, so that
// sources can aggregate before owners do; NULL rules are PostgreSQL's: NULL arguments don't count,
// and of no values count is 0 and everything else NULL. Sums of integers and numerics are exact,
// and an overflow is an error; sums of floating-point values use Neumaier's compensation (1974),
// far inside the promised 1e-9; variances are merged as Chan et al. (1979) do.
//
// The encoding of a state, one after another per group, travels in partials and is the value of a
// durable entry:
//
//   fixed states     their bytes as in the row (little-endian)
//   min, max of text flag (0 none, 1 one) | LEB128 size | bytes
//   count(DISTINCT)  LEB128 number of values | { LEB128 size | encoded value }*
#ifndef WEIR_OPERATORS_WINDOW_ACCUMULATORS_H_
#define WEIR_OPERATORS_WINDOW_ACCUMULATORS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "model/plan.h"
#include "operators/window/state_arena.h"

namespace weir {

// Row rows[i] of a batch belongs to the group whose states begin at groups[i]. Rows ascend.
struct RowSelection {
  const uint32_t* rows = nullptr;
  uint8_t* const* groups = nullptr;
  int64_t size = 0;
};

// Whether an encoding holds the values of count(DISTINCT), or leaves them out (as if empty) because
// they are stored as entries of their own.
enum class DistinctIn { kState, kEntries };

// One aggregate function over one argument type. Stateless, immutable.
class Accumulator {
 public:
  virtual ~Accumulator() = default;
  virtual size_t width() const = 0;  // bytes of a state, a multiple of 8
  // Adds the values of `argument` (null for count(*)) at the selected rows to the states at
  // groups[i] + offset. On overflow OUT_OF_RANGE, and *failed is the group.
  virtual absl::Status Update(const arrow::Array* argument, const RowSelection& selection,
                              size_t offset, StateArena& arena, uint8_t** failed) const = 0;
  virtual void Encode(const uint8_t* state, DistinctIn distinct, std::string* out) const = 0;
  // Adds the encoded state at the front of `in`, and cuts it off. OUT_OF_RANGE on overflow,
  // DATA_LOSS when malformed.
  virtual absl::Status Merge(uint8_t* state, std::string_view& in, StateArena& arena) const = 0;
  // As Merge, with a state of another row.
  virtual absl::Status MergeState(uint8_t* state, const uint8_t* other,
                                  StateArena& arena) const = 0;
  // The result. OUT_OF_RANGE when the result type can't hold it.
  virtual absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const = 0;
  // The set of a count(DISTINCT); null when it has none yet, and for all other functions.
  virtual DistinctValues* Distinct(const uint8_t*) const { return nullptr; }
  // Adds one encoded value to a count(DISTINCT). `fresh`: it isn't stored yet.
  virtual void AddDistinct(uint8_t*, std::string_view, bool /*fresh*/, StateArena&) const {}
  // Counts one more value of a count(DISTINCT) without keeping it: for a state that is read once.
  virtual void CountOneValue(uint8_t*, StateArena&) const {}
};

// INVALID_ARGUMENT naming function and type when there is no such aggregate.
absl::StatusOr<std::unique_ptr<Accumulator>> MakeAccumulator(const AggregateCall& call);

// All aggregates of a query: the states of a group, side by side.
class AggregateStates {
 public:
  static absl::StatusOr<AggregateStates> Make(const std::vector<AggregateCall>& calls);

  size_t width() const { return width_; }
  size_t count() const { return columns_.size(); }

  // `batch` is the partial aggregate's input. Applies FILTER.
  absl::Status Update(const arrow::RecordBatch& batch, const RowSelection& selection,
                      StateArena& arena, uint8_t** failed) const;
  void Encode(const uint8_t* states, DistinctIn distinct, std::string* out) const;
  // DATA_LOSS also when `encoded` holds more than the states.
  absl::Status Merge(uint8_t* states, std::string_view encoded, StateArena& arena) const;
  absl::Status MergeStates(uint8_t* states, const uint8_t* others, StateArena& arena) const;
  absl::Status Append(const uint8_t* states,
                      const std::vector<std::unique_ptr<arrow::ArrayBuilder>>& builders) const;

  // Aggregates with sets, by position.
  const std::vector<size_t>& distinct_columns() const { return distinct_; }
  DistinctValues* Distinct(size_t column, const uint8_t* states) const;
  void AddDistinct(size_t column, uint8_t* states, std::string_view value, bool fresh,
                   StateArena& arena) const;
  void CountOneValue(size_t column, uint8_t* states, StateArena& arena) const;
  // Encodes a group that has nothing but `values` in the set of `column`.
  void EncodeValues(size_t column, const std::vector<const std::string*>& values,
                    std::string* out) const;

 private:
  struct Column {
    std::unique_ptr<Accumulator> accumulator;
    size_t offset = 0;
    int argument = -1;
    int filter = -1;
  };
  std::vector<Column> columns_;
  std::vector<size_t> distinct_;
  size_t width_ = 0;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_ACCUMULATORS_H_
