// date_trunc, extract and date_part.
#include "model/time_text.h"
#include "operators/expr/date_fields.h"
#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

using enum TypeKind;
using MadeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr char kTimestampName[] = "timestamp without time zone";
constexpr char kTimestamptzName[] = "timestamp with time zone";

template <TypeKind kKind>
constexpr const char* NameOf() {
  return kKind == kDate ? "date" : kKind == kTimestamp ? kTimestampName : kTimestamptzName;
}

// The field that the first argument names: looked up once when it is a literal.
class FieldArgument {
 public:
  explicit FieldArgument(const Expr& call) {
    if (const Value* literal = LiteralArgument(call, 0)) {
      fixed_ = FindDateField(std::get<std::string>(literal->data));
      is_literal_ = true;
    }
  }
  DateField Get(std::string_view name) const { return is_literal_ ? fixed_ : FindDateField(name); }

 private:
  DateField fixed_ = DateField::kUnknown;
  bool is_literal_ = false;
};

// Makes the factory of a function of (text, time): compute(field, name, value, fail).
template <TypeKind kResult, TypeKind kTime, class Compute>
void AddFieldFunction(KernelRegistry& registry, std::string_view name, Compute compute) {
  registry.Add(KernelRegistry::IdOf(name, {kText, kTime}),
               [compute](const Expr& call) -> MadeKernel {
                 return MakeRowKernel<kResult, kText, kTime>(
                     call.type, [compute, field = FieldArgument(call)](
                                    std::string_view unit, CppType<kTime> value, Failure& fail) {
                       return compute(field.Get(unit), unit, value, fail);
                     });
               });
}

bool IsZone(DateField field) {
  return field == DateField::kTimezone || field == DateField::kTimezoneHour ||
         field == DateField::kTimezoneMinute;
}

template <TypeKind kKind>
int64_t Truncate(DateField field, std::string_view unit, int64_t micros, Failure& fail) {
  int64_t out = 0;
  const bool in_range = micros >= kMinTimestamp;
  if (in_range && TruncateTime(field, micros, &out) && out >= kMinTimestamp) return out;
  if (TruncateTime(field, 0, &out)) {
    fail("timestamp out of range");  // a unit that exists, so the result was the matter
  } else {
    // Fields that only extract knows aren't units at all for PostgreSQL; zones are.
    fail(FieldError(IsZone(field) ? field : DateField::kUnknown, unit, NameOf<kKind>()));
  }
  return 0;
}

template <TypeKind kKind>
Int128 Extract(DateField field, std::string_view unit, int64_t value, Failure& fail) {
  Int128 out = 0;
  if (kKind == kTimestamptz && IsZone(field)) return 0;  // everything is UTC
  const bool done =
      kKind == kDate ? ExtractDateField(field, value, &out) : ExtractField(field, value, &out);
  if (!done) fail(FieldError(field, unit, NameOf<kKind>()));
  return out;
}

template <TypeKind kKind>
double Part(DateField field, std::string_view unit, int64_t value, Failure& fail) {
  return static_cast<double>(Extract<kKind>(field, unit, value, fail)) / 1e6;
}

bool DateToMicros(int64_t days, int64_t* micros) {
  return !__builtin_mul_overflow(days, kMicrosPerDay, micros);
}

template <auto kFunction>
auto OfDateAsTimestamp() {
  return [](DateField field, std::string_view unit, int32_t days, Failure& fail) {
    int64_t micros = 0;
    if (DateToMicros(days, &micros)) return kFunction(field, unit, micros, fail);
    fail("date out of range for timestamp");
    return decltype(kFunction(field, unit, micros, fail)){};
  };
}

template <TypeKind kKind>
void AddInstant(KernelRegistry& registry) {
  AddFieldFunction<kKind, kKind>(registry, "date_trunc", Truncate<kKind>);
  AddFieldFunction<kNumeric, kKind>(registry, "extract", Extract<kKind>);
  AddFieldFunction<kDouble, kKind>(registry, "date_part", Part<kKind>);
}

}  // namespace

void AddDateFieldKernels(KernelRegistry& registry) {
  AddInstant<kTimestamp>(registry);
  AddInstant<kTimestamptz>(registry);
  AddFieldFunction<kTimestamptz, kDate>(registry, "date_trunc",
                                        OfDateAsTimestamp<Truncate<kTimestamptz>>());
  AddFieldFunction<kNumeric, kDate>(registry, "extract", Extract<kDate>);
  AddFieldFunction<kDouble, kDate>(registry, "date_part", OfDateAsTimestamp<Part<kTimestamp>>());
}

}  // namespace weir::expr
