// count(*), count(x), bool_and, bool_or.
#include "arrow/array.h"
#include "arrow/builder.h"
#include "operators/window/accumulator_kinds.h"

namespace weir {
namespace {

struct CountState {
  int64_t count;
};

class Count : public FixedAccumulator<CountState> {
 public:
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t**) const override {
    const bool nulls = argument != nullptr && argument->null_count() > 0;
    for (int64_t i = 0; i < selection.size; ++i) {
      if (nulls && argument->IsNull(selection.rows[i])) continue;
      ++At(selection.groups[i] + offset)->count;
    }
    return absl::OkStatus();
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    Must(static_cast<arrow::Int64Builder*>(builder)->Append(At(state)->count));
    return absl::OkStatus();
  }

 protected:
  absl::Status Combine(CountState& into, const CountState& other) const override {
    into.count += other.count;
    return absl::OkStatus();
  }
};

// A value that absorbs the others: FALSE for bool_and, TRUE for bool_or.
struct BoolState {
  uint32_t any;       // some value was seen
  uint32_t absorbed;  // the absorbing one was
};

class Bool : public FixedAccumulator<BoolState> {
 public:
  explicit Bool(bool absorbing) : absorbing_(absorbing) {}
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t**) const override {
    const auto& values = static_cast<const arrow::BooleanArray&>(*argument);
    for (int64_t i = 0; i < selection.size; ++i) {
      if (values.IsNull(selection.rows[i])) continue;
      BoolState* state = At(selection.groups[i] + offset);
      state->any = 1;
      state->absorbed |= values.Value(selection.rows[i]) == absorbing_ ? 1 : 0;
    }
    return absl::OkStatus();
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    auto* out = static_cast<arrow::BooleanBuilder*>(builder);
    const bool value = (At(state)->absorbed != 0) == absorbing_;
    Must(At(state)->any != 0 ? out->Append(value) : out->AppendNull());
    return absl::OkStatus();
  }

 protected:
  absl::Status Combine(BoolState& into, const BoolState& other) const override {
    into.any |= other.any;
    into.absorbed |= other.absorbed;
    return absl::OkStatus();
  }

 private:
  const bool absorbing_;
};

}  // namespace

std::unique_ptr<Accumulator> MakeCount(const AggregateCall& call) {
  if (call.kind == AggregateKind::kCountStar || call.kind == AggregateKind::kCount) {
    if (call.result_type.kind != TypeKind::kBigint) return nullptr;
    return std::make_unique<Count>();
  }
  if (call.argument_type.kind != TypeKind::kBoolean ||
      call.result_type.kind != TypeKind::kBoolean) {
    return nullptr;
  }
  return std::make_unique<Bool>(call.kind == AggregateKind::kBoolOr);
}

}  // namespace weir
