// sum and avg.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/util/decimal.h"
#include "operators/window/accumulator_kinds.h"
#include "operators/window/exact_numeric.h"

namespace weir {
namespace {

absl::Status AppendNumeric(std::optional<Int128> v, const AggregateCall& call,
                           arrow::ArrayBuilder* builder) {
  if (!v || !FitsPrecision(*v, call.result_type.precision)) return ResultOutOfRange(call);
  const arrow::Decimal128 decimal(static_cast<int64_t>(*v >> 64), static_cast<uint64_t>(*v));
  Must(static_cast<arrow::Decimal128Builder*>(builder)->Append(decimal));
  return absl::OkStatus();
}

// sum(smallint), sum(integer) → bigint.
struct Sum64State {
  int64_t sum;
  int64_t count;
};

template <class ArrayType>
class Sum64 : public FixedAccumulator<Sum64State> {
 public:
  explicit Sum64(const AggregateCall& call) : call_(call) {}
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t** failed) const override {
    const auto& array = static_cast<const ArrayType&>(*argument);
    const bool ok = ForEachValue<Sum64State>(
        array, array.raw_values(), selection, offset, failed, [](Sum64State& state, int64_t v) {
          ++state.count;
          return !__builtin_add_overflow(state.sum, v, &state.sum);
        });
    return ok ? absl::OkStatus() : ResultOutOfRange(call_);
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    auto* out = static_cast<arrow::Int64Builder*>(builder);
    Must(At(state)->count > 0 ? out->Append(At(state)->sum) : out->AppendNull());
    return absl::OkStatus();
  }

 protected:
  absl::Status Combine(Sum64State& into, const Sum64State& other) const override {
    into.count += other.count;
    if (__builtin_add_overflow(into.sum, other.sum, &into.sum)) return ResultOutOfRange(call_);
    return absl::OkStatus();
  }

 private:
  const AggregateCall call_;
};

// Exact sum of integers or numerics at the argument's scale. Two words, because rows are aligned to
// 8 bytes only.
struct Sum128State {
  uint64_t low;
  int64_t high;
  int64_t count;

  Int128 sum() const { return static_cast<Int128>(high) << 64 | low; }
  bool Add(Int128 v) {
    Int128 sum_now;
    if (__builtin_add_overflow(sum(), v, &sum_now)) return false;
    low = static_cast<uint64_t>(sum_now);
    high = static_cast<int64_t>(sum_now >> 64);
    return true;
  }
};

struct DecimalValues {
  const uint8_t* bytes;
  Int128 operator[](int64_t row) const {
    Int128 v;
    std::memcpy(&v, bytes + row * 16, 16);
    return v;
  }
};

inline auto RawValues(const arrow::Decimal128Array& array) {
  return DecimalValues{array.raw_values()};
}
template <class ArrayType>
auto RawValues(const ArrayType& array) {
  return array.raw_values();
}

template <class ArrayType>
class Sum128 : public FixedAccumulator<Sum128State> {
 public:
  explicit Sum128(const AggregateCall& call) : call_(call) {}
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t** failed) const override {
    const auto& array = static_cast<const ArrayType&>(*argument);
    const bool ok = ForEachValue<Sum128State>(array, RawValues(array), selection, offset, failed,
                                              [](Sum128State& state, Int128 v) {
                                                ++state.count;
                                                return state.Add(v);
                                              });
    return ok ? absl::OkStatus() : ResultOutOfRange(call_);
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    const Sum128State& s = *At(state);
    if (s.count == 0) {
      Must(builder->AppendNull());
      return absl::OkStatus();
    }
    const int from = call_.argument_type.scale, to = call_.result_type.scale;
    return AppendNumeric(call_.kind == AggregateKind::kAvg ? Average(s.sum(), from, s.count, to)
                                                           : Rescale(s.sum(), from, to),
                         call_, builder);
  }

 protected:
  absl::Status Combine(Sum128State& into, const Sum128State& other) const override {
    into.count += other.count;
    return into.Add(other.sum()) ? absl::OkStatus() : ResultOutOfRange(call_);
  }

 private:
  const AggregateCall call_;
};

