// Arithmetic of dates and times, to_timestamp, AT TIME ZONE.
#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "model/time_text.h"
#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

using enum TypeKind;
using MadeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr char kDateRange[] = "date out of range";
constexpr char kTimestampRange[] = "timestamp out of range";

int32_t CheckedDate(int64_t days, Failure& fail) {
  if (days >= kMinDate && days <= kMaxDate) return static_cast<int32_t>(days);
  fail(kDateRange);
  return 0;
}

int32_t AddDays(int32_t date, int32_t days, Failure& fail) {
  return CheckedDate(int64_t{date} + days, fail);
}

int32_t SubtractDays(int32_t date, int32_t days, Failure& fail) {
  return CheckedDate(int64_t{date} - days, fail);
}

// Months first, keeping the day where the month has it; then days; then the time.
int64_t AddInterval(int64_t micros, const Interval& interval, Failure& fail) {
  int64_t result = micros;
  if (interval.months != 0) {
    const int64_t days = FloorDays(micros);
    CivilDate date = CivilFromDays(days);
    const int64_t months = date.year * 12 + (date.month - 1) + interval.months;
    date.year = months >= 0 ? months / 12 : (months - 11) / 12;
    date.month = static_cast<int>(months - date.year * 12) + 1;
    date.day = std::min(date.day, DaysInMonth(date.year, date.month));
    const int64_t moved = DaysFromCivil(date) - days;
    int64_t change = 0;
    if (__builtin_mul_overflow(moved, kMicrosPerDay, &change) ||
        __builtin_add_overflow(result, change, &result)) {
      fail(kTimestampRange);
      return 0;
    }
  }
  int64_t days = 0;
  if (__builtin_mul_overflow(int64_t{interval.days}, kMicrosPerDay, &days) ||
      __builtin_add_overflow(result, days, &result) ||
      __builtin_add_overflow(result, interval.micros, &result) || result < kMinTimestamp) {
    fail(kTimestampRange);
    return 0;
  }
  return result;
}

Interval Negated(const Interval& i) { return {-i.months, -i.days, -i.micros}; }

// A timestamp of a date, for adding an interval to.
template <TypeKind kKind>
int64_t Micros(CppType<kKind> value, Failure& fail) {
  if constexpr (kKind != kDate) return value;
  int64_t micros = 0;
  if (__builtin_mul_overflow(int64_t{value}, kMicrosPerDay, &micros)) {
    fail("date out of range for timestamp");
  }
  return micros;
}

// The time is argument `kTime`, the interval, always a literal, the other one.
template <TypeKind kResult, TypeKind kKind>
class IntervalKernel final : public Kernel {
 public:
  IntervalKernel(const DataType& type, int time_argument, const Interval& interval)
      : time_argument_(time_argument),
        inner_(MakeRowKernel<kResult, kKind>(
            type, [interval](CppType<kKind> value, Failure& fail) -> int64_t {
              const int64_t micros = Micros<kKind>(value, fail);
              return fail.failed() ? 0 : AddInterval(micros, interval, fail);
            })) {}

  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors& errors) override {
    return inner_->Run(args.subspan(time_argument_, 1), rows, errors);
  }

 private:
  const int time_argument_;
  const std::unique_ptr<Kernel> inner_;
};

template <TypeKind kResult, TypeKind kKind>
KernelFactory IntervalFactory(int time_argument, bool subtract) {
  return [=](const Expr& call) -> MadeKernel {
    const Value* literal = LiteralArgument(call, 1 - time_argument);
    Interval interval;  // of a NULL the kernel is never run
    if (literal != nullptr) interval = std::get<Interval>(literal->data);
    if (subtract) interval = Negated(interval);
    return std::make_unique<IntervalKernel<kResult, kKind>>(call.type, time_argument, interval);
  };
}

template <TypeKind kResult, TypeKind kKind>
void AddIntervalKernels(KernelRegistry& registry) {
  auto id = KernelRegistry::IdOf;
  registry.Add(id("add", {kKind, kInterval}), IntervalFactory<kResult, kKind>(0, false));
  registry.Add(id("add", {kInterval, kKind}), IntervalFactory<kResult, kKind>(1, false));
  registry.Add(id("subtract", {kKind, kInterval}), IntervalFactory<kResult, kKind>(0, true));
}

