// min and max. Floating point orders as PostgreSQL does: NaN above everything. Texts order by
// bytes, as the C collation.
#include <cmath>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/util/decimal.h"
#include "operators/window/accumulator_kinds.h"
#include "operators/window/exact_numeric.h"
#include "operators/window/varint.h"

namespace weir {
namespace {

template <class T>
bool Less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a < b || (std::isnan(b) && !std::isnan(a));
  } else {
    return a < b;
  }
}

template <class T>
struct ExtremeState {
  uint64_t any;
  uint8_t bytes[sizeof(T) <= 8 ? 8 : 16];

  T value() const {
    T v;
    std::memcpy(&v, bytes, sizeof(T));
    return v;
  }
  void Offer(T v, bool max) {
    if (any != 0 && !(max ? Less(value(), v) : Less(v, value()))) return;
    any = 1;
    std::memcpy(bytes, &v, sizeof(T));
  }
};

template <class T, class ArrayType, class Builder>
class Extreme : public FixedAccumulator<ExtremeState<T>> {
  using State = ExtremeState<T>;
  using Base = FixedAccumulator<State>;

 public:
  explicit Extreme(bool max) : max_(max) {}
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t** failed) const override {
    const auto& array = static_cast<const ArrayType&>(*argument);
    ForEachValue<State>(array, Values{array.raw_values()}, selection, offset, failed,
                        [this](State& state, T v) {
                          state.Offer(v, max_);
                          return true;
                        });
    return absl::OkStatus();
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    const State& s = *Base::At(state);
    auto* out = static_cast<Builder*>(builder);
    if (s.any == 0) {
      Must(out->AppendNull());
    } else if constexpr (sizeof(T) == 16) {
      Must(out->Append(arrow::Decimal128(static_cast<int64_t>(s.value() >> 64),
                                         static_cast<uint64_t>(s.value()))));
    } else {
      Must(out->Append(s.value()));
    }
    return absl::OkStatus();
  }

 protected:
  absl::Status Combine(State& into, const State& other) const override {
    if (other.any != 0) into.Offer(other.value(), max_);
    return absl::OkStatus();
  }

 private:
  struct Values {
    const void* bytes;
    T operator[](int64_t row) const {
      T v;
      std::memcpy(&v, static_cast<const uint8_t*>(bytes) + row * sizeof(T), sizeof(T));
      return v;
    }
  };
  const bool max_;
};

// The bytes lie in the arena; a shorter successor reuses the room.
struct TextState {
  uint8_t* data;
  uint32_t size;
  uint32_t capacity;
  uint64_t any;

  std::string_view value() const { return {reinterpret_cast<const char*>(data), size}; }
  void Offer(std::string_view v, bool max, StateArena& arena) {
    if (any != 0 && !(max ? value() < v : v < value())) return;
    if (v.size() > capacity) {
      capacity = 16;
      while (capacity < v.size()) capacity = capacity >= (1u << 31) ? ~0u : capacity * 2;
      data = arena.Allocate(capacity);
    }
    any = 1;
    size = static_cast<uint32_t>(v.size());
    if (!v.empty()) std::memcpy(data, v.data(), v.size());
  }
};

class TextExtreme : public Accumulator {
 public:
  explicit TextExtreme(bool max) : max_(max) {}
  size_t width() const override { return sizeof(TextState); }
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena& arena, uint8_t**) const override {
    const auto& array = static_cast<const arrow::BinaryArray&>(*argument);
    for (int64_t i = 0; i < selection.size; ++i) {
      if (array.IsNull(selection.rows[i])) continue;
      auto* state = reinterpret_cast<TextState*>(selection.groups[i] + offset);
      state->Offer(array.GetView(selection.rows[i]), max_, arena);
    }
    return absl::OkStatus();
  }
  void Encode(const uint8_t* state, DistinctIn, std::string* out) const override {
    const auto* s = reinterpret_cast<const TextState*>(state);
    out->push_back(s->any != 0 ? 1 : 0);
    if (s->any != 0) PutSized(s->value(), out);
  }
  absl::Status Merge(uint8_t* state, std::string_view& in, StateArena& arena) const override {
    if (in.empty()) return absl::DataLossError("aggregate state cut short");
    const bool any = in[0] != 0;
    in.remove_prefix(1);
    if (!any) return absl::OkStatus();
    std::string_view value;
    if (!TakeSized(in, &value)) return absl::DataLossError("aggregate state cut short");
    reinterpret_cast<TextState*>(state)->Offer(value, max_, arena);
    return absl::OkStatus();
  }
  absl::Status MergeState(uint8_t* state, const uint8_t* other, StateArena& arena) const override {
    const auto* s = reinterpret_cast<const TextState*>(other);
    if (s->any != 0) reinterpret_cast<TextState*>(state)->Offer(s->value(), max_, arena);
    return absl::OkStatus();
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    const auto* s = reinterpret_cast<const TextState*>(state);
    auto* out = static_cast<arrow::BinaryBuilder*>(builder);
    Must(s->any != 0 ? out->Append(s->value()) : out->AppendNull());
    return absl::OkStatus();
  }

 private:
  const bool max_;
};

template <class T, class ArrayType, class Builder>
std::unique_ptr<Accumulator> Make(bool max) {
  return std::make_unique<Extreme<T, ArrayType, Builder>>(max);
}

}  // namespace

std::unique_ptr<Accumulator> MakeExtreme(const AggregateCall& call) {
  const bool max = call.kind == AggregateKind::kMax;
  if (call.result_type != call.argument_type) return nullptr;
  switch (call.argument_type.kind) {
    case TypeKind::kSmallint:
      return Make<int16_t, arrow::Int16Array, arrow::Int16Builder>(max);
    case TypeKind::kInteger:
      return Make<int32_t, arrow::Int32Array, arrow::Int32Builder>(max);
    case TypeKind::kBigint:
      return Make<int64_t, arrow::Int64Array, arrow::Int64Builder>(max);
    case TypeKind::kReal:
      return Make<float, arrow::FloatArray, arrow::FloatBuilder>(max);
    case TypeKind::kDouble:
      return Make<double, arrow::DoubleArray, arrow::DoubleBuilder>(max);
    case TypeKind::kNumeric:
      return Make<Int128, arrow::Decimal128Array, arrow::Decimal128Builder>(max);
    case TypeKind::kDate:
      return Make<int32_t, arrow::Date32Array, arrow::Date32Builder>(max);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return Make<int64_t, arrow::TimestampArray, arrow::TimestampBuilder>(max);
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kBytea:
      return std::make_unique<TextExtreme>(max);
    case TypeKind::kNull:
    case TypeKind::kBoolean:
    case TypeKind::kJsonb:
    case TypeKind::kInterval:
      break;
  }
  return nullptr;
}

}  // namespace weir