// Neumaier's sum with Knuth's branch-free two-sum: `error` collects what rounding `sum` lost.
struct DoubleSumState {
  double sum;
  double error;
  int64_t count;

  // False when finite values overflow.
  bool Add(double v) {
    const double now = sum + v;
    if (!std::isfinite(now)) [[unlikely]] {
      const bool overflow = std::isinf(now) && std::isfinite(sum) && std::isfinite(v);
      sum = now;
      return !overflow;
    }
    const double part = now - sum;
    error += (sum - (now - part)) + (v - part);
    sum = now;
    return true;
  }
  double result() const { return std::isfinite(sum) ? sum + error : sum; }
};

template <class ArrayType>
class DoubleSum : public FixedAccumulator<DoubleSumState> {
 public:
  explicit DoubleSum(const AggregateCall& call) : call_(call) {}
  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t** failed) const override {
    const auto& array = static_cast<const ArrayType&>(*argument);
    const bool ok = ForEachValue<DoubleSumState>(array, array.raw_values(), selection, offset,
                                                 failed, [](DoubleSumState& state, double v) {
                                                   ++state.count;
                                                   return state.Add(v);
                                                 });
    return ok ? absl::OkStatus() : ResultOutOfRange(call_);
  }
  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    const DoubleSumState& s = *At(state);
    if (s.count == 0) {
      Must(builder->AppendNull());
      return absl::OkStatus();
    }
    if (call_.kind == AggregateKind::kAvg) {
      Must(static_cast<arrow::DoubleBuilder*>(builder)->Append(s.result() /
                                                               static_cast<double>(s.count)));
    } else if (call_.result_type.kind == TypeKind::kReal) {
      const float v = static_cast<float>(s.result());
      if (std::isinf(v) && std::isfinite(s.result())) return ResultOutOfRange(call_);
      Must(static_cast<arrow::FloatBuilder*>(builder)->Append(v));
    } else {
      Must(static_cast<arrow::DoubleBuilder*>(builder)->Append(s.result()));
    }
    return absl::OkStatus();
  }

 protected:
  absl::Status Combine(DoubleSumState& into, const DoubleSumState& other) const override {
    into.count += other.count;
    if (!into.Add(other.sum)) return ResultOutOfRange(call_);
    into.error += other.error;
    return absl::OkStatus();
  }

 private:
  const AggregateCall call_;
};

template <class Array32, template <class> class Sum>
std::unique_ptr<Accumulator> Make(const AggregateCall& call) {
  return std::make_unique<Sum<Array32>>(call);
}

}  // namespace

std::unique_ptr<Accumulator> MakeSum(const AggregateCall& call) {
  const TypeKind result = call.result_type.kind;
  const bool avg = call.kind == AggregateKind::kAvg;
  switch (call.argument_type.kind) {
    case TypeKind::kSmallint:
      if (avg && result == TypeKind::kNumeric) return Make<arrow::Int16Array, Sum128>(call);
      if (!avg && result == TypeKind::kBigint) return Make<arrow::Int16Array, Sum64>(call);
      return nullptr;
    case TypeKind::kInteger:
      if (avg && result == TypeKind::kNumeric) return Make<arrow::Int32Array, Sum128>(call);
      if (!avg && result == TypeKind::kBigint) return Make<arrow::Int32Array, Sum64>(call);
      return nullptr;
    case TypeKind::kBigint:
      return result == TypeKind::kNumeric ? Make<arrow::Int64Array, Sum128>(call) : nullptr;
    case TypeKind::kNumeric:
      return result == TypeKind::kNumeric ? Make<arrow::Decimal128Array, Sum128>(call) : nullptr;
    case TypeKind::kReal:
      if (result == TypeKind::kDouble || (!avg && result == TypeKind::kReal)) {
        return Make<arrow::FloatArray, DoubleSum>(call);
      }
      return nullptr;
    case TypeKind::kDouble:
      return result == TypeKind::kDouble ? Make<arrow::DoubleArray, DoubleSum>(call) : nullptr;
    case TypeKind::kNull:
    case TypeKind::kBoolean:
    case TypeKind::kText:
    case TypeKind::kBytea:
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
    case TypeKind::kInterval:
      break;
  }
  return nullptr;
}

}  // namespace weir
