// var_samp and stddev_samp: Welford's update, merged as Chan, Golub and LeVeque do.
#include <cmath>
#include <functional>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/util/decimal.h"
#include "operators/window/accumulator_kinds.h"

namespace weir {
namespace {

struct VarianceState {
  int64_t count;
  double mean;
  double squares;  // sum of (x - mean)^2

  void Add(double x) {
    ++count;
    const double away = x - mean;
    mean += away / static_cast<double>(count);
    squares += away * (x - mean);
  }
  void Add(const VarianceState& other) {
    if (other.count == 0) return;
    const double n = static_cast<double>(count), m = static_cast<double>(other.count);
    const double away = other.mean - mean;
    mean += away * (m / (n + m));
    squares += other.squares + away * away * (n * m / (n + m));
    count += other.count;
  }
};

struct DecimalAsDouble {
  const arrow::Decimal128Array* array;
  int32_t scale;
  double operator[](int64_t row) const {
    return arrow::Decimal128(array->GetValue(row)).ToDouble(scale);
  }
};

class Variance : public FixedAccumulator<VarianceState> {
 public:
  explicit Variance(const AggregateCall& call) : call_(call) {}

  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena&, uint8_t** failed) const override {
    auto add = [&](const auto& array, auto values) {
      ForEachValue<VarianceState>(array, values, selection, offset, failed,
                                  [](VarianceState& state, auto v) {
                                    state.Add(static_cast<double>(v));
                                    return true;
                                  });
    };
    auto add_plain = [&]<class ArrayType>(const ArrayType& array) {
      add(array, array.raw_values());
    };
    switch (call_.argument_type.kind) {
      case TypeKind::kSmallint:
        add_plain(static_cast<const arrow::Int16Array&>(*argument));
        break;
      case TypeKind::kInteger:
        add_plain(static_cast<const arrow::Int32Array&>(*argument));
        break;
      case TypeKind::kBigint:
        add_plain(static_cast<const arrow::Int64Array&>(*argument));
        break;
      case TypeKind::kReal:
        add_plain(static_cast<const arrow::FloatArray&>(*argument));
        break;
      case TypeKind::kDouble:
        add_plain(static_cast<const arrow::DoubleArray&>(*argument));
        break;
      default: {
        const auto& array = static_cast<const arrow::Decimal128Array&>(*argument);
        add(array, DecimalAsDouble{&array, call_.argument_type.scale});
      }
    }
    return absl::OkStatus();
  }

  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    const VarianceState& s = *At(state);
    if (s.count < 2) {
      Must(builder->AppendNull());
      return absl::OkStatus();
    }
    double v = s.squares / static_cast<double>(s.count - 1);
    if (call_.kind == AggregateKind::kStddevSamp) v = std::sqrt(v);
    if (call_.result_type.kind == TypeKind::kDouble) {
      Must(static_cast<arrow::DoubleBuilder*>(builder)->Append(v));
      return absl::OkStatus();
    }
    auto decimal =
        arrow::Decimal128::FromReal(v, call_.result_type.precision, call_.result_type.scale);
    if (!decimal.ok()) return ResultOutOfRange(call_);
    Must(static_cast<arrow::Decimal128Builder*>(builder)->Append(*decimal));
    return absl::OkStatus();
  }

 protected:
  absl::Status Combine(VarianceState& into, const VarianceState& other) const override {
    into.Add(other);
    return absl::OkStatus();
  }

 private:
  const AggregateCall call_;
};

}  // namespace

std::unique_ptr<Accumulator> MakeVariance(const AggregateCall& call) {
  const TypeKind argument = call.argument_type.kind, result = call.result_type.kind;
  const bool number = argument == TypeKind::kSmallint || argument == TypeKind::kInteger ||
                      argument == TypeKind::kBigint || argument == TypeKind::kReal ||
                      argument == TypeKind::kDouble || argument == TypeKind::kNumeric;
  const bool known = result == TypeKind::kDouble || result == TypeKind::kNumeric;
  return number && known ? std::make_unique<Variance>(call) : nullptr;
}

}  // namespace weir