// Rounded to microseconds as PostgreSQL does, which counts from 2000.
int64_t FromUnixSeconds(double seconds, Failure& fail) {
  constexpr double kPostgresEpoch = 946'684'800;
  if (std::isnan(seconds)) {
    fail("timestamp cannot be NaN");
    return 0;
  }
  const double micros = std::rint((seconds - kPostgresEpoch) * 1e6);
  constexpr int64_t kShift = 946'684'800'000'000;
  int64_t result = 0;
  if (micros < static_cast<double>(kMinTimestamp) || micros >= 0x1p63 ||
      __builtin_add_overflow(static_cast<int64_t>(micros), kShift, &result) ||
      result < kMinTimestamp) {
    fail(absl::StrFormat("timestamp out of range: \"%g\"", seconds));
    return 0;
  }
  return result;
}

// The last zone looked up: it hardly ever changes from row to row.
class ZoneCache {
 public:
  const absl::TimeZone* Get(std::string_view name, Failure& fail) {
    if (loaded_ && name == name_) return &zone_;
    loaded_ = absl::LoadTimeZone(std::string(name), &zone_);
    name_ = std::string(name);
    if (loaded_) return &zone_;
    fail("time zone \"" + name_ + "\" not recognized");
    return nullptr;
  }

 private:
  std::string name_;
  bool loaded_ = false;
  absl::TimeZone zone_;
};

int64_t CheckedSum(int64_t micros, int64_t change, Failure& fail) {
  int64_t sum = 0;
  if (__builtin_add_overflow(micros, change, &sum) || sum < kMinTimestamp) fail(kTimestampRange);
  return sum;
}

int64_t ToLocal(const absl::TimeZone& zone, int64_t micros, Failure& fail) {
  const int64_t offset = zone.At(absl::FromUnixMicros(micros)).offset;
  return CheckedSum(micros, offset * kMicrosPerSecond, fail);
}

// A time that a zone skips is read with the offset before the gap; one that it has twice with the
// later offset (PostgreSQL: standard time).
int64_t FromLocal(const absl::TimeZone& zone, int64_t local, Failure& fail) {
  const int64_t seconds = local / kMicrosPerSecond - (local % kMicrosPerSecond < 0 ? 1 : 0);
  const absl::CivilSecond civil = absl::CivilSecond(1970, 1, 1) + seconds;
  const absl::TimeZone::TimeInfo info = zone.At(civil);
  const absl::Time time = info.kind == absl::TimeZone::TimeInfo::REPEATED ? info.post : info.pre;
  const int64_t rest = (local % kMicrosPerSecond + kMicrosPerSecond) % kMicrosPerSecond;
  // Saturates, and then the sum is out of range.
  return CheckedSum(absl::ToUnixMicros(time), rest, fail);
}

template <TypeKind kResult, TypeKind kFrom,
          int64_t (*kConvert)(const absl::TimeZone&, int64_t, Failure&)>
void AddZoneKernel(KernelRegistry& registry) {
  registry.Add(KernelRegistry::IdOf("timezone", {kText, kFrom}),
               [](const Expr& call) -> MadeKernel {
                 return MakeRowKernel<kResult, kText, kFrom>(
                     call.type,
                     [cache = ZoneCache()](std::string_view name, int64_t micros,
                                           Failure& fail) mutable -> int64_t {
                       const absl::TimeZone* zone = cache.Get(name, fail);
                       return zone == nullptr ? 0 : kConvert(*zone, micros, fail);
                     });
               });
}

}  // namespace

void AddTimeKernels(KernelRegistry& registry) {
  registry.AddRows<kDate, kDate, kInteger>("add", AddDays);
  registry.AddRows<kDate, kInteger, kDate>(
      "add", [](int32_t days, int32_t date, Failure& fail) { return AddDays(date, days, fail); });
  registry.AddRows<kDate, kDate, kInteger>("subtract", SubtractDays);
  registry.AddRows<kInteger, kDate, kDate>("subtract",
                                           [](int32_t a, int32_t b, Failure& fail) -> int32_t {
                                             int32_t days = 0;
                                             if (__builtin_sub_overflow(a, b, &days))
                                               fail(kDateRange);
                                             return days;
                                           });
  AddIntervalKernels<kTimestamp, kDate>(registry);
  AddIntervalKernels<kTimestamp, kTimestamp>(registry);
  AddIntervalKernels<kTimestamptz, kTimestamptz>(registry);
  registry.AddRows<kTimestamptz, kDouble>("to_timestamp", FromUnixSeconds);
  AddZoneKernel<kTimestamp, kTimestamptz, ToLocal>(registry);
  AddZoneKernel<kTimestamptz, kTimestamp, FromLocal>(registry);
}

}  // namespace weir::expr
