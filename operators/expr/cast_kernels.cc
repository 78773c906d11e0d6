// The choice of a cast's kernel, and casts among dates and times.
#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/type.h"
#include "model/time_text.h"
#include "operators/expr/casts.h"

namespace weir::expr {
namespace {

using enum TypeKind;

// The same values under another type.
class RelabelKernel final : public Kernel {
 public:
  explicit RelabelKernel(const DataType& to) : type_(ArrowType(to)) {}

  Vector Run(std::span<const Vector> args, int64_t, RowErrors&) override {
    std::shared_ptr<arrow::ArrayData> data = args[0].array->data()->Copy();
    data->type = type_;
    return Vector::Of(arrow::MakeArray(std::move(data)), args[0].constant);
  }

 private:
  const std::shared_ptr<arrow::DataType> type_;  // Arrow shares types
};

int32_t ToDate(int64_t micros) { return static_cast<int32_t>(FloorDays(micros)); }

int64_t ToMicros(int32_t days, Failure& fail) {
  int64_t micros = 0;
  if (__builtin_mul_overflow(int64_t{days}, kMicrosPerDay, &micros)) {
    fail("date out of range for timestamp");
  }
  return micros;
}

bool LieAlike(const DataType& from, const DataType& to) {
  if (from == to) return true;
  auto as_text = [](TypeKind kind) { return kind == kText || kind == kUuid || kind == kJsonb; };
  return to.kind == kText && as_text(from.kind);
}

}  // namespace

std::unique_ptr<Kernel> MakeTimeCast(const DataType& from, const DataType& to) {
  auto is_instant = [](TypeKind kind) { return kind == kTimestamp || kind == kTimestamptz; };
  // A local time is UTC's.
  if (is_instant(from.kind) && is_instant(to.kind)) return std::make_unique<RelabelKernel>(to);
  if (from.kind == kDate && to.kind == kTimestamp) {
    return MakeRowKernel<kTimestamp, kDate>(to, ToMicros);
  }
  if (from.kind == kDate && to.kind == kTimestamptz) {
    return MakeRowKernel<kTimestamptz, kDate>(to, ToMicros);
  }
  if (is_instant(from.kind) && to.kind == kDate) {
    return MakeRowKernel<kDate, kTimestamp>(to, ToDate);
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<Kernel>> MakeCastKernel(const DataType& from, const DataType& to) {
  if (LieAlike(from, to)) return nullptr;
  const bool widens = from.kind == kNumeric && to.kind == kNumeric && from.scale == to.scale &&
                      from.precision < to.precision;
  if (widens) return std::make_unique<RelabelKernel>(to);
  std::unique_ptr<Kernel> kernel = MakeNumberCast(from, to);
  if (kernel == nullptr) kernel = MakeTimeCast(from, to);
  if (kernel == nullptr) kernel = MakeToTextCast(from, to);
  if (kernel == nullptr) kernel = MakeFromTextCast(from, to);
  if (kernel == nullptr && from.kind == kJsonb) kernel = MakeJsonCast(to);
  if (kernel == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("this version can't cast ", ToString(from), " to ", ToString(to)));
  }
  return kernel;
}

}  // namespace weir::expr
